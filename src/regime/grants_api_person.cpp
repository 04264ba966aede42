// The routes of a person's grants with their reasons, and of previews.
#include <fmt/format.h>

#include <algorithm>

#include "http/encoding.hpp"
#include "regime/file.hpp"
#include "regime/grants_api.hpp"
#include "regime/preview_json.hpp"
#include "registry/api.hpp"

namespace dayaq::regime {
namespace {

using http::Method;
using http::Request;
using http::Response;
using http::Scope;

constexpr std::size_t file_max = 256 << 10;
constexpr int unprocessable = 422;

constexpr const char* person_grants_schema = R"({
  "type": "object", "required": ["person", "at", "measures"],
  "properties": {
    "person": {"type": "string", "description": "The person's pseudonym."},
    "at": {"type": "string", "format": "date-time"},
    "measures": {"type": "array", "description": "All that is law at that moment.", "items": {"type": "object",
      "required": ["regime", "version", "measure", "granted", "explanation"],
      "properties": {"regime": {"type": "string"}, "version": {"type": "integer"}, "measure": {"type": "string"},
        "title": {"type": "string"}, "granted": {"type": "boolean"},
        "explanation": {"type": "string", "description": "One sentence and its reasons."},
        "details": {"type": "object"}}}}}})";
constexpr const char* my_grants_schema = R"({
  "type": "object", "required": ["at", "measures"],
  "properties": {"at": {"type": "string", "format": "date-time"},
    "measures": {"type": "array", "description": "Without those that would tell a sensitive status.",
      "items": {"type": "object", "properties": {"regime": {"type": "string"}, "measure": {"type": "string"},
        "title": {"type": "string"}, "from": {"type": "string"}, "until": {"type": ["string", "null"]}}}}}})";
constexpr const char* preview_schema = R"({
  "type": "object", "required": ["at", "places", "measures", "any"],
  "properties": {"at": {"type": "string", "format": "date-time"},
    "places": {"type": "array", "items": {"type": "object"}},
    "measures": {"type": "array", "items": {"type": "object"}},
    "any": {"$ref": "#/components/schemas/Reach"},
    "any_by_place": {"type": "array", "items": {"$ref": "#/components/schemas/Reach"}}}})";
constexpr const char* reach_schema = R"({
  "type": "object", "required": ["persons", "lines", "gained", "lost", "cost_qepik"],
  "properties": {"persons": {"type": "integer"}, "lines": {"type": "integer"}, "gained": {"type": "integer"},
    "lost": {"type": "integer"}, "cost_qepik": {"type": "integer", "description": "A month, in 1/100 manat."}}})";

/// `at` of the query, or what stands in for it.
Result<Instant> moment_of(const Request& request, const Zone& zone, Instant otherwise) {
  const auto at = request.query_value("at");
  if (!at || at->empty()) return otherwise;
  auto moment = zone.parse_local(*at);
  if (!moment) moment.error().field = "at";
  return moment;
}

class PersonHandler {
 public:
  explicit PersonHandler(const GrantsApi& api)
      : api_(api),
        context_{.country = api.registry.country,
                 .wording = api.wording,
                 .zone = api.files.zone,
                 .organisation_name =
                     [api](OrganisationIndex index) { return api.registry.organisations.at(index)->name; },
                 .issuers =
                     [api](StatusIndex status) {
                       std::vector<OrganisationIndex> out;
                       for (std::size_t i = 0; i < api.registry.organisations.size(); ++i) {
                         if (api.registry.organisations.may_issue(OrganisationIndex(i), status))
                           out.push_back(OrganisationIndex(i));
                       }
                       return out;
                     }} {}

  Response operator()(const Request& request) const {
    const auto body = answer(request);
    return body ? Response::json(*body) : registry::refuse(body.error());
  }

