// Six digits by SMS: one code, one session, a few attempts, a few minutes.
//
//   issue ──> waiting ── right code, right session, in time ──> used
//                │  └─── wrong code, attempts left ───────────> waiting
//                ├────── wrong code, the last attempt ────────> used up
//                └────── now >= expires ──────────────────────> expired   (from every state, for good)
//
// A code of another session changes nothing, so that a stranger can't use up a person's attempts. The code
// itself is not kept: HMAC(key, session || code) is.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "identity/totp.hpp"

namespace dayaq::identity {

struct OneTimeCodeSettings {
  unsigned attempts_max = 3;
  std::chrono::minutes life{5};
};

enum class CodeStage : std::uint8_t { waiting, used, used_up };

struct OneTimeCode {
  std::array<std::byte, 32> mac{};
  Instant expires = instant_min;
  unsigned attempts_left = 0;
  CodeStage stage = CodeStage::waiting;
  std::array<std::byte, 32> session_hash{};
  friend bool operator==(const OneTimeCode&, const OneTimeCode&) = default;
};

struct IssuedCode {
  std::string code;   ///< for the SMS and nowhere else
  OneTimeCode state;  ///< to be stored
};

/// Uniform over 000000 to 999999. `session` is what the browser's session is known by (any bytes).
[[nodiscard]] IssuedCode issue_code(BytesView key, BytesView session, Random& random, Instant now,
                                    const OneTimeCodeSettings& settings = {});
/// accepted, wrong, replayed (used already), used_up, expired or other_session. In constant time in the code.
[[nodiscard]] CodeCheck<OneTimeCode> check_code(BytesView key, const OneTimeCode& state, BytesView session,
                                                std::string_view code, Instant now);

}  // namespace dayaq::identity
