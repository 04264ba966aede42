#include <fmt/format.h>

#include <charconv>

#include "registry/api.hpp"
#include "registry/json_body.hpp"

namespace dayaq::registry {
namespace {

std::string outcome_json(const AttestOutcome& outcome) {
  std::string out = fmt::format(R"({{"id":"{}","recorded":"{}")",
                                attestation_name(outcome.attestation.person, outcome.attestation.id),
                                to_string(outcome.recorded));
  if (outcome.recorded != Recorded::unchanged) out += fmt::format(R"(,"audit":{})", outcome.audit_index);
  return out + "}";
}

/// What one request's transaction needs and leaves, until it is durable and answered.
struct Running {
  AttestRequest request;
  std::string actor;
  AttestOutcome outcome;
  http::Responder respond;
};

void attest_route(const http::Request& request, http::Responder respond, const ApiContext& context) {
  const Registry& registry = context.registry;
  const auto issuer = caller_of(request, registry);
  if (!issuer) return respond(refuse(issuer.error()));
  const auto parsed =
      parse_attest_body(request.body, registry, *issuer, AttestationId(context.random.next_id()));
  if (!parsed) return respond(refuse(parsed.error()));
  // Shared, since functions handed to the store must be copyable.
  auto running =
      std::make_shared<Running>(Running{*parsed, request.principal.actor(), {}, std::move(respond)});
  context.db.submit(
      [running, &registry](store::Session& session) -> Result<void> {
        DAYAQ_TRY(running->outcome, attest(session, registry, running->request, running->actor));
        return {};
      },
      [running](const Result<void>& durable) {
        if (!durable) return running->respond(refuse(durable.error()));
        running->respond(http::Response::json(outcome_json(running->outcome),
                                              running->outcome.recorded == Recorded::fresh ? 201 : 200));
      });
}

http::Response revoke_route(const http::Request& request, const ApiContext& context) {
  const Registry& registry = context.registry;
  const auto by = caller_of(request, registry);
  if (!by) return refuse(by.error());
  const auto name = parse_attestation_name(request.parameter("attestation"));
  if (!name) return refuse(name.error());
  const std::string actor = request.principal.actor();
  const auto outcome = context.db.write(
      [&](store::Session& session) { return revoke(session, registry, name->person, name->id, *by, actor); });
  if (!outcome) return refuse(outcome.error());
  return http::Response::json(outcome_json(*outcome));
}

constexpr const char* body_schema =
    R"json({"type":"object","additionalProperties":false,"required":["person","status"],
  "properties":{"person":{"type":"string","description":"National id."},"status":{"type":"string"},
    "from":{"type":"string","description":"RFC 3339, or a date of the country's zone. Left out: now."},
    "until":{"type":"string","description":"The same; the period ends before it. Left out: without end."},
    "id":{"type":"string","pattern":"^[0-9a-f]{16}$",
      "description":"Chosen by the caller, so that a repeated request is the same attestation."}}})json";

}  // namespace

Result<AttestRequest> parse_attest_body(std::string_view text, const Registry& registry,
                                        OrganisationIndex issuer, AttestationId drawn) {
  DAYAQ_TRY(const JsonBody body, JsonBody::parse(text, {"person", "status", "from", "until", "id"}));
  DAYAQ_TRY(const auto person, body.required("person"));
  DAYAQ_TRY(const NationalId national_id, registry.country.national_id_rule().parse(person));
  DAYAQ_TRY(const auto code, body.required("status"));
  const auto status = registry.country.find_status(code);
  if (!status) return fail_field("registry.status", "status", "There is no status with this code.");
  AttestRequest request{
      drawn, registry.person_id(national_id), *status, issuer, {registry.clock.now(), instant_max}};
  DAYAQ_TRY(const auto from, body.text("from"));
  if (from) {
    DAYAQ_TRY(request.valid.from, registry.country.zone().parse_local(*from));
  }
  DAYAQ_TRY(const auto until, body.text("until"));
  if (until) {
    DAYAQ_TRY(request.valid.until, registry.country.zone().parse_local(*until));
  }
  DAYAQ_TRY(const auto id, body.text("id"));
  if (id) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(id->data(), id->data() + id->size(), value, 16);
    if (id->size() != 16 || error != std::errc() || end != id->data() + 16 || value == 0 ||
        value >> 63 != 0) {
      return fail_field("registry.attestation_id", "id",
                        "An id has 16 hexadecimal digits, 1 to 7fffffffffffffff.");
    }
    request.id = AttestationId(value);
  }
  return request;
}

void add_attestation_routes(http::Router& router, const ApiContext& context) {
  router.add_schema("AttestationBody", body_schema);
  router.add_schema("AttestationRecorded", R"json({"type":"object","required":["id","recorded"],"properties":{
    "id":{"type":"string"},"recorded":{"type":"string","enum":["new","changed","unchanged"]},
    "audit":{"type":"integer"}}})json");
  router.add_async(
      {.method = http::Method::post,
       .pattern = "/v1/attestations",
       .scope = http::Scope::attestations_write,
       .run = http::Run::inline_,
       .body_max = 4 << 10,
       .operation = "record_attestation",
       .summary = "The caller's organisation attests a status of a person. An overlapping one supersedes.",
       .request_schema = "AttestationBody",
       .response_schema = "AttestationRecorded",
       .tag = "registry"},
      [context](const std::shared_ptr<const http::Request>& request, http::Responder respond) {
        attest_route(*request, std::move(respond), context);
      });
  router.add({.method = http::Method::post,
              .pattern = "/v1/attestations/{attestation}/revoke",
              .scope = http::Scope::attestations_write,
              .operation = "revoke_attestation",
              .summary = "Ends an attestation that the caller's organisation issued.",
              .request_schema = "",
              .response_schema = "AttestationRecorded",
              .tag = "registry"},
             [context](const http::Request& request) { return revoke_route(request, context); });
}

}  // namespace dayaq::registry
