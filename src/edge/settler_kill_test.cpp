// The settler on the real journal, killed in the middle, and its centre over HTTP.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/file.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "edge/settler_test_support.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "support/folder.hpp"

namespace dayaq::edge {
namespace {

using namespace settler_test;
using namespace std::chrono_literals;

/// The centre over HTTP: what each answer of it means.
TEST(HttpSettlementCentre, TellsWhatToDoNextByTheAnswer) {
  http::Response next = http::Response::json("{}");
  std::string seen_type, seen_body, seen_token;
  http::Router router;
  router.add(
      {.method = http::Method::post, .pattern = "/v1/settlements", .operation = "test", .tag = "pages"},
      [&](const http::Request& request) {
        seen_type = request.header("content-type");
        seen_token = request.header("authorization");
        seen_body = request.body;
        return next;
      });
  auto server = std::move(*http::Server::start({.port = 0}, router, nullptr));
  const std::string url = fmt::format("http://127.0.0.1:{}", server->port());
  const auto centre = std::move(*http_settlement_centre({.url = url, .token = "dyq_1_x"}));
  using What = SettlementCentre::Answer::What;
  const auto answer = [&](int status, std::string header = "") {
    next = http::Response::json(R"({"code":"settlement.test"})", status);
    if (!header.empty()) next.headers.emplace_back("Dayaq-Settlement-Next", std::move(header));
    return centre->send(as_bytes("DYQS"));
  };
  EXPECT_EQ(answer(200).what, What::confirmed);
  EXPECT_EQ(seen_type, "application/vnd.dayaq.settlement");
  EXPECT_EQ(seen_token, "Bearer dyq_1_x");
  EXPECT_EQ(seen_body, "DYQS");
  EXPECT_EQ(answer(409).what, What::refused);
  const auto gap = answer(409, "17");
  EXPECT_EQ(gap.what, What::gap);
  EXPECT_EQ(gap.next, 17u);
  EXPECT_EQ(answer(409, "17x").what, What::refused);
  EXPECT_EQ(answer(409, "0").what, What::refused);
  EXPECT_EQ(answer(403).what, What::refused);
  EXPECT_NE(answer(403).why.find("settlement.test"), std::string::npos);
  EXPECT_EQ(answer(429).what, What::refused);
  EXPECT_EQ(answer(503).what, What::away);
  server->stop();
  EXPECT_EQ(answer(200).what, What::away);
  EXPECT_EQ(http_settlement_centre({.url = "ftp://nowhere"}).error().code, "client.url");
}

/// A centre whose store is a folder: what it has confirmed is there whatever is killed.
struct FolderCentre final : SettlementCentre {
  explicit FolderCentre(std::filesystem::path f) : folder(std::move(f)) {
    std::filesystem::create_directories(folder);
  }
  std::filesystem::path folder;
  Answer send(BytesView bytes) override {
    const auto batch = feed::decode_settlement_header(bytes);
    const auto path = folder / std::to_string(batch->number);
    if (const auto stored = read_file(path)) {
      if (*stored != as_text(bytes)) return {.what = Answer::What::refused, .why = "other bytes"};
    } else if (!write_file_atomically(path, bytes)) {
      return {.what = Answer::What::away};
    }
    return {.what = Answer::What::confirmed};
  }
};

/// What record number n of the killed edge reports.
std::uint64_t used_by(std::uint64_t number) {
  return number * 7919 % 1000 + 1;
}

/// An edge that uses and settles as fast as it can, on the real journal, until it is killed.
[[noreturn]] void use_and_settle(const std::filesystem::path& folder) {
  SystemClock clock;
  auto journal = std::move(*Journal::open({.folder = folder / "journal", .segment_bytes = 1 << 16}));
  FakeEngine engine(*journal);
  FakeReplica replica;
  ServiceTable services;
  FolderCentre centre(folder / "centre");
  auto settler = std::move(*Settler::open(
      {.folder = folder, .operator_code = "azercell", .edge = "baku-1", .batch_every = 0s}, edge_key(),
      {.journal = *journal,
       .engine = engine,
       .replica = replica,
       .services = services,
       .centre = centre,
       .clock = clock}));
  for (;;) {
    for (int i = 0; i < 200; ++i) {
      journal->append(
          {.phase = Phase::update, .measure = 7, .used = used_by(journal->last() + 1), .at = clock.now()});
    }
    settler->step();
    if (!settler->state().trouble.empty()) std::_Exit(3);
  }
}

TEST(SettlerKilled, LosesNothingAndSettlesNothingTwice) {
  (void)log::set_level("off");
  const test::TemporaryFolder folder{"settler-kill"};
  SeededRandom random(9);
  for (int round = 0; round < 25; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) use_and_settle(folder.path());
    std::this_thread::sleep_for(std::chrono::milliseconds(5 + random.below(120)));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself: " << WEXITSTATUS(status);
  }
  FixedClock clock{Instant(std::chrono::sys_days(std::chrono::year(2030) / 1 / 1))};
  auto journal = std::move(*Journal::open({.folder = folder / "journal"}));
  FakeEngine engine(*journal);
  FakeReplica replica;
  ServiceTable services;
  FolderCentre centre(folder / "centre");
  auto settler =
      Settler::open({.folder = folder.path(), .operator_code = "azercell", .edge = "baku-1"}, edge_key(),
                    {.journal = *journal,
                     .engine = engine,
                     .replica = replica,
                     .services = services,
                     .centre = centre,
                     .clock = clock});
  ASSERT_TRUE(settler) << settler.error().code << " " << settler.error().detail;
  (*settler)->close();
  const Settler::State state = (*settler)->state();
  EXPECT_EQ(state.waiting, 0u) << state.trouble;
  EXPECT_EQ(state.record, journal->last());
  EXPECT_GT(state.number, 25u);
  std::int64_t wanted = 0;
  for (std::uint64_t number = 1; number <= journal->last(); ++number) wanted += std::int64_t(used_by(number));
  std::int64_t settled = 0;
  std::uint64_t record = 0;
  for (std::uint64_t number = 1; number <= state.number; ++number) {
    const auto bytes = read_file(centre.folder / std::to_string(number));
    ASSERT_TRUE(bytes) << number;
    const std::array<crypto::PublicKey, 1> keys{edge_key().public_key()};
    const auto batch = feed::decode_settlement(as_bytes(*bytes), keys);
    ASSERT_TRUE(batch) << batch.error().code;
    EXPECT_EQ(batch->first_record, record + 1);
    record = batch->last_record;
    for (const auto& line : batch->lines) settled += line.units;
  }
  EXPECT_EQ(settled, wanted) << "of " << journal->last() << " records";
  (void)log::set_level("info");
}

}  // namespace
}  // namespace dayaq::edge
