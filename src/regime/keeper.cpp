#include "regime/keeper.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace dayaq::regime {
namespace {

using registry::Change;

Period counts_in(const registry::Attestation& attestation) {
  return {.from = std::max(attestation.valid.from, attestation.recorded), .until = attestation.valid.until};
}

PersonRecord record_of(const registry::Person& person) {
  return {.id = person.id, .birth = person.birth, .death = person.death, .place = person.place};
}

}  // namespace

GrantKeeper::~GrantKeeper() = default;

std::optional<SipKey> GrantKeeper::feed_key(OrganisationIndex provider) const {
  const std::shared_lock lock(keys_mutex_);
  const auto found = keys_.find(provider);
  return found == keys_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<LineKey> GrantKeeper::line_key(OrganisationIndex provider, SubscriptionKind kind,
                                             std::string_view number) const {
  const auto key = feed_key(provider);
  if (!key) return std::nullopt;
  return feed::pseudonym(*key, registry::to_string(kind), number);
}

bool GrantKeeper::due() const {
  return to_micros(parts_.clock.now()) >= next_due_.load(std::memory_order_acquire);
}

Result<void> GrantKeeper::advance() {
  if (!due()) return {};
  // What is due is done by every commit; this one has nothing else to do.
  return parts_.db.write([](store::Session&) -> Result<void> { return {}; });
}

Result<void> GrantKeeper::trim_feed(Instant before) {
  return parts_.db.write([&](store::Session& session) -> Result<void> {
    for (const OrganisationIndex provider : hub_.operators()) {
      DAYAQ_TRY_OK(FeedStore::trim(session, provider, before));
    }
    return {};
  });
}

Result<void> GrantKeeper::on_change(store::Session&, const Change& change) {
  notes_.changes.push_back(change);
  return {};
}

Result<void> GrantKeeper::on_law_change(store::Session& session, const std::shared_ptr<const Law>& next,
                                        Instant) {
  DAYAQ_TRY(notes_.law, number(session, next));
  return {};
}

void GrantKeeper::begin_transaction() {
  marked_changes_ = notes_.changes.size();
  marked_law_ = notes_.law;
}

void GrantKeeper::discard_transaction() {
  notes_.changes.resize(marked_changes_, Change(registry::PersonRecorded{}));
  notes_.law = marked_law_;
}

void GrantKeeper::after_rollback() noexcept {
  notes_ = {};
  for (const Event& event : plan_.events) events_.push(event);
  plan_ = {};
}

// --- Before the commit: who is touched, and what that means ---

Result<LineKey> GrantKeeper::key_of(store::Session& session, const registry::Subscription& subscription) {
  auto key = feed_key(subscription.provider);
  if (!key) {
    const auto planned = plan_.keys.find(subscription.provider);
    if (planned != plan_.keys.end()) key = planned->second;
  }
  if (!key) {
    std::array<std::byte, 16> bytes;
    parts_.random.fill(bytes);
    key = sip_key(bytes);
    DAYAQ_TRY_OK(FeedStore::insert_key(session, subscription.provider, *key));
    plan_.keys.emplace(subscription.provider, *key);
  }
  return feed::pseudonym(*key, registry::to_string(subscription.kind), subscription.number);
}

KnownPerson& GrantKeeper::touch(Touched& touched, PersonId person) const {
  const auto [found, fresh] = touched.try_emplace(person.value());
  if (fresh) {
    const Population& population = live_->writer_view().population;
    const Ordinal ordinal = population.find(person);
    if (ordinal != no_ordinal) found->second = population.known(ordinal);
  }
  return found->second;
}

Result<void> GrantKeeper::note(store::Session& session, Touched& touched, const Change& change) {
  if (const auto* recorded = std::get_if<registry::PersonRecorded>(&change)) {
    touch(touched, recorded->person.id).record = record_of(recorded->person);
  } else if (const auto* attested = std::get_if<registry::AttestationRecorded>(&change)) {
    const registry::Attestation& a = attested->attestation;
    const Period counts = counts_in(a);
    touch(touched, a.person)
        .facts.push_back(
            {.from = counts.from, .until = std::min(counts.until, a.ended), .person = 0, .status = a.status});
  } else if (const auto* revoked = std::get_if<registry::AttestationEnded>(&change)) {
    const registry::Attestation& a = revoked->attestation;
    auto& facts = touch(touched, a.person).facts;
    const auto found = std::ranges::find_if(facts, [counts = counts_in(a), &a](const Fact& fact) {
      return fact.status == a.status && fact.from == counts.from && fact.until == counts.until;
    });
    if (found != facts.end()) found->until = a.ended;
  } else if (const auto* line = std::get_if<registry::SubscriptionRecorded>(&change)) {
    const registry::Subscription& s = line->subscription;
    DAYAQ_TRY(const LineKey key, key_of(session, s));
    auto& lines = touch(touched, s.holder).lines;
    std::erase_if(lines,
                  [&](const KnownLine& known) { return known.key == key && known.valid.overlaps(s.valid); });
    lines.push_back({.key = key, .kind = s.kind, .provider = s.provider, .valid = s.valid});
  } else if (const auto* ended = std::get_if<registry::SubscriptionEnded>(&change)) {
    const registry::Subscription& s = ended->subscription;
    DAYAQ_TRY(const LineKey key, key_of(session, s));
    for (KnownLine& known : touch(touched, s.holder).lines) {
      // When a line began that has begun, the index doesn't keep.
      const bool both_begun = known.valid.from <= plan_.now && s.valid.from <= plan_.now;
      const bool this_one = known.valid.from == s.valid.from || both_begun;
      if (known.key == key && this_one) known.valid.until = s.valid.until;
    }
  }
  return {};
}

Result<void> GrantKeeper::take_due(store::Session& session, Touched& touched) {
  // After a long sleep, what time did meanwhile isn't in the queue yet.
  if (events_until_ <= plan_.now) fill_events(plan_.now);
  while (!events_.empty() && events_.top().at <= plan_.now) {
    plan_.events.push_back(events_.top());
    events_.pop();
    touch(touched, PersonId(plan_.events.back().person));
  }
  for (const Change& change : notes_.changes) DAYAQ_TRY_OK(note(session, touched, change));
  // Who isn't known (an attestation of somebody who never was recorded) has no place; what is over is let go.
  std::erase_if(touched, [](const auto& each) { return each.second.record.id.value() == 0; });
  for (auto& [id, person] : touched) {
    std::erase_if(person.facts,
                  [&](const Fact& fact) { return fact.until <= plan_.now || fact.until <= fact.from; });
    std::erase_if(person.lines,
                  [&](const KnownLine& line) { return line.valid.until <= plan_.now || line.valid.empty(); });
  }
  return {};
}

const ActiveLaw& GrantKeeper::planned_law() const {
  return plan_.active ? *plan_.active : live_->writer_view().active;
}

void GrantKeeper::lasting(std::span<const LineGrant> grants, std::vector<LineGrant>& out) const {
  out.clear();
  for (const LineGrant& grant : grants) {
    const LawfulMeasure* measure = plan_.law->find(grant.measure);
    const bool over = grant.until <= plan_.now || (measure != nullptr && measure->period.until <= plan_.now);
    if (!over) out.push_back(grant);
  }
}

void GrantKeeper::define(FeedWriter& writer, OrganisationIndex provider) const {
  // What was in force until now is told too: its end is how edges learn that it is over.
  std::set<MeasureNumber> wanted;
  for (const ActiveMeasure& measure : planned_law().measures) wanted.insert(measure.number);
  for (const ActiveMeasure& measure : live_->writer_view().active.measures) wanted.insert(measure.number);
  for (std::size_t i = 0; i < plan_.law->law.measures().size(); ++i) {
    const LawfulMeasure& measure = plan_.law->law.measures()[i];
    if (!wanted.contains(plan_.law->numbers[i])) continue;
    bool fits = false;
    for (std::size_t kind = 0; kind < subscription_kinds; ++kind) {
      fits = fits || (delivers_on(*measure.measure, SubscriptionKind(kind), provider) &&
                      parts_.organisations.may_provide(provider, SubscriptionKind(kind)));
    }
    if (fits) writer.define(provider, definition_of(measure, plan_.law->numbers[i]));
  }
}

void GrantKeeper::plan_law(FeedWriter& writer) {
  const LiveState& state = live_->writer_view();
  plan_.law = notes_.law ? notes_.law : law_;
  if (notes_.law || plan_.now >= state.active.until) {
    plan_.active.emplace(plan_.law->law, plan_.law->numbers, plan_.now);
    const bool same =
        plan_.active->measures == state.active.measures && plan_.active->rules == state.active.rules;
    if (!same) {
      const std::shared_lock lock(keys_mutex_);
      for (const auto& [provider, key] : keys_) define(writer, provider);
      plan_bulk(writer);
    }
  }
}

void GrantKeeper::plan_bulk(FeedWriter& writer) {
  const Population& population = live_->writer_view().population;
  plan_.bulk = derive_all(population, *plan_.active, plan_.now, parts_.threads);
  const auto slots = population.lines().slots();
  std::unordered_map<std::uint64_t, bool> differ;
  std::vector<LineGrant> before;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].key == 0) continue;
    const ProfileId after = plan_.bulk->profile[i];
    const auto [known, fresh] = differ.try_emplace(std::uint64_t(slots[i].profile) << 32 | after, false);
    if (fresh) {
      lasting(population.profiles().at(slots[i].profile), before);
      known->second = !std::ranges::equal(before, plan_.bulk->profiles.at(after));
    }
    if (known->second) writer.say(slots[i].provider, slots[i].key, plan_.bulk->profiles.at(after));
  }
}

