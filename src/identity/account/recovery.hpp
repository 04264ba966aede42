// A lost phone: in again within minutes, nobody locked out, nothing made weaker than it was proved.
//
//   proof (SMS code, letter, counter, card) ── recover() ──> a new authenticator
//        at a counter, by card: at once, and the lost one is gone
//        by letter or SMS:      low at once; as much as the proof was worth after a wait. The lost one works
//        on
//                               until then, and a sign-in with it, or the link in the notices, takes it all
//                               back
//   signed in otherwise ── declare_lost() ──> gone at once if the session proved as much, else after the wait
//
// 1. What is recovered is never worth more than what was proved for it.
// 2. Nothing that a weaker proof did takes effect on a surer authenticator before its owner had time to
// object.
// 3. Every other authenticator goes on working.
// 4. All sessions end; the other channels are told, always.
// The reasons are in docs/identity.md.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/sign.hpp"
#include "identity/account/accounts.hpp"

namespace dayaq::identity {

using RecoveryId = Id64<struct RecoveryTag>;

inline constexpr std::chrono::hours wait_after_sms{72};
inline constexpr std::chrono::hours wait_after_letter{24};  ///< the letter's days on the road were a wait too
inline constexpr std::chrono::days undo_period{14};         ///< in which the owner can take it back

/// Drawn before the transaction. `text` stands in the notices' link and nowhere else.
struct UndoToken {
  RecoveryId id;
  std::string text;  ///< base64url( person 8 | recovery 8 | 16 random bytes )
  crypto::Sha256 hash{};
};
[[nodiscard]] UndoToken draw_undo_token(Random& random, PersonId person);

struct RecoveryRequest {
  Enrolment proof = Enrolment::sms_code;
  std::string proof_number;             ///< where a code by SMS went; not told again
  NewAuthenticator added;               ///< the new one
  std::optional<AuthenticatorId> lost;  ///< which one is gone, if the person knows
  std::string actor = "self";
};

struct Recovered {
  Authenticator added;
  Instant lost_ends = instant_max;  ///< of the lost one; instant_max: none was named
};

/// For an account that stands, part of the transaction that spends the proof. Ends all sessions. Errors of
/// put_authenticator; not_found "authenticator.unknown" for a lost one that isn't theirs; forbidden
/// "account.suspended", "account.closed".
Result<Recovered> recover(store::Session& db, const Accounts& accounts, const Account& account,
                          const RecoveryRequest& request, const UndoToken& undo, Instant now);

/// By somebody signed in otherwise. Returns when it stops working: now, if the session proved as much as it
/// is worth. Errors as for all changes by the person (accounts.hpp), conflict "authenticator.last",
/// conflict "authenticator.lost_already", forbidden "authenticator.waiting".
Result<Instant> declare_lost(store::Session& db, const Accounts& accounts, const Session& session,
                             AuthenticatorId id, const UndoToken& undo, Instant now);

/// What the link in a notice does, without signing in: the authenticators that the recovery added are gone,
/// the lost one is back, all sessions end. forbidden "recovery.undo": not a link of ours, used, too late, or
/// of a recovery that was proved at a counter or by card.
Result<void> undo_recovery(store::Session& db, const Accounts& accounts, std::string_view token, Instant now);
/// The lost one was signed in with (note_used calls it).
Result<void> undo_recovery_by_use(store::Session& db, const Accounts& accounts,
                                  const Authenticator& authenticator, Instant now);

/// Deletes lost authenticators and recoveries that can't be taken back any more; at most `limit`.
Result<int> sweep_recoveries(store::Session& db, Instant now, int limit);

}  // namespace dayaq::identity
