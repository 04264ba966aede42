#include "regime/population.hpp"

#include <algorithm>

#include "base/result.hpp"

namespace dayaq::regime {
namespace {

constexpr std::size_t words_for(std::size_t persons) {
  return (persons + word_bits - 1) / word_bits;
}

}  // namespace

Population::Population(std::shared_ptr<const DayStarts> days, std::vector<PlaceIndex> districts,
                       std::size_t statuses, Instant as_of, std::size_t tail)
    : days_(std::move(days)), districts_(std::move(districts)), as_of_(as_of) {
  const std::size_t capacity = words_for(tail) * word_bits;
  const std::size_t words = words_for(capacity);
  ids_ = Array<std::uint64_t>::zeroed(capacity);
  births_ = Array<std::int32_t>::zeroed(capacity);
  tail_places_ = Array<PlaceIndex>::zeroed(capacity);
  by_id_ = Array<Ordinal>::zeroed(capacity + capacity / 2);
  fact_index_ = Array<std::uint32_t>::zeroed(words + 1);
  key_index_ = Array<std::uint32_t>::zeroed(words + 1);
  for (Bits* bits : {&alive_, &changed_, &timed_}) *bits = Bits(words);
  for (Bits& bits : has_line_) bits = Bits(words);
  for (std::size_t i = 0; i < statuses; ++i) statuses_.emplace_back(words);
}

Population::Population(Population&&) noexcept = default;
Population& Population::operator=(Population&&) noexcept = default;
Population::~Population() = default;

std::size_t Population::tail_for(std::size_t persons) {
  return std::max(tail_min, persons / 16);
}

Ordinal Population::find(PersonId id) const {
  for (std::size_t i = slot_of_id(id.value(), by_id_.size());; i = i + 1 == by_id_.size() ? 0 : i + 1) {
    if (by_id_[i] == 0) return no_ordinal;
    const Ordinal person = by_id_[i] - 1;
    if (ids_[person] == id.value()) return person;
  }
}

void Population::index_id(Ordinal person) {
  std::size_t i = slot_of_id(ids_[person], by_id_.size());
  while (by_id_[i] != 0) i = i + 1 == by_id_.size() ? 0 : i + 1;
  by_id_[i] = person + 1;
}

std::size_t Population::range_of(Ordinal person) const {
  return range_of_word_[person / word_bits];
}

PlaceIndex Population::place(Ordinal person) const {
  return person < sorted_end_ ? ranges_[range_of(person)].place : tail_places_[person - sorted_end_];
}

std::optional<Date> Population::death(Ordinal person) const {
  if (deaths_.empty()) return std::nullopt;
  const auto found = deaths_.find(person);
  return found == deaths_.end() ? std::nullopt : std::optional(found->second);
}

Instant Population::life_end(Ordinal person) const {
  const auto day = death(person);
  return day ? days_->start_of(*day + std::chrono::days(1)) : instant_max;
}

std::span<const Fact> Population::facts(Ordinal person) const {
  if (changed_.test(person)) return changes_.at(person).facts;
  const std::size_t word = person / word_bits;
  const Fact* first = facts_.data() + fact_index_[word];
  const Fact* last = facts_.data() + fact_index_[word + 1];
  while (first != last && first->person < person) ++first;
  const Fact* end = first;
  while (end != last && end->person == person) ++end;
  return {first, end};
}

std::span<const LineKey> Population::keys(Ordinal person) const {
  if (changed_.test(person)) return changes_.at(person).keys;
  const std::size_t word = person / word_bits;
  const auto low = std::uint8_t(person % word_bits);
  const auto owners = key_persons_.span().subspan(key_index_[word], key_index_[word + 1] - key_index_[word]);
  const auto [first, last] = std::ranges::equal_range(owners, low);
  return {keys_.data() + key_index_[word] + (first - owners.begin()), std::size_t(last - first)};
}

Period Population::line_period(LineKey key) const {
  if (line_periods_.empty()) return {};
  const auto found = line_periods_.find(key);
  return found == line_periods_.end() ? Period{} : found->second;
}

void Population::line_periods_of(Ordinal person, std::vector<LinePeriod>& out) const {
  out.clear();
  if (!timed_.test(person)) {
    for (std::size_t kind = 0; kind < subscription_kinds; ++kind) {
      if (has_line_[kind].test(person)) out.push_back({.kind = SubscriptionKind(kind), .valid = {}});
    }
    return;
  }
  for (const LineKey key : keys(person)) {
    out.push_back({.kind = lines_.find(key)->kind, .valid = line_period(key)});
  }
  const auto [first, last] = waiting_.equal_range(person);
  for (auto it = first; it != last; ++it) out.push_back({.kind = it->second.kind, .valid = it->second.valid});
}

KnownPerson Population::known(Ordinal person) const {
  KnownPerson out{
      .record = {.id = id(person), .birth = birth(person), .death = death(person), .place = place(person)},
      .facts = {},
      .lines = {}};
  const auto held = facts(person);
  out.facts.assign(held.begin(), held.end());
  for (const LineKey key : keys(person)) {
    const Line& line = *lines_.find(key);
    out.lines.push_back(
        {.key = key, .kind = line.kind, .provider = line.provider, .valid = line_period(key)});
  }
  const auto [first, last] = waiting_.equal_range(person);
  for (auto it = first; it != last; ++it) out.lines.push_back(it->second);
  return out;
}

Population::Change& Population::changeable(Ordinal person) {
  if (changed_.test(person)) return changes_.at(person);
  const auto old_facts = facts(person);
  const auto old_keys = keys(person);
  Change& change = changes_[person];
  change.facts.assign(old_facts.begin(), old_facts.end());
  change.keys.assign(old_keys.begin(), old_keys.end());
  changed_.set(person);
  return change;
}

bool Population::put_person(const PersonRecord& person) {
  DAYAQ_ASSERT(person.place < districts_.size());
  Ordinal at = find(person.id);
  if (at == no_ordinal || birth(at) != person.birth || place(at) != person.place) {
    if (tail_room() == 0) return false;
    at = move_to_tail(at, person);
  }
  set_life(at, person.death);
  return true;
}

Ordinal Population::move_to_tail(Ordinal from, const PersonRecord& person) {
  const Ordinal to = end_++;
  ids_[to] = person.id.value();
  births_[to] = std::int32_t(person.birth.time_since_epoch().count());
  tail_places_[to - sorted_end_] = person.place;
  changed_.set(to);
  Change& change = changes_[to];
  if (from == no_ordinal) {
    ++persons_;
    index_id(to);
    return to;
  }
  // The old ordinal stays behind, empty: its slot in by_id_ points to the new one.
  change = std::move(changeable(from));
  changes_[from] = {};
  for (Fact& fact : change.facts) fact.person = to;
  for (const LineKey key : change.keys) lines_.find(key)->person = to;
  std::vector<KnownLine> waiting;
  for (auto [it, last] = waiting_.equal_range(from); it != last; ++it) waiting.push_back(it->second);
  waiting_.erase(from);
  for (const KnownLine& line : waiting) waiting_.emplace(to, line);
  std::size_t slot = slot_of_id(person.id.value(), by_id_.size());
  while (by_id_[slot] != from + 1) slot = slot + 1 == by_id_.size() ? 0 : slot + 1;
  by_id_[slot] = to + 1;
  ids_[from] = 0;
  deaths_.erase(from);
  refresh(from);
  refresh(to);
  return to;
}

void Population::set_life(Ordinal person, const std::optional<Date>& death) {
  if (death)
    deaths_[person] = *death;
  else if (!deaths_.empty())
    deaths_.erase(person);
  alive_.put(person, as_of_ < life_end(person) && days_->start_of(birth(person)) <= as_of_);
}

void Population::add_fact(Ordinal person, StatusIndex status, const Period& period) {
  changeable(person).facts.push_back(
      {.from = period.from, .until = period.until, .person = person, .status = status});
  if (period.contains(as_of_)) statuses_[status].set(person);
}

bool Population::remove_fact(Ordinal person, StatusIndex status, const Period& period) {
  auto& facts = changeable(person).facts;
  const auto found = std::ranges::find(
      facts, Fact{.from = period.from, .until = period.until, .person = person, .status = status});
  if (found == facts.end()) return false;
  facts.erase(found);
  statuses_[status].put(person, std::ranges::any_of(facts, [&](const Fact& fact) {
                          return fact.status == status && fact.from <= as_of_ && as_of_ < fact.until;
                        }));
  return true;
}

void count_line(std::vector<LineLayer>& layers, std::size_t words, Ordinal person, SubscriptionKind kind,
                OrganisationIndex provider, bool add) {
  auto layer = std::ranges::find_if(
      layers, [&](const LineLayer& each) { return each.kind == kind && each.provider == provider; });
  if (layer == layers.end()) {
    layer = layers.insert(layer, LineLayer{.kind = kind, .provider = provider, .digits = {}});
  }
  // Adding carries past digits that are set; taking away borrows past those that aren't.
  for (std::size_t k = 0;; ++k) {
    if (k == layer->digits.size()) layer->digits.emplace_back(words);
    const bool was_set = layer->digits[k].test(person);
    layer->digits[k].put(person, !was_set);
    if (was_set != add) break;
  }
}

void Population::add_to_counts(const Line& line) {
  count_line(layers_, words(), line.person, line.kind, line.provider, true);
  has_line_[std::size_t(line.kind)].set(line.person);
}

void Population::clear_counts(Ordinal person) {
  for (LineLayer& layer : layers_) {
    for (Bits& digit : layer.digits) digit.clear(person);
  }
  for (Bits& bits : has_line_) bits.clear(person);
}

void Population::put_line(const KnownLine& line, Ordinal person) {
  if (line.valid.from > as_of_) {
    waiting_.emplace(person, line);
    timed_.set(person);
    return;
  }
  if (const Line* former = lines_.find(line.key)) remove_line(line.key, former->person);
  if (line.valid.until <= as_of_) return;
  lines_.insert({.key = line.key, .person = person, .provider = line.provider, .kind = line.kind});
  changeable(person).keys.push_back(line.key);
  if (line.valid.until != instant_max) line_periods_[line.key] = line.valid;
  refresh(person);
}

void Population::remove_line(LineKey key, Ordinal person) {
  const Line* line = lines_.find(key);
  if (line == nullptr || line->person != person) return;
  profiles_.leave(line->profile);
  lines_.erase(key);
  line_periods_.erase(key);
  std::erase(changeable(person).keys, key);
  refresh(person);
}

void Population::refresh(Ordinal person) {
  const bool there = ids_[person] != 0;
  alive_.put(person, there && as_of_ < life_end(person) && days_->start_of(birth(person)) <= as_of_);
  for (Bits& bits : statuses_) bits.clear(person);
  for (const Fact& fact : facts(person)) {
    if (fact.from <= as_of_ && as_of_ < fact.until) statuses_[fact.status].set(person);
  }
  clear_counts(person);
  timed_.put(person, waiting_.contains(person));
  for (const LineKey key : keys(person)) {
    if (!line_periods_.empty() && line_periods_.contains(key)) timed_.set(person);
    if (line_period(key).contains(as_of_)) add_to_counts(*lines_.find(key));
  }
}

bool Population::put(const KnownPerson& known) {
  if (!put_person(known.record)) return false;
  const Ordinal person = find(known.record.id);
  auto& facts = changeable(person).facts;
  facts = known.facts;
  for (Fact& fact : facts) fact.person = person;

  // Lines that wait are put anew; of those in the table the ones stay of which nothing changes.
  waiting_.erase(person);
  const auto same = [&](const KnownLine& a, const KnownLine& b) {
    return a.key == b.key && a.kind == b.kind && a.provider == b.provider && a.valid.until == b.valid.until &&
           a.valid.from <= as_of_ && b.valid.from <= as_of_;
  };
  const KnownPerson before = this->known(person);
  for (const KnownLine& held : before.lines) {
    if (std::ranges::any_of(known.lines, [&](const KnownLine& line) { return same(held, line); })) continue;
    remove_line(held.key, person);
  }
  for (const KnownLine& line : known.lines) {
    if (std::ranges::any_of(before.lines, [&](const KnownLine& held) { return same(held, line); })) continue;
    put_line(line, person);
  }
  refresh(person);
  return true;
}

void Population::catch_up(Instant t) {
  std::vector<Ordinal> touched;
  const auto offer = [&](Instant at, Ordinal person) {
    if (as_of_ < at && at <= t) touched.push_back(person);
  };
  each_fact([&](const Fact& fact) {
    offer(fact.from, fact.person);
    offer(fact.until, fact.person);
  });
  for (const auto& [key, valid] : line_periods_) offer(valid.until, lines_.find(key)->person);
  for (const auto& [person, line] : waiting_) offer(line.valid.from, person);
  each_death([&](Ordinal person) { offer(life_end(person), person); });
  std::ranges::sort(touched);
  const auto rest = std::ranges::unique(touched);
  touched.erase(rest.begin(), rest.end());
  as_of_ = t;
  for (const Ordinal person : touched) {
    KnownPerson known = this->known(person);
    std::erase_if(known.facts, [&](const Fact& fact) { return fact.until <= t; });
    std::erase_if(known.lines, [&](const KnownLine& line) { return line.valid.until <= t; });
    DAYAQ_ASSERT(put(known));  // nobody moves, so that no tail is needed
  }
}

void Population::set_profile(LineKey key, std::span<const LineGrant> grants, Second changes_at) {
  Line* line = lines_.find(key);
  if (line == nullptr) return;
  const ProfileId old = line->profile;
  line->profile = profiles_.take(grants);  // before leave(): the list may be the same
  line->changes_at = changes_at;
  profiles_.leave(old);
}

void Population::set_profiles(Profiles profiles, std::span<const ProfileId> profile,
                              std::span<const Second> changes_at) {
  const std::span<Line> slots = lines_.slots();
  DAYAQ_ASSERT(profile.size() == slots.size() && changes_at.size() == slots.size());
  profiles_ = std::move(profiles);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].key == 0) continue;
    slots[i].profile = profile[i];
    slots[i].changes_at = changes_at[i];
  }
}

std::size_t Population::bytes_of_lines() const {
  std::size_t profiles = 0;
  for (std::size_t i = 0; i < profiles_.bound(); ++i) {
    profiles += 64 + profiles_.at(ProfileId(i)).size() * sizeof(LineGrant);
  }
  return lines_.bytes() + keys_.bytes() + key_persons_.bytes() + key_index_.bytes() + profiles +
         line_periods_.size() * 56;
}

std::size_t Population::bytes() const {
  std::size_t bits = (3 + subscription_kinds + statuses_.size()) * alive_.array().bytes();
  for (const LineLayer& layer : layers_) bits += layer.digits.size() * alive_.array().bytes();
  return ids_.bytes() + births_.bytes() + tail_places_.bytes() + by_id_.bytes() + range_of_word_.bytes() +
         bits + fact_index_.bytes() + facts_.bytes() + bytes_of_lines() + changes_.size() * 160;
}

}  // namespace dayaq::regime
