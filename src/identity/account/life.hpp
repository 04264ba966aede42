// What happens to a digital ID besides its owner's doing: death, suspension, and back.
#pragma once

#include <string>

#include "identity/account/accounts.hpp"

namespace dayaq::identity {

/// By an official, with a reason of 3 to 200 bytes that the person can read. Sessions end, nobody signs in,
/// nothing else is lost.
///   - not_found "account.unknown", invalid_input "account.reason", forbidden "account.closed"
/// One that is suspended is left as it is.
Result<Account> suspend(store::Session& db, const Accounts& accounts, PersonId person,
                        const std::string& reason, const std::string& actor, Instant now);
/// Takes a suspension back. The same errors. One that is active is left as it is.
Result<Account> reactivate(store::Session& db, const Accounts& accounts, PersonId person,
                           const std::string& reason, const std::string& actor, Instant now);

/// The person died: sessions end, relations end, nobody signs in again. Or the registry took a death back:
/// the account is as it was before, with its authenticators. Its relations and sessions aren't.
Result<void> follow_death(store::Session& db, const Accounts& accounts, PersonId person, bool died,
                          Instant now);
/// Closes accounts of persons whose death was recorded while nobody followed (an import beside the node); at
/// most `limit`. Returns how many. To be called at the start until it returns 0.
Result<int> close_deceased(store::Session& db, const Accounts& accounts, Instant now, int limit);

/// Follows the registry inside its transactions; then tells `next`, so that several rooms can follow.
class LifeFollower final : public registry::ChangeObserver {
 public:
  /// Accounts stands on the registry, whose observer this is: it is given afterwards, by follow().
  explicit LifeFollower(registry::ChangeObserver* next = nullptr) : next_(next) {}
  void follow(const Accounts& accounts) { accounts_ = &accounts; }
  Result<void> on_change(store::Session& session, const registry::Change& change) override;

 private:
  registry::ChangeObserver* next_;
  const Accounts* accounts_ = nullptr;
};

}  // namespace dayaq::identity
