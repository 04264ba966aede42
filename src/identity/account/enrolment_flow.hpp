// Making a digital ID, or coming back to one, page by page.
//
//   start ──> ask ── request(): a code is sent ──> code ──┐
//              └─ code() by who has one (letter, counter) ─┼─ right ──> choose ── passkey() ─────────> done
//   card() ─────────────────────────────────────────────── ┘              ├─ totp() ──> totp ── code ──> done
//                                                                         ├─ sms() ───> sms ── code ──> done
//                                                                         └─ card_only() (by card) ───> done
//
// What is under way lies sealed in the form, bound to the browser by the cookie `__Host-attempt`, as in
// sign_in.hpp; each step has an expiry of its own (life_of). What may be used once, the proof, is a row
// (enrolment.hpp).
//
// Whoever types a national id gets the same answers, by the same work, whether or not there is such a person.
// That there is a digital ID already is said only to who has proved to be its person.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "identity/account/enrolment.hpp"
#include "identity/account/limits.hpp"
#include "identity/account/sign_in.hpp"

namespace dayaq::identity {

/// What a page shows; nothing of it is trusted when it comes back.
struct EnrolView {
  enum class Step : std::uint8_t {
    ask,     ///< the national id; how to get a code; or the code that one has
    code,    ///< the code that was sent, perhaps: it looks the same if nothing was
    choose,  ///< the authenticator to register
    totp,    ///< type the first code of the app (`totp_uri` as a QR code)
    sms,     ///< type the code sent to the number
    done,    ///< signed in: `token` is the new session's
  };
  Step step = Step::ask;
  std::string state;        ///< sealed; the form's hidden field `state`
  std::string national_id;  ///< as typed, to be shown again

  // choose
  Enrolment proof = Enrolment::sms_code;  ///< what was proved, and so what a sign-in will be worth at most
  std::vector<AuthenticatorKind> offered;
  std::string passkey_options;          ///< JSON for navigator.credentials.create()
  std::vector<std::string> numbers;     ///< masked; for sms(), by position
  bool recovery = false;                ///< there is a digital ID already
  std::vector<Authenticator> standing;  ///< its authenticators: which one is lost?

  std::string totp_uri;               ///< otpauth://...
  std::string totp_secret;            ///< the same for typing, base32
  std::string masked;                 ///< sms: where the code went
  std::optional<Enrolled> enrolled;   ///< done
  std::optional<Session> session;     ///< done
  std::optional<SessionToken> token;  ///< done
};

struct EnrolSettings {
  ActivationPolicy activation;
  CardPolicy cards;
  std::string issuer_name = "Dayaq";  ///< as apps for codes show it
};

/// How long a step's sealed text is good for.
[[nodiscard]] std::chrono::seconds life_of(EnrolView::Step step);

class Enrolling {
 public:
  Enrolling(store::Database& db, const Accounts& accounts, const Limits& limits,
            const webauthn::RelyingParty& party, EnrolSettings settings);
  ~Enrolling();

  // Each takes the sealed state back. Blocking: worker threads. In all:
  //   - invalid_input "signin.state", "signin.expired"  not one of ours, another browser's, damaged; too late
  //   - invalid_input "enrol.step"      the form is of another step
  //   - limit "activation.limit", "signin.limit"
  // and, once proved, those of enrol().

  [[nodiscard]] EnrolView start(Language language, const Caller& caller, Instant now);
  /// invalid_input "registry.national_id" (its form), "enrol.number" (its form).
  Result<EnrolView> request(std::string_view state, std::string_view national_id, Enrolment channel,
                            std::string_view number, const Caller& caller, Instant now);
  /// invalid_input "enrol.slip": the code's letters don't fit its check letter, which says nothing about
  /// whose it is; forbidden "enrol.refused": everything else that is wrong, in one text.
  Result<EnrolView> code(std::string_view state, std::string_view national_id, std::string_view typed,
                         const Caller& caller, Instant now);
  /// Whose card this is; errors of check_card. May ask the authority's responder, and so block.
  [[nodiscard]] Result<Card> read_card(BytesView leaf, std::span<const Bytes> chain, Instant now) const;
  /// A certificate that was proved over mutual TLS, DER. Errors of check_card; forbidden "enrol.refused".
  Result<EnrolView> card(std::string_view state, BytesView leaf, std::span<const Bytes> chain,
                         const Caller& caller, Instant now);

  /// `lost`: the authenticator that is gone, in a recovery. Errors of verify_registration.
  Result<EnrolView> passkey(std::string_view state, std::string_view response_json, const std::string& name,
                            std::optional<AuthenticatorId> lost, const Caller& caller, Instant now);
  Result<EnrolView> totp(std::string_view state, std::optional<AuthenticatorId> lost, const Caller& caller,
                         Instant now);
  /// `number`: a position among view.numbers. A number that the proof's code went to needs no second one:
  /// done. invalid_input "enrol.number".
  Result<EnrolView> sms(std::string_view state, std::size_t number, std::optional<AuthenticatorId> lost,
                        const Caller& caller, Instant now);
  /// Of the steps totp and sms. forbidden "enrol.code": not the right one; try again.
  Result<EnrolView> first_code(std::string_view state, std::string_view typed, const std::string& name,
                               const Caller& caller, Instant now);
  /// The card alone, if it was what proved.
  Result<EnrolView> card_only(std::string_view state, const std::string& name,
                              std::optional<AuthenticatorId> lost, const Caller& caller, Instant now);

  /// For somebody signed in: a code by letter or from a counter makes their digital ID, and the authenticator
  /// that `present` stands on, count for more. Errors of code() and raise_assurance.
  Result<Assurance> raise(const Session& present, std::string_view typed, const Caller& caller, Instant now);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::identity