void GrantKeeper::plan_persons(FeedWriter& writer, Touched& touched) {
  const Population& population = live_->writer_view().population;
  const ActiveLaw& law = planned_law();
  PersonDerivation derivation(population);
  // By key: a number may go from one person to another within a group.
  std::map<LineKey, LineChange> changes;
  for (auto& [id, person] : touched) {
    const Ordinal ordinal = population.find(PersonId(id));
    if (ordinal != no_ordinal) {
      for (const LineKey key : population.keys(ordinal)) {
        const Line& line = *population.lines().find(key);
        LineChange& change = changes[key];
        change.provider = line.provider;
        lasting(population.profiles().at(line.profile), change.before);
      }
    }
    derivation.decide(person, law, plan_.now);
    for (const KnownLine& line : person.lines) {
      if (line.valid.from > plan_.now) continue;
      NewProfile profile{.key = line.key, .grants = {}, .changes_at = second_never};
      profile.changes_at =
          second_of(derivation.grants(line.kind, line.provider, line.valid, law, plan_.now, profile.grants));
      LineChange& change = changes[line.key];
      change.provider = line.provider;
      change.after = profile.grants;
      plan_.profiles.push_back(std::move(profile));
    }
    plan_.persons.push_back(std::move(person));
  }
  for (const auto& [key, change] : changes) {
    if (plan_.bulk || change.before != change.after) writer.say(change.provider, key, change.after);
  }
}

