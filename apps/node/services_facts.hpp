// What e-services ask of the rooms beside them: who somebody is and what law is in force, and how people are
// told.
#pragma once

#include "identity/account/accounts.hpp"
#include "regime/keeper.hpp"
#include "services/cases/cases.hpp"
#include "services/sms/notices.hpp"

namespace dayaq::node {

/// Persons from the index in memory, with names and numbers from the registry; whoever isn't in the index yet
/// (recorded a moment ago) wholly from the registry.
class IndexFacts final : public services::Facts {
 public:
  IndexFacts(const regime::GrantKeeper& keeper, const registry::RegistryStore& persons)
      : keeper_(keeper), persons_(persons) {}
  Result<registry::PersonFacts> of(store::Session& session, PersonId person) const override;
  Result<registry::PersonFacts> for_rules(store::Session& session, PersonId person) const override;
  Result<std::string> national_id(store::Session& session, PersonId person) const override;
  [[nodiscard]] Instant regime_end(const std::string& regime, Instant t) const override;
  [[nodiscard]] int regime_version(const std::string& regime, Instant t) const override;

 private:
  [[nodiscard]] std::optional<registry::PersonFacts> indexed(PersonId person) const;
  [[nodiscard]] std::shared_ptr<const regime::NumberedLaw> law() const;

  const regime::GrantKeeper& keeper_;
  const registry::RegistryStore& persons_;
};

/// By message, as answers go (services/sms/notices.hpp): to the numbers that the registry says are theirs, in
/// the language of their digital ID, unless they have switched it off.
class MessageNotifier final : public services::Notifier {
 public:
  /// Before the first case changes.
  void set(services::sms::Notices& notices) { notices_ = &notices; }
  Result<void> notify(store::Session& session, PersonId person, const services::Case& about,
                      const LocalizedText& text, Instant now) override;

 private:
  services::sms::Notices* notices_ = nullptr;
};

/// The person behind an official as the audit log names them ("org:CODE/official:ID"): somebody may represent
/// several bodies, or the same one again. nullopt for every other actor.
Result<std::optional<PersonId>> person_behind(store::Session& session, const std::string& actor);

/// Where a person's notices go.
Result<services::sms::Receiver> receiver_of(store::Session& session, const identity::Accounts& accounts,
                                            PersonId person, Instant now);

}  // namespace dayaq::node
