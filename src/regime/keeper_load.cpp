// The keeper's start, and its check against the database.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "audit/log.hpp"
#include "base/log.hpp"
#include "base/siphash.hpp"
#include "regime/keeper.hpp"

namespace dayaq::regime {
namespace {

std::vector<PlaceIndex> districts_of(const registry::CountryPack& country) {
  std::vector<PlaceIndex> out;
  for (const registry::Place& place : country.places()) out.push_back(place.district);
  return out;
}

using BucketRange = registry::RegistryStore::BucketRange;

/// Reads all buckets on several threads, each on a connection of its own, and hands the rows over in batches,
/// one thread at a time. Nothing is written meanwhile: the node isn't serving yet.
template <class Row, class Read, class Take>
Result<void> stream(store::Database& db, int threads, Read&& read, Take&& take) {
  constexpr std::size_t batch_rows = 4096;
  std::mutex taking;
  const auto run = [&](BucketRange range) -> Result<void> {
    std::vector<Row> batch;
    batch.reserve(batch_rows);
    const auto flush = [&] {
      const std::lock_guard lock(taking);
      for (const Row& row : batch) take(row);
      batch.clear();
    };
    DAYAQ_TRY_OK(db.read([&](store::Session& session) {
      return read(session, range, [&](const Row& row) {
        batch.push_back(row);
        if (batch.size() == batch_rows) flush();
      });
    }));
    flush();
    return {};
  };
  const std::int64_t parts = std::max(threads, 1);
  std::vector<Result<void>> results(static_cast<std::size_t>(parts));
  {
    std::vector<std::jthread> others;
    for (std::int64_t i = 0; i < parts; ++i) {
      const BucketRange range{.from = registry::buckets * i / parts,
                              .until = registry::buckets * (i + 1) / parts};
      others.emplace_back([&, range, i] { results[static_cast<std::size_t>(i)] = run(range); });
    }
  }
  for (auto& result : results) DAYAQ_TRY_OK(std::move(result));
  return {};
}

/// What the index must say of an attestation as it is stored.
Period counts_in(const registry::Attestation& a) {
  return {.from = std::max(a.valid.from, a.recorded), .until = std::min(a.valid.until, a.ended)};
}

}  // namespace

Result<std::unique_ptr<GrantKeeper>> GrantKeeper::open(const Parts& parts, std::shared_ptr<const Law> law) {
  std::unique_ptr<GrantKeeper> keeper(new GrantKeeper(parts));
  DAYAQ_TRY_OK(keeper->load_catalogue(std::move(law)));
  DAYAQ_TRY_OK(keeper->load_population());
  return keeper;
}

Result<std::shared_ptr<const NumberedLaw>> GrantKeeper::number(store::Session& session,
                                                               std::shared_ptr<const Law> law) {
  MeasureNumber next = 1;
  for (const auto& [name, number] : numbers_) next = std::max(next, number + 1);
  // A law earlier in this group may have got numbers that aren't committed yet.
  MeasureNumbers fresh;
  if (notes_.law) {
    for (std::size_t i = 0; i < notes_.law->numbers.size(); ++i) {
      fresh.emplace(name_of(notes_.law->law.measures()[i]), notes_.law->numbers[i]);
      next = std::max(next, notes_.law->numbers[i] + 1);
    }
  }
  std::vector<MeasureNumber> numbers;
  for (const LawfulMeasure& measure : law->measures()) {
    const MeasureName name = name_of(measure);
    if (const auto known = numbers_.find(name); known != numbers_.end()) {
      numbers.push_back(known->second);
    } else if (const auto noted = fresh.find(name); noted != fresh.end()) {
      numbers.push_back(noted->second);
    } else {
      DAYAQ_TRY_OK(FeedStore::insert_measure_number(session, name, next));
      numbers.push_back(next++);
    }
  }
  return std::make_shared<const NumberedLaw>(*law, std::move(numbers));
}

Result<void> GrantKeeper::add_missing_keys(store::Session& session) {
  for (std::size_t i = 0; i < parts_.organisations.size(); ++i) {
    const auto provider = OrganisationIndex(i);
    bool provides = false;
    for (std::size_t kind = 0; kind < subscription_kinds; ++kind) {
      provides = provides || parts_.organisations.may_provide(provider, SubscriptionKind(kind));
    }
    if (!provides || keys_.contains(provider)) continue;
    std::array<std::byte, 16> bytes;
    parts_.random.fill(bytes);
    DAYAQ_TRY_OK(FeedStore::insert_key(session, provider, sip_key(bytes)));
    keys_.emplace(provider, sip_key(bytes));
  }
  return {};
}

Result<void> GrantKeeper::load_catalogue(std::shared_ptr<const Law> law) {
  return parts_.db.write([&](store::Session& session) -> Result<void> {
    DAYAQ_TRY(keys_, FeedStore::keys(session));
    DAYAQ_TRY(numbers_, FeedStore::measure_numbers(session));
    DAYAQ_TRY_OK(add_missing_keys(session));
    DAYAQ_TRY(law_, number(session, law));
    for (std::size_t i = 0; i < law_->numbers.size(); ++i) {
      numbers_.emplace(name_of(law_->law.measures()[i]), law_->numbers[i]);
    }
    for (const auto& [provider, key] : keys_) {
      DAYAQ_TRY(const FeedEnd end, FeedStore::end(session, provider));
      hub_.set_end(provider, end);
      ends_[provider] = end.last_sequence;
    }
    return {};
  });
}

Result<Population> GrantKeeper::build_population(Instant as_of) const {
  DAYAQ_TRY(const std::int64_t persons,
            parts_.db.read([&](store::Session& session) { return parts_.registry.count_persons(session); }));
  const auto expected = std::size_t(persons);
  PopulationBuilder builder(std::make_shared<const DayStarts>(parts_.country.zone()),
                            districts_of(parts_.country), parts_.country.statuses().size(), as_of,
                            {.persons = expected, .facts = expected / 2, .lines = expected + expected / 2});
  const registry::RegistryStore& rows = parts_.registry;
  DAYAQ_TRY_OK(stream<PersonRecord>(
      parts_.db, parts_.threads,
      [&](store::Session& session, BucketRange range, auto&& put) {
        return rows.each_person_core(session, range, [&](const registry::PersonCore& person) {
          put(PersonRecord{
              .id = person.id, .birth = person.birth, .death = person.death, .place = person.place});
        });
      },
      [&](const PersonRecord& person) { builder.add_person(person); }));
  builder.seal_persons();

  struct FactRow {
    PersonId person;
    StatusIndex status;
    Period counts;
  };
  DAYAQ_TRY_OK(stream<FactRow>(
      parts_.db, parts_.threads,
      [&](store::Session& session, BucketRange range, auto&& put) {
        return rows.each_attestation(session, range, as_of, [&](const registry::Attestation& a) {
          put(FactRow{.person = a.person, .status = a.status, .counts = counts_in(a)});
        });
      },
      [&](const FactRow& row) { builder.add_fact(row.person, row.status, row.counts); }));

  struct LineRow {
    PersonId holder;
    KnownLine line;
  };
  DAYAQ_TRY_OK(stream<LineRow>(
      parts_.db, parts_.threads,
      [&](store::Session& session, BucketRange range, auto&& put) {
        return rows.each_subscription(session, range, as_of, [&](const registry::SubscriptionView& s) {
          const auto key = keys_.find(s.provider);
          if (key == keys_.end()) return;
          put(LineRow{.holder = s.holder,
                      .line = {.key = feed::pseudonym(key->second, registry::to_string(s.kind), s.number),
                               .kind = s.kind,
                               .provider = s.provider,
                               .valid = s.valid}});
        });
      },
      [&](const LineRow& row) {
        builder.add_line(row.line.key, row.holder, row.line.kind, row.line.provider, row.line.valid);
      }));
  return builder.finish();
}

Result<void> GrantKeeper::load_population() {
  Instant said = instant_min;
  for (const auto& [provider, last] : ends_) said = std::max(said, hub_.end(provider).created);
  const Instant as_of = said == instant_min ? parts_.clock.now() : said;
  const auto started = std::chrono::steady_clock::now();
  auto population =
      parts_.db.read([&](store::Session& session) { return restore_population(session, as_of); });
  const bool restored = bool(population);
  if (!restored) {
    if (population.error().kind != ErrorKind::not_found) {
      log::warning("keeper.rebuild", "the index is built from the database",
                   {{"why", population.error().code}});
    }
    population = build_population(as_of);
  }
  if (!population) return std::unexpected(population.error());
  const Instant t = population->as_of();
  const ActiveLaw active(law_->law, law_->numbers, t);
  BulkDerivation bulk = derive_all(*population, active, t, parts_.threads);
  population->set_profiles(std::move(bulk.profiles), bulk.profile.span(), bulk.changes_at.span());
  const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - started);
  log::info("keeper.loaded", "the index is in memory",
            {{"persons", population->persons()},
             {"lines", population->lines().size()},
             {"from", restored ? "file" : "database"},
             {"seconds", fmt::format("{:.2f}", took.count())}});
  live_ = std::make_unique<LivePopulation>(std::move(*population), law_, active);
  fill_events(t);
  return {};
}

