// SQL of signing in, besides the sessions. For the sources of this folder, and whoever seals what works once.
#pragma once

#include <optional>
#include <vector>

#include "identity/account/confirmation.hpp"
#include "identity/one_time_code.hpp"

namespace dayaq::identity {

/// conflict "store.duplicate" if it has been spent: the transaction leaves no trace.
Result<void> spend(store::Session& db, PersonId person, std::uint64_t id, Instant until);
Result<bool> is_spent(store::Session& db, PersonId person, std::uint64_t id);

Result<void> insert_sent_code(store::Session& db, PersonId person, std::uint64_t attempt,
                              const OneTimeCode& code);
Result<std::optional<OneTimeCode>> select_sent_code(store::Session& db, PersonId person,
                                                    std::uint64_t attempt);
/// Attempts left and stage.
Result<void> update_sent_code(store::Session& db, PersonId person, std::uint64_t attempt,
                              const OneTimeCode& code);

Result<void> insert_confirmation(store::Session& db, const Confirmation& confirmation);
Result<std::optional<Confirmation>> select_confirmation(store::Session& db, PersonId person,
                                                        ConfirmationId id);
Result<std::vector<Confirmation>> select_confirmations(store::Session& db, PersonId person, Instant now);
/// Stage, and what confirmed it.
Result<void> update_confirmation(store::Session& db, const Confirmation& confirmation);

/// Rows of all of these that are over, and ended windows of limits: at most `limit` of each.
Result<int> delete_what_is_over(store::Session& db, Instant now, int limit);

}  // namespace dayaq::identity
