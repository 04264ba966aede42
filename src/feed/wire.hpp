// What the feed's signed formats share: texts, a reader that fails once, the length and the signature. Not
// for other rooms.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "crypto/sign.hpp"

namespace dayaq::feed {

inline constexpr std::size_t text_max = 64;
inline constexpr std::size_t signature_bytes = 64;

/// The error codes of one format.
struct WireCodes {
  std::string_view truncated, limit, value;
};

inline void put_text(Bytes& out, const std::string& text) {
  DAYAQ_ASSERT(text.size() <= text_max);
  put_le(out, std::uint8_t(text.size()));
  const auto bytes = as_bytes(text);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// Writes the whole's length at `length_at`, then signs all before the signature.
inline void seal(Bytes& out, std::size_t length_at, std::size_t bytes_max, const crypto::SigningKey& key) {
  const auto length = std::uint32_t(out.size() + signature_bytes);
  DAYAQ_ASSERT(length <= bytes_max);
  for (std::size_t i = 0; i < 4; ++i) out[length_at + i] = std::byte(length >> (8 * i) & 0xff);
  const crypto::Signature signature = key.sign(out);
  out.insert(out.end(), signature.begin(), signature.end());
}

/// Whether the last bytes are the signature of the rest by one of `keys`.
[[nodiscard]] inline bool is_sealed(BytesView whole, std::span<const crypto::PublicKey> keys) {
  const BytesView content = whole.first(whole.size() - signature_bytes);
  const BytesView signature = whole.last(signature_bytes);
  return std::ranges::any_of(keys, [&](const auto& key) { return crypto::verify(key, content, signature); });
}

/// Reads what was put. After the first thing that isn't there everything reads as 0 and `ok` is false.
class WireReader {
 public:
  WireReader(BytesView in, const WireCodes& codes) : in_(in), codes_(codes) {}

  template <class Int>
  Int number() {
    Int value{};
    if (!take_le(in_, value)) broken(codes_.truncated);
    return value;
  }
  /// An enumerator not above `last`.
  template <class Enum>
  Enum enumerator(Enum last) {
    const auto value = number<std::uint8_t>();
    if (value > std::uint8_t(last)) broken(codes_.value);
    return Enum(value);
  }
  std::string text() {
    const std::size_t length = number<std::uint8_t>();
    if (length > text_max) broken(codes_.limit);
    if (length > in_.size()) broken(codes_.truncated);
    if (!ok()) return {};
    std::string out(as_text(in_.first(length)));
    in_ = in_.subspan(length);
    return out;
  }
  /// A count of things of at least `least` bytes each.
  std::size_t count(std::size_t count, std::size_t most, std::size_t least) {
    if (count > most) broken(codes_.limit);
    if (count > in_.size() / least) broken(codes_.truncated);
    return ok() ? count : 0;
  }
  void broken(std::string_view code) {
    if (code_.empty()) code_ = code;
  }
  [[nodiscard]] bool ok() const { return code_.empty(); }
  [[nodiscard]] std::string_view code() const { return code_; }
  [[nodiscard]] BytesView rest() const { return in_; }

 private:
  BytesView in_;
  const WireCodes& codes_;
  std::string_view code_;
};

}  // namespace dayaq::feed
