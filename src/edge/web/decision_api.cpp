#include "edge/web/decision_api.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "edge/web/decision_body.hpp"
#include "http/encoding.hpp"

namespace dayaq::edge::web {
namespace {

using http::Request;
using http::Response;

void append_verdict(std::string& out, const Question& question, const Verdict& verdict, bool look) {
  out += '{';
  if (!look) {
    fmt::format_to(std::back_inserter(out), R"("lease":{},"number":{},)", http::json_string(question.lease),
                   question.ask.number);
  }
  fmt::format_to(std::back_inserter(out), R"("outcome":"{}","measure":{},"unlimited":{})",
                 to_string(verdict.outcome), verdict.measure, verdict.unlimited);
  if (!look) {
    fmt::format_to(std::back_inserter(out),
                   R"(,"slice":{},"last":{},"limited_after":{},"keep_open":{},"validity_s":{},"repeated":{})",
                   verdict.slice, verdict.last, verdict.limited_after, verdict.keep_open,
                   verdict.validity.count(), verdict.repeated);
  }
  out += '}';
}

/// Decides all under one hold of the lock, and writes the answers.
template <class Decide>
std::string answer_all(const Questions& questions, bool look, const DecisionApi& api, const Decide& decide) {
  std::vector<Verdict> verdicts;
  verdicts.reserve(questions.all.size());
  {
    const std::scoped_lock lock(api.engine.mutex());
    for (const Question& question : questions.all) verdicts.push_back(decide(question.ask));
  }
  std::string body = questions.list ? "[" : "";
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    if (i != 0) body += ',';
    append_verdict(body, questions.all[i], verdicts[i], look);
  }
  if (questions.list) body += ']';
  return body;
}

Response look(const Request& request, const DecisionApi& api) {
  const auto questions = read_questions(request.body, std::nullopt, api.services, api.feed_key);
  if (!questions) return http::problem(questions.error());
  const Instant now = api.clock.now();
  return Response::json(answer_all(*questions, true, api, [&](const Ask& ask) {
    return api.engine.look(ask.key, ask.line, ask.service, now);
  }));
}

void count(const Request& request, Phase phase, const DecisionApi& api, http::Responder responder) {
  const auto questions = read_questions(request.body, phase, api.services, api.feed_key);
  if (!questions) return responder(http::problem(questions.error()));
  const Instant now = api.clock.now();
  std::uint64_t sequence = 0;
  std::string body = answer_all(*questions, false, api, [&](const Ask& ask) {
    const Verdict verdict = api.engine.decide(ask, now);
    sequence = std::max(sequence, verdict.sequence);
    return verdict;
  });
  api.answers.send(sequence, std::move(responder), Response::json(std::move(body)));
}

constexpr std::string_view look_schema = R"json({
  "oneOf": [{"$ref": "#/components/schemas/LookQuestion"},
            {"type": "array", "maxItems": 1000, "items": {"$ref": "#/components/schemas/LookQuestion"}}]})json";
constexpr std::string_view look_question_schema = R"json({
  "type": "object", "required": ["subscription", "service"], "additionalProperties": false,
  "properties": {
    "subscription": {"type": "string", "description": "mobile:NUMBER, fixed:NUMBER or tv:NUMBER"},
    "service": {"type": "string", "description": "voice, messages, data:CLASS or tv:PACKAGE"}}})json";
constexpr std::string_view lease_question_schema = R"json({
  "type": "object", "required": ["lease", "subscription", "service"], "additionalProperties": false,
  "properties": {
    "lease": {"type": "string", "minLength": 1, "maxLength": 128,
      "description": "The caller's name of the session; the same at every edge"},
    "number": {"type": "integer", "minimum": 0, "maximum": 4294967295,
      "description": "Of the request within the lease: sent again with the same number, it is counted once"},
    "subscription": {"type": "string", "description": "mobile:NUMBER, fixed:NUMBER or tv:NUMBER"},
    "service": {"type": "string", "description": "voice, messages, data:CLASS or tv:PACKAGE"},
    "used": {"type": "integer", "minimum": 0,
      "description": "Since the last report: seconds, messages or octets"},
    "requested": {"type": "integer", "minimum": 0, "description": "0 or absent: the edge decides"},
    "more": {"type": "boolean", "description": "commit: false if no further slice is wanted"}}})json";