// --- The saved index ---

SnapshotFit GrantKeeper::fit() const {
  std::string names;
  for (const registry::Place& place : parts_.country.places()) names += place.code.value() + '\n';
  for (const registry::StatusDefinition& status : parts_.country.statuses())
    names += status.code.value() + '\n';
  names += parts_.country.zone().name();
  Bytes keys;
  const std::shared_lock lock(keys_mutex_);
  for (const auto& [provider, key] : keys_) {
    put_le(keys, provider);
    put_le(keys, key.k0);
    put_le(keys, key.k1);
  }
  return {.catalogue = siphash(SipKey{}, names), .feed_keys = siphash(SipKey{}, keys)};
}

Result<void> GrantKeeper::save(Saving saving) {
  if (parts_.snapshot.empty() || parts_.log == nullptr) return {};
  // What is in the log by now is in the index once a commit that begins later has ended.
  const std::uint64_t audit_size = parts_.log->size();
  if (audit_size == saved_at_.load()) return {};  // the file lacks nothing but time
  DAYAQ_TRY_OK(parts_.db.write([](store::Session&) -> Result<void> { return {}; }));
  const SnapshotFit fits = fit();
  const auto write = [&](const LiveState& state) {
    return SnapshotFile::save(parts_.snapshot, state.population,
                              {.audit_size = audit_size, .as_of = state.population.as_of()}, fits);
  };
  if (saving == Saving::here) {
    DAYAQ_TRY_OK(live_->read_long(write));
    saved_at_.store(audit_size);
    return {};
  }
  const pid_t child = live_->read_long([&](const LiveState& state) {
    const pid_t forked = ::fork();
    if (forked == 0) ::_exit(write(state) ? 0 : 1);  // the copy of this moment is the child's alone
    return forked;
  });
  int status = 1;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    saved_at_.store(audit_size);
    return {};
  }
  return fail(ErrorKind::unavailable, "snapshot.failed", "The index could not be saved.",
              "the saving process failed");
}

