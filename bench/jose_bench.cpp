// links: dayaq::crypto crypto
// figures: jose_sign jose_verify jose_dpop
// jose_sign: whole ES256 id_tokens (claims written, encoded, signed) a CPU-second of one core.
// jose_verify: ES256 access tokens taken apart, verified and their claims checked.
// jose_dpop: proofs of possession checked, with a key that was never seen before in each.
// Beside each OpenSSL's bare P-256 operation over a finished hash with everything prepared, as `openssl
// speed` does it: the limit. Measured in turns with it, best of 3, in CPU time of the thread.
#include <openssl/evp.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "crypto/ecdsa_der.hpp"
#include "crypto/jwt.hpp"
#include "crypto/jwt_dpop.hpp"
#include "crypto/sign.hpp"
#include "support.hpp"

using namespace dayaq;
using namespace dayaq::crypto;

namespace {

constexpr Instant now = Instant(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21));

double cpu_seconds(const std::function<void()>& work) {
  const auto read = [] {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
  };
  const double start = read();
  work();
  return read() - start;
}

struct Rates {
  double ours = 0;
  double bare = 0;
};
Rates measure(int count, const std::function<bool(int)>& ours, const std::function<bool(int)>& bare) {
  const auto rate = [&](const std::function<bool(int)>& one) {
    return count / cpu_seconds([&] {
             for (int i = 0; i < count; ++i) {
               if (!one(i)) std::abort();
             }
           });
  };
  Rates best;
  for (int round = 0; round < 3; ++round) {
    best.ours = std::max(best.ours, rate(ours));
    best.bare = std::max(best.bare, rate(bare));
  }
  return best;
}

std::string id_token_claims(int i) {
  return ClaimsWriter()
      .text("acr", "urn:dayaq:substantial")
      .text("at_hash", "MTIzNDU2Nzg5MDEyMzQ1Ng")
      .text("aud", "https://bank.example/client")
      .date("auth_time", now)
      .date("exp", now + std::chrono::minutes(10))
      .date("iat", now)
      .text("iss", "https://id.example")
      .text("jti", std::to_string(i))
      .text("nonce", "n-0S6_WzA2Mj")
      .text("sid", "08a5019c-17e1-4977-8f42-65a12843ea02")
      .text("sub", "pw-7f1de90c0ef24c0b9d1bce2f34a5")
      .finish();
}

class Everything final : public ReplayCache {
 public:
  Result<bool> first_use(std::string_view, Instant) override { return true; }
};

void show(const char* name, const char* unit, const char* goal, bool met, const Rates& rates) {
  bench::print({.name = name,
                .value = rates.ours,
                .unit = unit,
                .goal = goal,
                .met = met,
                .peer = "",
                .peer_value = {},
                .limit = "OpenSSL's bare P-256 operation",
                .limit_value = rates.bare});
}

}  // namespace

int main() {
  const auto key = std::make_shared<const JwkPrivate>(JwkPrivate::generate(JwsAlgorithm::es256));
  EVP_PKEY* bare_key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
  EVP_PKEY_CTX* signer = EVP_PKEY_CTX_new_from_pkey(nullptr, bare_key, nullptr);
  EVP_PKEY_CTX* verifier = EVP_PKEY_CTX_new_from_pkey(nullptr, bare_key, nullptr);
  if (EVP_PKEY_sign_init(signer) != 1 || EVP_PKEY_verify_init(verifier) != 1) return 1;
  const Sha256 hash = sha256(as_bytes("text"));
  const auto* digest = reinterpret_cast<const unsigned char*>(hash.data());
  std::array<unsigned char, 72> signature;
  std::size_t size = 0;
  const auto bare_sign = [&](int) {
    size = signature.size();
    return EVP_PKEY_sign(signer, signature.data(), &size, digest, hash.size()) == 1;
  };
  const auto bare_verify = [&](int) {
    return EVP_PKEY_verify(verifier, signature.data(), size, digest, hash.size()) == 1;
  };

  const JwsSigner jws(key, "JWT");
  const Rates sign =
      measure(20'000, [&](int i) { return jws.sign(id_token_claims(i)).size() > 300; }, bare_sign);
  show("jose_sign", "id_tokens/s per core", ">= 28,000", sign.ours >= 28'000, sign);

  const JwkSet keys({key->public_key()});
  const std::vector<std::string> audiences{"https://bank.example/client"};
  const JwsPolicy form{.algorithms = {JwsAlgorithm::es256}, .typ = "JWT"};
  const JwtPolicy policy{.issuer = "https://id.example", .audiences = audiences};
  std::vector<std::string> tokens;
  std::vector<std::string> proofs;
  for (int i = 0; i < 1000; ++i) {
    tokens.push_back(jws.sign(id_token_claims(i)));
    const JwkPrivate client = JwkPrivate::generate(JwsAlgorithm::es256);
    proofs.push_back(sign_compact(
        client, R"({"alg":"ES256","jwk":)" + client.public_key().bare_json() + R"(,"typ":"dpop+jwt"})",
        ClaimsWriter()
            .text("htm", "POST")
            .text("htu", "https://id.example/token")
            .date("iat", now)
            .text("jti", "j")
            .finish()));
  }
  const Rates verify = measure(
      8'000,
      [&](int i) { return verify_jwt(tokens[std::size_t(i) % 1000], keys, form, policy, now).has_value(); },
      bare_verify);
  show("jose_verify", "tokens/s per core", ">= 85 % of the limit", verify.ours >= 0.85 * verify.bare, verify);

  Everything replays;
  const DpopRequest request{.method = "POST", .url = "https://id.example/token"};
  const Rates dpop = measure(
      8'000,
      [&](int i) { return check_dpop(proofs[std::size_t(i) % 1000], request, {}, replays, now).has_value(); },
      bare_verify);
  show("jose_dpop", "proofs/s per core", ">= 70 % of the limit", dpop.ours >= 0.7 * dpop.bare, dpop);
  EVP_PKEY_CTX_free(signer);
  EVP_PKEY_CTX_free(verifier);
  EVP_PKEY_free(bare_key);
}
