// links: dayaq::feed dayaq::crypto
// edge_replica_tool FOLDER N [--fixed N] [--tv N] [--ends DAYS] [--defer-every K] [--operator CODE] [--seed
// S] [--then-charging OCTETS]
//
// Makes an edge's replica folder as a snapshot of the centre would leave it, for benchmarks and tests: signed
// by a key pair of its own, with `feed.key` (SipHash key, base64), `centre.pub` (Ed25519, base64) and
// `centre.pem` (the private key, to sign changes with) beside `snapshot/`. Prints them as one JSON object.
//
// Subscriptions, with their keys being feed::pseudonym(feed key, kind, number):
//   mobile i of N:       "mobile" "99450" + 7 digits of i, i = 0 .. N-1
//   fixed i of --fixed:  "fixed"  "99412" + 7 digits of i
//   tv i of --tv:        "tv"     "99477" + 7 digits of i
// Each is granted, as of number 1000, under regime "synthetic" (2020-01-01 to 2100-01-01), on every kind of
// line:
//   measure 1  data of class "education", unlimited
//   measure 2  data of class "all", 5,000,000,000 octets a month; then limited service; open, 100 MiB bound.
//              --then-charging: so many octets, then the operator's charging
//   measure 3  voice, 18,000 seconds a month; then the operator's charging; closed when silent
//   measure 4  voice, unlimited: every 10th (i % 10 == 0), in the place of measure 3
//   measure 5  tv package "basic", unlimited
//   measure 6  deferral: only with --defer-every K, each i with i % K == 0
// --ends DAYS: measures 1 and 2 end for subscription i at 2030-01-01 + (i % DAYS) days, which makes that many
// different lists; without it nothing ends by itself.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/file.hpp"
#include "base/random.hpp"
#include "feed/block.hpp"

using namespace dayaq;

namespace {

constexpr std::uint64_t sequence = 1000;
constexpr std::uint64_t page_lines = 40'000;
constexpr std::size_t file_bytes = 64u << 20;

struct Options {
  std::filesystem::path folder;
  std::array<std::uint64_t, 3> lines{};  // mobile, fixed, tv
  std::uint64_t ends = 0;
  std::uint64_t defer_every = 0;
  std::uint64_t then_charging = 0;
  std::uint64_t seed = 1;
  std::string operator_code = "azercell";
};

Instant year(int year) {
  return std::chrono::sys_days(std::chrono::year(year) / 1 / 1);
}

std::vector<feed::Definition> definitions(const Options& options) {
  using enum feed::Benefit;
  const auto define = [](std::uint32_t number, feed::BenefitLine benefit) {
    benefit.delivered_on = 7;
    return feed::Definition{.measure = number,
                            .regime_version = 1,
                            .regime = "synthetic",
                            .period = {.from = year(2020), .until = year(2100)},
                            .benefits = {std::move(benefit)}};
  };
  return {define(1, {.kind = data, .unit = feed::Unit::octets, .traffic_class = "education"}),
          define(2, {.kind = data,
                     .unit = feed::Unit::octets,
                     .limited = true,
                     .quota = options.then_charging != 0 ? options.then_charging : 5'000'000'000,
                     .when_used_up =
                         options.then_charging != 0 ? feed::WhenUsedUp::charge : feed::WhenUsedUp::limited,
                     .open_bound = 100u << 20,
                     .traffic_class = "all"}),
          define(3, {.kind = voice,
                     .unit = feed::Unit::seconds,
                     .limited = true,
                     .quota = 18'000,
                     .when_silent = feed::WhenSilent::close}),
          define(4, {.kind = voice, .unit = feed::Unit::seconds}),
          define(5, {.kind = tv, .unit = feed::Unit::seconds, .traffic_class = "basic"}),
          define(6, {.kind = deferral})};
}

/// The lists that occur, and which one subscription i has.
class Lists {
 public:
  explicit Lists(const Options& options) : options_(options) {}
  std::uint16_t of(std::uint64_t i) {
    const std::uint64_t day = options_.ends == 0 ? 0 : i % options_.ends;
    const bool unlimited = i % 10 == 0;
    const bool defers = options_.defer_every != 0 && i % options_.defer_every == 0;
    const auto [at, fresh] = numbers_.try_emplace({day, unlimited, defers}, std::uint16_t(lists.size()));
    if (!fresh) return at->second;
    const Instant until = options_.ends == 0 ? instant_max : year(2030) + std::chrono::days(day);
    feed::GrantList list{{.measure = 1, .until = until}, {.measure = 2, .until = until}};
    list.push_back({.measure = unlimited ? 4u : 3u, .until = instant_max});
    list.push_back({.measure = 5, .until = instant_max});
    if (defers) list.push_back({.measure = 6, .until = instant_max});
    lists.push_back(std::move(list));
    return at->second;
  }
  std::vector<feed::GrantList> lists;

