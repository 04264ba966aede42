// links: dayaq::edge_engine
// figures: edge_decision edge_memory edge_usage edge_restart
// The edge's own work without the network: Engine::look over ten million random subscriptions of a real
// replica, all with a balance; what a subscription takes of memory; decide() with its journal in memory; and
// a start with the balances of all. On one core.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <unordered_map>

#include "base/file.hpp"
#include "base/random.hpp"
#include "edge/accounts_checkpoint.hpp"
#include "edge/engine_core.hpp"
#include "support.hpp"

using namespace dayaq;
using namespace dayaq::edge;

namespace {

constexpr std::size_t lookups = 2'000'000;
constexpr std::size_t batch = 16;
constexpr MeasureNumber voice_measure = 3;  // bench/edge_replica_tool.cpp says what it gives

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "dayaq-edge-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path path;
};

/// The limit: an open-addressing table of 16-byte records, two thirds full at most.
class FlatMap {
 public:
  explicit FlatMap(std::size_t expected) {
    std::size_t size = 64;
    while (size * 2 / 3 < expected) size *= 2;
    slots_.resize(size);
  }
  void insert(std::uint64_t key, std::uint64_t value) { slots_[slot_of(key)] = {key, value}; }
  [[nodiscard]] std::uint64_t at(std::uint64_t key) const { return slots_[slot_of(key)].second; }
  void prefetch(std::uint64_t key) const { __builtin_prefetch(&slots_[key & (slots_.size() - 1)]); }

 private:
  [[nodiscard]] std::size_t slot_of(std::uint64_t key) const {
    std::size_t i = key & (slots_.size() - 1);
    while (slots_[i].first != 0 && slots_[i].first != key) i = (i + 1) & (slots_.size() - 1);
    return i;
  }
  std::vector<std::pair<std::uint64_t, std::uint64_t>> slots_;
};

SipKey read_feed_key(const std::filesystem::path& folder) {
  const auto text = read_file(folder / "feed.key");
  if (!text) std::abort();
  const auto bytes = from_base64(text->substr(0, text->find_last_not_of("\n ") + 1));
  if (!bytes || bytes->size() != 16) std::abort();
  return sip_key(std::span<const std::byte, 16>(*bytes));
}
crypto::PublicKey read_centre_key(const std::filesystem::path& folder) {
  const auto text = read_file(folder / "centre.pub");
  if (!text) std::abort();
  const auto bytes = from_base64(text->substr(0, text->find_last_not_of("\n ") + 1));
  if (!bytes) std::abort();
  crypto::PublicKey key{};
  if (bytes->size() != key.size()) std::abort();
  std::copy(bytes->begin(), bytes->end(), key.begin());
  return key;
}

struct Bench {
  Folder folder;
  ServiceTable services;
  ServiceIndex voice = *services.add({.kind = feed::Benefit::voice});
  ServiceIndex data = *services.add({.kind = feed::Benefit::data, .traffic_class = "all"});
  std::unique_ptr<Replica> replica;
  std::vector<SubscriptionKey> keys;
  Instant now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + std::chrono::hours(9);
};

void open_replica(Bench& bench, const std::string& tool, std::size_t subscriptions) {
  const auto data = bench.folder.path / "data";
  const std::string make = fmt::format("{} {} {} >/dev/null", tool, data.string(), subscriptions);
  if (std::system(make.c_str()) != 0) std::abort();
  auto opened = Replica::open(
      {.folder = data,
       .operator_code = "azercell",
       .centre_keys = {read_centre_key(data)},
       .image_folder =
           std::filesystem::exists("/dev/shm") ? "/dev/shm/" + bench.folder.path.filename().string() : ""},
      bench.services);
  if (!opened) {
    fmt::print(stderr, "{}: {}\n", opened.error().code, opened.error().detail);
    std::exit(1);
  }
  bench.replica = std::move(*opened);
  const SipKey key = read_feed_key(data);
  for (std::size_t i = 0; i < subscriptions; ++i) {
    bench.keys.push_back(feed::pseudonym(key, "mobile", fmt::format("99450{:07}", i)));
  }
}

