// kill -9 in the middle of signing in and out: what was said to be done is done, on both engines.
#include <fmt/format.h>

#include <map>

#include "base/log.hpp"
#include "identity/account/kill_test_support.hpp"
#include "identity/account/sessions.hpp"
#include "support/database.hpp"

namespace dayaq::identity {
namespace {

using namespace std::chrono_literals;
using namespace kill_test;

constexpr Instant at = Instant(1'800'000'000s);

struct Node {
  explicit Node(const std::string& url) : db(open_patiently(url)) {
    if (db == nullptr || !db->migrate(sign_in_migrations())) std::_Exit(5);
    db->add_hook(sessions);
  }
  ~Node() { db.reset(); }
  std::unique_ptr<store::Database> db;
  Sessions sessions{*db, {}};
};

[[noreturn]] void sign_in_and_out(const std::string& url, int pipe) {
  Node node(url);
  SystemRandom random;
  std::vector<std::thread> persons;
  for (std::uint64_t person = 1; person <= 4; ++person) {
    persons.emplace_back([&, person] {
      for (int i = 0;; ++i) {
        Session session;
        session.id = SessionId(random.next_id());
        session.person = PersonId(person);
        session.authenticated = at;
        session.expires = at + 12h;
        const SessionToken token = draw_session_token(random, session.person, session.id);
        const auto write = [&](auto&& use_case) {
          if (!node.db->write(use_case)) std::_Exit(6);
        };
        write([&](store::Session& s) { return node.sessions.open(s, session, token); });
        say(pipe, "in " + token.text);
        if (i % 3 == 0) {
          say(pipe, "leaving " + token.text);
          write([&](store::Session& s) { return node.sessions.end(s, session.person, session.id, at); });
          say(pipe, "out " + token.text);
        } else if (i % 5 == 0) {
          const SessionToken surer = draw_session_token(random, session.person, session.id);
          say(pipe, "leaving " + token.text);
          write([&](store::Session& s) { return node.sessions.strengthen(s, session, surer); });
          say(pipe, "out " + token.text);
          say(pipe, "in " + surer.text);
        }
      }
    });
  }
  persons.front().join();
  std::_Exit(7);
}

struct SessionsKilled : testing::TestWithParam<store::Engine> {};
INSTANTIATE_TEST_SUITE_P(Engines, SessionsKilled, testing::ValuesIn(test::engines),
                         [](auto& i) { return test::name_of(i.param); });

TEST_P(SessionsKilled, LoseNoSignInAndNoSignOut) {
  (void)log::set_level("off");
  test::OpenedDatabase opened{GetParam()};
  opened.database.reset();
  SeededRandom random(11);
  std::map<std::string, std::string> last;  // what was said last of each token
  for (int round = 0; round < rounds(); ++round) {
    const auto lines = run_and_kill(std::chrono::milliseconds(random.below(150)),
                                    [&](int pipe) { sign_in_and_out(opened.url, pipe); });
    ASSERT_FALSE(lines.empty());
    for (const auto& words : lines) last[words.at(1)] = words.at(0);
  }
  Node node(opened.url);
  std::map<std::string, int> counts;
  for (const auto& [token, said] : last) {
    const auto found = node.sessions.find(token, at);
    ASSERT_TRUE(found) << found.error().detail;
    ++counts[said];
    if (said == "in") {
      EXPECT_TRUE(*found) << "a session that was acknowledged is lost";
    }
    if (said == "out") {
      EXPECT_FALSE(*found) << "a session that was ended is back";
    }
  }
  EXPECT_GT(counts["in"], rounds());
  EXPECT_GT(counts["out"], rounds());
  fmt::print("{} kills: {} sessions there, {} ended\n", rounds(), counts["in"], counts["out"]);
  (void)log::set_level("info");
}

}  // namespace
}  // namespace dayaq::identity
