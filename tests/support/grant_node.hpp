// A node with law book and keeper, and the random history of it that tests make.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "regime/keeper.hpp"
#include "regime/law_test_support.hpp"
#include "regime/store.hpp"
#include "support/registry.hpp"

namespace dayaq::regime::test {

using namespace std::chrono_literals;
using dayaq::test::must;
using registry::Registry;
using store::Session;

inline std::vector<store::Migration> all_migrations() {
  std::vector<store::Migration> out(migrations().begin(), migrations().end());
  out.insert(out.end(), feed_migrations().begin(), feed_migrations().end());
  return out;
}

/// What an edge knows that only ever read the feed of one operator.
struct Replica {
  std::map<LineKey, feed::GrantList> lines;
  std::map<MeasureNumber, Period> measures;
  std::uint64_t last = 0;

  void apply(const feed::Block& block) {
    EXPECT_EQ(block.first_sequence, last + 1);
    for (const feed::Definition& definition : block.definitions)
      measures[definition.measure] = definition.period;
    for (const feed::SubscriptionLine& line : block.lines) lines[line.key] = block.lists[line.list];
    last = block.last_sequence();
  }
  std::vector<LineGrant> grants(LineKey key, Instant t) const {
    std::vector<LineGrant> out;
    const auto found = lines.find(key);
    if (found == lines.end()) return out;
    for (const feed::GrantLine& grant : found->second) {
      if (!measures.contains(grant.measure))
        ADD_FAILURE() << "measure " << grant.measure << " was never defined";
      const Instant until = std::min(grant.until, measures.at(grant.measure).until);
      if (until > t) out.push_back({.until = until, .measure = grant.measure});
    }
    return out;
  }
};

/// A node with law book and keeper, and the history that random officials make on it.
struct Node {
  explicit Node(store::Engine engine, std::uint64_t seed)
      : random(seed), node(engine, nullptr, all_migrations()) {
    start();
  }
  void start() {
    book = std::make_unique<Lawbook>(azerbaijan().file_context(), *node.log);
    must(node.db().read([&](Session& session) { return book->load(session); }));
    node.db().add_hook(*book);
    keeper = must(GrantKeeper::open({.db = node.db(),
                                     .country = node.pack,
                                     .registry = *node.rows,
                                     .organisations = *node.organisations,
                                     .clock = node.clock,
                                     .random = node.random,
                                     .signer = signer,
                                     .snapshot = node.opened.folder / "index.snapshot",
                                     .log = node.log.get()},
                                    book->law()));
    node.db().add_hook(*keeper);
    book->add_observer(*keeper);
    node.registry->observer = keeper.get();
    must(keeper->advance());
  }
  void restart() {
    node.registry.reset();
    node.opened.database.reset();
    keeper.reset();
    book.reset();
    node.restart();
    start();
  }
  [[nodiscard]] Instant now() const { return node.clock.now(); }

  registry::Person new_person() {
    std::string id;
    for (int i = 0; i < 7; ++i) id += "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"[random.below(34)];
    const auto places = node.pack.places();
    return {.id = node.person_id(id),
            .national_id = id,
            .family_name = "Synthetic",
            .given_name = "Person",
            .birth = node.pack.zone().day_of(now()) - std::chrono::days(random.below(95 * 365)),
            .death = std::nullopt,
            .place = registry::PlaceIndex(node.pack.district_count() +
                                          random.below(places.size() - node.pack.district_count()))};
  }
  Instant later(std::uint64_t hours_max) { return now() + 1h * std::int64_t(1 + random.below(hours_max)); }
  registry::Person& somebody() { return people[random.below(people.size())]; }

  /// One random step inside a transaction. What the rules of the registry refuse is no step.
  Result<void> step(Session& session, const Registry& registry) {
    const auto pick = people.size() < 20 ? 0 : random.below(12);
    if (pick == 0) {
      people.push_back(new_person());
      DAYAQ_TRY_OK(record_person(session, registry, people.back(), "cli"));
    } else if (pick == 1) {
      registry::Person& person = somebody();
      if (random.below(3) == 0)
        person.birth -= std::chrono::days(400);
      else
        person.place = new_person().place;
      if (random.below(10) == 0 && !person.death) person.death = node.pack.zone().day_of(now());
      DAYAQ_TRY_OK(record_person(session, registry, person, "cli"));
    } else if (pick < 6) {
      return attest_somebody(session, registry);
    } else if (pick == 6 && !attested.empty()) {
      const auto& a = attested[random.below(attested.size())];
      return ignore(revoke(session, registry, a.person, a.id, a.issuer, "cli"));
    } else if (pick < 10 || numbers.empty()) {
      return subscribe_somebody(session, registry);
    } else {
      const auto& s = numbers[random.below(numbers.size())];
      const Instant until = random.below(2) == 0 ? now() : later(100);
      return ignore(end_subscription(session, registry, s.kind, s.provider, s.number, until, "cli"));
    }
    return {};
  }
  template <class T>
  static Result<void> ignore(const Result<T>& result) {
    if (!result && result.error().kind == ErrorKind::internal) return std::unexpected(result.error());
    return {};
  }
  Result<void> attest_somebody(Session& session, const Registry& registry) {
    const auto status = registry::StatusIndex(random.below(node.pack.statuses().size()));
    for (std::size_t o = 0; o < node.organisations->size(); ++o) {
      const auto issuer = registry::OrganisationIndex(o);
      if (!node.organisations->may_issue(issuer, status) || random.below(2) == 0) continue;
      registry::AttestRequest request{.id = registry::AttestationId(random.next() >> 2 | 1),
                                      .person = somebody().id,
                                      .status = status,
                                      .issuer = issuer,
                                      .valid = {.from = now() - 24h, .until = later(200)}};
      if (random.below(3) == 0)
        request.valid.from = later(60), request.valid.until = request.valid.from + 48h;
      attested.push_back(request);
      return ignore(attest(session, registry, request, "cli"));
    }
    return {};
  }
  Result<void> subscribe_somebody(Session& session, const Registry& registry) {
    const auto kind = SubscriptionKind(random.below(3));
    const char* mobile[] = {"azercell", "bakcell", "nar"};
    const char* home[] = {"aztelekom", "katv1"};
    registry::Subscription s{
        .kind = kind,
        .provider = node.organisation(kind == SubscriptionKind::mobile ? mobile[random.below(3)]
                                                                       : home[random.below(2)]),
        .number = fmt::format("99450{:07}", random.below(60)),
        .holder = somebody().id,
        .valid = {.from = now(), .until = instant_max}};
    if (random.below(4) == 0) s.valid.from = later(50);
    if (random.below(5) == 0) s.valid.until = s.valid.from + 30h;
    numbers.push_back(s);
    return ignore(record_subscription(session, registry, s, "cli"));
  }