/// A balance for everybody, as a checkpoint on disk: what a start finds.
std::size_t save_balances(const Bench& bench) {
  AccountTable table;
  QuotaCalendar calendar(*Zone::create("Asia/Baku"));
  const std::int32_t month = calendar.at(feed::QuotaPeriod::month, bench.now).start;
  for (const SubscriptionKey key : bench.keys) {
    table
        .at({.key = key,
             .measure = voice_measure,
             .benefit = 0,
             .period = feed::QuotaPeriod::month,
             .start = month})
        .used = 60 + key % 10'000;
  }
  auto writer = CheckpointWriter::create(bench.folder.path / "accounts.table");
  if (!writer) std::abort();
  for (const AccountTable::Shard& shard : table.all()) {
    if (!(*writer)->add({shard.places, shard.capacity}, shard.count, 0)) std::abort();
  }
  Bytes extras(16 + (edges_max + 1) * 24);
  if (!(*writer)->finish(0, extras)) std::abort();
  return table.bytes();
}

void decisions(Bench& bench, Engine& engine) {
  SeededRandom random(7);
  std::vector<SubscriptionKey> asked(lookups);
  for (SubscriptionKey& key : asked) key = bench.keys[random.below(bench.keys.size())];
  std::uint64_t granted = 0;
  const double ours = bench::median_seconds(5, [&] {
    granted = 0;
    for (std::size_t from = 0; from < asked.size(); from += batch) {
      const std::size_t to = std::min(asked.size(), from + batch);
      const std::lock_guard lock(engine.mutex());
      for (std::size_t i = from; i < to; ++i) engine.prefetch(asked[i], bench.now);
      for (std::size_t i = from; i < to; ++i) {
        granted +=
            engine.look(asked[i], LineKind::mobile, bench.voice, bench.now).outcome == Outcome::granted;
      }
    }
  });
  FlatMap flat(bench.keys.size());
  for (const SubscriptionKey key : bench.keys) flat.insert(key, key);
  std::uint64_t sum = 0;
  const double limit = bench::median_seconds(5, [&] {
    for (std::size_t from = 0; from < asked.size(); from += batch) {
      const std::size_t to = std::min(asked.size(), from + batch);
      for (std::size_t i = from; i < to; ++i) flat.prefetch(asked[i]);
      for (std::size_t i = from; i < to; ++i) sum += flat.at(asked[i]);
    }
  });
  std::unordered_map<std::uint64_t, std::uint64_t> map;
  map.reserve(bench.keys.size());
  for (const SubscriptionKey key : bench.keys) map.emplace(key, key);
  const double peer = bench::median_seconds(5, [&] {
    for (const SubscriptionKey key : asked) sum += map.find(key)->second;
  });
  if (sum == 0 || granted < lookups / 2) std::abort();
  const auto rate = [](double seconds) { return double(lookups) / seconds; };
  bench::print({.name = "edge_decision",
                .value = rate(ours),
                .unit = "decisions/s",
                .goal = ">= 5000000",
                .met = rate(ours) >= 5e6,
                .peer = "std::unordered_map, one lookup",
                .peer_value = rate(peer),
                .limit = "flat table of 16 bytes, one lookup, fetched ahead",
                .limit_value = rate(limit)});
}

