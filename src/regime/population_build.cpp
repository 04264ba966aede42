#include <algorithm>
#include <numeric>

#include "base/result.hpp"
#include "regime/population.hpp"

namespace dayaq::regime {
namespace {

constexpr std::size_t words_for(std::size_t persons) {
  return (persons + word_bits - 1) / word_bits;
}

/// Turns counts into where each group begins; the last element becomes the total.
void counts_to_begins(std::span<std::uint32_t> counts) {
  std::uint32_t sum = 0;
  for (std::uint32_t& count : counts) sum += std::exchange(count, sum);
}

}  // namespace

PopulationBuilder::PopulationBuilder(std::shared_ptr<const DayStarts> days, std::vector<PlaceIndex> districts,
                                     std::size_t statuses, Instant as_of, Expected expected)
    : population_(std::move(days), std::move(districts), statuses, as_of, 0), expected_(expected) {
  raw_persons_.reserve(expected.persons);
}

void PopulationBuilder::add_person(const PersonRecord& person) {
  DAYAQ_ASSERT(!sealed_ && person.place < population_.districts_.size());
  raw_persons_.push_back({.id = person.id.value(),
                          .birth = std::int32_t(person.birth.time_since_epoch().count()),
                          .place = person.place});
  if (person.death) raw_deaths_.emplace_back(person.id.value(), *person.death);
}

void PopulationBuilder::place_persons() {
  Population& p = population_;
  // Places in the order of (district, place), each with its persons; those without any get no range.
  std::vector<PlaceIndex> places(p.districts_.size());
  std::iota(places.begin(), places.end(), PlaceIndex(0));
  std::ranges::sort(places, {}, [&](PlaceIndex place) { return std::pair(p.districts_[place], place); });
  std::vector<std::uint32_t> counts(places.size(), 0);
  for (const RawPerson& person : raw_persons_) ++counts[person.place];
  std::vector<std::uint16_t> range_of_place(places.size(), 0);
  Ordinal begin = 0;
  for (const PlaceIndex place : places) {
    if (counts[place] == 0) continue;
    range_of_place[place] = std::uint16_t(p.ranges_.size());
    p.ranges_.push_back(
        {.place = place, .district = p.districts_[place], .begin = begin, .end = begin + counts[place]});
    begin = Ordinal(words_for(p.ranges_.back().end) * word_bits);
  }
  p.sorted_end_ = p.end_ = begin;

  // Persons fall into buckets of (range, year of birth), which are small enough to sort quickly.
  constexpr std::size_t years = 160;
  const auto bucket = [&](const RawPerson& person) {
    const int year = std::clamp(person.birth / 365 + 100, 0, int(years) - 1);
    return range_of_place[person.place] * years + std::size_t(year);
  };
  std::vector<std::uint32_t> begins(p.ranges_.size() * years + 1, 0);
  for (const RawPerson& person : raw_persons_) ++begins[bucket(person)];
  counts_to_begins(begins);
  Array<RawPerson> sorted(raw_persons_.size());
  std::vector<std::uint32_t> next(begins);
  for (const RawPerson& person : raw_persons_) sorted[next[bucket(person)]++] = person;
  raw_persons_ = {};
  for (std::size_t i = 0; i + 1 < begins.size(); ++i) {
    std::sort(sorted.data() + begins[i], sorted.data() + begins[i + 1],
              [](const RawPerson& a, const RawPerson& b) {
                return std::pair(a.birth, a.id) < std::pair(b.birth, b.id);
              });
  }

  const std::size_t capacity =
      p.sorted_end_ + words_for(std::max(Population::tail_for(sorted.size()), expected_.tail)) * word_bits;
  p.ids_ = Array<std::uint64_t>::zeroed(capacity);
  p.births_ = Array<std::int32_t>::zeroed(capacity);
  p.range_of_word_ = Array<std::uint16_t>(p.sorted_end_ / word_bits);
  std::size_t from = 0;
  for (std::size_t r = 0; r < p.ranges_.size(); ++r) {
    const PlaceRange& range = p.ranges_[r];
    for (Ordinal i = range.begin; i < range.end; ++i, ++from) {
      p.ids_[i] = sorted[from].id;
      p.births_[i] = sorted[from].birth;
    }
    // The words' empty rest is as young as the youngest, so that the range stays sorted.
    const auto rest_end = Ordinal(words_for(range.end) * word_bits);
    for (Ordinal i = range.end; i < rest_end; ++i) p.births_[i] = p.births_[range.end - 1];
    for (std::size_t w = range.begin / word_bits; w < rest_end / word_bits; ++w)
      p.range_of_word_[w] = std::uint16_t(r);
  }
  p.persons_ = sorted.size();
}

void PopulationBuilder::seal_persons() {
  DAYAQ_ASSERT(!sealed_);
  sealed_ = true;
  place_persons();
  Population& p = population_;
  const std::size_t capacity = p.ids_.size();
  const std::size_t words = capacity / word_bits;
  p.tail_places_ = Array<PlaceIndex>::zeroed(capacity - p.sorted_end_);
  for (Bits* bits : {&p.alive_, &p.changed_, &p.timed_}) *bits = Bits(words);
  for (Bits& bits : p.has_line_) bits = Bits(words);
  for (Bits& bits : p.statuses_) bits = Bits(words);

  p.by_id_ = Array<Ordinal>::zeroed(capacity + capacity / 2);
  constexpr Ordinal ahead = 16;
  for (Ordinal i = 0; i < p.sorted_end_; ++i) {
    if (i + ahead < p.sorted_end_)
      __builtin_prefetch(p.by_id_.data() + slot_of_id(p.ids_[i + ahead], p.by_id_.size()), 1);
    if (p.ids_[i] == 0) continue;
    p.index_id(i);
  }
  // Whoever is born by now and hasn't died lives; as_of is a moment of today, births are sorted within a
  // place.
  const Date today = p.days_->zone().day_of(p.as_of_);
  for (const PlaceRange& range : p.ranges_) {
    const auto births = p.births_.span().subspan(range.begin, range.end - range.begin);
    const auto born = std::ranges::upper_bound(births, std::int32_t(today.time_since_epoch().count()));
    p.alive_.set_range(range.begin, range.begin + std::size_t(born - births.begin()));
  }
  for (const auto& [id, day] : raw_deaths_) p.set_life(p.find(PersonId(id)), day);
  raw_deaths_ = {};
  raw_facts_.reserve(expected_.facts);
  p.lines_ = Lines(expected_.lines);
  ring_.resize(ring_size);
}

void PopulationBuilder::enqueue(const RawRow& row) {
  DAYAQ_ASSERT(sealed_);
  const Population& p = population_;
  __builtin_prefetch(p.by_id_.data() + slot_of_id(row.person, p.by_id_.size()));
  if (row.key != 0) p.lines_.prefetch(row.key);
  // Half way through the ring the slot has come, and says where the person's own id must be fetched.
  const RawRow& middle = ring_[(ring_next_ + ring_size / 2) % ring_size];
  if (middle.person != 0) {
    const Ordinal slot = p.by_id_[slot_of_id(middle.person, p.by_id_.size())];
    if (slot != 0) __builtin_prefetch(p.ids_.data() + (slot - 1));
  }
  RawRow& place = ring_[ring_next_++ % ring_size];
  if (place.person != 0) settle(place);
  place = row;
}

void PopulationBuilder::add_fact(PersonId person, StatusIndex status, const Period& period) {
  if (period.empty() || period.until <= population_.as_of_) return;
  enqueue(
      {.person = person.value(), .key = 0, .period = period, .status = status, .kind = {}, .provider = 0});
}

void PopulationBuilder::add_line(LineKey key, PersonId person, SubscriptionKind kind,
                                 OrganisationIndex provider, const Period& valid) {
  if (valid.empty() || valid.until <= population_.as_of_) return;
  enqueue({.person = person.value(),
           .key = key,
           .period = valid,
           .status = 0,
           .kind = kind,
           .provider = provider});
}

void PopulationBuilder::settle(const RawRow& row) {
  Population& p = population_;
  const Ordinal person = p.find(PersonId(row.person));
  if (person == no_ordinal) return;
  if (row.key == 0) {
    raw_facts_.push_back(
        {.from = row.period.from, .until = row.period.until, .person = person, .status = row.status});
    return;
  }
  if (row.period.from > p.as_of_) {
    p.waiting_.emplace(
        person, KnownLine{.key = row.key, .kind = row.kind, .provider = row.provider, .valid = row.period});
    return;
  }
  if (p.lines_.find(row.key) != nullptr) return;
  p.lines_.insert({.key = row.key, .person = person, .provider = row.provider, .kind = row.kind});
  if (row.period.until != instant_max) p.line_periods_[row.key] = row.period;
}

void PopulationBuilder::index_facts() {
  Population& p = population_;
  const std::size_t words = p.words();
  p.fact_index_ = Array<std::uint32_t>::zeroed(words + 1);
  for (const Fact& fact : raw_facts_) ++p.fact_index_[fact.person / word_bits];
  counts_to_begins(p.fact_index_.span());
  p.facts_ = Array<Fact>(raw_facts_.size());
  Array<std::uint32_t> next(words + 1);
  std::ranges::copy(p.fact_index_.span(), next.data());
  for (const Fact& fact : raw_facts_) {
    p.facts_[next[fact.person / word_bits]++] = fact;
    if (fact.from <= p.as_of_ && p.as_of_ < fact.until) p.statuses_[fact.status].set(fact.person);
  }
  raw_facts_ = {};
  for (std::size_t w = 0; w < words; ++w) {
    std::sort(p.facts_.data() + p.fact_index_[w], p.facts_.data() + p.fact_index_[w + 1],
              [](const Fact& a, const Fact& b) { return a.person < b.person; });
  }
}

void PopulationBuilder::index_keys() {
  Population& p = population_;
  const std::size_t words = p.words();
  p.key_index_ = Array<std::uint32_t>::zeroed(words + 1);
  for (const Line& line : p.lines_.slots()) {
    if (line.key != 0) ++p.key_index_[line.person / word_bits];
  }
  counts_to_begins(p.key_index_.span());
  struct Owned {
    LineKey key;
    std::uint8_t person;
  };
  Array<Owned> owned(p.lines_.size());
  Array<std::uint32_t> next(words + 1);
  std::ranges::copy(p.key_index_.span(), next.data());
  for (const Line& line : p.lines_.slots()) {
    if (line.key == 0) continue;
    owned[next[line.person / word_bits]++] = {line.key, std::uint8_t(line.person % word_bits)};
    if (p.line_period(line.key).contains(p.as_of_)) p.add_to_counts(line);
  }
  for (const auto& [key, period] : p.line_periods_) p.timed_.set(p.lines_.find(key)->person);
  for (const auto& [person, line] : p.waiting_) p.timed_.set(person);
  p.keys_ = Array<LineKey>(owned.size());
  p.key_persons_ = Array<std::uint8_t>(owned.size());
  for (std::size_t w = 0; w < words; ++w) {
    std::sort(owned.data() + p.key_index_[w], owned.data() + p.key_index_[w + 1],
              [](const Owned& a, const Owned& b) {
                return std::pair(a.person, a.key) < std::pair(b.person, b.key);
              });
  }
  for (std::size_t i = 0; i < owned.size(); ++i) {
    p.keys_[i] = owned[i].key;
    p.key_persons_[i] = owned[i].person;
  }
}

void PopulationBuilder::settle_ring() {
  for (RawRow& row : ring_) {
    if (row.person != 0) settle(row);
  }
  ring_.clear();
}

Population PopulationBuilder::finish() {
  if (!sealed_) seal_persons();
  settle_ring();
  index_facts();
  index_keys();
  return std::move(population_);
}

Population PopulationBuilder::finish_with_lines_of(const Population& other) {
  settle_ring();
  index_facts();
  Population& p = population_;
  p.lines_ = other.lines_.copy();
  p.profiles_ = other.profiles_;
  p.line_periods_ = other.line_periods_;
  Array<Ordinal> moved(other.end_);
  for (Ordinal i = 0; i < other.end_; ++i) moved[i] = other.ids_[i] == 0 ? no_ordinal : p.find(other.id(i));
  for (Line& line : p.lines_.slots()) {
    if (line.key != 0) line.person = moved[line.person];
  }
  for (const auto& [person, line] : other.waiting_) p.waiting_.emplace(moved[person], line);
  index_keys();
  return std::move(population_);
}

Population Population::compacted(std::size_t room) const {
  PopulationBuilder builder(days_, districts_, statuses_.size(), as_of_,
                            {.persons = persons_, .facts = facts_.size(), .lines = 0, .tail = room});
  for (Ordinal i = 0; i < end_; ++i) {
    if (ids_[i] != 0)
      builder.add_person({.id = id(i), .birth = birth(i), .death = death(i), .place = place(i)});
  }
  builder.seal_persons();
  each_fact([&](const Fact& fact) {
    builder.add_fact(id(fact.person), fact.status, {.from = fact.from, .until = fact.until});
  });
  return builder.finish_with_lines_of(*this);
}

}  // namespace dayaq::regime
