// Signing in: explicit state machines, each of whose states has an expiry.
//
//   start ──> identify ──> choose ──> code, confirm, or a passkey ──> done
//                │            └──────── (once more, for a surer level) ┘ │
//                └── passkey without a name ────────────────────────────┘
//
//   a step's text is good for: identify 10 min, choose 5, code 5, confirm 3; the whole for 20
//
// What is under way lies sealed (AES-GCM under the master key) in a form field that the browser sends back,
// bound to the browser by the cookie `__Host-attempt`; so starting costs no write, and a restart or another
// node loses nothing. What must be counted (attempts at a code, by person, by client, by network) and what
// may be used once (a challenge) is a row, written in the transaction of the proof.
//
// Whoever types a national id gets the same answer, in the same time, whether or not there is such a person
// or account: all ways are offered to everybody, a code is "sent" for nobody too, and the refusal at the end
// is one for all reasons.
//
// Signed in is one write: the session's row (whose id is made from the step's challenge, so that no challenge
// makes two), the authenticator's use and the audit entry. Many share one group commit.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "identity/account/accounts.hpp"
#include "identity/account/limits.hpp"

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
  std::string state;  ///< sealed; the form's hidden field `state`
  /// What could satisfy the wanted assurance, whether or not this person has it.
  std::vector<AuthenticatorKind> offered;
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

struct Card;

class SignIn {
 public:
  SignIn(store::Database& db, Accounts& accounts, const webauthn::RelyingParty& party,
         const LimitPolicy& limits = {});
  ~SignIn();

  /// A value for the attempt cookie.
  [[nodiscard]] std::string draw_attempt();
  [[nodiscard]] SignInView start(const SignInWish& wish, const Caller& caller, Instant now);

  // Each takes the sealed state back. Blocking (they read and write the database): worker threads.
  //   - invalid_input "signin.state"     not one of ours, another browser's, or damaged: start again
  //   - invalid_input "signin.expired"   the step's time is over: start again
  //   - forbidden "signin.refused"       wrong code, unknown passkey, no such person, suspended: one text for
  //   all
  //   - forbidden "signin.assurance"     proved, but this digital ID was enrolled at a lower level than
  //   wanted
  //   - limit "signin.limit"             too many attempts; the text says when to come back and that another
  //                                      authenticator may be used
  Result<SignInView> identify(std::string_view state, std::string_view national_id, const Caller& caller,
                              Instant now);
  Result<SignInView> choose(std::string_view state, AuthenticatorKind method, const Caller& caller,
                            Instant now);
  Result<SignInView> code(std::string_view state, std::string_view typed, const Caller& caller, Instant now);
  /// What is written together with the session that was made or strengthened, in its transaction, which may
  /// run more than once. Its Error undoes the sign-in.
  using WithSession = std::function<Result<void>(store::Session&, const Session&)>;
  Result<SignInView> passkey(std::string_view state, std::string_view response_json, const Caller& caller,
                             Instant now, const WithSession& also = {});
  /// The same without waiting for the disk: the passkey is checked on this thread, `done` is called on this
  /// one or on the writer's, where it must neither block nor throw.
  void passkey_async(std::string_view state, std::string_view response_json, const Caller& caller,
                     Instant now, std::function<void(Result<SignInView>)> done);
  /// The card that the browser's TLS connection was made with, already verified by the caller (check_card). It says
  /// who comes, so that nobody need have typed it.
  Result<SignInView> card(std::string_view state, const Card& card, const Caller& caller, Instant now);
  /// Asks whether the phone has confirmed: step `confirm` again, or `done`.
  Result<SignInView> poll(std::string_view state, const Caller& caller, Instant now);
  /// Where a finished sign-in goes on, as its wish said.
  [[nodiscard]] Result<std::string> then(std::string_view state, const Caller& caller, Instant now) const;

  /// From here on the session acts for `principal`, by a relation that stands; 0: for themselves again. Its
  /// token is replaced; what was proved, and when, stays. The principal sees it in their record.
  ///   - forbidden "signin.relation"  there is no such relation, or it has ended
  ///   - not_found "session.unknown"
  struct Acting {
    Session session;
    SessionToken token;
  };
  Result<Acting> act_for(const Session& present, PersonId principal, Instant now);

  /// Deletes rows that are over, at most `limit` of each kind; called by a timer inside a transaction.
  Result<int> sweep(store::Session& db, Instant now, int limit);

 private:
  std::unique_ptr<struct SignInSteps> state_;
};

}  // namespace dayaq::identity