constexpr std::string_view lease_schema = R"json({
  "oneOf": [{"$ref": "#/components/schemas/LeaseQuestion"},
            {"type": "array", "maxItems": 1000, "items": {"$ref": "#/components/schemas/LeaseQuestion"}}]})json";
constexpr std::string_view verdict_schema = R"json({
  "type": "object", "required": ["outcome", "measure", "unlimited"],
  "properties": {
    "lease": {"type": "string"}, "number": {"type": "integer"},
    "outcome": {"enum": ["granted", "not_covered", "used_up", "limited", "unknown", "refused"]},
    "measure": {"type": "integer", "description": "The feed's number of the measure that gives it; 0 if none"},
    "unlimited": {"type": "boolean"},
    "slice": {"type": "integer", "description": "Units that are the lease's until its validity has passed"},
    "last": {"type": "boolean", "description": "The quota ends with this slice"},
    "limited_after": {"type": "boolean", "description": "Limited service follows the last slice"},
    "keep_open": {"type": "boolean", "description": "Go on granting while this edge can't be reached"},
    "validity_s": {"type": "integer", "description": "Ask again after this many seconds at the latest"},
    "repeated": {"type": "boolean", "description": "This number was counted before"}}})json";
constexpr std::string_view verdicts_schema = R"json({
  "oneOf": [{"$ref": "#/components/schemas/Verdict"},
            {"type": "array", "items": {"$ref": "#/components/schemas/Verdict"}}]})json";

}  // namespace

std::string_view to_string(Outcome outcome) {
  static constexpr std::string_view words[] = {"granted", "not_covered", "used_up",
                                               "limited", "unknown",     "refused"};
  return words[std::size_t(outcome)];
}

void add_decision_routes(http::Router& router, std::shared_ptr<const DecisionApi> api) {
  router.add_schema("LookQuestion", std::string(look_question_schema));
  router.add_schema("LookQuestions", std::string(look_schema));
  router.add_schema("LeaseQuestion", std::string(lease_question_schema));
  router.add_schema("LeaseQuestions", std::string(lease_schema));
  router.add_schema("Verdict", std::string(verdict_schema));
  router.add_schema("Verdicts", std::string(verdicts_schema));
  router.add({.method = http::Method::post,
              .pattern = "/v1/decide",
              .scope = http::Scope::grants_decide,
              .run = http::Run::inline_,
              .body_max = 512 << 10,
              .operation = "look",
              .summary = "Says whether a grant covers a service; nothing is reserved or counted.",
              .request_schema = "LookQuestions",
              .response_schema = "Verdicts",
              .tag = "decision"},
             [api](const Request& request) { return look(request, *api); });
  struct Counting {
    std::string_view path, operation, summary;
    Phase phase;
  };
  static constexpr Counting all[] = {
      {"/v1/leases/reserve", "reserve", "Begins a lease: reserves its first slice.", Phase::start},
      {"/v1/leases/commit", "commit", "Counts what was used, and reserves the next slice.", Phase::update},
      {"/v1/leases/release", "release", "Counts what was used, and ends the lease.", Phase::stop},
      {"/v1/usage", "use", "Counts one use at once: a message, a purchase.", Phase::event}};
  for (const Counting& one : all) {
    router.add_async(
        {.method = http::Method::post,
         .pattern = std::string(one.path),
         .scope = http::Scope::grants_decide,
         .run = http::Run::inline_,
         .body_max = 512 << 10,
         .operation = std::string(one.operation),
         .summary = std::string(one.summary),
         .request_schema = "LeaseQuestions",
         .response_schema = "Verdicts",
         .tag = "decision"},
        [api, phase = one.phase](std::shared_ptr<const Request> request, http::Responder responder) {
          count(*request, phase, *api, std::move(responder));
        });
  }
}

}  // namespace dayaq::edge::web
