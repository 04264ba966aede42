// Digital IDs and their authenticators: what is stored, and the use-cases on it.
//
// All rows of a person start with their bucket. Secrets (an app's, a password's hash) are sealed under the
// node's master key; passkeys, phones and cards keep public keys alone. Each use-case runs inside one write
// transaction on the writer thread: rows, audit entry, and messages to be sent, all or nothing.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "audit/log.hpp"
#include "base/text.hpp"
#include "crypto/key_store.hpp"
#include "crypto/secret.hpp"
#include "identity/account/messages.hpp"
#include "identity/account/sessions.hpp"
#include "identity/account/types.hpp"
#include "identity/totp.hpp"
#include "identity/webauthn.hpp"
#include "registry/record.hpp"

namespace dayaq::identity {

[[nodiscard]] std::span<const store::Migration> account_migrations();

/// Told, inside the transaction, that an account was made, suspended, reactivated or closed: what stands on
/// it without a session (tokens for when the person is away) ends too.
class AccountObserver {
 public:
  virtual ~AccountObserver() = default;
  virtual Result<void> on_account_changed(store::Session& db, const Account& account) = 0;
};

/// What the use-cases work with, besides a session. All of it outlives them.
struct Accounts {
  const registry::Registry& registry;
  const registry::RegistryStore& persons;
  audit::Log& log;
  Sessions& sessions;
  Outbox& outbox;
  const crypto::MasterKey& master;
  Random& random;
  const Clock& clock;
  AccountObserver* observer = nullptr;
  std::string site;  ///< "https://id.example.az": what links in messages begin with
};

inline constexpr std::size_t authenticators_max = 20;  ///< of one person

// -- reading; any store session

Result<std::optional<Account>> account_of(store::Session& db, PersonId person);
/// Oldest first; those that wait (active_from) and those declared lost (ends) too: ask worth_at().
Result<std::vector<Authenticator>> authenticators_of(store::Session& db, PersonId person);
/// The stored passkey a browser answered with, if it is this person's.
Result<std::optional<std::pair<Authenticator, webauthn::Credential>>> passkey_of(store::Session& db,
                                                                                 PersonId person,
                                                                                 BytesView credential_id);
Result<std::vector<webauthn::Credential>> passkeys_of(store::Session& db, PersonId person);

struct TotpAuthenticator {
  Authenticator authenticator;
  crypto::SecretBytes secret;
  TotpState state;
};
/// Those whose secret opens under this master key (others are passed over, and logged).
Result<std::vector<TotpAuthenticator>> totps_of(store::Session& db, const crypto::MasterKey& master,
                                                PersonId person);

struct SmsAuthenticator {
  Authenticator authenticator;
  std::string number;  ///< digits with the calling code
};
/// Mobile numbers that the registry says this person holds at `now`: where codes and notices go.
Result<std::vector<std::string>> numbers_of(store::Session& db, const registry::RegistryStore& persons,
                                            PersonId person, Instant now);
/// Those whose number is still theirs: a number that was given up proves nothing.
Result<std::vector<SmsAuthenticator>> sms_of(store::Session& db, const registry::RegistryStore& persons,
                                             PersonId person, Instant now);
/// "+994 ** *** ** 41". Of the same length for every number of a country.
[[nodiscard]] std::string masked_number(std::string_view calling_code, std::string_view number);

struct MobileDevice {
  Authenticator authenticator;
  Bytes public_key;     ///< COSE_Key of the key in the phone
  std::string address;  ///< for Message::Channel::push
};
Result<std::vector<MobileDevice>> mobiles_of(store::Session& db, PersonId person);

using Fingerprint = std::array<std::byte, 32>;  ///< SHA-256 of a certificate's DER
Result<std::optional<Authenticator>> card_of(store::Session& db, PersonId person, const Fingerprint& card);

struct PasswordAuthenticator {
  Authenticator authenticator;
  crypto::SecretBytes hash;  ///< for crypto::check_password
  unsigned failures = 0;     ///< in a row
  Instant paused_until = instant_min;
};
Result<std::optional<PasswordAuthenticator>> password_of(store::Session& db, const crypto::MasterKey& master,
                                                         PersonId person);

// -- using; part of the transaction that signs in

/// Sets `used`. If it was declared lost, its owner has it after all: the recovery is undone (recovery.hpp),
/// and everybody who should know is told.
Result<void> note_used(store::Session& db, const Accounts& accounts, const Authenticator& authenticator,
                       Instant now);
/// The same for a passkey, with its new counter and flags. conflict "authenticator.moved_on": its counter has
/// advanced meanwhile, beyond this one.
Result<void> note_passkey_used(store::Session& db, const Accounts& accounts,
                               const Authenticator& authenticator, const webauthn::Assertion& assertion,
                               Instant now);
/// Stores what check_totp said, if the state is still the one it read. conflict "authenticator.moved_on"
/// else: somebody used a code meanwhile; read and check again.
Result<void> set_totp_state(store::Session& db, PersonId person, AuthenticatorId id, const TotpState& read,
                            const TotpState& next);
/// After a wrong password (or a right one: 0).
Result<void> set_password_failures(store::Session& db, PersonId person, AuthenticatorId id, unsigned failures,
                                   Instant paused_until);

// -- making and changing

struct TotpSecret {
  Bytes secret;
  std::uint64_t last_step = 0;  ///< of the code typed to prove it
};
struct SmsNumber {
  std::string number;
};
struct MobileKey {
  Bytes public_key;
  std::string address;
};
struct CardPrint {
  Fingerprint fingerprint{};
};
struct PasswordHash {
  std::string hash;  ///< of crypto::hash_password
};
/// What an authenticator is checked by.
using Material =
    std::variant<webauthn::Credential, MobileKey, TotpSecret, SmsNumber, CardPrint, PasswordHash>;
[[nodiscard]] AuthenticatorKind kind_of(const Material& material);
/// The highest that this one can prove, alone. @see docs/identity.md#what-an-authenticator-is-worth
[[nodiscard]] Assurance worth_of(const Material& material);

struct NewAuthenticator {
  AuthenticatorId id;  ///< random, drawn before the transaction
  std::string name;    ///< 1 to 60 bytes of text; "" for the kind's own
  Material material;
};

/// What was proved when an authenticator was added.
struct Binding {
  Assurance proved = Assurance::low;
  Instant active_from = instant_min;
  std::string actor = "self";
  std::uint64_t recovery = 0;  ///< that added it, 0: none
};

/// The rows and the audit entry of one more authenticator. The account must exist. A number or card that is
/// there already is returned as it is (and isn't lost any more); a password takes the place of the old one.
///   - invalid_input "authenticator.name", "authenticator.number" (not a number that is theirs)
///   - limit "authenticator.many"      authenticators_max
///   - conflict "authenticator.known"  this passkey is registered already, by whomever
Result<Authenticator> put_authenticator(store::Session& db, const Accounts& accounts, PersonId person,
                                        const NewAuthenticator& added, const Binding& binding, Instant now);

/// How recently a person must have proved who they are before they change what proves it.
inline constexpr std::chrono::minutes fresh_for{15};

// A person changes their own. All:
//   - forbidden "authenticator.fresh"   the session's proof is older than fresh_for, or it acts for another
//   - not_found "authenticator.unknown" they have none of this id

/// Bound at the session's assurance: what is added in a weak session stays weak. Told to the person's other
/// channels. Errors of put_authenticator.
Result<Authenticator> add_authenticator(store::Session& db, const Accounts& accounts, const Session& session,
                                        const NewAuthenticator& added, Instant now);
Result<void> rename_authenticator(store::Session& db, const Accounts& accounts, const Session& session,
                                  AuthenticatorId id, const std::string& name, Instant now);
/// Ends the sessions made with it too (but for this one).
///   - conflict "authenticator.last"     it is the last that works, and the person hasn't said they know
///   - forbidden "authenticator.surer"   it is worth more than this session proved: declare it lost instead
///   - forbidden "authenticator.waiting" this session stands on one that recovery added and that still waits
Result<void> remove_authenticator(store::Session& db, const Accounts& accounts, const Session& session,
                                  AuthenticatorId id, bool even_the_last, Instant now);

/// The account, if it may be used. not_found "account.unknown", forbidden "account.suspended",
/// "account.closed".
Result<Account> account_in_force(store::Session& db, PersonId person);

/// A passkey's user handle: the person id's 8 bytes, a keyed hash that says nothing about the person
/// (WebAuthn section 14.6.1).
[[nodiscard]] Bytes user_handle(PersonId person);
[[nodiscard]] std::optional<PersonId> person_of_handle(BytesView handle);

}  // namespace dayaq::identity
