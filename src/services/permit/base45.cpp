#include "services/permit/base45.hpp"

#include <algorithm>
#include <array>

namespace dayaq::services::permit {
namespace {

constexpr std::string_view alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

constexpr auto digits = [] {
  std::array<std::uint8_t, 256> of{};
  of.fill(255);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    of[static_cast<unsigned char>(alphabet[i])] = std::uint8_t(i);
  return of;
}();

}  // namespace

std::string to_base45(BytesView bytes) {
  std::string text;
  text.reserve((bytes.size() + 1) / 2 * 3);
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const bool pair = i + 1 < bytes.size();
    unsigned number = unsigned(bytes[i]);
    if (pair) number = number << 8 | unsigned(bytes[i + 1]);
    for (int letter = 0; letter < (pair ? 3 : 2); ++letter) {
      text += alphabet[number % 45];
      number /= 45;
    }
  }
  return text;
}

Result<Bytes> from_base45(std::string_view text) {
  const auto refused = [](const char* why) {
    return fail(ErrorKind::invalid_input, "permit.text", "This is not the text of a permit.", why);
  };
  if (text.size() % 3 == 1) return refused("length");
  Bytes bytes;
  bytes.reserve(text.size() / 3 * 2 + 1);
  for (std::size_t i = 0; i < text.size(); i += 3) {
    const std::string_view letters = text.substr(i, 3);
    unsigned number = 0;
    for (std::size_t at = letters.size(); at-- > 0;) {
      const unsigned digit = digits[static_cast<unsigned char>(letters[at])];
      if (digit == 255) return refused("letter");
      number = number * 45 + digit;
    }
    if (number > (letters.size() == 3 ? 0xffffu : 0xffu)) return refused("number");
    if (letters.size() == 3) bytes.push_back(std::byte(number >> 8));
    bytes.push_back(std::byte(number & 0xff));
  }
  return bytes;
}

}  // namespace dayaq::services::permit
