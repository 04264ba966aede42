// The population in memory, laid out so that a preview is range arithmetic and counting of bits, and a
// decision two reads of memory.
//
//   ordinal:   0 .............. sorted_end | tail .......... capacity
//              by district, settlement, birth   moved and new persons, in the order of their coming
//
// * A person is an ordinal. Those of one settlement are neighbours, oldest first: a place is one range of
// ordinals,
//   an age band inside a settlement one sub-range. Each settlement begins on a word of 64.
// * Each status is one bit set (who has it at `as_of`), and each (kind, operator) a number of lines per
// person,
//   its binary digits spread over bit sets: lines of a set of persons = sum of 2^k x popcount(set & digit k).
// * Attestations, and the keys of a person's lines, stand in two tables by ordinal, with an index entry for
// each 64
//   persons; those of changed persons stand in a map beside until the next compaction.
// * A person who moves leaves their ordinal empty and goes to the tail, like everybody who is new.
//
// A plain value for one thread; GrantKeeper shares it (LivePopulation).
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "regime/derive_days.hpp"
#include "regime/population_bits.hpp"
#include "regime/population_lines.hpp"
#include "regime/population_profiles.hpp"

namespace dayaq::regime {

inline constexpr Ordinal no_ordinal = ~Ordinal(0);
inline constexpr std::size_t subscription_kinds = 3;

/// An attestation that stands, as rules see it: true in [from, until). `from` isn't before it was recorded.
struct Fact {
  Instant from = instant_min;
  Instant until = instant_max;
  Ordinal person = 0;
  StatusIndex status = 0;
  friend bool operator==(const Fact&, const Fact&) = default;
};

/// A line's kind and period, as rules see it.
struct LinePeriod {
  SubscriptionKind kind = SubscriptionKind::mobile;
  Period valid;
};

/// What the index knows of a person.
struct PersonRecord {
  PersonId id;
  Date birth;
  std::optional<Date> death;
  PlaceIndex place = 0;
};

/// A line as it is known of a person, begun or not.
struct KnownLine {
  LineKey key = 0;
  SubscriptionKind kind = SubscriptionKind::mobile;
  OrganisationIndex provider = 0;
  Period valid;
  friend bool operator==(const KnownLine&, const KnownLine&) = default;
};

/// All that the index knows of one person, taken out of it.
struct KnownPerson {
  PersonRecord record;
  std::vector<Fact> facts;
  std::vector<KnownLine> lines;
};

/// The persons of one settlement: ordinals [begin, end).
struct PlaceRange {
  PlaceIndex place = 0;
  PlaceIndex district = 0;
  Ordinal begin = 0;
  Ordinal end = 0;
};

/// How many lines of one kind with one operator each person has, as binary digits.
struct LineLayer {
  SubscriptionKind kind = SubscriptionKind::mobile;
  OrganisationIndex provider = 0;
  std::vector<Bits> digits;
};

/// Adds or takes away one line of a person in the layer of its kind and operator, which is made if there is
/// none.
void count_line(std::vector<LineLayer>& layers, std::size_t words, Ordinal person, SubscriptionKind kind,
                OrganisationIndex provider, bool add);

class Population {
 public:
  /// Nobody, with room for `tail` persons. `districts`: the district of each PlaceIndex.
  Population(std::shared_ptr<const DayStarts> days, std::vector<PlaceIndex> districts, std::size_t statuses,
             Instant as_of, std::size_t tail = tail_min);
  Population(Population&&) noexcept;
  Population& operator=(Population&&) noexcept;
  ~Population();

  // --- Asking ---

  [[nodiscard]] Instant as_of() const { return as_of_; }
  [[nodiscard]] std::size_t persons() const { return persons_; }
  [[nodiscard]] Ordinal sorted_end() const { return sorted_end_; }
  [[nodiscard]] Ordinal end() const { return end_; }  ///< ordinals in use lie below this
  [[nodiscard]] std::size_t words() const { return alive_.words(); }
  [[nodiscard]] std::size_t tail_room() const { return ids_.size() - end_; }
  [[nodiscard]] std::size_t changed() const { return changes_.size(); }
  [[nodiscard]] const DayStarts& days() const { return *days_; }
  [[nodiscard]] const std::shared_ptr<const DayStarts>& shared_days() const { return days_; }
  [[nodiscard]] std::span<const PlaceIndex> districts() const { return districts_; }
  [[nodiscard]] std::span<const PlaceRange> ranges() const { return ranges_; }

