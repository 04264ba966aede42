#include "regime/population_test_support.hpp"

#include <fmt/format.h>

#include "feed/block.hpp"
#include "registry/country_pack.hpp"

namespace dayaq::regime::test {

using namespace std::chrono;
using namespace std::chrono_literals;

World::World(std::uint64_t seed) : random(seed) {
  days = std::make_shared<const DayStarts>(*Zone::create("Asia/Baku"));
  now = sys_days(2026y / November / 21) + 8h;
  // Three districts with three settlements each; districts first, as in a country pack.
  for (PlaceIndex d = 0; d < 3; ++d)
    places.push_back({.code = PlaceCode(fmt::format("D{}", d)), .district = d});
  for (PlaceIndex s = 0; s < 9; ++s) {
    places.push_back({.code = PlaceCode(fmt::format("S{}", s)),
                      .district = PlaceIndex(s / 3),
                      .kind = registry::PlaceKind::town});
  }
  for (const registry::Place& place : places) districts.push_back(place.district);
}

Instant World::around_now(int days_max) {
  // Whole hours, and often the very same ones, so that boundaries coincide.
  const auto hours_max = std::uint64_t(days_max) * 24;
  return now + hours(std::int64_t(random.below(2 * hours_max + 1)) - std::int64_t(hours_max));
}

registry::PersonFacts World::person() {
  registry::PersonFacts facts;
  facts.person.id = PersonId(next_id++);
  facts.person.birth = days->zone().day_of(now) - std::chrono::days(random.below(100 * 365));
  if (random.below(4) == 0)
    facts.person.birth = sys_days(year(int(1930 + 4 * random.below(20))) / February / 29);
  if (random.below(12) == 0) {
    facts.person.death =
        std::max(facts.person.birth, days->zone().day_of(now) - std::chrono::days(random.below(3)));
  }
  facts.person.place = PlaceIndex(3 + random.below(9));
  facts.residences.push_back({.place = facts.person.place, .period = {}});
  for (std::uint64_t i = random.below(4); i > 0; --i) {
    registry::Attestation a{.id = registry::AttestationId(next_id * 8 + i),
                            .person = facts.person.id,
                            .status = StatusIndex(random.below(statuses)),
                            .issuer = 0,
                            .valid = {.from = around_now(40), .until = instant_max},
                            .recorded = now - hours(random.below(200))};
    if (random.below(3) != 0) a.valid.until = a.valid.from + hours(1 + random.below(60 * 24));
    if (random.below(8) == 0) a.ended = std::min(now, a.recorded + hours(random.below(50)));
    facts.attestations.push_back(a);
  }
  for (std::uint64_t i = random.below(5); i > 0; --i) {
    registry::Subscription s{.kind = SubscriptionKind(random.below(3)),
                             .provider = OrganisationIndex(random.below(providers)),
                             .number = fmt::format("99450{:07}", next_id * 8 + i),
                             .holder = facts.person.id,
                             .valid = {.from = now - hours(random.below(9999)), .until = instant_max}};
    if (random.below(6) == 0) s.valid.from = around_now(20);
    if (random.below(6) == 0) s.valid.until = s.valid.from + hours(1 + random.below(40 * 24));
    facts.subscriptions.push_back(s);
  }
  return facts;
}

Rule World::rule(int depth) {
  Rule rule;
  const auto pick = random.below(depth > 0 ? 9 : 5);
  switch (pick) {
    case 0:
    case 1:
      rule.kind = Rule::Kind::status;
      for (std::uint64_t i = 0; i <= random.below(2); ++i)
        rule.statuses.push_back(StatusIndex(random.below(statuses)));
      break;
    case 2:
      rule.kind = Rule::Kind::age;
      rule.age_from = int(random.below(70));
      if (random.below(2) == 0) rule.age_under = rule.age_from + 1 + int(random.below(30));
      if (random.below(4) == 0) rule.age_from = 0;
      break;
    case 3:
      rule.kind = Rule::Kind::residence;
      for (std::uint64_t i = 0; i <= random.below(2); ++i)
        rule.places.push_back(PlaceIndex(random.below(12)));
      break;
    case 4:
      rule.kind = random.below(4) == 0 ? Rule::Kind::everyone : Rule::Kind::subscription;
      rule.subscription = SubscriptionKind(random.below(3));
      break;
    case 5:
      rule.kind = Rule::Kind::negation;
      rule.children.push_back(this->rule(depth - 1));
      break;
    default:
      rule.kind = pick < 7 ? Rule::Kind::any : Rule::Kind::all;
      for (std::uint64_t i = 0; i <= 1 + random.below(2); ++i) rule.children.push_back(this->rule(depth - 1));
  }
  return rule;
}

Law World::law() {
  std::vector<std::shared_ptr<const RegimeVersion>> versions;
  for (int r = 0; r < 3; ++r) {
    auto version = std::make_shared<RegimeVersion>();
    version->regime = {
        .code = RegimeCode(fmt::format("regime-{}", r)), .version = 1, .title = {}, .summary = {}};
    version->regime.period = {.from = now - std::chrono::days(random.below(30)),
                              .until = now + hours(random.below(3000))};
    if (random.below(4) == 0) version->regime.period.until = instant_max;
    if (random.below(3) == 0) version->regime.territory.push_back(PlaceIndex(random.below(12)));
    version->state = RegimeState::approved;
    version->approved = now - std::chrono::days(random.below(20));
    for (std::uint64_t m = 0; m < 1 + random.below(4); ++m) {
      Measure measure{.code = MeasureCode(fmt::format("measure-{}", m)), .who = rule(3)};
      measure.benefits.push_back({.kind = BenefitKind::data, .delivered_on = std::uint8_t(random.below(8))});
      measure.benefits.push_back({.kind = BenefitKind::voice, .delivered_on = std::uint8_t(random.below(2))});
      if (random.below(3) == 0) measure.providers = {OrganisationIndex(random.below(providers)), 0};
      measure.period = version->regime.period;
      if (random.below(3) == 0) measure.period.until = around_now(60);
      version->regime.measures.push_back(measure);
    }
    versions.push_back(version);
  }
  return Law(versions);
}

std::vector<MeasureNumber> numbers(const Law& law) {
  std::vector<MeasureNumber> out;
  for (std::size_t i = 0; i < law.measures().size(); ++i) out.push_back(MeasureNumber(100 + i));
  return out;
}

LineKey World::key(const registry::Subscription& subscription) const {
  const SipKey feed_key{.k0 = subscription.provider + 1u, .k1 = 7};
  return feed::pseudonym(feed_key, registry::to_string(subscription.kind), subscription.number);
}

Period effective(const registry::Attestation& a) {
  return {.from = std::max(a.valid.from, a.recorded), .until = std::min(a.valid.until, a.ended)};
}

Population World::index(const std::vector<registry::PersonFacts>& people) const {
  PopulationBuilder builder(days, districts, statuses, now, {});
  for (const auto& facts : people) {
    builder.add_person({.id = facts.person.id,
                        .birth = facts.person.birth,
                        .death = facts.person.death,
                        .place = facts.person.place});
  }
  builder.seal_persons();
  for (const auto& facts : people) {
    for (const auto& a : facts.attestations) builder.add_fact(a.person, a.status, effective(a));
    for (const auto& s : facts.subscriptions) builder.add_line(key(s), s.holder, s.kind, s.provider, s.valid);
  }
  return builder.finish();
}

}  // namespace dayaq::regime::test
