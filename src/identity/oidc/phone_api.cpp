// The routes that the phone's program calls. JSON in and out; what proves who calls is the signature in it.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>

#include "crypto/cose.hpp"
#include "http/encoding.hpp"
#include "identity/oidc/phone.hpp"
#include "identity/oidc/provider.hpp"

namespace dayaq::identity::oidc {
namespace {

namespace json = boost::json;
using http::Request;
using http::Response;

constexpr std::size_t body_max = 8 << 10;
constexpr std::size_t address_max = 300;

std::unexpected<Error> malformed(std::string_view field) {
  return fail_field("phone.request", std::string(field),
                    fmt::format("`{}` is missing or isn't what it should be: see docs/phone.md.", field));
}

/// The fields of a request, each asked for once.
class Fields {
 public:
  static Result<Fields> read(std::string_view body) {
    boost::system::error_code failed;
    json::value value = json::parse(body, failed);
    if (failed || !value.is_object()) return malformed("body");
    return Fields(std::move(value.as_object()));
  }
  [[nodiscard]] Result<std::string> text(std::string_view name, std::size_t max) const {
    const json::value* found = object_.if_contains(name);
    if (found == nullptr || !found->is_string() || found->get_string().size() > max) return malformed(name);
    return std::string(found->get_string());
  }
  [[nodiscard]] std::string text_or_nothing(std::string_view name, std::size_t max) const {
    return text(name, max).value_or("");
  }
  [[nodiscard]] Result<std::uint64_t> id(std::string_view name) const {
    DAYAQ_TRY(const std::string written, text(name, 20));
    std::uint64_t out = 0;
    const auto [end, error] = std::from_chars(written.data(), written.data() + written.size(), out);
    if (error != std::errc() || end != written.data() + written.size()) return malformed(name);
    return out;
  }
  [[nodiscard]] Result<Bytes> bytes(std::string_view name, std::size_t max) const {
    DAYAQ_TRY(const std::string written, text(name, max * 4 / 3 + 4));
    auto out = from_base64url(written);
    if (!out || out->size() > max) return malformed(name);
    return std::move(*out);
  }
  [[nodiscard]] Result<bool> yes(std::string_view name) const {
    const json::value* found = object_.if_contains(name);
    if (found == nullptr || !found->is_bool()) return malformed(name);
    return found->get_bool();
  }
  /// A public key as JWK (RFC 7517): EC P-256, or OKP Ed25519.
  [[nodiscard]] Result<crypto::CoseKey> jwk(std::string_view name) const {
    const json::value* found = object_.if_contains(name);
    if (found == nullptr || !found->is_object()) return malformed(name);
    const Fields key(found->as_object());
    const std::string kind = key.text_or_nothing("kty", 8) + ' ' + key.text_or_nothing("crv", 16);
    if (kind != "EC P-256" && kind != "OKP Ed25519") return malformed(name);
    DAYAQ_TRY(const Bytes x, key.bytes("x", 32));
    if (x.size() != 32) return malformed(name);
    if (kind == "OKP Ed25519") return crypto::CoseKey::from_ed25519(x);
    DAYAQ_TRY(const Bytes y, key.bytes("y", 32));
    if (y.size() != 32) return malformed(name);
    return crypto::CoseKey::from_p256(x, y);
  }