  std::string random_who() {
    const char* whos[] = {
        "{status: pensioner}",
        "{status: [pupil, student]}",
        "{age: {from: 60}}",
        "{age: {under: 18}}",
        "{subscription: tv}",
        "{everyone: true}",
        "{not: {status: quarantined}}",
        "{all: [{not: {residence: AZ-BA}}, {any: [{status: teacher}, {age: {from: 30, under: 50}}]}]}"};
    return whos[random.below(std::size(whos))];
  }
  Regime random_regime(const std::string& code) {
    std::string text = fmt::format(R"(format: 1
code: {}
title: {{az: Rejim}}
legal_basis: {{az: Qərar}}
territory: country
period: {{from: 2026-11-01, until: {}}}
measures:
)",
                                   code, random.below(2) == 0 ? "2026-12-05" : "2027-06-01");
    for (std::uint64_t m = 0; m < 1 + random.below(3); ++m) {
      text += fmt::format(R"(  - code: measure-{}
    title: {{az: Tədbir}}
    who: {}
    benefits:
      - {{gives: data, traffic: all, quota: {} GB, per: month, cost: 1 qepik per MB}}
)",
                          m, random_who(), 1 + random.below(9));
    }
    auto regime = parse_regime(text, azerbaijan().file_context());
    if (!regime) throw std::runtime_error(format_errors(regime.error(), "regime", text));
    return *regime;
  }
  /// Submits and approves, amends or ends; whatever the law's state allows.
  void change_law() {
    const std::string code = random.below(2) == 0 ? "first" : "second";
    const Regime regime = random_regime(code);
    const auto pick = random.below(5);
    must(node.db().write([&](Session& session) -> Result<void> {
      if (pick == 0)
        return ignore(book->end(session, RegimeCode(code), random.below(2) == 0 ? now() : later(40),
                                "org:a/key:1", now()));
      auto made = book->submit(session, regime, "org:a/key:1", now());
      if (!made) made = book->amend(session, regime, "org:a/key:1", now());
      if (!made) return ignore(made);
      return ignore(book->approve(session, RegimeCode(code), (*made)->regime.version, "org:b/key:2", now()));
    }));
  }

  void expect_right() {
    const KeeperCheck check = must(node.db().read([&](Session& session) { return keeper->check(session); }));
    ASSERT_EQ(check.different, 0u) << check.first << " at " << format_instant(now());
    lines_checked += check.lines;
    for (const auto provider : keeper->hub().operators()) {
      Replica& replica = replicas[provider];
      must(node.db().read([&](Session& session) {
        return FeedStore::each_block(session, provider, replica.last,
                                     [&](const FeedBlockRow& row) -> Result<bool> {
                                       BytesView bytes = row.block;
                                       DAYAQ_TRY(const feed::Block block, feed::decode(bytes, signers));
                                       replica.apply(block);
                                       return true;
                                     });
      }));
    }
    keeper->live().read([&](const LiveState& state) {
      for (const Line& line : state.population.lines().slots()) {
        if (line.key == 0 || !state.population.line_period(line.key).contains(now())) continue;
        state.decide(line.key, now(), [&](const Decision& decision) {
          const auto told = replicas[line.provider].grants(line.key, now());
          grants_checked += told.size();
          EXPECT_TRUE(std::ranges::equal(told, decision.grants)) << "an edge would decide otherwise";
        });
      }
    });
  }

  SeededRandom random;
  crypto::SigningKey signer = must(crypto::SigningKey::from_seed(std::array<std::byte, 32>{std::byte(7)}));
  std::array<crypto::PublicKey, 1> signers{signer.public_key()};
  std::unique_ptr<GrantKeeper> keeper;
  std::unique_ptr<Lawbook> book;
  dayaq::test::RegistryNode node;  // destroyed first: its writer thread calls the hooks above
  std::vector<registry::Person> people;
  std::vector<registry::AttestRequest> attested;
  std::vector<registry::Subscription> numbers;
  std::map<OrganisationIndex, Replica> replicas;
  std::uint64_t lines_checked = 0;
  std::uint64_t grants_checked = 0;
};

}  // namespace dayaq::regime::test
