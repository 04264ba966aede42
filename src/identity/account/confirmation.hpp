// Mobile confirmation: a browser asks, a person agrees elsewhere - on a phone that holds a key, or on a page
// where they are signed in.
//
//   choose(mobile) ──> waiting ── right number, yes ──> confirmed ── the browser polls ──> used
//                        ├─ no, or a wrong number ────> denied
//                        └─ three minutes ────────────> over            (from every stage but used)
//
// Two digits are drawn for each attempt and stand on both sides. Whoever confirms gives the number that their
// own browser shows, once: someone who is asked out of the blue doesn't know it, and can't agree by habit. It
// belongs to the browser that asked (its attempt cookie), so another's page never becomes signed in by it.
// What the person is shown besides - for which client, from which network - is what the asking browser really
// is, not what a page that imitates ours claims; a phishing site that shows a live number is seen there
// alone, and by passkeys not at all.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "identity/account/accounts.hpp"

namespace dayaq::identity {

using ConfirmationId = Id64<struct ConfirmationTag>;

struct Confirmation {
  enum class Stage : std::uint8_t { waiting, confirmed, denied, used };
  ConfirmationId id;
  PersonId person;
  std::uint8_t number = 0;  ///< 10 to 99; as text by number_text()
  Stage stage = Stage::waiting;
  Instant asked;
  Instant expires;
  std::string client;                     ///< on whose behalf, "" for our own pages
  std::string network;                    ///< of the browser that asks
  AuthenticatorId authenticator;          ///< what confirmed it
  Assurance assurance = Assurance::none;  ///< that this is worth
  Instant proved = instant_min;           ///< when the person last proved to it who they are
};
[[nodiscard]] std::string number_text(const Confirmation& confirmation);
/// Three different numbers in order, the right one among them, always the same for one confirmation: for a
/// page where one is chosen.
[[nodiscard]] std::array<std::string, 3> number_choices(const Confirmation& confirmation);

/// What waits for a person, newest first. Any store session.
Result<std::vector<Confirmation>> confirmations_of(store::Session& db, PersonId person, Instant now);

// Part of a transaction. Both:
//   - not_found "confirmation.unknown"  none of theirs, over, or decided
// A wrong number decides it: denied. What is returned is how it then stands.

/// By a signed-in page. What it proves is what the session proved, and when.
///   - forbidden "confirmation.fresh"    the session's proof is older than fresh_for, or it acts for another
Result<Confirmation::Stage> confirm_by_session(store::Session& db, const Accounts& accounts,
                                               const Session& session, ConfirmationId id, bool agreed,
                                               std::string_view number, Instant now);

/// What a phone signs: with ES256 (r || s) or EdDSA, by the key it was enrolled with.
[[nodiscard]] std::string confirmation_statement(ConfirmationId id, bool agreed, std::string_view number);
/// By a phone that holds a key of this person's.
///   - forbidden "confirmation.device"   no such phone of theirs, or the signature doesn't fit
Result<Confirmation::Stage> confirm_by_device(store::Session& db, const Accounts& accounts, PersonId person,
                                              AuthenticatorId device, ConfirmationId id, bool agreed,
                                              std::string_view number, BytesView signature, Instant now);

}  // namespace dayaq::identity
