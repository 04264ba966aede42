#include "identity/account/life.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "http/encoding.hpp"
#include "identity/account/accounts_store.hpp"
#include "identity/account/notices.hpp"
#include "identity/account/relations.hpp"

namespace dayaq::identity {
namespace {

Result<void> check_reason(std::string_view reason) {
  if (reason.size() >= 3 && reason.size() <= 200 && is_utf8(reason)) return {};
  return fail_field("account.reason", "reason", "Say in 3 to 200 bytes why.");
}

Result<Account> known_account(store::Session& db, PersonId person) {
  DAYAQ_TRY(const auto account, account_of(db, person));
  if (!account) return fail(ErrorKind::not_found, "account.unknown", "There is no digital ID yet.");
  return *account;
}

struct Move {
  AccountState to = AccountState::active;
  std::string_view action;
  std::string actor;
  std::string personal;
};

/// Row, sessions, audit entry, and whoever follows.
Result<Account> move(store::Session& db, const Accounts& accounts, Account account, const Move& how,
                     Instant now) {
  account.state = how.to;
  account.changed = now;
  DAYAQ_TRY_OK(update_account(db, account));
  if (how.to != AccountState::active) {
    DAYAQ_TRY_OK(accounts.sessions.end_all(db, account.person, std::nullopt, now));
  }
  DAYAQ_TRY_OK(accounts.log.append(db, {.action = how.action,
                                        .actor = how.actor,
                                        .subject = account.person,
                                        .data = "",
                                        .personal = how.personal}));
  if (accounts.observer != nullptr) DAYAQ_TRY_OK(accounts.observer->on_account_changed(db, account));
  return account;
}

std::string reason_json(const std::string& reason) {
  return fmt::format(R"({{"reason":{}}})", http::json_string(reason));
}

}  // namespace

Result<Account> suspend(store::Session& db, const Accounts& accounts, PersonId person,
                        const std::string& reason, const std::string& actor, Instant now) {
  DAYAQ_TRY_OK(check_reason(reason));
  DAYAQ_TRY(const Account account, known_account(db, person));
  if (account.state == AccountState::closed) return account_in_force(db, person);
  if (account.state == AccountState::suspended) return account;
  DAYAQ_TRY(const Account moved,
            move(db, accounts, account,
                 {AccountState::suspended, "identity.suspend", actor, reason_json(reason)}, now));
  DAYAQ_TRY_OK(notify(db, accounts, moved, Notice::suspended, {}, now));
  return moved;
}

Result<Account> reactivate(store::Session& db, const Accounts& accounts, PersonId person,
                           const std::string& reason, const std::string& actor, Instant now) {
  DAYAQ_TRY_OK(check_reason(reason));
  DAYAQ_TRY(const Account account, known_account(db, person));
  if (account.state == AccountState::closed) return account_in_force(db, person);
  if (account.state == AccountState::active) return account;
  DAYAQ_TRY(const Account moved,
            move(db, accounts, account,
                 {AccountState::active, "identity.reactivate", actor, reason_json(reason)}, now));
  DAYAQ_TRY_OK(notify(db, accounts, moved, Notice::reactivated, {}, now));
  return moved;
}

Result<void> follow_death(store::Session& db, const Accounts& accounts, PersonId person, bool died,
                          Instant now) {
  DAYAQ_TRY(const auto account, account_of(db, person));
  const bool closed = account && account->state == AccountState::closed;
  // Relations end without a digital ID too: a child has a guardian long before it has one.
  if (died && !closed) DAYAQ_TRY_OK(end_relations_of(db, accounts, person, now));
  if (!account || died == closed) return {};
  if (died) {
    DAYAQ_TRY_OK(move(db, accounts, *account, {AccountState::closed, "identity.close", "system", ""}, now));
    return {};
  }
  DAYAQ_TRY(const auto before, state_before_closing(db, person));
  DAYAQ_TRY_OK(move(db, accounts, *account,
                    {before.value_or(AccountState::suspended), "identity.reopen", "system", ""}, now));
  return {};
}

Result<int> close_deceased(store::Session& db, const Accounts& accounts, Instant now, int limit) {
  DAYAQ_TRY(const auto persons, open_accounts_of_deceased(db, limit));
  for (const PersonId person : persons) DAYAQ_TRY_OK(follow_death(db, accounts, person, true, now));
  return static_cast<int>(persons.size());
}

Result<void> LifeFollower::on_change(store::Session& session, const registry::Change& change) {
  const auto* recorded = std::get_if<registry::PersonRecorded>(&change);
  // Somebody new has no digital ID and no relations: a bulk import costs nothing here.
  if (recorded != nullptr && !recorded->is_new && accounts_ != nullptr) {
    DAYAQ_TRY_OK(follow_death(session, *accounts_, recorded->person.id, recorded->person.death.has_value(),
                              accounts_->clock.now()));
  }
  return next_ == nullptr ? Result<void>() : next_->on_change(session, change);
}

}  // namespace dayaq::identity
