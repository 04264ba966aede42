#include "identity/account/sessions.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <unordered_map>

#include "base/log.hpp"
#include "identity/account/sessions_table.hpp"
#include "support/database.hpp"

namespace dayaq::identity {
namespace {

using namespace std::chrono_literals;

constexpr Instant start = Instant(1'800'000'000s);

/// Counts what it is told; refuses if it is told to.
struct RememberingObserver final : SessionObserver {
  Result<void> on_session_ended(store::Session&, const Session& session) override {
    if (refusing) return fail(ErrorKind::conflict, "test.refused", "No.");
    ended.push_back(session.id);
    return {};
  }
  std::vector<SessionId> ended;
  bool refusing = false;
};

struct Signed : testing::TestWithParam<store::Engine> {
  void SetUp() override {
    (void)log::set_level("warning");
    begin({});
  }
  void begin(const SessionPolicy& policy) {
    ASSERT_TRUE(db().migrate(sign_in_migrations()));
    sessions.emplace(db(), policy);
    sessions->add_observer(observer);
    db().add_hook(*sessions);
  }
  /// As after a crash or an upgrade.
  void restart(const SessionPolicy& policy = {}) {
    opened.database.reset();
    sessions.reset();
    opened.reopen();
    begin(policy);
  }
  store::Database& db() { return *opened.database; }

  Session make(std::uint64_t person, Instant at = start) {
    Session session;
    session.id = SessionId(random.next_id());
    session.person = PersonId(person);
    session.acting_for = PersonId(person + 1000);
    session.authenticated = at;
    session.expires = at + 12h;
    session.authenticator = AuthenticatorId(77);
    session.methods = Methods(AuthenticatorKind::passkey);
    session.methods |= AuthenticatorKind::totp;
    session.assurance = Assurance::substantial;
    return session;
  }
  SessionToken token_of(const Session& session) {
    return draw_session_token(random, session.person, session.id);
  }
  SessionToken open(const Session& session) {
    const SessionToken token = token_of(session);
    const auto done = db().write([&](store::Session& s) { return sessions->open(s, session, token); });
    EXPECT_TRUE(done) << done.error().code << done.error().detail;
    return token;
  }
  std::optional<Session> find(const SessionToken& token, Instant at = start) {
    const auto found = sessions->find(token.text, at);
    EXPECT_TRUE(found) << found.error().detail;
    return *found;
  }
  int sweep(Instant at, int limit = 100) {
    const auto swept = db().write([&](store::Session& s) { return sessions->sweep(s, at, limit); });
    EXPECT_TRUE(swept) << swept.error().detail;
    return *swept;
  }
  std::int64_t rows() {
    const auto count = db().read([](store::Session& s) {
      return s.one("SELECT COUNT(*) FROM identity_session", {},
                   [](const store::Row& row) { return row.integer(0); });
    });
    return count->value();
  }

  SeededRandom random{5};
  RememberingObserver observer;
  std::optional<Sessions> sessions;
  test::OpenedDatabase opened{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Engines, Signed, testing::ValuesIn(test::engines),
                         [](auto& i) { return test::name_of(i.param); });

void expect_same(const Session& a, const Session& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.person, b.person);
  EXPECT_EQ(a.acting_for, b.acting_for);
  EXPECT_EQ(a.authenticated, b.authenticated);
  EXPECT_EQ(a.expires, b.expires);
  EXPECT_EQ(a.authenticator, b.authenticator);
  EXPECT_EQ(a.methods, b.methods);
  EXPECT_EQ(a.assurance, b.assurance);
}

TEST_P(Signed, InIsFoundByItsTokenInMemoryAndAfterARestart) {
  const Session session = make(1);
  const SessionToken token = open(session);
  EXPECT_EQ(token.text.size(), 64u);
  const auto found = sessions->find_in_memory(token.text, start);
  ASSERT_TRUE(found.known && found.session);
  expect_same(*found.session, session);
  restart();
  EXPECT_EQ(sessions->in_memory(), 0u) << "a start reads nothing";
  EXPECT_FALSE(sessions->find_in_memory(token.text, start).known);
  ASSERT_TRUE(find(token));
  expect_same(*find(token), session);
  EXPECT_TRUE(sessions->find_in_memory(token.text, start).known);
}

TEST_P(Signed, InCountsOnlyOnceItIsDurable) {
  const Session session = make(1);
  const SessionToken token = token_of(session);
  const auto failed = db().write([&](store::Session& s) -> Result<void> {
    DAYAQ_TRY_OK(sessions->open(s, session, token));
    EXPECT_FALSE(sessions->find_in_memory(token.text, start).known);
    return fail(ErrorKind::conflict, "test.refused", "No.");
  });
  EXPECT_EQ(failed.error().code, "test.refused");
  EXPECT_FALSE(find(token));
  EXPECT_EQ(rows(), 0);
  // Its neighbour in the group stays.
  std::atomic<int> answered{0};
  const Session other = make(2);
  const SessionToken other_token = token_of(other);
  db().submit([&](store::Session& s) { return sessions->open(s, other, other_token); },
              [&](Result<void> result) { answered += result ? 1 : 100; });
  db().submit(
      [&](store::Session& s) -> Result<void> {
        DAYAQ_TRY_OK(sessions->open(s, session, token));
        return fail(ErrorKind::conflict, "test.refused", "No.");
      },
      [&](Result<void> result) { answered += result ? 100 : 1; });
  while (answered < 2) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(answered, 2);
  EXPECT_FALSE(find(token));
  EXPECT_TRUE(sessions->find_in_memory(other_token.text, start).session);
}

TEST_P(Signed, OutIsOutInMemoryAndAfterARestart) {
  const Session session = make(1);
  const SessionToken token = open(session);
  const auto end = [&] {
    return db().write([&](store::Session& s) { return sessions->end(s, session.person, session.id, start); });
  };
  observer.refusing = true;
  EXPECT_EQ(end().error().code, "test.refused");
  EXPECT_TRUE(find(token)) << "whoever stands on it couldn't be ended: nothing is";
  observer.refusing = false;
  ASSERT_TRUE(end());
  EXPECT_FALSE(find(token));
  ASSERT_TRUE(end()) << "once more is no error";
  EXPECT_EQ(observer.ended, std::vector{session.id});
  restart();
  EXPECT_FALSE(find(token));
}

TEST_P(Signed, InWithTheSameIdAgainIsRefusedEvenAfterItsEnd) {
  const Session session = make(1);
  (void)open(session);
  const auto again = [&] {
    return db().write([&](store::Session& s) { return sessions->open(s, session, token_of(session)); });
  };
  EXPECT_EQ(again().error().code, "store.duplicate");
  ASSERT_TRUE(
      db().write([&](store::Session& s) { return sessions->end(s, session.person, session.id, start); }));
  EXPECT_EQ(sweep(start + 9min), 0);
  EXPECT_EQ(again().error().code, "store.duplicate");
  EXPECT_EQ(sweep(start + 10min), 1);
  EXPECT_EQ(rows(), 0);
}

TEST_P(Signed, InEndsForGoodAfterItsLifeAndEarlierIfNobodyUsesIt) {
  const Session used = make(1), unused = make(2);
  const SessionToken used_token = open(used), unused_token = open(unused);
  for (auto at = start; at < used.expires; at += 100min) EXPECT_TRUE(find(used_token, at)) << (at - start);
  EXPECT_FALSE(find(used_token, used.expires));
  EXPECT_TRUE(find(used_token, used.expires - 1us));
  EXPECT_TRUE(find(unused_token, start + 2h - 1s));
  restart();
  const SessionToken lonely = open(make(3));
  EXPECT_FALSE(find(lonely, start + 2h));
}

TEST_P(Signed, UseIsRememberedToWithinFiveMinutesByTheBackgroundWork) {
  const SessionToken token = open(make(1));
  ASSERT_TRUE(find(token, start + 4min));  // not worth a write
  ASSERT_TRUE(find(token, start + 100min));
  EXPECT_EQ(sweep(start + 100min), 0);
  restart();
  EXPECT_TRUE(find(token, start + 3h));
  restart();  // without the background work in between
  EXPECT_FALSE(find(token, start + 100min + 2h));
}

TEST_P(Signed, BackgroundWorkGoesRoundInSlicesAndDeletesWhatIsOver) {
  for (std::uint64_t person = 1; person <= 25; ++person) (void)open(make(person));
  std::vector<SessionToken> live;
  for (std::uint64_t person = 1; person <= 10; ++person) live.push_back(open(make(person, start + 11h)));
  EXPECT_EQ(sessions->in_memory(), 35u);
  int deleted = 0;
  for (int slice = 0; slice < 6; ++slice) deleted += sweep(start + 12h, 7);
  EXPECT_EQ(deleted, 25);
  EXPECT_EQ(rows(), 10);
  EXPECT_EQ(sessions->in_memory(), 10u);
  for (const SessionToken& token : live) EXPECT_TRUE(find(token, start + 12h));
}

TEST_P(Signed, BackgroundWorkThatIsLateDeletesNobodyWhoIsThere) {
  std::vector<SessionToken> tokens;
  for (std::uint64_t person = 1; person <= 10; ++person) tokens.push_back(open(make(person)));
  for (std::size_t i = 10; i-- > 0;) EXPECT_TRUE(find(tokens[i], start + 110min));
  // Four uses are written each time, the last person's first; one row is looked at, the first person's first.
  for (int slice = 0; slice < 12; ++slice) EXPECT_EQ(sweep(start + 140min, 1), 0);
  restart();
  for (const SessionToken& token : tokens) EXPECT_TRUE(find(token, start + 140min));
}

TEST_P(Signed, InMoreSurelyGetsANewToken) {
  Session session = make(1);
  const SessionToken first = open(session);
  session.assurance = Assurance::high;
  session.methods |= AuthenticatorKind::card;
  session.authenticated += 1h;
  session.acting_for = PersonId();
  const SessionToken second = token_of(session);
  ASSERT_TRUE(db().write([&](store::Session& s) { return sessions->strengthen(s, session, second); }));
  EXPECT_FALSE(find(first)) << "a token from before doesn't become a surer one";
  expect_same(find(second, start + 1h).value(), session);
  restart();
  EXPECT_FALSE(find(first, start + 1h));
  expect_same(find(second, start + 1h).value(), session);
  ASSERT_TRUE(
      db().write([&](store::Session& s) { return sessions->end(s, session.person, session.id, start); }));
  const auto refused =
      db().write([&](store::Session& s) { return sessions->strengthen(s, session, token_of(session)); });
  EXPECT_EQ(refused.error().code, "session.unknown");
  EXPECT_FALSE(find(second, start + 1h));
}

TEST_P(Signed, InManyTimesAllAreListedAndAllButOneEnded) {
  std::vector<Session> mine;
  std::vector<SessionToken> tokens;
  for (int i = 0; i < 4; ++i) {
    mine.push_back(make(1, start + std::chrono::minutes(i)));
    tokens.push_back(open(mine.back()));
  }
  const SessionToken others = open(make(257));  // of the same bucket
  const auto listed = db().read([&](store::Session& s) { return sessions->of(s, PersonId(1), start); });
  ASSERT_EQ(listed->size(), 4u);
  EXPECT_EQ(listed->front().id, mine.back().id);
  const auto ended =
      db().write([&](store::Session& s) { return sessions->end_all(s, PersonId(1), mine[2].id, start); });
  EXPECT_EQ(*ended, 3);
  EXPECT_EQ(observer.ended.size(), 3u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(find(tokens[i]).has_value(), i == 2);
  EXPECT_TRUE(find(others));
  const auto got = [&](const Session& session) {
    return db()
        .read([&](store::Session& s) { return sessions->get(s, session.person, session.id, start); })
        ->has_value();
  };
  EXPECT_TRUE(got(mine[2]));
  EXPECT_FALSE(got(mine[0]));
}

TEST_P(Signed, TokensThatAreNotTheRightOneFindNothing) {
  const Session session = make(1);
  const SessionToken token = open(session);
  const Session other = make(2);
  for (const bool restarted : {false, true}) {
    if (restarted) restart();
    std::set<std::string> wrong{"",
                                "x",
                                token.text + "A",
                                token.text.substr(1),
                                std::string(64, 'A'),
                                std::string(64, '!'),
                                std::string(5000, 'A')};
    for (std::size_t i = 0; i < token.text.size(); ++i) {
      std::string one = token.text;
      one[i] = one[i] == 'A' ? 'B' : 'A';
      wrong.insert(one);
    }
    wrong.insert(token_of(session).text);
    wrong.insert(token_of(other).text);
    for (const std::string& text : wrong) {
      const auto found = sessions->find(text, start);
      ASSERT_TRUE(found) << text << found.error().detail;
      EXPECT_FALSE(*found) << text;
    }
    EXPECT_TRUE(find(token));
  }
}

TEST_P(Signed, InMemoryAreOnlySoManyAndTheOthersAreReadAgain) {
  restart({.in_memory_max = 256});
  std::vector<SessionToken> tokens;
  for (std::uint64_t person = 1; person <= 1000; ++person) tokens.push_back(open(make(person)));
  EXPECT_LE(sessions->in_memory(), 512u);
  for (const SessionToken& token : tokens) EXPECT_TRUE(find(token));
  EXPECT_LE(sessions->in_memory(), 512u);
}

/// A reader that has read a session from the database must not put it back into memory after its end.
TEST_P(Signed, OutIsOutAlsoForWhoeverReadsAtTheSameMoment) {
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> current{0};
  std::vector<SessionToken> tokens(300);
  std::vector<Session> made;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    made.push_back(make(i + 1));
    tokens[i] = token_of(made[i]);
  }
  std::vector<std::thread> readers;
  for (int thread = 0; thread < 3; ++thread) {
    readers.emplace_back([&] {
      while (!stop) {
        for (std::size_t i = current; i < std::min(tokens.size(), current + 2); ++i) {
          (void)sessions->find(tokens[i].text, start);
        }
      }
    });
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    current = i;
    ASSERT_TRUE(db().write([&](store::Session& s) { return sessions->open(s, made[i], tokens[i]); }));
    ASSERT_TRUE(db().write([&](store::Session& s) -> Result<void> {
      return sessions->end(s, made[i].person, made[i].id, start);
    }));
    EXPECT_FALSE(find(tokens[i]));
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  for (const SessionToken& token : tokens) EXPECT_FALSE(find(token));
}

TEST(AMillionSessions, AreThereWithinASecondOfAStart) {
  (void)log::set_level("warning");
  test::OpenedDatabase opened{store::Engine::sqlite};
  ASSERT_TRUE(opened.database->migrate(sign_in_migrations()));
  ASSERT_TRUE(opened.database->write([](store::Session& s) {
    return s.script(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999999) "
        "INSERT INTO identity_session SELECT i / 4000, i * 256 + i / 4000 + 1, i + 1, randomblob(32), 0, "
        "1800000000000000, 1800043200000000, 1800000000, 7, 1, 2, NULL FROM n");
  }));
  SeededRandom random(4);
  Session session;
  session.person = PersonId(77);
  session.id = SessionId(78);
  session.authenticated = start;
  session.expires = start + 12h;
  const SessionToken token = draw_session_token(random, session.person, session.id);
  {
    Sessions sessions(*opened.database, {});
    opened.database->add_hook(sessions);
    ASSERT_TRUE(opened.database->write([&](store::Session& s) { return sessions.open(s, session, token); }));
    opened.database.reset();
  }
  const auto begin = std::chrono::steady_clock::now();
  opened.reopen();
  ASSERT_TRUE(opened.database->migrate(sign_in_migrations()));
  Sessions sessions(*opened.database, {});
  opened.database->add_hook(sessions);
  const auto found = sessions.find(token.text, start);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  EXPECT_TRUE(found && *found);
  EXPECT_EQ(sessions.in_memory(), 1u);
  fmt::print("a start with a million sessions, up to the first one found: {:.1f} ms\n", took.count());
  EXPECT_LT(took.count(), 1000);
  opened.database.reset();
}

TEST(SessionTable, DoesWhatAMapDoes) {
  SeededRandom random(3);
  SessionTable table(1 << 20);
  std::unordered_map<std::uint64_t, std::uint64_t> model;
  const auto key_of = [](std::uint64_t n) {
    // Few shards and many neighbours, so that searches run into one another.
    return SessionTable::Key{64 * n + 5, (n % 7) << 60 | n};
  };
  for (int step = 0; step < 200'000; ++step) {
    const std::uint64_t n = 1 + random.below(600);
    switch (random.below(5)) {
      case 0:
      case 1:
        table.put({.key = key_of(n), .person = std::uint64_t(step)});
        model[n] = std::uint64_t(step);
        break;
      case 2:
      case 3:
        table.erase(key_of(n));
        model.erase(n);
        break;
      default: {
        std::uint64_t person = 0;
        const bool there = table.with(key_of(n), [&](const auto& entry) { person = entry.person; });
        ASSERT_EQ(there, model.contains(n));
        if (there) {
          ASSERT_EQ(person, model[n]);
        }
      }
    }
    ASSERT_EQ(table.size(), model.size());
  }
}

TEST(SessionTable, WhatWasReadBeforeACommitIsNotPutAfterIt) {
  SessionTable table(1000);
  const SessionTable::Key key{5, 6};
  const std::uint64_t version = table.version(key);
  table.erase(key);  // the commit of its end, which memory didn't have
  EXPECT_FALSE(table.put_if({.key = key}, version));
  EXPECT_EQ(table.size(), 0u);
  EXPECT_TRUE(table.put_if({.key = key}, table.version(key)));
  EXPECT_EQ(table.size(), 1u);
}

TEST(SessionTable, AMillionSessionsTakeAboutAHundredBytesEach) {
  SeededRandom random(1);
  SessionTable table(4 << 20);
  double worst = 0;
  for (int i = 1; i <= 1'000'000; ++i) {
    table.put({.key = {random.next(), random.next()}, .person = std::uint64_t(i)});
    if (i >= 200'000 && i % 10'000 == 0) worst = std::max(worst, double(table.bytes()) / i);
  }
  EXPECT_EQ(table.size(), 1'000'000u);
  fmt::print("a million sessions: {:.1f} bytes each, {:.1f} at worst from 200,000 on\n",
             double(table.bytes()) / 1e6, worst);
  EXPECT_LE(worst, 128.0);
}

}  // namespace
}  // namespace dayaq::identity
