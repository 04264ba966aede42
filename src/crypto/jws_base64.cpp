#include "crypto/jws_base64.hpp"

#include <cstdint>

namespace dayaq::crypto {

void append_base64url(std::string& out, BytesView bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const std::size_t full = bytes.size() / 3;
  const std::size_t left = bytes.size() % 3;
  const std::size_t from = out.size();
  out.resize(from + full * 4 + (left == 0 ? 0 : left + 1));
  char* to = out.data() + from;
  const auto* in = reinterpret_cast<const std::uint8_t*>(bytes.data());
  for (std::size_t i = 0; i < full; ++i, in += 3, to += 4) {
    to[0] = digits[in[0] >> 2];
    to[1] = digits[(in[0] & 3u) << 4 | in[1] >> 4];
    to[2] = digits[(in[1] & 15u) << 2 | in[2] >> 6];
    to[3] = digits[in[2] & 63u];
  }
  if (left == 0) return;
  to[0] = digits[in[0] >> 2];
  if (left == 1) {
    to[1] = digits[(in[0] & 3u) << 4];
  } else {
    to[1] = digits[(in[0] & 3u) << 4 | in[1] >> 4];
    to[2] = digits[(in[1] & 15u) << 2];
  }
}

}  // namespace dayaq::crypto