  [[nodiscard]] Ordinal find(PersonId id) const;  ///< no_ordinal if unknown
  [[nodiscard]] PersonId id(Ordinal person) const { return PersonId(ids_[person]); }
  [[nodiscard]] Date birth(Ordinal person) const { return Date(std::chrono::days(births_[person])); }
  [[nodiscard]] const std::int32_t* births() const { return births_.data(); }
  [[nodiscard]] PlaceIndex place(Ordinal person) const;
  [[nodiscard]] std::optional<Date> death(Ordinal person) const;
  /// When a person's life ends: the end of the day of death, instant_max while they live.
  [[nodiscard]] Instant life_end(Ordinal person) const;
  [[nodiscard]] const Bits& alive() const { return alive_; }  ///< at as_of
  [[nodiscard]] std::size_t statuses() const { return statuses_.size(); }
  [[nodiscard]] const Bits& status(StatusIndex index) const { return statuses_[index]; }  ///< at as_of
  [[nodiscard]] const Bits& has_line(SubscriptionKind kind) const { return has_line_[std::size_t(kind)]; }
  [[nodiscard]] std::span<const LineLayer> layers() const { return layers_; }

  [[nodiscard]] std::span<const Fact> facts(Ordinal person) const;
  /// Calls f(ordinal) for each person whose day of death is known.
  template <class F>
  void each_death(F&& f) const {
    for (const auto& [person, day] : deaths_) f(person);
  }
  /// Calls f for each fact of everybody.
  template <class F>
  void each_fact(F&& f) const;
  /// Calls f(ordinal) for those born after one day and not after another.
  template <class F>
  void each_born_between(Date after, Date until, F&& f) const;
  [[nodiscard]] std::span<const LineKey> keys(Ordinal person) const;
  [[nodiscard]] const Lines& lines() const { return lines_; }
  [[nodiscard]] const Profiles& profiles() const { return profiles_; }
  /// The period of a line in the table; without bounds for all but those whose end is known.
  [[nodiscard]] Period line_period(LineKey key) const;
  [[nodiscard]] const std::unordered_map<LineKey, Period>& line_periods() const { return line_periods_; }
  /// By holder: lines that begin later than as_of. They aren't in the table, where their key may still be
  /// another's.
  [[nodiscard]] const std::unordered_multimap<Ordinal, KnownLine>& waiting() const { return waiting_; }
  /// A person's lines as rules see them: at most one of each kind, unless periods differ.
  void line_periods_of(Ordinal person, std::vector<LinePeriod>& out) const;
  [[nodiscard]] KnownPerson known(Ordinal person) const;

  [[nodiscard]] std::size_t bytes() const;  ///< of memory held, roughly
  [[nodiscard]] std::size_t bytes_of_lines()
      const;  ///< of it, for decisions: table, keys of persons, profiles

  // --- Changing. What changed holds at once; the caller derives profiles anew. ---

  /// A new person, or what is known of a known one now. False if the tail is full: compact first.
  [[nodiscard]] bool put_person(const PersonRecord& person);
  /// Makes what is known of a person exactly this. Their lines lose their profiles if they are new or
  /// changed. False if the tail is full: compact first.
  [[nodiscard]] bool put(const KnownPerson& known);
  void add_fact(Ordinal person, StatusIndex status, const Period& period);
  bool remove_fact(Ordinal person, StatusIndex status,
                   const Period& period);  ///< false if there is none such
  /// A new line, or a line that got another holder or period; one that begins after as_of waits.
  void put_line(const KnownLine& line, Ordinal person);
  /// Removes a person's line from the table.
  void remove_line(LineKey key, Ordinal person);
  void set_profile(LineKey key, std::span<const LineGrant> grants, Second changes_at);
  /// Takes over profiles of a bulk derivation; `profile` and `changes_at` go by slot of lines().slots().
  void set_profiles(Profiles profiles, std::span<const ProfileId> profile,
                    std::span<const Second> changes_at);
  /// Moves as_of on. The bits of persons with a boundary in between are right only after refresh().
  void advance(Instant as_of) { as_of_ = as_of; }
  void refresh(Ordinal person);
  /// Moves as_of on to t, and everybody with it.
  void catch_up(Instant t);
  /// The same population with everybody sorted in, nothing in maps beside, and a fresh tail of at least
  /// `room`.
  [[nodiscard]] Population compacted(std::size_t room = 0) const;

  static constexpr std::size_t tail_min = 1 << 16;
  /// How much tail a population of `persons` gets.
  [[nodiscard]] static std::size_t tail_for(std::size_t persons);

 private:
  friend class PopulationBuilder;
  friend class SnapshotParts;
  struct Change {
    std::vector<Fact> facts;
    std::vector<LineKey> keys;
  };

  [[nodiscard]] Change& changeable(Ordinal person);
  [[nodiscard]] std::size_t range_of(Ordinal person) const;
  void index_id(Ordinal person);
  void grow_ids();
  Ordinal move_to_tail(Ordinal from, const PersonRecord& person);
  void set_life(Ordinal person, const std::optional<Date>& death);
  void add_to_counts(const Line& line);
  void clear_counts(Ordinal person);

