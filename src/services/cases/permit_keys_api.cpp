#include "services/cases/permit_keys_api.hpp"

#include <fmt/format.h>

#include <chrono>
#include <ratio>

#include "http/encoding.hpp"
#include "registry/api.hpp"
#include "registry/json_body.hpp"

namespace dayaq::services {
namespace {

using http::Method;
using http::Request;
using http::Response;

std::string key_json(const PermitKey& key, Instant now) {
  std::string out =
      fmt::format(R"({{"key":"{}","state":"{}","public_key":"{}","created":"{}")", key.id,
                  to_string(key.state(now)), to_hex(key.public_key), format_instant(key.created));
  const auto add = [&](const char* name, const std::optional<Instant>& at) {
    if (at) out += fmt::format(R"(,"{}":"{}")", name, format_instant(*at));
  };
  add("active_from", key.active_from);
  add("retired", key.retired);
  add("last_permit_ends", key.last_until);
  add("withdrawn", key.withdrawn);
  if (key.withdrawn) out += fmt::format(R"(,"signed_again":{})", key.signed_again);
  return out + "}";
}

constexpr const char* key_schema = R"json({"type":"object","required":["key","state","public_key","created"],
  "properties":{"key":{"type":"string","description":"The id that permits name, 8 hexadecimal digits."},
    "state":{"type":"string","enum":["standby","scheduled","current","retired","past","withdrawn"]},
    "public_key":{"type":"string"},"created":{"type":"string"},"active_from":{"type":"string"},
    "retired":{"type":"string"},"last_permit_ends":{"type":"string"},"withdrawn":{"type":"string"},
    "signed_again":{"type":"boolean","description":"All live permits that it signed have another's signature."}}})json";
constexpr const char* list_schema = R"json({"type":"object","required":["keys","rotation_days"],"properties":{
  "keys":{"type":"array","items":{"$ref":"#/components/schemas/PermitKey"}},
  "rotation_days":{"type":"number","description":"How long a key signs; 0: until somebody rotates."},
  "next_rotation":{"type":"string","description":"When the next key signs, if that is known."}}})json";
constexpr const char* withdrawal_schema = R"json({"type":"object","required":["reason"],
  "additionalProperties":false,"properties":{"reason":{"type":"string","maxLength":500}}})json";

http::Route route(Method method, const char* pattern, http::Scope scope, const char* operation,
                  const char* summary) {
  http::Route out;
  out.method = method;
  out.pattern = pattern;
  out.scope = scope;
  out.operation = operation;
  out.summary = summary;
  out.response_schema = "PermitKey";
  out.tag = "services";
  return out;
}

}  // namespace

void add_permit_key_routes(http::Router& router, const PermitKeysApi& api) {
  router.add_schema("PermitKey", key_schema);
  router.add_schema("PermitKeyList", list_schema);
  router.add_schema("PermitKeyWithdrawal", withdrawal_schema);
  http::Route list = route(Method::get, "/v1/permits/keys", http::Scope::services_read, "list_permit_keys",
                           "The keys that sign permits: standing by, current, retired, withdrawn.");
  list.response_schema = "PermitKeyList";
  router.add(std::move(list), [api](const Request&) {
    const Instant now = api.clock.now();
    std::string out;
    for (const PermitKey& key : api.keys.all()) out += (out.empty() ? "" : ",") + key_json(key, now);
    const auto next = api.keys.next_rotation(now);
    return Response::json(
        fmt::format(R"({{"keys":[{}],"rotation_days":{}{}}})", out,
                    std::chrono::duration<double, std::ratio<86400>>(api.keys.rotate_every()).count(),
                    next ? fmt::format(R"(,"next_rotation":"{}")", format_instant(*next)) : std::string()));
  });
  router.add(route(Method::post, "/v1/permits/keys/rotate", http::Scope::admin, "rotate_permit_key",
                   "The standby key signs permits as soon as it was announced for long enough."),
             [api](const Request& request) {
               const Instant now = api.clock.now();
               const auto done = api.keys.rotate(request.principal.actor(), now);
               return done ? Response::json(key_json(*done, now)) : registry::refuse(done.error());
             });
  http::Route withdraw =
      route(Method::post, "/v1/permits/keys/{key}/withdraw", http::Scope::admin, "withdraw_permit_key",
            "What this key has signed counts for nothing from here on; its permits are signed "
            "again by its successor.");
  withdraw.request_schema = "PermitKeyWithdrawal";
  router.add(std::move(withdraw), [api](const Request& request) {
    const auto body = registry::JsonBody::parse(request.body, {"reason"});
    if (!body) return registry::refuse(body.error());
    const auto reason = body->required("reason");
    if (!reason) return registry::refuse(reason.error());
    const Instant now = api.clock.now();
    const auto done =
        api.keys.withdraw(request.parameter("key"), std::string(*reason), request.principal.actor(), now);
    return done ? Response::json(key_json(*done, now)) : registry::refuse(done.error());
  });
}

}  // namespace dayaq::services
