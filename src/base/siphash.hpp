// SipHash-2-4, 64-bit output: a keyed hash for pseudonyms and hash tables that strangers fill.
// @see Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.hpp"

namespace dayaq {

struct SipKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
  friend bool operator==(const SipKey&, const SipKey&) = default;
};

/// The first 16 bytes, little-endian as in the paper.
[[nodiscard]] SipKey sip_key(std::span<const std::byte, 16> bytes);
[[nodiscard]] std::uint64_t siphash(const SipKey& key, BytesView message);
[[nodiscard]] inline std::uint64_t siphash(const SipKey& key, std::string_view message) {
  return siphash(key, as_bytes(message));
}

}  // namespace dayaq
