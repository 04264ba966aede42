#include "services/cases/cases_api.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "registry/api.hpp"

namespace dayaq::services {
namespace {

using http::Method;
using http::Request;
using http::Response;
using http::Scope;

/// What one submission's transaction needs and leaves, until it is durable and answered.
struct Running {
  Submission submission;
  Receipt receipt;
  http::Responder respond;
  std::optional<std::chrono::seconds> wait = {};  ///< if it was refused until then
};

/// How long to wait before it can be applied for again; nullopt if time alone doesn't help.
std::optional<std::chrono::seconds> wait_for(const CasesApi& api, store::Session& session,
                                             const Submission& submission, const Error& error, Instant now) {
  if (error.code != "case.limit") return std::nullopt;
  const ServiceHandle handle = api.cases.context().book.published()->find(submission.service.value());
  if (!handle) return std::nullopt;
  const auto reached = api.cases.limit_reached(session, submission.person, handle->service, now);
  if (!reached || !*reached || !(*reached)->again) return std::nullopt;
  return std::chrono::ceil<std::chrono::seconds>(*(*reached)->again - now);
}

std::unexpected<Error> unknown_case() {
  return fail(ErrorKind::not_found, "case.unknown", "There is no application with this number.");
}

class CaseHandlers {
 public:
  explicit CaseHandlers(const CasesApi& api) : api_(api) {}

  /// On an I/O thread: parses, hands over to the writer, and answers when the case is durable.
  void submit(const Request& request, http::Responder respond) const {
    auto parsed =
        parse_submission(request.body, api_.registry, api_.cases.draw_number(api_.registry.clock.now()));
    if (!parsed) return respond(registry::refuse(parsed.error()));
    parsed->actor = request.principal.actor();
    // Shared, since functions handed to the store must be copyable.
    auto running = std::make_shared<Running>(
        Running{.submission = *std::move(parsed), .receipt = {}, .respond = std::move(respond)});
    api_.cases.context().db.submit(
        [running, api = api_](store::Session& session) -> Result<void> {
          const Instant now = api.registry.clock.now();
          auto receipt = api.cases.submit(session, running->submission, now);
          if (!receipt) {
            running->wait = wait_for(api, session, running->submission, receipt.error(), now);
            return std::unexpected(std::move(receipt).error());
          }
          running->receipt = *std::move(receipt);
          return {};
        },
        [running, api = api_](const Result<void>& durable) {
          if (!durable) {
            Response refusal = registry::refuse(durable.error());
            if (running->wait) {
              // Instead of the general one: sooner is of no use.
              std::erase_if(refusal.headers,
                            [](const auto& header) { return header.first == "Retry-After"; });
              refusal.headers.emplace_back("Retry-After", fmt::format("{}", running->wait->count()));
            }
            return running->respond(std::move(refusal));
          }
          running->respond(Response::json(receipt_json(running->receipt, api.registry.organisations),
                                          running->receipt.repeated ? 200 : 201));
        });
  }

  [[nodiscard]] Response queue(const Request& request) const {
    const auto office = registry::caller_of(request, api_.registry);
    if (!office) return registry::refuse(office.error());
    Cases::QueueFilter filter{.office = *office, .service = request.query_value("service").value_or("")};
    if (const auto holder = request.query_value("claimed_by")) {
      filter.claimed_by = *holder == "nobody" ? "" : *holder == "me" ? request.principal.actor() : *holder;
    }
    filter.late_only = request.query_value("late").value_or("") == "true";
    filter.limit = std::clamp(number(request, "limit", 50), 1, 500);
    filter.offset = std::clamp(number(request, "offset", 0), 0, 1'000'000);
    const auto found = db().read([&](store::Session& session) {
      return api_.cases.queue(session, filter, api_.registry.clock.now());
    });
    if (!found) return registry::refuse(found.error());
    std::string list;
    for (const Case& one : found->cases) {
      if (!list.empty()) list += ',';
      list += case_json(one, api_.registry.organisations);
    }
    return Response::json(
        fmt::format(R"({{"waiting":{},"late":{},"cases":[{}]}})", found->waiting, found->late, list));
  }

  [[nodiscard]] Response one(const Request& request) const {
    const auto found = open(request);
    if (!found) return registry::refuse(found.error());
    const std::string reason = request.query_value("reason").value_or("");
    std::vector<CaseEvent> events;
    const auto read = db().write([&](store::Session& session) -> Result<Receipt> {
      // One transaction: nobody sees a record whose reading isn't on record.
      DAYAQ_TRY_OK(registry::note_read(session, api_.registry, found->person, "case", reason,
                                       request.principal.actor()));
      DAYAQ_TRY(events, api_.cases.events(session, found->person, found->id));
      Receipt out{.stands = *found, .permit = std::nullopt, .repeated = true};
      if (found->permit != PermitId()) {
        DAYAQ_TRY(out.permit, api_.cases.permit(session, found->person, found->permit));
      }
      return out;
    });
    if (!read) return registry::refuse(read.error());
    std::string out = receipt_json(*read, api_.registry.organisations);
    out.pop_back();
    return Response::json(fmt::format(R"({},"answers":{},"events":{}}})", out, answers_json(found->answers),
                                      events_json(events)));
  }

