// links: dayaq::identity
// Authenticator data by itself and inside an attestation object: its parts lie within it, and nothing that
// the fuzzer makes is attested by anybody.
#include <cstddef>
#include <cstdint>

#include "crypto/cbor.hpp"
#include "identity/webauthn.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::identity;
  const BytesView bytes = std::as_bytes(std::span(data, size));
  if (const auto read = webauthn::parse_authenticator_data(bytes)) {
    std::size_t used = 37 + read->extensions.size();
    if (read->attested) used += 18 + read->attested->credential_id.size() + read->attested->public_key.size();
    DAYAQ_ASSERT(used == size);
  }
  static const webauthn::RelyingParty party{"localhost", "Test", {"http://localhost"}};
  webauthn::RegistrationResponse response;
  const std::string_view client =
      R"({"type":"webauthn.create","challenge":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",)"
      R"("origin":"http://localhost"})";
  response.client_data.assign(as_bytes(client).begin(), as_bytes(client).end());
  response.attestation_object.assign(bytes.begin(), bytes.end());
  // The id that the object names, so that what lies behind that check is reached.
  if (const auto object = crypto::cbor::parse(bytes)) {
    if (const auto* inner = object->find("authData"); inner != nullptr && inner->as_bytes()) {
      if (const auto read = webauthn::parse_authenticator_data(*inner->as_bytes()); read && read->attested) {
        response.id.assign(read->attested->credential_id.begin(), read->attested->credential_id.end());
      }
    }
  }
  const auto made = verify_registration(
      response, {.party = party, .user_verification = webauthn::Need::discouraged, .now = from_micros(0)});
  DAYAQ_ASSERT(!made || made->attestation != webauthn::Attestation::basic);
  return 0;
}