Result<Population> GrantKeeper::restore_population(store::Session& session, Instant as_of) {
  if (parts_.snapshot.empty() || parts_.log == nullptr) {
    return fail(ErrorKind::not_found, "snapshot.missing", "There is no saved index.");
  }
  DAYAQ_TRY(SavedPopulation saved,
            SnapshotFile::load(parts_.snapshot, std::make_shared<const DayStarts>(parts_.country.zone()),
                               districts_of(parts_.country), parts_.country.statuses().size(), fit()));
  constexpr std::size_t behind_max = 200'000;  // beyond that many persons, reading everything is quicker
  const std::uint64_t size = parts_.log->size();
  std::set<std::uint64_t> persons;
  bool follows = saved.state.audit_size <= size;
  if (follows) {
    DAYAQ_TRY_OK(
        parts_.log->each(saved.state.audit_size, size, [&](const audit::Entry& entry) -> Result<bool> {
          if (entry.subject) persons.insert(entry.subject->value());
          // These entries stand for many persons whom they don't name.
          const bool bulk =
              entry.leaf.contains(R"("action":"import.)") || entry.leaf.contains(R"("action":"synthetic.)");
          follows = !bulk && persons.size() <= behind_max;
          return follows;
        }));
  }
  if (!follows) {
    return fail(ErrorKind::conflict, "snapshot.behind",
                "The saved index is too far behind; it is built anew.");
  }
  DAYAQ_TRY_OK(reload(session, saved.population, persons));
  if (saved.state.audit_size == size) saved_at_.store(size);
  if (as_of > saved.population.as_of()) saved.population.catch_up(as_of);
  return std::move(saved.population);
}

Result<void> GrantKeeper::reload(store::Session& session, Population& population,
                                 const std::set<std::uint64_t>& persons) const {
  // Whose number went to somebody else isn't named by the entry, but by the number.
  std::set<std::uint64_t> wanted = persons;
  for (const std::uint64_t id : persons) {
    DAYAQ_TRY(const auto lines, parts_.registry.subscriptions_of(session, PersonId(id)));
    for (const registry::Subscription& line : lines) {
      DAYAQ_TRY(const auto holders, parts_.registry.holders_of(session, line.kind, line.number));
      for (const auto& holder : holders) wanted.insert(holder.holder.value());
    }
  }
  for (const std::uint64_t id : wanted) {
    DAYAQ_TRY(const auto record, parts_.registry.person(session, PersonId(id)));
    if (!record) continue;
    const registry::Person& person = record->person;
    KnownPerson known{
        .record = {.id = person.id, .birth = person.birth, .death = person.death, .place = person.place},
        .facts = {},
        .lines = {}};
    DAYAQ_TRY(const auto attestations, parts_.registry.attestations_of(session, person.id));
    for (const registry::Attestation& a : attestations) {
      const Period counts = counts_in(a);
      if (counts.empty() || counts.until <= population.as_of()) continue;
      known.facts.push_back({.from = counts.from, .until = counts.until, .person = 0, .status = a.status});
    }
    DAYAQ_TRY(const auto lines, parts_.registry.subscriptions_of(session, person.id));
    for (const registry::Subscription& s : lines) {
      const auto key = keys_.find(s.provider);
      if (key == keys_.end() || s.valid.empty() || s.valid.until <= population.as_of()) continue;
      known.lines.push_back({.key = feed::pseudonym(key->second, registry::to_string(s.kind), s.number),
                             .kind = s.kind,
                             .provider = s.provider,
                             .valid = s.valid});
    }
    if (population.put(known)) continue;
    population = population.compacted();
    DAYAQ_ASSERT(population.put(known));
  }
  return {};
}