  [[nodiscard]] Response act(const Request& request) const {
    const auto body = parse_action(request.body);
    if (!body) return registry::refuse(body.error());
    const auto found = open(request);
    if (!found) return registry::refuse(found.error());
    return receipt(db().write([&](store::Session& session) {
      return api_.cases.act(session, found->person, found->id, body->revision, body->action,
                            request.principal.actor(), api_.registry.clock.now());
    }));
  }

  [[nodiscard]] Response revoke(const Request& request) const {
    const auto body = parse_action(request.body);
    if (!body) return registry::refuse(body.error());
    const auto* refuse = std::get_if<Refuse>(&body->action);
    if (refuse == nullptr || refuse->reason.az.empty()) {
      return registry::refuse(Error{ErrorKind::invalid_input,
                                    "case.reason",
                                    "Say why, in words: who has it reads it.",
                                    {},
                                    "reason",
                                    0,
                                    0});
    }
    const auto found = open(request);
    if (!found) return registry::refuse(found.error());
    return receipt(db().write([&](store::Session& session) -> Result<Receipt> {
      DAYAQ_TRY_OK(api_.cases.revoke_permit(session, found->person, found->permit, refuse->reason,
                                            request.principal.actor(), api_.registry.clock.now()));
      Receipt out;
      DAYAQ_TRY(auto stands, api_.cases.find(session, found->person, found->id));
      if (!stands) return unknown_case();
      out.stands = *std::move(stands);
      DAYAQ_TRY(out.permit, api_.cases.permit(session, found->person, found->permit));
      return out;
    }));
  }

  [[nodiscard]] Response mine(const Request& request) const {
    const auto facts = registry::read_for_client(request, db(), api_.registry, "cases");
    if (!facts) return registry::refuse(facts.error());
    const auto found = db().read(
        [&](store::Session& session) { return api_.cases.of_person(session, facts->person.id, cases_max); });
    if (!found) return registry::refuse(found.error());
    std::string list;
    for (Case one : *found) {
      one.claimed_by.clear();  // which official has it is nobody's business outside
      if (!list.empty()) list += ',';
      list += case_json(one, api_.registry.organisations);
    }
    return Response::json(fmt::format(R"({{"cases":[{}]}})", list));
  }

 private:
  static constexpr int cases_max = 200;

  [[nodiscard]] store::Database& db() const { return api_.cases.context().db; }

  static int number(const Request& request, std::string_view name, int otherwise) {
    const std::string text = request.query_value(name).value_or("");
    int out = otherwise;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
    return failed == std::errc() && end == text.data() + text.size() ? out : otherwise;
  }

  /// A case that is the caller's business: of a service that its organisation provides, or in its queue.
  [[nodiscard]] Result<Case> open(const Request& request) const {
    DAYAQ_TRY(const registry::OrganisationIndex caller, registry::caller_of(request, api_.registry));
    const auto id = parse_case_number(request.parameter("number"));
    if (!id) return unknown_case();
    DAYAQ_TRY(std::optional<Case> found,
              db().read([&](store::Session& session) { return api_.cases.find(session, *id); }));
    if (!found) return unknown_case();
    const ServiceHandle service = api_.cases.context().book.find(found->service, found->version);
    const bool provides = service && service->service.provider == caller;
    if (!provides && found->office != caller) return unknown_case();  // that there is one is its own secret
    return *std::move(found);
  }

  [[nodiscard]] Response receipt(const Result<Receipt>& done) const {
    if (!done) return registry::refuse(done.error());
    return Response::json(receipt_json(*done, api_.registry.organisations));
  }

  CasesApi api_;
};

constexpr const char* case_schema = R"json({"type":"object",
  "required":["number","service","version","channel","state","revision","submitted","promised"],
  "properties":{"number":{"type":"string"},"service":{"type":"string"},"version":{"type":"integer"},
    "channel":{"type":"string"},"step":{"type":"integer"},"revision":{"type":"integer"},
    "state":{"type":"string","enum":["in_review","more_asked","payment","appointment","granted","refused",
      "withdrawn","expired"]},
    "submitted":{"type":"string"},"promised":{"type":"string"},"decided":{"type":"string"},"due":{"type":"string"},
    "office":{"type":"string"},"claimed_by":{"type":"string"},"escalated":{"type":"boolean"},
    "appeals":{"type":"integer"},"reason":{"$ref":"#/components/schemas/LocalizedText"},
    "repeated":{"type":"boolean"},"answers":{"type":"object"},"events":{"type":"array","items":{"type":"object"}},
    "permit":{"type":"object","properties":{"number":{"type":"string"},"kind":{"type":"string"},
      "from":{"type":"string"},"until":{"type":"string"},"revoked":{"type":"string"},"text":{"type":"string"}}}}})json";
