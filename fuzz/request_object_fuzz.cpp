// links: dayaq::identity_oidc
// Signed requests: the input as a token, and as what a client signed. Nothing passes that the client's key
// didn't sign.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "identity/oidc/request_object.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::identity::oidc;
  static const crypto::JwkPrivate key = crypto::JwkPrivate::generate(crypto::JwsAlgorithm::eddsa);
  static const Client client = [] {
    Client made;
    made.id = "shop";
    made.keys = crypto::JwkSet({key.public_key()});
    return made;
  }();
  const Instant now = from_micros(1'800'000'000'000'000);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (read_request_object("https://id.example", client, text, now)) std::abort();
  const std::string token = crypto::sign_compact(key, R"({"alg":"EdDSA"})", text);
  const auto parameters = read_request_object("https://id.example", client, token, now);
  if (!parameters) return 0;
  if (parameters->get("client_id") != "shop") std::abort();
  if (parameters->has("request") || parameters->has("request_uri") || parameters->has("iss")) std::abort();
  return 0;
}
