// kill -9 while people sign in: no session that was acknowledged is lost, no code and no challenge works
// twice.
#include <fmt/format.h>

#include <map>
#include <set>

#include "identity/account/kill_test_support.hpp"
#include "support/signing_in.hpp"

namespace dayaq::identity {
namespace {

using namespace test;
using namespace kill_test;

constexpr std::size_t people = 4;

/// What a browser sends to sign in, as one line: it can be sent again after the crash.
struct Sent {
  std::string cookie, state, what;  ///< what: a passkey's answer as base64url, or a code
};

std::string line(std::string_view word, bool passkey, const Sent& sent) {
  return fmt::format("{} {} {} {} {}", word, passkey ? "passkey" : "totp", sent.cookie, sent.state,
                     sent.what);
}

/// The same persons, secrets and keys in every process.
struct Town {
  // Sending old codes again is what the limits are for; here all of them must be seen to fail.
  Town(const std::string& url, const std::filesystem::path& key)
      : node(url, key, {.wrong_person = 1'000'000, .wrong_network = 1'000'000}) {}

  static Bytes secret_of(std::size_t n) { return Bytes(20, std::byte(n + 1)); }
  static std::string id_of(std::size_t n) { return fmt::format("5ABC12{}", n); }

  Result<SignInView> send(bool passkey, const Sent& sent, Instant now) {
    const Caller browser{sent.cookie, "192.0.2.7", ""};
    if (!passkey) return node.sign_in->code(sent.state, sent.what, browser, now);
    const auto json = from_base64url(sent.what);
    return node.sign_in->passkey(sent.state, as_text(*json), browser, now);
  }
  SignInNode node;
};

/// The database may still be in the hands of the killed one.
std::unique_ptr<Town> open_town(const std::string& url, const std::filesystem::path& key) {
  if (open_patiently(url) == nullptr) std::_Exit(5);
  for (int attempt = 0;; ++attempt) {
    try {
      return std::make_unique<Town>(url, key);
    } catch (const std::exception&) {
      if (attempt == 100) throw;
      std::this_thread::sleep_for(20ms);
    }
  }
}

/// Persons sign in again and again: even ones with a passkey of this round, odd ones with an app's codes.
[[noreturn]] void sign_in_for_ever(const std::string& url, const std::filesystem::path& key, Instant begin,
                                   int pipe) {
  auto town = open_town(url, key);
  std::vector<SoftPasskey> passkeys(people);
  for (std::size_t n = 0; n < people; ++n) {
    if (n % 2 == 0) passkeys[n] = town->node.add_passkey(town->node.registry.person_id(Town::id_of(n)), 1);
  }
  std::vector<std::thread> threads;
  for (std::size_t n = 0; n < people; ++n) {
    threads.emplace_back([&, n] {
      const bool passkey = n % 2 == 0;
      for (int step = 1;; ++step) {
        // Each of an app's codes has its half minute; the clock of a person goes as they please.
        const Instant now = begin + step * 30s;
        Sent sent{town->node.sign_in->draw_attempt(), {}, {}};
        const Caller browser{sent.cookie, "192.0.2.7", ""};
        const SignInView start = town->node.sign_in->start({}, browser, now);
        sent.state = start.state;
        if (passkey) {
          ++passkeys[n].counter;
          sent.what = to_base64url(as_bytes(passkeys[n].answer(start.passkey_options)));
        } else {
          const auto named = town->node.sign_in->identify(start.state, Town::id_of(n), browser, now);
          sent.state = town->node.sign_in->choose(named->state, Kind::totp, browser, now)->state;
          sent.what = totp(Town::secret_of(n), now);
        }
        say(pipe, line("sends", passkey, sent) + fmt::format(" {}", to_micros(now)));
        const auto view = town->send(passkey, sent, now);
        if (!view) {
          say(pipe, fmt::format("wrong {} {}", view.error().code, view.error().detail));
          std::_Exit(6);
        }
        say(pipe, line("in", passkey, sent) + fmt::format(" {} {}", to_micros(now), view->token->text));
      }
    });
  }
  threads.front().join();
  std::_Exit(7);
}

struct SignInKilled : testing::TestWithParam<store::Engine> {};
INSTANTIATE_TEST_SUITE_P(Engines, SignInKilled, testing::ValuesIn(test::engines),
                         [](auto& i) { return test::name_of(i.param); });

TEST_P(SignInKilled, LosesNoSessionAndNothingWorksTwice) {
  TemporaryFolder folder{"sign-in-kill"};
  const std::filesystem::path key = folder / "master";
  OpenedDatabase opened{GetParam()};
  opened.database.reset();
  Instant begin;
  {
    auto town = open_town(opened.url, key);
    begin = town->node.now();
    for (std::size_t n = 0; n < people; ++n) {
      const PersonId person = town->node.person(Town::id_of(n), fmt::format("99450111223{}", n));
      if (n % 2 == 1) (void)town->node.add(person, TotpSecret{Town::secret_of(n), 0});
    }
  }
  SeededRandom random(13);
  std::size_t acknowledged = 0, unanswered = 0, worked_again = 0;
  std::vector<std::pair<std::string, Instant>> tokens;
  for (int round = 0; round < rounds(); ++round) {
    const auto lines = run_and_kill(std::chrono::milliseconds(random.below(200)),
                                    [&](int pipe) { sign_in_for_ever(opened.url, key, begin, pipe); });
    auto town = open_town(opened.url, key);
    std::map<std::string, std::vector<std::string>> sent;  // by cookie
    std::set<std::string> in;
    for (const auto& words : lines) {
      ASSERT_NE(words.at(0), "wrong") << words.at(1) << (words.size() > 2 ? words[2] : "");
      const Instant at = from_micros(std::stoll(words.at(5)));
      begin = std::max(begin, at + 10min);
      if (words[0] == "sends") sent[words.at(2)] = words;
      if (words[0] != "in") continue;
      in.insert(words[2]);
      tokens.emplace_back(words.at(6), at);
      ++acknowledged;
    }
    // Everything is sent again: first what was under way when the power went, then what was answered.
    const auto again = [&](const std::vector<std::string>& words) {
      return code_of(town->send(words[1] == "passkey", {words[2], words[3], words[4]},
                                from_micros(std::stoll(words[5]))));
    };
    const auto refused = [](std::string_view answer) {
      return answer == "signin.state" || answer == "signin.refused";
    };
    for (const auto& [cookie, words] : sent) {
      if (in.contains(cookie)) continue;
      ++unanswered;
      // It may have been committed without an answer; if not, it works now, and then no more.
      if (again(words) == "done") ++worked_again;
      EXPECT_TRUE(refused(again(words))) << words[1];
    }
    for (const auto& [cookie, words] : sent) {
      if (in.contains(cookie)) {
        EXPECT_TRUE(refused(again(words))) << words[1];
      }
    }
  }
  auto town = open_town(opened.url, key);
  for (const auto& [token, at] : tokens) {
    EXPECT_TRUE(must(town->node.sessions->find(token, at))) << "a session that was acknowledged is lost";
  }
  EXPECT_GT(acknowledged, std::size_t(rounds()));
  fmt::print(
      "{} kills: {} sign-ins acknowledged and there; {} unanswered, of which {} worked when sent again\n",
      rounds(), acknowledged, unanswered, worked_again);
}

}  // namespace
}  // namespace dayaq::identity
