// A synthetic population in memory for benchmarks: Azerbaijan's places, its age pyramid roughly, statuses by
// age, 1.1 mobile lines a person. The same on every machine; it stands for nobody.
#pragma once

#include <cmath>
#include <functional>

#include "base/random.hpp"
#include "regime/population.hpp"
#include "registry/country_pack.hpp"

namespace dayaq::bench {

/// One synthetic person with what the index holds.
struct BenchPerson {
  regime::PersonRecord record;
  struct Status {
    registry::StatusIndex status;
    Period period;
  };
  std::vector<Status> statuses;
  struct Line {
    registry::SubscriptionKind kind;
    registry::OrganisationIndex provider;
  };
  std::vector<Line> lines;
};

/// Makes `count` persons one after another; the object given to `visit` is reused.
class People {
 public:
  People(const registry::CountryPack& country, Instant now) : country_(country), now_(now) {
    std::int64_t sum = 0;
    for (std::size_t p = country.district_count(); p < country.places().size(); ++p) {
      sum += country.place(registry::PlaceIndex(p)).population;
      cumulative_.push_back(sum);
    }
    for (std::size_t o = 0; o < country.organisations().size(); ++o) {
      const auto kind = country.organisations()[o].kind;
      const auto provider = registry::OrganisationIndex(o);
      if (kind == registry::OrganisationKind::mobile_operator) providers_[0].push_back(provider);
      if (kind == registry::OrganisationKind::internet_provider) providers_[1].push_back(provider);
      if (kind == registry::OrganisationKind::tv_operator) providers_[2].push_back(provider);
    }
  }

  template <class F>
  void each(std::size_t count, F&& visit) {
    SeededRandom random(2026);
    BenchPerson person;
    for (std::size_t i = 0; i < count; ++i) {
      make(i, random, person);
      visit(person);
    }
  }

 private:
  void make(std::size_t i, SeededRandom& random, BenchPerson& person) {
    const auto at = random.below(std::uint64_t(cumulative_.back()));
    const auto place =
        std::upper_bound(cumulative_.begin(), cumulative_.end(), std::int64_t(at)) - cumulative_.begin();
    // Young countries: the share of each year of age falls slowly, and quickly from 60.
    const double u = random.unit();
    const double age = u < 0.85 ? 60 * u / 0.85 : 60 + 35 * std::pow((u - 0.85) / 0.15, 1.7);
    const auto today = std::chrono::floor<std::chrono::days>(now_);
    person.record = {.id = PersonId((std::uint64_t(i) + 1) * 0x9e3779b97f4a7c15u >> 1),
                     .birth = today - std::chrono::days(std::int64_t(age * 365.25)),
                     .death = std::nullopt,
                     .place = registry::PlaceIndex(country_.district_count() + std::size_t(place))};
    if (random.below(400) == 0) person.record.death = today - std::chrono::days(10 + random.below(300));
    person.statuses.clear();
    const auto give = [&](const char* code, double share, int days_left) {
      if (random.unit() >= share) return;
      const Instant until = days_left == 0 ? instant_max : Instant(today + std::chrono::days(days_left));
      person.statuses.push_back(
          {country_.find_status(code).value(), {.from = now_ - std::chrono::days(200), .until = until}});
    };
    if (age >= 6 && age < 18) give("pupil", 0.95, 206);
    if (age >= 18 && age < 24) give("student", 0.28, 206);
    if (age >= 62) give("pensioner", 0.9, 0);
    if (age >= 22 && age < 63) {
      give("health_worker", 0.022, 40);
      give("health_specialist", 0.006, 40);
      give("teacher", 0.028, 206);
      give("remote_worker", 0.08, 90);
      give("civil_servant", 0.05, 0);
    }
    if (age >= 18) give("payment_deferred", 0.09, 60);
    give("disabled", 0.05, 0);
    give("low_income", 0.06, 120);
    give("quarantined", 0.006, 1 + int(random.below(14)));
    give("must_stay_home", 0.03, 30);
    person.lines.clear();
    add_lines(random, person, 0, age < 10 ? 0.1 : 1.27);
    add_lines(random, person, 1, age < 25 ? 0.02 : 0.26);
    add_lines(random, person, 2, age < 25 ? 0.02 : 0.3);
  }

  void add_lines(SeededRandom& random, BenchPerson& person, std::size_t kind, double mean) {
    for (double left = mean; left > 0; left -= 1) {
      if (random.unit() >= left) continue;
      const auto& from = providers_[kind];
      // The first has about half of the market.
      const std::size_t which = random.below(2) == 0 ? 0 : std::size_t(random.below(from.size()));
      person.lines.push_back({registry::SubscriptionKind(kind), from[which]});
      if (random.below(6) == 0) left += 1;
    }
  }

  const registry::CountryPack& country_;
  Instant now_;
  std::vector<std::int64_t> cumulative_;
  std::vector<registry::OrganisationIndex> providers_[3];
};

inline std::vector<registry::PlaceIndex> districts_of(const registry::CountryPack& country) {
  std::vector<registry::PlaceIndex> out;
  for (const registry::Place& place : country.places()) out.push_back(place.district);
  return out;
}

/// The synthetic population as an index; line keys are hashes of their number of coming.
inline regime::Population people_index(const registry::CountryPack& country, std::size_t count, Instant now) {
  auto days = std::make_shared<const regime::DayStarts>(country.zone());
  regime::PopulationBuilder builder(days, districts_of(country), country.statuses().size(), now,
                                    {.persons = count, .facts = count, .lines = count + count / 2});
  People people(country, now);
  people.each(count, [&](const BenchPerson& person) { builder.add_person(person.record); });
  builder.seal_persons();
  std::uint64_t number = 0;
  people.each(count, [&](const BenchPerson& person) {
    for (const auto& status : person.statuses)
      builder.add_fact(person.record.id, status.status, status.period);
    for (const auto& line : person.lines) {
      std::uint64_t key = ++number * 0x9e3779b97f4a7c15u;
      key = (key ^ key >> 29) * 0xbf58476d1ce4e5b9u;
      builder.add_line(key ^ key >> 32, person.record.id, line.kind, line.provider, {});
    }
  });
  return builder.finish();
}

}  // namespace dayaq::bench
