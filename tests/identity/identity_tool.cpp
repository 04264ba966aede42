// Puts passkeys and COSE to other people's verifiers: one JSON request a line in, one JSON answer a line out.
#include <fmt/core.h>

#include <boost/json.hpp>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>

#include "crypto/cose.hpp"
#include "identity/webauthn_json.hpp"

namespace {

namespace json = boost::json;
using namespace dayaq;
namespace webauthn = dayaq::identity::webauthn;

std::string text(const json::object& request, std::string_view name) {
  const auto* found = request.if_contains(json::string_view(name.data(), name.size()));
  return found != nullptr ? std::string(found->as_string()) : std::string();
}

Bytes bytes(const json::object& request, std::string_view name) {
  return from_base64url(text(request, name)).value();
}

struct Stand {
  webauthn::RelyingParty party;
  std::map<Bytes, std::pair<webauthn::Credential, Bytes>> credentials;  // and whose each is
  SystemRandom random;
  SystemClock clock;

  static json::object failed(const Error& error) { return {{"error", error.code}, {"detail", error.detail}}; }

  static json::object described(const webauthn::Credential& credential) {
    constexpr std::string_view names[] = {"none", "self", "basic", "untrusted", "not_verified"};
    return {{"id", to_base64url(credential.id)},
            {"publicKey", to_base64url(credential.public_key)},
            {"counter", credential.counter},
            {"aaguid", to_hex(credential.aaguid)},
            {"userVerified", credential.flags.user_verified},
            {"backupEligible", credential.flags.backup_eligible},
            {"backedUp", credential.flags.backed_up},
            {"attestation", names[static_cast<std::size_t>(credential.attestation)]},
            {"transports", json::array(credential.transports.begin(), credential.transports.end())}};
  }

  webauthn::Challenge challenge(const json::object& request) const {
    webauthn::Challenge out{};
    std::ranges::copy(bytes(request, "challenge"), out.begin());
    return out;
  }
  static webauthn::Need need(const json::object& request) {
    return text(request, "uv") == "discouraged" ? webauthn::Need::discouraged : webauthn::Need::required;
  }

  json::object answer(const json::object& request) {
    const std::string op = text(request, "op");
    if (op == "party") {
      party = {text(request, "id"), "Test", {text(request, "origin")}};
      return {};
    }
    if (op == "creation_options" || op == "request_options") {
      const auto made = webauthn::make_challenge(random);
      const auto known = text(request, "allow").empty()
                             ? std::vector<webauthn::KnownCredential>()
                             : std::vector<webauthn::KnownCredential>{{bytes(request, "allow"), {}}};
      const auto policy = text(request, "attestation") == "direct" ? webauthn::AttestationPolicy::required
                                                                   : webauthn::AttestationPolicy::optional;
      const std::string options =
          op == "request_options"
              ? to_json(webauthn::RequestOptions{
                    .party = party, .challenge = made, .allow = known, .user_verification = need(request)})
              : to_json(webauthn::CreationOptions{.party = party,
                                                  .user_handle = bytes(request, "user"),
                                                  .user_name = "person",
                                                  .display_name = "A person",
                                                  .challenge = made,
                                                  .exclude = known,
                                                  .user_verification = need(request),
                                                  .attestation = policy});
      return {{"options", json::parse(options)}};
    }
    if (op == "register") return enrol(request);
    if (op == "login") return login(request);
    if (op == "cbor") {
      const Bytes raw = bytes(request, "bytes");
      const auto value = crypto::cbor::parse(raw);
      if (!value) return failed(value.error());
      return {{"bytes", to_base64url(encode(*value))}};
    }
    if (op == "cose_sign") return sign(request);
    if (op == "cose_verify") return verify(request);
    return {{"error", "op"}};
  }

  json::object enrol(const json::object& request) {
    const auto response = webauthn::parse_registration(json::serialize(request.at("response")));
    if (!response) return failed(response.error());
    std::vector<Bytes> anchors;
    if (request.contains("anchor")) anchors.push_back(bytes(request, "anchor"));
    const auto policy = text(request, "policy") == "required" ? webauthn::AttestationPolicy::required
                                                              : webauthn::AttestationPolicy::optional;
    const auto made = verify_registration(*response, {.party = party,
                                                      .challenge = challenge(request),
                                                      .user_verification = need(request),
                                                      .attestation = policy,
                                                      .anchors = anchors,
                                                      .now = clock.now()});
    if (!made) return failed(made.error());
    credentials[made->id] = {*made, bytes(request, "user")};
    return described(*made);
  }

  json::object login(const json::object& request) {
    const auto response = webauthn::parse_assertion(json::serialize(request.at("response")));
    if (!response) return failed(response.error());
    const auto found = credentials.find(response->id);
    if (found == credentials.end()) return {{"error", "unknown"}};
    auto& [credential, user] = found->second;
    std::vector<Bytes> allowed;
    if (!text(request, "allow").empty()) allowed.push_back(bytes(request, "allow"));
    const auto made = verify_assertion(*response, credential,
                                       {.party = party,
                                        .challenge = challenge(request),
                                        .user_verification = need(request),
                                        .allowed = allowed,
                                        .user_handle = user});
    if (!made) return failed(made.error());
    if (made->counting != webauthn::Counter::repeated) credential.counter = made->counter;
    return {{"counter", made->counter}, {"repeated", made->counting == webauthn::Counter::repeated}};
  }

  static json::object sign(const json::object& request) {
    const auto signer = crypto::CoseSigner::from_pem(text(request, "pem"));
    if (!signer) return failed(signer.error());
    const Bytes made =
        cose_sign1(bytes(request, "payload"), *signer, bytes(request, "kid"), bytes(request, "aad"));
    return {{"message", to_base64url(made)}, {"key", to_base64url(signer->public_key().encode())}};
  }

  static json::object verify(const json::object& request) {
    const Bytes raw = bytes(request, "message");
    const auto key = crypto::CoseKey::parse(bytes(request, "key"));
    if (!key) return failed(key.error());
    const auto message = crypto::parse_cose_sign1(raw);
    if (!message) return failed(message.error());
    const auto payload = verify_cose_sign1(*message, *key, bytes(request, "aad"));
    if (!payload) return failed(payload.error());
    return {{"payload", to_base64url(*payload)}};
  }
};

}  // namespace

int main() {
  Stand stand;
  std::string line;
  while (std::getline(std::cin, line)) {
    fmt::print("{}\n", json::serialize(stand.answer(json::parse(line).as_object())));
    std::fflush(stdout);
  }
}
