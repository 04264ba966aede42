// Bytes that must not linger: not copyable, wiped when destroyed, never formatted.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <span>

#include "base/bytes.hpp"

namespace dayaq::crypto {

/// A key or password in memory. Moving leaves nothing behind in the source.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::size_t size) : bytes_(size) {}  ///< zeros, to be filled through writable()
  /// Copies `source` and wipes it, so that one copy is left.
  static SecretBytes take(std::span<std::byte> source);

  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  SecretBytes(SecretBytes&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  ~SecretBytes();

  [[nodiscard]] BytesView view() const { return bytes_; }
  [[nodiscard]] std::span<std::byte> writable() { return bytes_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }

  friend std::ostream& operator<<(std::ostream&, const SecretBytes&) = delete;

 private:
  Bytes bytes_;  // never grows, so that no old buffer is left unwiped
};

/// Overwrites memory in a way the compiler may not remove.
void wipe(std::span<std::byte> bytes) noexcept;

}  // namespace dayaq::crypto
