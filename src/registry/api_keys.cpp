#include <fmt/format.h>

#include <charconv>

#include "http/encoding.hpp"
#include "registry/api.hpp"
#include "registry/json_body.hpp"

namespace dayaq::registry {
namespace {

constexpr std::chrono::seconds grace_usual = std::chrono::hours(24);
constexpr std::uint64_t grace_max_s = 90 * 86400;

std::string key_json(const ApiKey& key, const Registry& registry) {
  std::string scopes;
  for (std::size_t i = 1; i < http::scope_count; ++i) {
    if ((key.scopes >> i & 1) == 0) continue;
    scopes += fmt::format("{}\"{}\"", scopes.empty() ? "" : ",", to_string(static_cast<http::Scope>(i)));
  }
  const auto end = [](Instant t) {
    return t == instant_max ? "null" : fmt::format("\"{}\"", format_instant(t));
  };
  return fmt::format(
      R"("key":{},"organisation":"{}","name":{},"scopes":[{}],"created":"{}","expires":{},"revoked":{})",
      key.id, registry.organisations.at(key.organisation)->code, http::json_string(key.name), scopes,
      format_instant(key.created), end(key.expires), end(key.revoked));
}

http::Response issued(const Result<IssuedKey>& key, const Registry& registry) {
  if (!key) return refuse(key.error());
  return http::Response::json(fmt::format(R"({{{},"token":"{}"}})", key_json(key->key, registry), key->token),
                              201);
}

Result<CreateKey> parse_create(const http::Request& request, const Registry& registry) {
  DAYAQ_TRY(const JsonBody body,
            JsonBody::parse(request.body, {"organisation", "name", "scopes[]", "expires"}));
  CreateKey out;
  DAYAQ_TRY(const auto code, body.required("organisation"));
  const auto organisation = registry.organisations.find(code);
  if (!organisation) {
    return fail_field("registry.organisation", "organisation", "There is no organisation with this code.");
  }
  out.organisation = *organisation;
  DAYAQ_TRY(out.name, body.required("name"));
  DAYAQ_TRY(const auto scopes, body.list("scopes[]"));
  for (const std::string_view text : scopes) {
    DAYAQ_TRY(const http::Scope scope, http::parse_scope(text));
    out.scopes |= 1u << static_cast<unsigned>(scope);
  }
  DAYAQ_TRY(const auto expires, body.text("expires"));
  if (expires) {
    DAYAQ_TRY(out.expires, registry.country.zone().parse_local(*expires));
  }
  return out;
}

Result<std::uint64_t> key_id_of(const http::Request& request) {
  const std::string& text = request.parameter("key");
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error == std::errc() && end == text.data() + text.size()) return id;
  return fail(ErrorKind::not_found, "key.unknown", "There is no key with this number.");
}

Result<std::chrono::seconds> parse_grace(const http::Request& request) {
  if (request.body.empty()) return grace_usual;
  DAYAQ_TRY(const JsonBody body, JsonBody::parse(request.body, {"grace_s"}));
  DAYAQ_TRY(const auto grace, body.number("grace_s"));
  if (!grace) return grace_usual;
  if (*grace > grace_max_s)
    return fail_field("key.grace", "grace_s", "The old key may live on for 90 days at most.");
  return std::chrono::seconds(*grace);
}

http::Response rotate_route(const http::Request& request, const ApiContext& context) {
  const auto id = key_id_of(request);
  if (!id) return refuse(id.error());
  const auto grace = parse_grace(request);
  if (!grace) return refuse(grace.error());
  const KeySecret secret = draw_key_secret(context.random);
  return issued(context.db.write([&](store::Session& session) {
    return rotate_key(session, context.registry, context.keys, *id, *grace, secret,
                      request.principal.actor());
  }),
                context.registry);
}

http::Response revoke_route(const http::Request& request, const ApiContext& context) {
  const auto id = key_id_of(request);
  if (!id) return refuse(id.error());
  const auto key = context.db.write([&](store::Session& session) {
    return revoke_key(session, context.registry, context.keys, *id, request.principal.actor());
  });
  if (!key) return refuse(key.error());
  return http::Response::json(fmt::format("{{{}}}", key_json(*key, context.registry)));
}

constexpr const char* key_schema = R"json({"type":"object","properties":{"key":{"type":"integer"},
  "organisation":{"type":"string"},"name":{"type":"string"},"scopes":{"type":"array",
    "items":{"type":"string"}},
  "created":{"type":"string"},"expires":{"type":["string","null"]},"revoked":{"type":["string","null"]},
  "token":{"type":"string","description":"Shown once, when the key is created or rotated."}}})json";

}  // namespace

void add_key_routes(http::Router& router, const ApiContext& context) {
  router.add_schema("Key", key_schema);
  router.add_schema("KeyList",
                    R"json({"type":"object","properties":{"keys":{"type":"array",
                       "items":{"$ref":"#/components/schemas/Key"}}}})json");
  router.add_schema("KeyBody", R"json({"type":"object","additionalProperties":false,
    "required":["organisation","name","scopes"],"properties":{"organisation":{"type":"string"},
    "name":{"type":"string"},"scopes":{"type":"array",
    "items":{"type":"string"}},"expires":{"type":"string"}}})json");
  router.add_schema("KeyGrace", R"json({"type":"object","additionalProperties":false,"properties":{
    "grace_s":{"type":"integer","description":"How long the old key lives on; a day if left out."}}})json");
  const auto route = [](http::Method method, const char* pattern, const char* operation, const char* summary,
                        const char* request, const char* response) {
    return http::Route{.method = method,
                       .pattern = pattern,
                       .scope = http::Scope::admin,
                       .operation = operation,
                       .summary = summary,
                       .request_schema = request,
                       .response_schema = response,
                       .tag = "registry"};
  };
  router.add(
      route(http::Method::get, "/v1/keys", "list_keys", "All API keys, ended ones too.", "", "KeyList"),
      [context](const http::Request&) {
        std::string out = R"({"keys":[)";
        const char* comma = "";
        for (const ApiKey& key : context.keys.all()) {
          out += fmt::format("{}{{{}}}", std::exchange(comma, ","), key_json(key, context.registry));
        }
        return http::Response::json(out + "]}");
      });
  router.add(route(http::Method::post, "/v1/keys", "create_key",
                   "Creates an API key; its token is shown once.", "KeyBody", "Key"),
             [context](const http::Request& request) {
               const auto create = parse_create(request, context.registry);
               if (!create) return refuse(create.error());
               const KeySecret secret = draw_key_secret(context.random);
               return issued(context.db.write([&](store::Session& session) {
                 return create_key(session, context.registry, context.keys, *create, secret,
                                   request.principal.actor());
               }),
                             context.registry);
             });
  router.add(route(http::Method::post, "/v1/keys/{key}/rotate", "rotate_key",
                   "A new key with the old one's rights; the old one ends after a grace.", "KeyGrace", "Key"),
             [context](const http::Request& request) { return rotate_route(request, context); });
  router.add(route(http::Method::post, "/v1/keys/{key}/revoke", "revoke_key", "Ends a key now.", "", "Key"),
             [context](const http::Request& request) { return revoke_route(request, context); });
}

}  // namespace dayaq::registry
