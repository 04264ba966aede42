#include "base/bytes.hpp"

namespace dayaq {
namespace {

constexpr std::string_view standard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url_safe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode64(BytesView bytes, std::string_view alphabet, bool padded) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  std::size_t i = 0;
  const auto at = [&](std::size_t k) { return static_cast<std::uint32_t>(bytes[k]); };
  for (; i + 2 < bytes.size(); i += 3) {
    const std::uint32_t v = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    for (int shift = 18; shift >= 0; shift -= 6) out += alphabet[v >> shift & 63];
  }
  const std::size_t left = bytes.size() - i;
  if (left > 0) {
    const std::uint32_t v = at(i) << 16 | (left == 2 ? at(i + 1) << 8 : 0);
    out += alphabet[v >> 18 & 63];
    out += alphabet[v >> 12 & 63];
    if (left == 2) out += alphabet[v >> 6 & 63];
    if (padded) out.append(3 - left, '=');
  }
  return out;
}

using Digits = std::array<std::uint8_t, 256>;  // a character's digit; 255: it isn't one

constexpr Digits digits_of(std::string_view alphabet) {
  Digits digits;
  digits.fill(255);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    digits[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return digits;
}
constexpr Digits standard_digits = digits_of(standard);
constexpr Digits url_safe_digits = digits_of(url_safe);

Result<Bytes> decode64(std::string_view text, const Digits& digits, bool padded) {
  const auto bad = [] { return fail(ErrorKind::invalid_input, "bytes.base64", "This is not valid base64."); };
  if (padded) {
    if (text.size() % 4 != 0) return bad();
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return bad();
  Bytes out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t v = 0;
  int bits = 0;
  for (const char c : text) {
    const std::uint8_t digit = digits[static_cast<std::uint8_t>(c)];
    if (digit > 63) return bad();
    v = (v << 6 | digit) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(std::byte(v >> bits & 0xff));
    }
  }
  if ((v & ((1u << bits) - 1)) != 0) return bad();  // one encoding for one value
  return out;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string to_hex(BytesView bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::byte b : bytes) {
    out += digits[static_cast<std::size_t>(b >> 4)];
    out += digits[static_cast<std::size_t>(b & std::byte{15})];
  }
  return out;
}

Result<Bytes> from_hex(std::string_view text) {
  Bytes out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) break;
    out.push_back(std::byte(high << 4 | low));
  }
  if (out.size() * 2 != text.size()) {
    return fail(ErrorKind::invalid_input, "bytes.hex", "This is not valid hexadecimal.");
  }
  return out;
}

std::string to_base64(BytesView bytes) {
  return encode64(bytes, standard, true);
}
std::string to_base64url(BytesView bytes) {
  return encode64(bytes, url_safe, false);
}
Result<Bytes> from_base64(std::string_view text) {
  return decode64(text, standard_digits, true);
}
Result<Bytes> from_base64url(std::string_view text) {
  return decode64(text, url_safe_digits, false);
}

}  // namespace dayaq
