// What is under way while somebody enrols, as the sealed text holds it. For the sources of this folder.
//
//   version 1 | step 1 | language 1 | proof 1 | lost 8 | person 8 | activation 8 | challenge 32 | code 32 + 8
//   | fingerprint 32 | then, each 2 + n: number, actor, national id, secret, sms number       (little-endian)
#pragma once

#include <optional>
#include <string>

#include "identity/account/enrolment_flow.hpp"

namespace dayaq::identity {

struct EnrolState {
  EnrolView::Step step = EnrolView::Step::ask;
  Language language = Language::az;
  std::string national_id;
  Proof proof;                      ///< from `choose` on
  Fingerprint card{};               ///< of a proof by card; else zeros
  webauthn::Challenge challenge{};  ///< choose
  AuthenticatorId lost;             ///< 0: none named
  std::string totp_secret;          ///< totp
  std::string sms_number;           ///< sms
  std::array<std::byte, 32> sms_mac{};
  Instant sms_expires = instant_min;
};

[[nodiscard]] Bytes encode(const EnrolState& state);
/// None unless it is exactly what encode() writes.
[[nodiscard]] std::optional<EnrolState> decode_enrol_state(BytesView bytes);

}  // namespace dayaq::identity
