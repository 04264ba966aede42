#include "services_facts.hpp"

#include <fmt/format.h>

#include "identity/account/accounts.hpp"
#include "identity/account/relations.hpp"
#include "registry/record.hpp"

namespace dayaq::node {
namespace {

registry::PersonFacts facts_of(const regime::KnownPerson& known) {
  registry::PersonFacts out;
  out.person.id = known.record.id;
  out.person.birth = known.record.birth;
  out.person.death = known.record.death;
  out.person.place = known.record.place;
  out.residences.push_back({.place = known.record.place, .period = {}});
  for (const regime::Fact& fact : known.facts) {
    registry::Attestation attestation;  // its id and issuer are nothing that rules ask for
    attestation.person = known.record.id;
    attestation.status = fact.status;
    attestation.valid = {.from = fact.from, .until = fact.until};
    attestation.recorded = fact.from;  // `from` isn't before it was recorded
    out.attestations.push_back(attestation);
  }
  for (const regime::KnownLine& line : known.lines) {
    out.subscriptions.push_back({.kind = line.kind,
                                 .provider = line.provider,
                                 .number = {},
                                 .holder = known.record.id,
                                 .valid = line.valid});
  }
  return out;
}

}  // namespace

Result<std::optional<PersonId>> person_behind(store::Session& session, const std::string& actor) {
  constexpr std::string_view prefix = "org:";
  const std::size_t slash = actor.find("/official:");
  if (!actor.starts_with(prefix) || slash == std::string_view::npos) return std::optional<PersonId>();
  const std::string code = actor.substr(prefix.size(), slash - prefix.size());
  DAYAQ_TRY(const auto held, identity::representatives_of(session, OrganisationCode(code)));
  for (const identity::Relation& one : held) {
    if (actor == fmt::format("org:{}/official:{}", one.organisation, one.id))
      return std::optional(one.holder);
  }
  return std::optional<PersonId>();
}

std::optional<registry::PersonFacts> IndexFacts::indexed(PersonId person) const {
  return keeper_.live().read([&](const regime::LiveState& state) -> std::optional<registry::PersonFacts> {
    const regime::Ordinal ordinal = state.population.find(person);
    if (ordinal == regime::no_ordinal) return std::nullopt;
    return facts_of(state.population.known(ordinal));
  });
}

std::shared_ptr<const regime::NumberedLaw> IndexFacts::law() const {
  return keeper_.live().read([](const regime::LiveState& state) { return state.law; });
}

Result<registry::PersonFacts> IndexFacts::for_rules(store::Session& session, PersonId person) const {
  if (auto known = indexed(person)) return *std::move(known);
  return registry::facts(session, persons_, person);
}

Result<registry::PersonFacts> IndexFacts::of(store::Session& session, PersonId person) const {
  auto known = indexed(person);
  if (!known) return registry::facts(session, persons_, person);
  DAYAQ_TRY(auto record, persons_.person(session, person));
  if (!record) return fail(ErrorKind::not_found, "registry.person", "Nobody has this id.");
  known->person = std::move(record->person);
  DAYAQ_TRY(known->subscriptions, persons_.subscriptions_of(session, person));
  return *std::move(known);
}

Result<std::string> IndexFacts::national_id(store::Session& session, PersonId person) const {
  DAYAQ_TRY(const auto record, persons_.person(session, person));
  if (!record) return fail(ErrorKind::not_found, "registry.person", "Nobody has this id.");
  return record->person.national_id;
}

Instant IndexFacts::regime_end(const std::string& regime, Instant t) const {
  const auto numbered = law();
  const RegimeCode code(regime);
  auto version = numbered->law.version_at(code, t);
  if (version == nullptr) return instant_min;
  // An amendment goes on where the version before it ends.
  Instant end = version->in_force().until;
  while (end != instant_max && (version = numbered->law.version_at(code, end)) != nullptr) {
    end = version->in_force().until;
  }
  return end;
}

int IndexFacts::regime_version(const std::string& regime, Instant t) const {
  const auto version = law()->law.version_at(RegimeCode(regime), t);
  return version == nullptr ? 0 : version->regime.version;
}

Result<void> MessageNotifier::notify(store::Session& session, PersonId person, const services::Case& about,
                                     const LocalizedText& text, Instant now) {
  DAYAQ_ASSERT(notices_ != nullptr);
  constexpr std::chrono::hours helps{72};
  // The same change of the same case says the same once, however often it is tried.
  const std::string name = fmt::format("case|{}|{}|{}", about.id.value(), about.revision, text.az);
  DAYAQ_TRY_OK(notices_->tell(session, person, name, text, now + helps, now));
  return {};
}

Result<services::sms::Receiver> receiver_of(store::Session& session, const identity::Accounts& accounts,
                                            PersonId person, Instant now) {
  services::sms::Receiver out;
  DAYAQ_TRY(out.numbers, identity::numbers_of(session, accounts.persons, person, now));
  if (out.numbers.empty()) return out;
  DAYAQ_TRY(const auto account, identity::account_of(session, person));
  if (account) out.language = account->language;
  return out;
}

}  // namespace dayaq::node