 private:
  explicit Fields(json::object object) : object_(std::move(object)) {}
  json::object object_;
};

Response answer(const json::value& body, int status = 200) {
  Response response = Response::json(json::serialize(body), status);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

Result<Response> add_key(const Provider& provider, const Request& request) {
  DAYAQ_TRY(const Fields fields, Fields::read(request.body));
  PhoneKey key;
  DAYAQ_TRY(key.code, fields.text("code", 1000));
  DAYAQ_TRY(const crypto::CoseKey public_key, fields.jwk("jwk"));
  key.public_key = public_key.encode();
  key.name = fields.text_or_nothing("name", 60);
  key.address = fields.text_or_nothing("address", address_max);
  DAYAQ_TRY(key.signature, fields.bytes("signature", 64));
  DAYAQ_TRY(const Authenticator made, register_phone(provider, key, provider.clock.now()));
  return answer(json::object{{"person", fmt::format("{}", made.person)},
                             {"device", fmt::format("{}", made.id)},
                             {"assurance", http::to_string(made.assurance)}},
                201);
}

json::array strings(std::span<const std::string> texts) {
  return json::array(texts.begin(), texts.end());
}

json::object named(const Client& client, Language language) {
  return {{"client", client.id},
          {"client_name", client.name.in(language)},
          {"organisation", client.organisation.value()}};
}

Result<Response> list(const Provider& provider, const Request& request) {
  DAYAQ_TRY(const Fields fields, Fields::read(request.body));
  DAYAQ_TRY(const std::uint64_t person, fields.id("person"));
  DAYAQ_TRY(const std::uint64_t device, fields.id("device"));
  PhoneAsks asks{.person = PersonId(person), .device = AuthenticatorId(device), .time = {}, .signature = {}};
  DAYAQ_TRY(asks.time, fields.text("time", 40));
  DAYAQ_TRY(asks.signature, fields.bytes("signature", 64));
  DAYAQ_TRY(const Waiting waiting, waiting_for_phone(provider, asks, provider.clock.now()));
  json::array all;
  for (const Confirmation& one : waiting.browsers) {
    json::object row;
    if (const auto client = provider.clients.find(one.client)) row = named(*client, request.language);
    row["kind"] = "sign_in";
    row["id"] = fmt::format("{}", one.id);
    row["asked"] = format_instant(one.asked);
    row["expires"] = format_instant(one.expires);
    row["network"] = one.network;
    row["numbers"] = strings(number_choices(one));
    all.push_back(std::move(row));
  }
  for (const CibaRequest& one : waiting.clients) {
    json::object row = named(*one.client, request.language);
    row["kind"] = "request";
    row["id"] = one.id;
    row["purpose"] = one.client->purpose.in(request.language);
    row["binding_message"] = one.binding_message;
    row["scopes"] = strings(one.scopes);
    row["expires"] = format_instant(one.expires);
    all.push_back(std::move(row));
  }
  return answer(json::object{{"confirmations", std::move(all)}});
}

Result<Response> decide(const Provider& provider, const Request& request) {
  DAYAQ_TRY(const Fields fields, Fields::read(request.body));
  DAYAQ_TRY(const std::uint64_t person, fields.id("person"));
  DAYAQ_TRY(const std::uint64_t device, fields.id("device"));
  DAYAQ_TRY(const std::string kind, fields.text("kind", 20));
  DAYAQ_TRY(const bool agreed, fields.yes("agreed"));
  DAYAQ_TRY(const Bytes signature, fields.bytes("signature", 64));
  const Instant now = provider.clock.now();
  if (kind == "request") {
    DAYAQ_TRY(const std::string id, fields.text("id", 100));
    DAYAQ_TRY_OK(decide_ciba_by_phone(provider, PersonId(person), AuthenticatorId(device), id, agreed,
                                      signature, now));
    return answer(json::object{{"state", agreed ? "confirmed" : "denied"}});
  }
  if (kind != "sign_in") return malformed("kind");
  DAYAQ_TRY(const std::uint64_t id, fields.id("id"));
  const std::string number = fields.text_or_nothing("number", 4);
  DAYAQ_TRY(const Confirmation::Stage stage, provider.db.write([&](store::Session& db) {
    return confirm_by_device(db, provider.accounts, PersonId(person), AuthenticatorId(device),
                             ConfirmationId(id), agreed, number, signature, now);
  }));
  return answer(json::object{{"state", stage == Confirmation::Stage::confirmed ? "confirmed" : "denied"}});
}

}  // namespace

void add_phone_routes(http::Router& router, const Provider& provider) {
  struct Entry {
    const char* pattern;
    const char* operation;
    const char* summary;
    const char* open;
    Result<Response> (*handler)(const Provider&, const Request&);
  };
  constexpr Entry entries[] = {
      {"/v1/phone/keys", "add_phone_key",
       "The phone's program becomes a way to sign in: its public key, by the code "
       "that a signed-in page shows.",
       "the code in it is the right, and the key signs it", add_key},
      {"/v1/phone/confirmations", "list_phone_confirmations", "What waits for the person's confirmation.",
       "the phone's key signs it", list},
      {"/v1/phone/decisions", "decide_by_phone", "Confirms or refuses what waits.",
       "the phone's key signs it", decide}};
  for (const Entry& entry : entries) {
    http::Route route;
    route.method = http::Method::post;
    route.pattern = entry.pattern;
    route.operation = entry.operation;
    route.summary = entry.summary;
    route.open = entry.open;
    route.body_max = body_max;
    route.request_media = "application/json";
    route.tag = "identity";
    router.add(std::move(route), [&provider, handler = entry.handler](const Request& request) -> Response {
      auto made = handler(provider, request);
      return made ? std::move(*made) : http::problem(made.error());
    });
  }
}

}  // namespace dayaq::identity::oidc