  /// What the person is granted who let this client see it. A measure that stands on a sensitive status isn't
  /// named, granted or not: it would tell the status.
  [[nodiscard]] Response of_caller(const Request& request) const {
    const auto facts = registry::read_for_client(request, api_.db, api_.registry, "grants");
    if (!facts) return registry::refuse(facts.error());
    const Instant t = api_.clock.now();
    const auto law = api_.keeper.live().read([](const LiveState& state) { return state.law; });
    const Audience audience{.organisation =
                                api_.registry.organisations.find(request.principal.organisation.value())};
    std::string out = fmt::format(R"({{"at":"{}","measures":[)", format_instant(t));
    const char* comma = "";
    for (const std::size_t i : law->law.in_force_at(t)) {
      const LawfulMeasure& measure = law->law.measures()[i];
      const Explanation explanation = explain(measure, *facts, t, context_, audience);
      if (explanation.outcome != Explanation::Outcome::granted || names_sensitive(measure.measure->who))
        continue;
      out += fmt::format(R"({}{{"regime":"{}","measure":"{}","title":{},"from":"{}","until":{}}})",
                         std::exchange(comma, ","), measure.version->regime.code, measure.measure->code,
                         http::json_string(measure.measure->title.in(request.language)),
                         format_instant(explanation.measure_period.from),
                         explanation.measure_period.until == instant_max
                             ? "null"
                             : fmt::format("\"{}\"", format_instant(explanation.measure_period.until)));
    }
    return Response::json(out + "]}");
  }

 private:
  Result<std::string> answer(const Request& request) const {
    const registry::Registry& registry = api_.registry;
    DAYAQ_TRY(const auto caller, registry::caller_of(request, registry));
    DAYAQ_TRY(const auto id, registry.country.national_id_rule().parse(request.parameter("national_id")));
    DAYAQ_TRY(const Instant t, moment_of(request, api_.files.zone, api_.clock.now()));
    const PersonId person = registry.person_id(id);
    const std::string reason = request.query_value("reason").value_or("");
    const std::string actor = request.principal.actor();
    // One transaction: nobody sees grants whose reading isn't on record.
    DAYAQ_TRY(const registry::PersonFacts facts,
              api_.db.write([&](store::Session& session) -> Result<registry::PersonFacts> {
                DAYAQ_TRY(auto all,
                          registry::facts(session, registry::RegistryStore(registry.catalogue), person));
                DAYAQ_TRY_OK(registry::note_read(session, registry, person, "grants", reason, actor));
                return all;
              }));
    const auto law = api_.keeper.live().read([](const LiveState& state) { return state.law; });
    const Language language =
        parse_language(request.query_value("lang").value_or("")).value_or(request.language);
    std::string out =
        fmt::format(R"({{"person":"{:016x}","at":"{}","measures":[)", person.value(), format_instant(t));
    const char* comma = "";
    for (const std::size_t i : law->law.in_force_at(t)) {
      out += std::exchange(comma, ",");
      put_measure(out, law->law.measures()[i], facts, t, {.organisation = caller}, language);
    }
    return out + "]}";
  }

  [[nodiscard]] bool names_sensitive(const Rule& rule) const {
    Vocabulary words;
    words.add(rule);
    return std::ranges::any_of(
        words.statuses, [this](StatusIndex status) { return context_.country.status(status).sensitive; });
  }

  void put_measure(std::string& out, const LawfulMeasure& measure, const registry::PersonFacts& facts,
                   Instant t, const Audience& audience, Language language) const {
    const Explanation explanation = explain(measure, facts, t, context_, audience);
    const ExplanationText text = explanation_text(explanation, facts, t, context_, audience, language);
    std::string sentences = text.headline;
    for (const std::string& reason : text.reasons) sentences += " " + reason;
    out += fmt::format(
        R"({{"regime":"{}","version":{},"measure":"{}","title":{},"granted":{},"explanation":{},"details":{}}})",
        measure.version->regime.code, measure.version->regime.version, measure.measure->code,
        http::json_string(measure.measure->title.in(language)),
        explanation.outcome == Explanation::Outcome::granted, http::json_string(sentences),
        explanation_json(explanation, text, context_));
  }

  GrantsApi api_;
  ExplainContext context_;
};

class PreviewHandlers {
 public:
  explicit PreviewHandlers(const GrantsApi& api)
      : api_(api),
        names_{.country = api.registry.country, .organisation_code = [api](OrganisationIndex index) {
                 return api.registry.organisations.at(index)->code;
               }} {}

