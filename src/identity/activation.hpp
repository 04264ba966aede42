// Activation codes: what a letter or an SMS carries, with which a person makes a digital ID.
//
//   7KQM-R2XD-9FHT-W   12 letters of 31 (no 0 O 1 I L) with 59 bits, and one that checks them: every single
//   wrong
//                      letter and every swap of two neighbours is seen before anything is looked up
//
//   issue ──> waiting ── right ──> used;   wrong ──> waiting, or used up at the last attempt;   in time, else
//   expired
//
// Kept: HMAC-SHA-256 of the code under a key of the server's, which a stolen table alone doesn't give away.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "identity/one_time_code.hpp"

namespace dayaq::identity {

inline constexpr std::size_t activation_letters = 12;  ///< and one that checks

struct ActivationSettings {
  std::chrono::days life{14};  ///< a letter takes days
  unsigned attempts_max = 10;  ///< of codes whose check letter is right
};

struct Activation {
  std::array<std::byte, 32> mac{};
  Instant expires = instant_min;
  unsigned attempts_left = 0;
  CodeStage stage = CodeStage::waiting;
  friend bool operator==(const Activation&, const Activation&) = default;
};

struct IssuedActivation {
  std::string code;  ///< for the letter and nowhere else
  Activation state;
};

[[nodiscard]] IssuedActivation issue_activation(BytesView key, Random& random, Instant now,
                                                const ActivationSettings& settings = {});
/// 13 capitals as they are kept: spaces and hyphens gone, small letters raised. None if the letters or the
/// check are wrong: a slip of the pen, which costs no attempt.
[[nodiscard]] std::optional<std::string> normal_activation_code(std::string_view typed);
/// By which a code is looked up where no person is named: the same HMAC that is kept.
[[nodiscard]] std::array<std::byte, 32> activation_mac(BytesView key, std::string_view normal);
/// accepted, wrong, replayed, used_up or expired.
[[nodiscard]] CodeCheck<Activation> check_activation(BytesView key, const Activation& state,
                                                     std::string_view typed, Instant now);

}  // namespace dayaq::identity