Result<void> GrantKeeper::before_commit(store::Session& session) {
  plan_ = {};
  plan_.now = std::max(parts_.clock.now(), live_->writer_view().population.as_of());
  FeedWriter writer(
      ends_, [this](OrganisationIndex provider) { return parts_.organisations.at(provider)->code.value(); },
      parts_.signer, plan_.now);
  Touched touched;
  DAYAQ_TRY_OK(take_due(session, touched));
  plan_law(writer);
  for (const auto& [provider, key] : plan_.keys) define(writer, provider);
  plan_persons(writer, touched);
  DAYAQ_TRY(plan_.blocks, writer.write(session));
  return {};
}

// --- After the commit: the index takes it over ---

void GrantKeeper::apply_persons() {
  constexpr std::size_t at_once = 32;  // readers wait for no more than some ten microseconds
  for (std::size_t first = 0; first < plan_.persons.size(); first += at_once) {
    live_->change([&](LiveState& state) {
      for (std::size_t i = first; i < std::min(first + at_once, plan_.persons.size()); ++i) {
        DAYAQ_ASSERT(state.population.put(plan_.persons[i]));
      }
    });
  }
  for (std::size_t first = 0; first < plan_.profiles.size(); first += at_once) {
    live_->change([&](LiveState& state) {
      for (std::size_t i = first; i < std::min(first + at_once, plan_.profiles.size()); ++i) {
        const NewProfile& profile = plan_.profiles[i];
        state.population.set_profile(profile.key, profile.grants, profile.changes_at);
      }
    });
  }
}

