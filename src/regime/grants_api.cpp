#include "regime/grants_api.hpp"

#include <fmt/format.h>

#include <charconv>

#include "http/encoding.hpp"
#include "regime/file.hpp"
#include "registry/api.hpp"

namespace dayaq::regime {
namespace {

using http::Method;
using http::Request;
using http::Response;
using http::Scope;

constexpr const char* grants_schema = R"({
  "type": "object", "required": ["subscription", "at", "grants"],
  "properties": {
    "subscription": {"type": "string"}, "at": {"type": "string", "format": "date-time"},
    "grants": {"type": "array", "items": {"type": "object", "required": ["measure", "regime", "version", "until"],
      "properties": {
        "measure": {"type": "integer", "description": "The number by which feed and settlement name the measure."},
        "regime": {"type": "string"}, "version": {"type": "integer"},
        "code": {"type": "string", "description": "The measure's own name; agencies only."},
        "until": {"type": ["string", "null"], "format": "date-time"},
        "benefits": {"type": "array", "items": {"type": "object"}}}}}}})";

std::unexpected<Error> unknown_subscription() {
  return fail(ErrorKind::not_found, "grants.subscription_unknown",
              "No such subscription is held with you. Check kind and number; it may be recorded with another "
              "operator.");
}

/// What a response says of each measure, made once for each law.
class MeasureTexts {
 public:
  explicit MeasureTexts(bool with_names) : with_names_(with_names) {}

  struct Texts {
    std::shared_ptr<const NumberedLaw> law;  // shared with the live state: keeps the measures alive
    std::unordered_map<MeasureNumber, std::string> of_measure;
  };
  std::shared_ptr<const Texts> of(const std::shared_ptr<const NumberedLaw>& law) {
    const std::lock_guard lock(mutex_);
    if (texts_ && texts_->law == law) return texts_;
    auto made = std::make_shared<Texts>();
    made->law = law;
    for (std::size_t i = 0; i < law->numbers.size(); ++i) {
      made->of_measure[law->numbers[i]] = measure_json(law->law.measures()[i], law->numbers[i], with_names_);
    }
    texts_ = std::move(made);
    return texts_;
  }

 private:
  bool with_names_;
  std::mutex mutex_;
  std::shared_ptr<const Texts> texts_;
};

/// Instants come again and again (a measure's end, a midnight): their text is kept, by thread.
const std::string& instant_text(Instant t) {
  thread_local std::unordered_map<std::int64_t, std::string> known;
  if (known.size() > 4096) known.clear();
  auto [found, fresh] = known.try_emplace(to_micros(t));
  if (fresh) found->second = t == instant_max ? "null" : '"' + format_instant(t) + '"';
  return found->second;
}

void put_grant(std::string& out, const std::string& measure, Instant until) {
  out += '{';
  out += measure;
  out += R"(,"until":)";
  out += instant_text(until);
  out += '}';
}

std::string answer_head(const std::string& subscription, Instant t) {
  std::string out;
  out.reserve(1024);
  out += R"({"subscription":)";
  out += http::json_string(subscription);
  out += R"(,"at":")";
  out += format_instant(std::chrono::floor<std::chrono::seconds>(t));
  out += R"(","grants":[)";
  return out;
}

class Handlers {
 public:
  explicit Handlers(const GrantsApi& api) : api_(api) {}

  Response now_of_own(const Request& request) {
    const auto provider = registry::caller_of(request, api_.registry);
    if (!provider) return registry::refuse(provider.error());
    return answer(decide_now(request.query_value("subscription").value_or(""), {*provider}, own_texts_));
  }

  Response now_of_any(const Request& request) {
    std::vector<OrganisationIndex> all;
    for (std::size_t i = 0; i < api_.registry.organisations.size(); ++i) all.push_back(OrganisationIndex(i));
    PersonId holder;
    auto body = decide_now(request.parameter("subscription"), all, agency_texts_, &holder);
    if (!body) return answer(std::move(body));
    // What is granted tells something of the person: nobody sees it unless the reading is on record.
    const std::string reason = request.query_value("reason").value_or("");
    const std::string actor = request.principal.actor();
    const auto noted = api_.db.write([&](store::Session& session) {
      return registry::note_read(session, api_.registry, holder, "grants", reason, actor);
    });
    return noted ? answer(std::move(body)) : registry::refuse(noted.error());
  }

