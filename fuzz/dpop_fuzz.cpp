// links: dayaq::crypto
// Proofs of possession: as they came, and with the input as claims under a real signature. What passes was
// made for this request and passes once; a normalised address stays as it is.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>

#include "crypto/jwt_dpop.hpp"

namespace {

class Seen final : public dayaq::crypto::ReplayCache {
 public:
  dayaq::Result<bool> first_use(std::string_view id, dayaq::Instant) override {
    return ids_.emplace(id).second;
  }

 private:
  std::set<std::string> ids_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::crypto;
  static const JwkPrivate key = JwkPrivate::generate(JwsAlgorithm::eddsa);
  static const std::string header =
      R"({"alg":"EdDSA","jwk":)" + key.public_key().bare_json() + R"(,"typ":"dpop+jwt"})";
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Instant now = from_micros(1'800'000'000'000'000);
  const DpopRequest request{.method = "POST", .url = "https://id.example/token"};
  const DpopPolicy policy;
  if (const auto url = normalise_htu(text)) {
    if (normalise_htu(*url) != url || url->find_first_of("?# \n") != std::string::npos) std::abort();
  }
  for (const bool sign : {false, true}) {
    const std::string proof = sign ? sign_compact(key, header, text) : std::string(text);
    Seen seen;
    const auto checked = check_dpop(proof, request, policy, seen, now);
    if (!checked) continue;
    if (checked->id.empty() || checked->issued < now - policy.age_max ||
        checked->issued > now + policy.ahead_max)
      std::abort();
    const auto again = check_dpop(proof, request, policy, seen, now);
    if (again || again.error().code != "dpop.replay") std::abort();
  }
  if (is_pkce_verifier(text) && !is_pkce_challenge(sha256_base64url(text))) std::abort();
  return 0;
}
