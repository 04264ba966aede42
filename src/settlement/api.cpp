#include "settlement/api.hpp"

#include <fmt/format.h>

#include "registry/api.hpp"
#include "registry/organisation_kind.hpp"
#include "settlement/reconcile.hpp"

namespace dayaq::settlement {
namespace {

using http::Method;
using http::Request;
using http::Response;
using http::Scope;

constexpr const char* batch_media = "application/vnd.dayaq.settlement";
constexpr int unprocessable = 422;
constexpr std::chrono::days by_day_max{400};

constexpr const char* batch_schema = R"({
  "type": "string", "format": "binary", "description": "A signed batch, see docs/settlement.md."})";
constexpr const char* stored_schema = R"({
  "type": "object", "required": ["operator", "edge", "number"],
  "properties": {"operator": {"type": "string"}, "edge": {"type": "string"},
    "number": {"type": "integer", "minimum": 1}}})";
constexpr const char* sums_schema = R"({
  "type": "object", "required": ["sums", "owed", "edges"],
  "properties": {
    "sums": {"type": "array", "items": {"type": "object",
      "required": ["operator", "month", "measure", "benefit", "gives", "unit", "units", "requests", "orphans", "pays"],
      "properties": {
        "operator": {"type": "string"}, "month": {"type": "string"}, "day": {"type": "string", "format": "date"},
        "measure": {"type": "integer", "description": "Its number on the feed."},
        "benefit": {"type": "integer", "description": "Its place in the measure's definition."},
        "regime": {"type": "string"}, "version": {"type": "integer"},
        "code": {"type": "string", "description": "The measure's own; not for operators."},
        "gives": {"type": "string"}, "unit": {"type": "string"}, "traffic": {"type": "string"},
        "units": {"type": "integer"}, "requests": {"type": "integer"}, "orphans": {"type": "integer"},
        "pays": {"enum": ["use", "free", "month", "unknown"]},
        "cost_qepik": {"type": "integer"}, "cost_per": {"type": "integer"}, "percent": {"type": "integer"},
        "owed_qepik": {"type": "integer", "description": "Rounded once, for this sum."}}}},
    "owed": {"type": "array", "items": {"type": "object",
      "properties": {"operator": {"type": "string"}, "owed_qepik": {"type": "integer"}}}},
    "edges": {"type": "array", "items": {"type": "object", "properties": {
      "operator": {"type": "string"}, "edge": {"type": "string"}, "number": {"type": "integer"},
      "resources": {"type": "integer", "description": "Version of the list of zero-rated resources; 0: none."},
      "created": {"type": "string", "format": "date-time"}, "stored": {"type": "string", "format": "date-time"}}}}}})";
constexpr const char* records_schema = R"({
  "type": "string", "description": "CSV with the columns day,measure,benefit,traffic_class,units."})";
constexpr const char* reconciliation_schema = R"({
  "type": "object", "required": ["operator", "from", "until", "compared", "differences", "totals"],
  "properties": {"operator": {"type": "string"}, "from": {"type": "string", "format": "date"},
    "until": {"type": "string", "format": "date", "description": "Not included."},
    "compared": {"type": "integer"},
    "differences": {"type": "array", "items": {"type": "object", "properties": {
      "what": {"enum": ["missing_here", "missing_there", "other_amount"]},
      "day": {"type": "string", "format": "date"}, "measure": {"type": "string"}, "benefit": {"type": "string"},
      "traffic_class": {"type": "string"}, "here": {"type": ["integer", "null"]},
      "there": {"type": ["integer", "null"]}, "more_there": {"type": "integer"}}}},
    "totals": {"type": "array", "items": {"type": "object", "properties": {"benefit": {"type": "string"},
      "here": {"type": "integer"}, "there": {"type": "integer"}, "more_there": {"type": "integer"}}}}}})";

/// `?from=` and `?until=`: days, the second not included.
Result<Days> days_of(const Request& request, Days otherwise) {
  const auto read = [&](std::string_view name, Date& day) -> Result<void> {
    const auto text = request.query_value(name);
    if (!text || text->empty()) return {};
    const auto date = parse_date(*text);
    if (!date || *date < Days().from || *date > Days().until) {
      return fail_field("settlement.day", std::string(name), "A day is written as 2026-11-21.");
    }
    day = *date;
    return {};
  };
  DAYAQ_TRY_OK(read("from", otherwise.from));
  DAYAQ_TRY_OK(read("until", otherwise.until));
  return otherwise;
}

class Handlers {
 public:
  explicit Handlers(const SettlementApi& api) : api_(api) {}

  Response take_batch(const Request& request) const {
    const BytesView bytes = as_bytes(request.body);
    const auto batch = check(bytes, request.principal.organisation.value(), api_.edges);
    if (!batch) return registry::refuse(batch.error());
    Standing standing;
    const auto done = api_.db.write([&](store::Session& session) {
      return take(session, api_.registry.log, *batch, bytes, request.principal.actor(), api_.clock.now(),
                  standing);
    });
    if (done) {
      if (api_.recent != nullptr) api_.recent->add(*batch);
      return Response::json(fmt::format(R"({{"operator":"{}","edge":"{}","number":{}}})",
                                        batch->operator_code, batch->edge, batch->number));
    }
    Response response = registry::refuse(done.error());
    if (done.error().code == "settlement.gap") {
      response.headers.emplace_back("Dayaq-Settlement-Next", std::to_string(standing.next));
    }
    return response;
  }

