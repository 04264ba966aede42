// The program is killed while files are sent. Every acknowledged one is there, every row has its file, and no
// file is called by a hash that isn't its own.
#include <map>
#include <set>
#include <thread>

#include "crypto/sign.hpp"
#include "services/attachments/attachments_test_support.hpp"
#include "support/kill.hpp"

namespace dayaq::services::attachments {
namespace {

using namespace test;

/// Three senders at once, each file another, each kept one acknowledged.
[[noreturn]] void work(const std::string& url, const std::filesystem::path& folder, int round, int pipe) {
  const auto database = kill_test::open_patiently(url);
  if (!database) std::_Exit(5);
  SystemRandom random;
  SystemClock clock;
  Attachments attachments(*database, folder, nullptr, random, clock);
  const std::vector<std::string> types{"pdf"};
  const auto send = [&](int sender) {
    for (int i = 0;; ++i) {
      const auto upload = attachments.begin(PersonId(std::uint64_t(round * 1000 + sender * 100 + i / 40 + 1)),
                                            "a.pdf", {.types = types});
      const std::string content = pdf(std::to_string(round) + "-" + std::to_string(sender) + "-" +
                                      std::to_string(i) + std::string(100'000, 'x'));
      if (!upload->add(as_bytes(content))) std::_Exit(6);
      const auto sent = upload->finish();
      if (!sent) std::_Exit(7);
      kill_test::say(pipe, to_hex(sent->id) + " " + sent->sha256);
    }
  };
  const std::thread one(send, 1);
  const std::thread two(send, 2);
  send(3);
  std::_Exit(8);
}

struct KilledAttachments : testing::TestWithParam<store::Engine> {};

INSTANTIATE_TEST_SUITE_P(Engines, KilledAttachments, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& engine) { return dayaq::test::name_of(engine.param); });

TEST_P(KilledAttachments, LoseNoneAndNameNoHalf) {
  must(log::set_level("error"));
  const dayaq::test::TemporaryFolder folder("attachments");
  dayaq::test::OpenedDatabase opened(GetParam());
  must(opened.database->migrate(migrations()));
  opened.database.reset();
  std::map<std::string, std::string> acknowledged;
  for (int round = 0; round < kill_test::rounds(); ++round) {
    const auto lines =
        kill_test::run_and_kill(std::chrono::milliseconds(30 + 19 * (round % 7)),
                                [&](int pipe) { work(opened.url, folder / "files", round, pipe); });
    for (const auto& words : lines) {
      if (words.size() == 2) acknowledged[words[0]] = words[1];
    }
    std::set<std::string> named;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "files")) {
      if (!entry.is_regular_file() || entry.path().parent_path().filename() == "new") continue;
      const std::string name = entry.path().filename().string();
      EXPECT_EQ(dayaq::to_hex(crypto::sha256(as_bytes(must(read_file(entry.path()))))), name);
      named.insert(name);
    }
    const auto after = kill_test::open_patiently(opened.url);
    ASSERT_TRUE(after);
    std::map<std::string, std::string> rows;
    must(after->read([&](store::Session& session) -> Result<void> {
      return session.query("SELECT attachment_id, sha256 FROM attachment", {},
                           [&](const store::Row& row) -> Result<bool> {
                             rows[to_hex(AttachmentId(std::uint64_t(row.integer(0))))] = row.text(1);
                             return true;
                           });
    }));
    for (const auto& [id, sha256] : rows) EXPECT_TRUE(named.contains(sha256)) << id;
    for (const auto& [id, sha256] : acknowledged) EXPECT_EQ(rows[id], sha256);
  }
  EXPECT_GT(acknowledged.size(), 50u);
}

}  // namespace
}  // namespace dayaq::services::attachments
