#include "identity/activation.hpp"

#include <algorithm>

#include "crypto/sign.hpp"

namespace dayaq::identity {
namespace {

constexpr std::string_view letters = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";
constexpr unsigned base = 31;  // a prime, so that the weighted sum below sees every slip
static_assert(letters.size() == base);

// The sum of (i + 2) * letter over the first 12, modulo 31. The weights 2 to 13 are none of them 0 modulo 31,
// so one wrong letter changes the sum; neighbours' weights differ by 1, so a swap of two different ones does
// too.
char check_letter(std::string_view first) {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < first.size(); ++i) sum += (i + 2) * letters.find(first[i]);
  return letters[sum % base];
}

}  // namespace

IssuedActivation issue_activation(BytesView key, Random& random, Instant now,
                                  const ActivationSettings& settings) {
  std::string code;
  while (code.size() < activation_letters) {
    std::byte byte{};
    random.fill(std::span(&byte, 1));
    const auto index = std::to_integer<std::size_t>(byte & std::byte(31));
    if (index < base) code += letters[index];  // 31 of 32: uniform
  }
  code += check_letter(code);
  IssuedActivation issued;
  issued.state.mac = activation_mac(key, code);
  issued.state.expires = now + settings.life;
  issued.state.attempts_left = settings.attempts_max;
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (i != 0 && i % 4 == 0) issued.code += '-';
    issued.code += code[i];
  }
  return issued;
}

std::optional<std::string> normal_activation_code(std::string_view typed) {
  std::string code;
  if (typed.size() > 64) return std::nullopt;
  for (char c : typed) {
    if (c == ' ' || c == '-') continue;
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (!letters.contains(c)) return std::nullopt;
    code += c;
  }
  if (code.size() != activation_letters + 1) return std::nullopt;
  if (check_letter(std::string_view(code).substr(0, activation_letters)) != code.back()) return std::nullopt;
  return code;
}

std::array<std::byte, 32> activation_mac(BytesView key, std::string_view normal) {
  const Bytes mac = crypto::hmac(crypto::HmacHash::sha256, key, as_bytes(normal));
  std::array<std::byte, 32> out{};
  std::ranges::copy(mac, out.begin());
  return out;
}

CodeCheck<Activation> check_activation(BytesView key, const Activation& state, std::string_view typed,
                                       Instant now) {
  if (now >= state.expires) return {CodeVerdict::expired, state};
  if (state.stage == CodeStage::used) return {CodeVerdict::replayed, state};
  if (state.stage == CodeStage::used_up || state.attempts_left == 0) return {CodeVerdict::used_up, state};
  const auto code = normal_activation_code(typed);
  if (!code) return {CodeVerdict::wrong, state};
  Activation next = state;
  if (crypto::equal_constant_time(activation_mac(key, *code), state.mac)) {
    next.stage = CodeStage::used;
    return {CodeVerdict::accepted, next};
  }
  --next.attempts_left;
  if (next.attempts_left == 0) next.stage = CodeStage::used_up;
  return {CodeVerdict::wrong, next};
}

}  // namespace dayaq::identity
