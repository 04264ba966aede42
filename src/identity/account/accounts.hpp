// Digital IDs and their authenticators: what is stored, and the use-cases on it.
//
// All rows of a person start with their bucket. Secrets (TOTP) are sealed under the node's master key;
// passkeys keep public keys alone. Each use-case runs inside one write transaction on the writer thread:
// rows, audit entry, and messages to be sent, all or nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audit/log.hpp"
#include "crypto/key_store.hpp"
#include "identity/account/messages.hpp"
#include "identity/account/sessions.hpp"
#include "identity/account/types.hpp"
#include "identity/webauthn.hpp"
#include "registry/record.hpp"

namespace dayaq::identity {

[[nodiscard]] std::span<const store::Migration> account_migrations();

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
};

// -- reading; any store session

Result<std::optional<Account>> account_of(store::Session& db, PersonId person);
Result<std::vector<Authenticator>> authenticators_of(store::Session& db, PersonId person);
/// The stored passkey a browser answered with, if it is this person's.
Result<std::optional<std::pair<Authenticator, webauthn::Credential>>> passkey_of(store::Session& db,
                                                                                 PersonId person,
                                                                                 BytesView credential_id);
Result<std::vector<webauthn::Credential>> passkeys_of(store::Session& db, PersonId person);

/// A passkey's user handle: the person id's 8 bytes, a keyed hash that says nothing about the person
/// (WebAuthn section 14.6.1).
[[nodiscard]] Bytes user_handle(PersonId person);
[[nodiscard]] std::optional<PersonId> person_of_handle(BytesView handle);

}  // namespace dayaq::identity