// --- The check ---

namespace {

/// All persons of one bucket, read from the database alone.
Result<std::map<std::uint64_t, registry::PersonFacts>> bucket_facts(store::Session& session,
                                                                    const registry::RegistryStore& registry,
                                                                    std::int64_t bucket, Instant t) {
  std::map<std::uint64_t, registry::PersonFacts> people;
  const registry::RegistryStore::BucketRange range{.from = bucket, .until = bucket + 1};
  DAYAQ_TRY_OK(registry.each_person_core(session, range, [&](const registry::PersonCore& core) {
    registry::PersonFacts& facts = people[core.id.value()];
    facts.person.id = core.id;
    facts.person.birth = core.birth;
    facts.person.death = core.death;
    facts.person.place = core.place;
    facts.residences.push_back({.place = core.place, .period = {.from = core.place_since}});
  }));
  DAYAQ_TRY_OK(registry.each_attestation_ever(session, range, [&](const registry::Attestation& a) {
    people[a.person.value()].attestations.push_back(a);
  }));
  DAYAQ_TRY_OK(registry.each_subscription(session, range, t, [&](const registry::SubscriptionView& s) {
    people[s.holder.value()].subscriptions.push_back({.kind = s.kind,
                                                      .provider = s.provider,
                                                      .number = std::string(s.number),
                                                      .holder = s.holder,
                                                      .valid = s.valid});
  }));
  return people;
}

}  // namespace

Result<KeeperCheck> GrantKeeper::check(store::Session& session) const {
  const Instant t = parts_.clock.now();
  const CivilContext civil{.zone = parts_.country.zone(), .places = parts_.country.places()};
  const auto law = live_->read([](const LiveState& state) { return state.law; });
  KeeperCheck found;
  const auto differs = [&](std::uint64_t person, std::string_view how) {
    if (found.different++ == 0) found.first = fmt::format("person {}: {}", person, how);
  };
  for (std::int64_t bucket = 0; bucket < registry::buckets; ++bucket) {
    DAYAQ_TRY(const auto people, bucket_facts(session, parts_.registry, bucket, t));
    for (const auto& [id, facts] : people) {
      for (const registry::Subscription& s : facts.subscriptions) {
        if (!s.valid.contains(t)) continue;
        ++found.lines;
        using Named = std::tuple<std::string, int, std::string, Instant>;
        std::vector<Named> expected;
        for (const Grant& grant : derive_line(facts, s, law->law, t, civil)) {
          expected.emplace_back(grant.regime.value(), grant.version, grant.measure.value(),
                                grant.period.until);
        }
        std::vector<Named> actual;
        const auto key = line_key(s.provider, s.kind, s.number);
        const bool known = key && live_->decide(*key, t, [&](const Decision& decision) {
          for (const LineGrant& grant : decision.grants) {
            const LawfulMeasure& measure = *law->find(grant.measure);
            const Regime& regime = measure.version->regime;
            actual.emplace_back(regime.code.value(), regime.version, measure.measure->code.value(),
                                grant.until);
          }
        });
        std::ranges::sort(expected);
        std::ranges::sort(actual);
        if (!known)
          differs(id, fmt::format("a subscription that began {} isn't in the index",
                                  format_instant(s.valid.from)));
        else if (expected != actual)
          differs(id, "a subscription's grants aren't those derived from the database");
      }
    }
  }
  const std::uint64_t held = live_->read([&](const LiveState& state) {
    std::uint64_t begun = 0;
    for (const Line& line : state.population.lines().slots()) {
      begun += line.key != 0 && state.population.line_period(line.key).contains(t) ? 1 : 0;
    }
    return begun;
  });
  if (held != found.lines)
    differs(0, fmt::format("{} subscriptions in the index, {} in the database", held, found.lines));
  return found;
}

}  // namespace dayaq::regime