  Response history(const Request& request) {
    const auto provider = registry::caller_of(request, api_.registry);
    if (!provider) return registry::refuse(provider.error());
    return answer(decide_then(request, *provider));
  }

 private:
  static Response answer(Result<std::string> body) {
    if (!body) return registry::refuse(body.error());
    return Response::json(std::move(*body));
  }

  Result<std::string> decide_now(const std::string& subscription,
                                 const std::vector<OrganisationIndex>& providers, MeasureTexts& texts,
                                 PersonId* holder = nullptr) {
    DAYAQ_TRY(const SubscriptionName name, parse_subscription_name(subscription));
    const Instant t = api_.clock.now();
    std::string out;
    for (const OrganisationIndex provider : providers) {
      const auto key = api_.keeper.line_key(provider, name.kind, name.number);
      if (!key) continue;
      const bool known = api_.keeper.live().read([&](const LiveState& state) {
        const Line* line = state.population.lines().find(*key);
        if (holder != nullptr && line != nullptr) *holder = state.population.id(line->person);
        return state.decide(*key, t, [&](const Decision& decision) {
          out = answer_head(subscription, t);
          const auto measures = texts.of(state.law);
          const char* comma = "";
          for (const LineGrant& grant : decision.grants) {
            out += comma;
            put_grant(out, measures->of_measure.at(grant.measure), grant.until);
            comma = ",";
          }
          out += "]}";
        });
      });
      if (known) return out;
    }
    return unknown_subscription();
  }

  Result<std::string> decide_then(const Request& request, OrganisationIndex provider) {
    const std::string subscription = request.query_value("subscription").value_or("");
    DAYAQ_TRY(const SubscriptionName name, parse_subscription_name(subscription));
    DAYAQ_TRY(const Instant t, api_.files.zone.parse_local(request.query_value("at").value_or("")));
    const auto law = api_.keeper.live().read([](const LiveState& state) { return state.law; });
    const auto measures = own_texts_.of(law);
    const CivilContext civil{.zone = api_.files.zone, .places = api_.registry.country.places()};
    const registry::RegistryStore store(api_.registry.catalogue);
    return api_.db.read([&](store::Session& session) -> Result<std::string> {
      DAYAQ_TRY(const auto holder,
                registry::find_holder(session, store, name.kind, provider, name.number, t));
      if (!holder) return unknown_subscription();
      DAYAQ_TRY(const registry::PersonFacts facts, registry::facts(session, store, *holder));
      std::string out = answer_head(subscription, t);
      const char* comma = "";
      for (const registry::Subscription& line : facts.subscriptions) {
        if (line.kind != name.kind || line.provider != provider || line.number != name.number) continue;
        for (const auto& [number, until] : line_grants(facts, line, *law, t, civil)) {
          out += comma;
          put_grant(out, measures->of_measure.at(number), until);
          comma = ",";
        }
      }
      return out + "]}";
    });
  }

  static std::vector<std::pair<MeasureNumber, Instant>> line_grants(const registry::PersonFacts& facts,
                                                                    const registry::Subscription& line,
                                                                    const NumberedLaw& law, Instant t,
                                                                    const CivilContext& civil) {
    std::vector<std::pair<MeasureNumber, Instant>> out;
    for (const Grant& grant : derive_line(facts, line, law.law, t, civil)) {
      for (std::size_t i = 0; i < law.numbers.size(); ++i) {
        const LawfulMeasure& measure = law.law.measures()[i];
        const Regime& regime = measure.version->regime;
        if (regime.code == grant.regime && regime.version == grant.version &&
            measure.measure->code == grant.measure && measure.period.contains(t)) {
          out.emplace_back(law.numbers[i], grant.period.until);
        }
      }
    }
    return out;
  }

  GrantsApi api_;
  MeasureTexts own_texts_{false};
  MeasureTexts agency_texts_{true};
};

