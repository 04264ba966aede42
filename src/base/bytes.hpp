// Bytes: spans, hex and base64.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace dayaq {

using Bytes = std::vector<std::byte>;
using BytesView = std::span<const std::byte>;

[[nodiscard]] inline BytesView as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
[[nodiscard]] inline std::string_view as_text(BytesView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[nodiscard]] std::string to_hex(BytesView bytes);
/// Lower- or upper-case digits, an even number of them. invalid_input "bytes.hex".
[[nodiscard]] Result<Bytes> from_hex(std::string_view text);
/// RFC 4648 section 4, with padding.
[[nodiscard]] std::string to_base64(BytesView bytes);
/// Strict: padding required, no white space. invalid_input "bytes.base64".
[[nodiscard]] Result<Bytes> from_base64(std::string_view text);
/// RFC 4648 section 5, without padding.
[[nodiscard]] std::string to_base64url(BytesView bytes);
[[nodiscard]] Result<Bytes> from_base64url(std::string_view text);

/// Fixed-width little-endian numbers, for our own on-disk formats.
template <class Int>
void put_le(Bytes& out, Int value) {
  for (std::size_t i = 0; i < sizeof(Int); ++i) {
    out.push_back(std::byte(static_cast<std::uint64_t>(value) >> (8 * i) & 0xff));
  }
}

/// Takes a little-endian number off the front; false (and nothing taken) if too few bytes are left.
template <class Int>
[[nodiscard]] bool take_le(BytesView& in, Int& out) {
  if (in.size() < sizeof(Int)) return false;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(Int); ++i) value |= std::uint64_t(in[i]) << (8 * i);
  out = static_cast<Int>(value);
  in = in.subspan(sizeof(Int));
  return true;
}

}  // namespace dayaq
