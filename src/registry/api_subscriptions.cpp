#include <fmt/format.h>

#include "registry/api.hpp"
#include "registry/json_body.hpp"

namespace dayaq::registry {
namespace {

http::Response answer(const Result<SubscriptionOutcome>& outcome) {
  if (!outcome) return refuse(outcome.error());
  std::string body = fmt::format(R"({{"recorded":"{}")", to_string(outcome->recorded));
  if (outcome->recorded != Recorded::unchanged) body += fmt::format(R"(,"audit":{})", outcome->audit_index);
  return http::Response::json(body + "}", outcome->recorded == Recorded::fresh ? 201 : 200);
}

Result<Subscription> parse_subscription(const http::Request& request, const Registry& registry) {
  Subscription out;
  DAYAQ_TRY(out.provider, caller_of(request, registry));
  DAYAQ_TRY(const JsonBody body,
            JsonBody::parse(request.body, {"person", "kind", "number", "from", "until"}));
  DAYAQ_TRY(const auto person, body.required("person"));
  DAYAQ_TRY(const NationalId id, registry.country.national_id_rule().parse(person));
  out.holder = registry.person_id(id);
  DAYAQ_TRY(const auto kind, body.required("kind"));
  DAYAQ_TRY(out.kind, parse_subscription_kind(kind));
  DAYAQ_TRY(out.number, body.required("number"));
  out.valid.from = registry.clock.now();
  DAYAQ_TRY(const auto from, body.text("from"));
  if (from) {
    DAYAQ_TRY(out.valid.from, registry.country.zone().parse_local(*from));
  }
  DAYAQ_TRY(const auto until, body.text("until"));
  if (until) {
    DAYAQ_TRY(out.valid.until, registry.country.zone().parse_local(*until));
  }
  return out;
}

struct Ending {
  SubscriptionKind kind = SubscriptionKind::mobile;
  OrganisationIndex provider = 0;
  std::string number;
  Instant until;
};

Result<Ending> parse_ending(const http::Request& request, const Registry& registry) {
  Ending out;
  DAYAQ_TRY(out.provider, caller_of(request, registry));
  DAYAQ_TRY(const JsonBody body, JsonBody::parse(request.body, {"kind", "number", "until"}));
  DAYAQ_TRY(const auto kind, body.required("kind"));
  DAYAQ_TRY(out.kind, parse_subscription_kind(kind));
  DAYAQ_TRY(out.number, body.required("number"));
  out.until = registry.clock.now();
  DAYAQ_TRY(const auto until, body.text("until"));
  if (until) {
    DAYAQ_TRY(out.until, registry.country.zone().parse_local(*until));
  }
  return out;
}

constexpr const char* body_schema = R"json({"type":"object","additionalProperties":false,
  "required":["person","kind","number"],"properties":{"person":{"type":"string","description":"National id."},
    "kind":{"type":"string","enum":["mobile","fixed","tv"]},
    "number":{"type":"string",
      "description":"mobile: calling code and number, digits only; else the account."},
    "from":{"type":"string"},"until":{"type":"string"}}})json";
constexpr const char* ending_schema = R"json({"type":"object","additionalProperties":false,
  "required":["kind","number"],"properties":{"kind":{"type":"string","enum":["mobile","fixed","tv"]},
    "number":{"type":"string"},"until":{"type":"string"}}})json";

}  // namespace

void add_subscription_routes(http::Router& router, const ApiContext& context) {
  router.add_schema("SubscriptionBody", body_schema);
  router.add_schema("SubscriptionEnding", ending_schema);
  router.add({.method = http::Method::post,
              .pattern = "/v1/subscriptions",
              .scope = http::Scope::subscriptions_write,
              .operation = "record_subscription",
              .summary = "The calling operator records a person's line or account.",
              .request_schema = "SubscriptionBody",
              .response_schema = "Recorded",
              .tag = "registry"},
             [context](const http::Request& request) {
               const auto subscription = parse_subscription(request, context.registry);
               if (!subscription) return refuse(subscription.error());
               return answer(context.db.write([&](store::Session& session) {
                 return record_subscription(session, context.registry, *subscription,
                                            request.principal.actor());
               }));
             });
  router.add({.method = http::Method::post,
              .pattern = "/v1/subscriptions/end",
              .scope = http::Scope::subscriptions_write,
              .operation = "end_subscription",
              .summary = "The calling operator ends a line or account.",
              .request_schema = "SubscriptionEnding",
              .response_schema = "Recorded",
              .tag = "registry"},
             [context](const http::Request& request) {
               const auto ending = parse_ending(request, context.registry);
               if (!ending) return refuse(ending.error());
               return answer(context.db.write([&](store::Session& session) {
                 return end_subscription(session, context.registry, ending->kind, ending->provider,
                                         ending->number, ending->until, request.principal.actor());
               }));
             });
}

}  // namespace dayaq::registry
