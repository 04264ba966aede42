// What is under way while somebody signs in, as the sealed text holds it. For the sources of this folder.
//
//   version 1 | step 1 | method 1 | least 1 | reached 1 | flags 1 | number 1 | methods 2 | begun 8 |
//   challenge 32 | person 8 | id 8 | authenticator 8 | present 8 | client 2 + n | then 2 + n (little-endian)
#pragma once

#include <optional>

#include "identity/account/sign_in.hpp"

namespace dayaq::identity {

struct Attempt {
  SignInView::Step step = SignInView::Step::identify;
  AuthenticatorKind method = AuthenticatorKind::passkey;
  Assurance least = Assurance::low;
  Assurance reached = Assurance::none;  ///< by what was proved so far
  bool fresh = false;                   ///< only what is proved now counts
  std::uint8_t number = 0;              ///< mobile confirmation
  Methods methods;                      ///< proved so far
  Instant begun;
  webauthn::Challenge challenge{};  ///< of this step: may be used once
  PersonId person;                  ///< 0: nobody named. Perhaps nobody's: a national id gives one
  std::uint64_t id = 0;             ///< of the code sent, or of the confirmation asked for
  AuthenticatorId authenticator;    ///< that the code was sent to
  SessionId present;                ///< step-up: the session, of `person`; 0 else
  std::string client;
  std::string then;
};

[[nodiscard]] Bytes encode(const Attempt& attempt);
/// None unless it is exactly what encode() writes.
[[nodiscard]] std::optional<Attempt> decode_attempt(BytesView bytes);

inline constexpr std::size_t then_size_max = 8192;
/// A path of this site: "/" and no second slash or backslash, printable ASCII. Anything else becomes "/".
[[nodiscard]] std::string checked_then(std::string_view then);

/// How long a step's sealed text is good for; see sign_in.hpp.
[[nodiscard]] std::chrono::seconds life_of(SignInView::Step step);
/// Of the whole, from start() to done.
inline constexpr std::chrono::minutes attempt_life{20};

}  // namespace dayaq::identity