  Response draft(const Request& request) const {
    auto regime = parse_regime(request.body, api_.files);
    if (!regime) return http::problem(regime.error(), unprocessable);
    const Instant now = api_.clock.now();
    const auto t = moment_of(request, api_.files.zone, std::max(now, regime->period.from));
    if (!t) return registry::refuse(t.error());
    const auto options = options_of(request);
    if (!options) return registry::refuse(options.error());
    return count([&](const LiveState& state) {
      const PopulationAt at = state.at(*t, statuses_of(*regime, state.law->law));
      return preview_draft(at, *regime, state.law->law, *options);
    });
  }

  Response law(const Request& request) const {
    const auto t = moment_of(request, api_.files.zone, api_.clock.now());
    if (!t) return registry::refuse(t.error());
    const auto options = options_of(request);
    if (!options) return registry::refuse(options.error());
    const RegimeCode code(request.parameter("code"));
    const auto law = api_.keeper.live().read([](const LiveState& state) { return state.law; });
    if (!law->law.version_at(code, *t)) {
      return registry::refuse(
          Error{.kind = ErrorKind::not_found,
                .code = "regime.not_in_force_then",
                .public_text = "This regime isn't in force at that moment. Look at its period."});
    }
    return count([&](const LiveState& state) {
      return preview_law(state.at(*t, statuses_of({}, state.law->law)), state.law->law, code, *options);
    });
  }

 private:
  template <class F>
  Response count(F&& f) const {
    return Response::json(preview_json(api_.keeper.live().read_long(std::forward<F>(f)), names_));
  }

  static Result<PreviewOptions> options_of(const Request& request) {
    const std::string territory = request.query_value("territory").value_or("district");
    if (territory == "district") return PreviewOptions{.territory = Territory::district};
    if (territory == "settlement") return PreviewOptions{.territory = Territory::settlement};
    return fail_field("preview.territory", "territory", "The territory is district or settlement.");
  }

  GrantsApi api_;
  PreviewNames names_;
};

}  // namespace

void add_person_grant_routes(http::Router& router, const GrantsApi& api) {
  router.add_schema("PersonGrants", person_grants_schema);
  router.add({.method = Method::get,
              .pattern = "/v1/persons/{national_id}/grants",
              .scope = Scope::grants_read,
              .operation = "get_person_grants",
              .summary = "What a person is granted and why, and what not; the reading is entered in the log.",
              .response_schema = "PersonGrants",
              .tag = "grants",
              .query_parameters = {{"reason", "Why you look; the person can see it"},
                                   {"at", "A date or moment (now)"},
                                   {"lang", "az, en or ru"}}},
             PersonHandler(api));
  router.add_schema("MyGrants", my_grants_schema);
  router.add({.method = Method::get,
              .pattern = "/v1/me/grants",
              .scope = Scope::me_read,
              .operation = "get_my_grants",
              .summary = "What the person is granted who let this client see it; put on record.",
              .response_schema = "MyGrants",
              .tag = "grants"},
             [handler = PersonHandler(api)](const Request& request) { return handler.of_caller(request); });
}

void add_preview_routes(http::Router& router, const GrantsApi& api) {
  router.add_schema("Preview", preview_schema);
  router.add_schema("Reach", reach_schema);
  const auto handlers = std::make_shared<PreviewHandlers>(api);  // shared by the two routes
  router.add({.method = Method::post,
              .pattern = "/v1/previews",
              .scope = Scope::regimes_read,
              .body_max = file_max,
              .operation = "preview_draft",
              .summary = "Whom a regime file would reach and what it would cost; nothing is stored.",
              .response_schema = "Preview",
              .tag = "regime",
              .query_parameters = {{"territory", "district or settlement"},
                                   {"at", "A date or moment (its start, or now)"}}},
             [handlers](const Request& request) { return handlers->draft(request); });
  router.add(
      {.method = Method::get,
       .pattern = "/v1/regimes/{code}/preview",
       .scope = Scope::regimes_read,
       .operation = "preview_regime",
       .summary = "Whom a regime in force reaches and what it costs.",
       .response_schema = "Preview",
       .tag = "regime",
       .query_parameters = {{"territory", "district or settlement"}, {"at", "A date or moment (now)"}}},
      [handlers](const Request& request) { return handlers->law(request); });
}

}  // namespace dayaq::regime
