// The settler over fakes of what stands around it: a journal in memory, a replica of two measures, and a
// centre that keeps what it took and can be away, forgetful or contrary.
#include "edge/settler.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "base/file.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "edge/settler_test_support.hpp"
#include "support/folder.hpp"

namespace dayaq::edge {
namespace {

using namespace settler_test;
using namespace std::chrono_literals;
using feed::Benefit;

struct FakeJournal final : Journal {
  std::vector<Record> records;  // number 1 is records[0]
  std::uint64_t dropped = 0;
  bool broken = false;
  std::uint64_t append(const Record& record) override {
    records.push_back(record);
    return records.size();
  }
  std::uint64_t append_all(std::span<const Record> more) override {
    records.insert(records.end(), more.begin(), more.end());
    return records.size();
  }
  [[nodiscard]] std::uint64_t last() const override { return records.size(); }
  [[nodiscard]] std::uint64_t durable() const noexcept override { return records.size(); }
  void add_waker(std::function<void()>) override {}
  [[nodiscard]] Health health() const noexcept override { return Health::ok; }
  Result<void> read(std::uint64_t after,
                    const std::function<bool(std::uint64_t, const Record&)>& on_record) const override {
    if (broken || after < dropped) {
      return fail(ErrorKind::limit, "journal.trimmed", "These records are gone.");
    }
    for (std::uint64_t i = after; i < records.size(); ++i) {
      if (!on_record(i + 1, records[i])) break;
    }
    return {};
  }
  [[nodiscard]] std::uint64_t first_kept() const override { return dropped + 1; }
  void drop_through(std::uint64_t number) override { dropped = std::max(dropped, number); }
};

/// Stores each batch once, in order, as the centre does.
struct FakeCentre final : SettlementCentre {
  std::map<std::uint64_t, Bytes> stored;
  bool away = false;
  bool loses_answers = false;  ///< stores, but the answer doesn't arrive
  std::optional<Answer> says;
  int asked = 0;
  Answer send(BytesView bytes) override {
    ++asked;
    if (away) return {.what = Answer::What::away, .why = "client.connect"};
    if (says) return *says;
    const std::array<crypto::PublicKey, 1> keys{edge_key().public_key()};
    const auto batch = feed::decode_settlement(bytes, keys);
    if (!batch) {
      ADD_FAILURE() << batch.error().code;
      return {.what = Answer::What::refused};
    }
    const std::uint64_t next = stored.empty() ? 1 : stored.rbegin()->first + 1;
    if (batch->number > next) return {.what = Answer::What::gap, .next = next};
    const auto [found, fresh] = stored.try_emplace(batch->number, bytes.begin(), bytes.end());
    EXPECT_TRUE(std::ranges::equal(found->second, bytes)) << "other bytes under number " << batch->number;
    if (loses_answers) return {.what = Answer::What::away, .why = "client.timeout"};
    return {.what = Answer::What::confirmed};
  }
  /// Units by (measure, kind, class, day), and that batches follow each other without gaps.
  using Name = std::tuple<MeasureNumber, Benefit, std::string, std::int32_t>;
  [[nodiscard]] std::map<Name, std::int64_t> sums() const {
    std::map<Name, std::int64_t> out;
    std::uint64_t record = 0;
    for (const auto& [number, bytes] : stored) {
      const std::array<crypto::PublicKey, 1> keys{edge_key().public_key()};
      const auto batch = feed::decode_settlement(bytes, keys);
      EXPECT_EQ(batch->first_record, record + 1);
      record = batch->last_record;
      for (const auto& line : batch->lines) {
        out[{line.measure, line.kind, line.traffic_class, line.day}] += line.units;
      }
    }
    return out;
  }
};

std::int32_t day(int year, unsigned month, unsigned of_month) {
  const std::chrono::sys_days date =
      std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(of_month);
  return std::int32_t(date.time_since_epoch().count());
}

struct SettlerTest : testing::Test {
  SettlerTest() {
    (void)log::set_level("off");
    Measure calls{.number = 7, .regime = "special-quarantine"};
    calls.benefits.push_back({.kind = Benefit::voice, .unit = feed::Unit::seconds});
    calls.benefits.push_back({.kind = Benefit::data, .unit = feed::Unit::octets, .traffic_class = "all"});
    calls.benefits.push_back({.kind = Benefit::tv, .traffic_class = "home_tv"});
    replica.measures[7] = calls;
    voice = *services.add({.kind = Benefit::voice});
    education = *services.add({.kind = Benefit::data, .traffic_class = "education"});
    open();
  }
  ~SettlerTest() override { (void)log::set_level("info"); }

