#include "demo.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "identity/account/enrolment.hpp"
#include "identity/account/relations.hpp"

namespace dayaq::node {
namespace {

using registry::PersonFacts;

constexpr std::string_view demo_organisation = "tabib";
/// Where the official works too: digital IDs are handed out and suspended there, and cases of a service are
/// decided.
constexpr std::array<std::string_view, 2> demo_agencies{"digital-agency", "state-tax-service"};
constexpr std::int64_t buckets_at_once = 8;
constexpr auto demo_code_life = std::chrono::hours(24);

bool has_mobile_line(const PersonFacts& facts, Instant now) {
  return std::ranges::any_of(facts.subscriptions, [&](const registry::Subscription& line) {
    return line.kind == registry::SubscriptionKind::mobile && line.valid.contains(now);
  });
}

/// A status that brings something; not one (quarantine) that takes most services away.
bool has_status(const PersonFacts& facts, const registry::CountryPack& country, Instant now) {
  bool any = false;
  for (const registry::Attestation& one : facts.attestations) {
    if (!one.stands_at(now)) continue;
    if (country.status(one.status).sensitive) return false;
    any = true;
  }
  return any;
}

/// The first two adults, by the order of their ids, with a mobile line; the first of them with a status. A
/// small population is searched to its end.
Result<std::vector<PersonFacts>> choose(store::Session& session, const Core& core,
                                        const registry::RegistryStore& store, Instant now) {
  const Date today = core.country.zone().day_of(now);
  std::vector<PersonFacts> chosen;
  for (std::int64_t from = 0; from < registry::buckets && chosen.size() < 2; from += buckets_at_once) {
    std::vector<PersonId> adults;
    DAYAQ_TRY_OK(store.each_person_core(session, {.from = from, .until = from + buckets_at_once},
                                        [&](const registry::PersonCore& person) {
                                          const int age = age_on(person.birth, today);
                                          if (!person.death && age >= 25 && age < 60 && adults.size() < 200) {
                                            adults.push_back(person.id);
                                          }
                                        }));
    for (const PersonId person : adults) {
      DAYAQ_TRY(PersonFacts facts, registry::facts(session, store, person));
      if (!has_mobile_line(facts, now) || (chosen.empty() && !has_status(facts, core.country, now))) continue;
      chosen.push_back(std::move(facts));
      if (chosen.size() == 2) break;
    }
  }
  return chosen;
}

Result<void> make_official(store::Session& session, const identity::Accounts& accounts, PersonId person,
                           identity::RelationId id, std::string_view code, Instant now) {
  const OrganisationCode organisation{std::string(code)};
  DAYAQ_TRY(const auto standing, identity::standing_representation(session, person, organisation, {}, now));
  if (standing) return {};
  DAYAQ_TRY_OK(identity::record_relation(session, accounts,
                                         {.id = id,
                                          .kind = identity::RelationKind::representative,
                                          .holder = person,
                                          .principal = {},
                                          .organisation = organisation,
                                          .valid = {.from = now}},
                                         {.actor = "system", .basis = "the demonstration"}, now));
  return {};
}

}  // namespace

Result<std::vector<DemoPerson>> demo_persons(Core& core, const identity::Accounts& accounts) {
  std::vector<DemoPerson> out;
  if (!core.configuration.synthetic) return out;
  const Instant now = core.clock.now();
  const registry::RegistryStore& store = accounts.persons;
  DAYAQ_TRY(const auto chosen,
            core.database->read([&](store::Session& session) { return choose(session, core, store, now); }));
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const registry::Person& person = chosen[i].person;
    const bool official = i == 1;
    const auto drawn = identity::draw_activation(
        accounts, identity::Enrolment::counter, now,
        {.counter_life = std::chrono::duration_cast<std::chrono::minutes>(demo_code_life)});
    const identity::RelationId at_hospital(core.random.next_id());
    const std::array at_agencies{identity::RelationId(core.random.next_id()),
                                 identity::RelationId(core.random.next_id())};
    DAYAQ_TRY(const bool known, core.database->write([&](store::Session& session) -> Result<bool> {
      if (official) {
        DAYAQ_TRY_OK(make_official(session, accounts, person.id, at_hospital, demo_organisation, now));
        for (std::size_t k = 0; k < demo_agencies.size(); ++k) {
          DAYAQ_TRY_OK(make_official(session, accounts, person.id, at_agencies[k], demo_agencies[k],
                                     now - std::chrono::seconds(k + 1)));
        }
      }
      DAYAQ_TRY(const auto account, identity::account_of(session, person.id));
      if (account) return true;
      DAYAQ_TRY_OK(identity::issue_activation_for(session, accounts,
                                                  {.person = person.id,
                                                   .channel = identity::Enrolment::counter,
                                                   .number = {},
                                                   .document = "the demonstration",
                                                   .actor = "system"},
                                                  drawn, now));
      return false;
    }));
    const auto organisation = core.organisations->find(demo_organisation);
    out.push_back({.national_id = person.national_id,
                   .name = fmt::format("{} {}", person.given_name, person.family_name),
                   .code = known ? std::string() : drawn.code,
                   .official = official && organisation ? core.organisations->at(*organisation)->name.en
                                                        : std::string()});
  }
  return out;
}

}  // namespace dayaq::node
