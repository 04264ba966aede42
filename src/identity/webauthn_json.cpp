#include "identity/webauthn_json.hpp"

#include <boost/json.hpp>

namespace dayaq::identity::webauthn {
namespace {

namespace json = boost::json;

std::unexpected<Error> bad(std::string_view what) {
  return fail(ErrorKind::invalid_input, "webauthn.response", "The browser's answer can't be read.",
              std::string(what));
}

std::string_view to_text(Need need) {
  return need == Need::required ? "required" : need == Need::preferred ? "preferred" : "discouraged";
}

json::array descriptors(const std::vector<KnownCredential>& credentials) {
  json::array out;
  for (const KnownCredential& credential : credentials) {
    json::object one{{"type", "public-key"}, {"id", to_base64url(credential.id)}};
    if (!credential.transports.empty())
      one["transports"] = json::array(credential.transports.begin(), credential.transports.end());
    out.push_back(std::move(one));
  }
  return out;
}

Result<json::object> read(std::string_view text) {
  if (text.size() > response_size_max) return bad("too long");
  boost::system::error_code code;
  json::value value = json::parse(json::string_view(text.data(), text.size()), code, {}, {.max_depth = 8});
  if (code || !value.is_object()) return bad("not a JSON object");
  json::object& object = value.get_object();
  const auto* type = object.if_contains("type");
  const auto* response = object.if_contains("response");
  if (type == nullptr || *type != "public-key" || response == nullptr || !response->is_object())
    return bad("type or response");
  return std::move(object);
}

Result<Bytes> bytes(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(json::string_view(name.data(), name.size()));
  if (found == nullptr || !found->is_string()) return bad(name);
  const auto decoded =
      from_base64url(std::string_view(found->get_string().data(), found->get_string().size()));
  if (!decoded || decoded->empty()) return bad(name);
  return *decoded;
}

Result<Bytes> identifier(const json::object& object) {
  DAYAQ_TRY(Bytes id, bytes(object, "id"));
  DAYAQ_TRY(const Bytes raw, bytes(object, "rawId"));
  if (id != raw || id.size() > credential_id_size_max) return bad("id and rawId");
  return id;
}

}  // namespace

std::string to_json(const CreationOptions& options) {
  json::array algorithms;
  for (const auto algorithm :
       {crypto::CoseAlgorithm::es256, crypto::CoseAlgorithm::eddsa, crypto::CoseAlgorithm::rs256}) {
    algorithms.push_back(json::object{{"type", "public-key"}, {"alg", static_cast<std::int64_t>(algorithm)}});
  }
  const bool attested = options.attestation == AttestationPolicy::required;
  return json::serialize(json::object{
      {"rp", {{"id", options.party.id}, {"name", options.party.name}}},
      {"user",
       {{"id", to_base64url(options.user_handle)},
        {"name", options.user_name},
        {"displayName", options.display_name}}},
      {"challenge", to_base64url(options.challenge)},
      {"pubKeyCredParams", std::move(algorithms)},
      {"timeout", options.timeout.count()},
      {"excludeCredentials", descriptors(options.exclude)},
      {"authenticatorSelection",
       {{"residentKey", "required"},
        {"requireResidentKey", true},
        {"userVerification", to_text(options.user_verification)}}},
      {"attestation", attested ? "direct" : "none"},
  });
}

std::string to_json(const RequestOptions& options) {
  return json::serialize(json::object{
      {"challenge", to_base64url(options.challenge)},
      {"timeout", options.timeout.count()},
      {"rpId", options.party.id},
      {"allowCredentials", descriptors(options.allow)},
      {"userVerification", to_text(options.user_verification)},
  });
}

Result<RegistrationResponse> parse_registration(std::string_view text) {
  DAYAQ_TRY(const json::object object, read(text));
  const json::object& response = object.at("response").get_object();
  RegistrationResponse out;
  DAYAQ_TRY(out.id, identifier(object));
  DAYAQ_TRY(out.client_data, bytes(response, "clientDataJSON"));
  DAYAQ_TRY(out.attestation_object, bytes(response, "attestationObject"));
  if (const auto* transports = response.if_contains("transports")) {
    if (!transports->is_array() || transports->get_array().size() > 16) return bad("transports");
    for (const auto& one : transports->get_array()) {
      if (!one.is_string()) return bad("transports");
      out.transports.emplace_back(one.get_string().data(), one.get_string().size());
    }
  }
  return out;
}

Result<AssertionResponse> parse_assertion(std::string_view text) {
  DAYAQ_TRY(const json::object object, read(text));
  const json::object& response = object.at("response").get_object();
  AssertionResponse out;
  DAYAQ_TRY(out.id, identifier(object));
  DAYAQ_TRY(out.client_data, bytes(response, "clientDataJSON"));
  DAYAQ_TRY(out.authenticator_data, bytes(response, "authenticatorData"));
  DAYAQ_TRY(out.signature, bytes(response, "signature"));
  if (const auto* handle = response.if_contains("userHandle"); handle != nullptr && !handle->is_null()) {
    DAYAQ_TRY(out.user_handle, bytes(response, "userHandle"));
    if (out.user_handle.size() > 64) return bad("userHandle");
  }
  return out;
}

}  // namespace dayaq::identity::webauthn