std::string benefit_json(const Benefit& benefit) {
  std::string out = fmt::format(R"({{"gives":"{}","lines":{},"covers_percent":{})", to_string(benefit.kind),
                                kinds_json(benefit.delivered_on), benefit.percent);
  if (!benefit.traffic_class.value().empty()) out += fmt::format(R"(,"traffic":"{}")", benefit.traffic_class);
  if (benefit.quota) {
    out += fmt::format(R"(,"quota":{},"unit":"{}","per":"{}")", *benefit.quota, to_string(benefit.unit),
                       to_string(benefit.quota_period));
    if (benefit.delivered_on != 0)
      out += fmt::format(R"(,"when_used_up":"{}")", to_string(benefit.when_used_up));
  }
  return out + "}";
}

}  // namespace

std::string kinds_json(std::uint8_t kinds) {
  std::string out = "[";
  for (std::size_t kind = 0; kind < subscription_kinds; ++kind) {
    if ((kinds >> kind & 1) == 0) continue;
    out += fmt::format(R"({}"{}")", out.size() == 1 ? "" : ",", registry::to_string(SubscriptionKind(kind)));
  }
  return out + "]";
}

Result<SubscriptionName> parse_subscription_name(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon + 1 == text.size() || text.size() - colon > 65) {
    return fail_field("grants.subscription", "subscription",
                      "A subscription is named by kind and number: mobile:994501234567, fixed:..., tv:...");
  }
  DAYAQ_TRY(const SubscriptionKind kind, registry::parse_subscription_kind(text.substr(0, colon)));
  return SubscriptionName{.kind = kind, .number = text.substr(colon + 1)};
}

std::string measure_json(const LawfulMeasure& measure, MeasureNumber number, bool with_name) {
  const Regime& regime = measure.version->regime;
  std::string out =
      fmt::format(R"("measure":{},"regime":"{}","version":{})", number, regime.code, regime.version);
  if (with_name) out += fmt::format(R"(,"code":"{}")", measure.measure->code);
  out += R"(,"benefits":[)";
  const char* comma = "";
  for (const Benefit& benefit : measure.measure->benefits) {
    if (benefit.delivered_on == 0) continue;
    out += comma;
    out += benefit_json(benefit);
    comma = ",";
  }
  return out + "]";
}

void add_decision_routes(http::Router& router, const GrantsApi& api) {
  router.add_schema("SubscriptionGrants", grants_schema);
  const auto handlers =
      std::make_shared<Handlers>(api);  // shared by the routes, which live as long as the router
  router.add({.method = Method::get,
              .pattern = "/v1/grants",
              .scope = Scope::grants_decide,
              .run = http::Run::inline_,
              .operation = "get_grants",
              .summary = "What one of the caller's own subscriptions is granted now.",
              .response_schema = "SubscriptionGrants",
              .tag = "grants",
              .query_parameters = {{"subscription", "Kind and number: mobile:994501234567"}}},
             [handlers](const Request& request) { return handlers->now_of_own(request); });
  router.add({.method = Method::get,
              .pattern = "/v1/grants/history",
              .scope = Scope::grants_decide,
              .operation = "get_past_grants",
              .summary = "What one of the caller's own subscriptions was granted at a moment, as known then.",
              .response_schema = "SubscriptionGrants",
              .tag = "grants",
              .query_parameters = {{"subscription", "Kind and number: mobile:994501234567"},
                                   {"at", "A date or moment: 2026-05-01, 2026-05-01T08:00:00Z"}}},
             [handlers](const Request& request) { return handlers->history(request); });
  router.add(
      {.method = Method::get,
       .pattern = "/v1/subscriptions/{subscription}/grants",
       .scope = Scope::grants_read,
       .operation = "get_subscription_grants",
       .summary = "What a subscription with any operator is granted now; the reading is entered in the log.",
       .response_schema = "SubscriptionGrants",
       .tag = "grants",
       .query_parameters = {{"reason", "Why you look; the person can see it"}}},
      [handlers](const Request& request) { return handlers->now_of_any(request); });
}

void add_grant_routes(http::Router& router, const GrantsApi& api) {
  add_decision_routes(router, api);
  add_person_grant_routes(router, api);
  add_preview_routes(router, api);
  add_feed_routes(router, api);
  add_edge_routes(router, api);
}

}  // namespace dayaq::regime
