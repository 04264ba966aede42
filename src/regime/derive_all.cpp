// Derivation of all lines at once.
//
//   1. Each rule becomes a bit set over the population.
//   2. Persons for whom an answer changes before the law's last end (an attestation begins or ends, a
//   birthday, a
//      line begins or ends) are marked.
//   3. For the others the set of rules that hold, as a number of 64 bits, decides: together with kind and
//   operator
//      it gives the profile. There are few such sets, so each person gets a small number instead.
//   4. The table of lines is walked once; marked persons are derived one by one.
#include <algorithm>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/result.hpp"
#include "regime/derive.hpp"
#include "regime/preview_count.hpp"

namespace dayaq::regime {
namespace {

using SetNumber = std::uint16_t;
constexpr SetNumber one_by_one = 0xffff;
constexpr std::size_t rules_max = 64;

void mark_boundaries(const Population& p, const ActiveLaw& law, Instant t, Bits& marked) {
  Vocabulary words;
  for (const Rule& rule : law.rules) words.add(rule);
  std::array<bool, 256> relevant{};
  for (const StatusIndex status : words.statuses) relevant[status] = true;
  const auto ahead = [&](Instant boundary) { return t < boundary && boundary < law.last_end; };
  p.each_fact([&](const Fact& fact) {
    if (relevant[fact.status] && (ahead(fact.from) || ahead(fact.until))) marked.set(fact.person);
  });
  p.each_death([&](Ordinal person) { marked.set(person); });
  for (const auto& [key, valid] : p.line_periods()) marked.set(p.lines().find(key)->person);
  for (const auto& [person, line] : p.waiting()) marked.set(person);
  // A birthday ahead: born after who turned that age by now, but not after who will have by the last end.
  const Zone& zone = p.days().zone();
  for (const int age : words.ages) {
    const auto after = std::int32_t(latest_birth(age, zone.day_of(t)).time_since_epoch().count());
    const auto until =
        law.last_end == instant_max
            ? std::numeric_limits<std::int32_t>::max()
            : std::int32_t(latest_birth(age, zone.day_of(law.last_end)).time_since_epoch().count());
    const std::int32_t* births = p.births();
    for (const PlaceRange& range : p.ranges()) {
      const auto first = std::upper_bound(births + range.begin, births + range.end, after);
      const auto last = std::upper_bound(first, births + range.end, until);
      marked.set_range(std::size_t(first - births), std::size_t(last - births));
    }
    for (Ordinal person = p.sorted_end(); person < p.end(); ++person) {
      if (after < births[person] && births[person] <= until) marked.set(person);
    }
  }
}

/// Which rules hold for each person, as the number of a set.
class RuleSets {
 public:
  RuleSets(const Population& p, const ActiveLaw& law, Instant t, const Bits& marked) : of_person(p.end()) {
    sets.push_back(0);
    numbers_[0] = 0;
    if (law.rules.size() > rules_max) {
      std::ranges::fill(of_person.span(), one_by_one);
      return;
    }
    Vocabulary words;
    for (const Rule& rule : law.rules) words.add(rule);
    const PopulationAt at(p, t, words.statuses);
    std::vector<Bits> holders_of;
    for (const Rule& rule : law.rules) holders_of.push_back(holders(at, rule));
    Word last_set = 0;
    SetNumber last_number = 0;
    for (std::size_t i = 0; i < p.end(); ++i) {
      const std::size_t w = i / word_bits;
      const std::size_t b = i % word_bits;
      if ((marked.data()[w] >> b & 1) != 0) {
        of_person[i] = one_by_one;
        continue;
      }
      Word set = 0;
      for (std::size_t r = 0; r < holders_of.size(); ++r) set |= (holders_of[r].data()[w] >> b & 1) << r;
      if (set != last_set) {
        last_number = number(set);
        last_set = set;
      }
      of_person[i] = last_number;
    }
  }

  Array<SetNumber> of_person;
  std::vector<Word> sets;

 private:
  SetNumber number(Word set) {
    const auto [found, fresh] =
        numbers_.try_emplace(set, SetNumber(std::min<std::size_t>(sets.size(), one_by_one)));
    if (fresh && found->second != one_by_one) sets.push_back(set);
    return found->second;
  }
  std::unordered_map<Word, SetNumber> numbers_;
};

/// Walks a part of the table. Threads share the profiles under a lock that is taken once for each new list
/// only.
class Walk {
 public:
  Walk(const Population& p, const ActiveLaw& law, Instant t, const RuleSets& sets, BulkDerivation& out,
       std::mutex& lock)
      : p_(p), law_(law), t_(t), sets_(sets), out_(out), lock_(lock), person_(p) {}

