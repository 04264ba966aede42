#include "identity/totp.hpp"

#include <algorithm>

#include "crypto/sign.hpp"

namespace dayaq::identity {
namespace {

std::uint64_t step_at(Instant now, const TotpSettings& settings) {
  const auto since = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
  return since.count() < 0 ? 0 : static_cast<std::uint64_t>(since / settings.step);
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      const auto byte = std::byte(c);
      out += '%' + to_hex(BytesView(&byte, 1));
    }
  }
  return out;
}

}  // namespace

std::string_view to_string(CodeVerdict verdict) {
  constexpr std::string_view names[] = {"accepted", "wrong",   "replayed",     "paused",
                                        "expired",  "used_up", "other_session"};
  return names[static_cast<std::size_t>(verdict)];
}

std::string hotp(BytesView secret, std::uint64_t counter, unsigned digits, crypto::HmacHash hash) {
  DAYAQ_ASSERT(digits >= 6 && digits <= 8);
  std::array<std::byte, 8> message{};
  for (std::size_t i = 0; i < 8; ++i) message[i] = std::byte(counter >> (8 * (7 - i)) & 0xff);
  // RFC 4226 section 5.3. Step 1: HS = HMAC(K, C).
  const Bytes mac = crypto::hmac(hash, secret, message);
  // Step 2, dynamic truncation: 31 bits from the offset that the low 4 bits of the last byte give.
  const auto offset = std::to_integer<std::size_t>(mac.back() & std::byte(0x0f));
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8 | std::to_integer<std::uint32_t>(mac[offset + i]);
  number &= 0x7fffffff;
  // Step 3: D = Snum mod 10^Digit.
  std::string code(digits, '0');
  for (std::size_t i = digits; i-- > 0; number /= 10) code[i] = static_cast<char>('0' + number % 10);
  return code;
}

std::string totp(BytesView secret, Instant now, const TotpSettings& settings) {
  return hotp(secret, step_at(now, settings), settings.digits, settings.hash);
}

CodeCheck<TotpState> check_totp(BytesView secret, const TotpState& state, std::string_view code, Instant now,
                                const TotpSettings& settings) {
  if (now < state.paused_until) return {CodeVerdict::paused, state};
  const std::uint64_t current = step_at(now, settings);
  const std::uint64_t first = current - std::min<std::uint64_t>(current, settings.window);
  std::uint64_t matched = 0;
  bool found = false;
  for (std::uint64_t step = first; step <= current + settings.window; ++step) {
    const std::string right = hotp(secret, step, settings.digits, settings.hash);
    const bool same = crypto::equal_constant_time(as_bytes(right), as_bytes(code));
    matched = same ? step : matched;
    found |= same;
  }
  TotpState next = state;
  if (found && matched > state.last_step) {
    next = {.last_step = matched};
    return {CodeVerdict::accepted, next};
  }
  if (++next.failures >= settings.failures_max) {
    next.failures = 0;
    next.paused_until = now + settings.pause;
  }
  return {found ? CodeVerdict::replayed : CodeVerdict::wrong, next};
}

std::string to_base32(BytesView bytes) {
  std::string out;
  unsigned held = 0, bits = 0;
  for (const std::byte byte : bytes) {
    held = (held << 8 | std::to_integer<unsigned>(byte)) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) out += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[held >> (bits - 5) & 31];
  }
  if (bits > 0) out += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[held << (5 - bits) & 31];
  return out;
}

std::string totp_uri(BytesView secret, std::string_view issuer, std::string_view account,
                     const TotpSettings& settings) {
  constexpr std::string_view names[] = {"SHA1", "SHA256", "SHA512"};
  return "otpauth://totp/" + percent_encoded(issuer) + ":" + percent_encoded(account) +
         "?secret=" + to_base32(secret) + "&issuer=" + percent_encoded(issuer) +
         "&algorithm=" + std::string(names[static_cast<std::size_t>(settings.hash)]) +
         "&digits=" + std::to_string(settings.digits) + "&period=" + std::to_string(settings.step.count());
}

}  // namespace dayaq::identity
