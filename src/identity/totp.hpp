// One-time passwords from an app: TOTP and the HOTP below it.
//
//   code = the last 31 bits that HMAC(secret, step) points at, modulo 10^digits;  step = (now - 1970) / 30 s
//
// @see RFC 6238, RFC 4226; through OpenSSL in crypto
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "crypto/hmac.hpp"

namespace dayaq::identity {

struct TotpSettings {
  crypto::HmacHash hash = crypto::HmacHash::sha1;  ///< the only one that every app knows
  unsigned digits = 6;                             ///< 6 to 8
  std::chrono::seconds step{30};
  unsigned window = 1;        ///< steps before and after now that pass too (RFC 6238 section 5.2)
  unsigned failures_max = 5;  ///< wrong codes in a row, after which `pause` must pass
  std::chrono::minutes pause{5};
};

/// RFC 4226 section 5.3: `digits` decimal digits with leading zeros.
[[nodiscard]] std::string hotp(BytesView secret, std::uint64_t counter, unsigned digits,
                               crypto::HmacHash hash);
[[nodiscard]] std::string totp(BytesView secret, Instant now, const TotpSettings& settings = {});

/// What is kept beside the secret. An authenticator, so without an end of its own; the pause has one.
struct TotpState {
  std::uint64_t last_step = 0;         ///< the step of the last code that passed
  unsigned failures = 0;               ///< in a row
  Instant paused_until = instant_min;  ///< nothing is checked before
  friend bool operator==(const TotpState&, const TotpState&) = default;
};

enum class CodeVerdict : std::uint8_t { accepted, wrong, replayed, paused, expired, used_up, other_session };
[[nodiscard]] std::string_view to_string(CodeVerdict verdict);

template <class State>
struct CodeCheck {
  CodeVerdict verdict = CodeVerdict::wrong;
  State next;  ///< to be stored before the verdict is acted upon
};

/// A code passes once: its step must be later than the last one that passed (RFC 6238 section 5.2). The time
/// it takes doesn't depend on the code. Codes are compared in full for each step of the window.
[[nodiscard]] CodeCheck<TotpState> check_totp(BytesView secret, const TotpState& state, std::string_view code,
                                              Instant now, const TotpSettings& settings = {});

/// RFC 4648 base32 without padding, as apps read secrets.
[[nodiscard]] std::string to_base32(BytesView bytes);
/// What the QR code holds: otpauth://totp/ISSUER:ACCOUNT?secret=...  Both names are percent-encoded.
[[nodiscard]] std::string totp_uri(BytesView secret, std::string_view issuer, std::string_view account,
                                   const TotpSettings& settings = {});

}  // namespace dayaq::identity
