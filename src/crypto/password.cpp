#include "crypto/password.hpp"

#include <sodium.h>

#include <array>
#include <cstddef>

#include "base/result.hpp"

namespace dayaq::crypto {
namespace {

constexpr unsigned long long passes = 2;
constexpr std::size_t memory_bytes = 19 << 20;

void ready() {
  static const bool done = sodium_init() >= 0;
  DAYAQ_ASSERT(done);
}

}  // namespace

std::string hash_password(std::string_view password) {
  ready();
  std::array<char, crypto_pwhash_STRBYTES> line{};
  DAYAQ_ASSERT(crypto_pwhash_str_alg(line.data(), password.data(), password.size(), passes, memory_bytes,
                                     crypto_pwhash_ALG_ARGON2ID13) == 0);
  return line.data();
}

bool check_password(std::string_view hash, std::string_view password) {
  ready();
  std::array<char, crypto_pwhash_STRBYTES> line{};
  if (hash.size() >= line.size() || password.size() > password_size_max) return false;
  hash.copy(line.data(), hash.size());
  return crypto_pwhash_str_verify(line.data(), password.data(), password.size()) == 0;
}

}  // namespace dayaq::crypto
