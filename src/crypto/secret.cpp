#include "crypto/secret.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

namespace dayaq::crypto {

void wipe(std::span<std::byte> bytes) noexcept {
  OPENSSL_cleanse(bytes.data(), bytes.size());
}

SecretBytes SecretBytes::take(std::span<std::byte> source) {
  SecretBytes secret(source.size());
  std::ranges::copy(source, secret.bytes_.begin());
  wipe(source);
  return secret;
}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    wipe(bytes_);
    bytes_ = std::move(other.bytes_);
    other.bytes_.clear();
  }
  return *this;
}

SecretBytes::~SecretBytes() {
  wipe(bytes_);
}

}  // namespace dayaq::crypto