  void run(std::size_t first, std::size_t last) {
    const std::span<const Line> slots = p_.lines().slots();
    constexpr std::size_t ahead = 24;
    for (std::size_t i = first; i < last; ++i) {
      if (i + ahead < last) __builtin_prefetch(sets_.of_person.data() + slots[i + ahead].person);
      const Line& line = slots[i];
      out_.profile[i] = 0;
      out_.changes_at[i] = second_never;
      if (line.key == 0) continue;
      const SetNumber set = sets_.of_person[line.person];
      if (set == one_by_one)
        derive_one(line, i);
      else
        out_.profile[i] = of_set(line, set);
    }
  }

  /// Hands over how many lines use each profile.
  void count_users() {
    for (const auto& [id, users] : users_) out_.profiles.take(id, users);
    out_.one_by_one += derived_;
  }

 private:
  ProfileId of_set(const Line& line, SetNumber set) {
    const std::uint64_t name = std::uint64_t(set) << 24 | std::uint64_t(line.kind) << 16 | line.provider;
    if (name == last_name_) {
      ++*last_users_;
      return last_profile_;
    }
    const auto [found, fresh] = by_set_.try_emplace(name, 0);
    if (fresh) {
      grants_.clear();
      for (const ActiveMeasure& measure : law_.measures) {
        if ((sets_.sets[set] >> measure.rule & 1) != 0 && measure.delivers_on(line.kind, line.provider)) {
          grants_.push_back({.until = measure.period.until, .measure = measure.number});
        }
      }
      found->second = intern();
    }
    last_name_ = name;
    last_profile_ = found->second;
    last_users_ = &users_[last_profile_];
    ++*last_users_;
    return last_profile_;
  }

  void derive_one(const Line& line, std::size_t slot) {
    ++derived_;
    person_.decide(line.person, law_, t_);
    out_.changes_at[slot] =
        second_of(person_.grants(line.kind, line.provider, p_.line_period(line.key), law_, t_, grants_));
    std::uint64_t hash = grants_.size();
    for (const LineGrant& grant : grants_) {
      hash = (hash ^ std::uint64_t(to_micros(grant.until)) ^ std::uint64_t(grant.measure) << 48) *
             0x9e3779b97f4a7c15u;
      hash ^= hash >> 31;
    }
    auto& known = known_[hash % known_.size()];
    if (known.first != grants_) known = {grants_, intern()};
    out_.profile[slot] = known.second;
    ++users_[known.second];
  }

  ProfileId intern() {
    const std::lock_guard guard(lock_);
    const ProfileId id = out_.profiles.take(grants_);
    if (id != 0) --users_[id];  // take() has counted one user already
    return id;
  }

  const Population& p_;
  const ActiveLaw& law_;
  Instant t_;
  const RuleSets& sets_;
  BulkDerivation& out_;
  std::mutex& lock_;
  PersonDerivation person_;
  std::vector<LineGrant> grants_;
  std::unordered_map<std::uint64_t, ProfileId> by_set_;
  std::unordered_map<ProfileId, std::uint32_t> users_;
  std::vector<std::pair<std::vector<LineGrant>, ProfileId>> known_{4096};
  std::uint64_t last_name_ = ~std::uint64_t(0);
  ProfileId last_profile_ = 0;
  std::uint32_t* last_users_ = nullptr;
  std::uint64_t derived_ = 0;
};

}  // namespace

BulkDerivation derive_all(const Population& p, const ActiveLaw& law, Instant t, int threads) {
  Bits marked(p.words());
  mark_boundaries(p, law, t, marked);
  const RuleSets sets(p, law, t, marked);
  const std::size_t slots = p.lines().slots().size();
  BulkDerivation out{.profiles = {}, .profile = Array<ProfileId>(slots), .changes_at = Array<Second>(slots)};
  std::mutex lock;
  std::vector<std::unique_ptr<Walk>> walks;
  const auto parts = std::size_t(std::max(threads, 1));
  for (std::size_t i = 0; i < parts; ++i) walks.push_back(std::make_unique<Walk>(p, law, t, sets, out, lock));
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < parts; ++i) {
      others.emplace_back([&, i] { walks[i]->run(slots * i / parts, slots * (i + 1) / parts); });
    }
    walks[0]->run(0, slots / parts);
  }
  for (const auto& walk : walks) walk->count_users();
  return out;
}

}  // namespace dayaq::regime