  void open() {
    settler.reset();
    auto made = Settler::open(options(), edge_key(), parts());
    ASSERT_TRUE(made) << made.error().code << " " << made.error().detail;
    settler = std::move(*made);
  }
  [[nodiscard]] SettlerOptions options() const {
    return {.folder = folder.path(),
            .operator_code = "azercell",
            .edge = "baku-1",
            .batch_every = batch_every,
            .resources = [this] { return resources; }};
  }
  Settler::Parts parts() {
    return {.journal = journal,
            .engine = engine,
            .replica = replica,
            .services = services,
            .centre = centre,
            .clock = clock};
  }
  void use(std::uint64_t used, std::uint8_t benefit = 0, RecordKind kind = RecordKind::lease) {
    journal.append({.kind = kind,
                    .phase = Phase::update,
                    .benefit = benefit,
                    .service = benefit == 0 ? voice : education,
                    .measure = 7,
                    .used = used,
                    .at = clock.now()});
  }
  [[nodiscard]] std::filesystem::path batch_file(int number) const {
    return folder.path() / "settlement" / fmt::format("{:020}.batch", number);
  }

  test::TemporaryFolder folder{"settler"};
  FixedClock clock{std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + 8h};
  std::chrono::seconds batch_every{60};
  std::uint32_t resources = 17;
  FakeJournal journal;
  FakeReplica replica;
  FakeEngine engine{journal};
  ServiceTable services;
  ServiceIndex voice = no_service, education = no_service;
  FakeCentre centre;
  std::unique_ptr<Settler> settler;
};

TEST_F(SettlerTest, AddsUpWhatWasUsedAndWhatIsTakenBack) {
  use(60);
  use(40);
  use(30, 0, RecordKind::reversal);
  use(5'000'000, 1);
  use(300, 2);
  settler->step();
  EXPECT_EQ(settler->state().number, 0u) << "nothing is due yet";
  clock.advance(60s);
  settler->step();
  const auto d = day(2026, 11, 21);
  const FakeCentre::Name call{7, Benefit::voice, "", d}, data{7, Benefit::data, "all", d},
      tv{7, Benefit::tv, "home_tv", d};
  EXPECT_EQ(centre.sums(),
            (std::map<FakeCentre::Name, std::int64_t>{{call, 70}, {data, 5'000'000}, {tv, 300}}));
  EXPECT_EQ(settler->state().confirmed, 1u);
  EXPECT_EQ(settler->state().waiting, 0u);
  EXPECT_EQ(journal.dropped, 5u);
  const std::array<crypto::PublicKey, 1> keys{edge_key().public_key()};
  const auto batch = feed::decode_settlement(centre.stored[1], keys);
  EXPECT_EQ(batch->lines[2].unit, feed::Unit::seconds) << "tv is counted in seconds";
  EXPECT_EQ(batch->lines[0].requests, 3u);
  EXPECT_EQ(batch->lines[1].benefit, 1);
}

TEST_F(SettlerTest, ABatchCountsByOneListOfResources) {
  const auto counted_by = [&](std::uint64_t number) {
    const std::array<crypto::PublicKey, 1> keys{edge_key().public_key()};
    return feed::decode_settlement(centre.stored.at(number), keys)->resources_version;
  };
  use(60);
  settler->step();
  resources = 18;
  use(40);
  settler->step();
  ASSERT_EQ(centre.stored.size(), 1u) << "closed before it was due";
  EXPECT_EQ(counted_by(1), 17u);
  settler->step();
  clock.advance(60s);
  settler->step();
  ASSERT_EQ(centre.stored.size(), 2u);
  EXPECT_EQ(counted_by(2), 18u);
  resources = 19;  // nothing is open: nothing to close
  settler->step();
  EXPECT_EQ(centre.stored.size(), 2u);
}

TEST_F(SettlerTest, PassesOverWhatIsNotItsOwnToSettle) {
  use(0);
  use(10, 0, RecordKind::closed);
  use(10, 0, RecordKind::kept);
  use(10, 0, RecordKind(std::uint8_t(RecordKind::lease) | 0x80));  // a sibling's, copied
  journal.append({.used = 10, .at = clock.now()});                 // of no measure
  use(std::uint64_t(1) << 60);
  settler->step();
  clock.advance(1h);
  settler->step();
  EXPECT_TRUE(centre.stored.empty());
  EXPECT_EQ(settler->state().implausible, 1u);
  use(25);
  settler->step();
  clock.advance(1h);
  settler->step();
  ASSERT_EQ(centre.stored.size(), 1u);
  EXPECT_EQ(centre.sums().begin()->second, 25);
  EXPECT_EQ(settler->state().record, 7u) << "the batch spans what it passed over";
}

TEST_F(SettlerTest, PutsUseOnTheCivilDayOfTheZone) {
  clock.set(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + 19h + 59min +
            59s);  // 23:59:59 in Baku
  use(10);
  clock.advance(1s);
  use(20);
  settler->step();
  clock.advance(60s);
  settler->step();
  const auto sums = centre.sums();
  EXPECT_EQ(sums.at({7, Benefit::voice, "", day(2026, 11, 21)}), 10);
  EXPECT_EQ(sums.at({7, Benefit::voice, "", day(2026, 11, 22)}), 20);
}

TEST_F(SettlerTest, ClosesABatchAtTheDaysEndAndAtItsMostRecords) {
  clock.set(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + 19h + 59min + 50s);
  use(10);
  settler->step();
  clock.advance(10s);
  settler->step();
  EXPECT_EQ(settler->state().confirmed, 1u) << "the day has ended";
  SettlerOptions small = options();
  small.batch_records = 100;
  settler.reset();
  settler = std::move(*Settler::open(small, edge_key(), parts()));
  for (int i = 0; i < 250; ++i) use(1);
  settler->step();
  EXPECT_EQ(settler->state().confirmed, 3u);
  EXPECT_EQ(settler->state().record, 201u);
}

TEST_F(SettlerTest, KeepsTheClosingWithinALinesBounds) {
  const auto most = std::uint64_t(SettlementSums::units_max);
  use(most, 1);
  use(most, 1);
  use(5, 1);
  settler->step();
  EXPECT_EQ(settler->state().number, 2u) << "what doesn't fit goes into the next batch";
  settler->close();
  EXPECT_EQ(centre.sums().at({7, Benefit::data, "all", day(2026, 11, 21)}), std::int64_t(2 * most + 5));
}

TEST_F(SettlerTest, NamesWhatTheReplicaHasForgottenByTheServiceAskedFor) {
  use(10, 1);
  replica.measures.clear();
  settler->close();
  EXPECT_EQ(centre.sums().at({7, Benefit::data, "education", day(2026, 11, 21)}), 10);
}

TEST_F(SettlerTest, SendsTheSameBytesAgainWhenAnAnswerIsLost) {
  centre.loses_answers = true;
  use(10);
  settler->close();
  EXPECT_EQ(settler->state().waiting, 1u);
  EXPECT_EQ(settler->state().trouble, "client.timeout");
  use(20);
  clock.advance(5s);
  centre.loses_answers = false;
  settler->close();
  EXPECT_EQ(settler->state().confirmed, 2u);
  EXPECT_EQ(settler->state().trouble, "");
  EXPECT_EQ(centre.sums().at({7, Benefit::voice, "", day(2026, 11, 21)}), 30);
}

TEST_F(SettlerTest, WaitsLongerEachTimeUpToTheMost) {
  centre.away = true;
  use(10);
  settler->close();
  const Instant began = clock.now();
  std::vector<std::int64_t> tries;
  for (int second = 0; second < 2000; ++second) {
    clock.advance(1s);
    const int before = centre.asked;
    settler->step();
    if (centre.asked > before) tries.push_back((clock.now() - began) / 1s);
  }
  EXPECT_EQ(tries, (std::vector<std::int64_t>{1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111, 1411, 1711}));
  clock.set(began - std::chrono::days(30));  // the clock is put back: it doesn't wait a month
  const int before = centre.asked;
  settler->step();
  EXPECT_EQ(centre.asked, before + 1);
  EXPECT_EQ(settler->state().failures, 15u);
}

/// Three days of traffic while the centre is away, with restarts in between as kill -9 makes them: nothing in
/// memory survives, what is on disk does.
TEST_F(SettlerTest, SettlesEverythingOnceAfterThreeDaysWithoutTheCentre) {
  std::map<FakeCentre::Name, std::int64_t> used;
  SeededRandom random(4);
  DayFinder days(*Zone::create("Asia/Baku"));
  centre.away = true;
  batch_every = 15min;  // each batch costs the test some milliseconds of the disk
  open();
  const Instant end = clock.now() + 72h;
  int restarts = 0;
  while (clock.now() < end) {
    for (std::uint64_t i = random.below(5); i > 0; --i) {
      const auto benefit = std::uint8_t(random.below(2));
      const std::uint64_t units = 1 + random.below(100'000);
      const bool back = random.below(20) == 0;
      use(units, benefit, back ? RecordKind::reversal : RecordKind::lease);
      used[{7, benefit == 0 ? Benefit::voice : Benefit::data, benefit == 0 ? "" : "all",
            days.day_of(clock.now())}] += back ? -std::int64_t(units) : std::int64_t(units);
    }
    settler->step();
    if (random.below(500) == 0) {
      ++restarts;
      open();
    }
    clock.advance(30s);
  }
  ASSERT_GT(restarts, 5);
  EXPECT_TRUE(centre.stored.empty());
  EXPECT_GT(settler->state().waiting, 250u);
  EXPECT_LT(settler->state().waiting_since, end - 71h);
  EXPECT_GT(journal.dropped, journal.records.size() - 200) << "the journal stays small meanwhile";
  centre.away = false;
  clock.advance(300s);
  settler->close();
  EXPECT_EQ(settler->state().waiting, 0u);
  EXPECT_EQ(centre.sums(), used);
}

TEST_F(SettlerTest, AfterAKillGoesOnFromWhatIsOnDisk) {
  use(10);
  centre.away = true;
  settler->close();
  use(20);
  settler->step();  // added up in memory alone
  open();
  EXPECT_EQ(settler->state().number, 1u);
  EXPECT_EQ(settler->state().waiting, 1u);
  centre.away = false;
  settler->close();
  EXPECT_EQ(centre.sums().at({7, Benefit::voice, "", day(2026, 11, 21)}), 30);
  // Confirmed, but killed before that was written down.
  ASSERT_TRUE(write_file_atomically(folder.path() / "settlement/confirmed", as_bytes("1\n")));
  open();
  EXPECT_EQ(settler->state().waiting, 1u);
  settler->step();
  EXPECT_EQ(settler->state().confirmed, 2u);
  EXPECT_EQ(centre.stored.size(), 2u);
}

TEST_F(SettlerTest, GivesARestoredCentreWhatItLost) {
  for (int i = 0; i < 5; ++i) {
    use(10);
    settler->close();
    clock.advance(1h);
  }
  centre.stored.erase(centre.stored.find(3), centre.stored.end());
  use(10);
  settler->close();
  EXPECT_EQ(centre.stored.size(), 6u);
  EXPECT_EQ(settler->state().confirmed, 6u);
  EXPECT_EQ(centre.sums().begin()->second, 60);
}

TEST_F(SettlerTest, TellsOfACentreThatWantsWhatIsNotThere) {
  use(10);
  centre.says = {.what = SettlementCentre::Answer::What::gap, .next = 9, .why = "409"};
  settler->close();
  EXPECT_EQ(settler->state().waiting, 1u);
  EXPECT_NE(settler->state().trouble, "");
  clock.advance(1h);
  centre.says = {.what = SettlementCentre::Answer::What::refused, .why = "409 other bytes"};
  settler->step();
  EXPECT_EQ(settler->state().trouble, "409 other bytes");
  EXPECT_EQ(settler->state().waiting, 1u);
  // A centre that says the same number for ever isn't asked for ever in one turn.
  clock.advance(1h);
  centre.says.reset();
  settler->step();
  EXPECT_EQ(settler->state().confirmed, 1u);
  use(10);
  centre.says = {.what = SettlementCentre::Answer::What::gap, .next = 1, .why = "409"};
  const int before = centre.asked;
  settler->close();
  EXPECT_EQ(centre.asked, before + 2);
}

TEST_F(SettlerTest, ForgetsConfirmedBatchesAfterAWhileAndKeepsTheLast) {
  for (int i = 0; i < 3; ++i) {
    use(10);
    settler->close();
    clock.advance(std::chrono::days(20));
  }
  settler->step();
  EXPECT_FALSE(std::filesystem::exists(batch_file(1)));
  EXPECT_TRUE(std::filesystem::exists(batch_file(3)));
  clock.advance(std::chrono::days(200));
  settler->step();
  EXPECT_TRUE(std::filesystem::exists(batch_file(3))) << "it says where to go on";
  open();
  EXPECT_EQ(settler->state().number, 3u);
  use(10);
  settler->close();
  EXPECT_EQ(centre.stored.size(), 4u);
}

TEST_F(SettlerTest, RefusesAFolderThatIsNotAsItLeftIt) {
  centre.away = true;
  for (int i = 0; i < 3; ++i) {
    use(10);
    settler->close();
  }
  settler.reset();
  const auto code = [&](const SettlerOptions& with) -> std::string_view {
    const auto opened = Settler::open(with, edge_key(), parts());
    return opened ? "" : opened.error().code;
  };
  EXPECT_EQ(code(options()), "");
  SettlerOptions other = options();
  other.edge = "baku-2";
  EXPECT_EQ(code(other), "settler.folder");
  const std::string second = *read_file(batch_file(2));
  std::filesystem::remove(batch_file(2));
  EXPECT_EQ(code(options()), "settler.folder") << "one is missing";
  std::string damaged = second;
  damaged[70] ^= 1;
  ASSERT_TRUE(write_file_atomically(batch_file(2), as_bytes(damaged)));
  EXPECT_EQ(code(options()), "settler.folder") << "one is damaged";
  ASSERT_TRUE(write_file_atomically(batch_file(2), as_bytes(second)));
  EXPECT_EQ(code(options()), "");
  journal.records.resize(2);
  EXPECT_EQ(code(options()), "settler.journal") << "the journal ends before";
}

TEST_F(SettlerTest, SaysWhenItCannotReadOrWrite) {
  use(10);
  journal.broken = true;
  settler->close();
  EXPECT_EQ(settler->state().trouble, "journal.trimmed");
  journal.broken = false;
  // Where the batch should be written stands a folder: as with a full disk, it can't be.
  std::filesystem::create_directory(batch_file(1).string() + ".new");
  settler->close();
  EXPECT_EQ(settler->state().trouble, "file.write");
  EXPECT_EQ(settler->state().number, 0u);
  std::filesystem::remove(batch_file(1).string() + ".new");
  clock.advance(1h);
  settler->close();
  EXPECT_EQ(settler->state().trouble, "");
  EXPECT_EQ(centre.sums().begin()->second, 10) << "once, though it was tried twice";
}

TEST_F(SettlerTest, WorksOnAThreadOfItsOwn) {
  use(10);
  SettlerOptions quick = options();
  quick.batch_every = 0s;
  settler = std::move(*Settler::open(quick, edge_key(), parts()));
  settler->start();
  for (int i = 0; i < 1000 && settler->state().confirmed == 0; ++i) std::this_thread::sleep_for(10ms);
  settler->stop();
  EXPECT_EQ(settler->state().confirmed, 1u);
}

}  // namespace
}  // namespace dayaq::edge