 private:
  const Options& options_;
  std::map<std::tuple<std::uint64_t, bool, bool>, std::uint16_t> numbers_;
};

std::vector<feed::SubscriptionLine> make_lines(const Options& options, const SipKey& key, Lists& lists) {
  static constexpr std::array<const char*, 3> kinds{"mobile", "fixed", "tv"};
  static constexpr std::array<const char*, 3> prefixes{"99450", "99412", "99477"};
  std::vector<feed::SubscriptionLine> out;
  out.reserve(options.lines[0] + options.lines[1] + options.lines[2]);
  for (std::size_t kind = 0; kind < 3; ++kind) {
    for (std::uint64_t i = 0; i < options.lines[kind]; ++i) {
      const std::string number = fmt::format("{}{:07}", prefixes[kind], i);
      out.push_back({.key = feed::pseudonym(key, kinds[kind], number), .list = lists.of(i)});
    }
  }
  std::ranges::sort(out, {}, &feed::SubscriptionLine::key);
  return out;
}

/// Pages by the first bits of the key, as the centre cuts them, each with the lists that it needs.
std::uint64_t write_pages(const Options& options, const std::vector<feed::SubscriptionLine>& lines,
                          const std::vector<feed::GrantList>& lists, const crypto::SigningKey& signer) {
  const auto folder = options.folder / "snapshot";
  std::filesystem::create_directories(folder);
  const std::uint64_t pages = std::bit_ceil(std::max<std::uint64_t>(lines.size() / page_lines, 1));
  const int shift = 64 - std::countr_zero(pages);
  std::ofstream out;
  std::size_t written = 0;
  std::size_t file = 0;
  std::uint64_t bytes = 0;
  auto next = lines.begin();
  for (std::uint64_t page = 0; page < pages; ++page) {
    feed::Block block{.kind = feed::BlockKind::snapshot,
                      .operator_code = options.operator_code,
                      .first_sequence = sequence,
                      .created = year(2026),
                      .page = std::uint32_t(page),
                      .pages = std::uint32_t(pages),
                      .definitions = definitions(options),
                      .lists = {},
                      .lines = {}};
    std::map<std::uint16_t, std::uint16_t> here;
    for (; next != lines.end() && (pages == 1 || next->key >> shift == page); ++next) {
      const auto [at, fresh] = here.try_emplace(next->list, std::uint16_t(here.size()));
      if (fresh) block.lists.push_back(lists[next->list]);
      block.lines.push_back({.key = next->key, .list = at->second});
    }
    const Bytes encoded = feed::encode(block, signer);
    if (!out.is_open() || written + encoded.size() > file_bytes) {
      out.close();
      out.open(folder / fmt::format("{:06}.blocks", file++), std::ios::binary | std::ios::trunc);
      written = 0;
    }
    out.write(as_text(encoded).data(), std::streamsize(encoded.size()));
    written += encoded.size();
    bytes += encoded.size();
  }
  out.close();
  if (!out) {
    fmt::print(stderr, "the snapshot can't be written to {}\n", folder.string());
    std::exit(1);
  }
  return bytes;
}

bool read_options(int argc, char** argv, Options& options) {
  if (argc < 3) return false;
  options.folder = argv[1];
  options.lines[0] = std::strtoull(argv[2], nullptr, 10);
  for (int i = 3; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--fixed")
      options.lines[1] = value;
    else if (name == "--tv")
      options.lines[2] = value;
    else if (name == "--ends")
      options.ends = value;
    else if (name == "--defer-every")
      options.defer_every = value;
    else if (name == "--then-charging")
      options.then_charging = value;
    else if (name == "--seed")
      options.seed = value;
    else if (name == "--operator")
      options.operator_code = argv[i + 1];
    else
      return false;
  }
  return argc % 2 == 1 && options.ends <= 10'000 && options.lines[0] <= 10'000'000;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!read_options(argc, argv, options)) {
    fmt::print(
        stderr,
        "edge_replica_tool FOLDER N [--fixed N] [--tv N] [--ends DAYS] [--defer-every K] [--operator CODE] "
        "[--seed S] [--then-charging OCTETS]\n");
    return 2;
  }
  SeededRandom random(options.seed);
  const crypto::SigningKey signer = crypto::SigningKey::generate(random);
  std::array<std::byte, 16> key{};
  random.fill(key);
  Lists lists(options);
  const auto lines = make_lines(options, sip_key(key), lists);
  const std::uint64_t bytes = write_pages(options, lines, lists.lists, signer);

  const std::string feed_key = to_base64(key);
  const std::string public_key = to_base64(signer.public_key());
  const auto keep = [&](const char* name, const std::string& text) {
    const auto kept =
        write_file_atomically(options.folder / name, as_bytes(text), std::filesystem::perms(0600));
    if (!kept) std::exit(1);
  };
  keep("feed.key", feed_key + "\n");
  keep("centre.pub", public_key + "\n");
  keep("centre.pem", signer.to_pem());
  fmt::print(R"({{"folder":"{}","operator":"{}","feed_key":"{}","centre_public_key":"{}","sequence":{},)"
             R"("subscriptions":{},"bytes":{}}})"
             "\n",
             options.folder.string(), options.operator_code, feed_key, public_key, sequence, lines.size(),
             bytes);
  return 0;
}