  std::shared_ptr<const DayStarts> days_;
  std::vector<PlaceIndex> districts_;
  Instant as_of_;
  std::size_t persons_ = 0;
  Ordinal sorted_end_ = 0;
  Ordinal end_ = 0;

  Array<std::uint64_t> ids_;    // 0: nobody
  Array<std::int32_t> births_;  // days since 1970
  std::vector<PlaceRange> ranges_;
  Array<std::uint16_t> range_of_word_;  // the range in which a word's persons live
  Array<PlaceIndex> tail_places_;
  Array<Ordinal> by_id_;  // open addressing; ordinal + 1
  std::unordered_map<Ordinal, Date> deaths_;
  Bits alive_;
  Bits changed_;  // look in changes_
  Bits timed_;    // has a line in line_periods_ or waiting_
  std::vector<Bits> statuses_;
  std::array<Bits, subscription_kinds> has_line_;
  std::vector<LineLayer> layers_;
  Array<std::uint32_t> fact_index_;  // of each word's first fact
  Array<Fact> facts_;
  Array<std::uint32_t> key_index_;
  Array<LineKey> keys_;
  Array<std::uint8_t> key_persons_;  // the low six bits of each key's ordinal
  std::unordered_map<Ordinal, Change> changes_;
  Lines lines_;
  std::unordered_map<LineKey, Period> line_periods_;
  std::unordered_multimap<Ordinal, KnownLine> waiting_;
  Profiles profiles_;
};

/// Puts a population together from streams: all persons first, then facts and lines in any order.
class PopulationBuilder {
 public:
  struct Expected {
    std::size_t persons = 0;
    std::size_t facts = 0;
    std::size_t lines = 0;
    std::size_t tail = 0;  ///< room for later persons, if the usual doesn't do
  };
  PopulationBuilder(std::shared_ptr<const DayStarts> days, std::vector<PlaceIndex> districts,
                    std::size_t statuses, Instant as_of, Expected expected);

  void add_person(const PersonRecord& person);
  /// No more persons follow: sorts them.
  void seal_persons();
  /// Facts and lines of persons who aren't there are left out.
  void add_fact(PersonId person, StatusIndex status, const Period& period);
  void add_line(LineKey key, PersonId person, SubscriptionKind kind, OrganisationIndex provider,
                const Period& valid);
  /// The population, its lines without profiles.
  [[nodiscard]] Population finish();
  /// With the lines and profiles of another population instead, whose holders are all among the persons
  /// added.
  [[nodiscard]] Population finish_with_lines_of(const Population& other);

 private:
  struct RawPerson {
    std::uint64_t id;
    std::int32_t birth;
    PlaceIndex place;
  };
  // Rows wait in a small ring while the processor fetches the slot of their person's id.
  struct RawRow {
    std::uint64_t person;
    LineKey key;  // 0: a fact
    Period period;
    StatusIndex status;
    SubscriptionKind kind;
    OrganisationIndex provider;
  };
  static constexpr std::size_t ring_size = 32;
  void enqueue(const RawRow& row);
  void settle(const RawRow& row);
  void place_persons();
  void settle_ring();
  void index_facts();
  void index_keys();

  Population population_;
  Expected expected_;
  std::vector<RawPerson> raw_persons_;
  std::vector<std::pair<std::uint64_t, Date>> raw_deaths_;
  std::vector<Fact> raw_facts_;
  std::vector<RawRow> ring_;
  std::size_t ring_next_ = 0;
  bool sealed_ = false;
};

template <class F>
void Population::each_fact(F&& f) const {
  for (const Fact& fact : facts_.span()) {
    if (!changed_.test(fact.person)) f(fact);
  }
  for (const auto& [person, change] : changes_) {
    for (const Fact& fact : change.facts) f(fact);
  }
}

template <class F>
void Population::each_born_between(Date after, Date until, F&& f) const {
  const auto low = std::int32_t(after.time_since_epoch().count());
  const auto high = std::int32_t(until.time_since_epoch().count());
  for (const PlaceRange& range : ranges_) {
    const std::int32_t* end = births_.data() + range.end;
    for (const auto* birth = std::upper_bound(births_.data() + range.begin, end, low);
         birth < end && *birth <= high; ++birth) {
      if (const auto person = Ordinal(birth - births_.data()); ids_[person] != 0) f(person);
    }
  }
  for (Ordinal person = sorted_end_; person < end_; ++person) {
    if (ids_[person] != 0 && low < births_[person] && births_[person] <= high) f(person);
  }
}

}  // namespace dayaq::regime
