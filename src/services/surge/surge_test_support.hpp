// What tests of the queue share.
#pragma once

#include "base/bytes.hpp"
#include "crypto/secret.hpp"

namespace dayaq::services::surge {

/// A key for tickets, the same for the same letter.
inline crypto::SecretBytes key(char fill = 'k') {
  Bytes bytes(32, std::byte(fill));
  return crypto::SecretBytes::take(bytes);
}

}  // namespace dayaq::services::surge
