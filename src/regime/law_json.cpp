#include "regime/law_json.hpp"

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "regime/explain.hpp"
#include "regime/file.hpp"

namespace dayaq::regime {
namespace {

namespace json = boost::json;
using Kind = Rule::Kind;

json::string_view view_of(std::string_view text) {
  return {text.data(), text.size()};
}
json::value text(std::string_view words) {
  return json::value(view_of(words));
}

json::value instant(Instant t) {
  if (t == instant_max || t == instant_min) return nullptr;
  return text(format_instant(t));
}

json::object localized(const LocalizedText& words) {
  json::object out{{"az", words.az}};
  if (!words.en.empty()) out["en"] = words.en;
  if (!words.ru.empty()) out["ru"] = words.ru;
  return out;
}

json::object period(const Period& p) {
  return {{"from", instant(p.from)}, {"until", instant(p.until)}};
}

/// The rule as files write it.
json::object rule_json(const Rule& rule, const registry::CountryPack& country) {
  json::object out;
  json::array list;
  switch (rule.kind) {
    case Kind::everyone:
      out["everyone"] = true;
      break;
    case Kind::all:
    case Kind::any:
      for (const Rule& child : rule.children) list.emplace_back(rule_json(child, country));
      out[rule.kind == Kind::all ? "all" : "any"] = std::move(list);
      break;
    case Kind::negation:
      out["not"] = rule_json(rule.children.front(), country);
      break;
    case Kind::status:
      for (const StatusIndex status : rule.statuses)
        list.emplace_back(text(country.status(status).code.value()));
      out["status"] = std::move(list);
      break;
    case Kind::residence:
      for (const PlaceIndex place : rule.places) list.emplace_back(text(country.place(place).code.value()));
      out["residence"] = std::move(list);
      break;
    case Kind::age: {
      json::object range;
      if (rule.age_from > 0) range["from"] = rule.age_from;
      if (rule.age_under < 200) range["under"] = rule.age_under;
      out["age"] = std::move(range);
      break;
    }
    case Kind::subscription:
      out["subscription"] = text(registry::to_string(rule.subscription));
      break;
  }
  return out;
}

json::object benefit_json(const Benefit& benefit) {
  json::object out{{"gives", text(to_string(benefit.kind))}, {"unit", text(to_string(benefit.unit))}};
  const std::string& traffic = benefit.traffic_class.value();
  if (!traffic.empty()) out[benefit.kind == BenefitKind::tv ? "package" : "traffic"] = traffic;
  if (benefit.quota) {
    out["quota"] = *benefit.quota;
    out["per"] = text(to_string(benefit.quota_period));
  } else {
    out["quota"] = nullptr;
  }
  if (benefit.delivered_on != 0) {
    if (benefit.quota) out["when_used_up"] = text(to_string(benefit.when_used_up));
    out["when_silent"] = text(to_string(benefit.when_silent));
    if (benefit.open_bound != 0) out["open_bound"] = benefit.open_bound;
  }
  json::array on;
  for (const auto kind : {SubscriptionKind::mobile, SubscriptionKind::fixed, SubscriptionKind::tv}) {
    if ((benefit.delivered_on >> static_cast<unsigned>(kind) & 1) != 0)
      on.emplace_back(text(registry::to_string(kind)));
  }
  out["lines"] = std::move(on);
  out["covers_percent"] = benefit.percent;
  out["cost"] = json::object{{"qepik", benefit.cost_qepik}, {"per", benefit.cost_per}};
  if (benefit.expected_use != 0) out["expected_use"] = benefit.expected_use;
  if (!benefit.assumption.az.empty()) out["assumption"] = localized(benefit.assumption);
  return out;
}

json::object measure_json(const Measure& measure, const LawJsonContext& context) {
  json::object who_text;
  for (const Language language : languages) {
    who_text[view_of(to_string(language))] =
        describe(measure.who, language, context.country, context.wording);
  }
  json::array providers;
  for (const OrganisationIndex index : measure.providers) {
    providers.emplace_back(text(context.organisation_code(index).value()));
  }
  json::array benefits;
  for (const Benefit& benefit : measure.benefits) benefits.emplace_back(benefit_json(benefit));
  return {{"code", measure.code.value()},
          {"title", localized(measure.title)},
          {"legal_basis", localized(measure.legal_basis)},
          {"who", rule_json(measure.who, context.country)},
          {"who_text", std::move(who_text)},
          {"period", period(measure.period)},
          {"from", std::move(providers)},
          {"benefits", std::move(benefits)}};
}

json::object head_json(const RegimeVersion& version, Instant now, LawView view) {
  const Regime& regime = version.regime;
  json::object out{{"code", regime.code.value()},
                   {"version", regime.version},
                   {"standing", text(standing(version, now))},
                   {"title", localized(regime.title)},
                   {"period", period(regime.period)},
                   {"in_force", nullptr}};
  if (version.approved != instant_max && !version.in_force().empty())
    out["in_force"] = period(version.in_force());
  if (view == LawView::officials && version.state != RegimeState::draft) {
    out["submitted"] = json::object{{"by", version.submitted_by}, {"at", instant(version.submitted)}};
    if (version.approved != instant_max) {
      out["approved"] = json::object{{"by", version.approved_by}, {"at", instant(version.approved)}};
    }
    if (version.ended != instant_max) {
      out["ended"] = json::object{{"by", version.ended_by}, {"at", instant(version.ended)}};
    }
  }
  return out;
}

json::object whole_json(const RegimeVersion& version, Instant now, LawView view,
                        const LawJsonContext& context) {
  json::object out = head_json(version, now, view);
  const Regime& regime = version.regime;
  if (!regime.summary.az.empty()) out["summary"] = localized(regime.summary);
  json::array territory;
  for (const PlaceIndex place : regime.territory)
    territory.emplace_back(text(context.country.place(place).code.value()));
  out["territory"] = std::move(territory);
  json::array measures;
  for (const Measure& measure : regime.measures) measures.emplace_back(measure_json(measure, context));
  out["measures"] = std::move(measures);
  if (view == LawView::officials) out["source"] = regime.source;
  return out;
}

std::string_view outcome_word(Explanation::Outcome outcome) {
  constexpr std::array<std::string_view, 4> words{"granted", "rule_fails", "not_in_force", "not_alive"};
  return words[static_cast<std::size_t>(outcome)];
}

/// A JSON object with no members but `known`; nullopt otherwise.
std::optional<json::object> object_of(std::string_view body, std::string_view known) {
  json::error_code failed;
  json::parse_options options;
  options.max_depth = 8;
  json::value value = json::parse(view_of(body), failed, {}, options);
  if (failed || !value.is_object()) return std::nullopt;
  for (const auto& member : value.get_object()) {
    if (member.key() != view_of(known)) return std::nullopt;
  }
  return std::move(value.get_object());
}

json::object reason_json(const Reason& reason, std::string_view sentence, const ExplainContext& context) {
  json::object out{{"holds", reason.holds}, {"text", text(sentence)}};
  if (reason.hidden) {
    out["hidden"] = true;
    return out;
  }
  out["condition"] = rule_json(reason.condition, context.country);
  if (reason.attestation) {
    const registry::Attestation& a = *reason.attestation;
    out["attestation"] = json::object{{"status", context.country.status(a.status).code.value()},
                                      {"issuer", localized(context.organisation_name(a.issuer))},
                                      {"valid", period(a.valid)},
                                      {"ended", instant(a.ended)}};
  }
  if (reason.subscription) {
    out["subscription"] =
        json::object{{"kind", text(registry::to_string(reason.subscription->kind))},
                     {"provider", localized(context.organisation_name(reason.subscription->provider))}};
  }
  if (reason.changes) out["changes"] = instant(*reason.changes);
  return out;
}

}  // namespace

std::string_view standing(const RegimeVersion& version, Instant now) {
  if (version.state == RegimeState::draft) return "draft";
  if (version.approved == instant_max) return version.superseded == instant_max ? "submitted" : "withdrawn";
  if (version.in_force().contains(now)) return "in_force";
  return !version.in_force().empty() && now < version.in_force().from ? "coming" : "over";
}

std::string regime_json(const RegimeVersion& version, Instant now, LawView view,
                        const LawJsonContext& context) {
  return json::serialize(whole_json(version, now, view, context));
}

std::string regime_list_json(const std::vector<VersionHandle>& versions, Instant now, LawView view) {
  json::array list;
  for (const VersionHandle& version : versions) list.emplace_back(head_json(*version, now, view));
  return json::serialize(json::object{{"regimes", std::move(list)}});
}

std::string regime_checked_json(const RegimeVersion& version, const std::vector<std::string>& notices,
                                Instant now, const LawJsonContext& context) {
  json::array words;
  for (const std::string& notice : notices) words.emplace_back(notice);
  return json::serialize(json::object{{"regime", whole_json(version, now, LawView::officials, context)},
                                      {"notices", std::move(words)}});
}

std::string traffic_json(const TrafficCatalogue& traffic) {
  json::array list;
  for (const TrafficClass& each : traffic.classes()) {
    json::object out{{"code", each.code.value()}, {"name", localized(each.name)}};
    if (!each.meaning.az.empty()) out["meaning"] = localized(each.meaning);
    if (each.everything) out["everything"] = true;
    json::array domains;
    json::array prefixes;
    for (const NetworkResource& resource : each.resources) {
      (resource.kind == NetworkResource::Kind::domain ? domains : prefixes).emplace_back(resource.value);
    }
    if (!each.tv) {
      out["domains"] = std::move(domains);
      out["prefixes"] = std::move(prefixes);
    } else {
      json::array channels;
      for (const std::string& channel : each.channels) channels.emplace_back(channel);
      out["channels"] = std::move(channels);
    }
    list.emplace_back(std::move(out));
  }
  return json::serialize(json::object{{"traffic_classes", std::move(list)}});
}

Result<int> read_approval(std::string_view body) {
  constexpr std::int64_t version_max = 1'000'000;
  if (const auto object = object_of(body, "version")) {
    const json::value* version = object->if_contains("version");
    const std::int64_t* number = version == nullptr ? nullptr : version->if_int64();
    if (number != nullptr && *number >= 1 && *number <= version_max) return static_cast<int>(*number);
  }
  return fail(ErrorKind::invalid_input, "regime.body",
              R"(Send the version that you have read and approve, such as {"version": 2}.)");
}

Result<std::optional<Instant>> read_ending(std::string_view body) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return std::nullopt;
  if (const auto object = object_of(body, "at")) {
    const json::value* at = object->if_contains("at");
    if (at == nullptr) return std::nullopt;
    if (at->is_string()) {
      const auto& words = at->get_string();
      if (const auto moment = parse_instant({words.data(), words.size()})) return *moment;
    }
  }
  return fail(
      ErrorKind::invalid_input, "regime.body",
      R"(Send nothing to end the regime at once, or an hour such as {"at": "2026-06-01T00:00:00+04:00"}.)");
}

std::string explanation_json(const Explanation& explanation, const ExplanationText& sentences,
                             const ExplainContext& context) {
  json::object out{{"regime", explanation.regime.value()},
                   {"version", explanation.version},
                   {"measure", explanation.measure.value()},
                   {"outcome", text(outcome_word(explanation.outcome))},
                   {"measure_period", period(explanation.measure_period)},
                   {"text", sentences.headline}};
  if (explanation.period) out["period"] = period(*explanation.period);
  if (explanation.starts) out["starts"] = instant(*explanation.starts);
  json::array reasons;
  for (std::size_t i = 0; i < explanation.reasons.size(); ++i) {
    reasons.emplace_back(reason_json(explanation.reasons[i], sentences.reasons[i], context));
  }
  out["reasons"] = std::move(reasons);
  json::array remedies;
  for (const std::string& remedy : sentences.remedies) remedies.emplace_back(remedy);
  out["remedies"] = std::move(remedies);
  json::array missing;
  for (const SubscriptionKind kind : explanation.missing_lines)
    missing.emplace_back(text(registry::to_string(kind)));
  if (!missing.empty()) out["missing_lines"] = std::move(missing);
  return json::serialize(out);
}

}  // namespace dayaq::regime