/// Updates of a hundred thousand data sessions, each counted and answered with a new slice.
void usage(Bench& bench) {
  auto journal = Journal::open({.folder = bench.folder.path / "usage", .durable = false});
  EngineOptions options;
  options.folder = "";
  auto engine = Engine::open(options, bench.services, *bench.replica, **journal, bench.now);
  if (!engine) std::abort();
  constexpr std::size_t sessions = 100'000;
  std::vector<std::uint32_t> numbers(sessions);
  const auto subscription_of = [&](std::size_t i) { return bench.keys[i * (bench.keys.size() / sessions)]; };
  const auto lease_of = [](std::size_t i) { return LeaseId{.high = i, .low = i * 0x9e3779b97f4a7c15u}; };
  const auto ask_of = [&](std::size_t i) {
    Ask ask;
    ask.key = subscription_of(i);
    ask.service = bench.data;
    ask.lease = lease_of(i);
    ask.number = numbers[i]++;
    ask.phase = ask.number == 0 ? Phase::start : Phase::update;
    ask.used = ask.number == 0 ? 0 : 1000;
    return ask;
  };
  SeededRandom random(8);
  for (std::size_t i = 0; i < sessions; ++i) (void)(*engine)->decide(ask_of(i), bench.now);
  std::vector<std::uint32_t> order(lookups);
  for (std::uint32_t& i : order) i = std::uint32_t(random.below(sessions));
  std::uint64_t granted = 0;
  const double ours = bench::median_seconds(5, [&] {
    granted = 0;
    for (std::size_t from = 0; from < order.size(); from += batch) {  // as a connection's bytes bring them
      const std::size_t to = std::min(order.size(), from + batch);
      const std::lock_guard lock((*engine)->mutex());
      for (std::size_t n = from; n < to; ++n) {
        (*engine)->prefetch(subscription_of(order[n]), bench.now);
        (*engine)->prefetch_lease(lease_of(order[n]));
      }
      for (std::size_t n = from; n < to; ++n) {
        granted += (*engine)->decide(ask_of(order[n]), bench.now).outcome == Outcome::granted;
      }
    }
  });
  // The limit: a session and a balance found and changed, a record copied.
  struct Session {
    std::uint64_t number = 0, used = 0;
  };
  std::unordered_map<std::uint64_t, Session> by_session;
  std::unordered_map<std::uint64_t, std::uint64_t> balances;
  for (std::size_t i = 0; i < sessions; ++i) {
    by_session[i * 0x9e3779b97f4a7c15u] = {};
    balances[bench.keys[i * (bench.keys.size() / sessions)]] = 0;
  }
  std::vector<Record> records(4096);
  const double limit = bench::median_seconds(5, [&] {
    for (std::size_t n = 0; n < order.size(); ++n) {
      const Ask ask = ask_of(order[n]);
      Session& session = by_session.find(ask.lease.low)->second;
      session.number = ask.number;
      session.used += ask.used;
      balances.find(ask.key)->second += ask.used;
      Record& record = records[n % records.size()];
      record = {};
      record.lease = ask.lease;
      record.used = ask.used;
    }
  });
  if (granted != lookups) std::abort();
  bench::print({.name = "edge_usage",
                .value = double(lookups) / ours,
                .unit = "decide/s",
                .goal = ">= 1000000",
                .met = double(lookups) / ours >= 1e6,
                .peer = "",
                .peer_value = {},
                .limit = "two std::unordered_map changed and a record copied",
                .limit_value = double(lookups) / limit});
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t subscriptions = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000'000;
  Bench bench;
  open_replica(bench, (std::filesystem::path(argv[0]).parent_path() / "edge_replica_tool").string(),
               subscriptions);
  const std::size_t balances = save_balances(bench);
  const double count = double(subscriptions);
  const double grants = double(bench.replica->state().bytes) / count;
  const double together = grants + double(balances) / count;
  bench::print({.name = "edge_memory",
                .value = grants,
                .unit = fmt::format("bytes/subscription ({:.1f} with a balance)", together),
                .goal = "<= 64 bytes, with a balance < 100",
                .met = grants <= 64 && together < 100,
                .peer = "",
                .peer_value = {},
                .limit = "",
                .limit_value = {}});
  auto journal = Journal::open({.folder = bench.folder.path});
  if (!journal) return 1;
  EngineOptions options;
  options.folder = bench.folder.path;
  std::unique_ptr<Engine> engine;
  const double start = bench::seconds_of([&] {
    auto opened = Engine::open(options, bench.services, *bench.replica, **journal, bench.now);
    if (!opened) std::abort();
    engine = std::move(*opened);
    if (engine->look(bench.keys[0], LineKind::mobile, bench.voice, bench.now).outcome != Outcome::granted)
      std::abort();
  });
  const double scan =
      double(std::filesystem::file_size(bench.folder.path / "accounts.table")) / bench::read_bandwidth();
  bench::print({.name = "edge_restart",
                .value = start,
                .unit = "s",
                .goal = fmt::format("< 1 s with {} accounts", subscriptions),
                .met = start < 1,
                .peer = "",
                .peer_value = {},
                .limit = "reading as many bytes from memory",
                .limit_value = scan});
  decisions(bench, *engine);
  engine.reset();
  usage(bench);
  std::error_code ignored;
  std::filesystem::remove_all("/dev/shm/" + bench.folder.path.filename().string(), ignored);
}