  Response sums(const Request& request) const {
    const auto caller = caller_of(request);
    if (!caller) return registry::refuse(caller.error());
    ReportQuestion question{.operator_code = caller->operator_code, .days = {}};
    const auto days = days_of(request, question.days);
    if (!days) return registry::refuse(days.error());
    question.days = *days;
    const std::string by = request.query_value("by").value_or("month");
    if (by == "day") {
      question.by = SettlementStore::By::day;
    } else if (by != "month") {
      return registry::refuse(fail_field("settlement.by", "by", "Sums are by `month` or by `day`.").error());
    }
    if (question.by == SettlementStore::By::day && days->until - days->from > by_day_max) {
      return registry::refuse(
          fail_field("settlement.days", "from", "By day, ask for at most 400 days at once.").error());
    }
    const auto report = ask(question);
    return report ? Response::json(report_json(*report, caller->names)) : registry::refuse(report.error());
  }

  Response reconcile_records(const Request& request) const {
    const auto caller = caller_of(request);
    if (!caller) return registry::refuse(caller.error());
    if (caller->operator_code.empty()) {
      return registry::refuse(
          fail_field("settlement.which", "operator", "Say whose records these are: `operator=`.").error());
    }
    const auto law = api_.law();
    const auto records = parse_records(request.body, *law, caller->names);
    if (!records) return http::problem(records.error(), unprocessable);
    const auto days = days_of(request, settlement::days_of(*records));
    if (!days) return registry::refuse(days.error());
    const auto here =
        ask({.operator_code = caller->operator_code, .days = *days, .by = SettlementStore::By::day});
    if (!here) return registry::refuse(here.error());
    return Response::json(
        reconciliation_json(reconcile(*here, *records, *days, caller->names), caller->operator_code));
  }

 private:
  struct Caller {
    std::string operator_code;  ///< whose sums are asked for; "" for all
    Names names = Names::numbers;
  };
  /// An operator asks for its own; an agency for anybody's.
  Result<Caller> caller_of(const Request& request) const {
    DAYAQ_TRY(const registry::OrganisationIndex index, registry::caller_of(request, api_.registry));
    const auto organisation = api_.registry.organisations.at(index);
    const std::string wanted = request.query_value("operator").value_or("");
    if (!registry::is_operator(organisation->kind)) {
      if (!wanted.empty() && !api_.registry.organisations.find(wanted)) {
        return fail_field("settlement.unknown_operator", "operator", "There is no operator of this code.");
      }
      return Caller{.operator_code = wanted, .names = Names::measures};
    }
    if (!wanted.empty() && wanted != organisation->code.value()) {
      return fail(ErrorKind::forbidden, "settlement.other_operator",
                  "An operator sees its own settlements alone.");
    }
    return Caller{.operator_code = organisation->code.value(), .names = Names::numbers};
  }

  Result<Report> ask(const ReportQuestion& question) const {
    return api_.db.read(
        [&, law = api_.law()](store::Session& session) { return make_report(session, question, law); });
  }

  SettlementApi api_;
};

void add_schemas(http::Router& router) {
  router.add_schema("SettlementBatch", batch_schema);
  router.add_schema("SettlementStored", stored_schema);
  router.add_schema("SettlementSums", sums_schema);
  router.add_schema("OperatorRecords", records_schema);
  router.add_schema("Reconciliation", reconciliation_schema);
}

}  // namespace

void add_routes(http::Router& router, const SettlementApi& api) {
  add_schemas(router);
  // Shared by the routes, which live as long as the router.
  const auto handlers = std::make_shared<Handlers>(api);
  router.add(
      {.method = Method::post,
       .pattern = "/v1/settlements",
       .scope = Scope::feed_read,
       .body_max = feed::settlement_bytes_max,
       .operation = "store_settlement",
       .summary = "A signed batch of the calling operator's edge. The same bytes again change nothing.",
       .request_schema = "SettlementBatch",
       .request_media = batch_media,
       .response_schema = "SettlementStored",
       .tag = "settlement"},
      [handlers](const Request& request) { return handlers->take_batch(request); });
  router.add({.method = Method::get,
              .pattern = "/v1/settlements",
              .scope = Scope::feed_read,
              .operation = "get_settlements",
              .summary = "What was used, and what is owed for it. An operator sees its own.",
              .response_schema = "SettlementSums",
              .tag = "settlement",
              .query_parameters = {{"from", "The first day (all)"},
                                   {"until", "The day after the last (all)"},
                                   {"operator", "One operator's code (all that the caller may see)"},
                                   {"by", "`month` (the usual) or `day`"}}},
             [handlers](const Request& request) { return handlers->sums(request); });
  router.add(
      {.method = Method::post,
       .pattern = "/v1/settlements/reconcile",
       .scope = Scope::feed_read,
       .body_max = reconcile_bytes_max,
       .operation = "reconcile_settlements",
       .summary = "An operator's own records against what was settled: every difference. Nothing is stored.",
       .request_schema = "OperatorRecords",
       .request_media = "text/csv",
       .response_schema = "Reconciliation",
       .tag = "settlement",
       .query_parameters = {{"from", "The first day (the records' first)"},
                            {"until", "The day after the last (after the records' last)"},
                            {"operator", "Whose records they are; an operator's are its own"}}},
      [handlers](const Request& request) { return handlers->reconcile_records(request); });
}

}  // namespace dayaq::settlement
