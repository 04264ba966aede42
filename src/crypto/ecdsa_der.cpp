#include "crypto/ecdsa_der.hpp"

#include <algorithm>

namespace dayaq::crypto {
namespace {

// 0x30 length | 0x02 length r | 0x02 length s; all lengths fit seven bits. An INTEGER has the fewest bytes
// that keep its sign bit clear.
bool take_integer(BytesView& in, std::span<std::byte> out) {
  if (in.size() < 3 || in[0] != std::byte{0x02}) return false;
  const auto size = static_cast<std::size_t>(in[1]);
  if (size == 0 || size > 33 || size > in.size() - 2) return false;
  BytesView number = in.subspan(2, size);
  in = in.subspan(2 + size);
  if ((number[0] & std::byte{0x80}) != std::byte{0}) return false;  // negative
  if (number.size() > 1 && number[0] == std::byte{0}) {
    if ((number[1] & std::byte{0x80}) == std::byte{0}) return false;  // a zero too many
    number = number.subspan(1);
  }
  if (number.size() > out.size()) return false;
  std::fill(out.begin(), out.end(), std::byte{0});
  std::copy(number.begin(), number.end(), out.end() - static_cast<std::ptrdiff_t>(number.size()));
  return true;
}

void put_integer(EcdsaDer& out, BytesView number) {
  while (number.size() > 1 && number[0] == std::byte{0}) number = number.subspan(1);
  const bool padded = (number[0] & std::byte{0x80}) != std::byte{0};
  out.bytes[out.size++] = std::byte{0x02};
  out.bytes[out.size++] = std::byte(number.size() + (padded ? 1 : 0));
  if (padded) out.bytes[out.size++] = std::byte{0};
  std::copy(number.begin(), number.end(), out.bytes.begin() + static_cast<std::ptrdiff_t>(out.size));
  out.size += number.size();
}

}  // namespace

std::optional<std::array<std::byte, 64>> ecdsa_p256_from_der(BytesView der) {
  if (der.size() < 8 || der.size() > 72 || der[0] != std::byte{0x30} ||
      static_cast<std::size_t>(der[1]) != der.size() - 2)
    return std::nullopt;
  der = der.subspan(2);
  std::array<std::byte, 64> out{};
  const std::span<std::byte> both(out);
  if (!take_integer(der, both.first(32)) || !take_integer(der, both.subspan(32)) || !der.empty())
    return std::nullopt;
  return out;
}

EcdsaDer ecdsa_p256_to_der(std::span<const std::byte, 64> signature) {
  EcdsaDer out;
  out.bytes[0] = std::byte{0x30};
  out.size = 2;
  put_integer(out, signature.first(32));
  put_integer(out, signature.subspan(32));
  out.bytes[1] = std::byte(out.size - 2);
  return out;
}

}  // namespace dayaq::crypto
