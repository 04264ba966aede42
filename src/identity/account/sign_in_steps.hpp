// What the steps of signing in share. For the sources of this folder.
#pragma once

#include "crypto/secret.hpp"
#include "identity/account/sealed.hpp"
#include "identity/account/sign_in_rows.hpp"
#include "identity/account/sign_in_state.hpp"

namespace dayaq::identity {

/// Randomness of a step, drawn before its transaction, which may run more than once.
struct Drawn {
  std::uint64_t once = 0;  ///< from the step's challenge: a session's id, or what is spent
  SessionToken token;
  webauthn::Challenge next{};
};

/// What became of a proof.
struct Outcome {
  enum class What : std::uint8_t {
    refused,  ///< and counted
    too_low,  ///< right, but the account isn't of the level wanted
    again,    ///< right, and something surer is wanted besides
    done,
  };
  What what = What::refused;
  Session session;  ///< done
  Attempt next;     ///< again
};

/// What was used, once it has been found right.
struct Used {
  Authenticator authenticator;
  AuthenticatorKind method = AuthenticatorKind::passkey;
  Instant proved;  ///< when the person proved who they are with it
};

struct SignInSteps {
  SignInSteps(store::Database& database, Accounts& all, webauthn::RelyingParty site,
              const LimitPolicy& policy)
      : db(database),
        accounts(all),
        party(std::move(site)),
        limits(Limits::of(all.master, policy)),
        code_key(all.master.derive("sign-in codes")) {}

  // -- sealed states (sign_in.cpp)

  /// Also of the steps `allowed`: a bit set by Step.
  [[nodiscard]] Result<Attempt> open(std::string_view text, const Caller& caller, Instant now,
                                     unsigned allowed) const;
  [[nodiscard]] std::string sealed(const Attempt& attempt, std::string_view cookie, Instant now) const;
  [[nodiscard]] SignInView view(const Attempt& attempt, const Caller& caller, Instant now) const;
  [[nodiscard]] webauthn::Challenge draw_challenge() const;
  [[nodiscard]] Drawn draw(const Attempt& attempt, PersonId person) const;

  // -- ends of a step (sign_in_finish.cpp)

  /// The person's account if it can be used. Part of a transaction or a read.
  [[nodiscard]] Result<std::optional<Account>> usable_account(store::Session& session, PersonId person) const;
  /// Part of the transaction in which something was found right and noted as used.
  [[nodiscard]] Result<Outcome> accept(store::Session& session, const Attempt& attempt,
                                       const Account& account, const Used& used, const Drawn& drawn,
                                       const Caller& caller, Instant now) const;
  /// What the browser is told. `committed` is the transaction's result.
  [[nodiscard]] Result<SignInView> answer(const Attempt& attempt, Result<Outcome> committed,
                                          const Drawn& drawn, const Caller& caller, Instant now) const;

  store::Database& db;
  Accounts& accounts;
  const webauthn::RelyingParty party;
  const Limits limits;
  const crypto::SecretBytes code_key;
};

[[nodiscard]] constexpr unsigned bit(SignInView::Step step) {
  return 1u << unsigned(step);
}
[[nodiscard]] std::unexpected<Error> refused(std::string detail);
/// Every kind that could do it, for everybody.
[[nodiscard]] std::vector<AuthenticatorKind> kinds_for(const Attempt& attempt);

}  // namespace dayaq::identity
