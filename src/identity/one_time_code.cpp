#include "identity/one_time_code.hpp"

#include <algorithm>

#include "crypto/sign.hpp"

namespace dayaq::identity {
namespace {

std::array<std::byte, 32> mac_of(BytesView key, const crypto::Sha256& session, std::string_view code) {
  Bytes message(session.begin(), session.end());
  const BytesView text = as_bytes(code);
  message.insert(message.end(), text.begin(), text.end());
  const Bytes mac = crypto::hmac(crypto::HmacHash::sha256, key, message);
  std::array<std::byte, 32> out{};
  std::ranges::copy(mac, out.begin());
  return out;
}

// Uniform: numbers from the incomplete last million are drawn again.
std::string six_digits(Random& random) {
  constexpr std::uint32_t usable = 4'294'000'000;
  std::uint32_t number = usable;
  while (number >= usable) {
    std::array<std::byte, 4> bytes{};
    random.fill(bytes);
    number = 0;
    for (const std::byte byte : bytes) number = number << 8 | std::to_integer<std::uint32_t>(byte);
  }
  std::string code(6, '0');
  for (std::size_t i = 6; i-- > 0; number /= 10) code[i] = static_cast<char>('0' + number % 10);
  return code;
}

}  // namespace

IssuedCode issue_code(BytesView key, BytesView session, Random& random, Instant now,
                      const OneTimeCodeSettings& settings) {
  IssuedCode issued;
  issued.code = six_digits(random);
  issued.state.session_hash = crypto::sha256(session);
  issued.state.mac = mac_of(key, issued.state.session_hash, issued.code);
  issued.state.expires = now + settings.life;
  issued.state.attempts_left = settings.attempts_max;
  return issued;
}

CodeCheck<OneTimeCode> check_code(BytesView key, const OneTimeCode& state, BytesView session,
                                  std::string_view code, Instant now) {
  const crypto::Sha256 session_hash = crypto::sha256(session);
  if (!crypto::equal_constant_time(session_hash, state.session_hash))
    return {CodeVerdict::other_session, state};
  if (now >= state.expires) return {CodeVerdict::expired, state};
  if (state.stage == CodeStage::used) return {CodeVerdict::replayed, state};
  if (state.stage == CodeStage::used_up || state.attempts_left == 0) return {CodeVerdict::used_up, state};
  const bool right =
      code.size() == 6 && crypto::equal_constant_time(mac_of(key, session_hash, code), state.mac);
  OneTimeCode next = state;
  if (right) {
    next.stage = CodeStage::used;
    return {CodeVerdict::accepted, next};
  }
  --next.attempts_left;
  if (next.attempts_left == 0) next.stage = CodeStage::used_up;
  return {CodeVerdict::wrong, next};
}

}  // namespace dayaq::identity