void GrantKeeper::after_commit() noexcept {
  const Population& population = live_->writer_view().population;
  if (population.tail_room() < plan_.persons.size()) {
    Population sorted = population.compacted(
        plan_.persons.size());  // readers go on meanwhile: only the writer changes anything
    live_->change([&](LiveState& state) { state.population = std::move(sorted); });
  }
  live_->change([&](LiveState& state) {
    state.population.advance(plan_.now);
    if (plan_.bulk) {
      state.population.set_profiles(std::move(plan_.bulk->profiles), plan_.bulk->profile.span(),
                                    plan_.bulk->changes_at.span());
    }
    if (plan_.active) state.active = *plan_.active;
    state.law = plan_.law;
  });
  apply_persons();
  law_ = plan_.law;
  for (std::size_t i = 0; notes_.law && i < law_->numbers.size(); ++i) {
    numbers_.emplace(name_of(law_->law.measures()[i]), law_->numbers[i]);
  }
  {
    const std::unique_lock lock(keys_mutex_);
    keys_.merge(plan_.keys);
  }
  for (const FeedBlock& block : plan_.blocks) ends_[block.provider] = block.last_sequence;
  hub_.publish(std::move(plan_.blocks), plan_.now);
  for (const KnownPerson& person : plan_.persons) watch(person);
  if (plan_.active || events_until_ < plan_.now + std::chrono::hours(1)) fill_events(plan_.now);
  announce_next();
  notes_ = {};
  plan_ = {};
}

// --- The queue of what time will do ---

void GrantKeeper::announce_next() {
  const Instant first_event = events_.empty() ? instant_max : events_.top().at;
  const Instant steady_until = std::min(first_event, events_until_);
  live_->change([&](LiveState& state) { state.steady_until = steady_until; });
  const Instant law_changes = live_->writer_view().active.until;
  next_due_.store(to_micros(std::min({law_changes, first_event, events_until_ - std::chrono::hours(1)})),
                  std::memory_order_release);
}

void GrantKeeper::watch(const KnownPerson& person) {
  const Instant now = live_->writer_view().population.as_of();
  const auto offer = [&](Instant at) {
    if (now < at && at < events_until_) events_.push({.at = at, .person = person.record.id.value()});
  };
  for (const Fact& fact : person.facts) {
    offer(fact.from);
    offer(fact.until);
  }
  for (const KnownLine& line : person.lines) {
    offer(line.valid.from);
    offer(line.valid.until);
  }
  const DayStarts& days = live_->writer_view().population.days();
  if (person.record.death) offer(days.start_of(*person.record.death + std::chrono::days(1)));
  Vocabulary words;
  for (const Rule& rule : live_->writer_view().active.rules) words.add(rule);
  for (const int age : words.ages) offer(days.start_of(birthday(person.record.birth, age)));
}

void GrantKeeper::fill_events(Instant now) {
  const LiveState& state = live_->writer_view();
  const Population& population = state.population;
  const Instant since = population.as_of();
  events_ = {};
  events_until_ = now + std::chrono::hours(25);
  const auto offer = [&](Instant at, Ordinal person) {
    if (since < at && at < events_until_) events_.push({.at = at, .person = population.id(person).value()});
  };
  population.each_fact([&](const Fact& fact) {
    offer(fact.from, fact.person);
    offer(fact.until, fact.person);
  });
  for (const auto& [key, valid] : population.line_periods())
    offer(valid.until, population.lines().find(key)->person);
  for (const auto& [person, line] : population.waiting()) offer(line.valid.from, person);
  population.each_death([&](Ordinal person) { offer(population.life_end(person), person); });
  Vocabulary words;
  for (const Rule& rule : state.active.rules) words.add(rule);
  const DayStarts& days = population.days();
  for (const int age : words.ages) {
    population.each_born_between(
        latest_birth(age, days.zone().day_of(since)), latest_birth(age, days.zone().day_of(events_until_)),
        [&](Ordinal person) { offer(days.start_of(birthday(population.birth(person), age)), person); });
  }
}

}  // namespace dayaq::regime
