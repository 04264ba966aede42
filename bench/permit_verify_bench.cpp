// links: dayaq::services_permit crypto
// figures: permit_verify
// permit_verify: permits checked as an inspector's device does it, from the text of the message to the
// answer: taken apart, the signature verified, the claims read, looked up in a list of 20,000 revoked ones. A
// CPU-second of one core. Beside it OpenSSL's bare Ed25519 verification of the same messages with the key
// prepared: the limit. Measured in turns with it, best of 3, in CPU time of the thread.
#include <openssl/evp.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "services/permit/list.hpp"
#include "support.hpp"

using namespace dayaq;
using namespace dayaq::services::permit;

namespace {

constexpr Instant now = Instant(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21));
constexpr int count = 10'000;

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

double rate(const std::function<bool(std::size_t)>& one) {
  return count / cpu_seconds([&] {
           for (std::size_t i = 0; i < count; ++i) {
             if (!one(i)) std::abort();
           }
         });
}

struct Signed {
  Bytes message, signature;
};

}  // namespace

int main() {
  const Issuer issuer(crypto::CoseSigner::generate(crypto::CoseAlgorithm::eddsa));
  std::vector<RevokedPermit> revoked;
  for (std::uint64_t i = 1; i <= 20'000; ++i) revoked.push_back({.id = i << 40, .kind = 1, .from = now});
  Keys keys;
  keys.add(issuer.public_key());
  const List list = make_list(std::move(revoked), {}, std::move(keys), now, std::chrono::hours(1));

  std::vector<std::string> texts;
  std::vector<Signed> bare;
  const crypto::CoseSigner signer = crypto::CoseSigner::generate(crypto::CoseAlgorithm::eddsa);
  for (std::uint64_t i = 0; i < count; ++i) {
    texts.push_back(sms_text(issuer.issue({.subject = "5ABC123",
                                           .id = (i << 41) + 1,
                                           .valid = {now, now + std::chrono::hours(3)},
                                           .kind = 1,
                                           .detail = "bazar"})));
    Bytes message(64, std::byte(7));  // the Sig_structure of such a permit
    for (int at = 0; at < 8; ++at) message[std::size_t(at)] = std::byte(i >> (8 * at) & 0xff);
    bare.push_back({message, signer.sign(message)});
  }
  const Bytes raw = raw_key(signer.public_key());
  EVP_PKEY* key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr,
                                              reinterpret_cast<const unsigned char*>(raw.data()), raw.size());
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  if (key == nullptr || context == nullptr) return 1;
  const auto as_unsigned = [](const Bytes& bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
  };

  double ours = 0, limit = 0;
  for (int round = 0; round < 3; ++round) {
    ours = std::max(ours, rate([&](std::size_t i) {
                      const auto token = parse_text(texts[i]);
                      const auto claims = token ? verify(*token, list.keys) : Result<Claims>(Claims());
                      return token && claims && list.judge(*claims, now) == Verdict::valid;
                    }));
    limit =
        std::max(limit, rate([&](std::size_t i) {
                   return EVP_DigestVerifyInit(context, nullptr, nullptr, nullptr, key) == 1 &&
                          EVP_DigestVerify(context, as_unsigned(bare[i].signature), bare[i].signature.size(),
                                           as_unsigned(bare[i].message), bare[i].message.size()) == 1 &&
                          EVP_MD_CTX_reset(context) == 1;
                 }));
  }
  bench::print({.name = "permit_verify",
                .value = ours,
                .unit = "permits/s a core",
                .goal = ">= 10,000/s",
                .met = ours >= 10'000,
                .peer = "",
                .peer_value = {},
                .limit = "OpenSSL's bare Ed25519 verification",
                .limit_value = limit});
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return 0;
}
