// Signing in: explicit state machines, each of whose states has an expiry.
//
//   start ──> identify ──> prove ──> (prove again, for a surer level) ──> signed in
//                 └── passkey without a name ──────────────────────────────┘
//
// What is under way lies sealed (AES-GCM under the master key) in a form field that the browser sends back,
// bound to the browser by the cookie `__Host-attempt`; so starting costs no write, and a restart or another
// node loses nothing. What must be counted (attempts at a code, by person, by client, by network) and what
// may be used once (a challenge) is a row, written in the transaction of the proof.
//
// Whoever types a national id gets the same answer, in the same time, whether or not there is such a person
// or account.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "identity/account/accounts.hpp"

namespace dayaq::identity {

/// What a page needs to go on; shown, never trusted when it comes back unsealed.
struct SignInView {
  enum class Step : std::uint8_t {
    identify,  ///< ask for the national id, or offer a passkey at once (challenge is set)
    choose,    ///< which authenticator (`offered`)
    code,      ///< type the code of `method` (sms, totp)
    confirm,   ///< compare `number` with the one that the phone shows; the page polls or is reloaded
    done,      ///< signed in: `token` is the new session's
  };
  Step step = Step::identify;
  std::string state;                       ///< sealed; the form's hidden field `state`
  std::vector<AuthenticatorKind> offered;  ///< what would satisfy the wanted assurance
  AuthenticatorKind method = AuthenticatorKind::passkey;
  std::string passkey_options;        ///< JSON for navigator.credentials.get(); "" if not offered
  std::string number;                 ///< mobile confirmation: two digits shown on both sides
  std::string masked;                 ///< where a code went: "+994 ** *** ** 41"; the same for nobody's id
  std::optional<Session> session;     ///< done
  std::optional<SessionToken> token;  ///< done
};

/// What the caller wants, from an authorization request or a page.
struct SignInWish {
  Assurance least = Assurance::low;
  std::optional<Session> present;  ///< step-up or re-authentication of this session
  bool fresh = false;              ///< prompt=login, max_age: prove again although signed in
  std::string login_hint;          ///< a national id, or ""
  std::string then;                ///< where to go afterwards: a path of this site, checked
};

/// From where a request comes; limits count by each.
struct Caller {
  std::string attempt;  ///< the cookie that binds an attempt to a browser, "" if none
  std::string network;  ///< remote address (IPv4 /32, IPv6 /64)
  std::string client;   ///< OAuth client on whose behalf, "" for our own pages
};

class SignIn {
 public:
  SignIn(store::Database& db, Accounts& accounts, const webauthn::RelyingParty& party);
  ~SignIn();

  /// A value for the attempt cookie.
  [[nodiscard]] std::string draw_attempt();
  [[nodiscard]] SignInView start(const SignInWish& wish, const Caller& caller, Instant now);

  // Each takes the sealed state back. Blocking (they read and write the database): worker threads.
  //   - invalid_input "signin.state"     not one of ours, another browser's, or damaged: start again
  //   - invalid_input "signin.expired"   the step's time is over: start again
  //   - forbidden "signin.refused"       wrong code, unknown passkey, no such person, suspended: one text for
  //   all
  //   - limit "signin.limit"             too many attempts; the text says when to come back and that another
  //                                      authenticator may be used
  Result<SignInView> identify(std::string_view state, std::string_view national_id, const Caller& caller,
                              Instant now);
  Result<SignInView> choose(std::string_view state, AuthenticatorKind method, const Caller& caller,
                            Instant now);
  Result<SignInView> code(std::string_view state, std::string_view typed, const Caller& caller, Instant now);
  Result<SignInView> passkey(std::string_view state, std::string_view response_json, const Caller& caller,
                             Instant now);
  /// Asks whether the phone has confirmed: step `confirm` again, or `done`.
  Result<SignInView> poll(std::string_view state, const Caller& caller, Instant now);
  /// Where a finished sign-in goes on, as its wish said.
  [[nodiscard]] Result<std::string> then(std::string_view state, const Caller& caller, Instant now) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::identity
