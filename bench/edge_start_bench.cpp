// links: dayaq::edge_replica
// figures: edge_start edge_restart edge_memory edge_find
// How long an edge with ten million subscriptions takes to serve: after a crash of the machine (everything is
// built from the signed blocks, every signature verified; beside it, reading and verifying the same bytes and
// nothing else, on as many threads), and after a crash of the process alone. Also what a subscription costs
// in memory and what finding its grants costs. With a folder as the second argument the image lies there
// (/dev/shm).
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/file.hpp"
#include "base/random.hpp"
#include "edge/replica.hpp"
#include "support.hpp"

using namespace dayaq;

namespace {

constexpr unsigned threads = 2;

/// Reads and verifies all blocks of a folder, and decodes none of their lines.
std::uint64_t verify_only(const std::filesystem::path& folder, const crypto::PublicKey& key) {
  struct Piece {
    std::shared_ptr<const std::string> file;  // shared by the pieces of one file
    std::size_t offset, bytes;
  };
  std::vector<Piece> pieces;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    auto file = std::make_shared<const std::string>(*read_file(entry.path(), std::size_t(1) << 30));
    for (std::size_t at = 0; at < file->size();) {
      const auto header = *feed::decode_header(as_bytes(*file).subspan(at));
      pieces.push_back({.file = file, .offset = at, .bytes = header.bytes});
      at += header.bytes;
    }
  }
  std::atomic<std::size_t> next = 0;
  std::atomic<std::uint64_t> good = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < pieces.size(); i = next++) {
      const BytesView block = as_bytes(*pieces[i].file).subspan(pieces[i].offset, pieces[i].bytes);
      if (crypto::verify(key, block.first(block.size() - 64), block.last(64))) good += pieces[i].bytes;
    }
  };
  std::thread second(work);
  work();
  second.join();
  return good;
}

/// Out of the kernel's memory, as after the machine's crash; only a hint, but one that Linux takes for clean
/// pages.
void forget(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const int fd = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    ::fsync(fd);
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    ::close(fd);
  }
}

struct Bench {
  edge::ReplicaOptions options;
  edge::ServiceTable services;

  edge::Replica::State start(const std::string& boot, double& seconds) {
    options.boot = boot;
    std::unique_ptr<edge::Replica> replica;
    seconds = bench::seconds_of([&] {
      auto opened = edge::Replica::open(options, services);
      if (!opened) {
        fmt::print(stderr, "{} {}\n", opened.error().code, opened.error().detail);
        std::exit(1);
      }
      replica = std::move(*opened);
    });
    return replica->state();
  }
};

double find_nanoseconds(const Bench& bench, const SipKey& feed_key, std::uint64_t subscriptions) {
  const auto replica = *edge::Replica::open(bench.options, bench.services);
  SeededRandom random(3);
  std::vector<std::uint64_t> keys;
  for (int i = 0; i < 1'000'000; ++i) {
    keys.push_back(
        feed::pseudonym(feed_key, "mobile", fmt::format("99450{:07}", random.below(subscriptions))));
  }
  const Instant now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21);
  std::vector<edge::GrantInForce> found;
  std::uint64_t grants = 0;
  const double seconds = bench::median_seconds(5, [&] {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i + 8 < keys.size()) replica->prefetch(keys[i + 8]);
      if (!replica->find(keys[i], now, found)) std::exit(1);
      grants += found.size();
    }
  });
  return grants == 0 ? 0 : seconds / double(keys.size()) * 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string count = argc > 1 ? argv[1] : "10000000";
  std::string folder = (std::filesystem::temp_directory_path() / "dayaq-edge-start-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  const auto tool = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "edge_replica_tool";
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    ::execl(tool.c_str(), tool.c_str(), folder.c_str(), count.c_str(), "--ends", "1000", nullptr);
    ::_exit(127);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child || status != 0) return 1;

  Bench bench;
  const auto key_bytes = *from_base64(read_file(folder + "/centre.pub")->substr(0, 44));
  crypto::PublicKey key;
  std::ranges::copy(key_bytes, key.begin());
  bench.options = {.folder = folder, .operator_code = "azercell", .centre_keys = {key}, .threads = threads};
  if (argc > 2) bench.options.image_folder = argv[2];
  for (const char* name : {"education", "all"}) {
    if (!bench.services.add({.kind = feed::Benefit::data, .traffic_class = name})) return 1;
  }
  if (!bench.services.add({.kind = feed::Benefit::voice})) return 1;

  std::vector<double> builds, restarts, limits;
  edge::Replica::State state;
  for (int run = 0; run < 5; ++run) {
    double seconds = 0;
    forget(folder);
    state = bench.start(fmt::format("boot {}", run), seconds);
    if (state.from_image || state.subscriptions != std::stoull(count)) return 1;
    builds.push_back(seconds);
    if (!bench.start(bench.options.boot, seconds).from_image) return 1;
    restarts.push_back(seconds);
    forget(folder + "/snapshot");
    std::uint64_t verified = 0;
    limits.push_back(bench::seconds_of([&] { verified = verify_only(folder + "/snapshot", key); }));
    if (verified != state.snapshot_bytes) return 1;
  }
  const auto key_text = *from_base64(read_file(folder + "/feed.key")->substr(0, 24));
  const double find =
      find_nanoseconds(bench, sip_key(std::span<const std::byte, 16>(key_text)), state.subscriptions);
  const double bytes = double(state.bytes) / double(state.subscriptions);
  bench::print({.name = "edge_start",
                .value = bench::median(builds),
                .unit = "s",
                .goal = "< 5 s for 10 million",
                .met = bench::median(builds) < 5,
                .peer = "",
                .peer_value = {},
                .limit = "reading and verifying the same bytes, s",
                .limit_value = bench::median(limits)});
  bench::print({.name = "edge_restart",
                .value = bench::median(restarts),
                .unit = "s",
                .goal = "< 1 s for 10 million",
                .met = bench::median(restarts) < 1,
                .peer = "built from the signed blocks, s",
                .peer_value = bench::median(builds),
                .limit = "",
                .limit_value = {}});
  bench::print({.name = "edge_memory",
                .value = bytes,
                .unit = "bytes/subscription",
                .goal = "< 64 bytes",
                .met = bytes < 64,
                .peer = "",
                .peer_value = {},
                .limit = "a pseudonym and a list's number",
                .limit_value = 12});
  bench::print({.name = "edge_find",
                .value = find,
                .unit = "ns",
                .goal = "< 100 ns with its grants",
                .met = find < 100,
                .peer = "",
                .peer_value = {},
                .limit = "",
                .limit_value = {}});
  std::filesystem::remove_all(folder);
  return 0;
}