constexpr const char* list_schema = R"json({"type":"object","required":["cases"],"properties":{
  "waiting":{"type":"integer"},"late":{"type":"integer"},
  "cases":{"type":"array","items":{"$ref":"#/components/schemas/Case"}}}})json";
constexpr const char* submission_schema = R"json({"type":"object","additionalProperties":false,
  "required":["person","service"],"properties":{"person":{"type":"string","description":"National id."},
  "service":{"type":"string"},"answers":{"type":"object","additionalProperties":{"type":"string"}},
  "channel":{"type":"string","enum":["web","sms","counter","bulk"]},
  "id":{"type":"string",
    "description":"A case's number chosen by the caller, so that a repeated request is the same case."},
  "notify":{"type":"boolean","description":"false: the caller tells the person by itself."}}})json";
constexpr const char* action_schema =
    R"json({"type":"object","additionalProperties":false,"required":["action"],
  "properties":{"action":{"type":"string","enum":["claim","release","grant","refuse","ask","reply","pay","book","come",
    "withdraw","appeal"]},
  "revision":{"type":"integer","description":"The one that was seen; 0 or none: whatever stands."},
  "reason":{"type":"object"},"answers":{"type":"object","additionalProperties":{"type":"string"}},
  "text":{"type":"string"},"reference":{"type":"string"},"qepik":{"type":"integer"},
  "from":{"type":"string"},"until":{"type":"string"}}})json";

http::Route route(Method method, std::string pattern, Scope scope, std::string operation,
                  std::string summary) {
  http::Route out;
  out.method = method;
  out.pattern = std::move(pattern);
  out.scope = scope;
  out.operation = std::move(operation);
  out.summary = std::move(summary);
  out.response_schema = "Case";
  out.tag = "cases";
  return out;
}

}  // namespace

void add_case_routes(http::Router& router, const CasesApi& api) {
  router.add_schema("Case", case_schema);
  router.add_schema("CaseList", list_schema);
  router.add_schema("CaseSubmission", submission_schema);
  router.add_schema("CaseAction", action_schema);
  const auto handlers = std::make_shared<CaseHandlers>(api);  // shared by the routes
  http::Route submit = route(Method::post, "/v1/cases", Scope::cases_write, "submit_case",
                             "Applies for a service for a person; answered when it is durable.");
  submit.run = http::Run::inline_;
  submit.body_max = 32 << 10;
  submit.request_schema = "CaseSubmission";
  router.add_async(std::move(submit),
                   [handlers](const std::shared_ptr<const Request>& request, http::Responder respond) {
                     handlers->submit(*request, std::move(respond));
                   });
  http::Route queue =
      route(Method::get, "/v1/cases", Scope::cases_read, "list_queue",
            "Cases that wait for the caller's organisation, those promised first at the top.");
  queue.response_schema = "CaseList";
  queue.query_parameters = {{"service", "Of this service alone"},
                            {"claimed_by", "nobody, me, or an actor"},
                            {"late", "true: late ones alone"},
                            {"limit", "1 to 500 (50)"},
                            {"offset", "How many to pass over"}};
  router.add(std::move(queue), [handlers](const Request& request) { return handlers->queue(request); });
  http::Route one = route(Method::get, "/v1/cases/{number}", Scope::cases_read, "get_case",
                          "A case with answers and history; the person sees that it was read, and why.");
  one.query_parameters = {{"reason", "Why you look; the person can see it"}};
  router.add(std::move(one), [handlers](const Request& request) { return handlers->one(request); });
  http::Route act = route(Method::post, "/v1/cases/{number}/actions", Scope::cases_write, "act_on_case",
                          "Does something with a case: claims, decides, asks, ...");
  act.request_schema = "CaseAction";
  router.add(std::move(act), [handlers](const Request& request) { return handlers->act(request); });
  http::Route revoke =
      route(Method::post, "/v1/cases/{number}/revoke", Scope::cases_write, "revoke_case_permit",
            "Takes a case's permit back: {\"action\":\"refuse\",\"reason\":{...}}.");
  revoke.request_schema = "CaseAction";
  router.add(std::move(revoke), [handlers](const Request& request) { return handlers->revoke(request); });
  http::Route mine = route(Method::get, "/v1/me/cases", Scope::me_read, "get_my_cases",
                           "The cases of the person who let this client see them; put on record.");
  mine.response_schema = "CaseList";
  router.add(std::move(mine), [handlers](const Request& request) { return handlers->mine(request); });
}

}  // namespace dayaq::services
