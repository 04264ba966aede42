// links: dayaq::regime
// figures: decision decision_memory derive_all
// decision: subscription key -> grants, in process, over eleven million subscriptions, against an
// open-addressing table of 32-byte records looked up with the same keys in the same run.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "people.hpp"
#include "regime/decision.hpp"
#include "support.hpp"

using namespace dayaq;
using namespace dayaq::regime;

namespace {

constexpr std::size_t lookups = 2'000'000;

/// What the peer keeps of a subscription: a flat table of these, two thirds full, power-of-two sized.
struct Record {
  std::uint64_t key = 0;
  std::uint64_t holder = 0;
  std::uint64_t until = 0;
  std::uint32_t measures = 0;
  std::uint32_t kind = 0;
};
static_assert(sizeof(Record) == 32);

class FlatMap {
 public:
  explicit FlatMap(std::size_t expected) {
    std::size_t slots = 64;
    while (slots * 7 / 8 < expected) slots *= 2;
    slots_ = Array<Record>::zeroed(slots);
  }
  void insert(const Record& record) { slots_[slot_of(record.key)] = record; }
  [[nodiscard]] const Record& at(std::uint64_t key) const { return slots_[slot_of(key)]; }
  [[nodiscard]] std::size_t bytes() const { return slots_.bytes(); }

 private:
  [[nodiscard]] std::size_t slot_of(std::uint64_t key) const {
    std::size_t i = key & (slots_.size() - 1);
    while (slots_[i].key != 0 && slots_[i].key != key) i = (i + 1) & (slots_.size() - 1);
    return i;
  }
  Array<Record> slots_;
};

/// A regime with measures like those of the special quarantine, so that profiles differ.
Law make_law(const registry::CountryPack& country, Instant now) {
  auto version = std::make_shared<RegimeVersion>();
  version->regime = {.code = RegimeCode("quarantine"), .version = 1};
  version->regime.period = {.from = now - std::chrono::days(30), .until = now + std::chrono::days(120)};
  version->state = RegimeState::approved;
  version->approved = now - std::chrono::days(20);
  const auto add = [&](std::string code, Rule who, unsigned kinds) {
    Measure measure{
        .code = MeasureCode(std::move(code)), .who = std::move(who), .period = version->regime.period};
    measure.benefits.push_back({.kind = BenefitKind::data, .delivered_on = std::uint8_t(kinds)});
    version->regime.measures.push_back(std::move(measure));
  };
  const auto has = [&](const char* status) {
    return Rule{.kind = Rule::Kind::status, .statuses = {country.find_status(status).value()}};
  };
  add("calls", has("health_worker"), 1);
  add("pensioners", has("pensioner"), 3);
  add("films", has("must_stay_home"), 4);
  add("pupils", has("pupil"), 3);
  add("students", has("student"), 3);
  add("everybody", Rule{}, 3);
  add("quarantined", has("quarantined"), 3);
  add("children", Rule{.kind = Rule::Kind::age, .age_under = 18}, 3);
  return Law({version});
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t persons = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 6'550'000;
  const auto country = registry::CountryPack::load(std::string(DAYAQ_SOURCE_DIR) + "/country/az");
  const Instant now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + std::chrono::hours(8);
  std::vector<MeasureNumber> numbers;
  const Law made = make_law(*country, now);
  for (std::size_t i = 0; i < made.measures().size(); ++i) numbers.push_back(MeasureNumber(i + 1));
  const auto law = std::make_shared<const NumberedLaw>(made, numbers);
  ActiveLaw active(law->law, law->numbers, now);
  Population population = bench::people_index(*country, persons, now);
  BulkDerivation bulk;
  const double derived = bench::seconds_of([&] { bulk = derive_all(population, active, now, 2); });
  fmt::print(stderr, "{} lines derived in {:.2f} s, {} of them one by one, {} profiles\n",
             population.lines().size(), derived, bulk.one_by_one, bulk.profiles.size());
  population.set_profiles(std::move(bulk.profiles), bulk.profile.span(), bulk.changes_at.span());
  const LivePopulation live(std::move(population), law, active);

  const Lines& lines = live.writer_view().population.lines();
  std::vector<LineKey> keys;
  FlatMap peer(lines.size());
  for (const Line& line : lines.slots()) {
    if (line.key == 0) continue;
    keys.push_back(line.key);
    peer.insert({.key = line.key, .holder = line.person, .until = line.changes_at, .measures = line.profile});
  }
  SeededRandom random(7);
  std::vector<LineKey> asked;
  for (std::size_t i = 0; i < lookups; ++i) asked.push_back(keys[random.below(keys.size())]);

  std::uint64_t sum = 0;
  const double ours = bench::median_seconds(7, [&] {
    for (const LineKey key : asked) {
      live.decide(key, now, [&](const Decision& decision) {
        for (const LineGrant& grant : decision.grants) sum += grant.measure;
      });
    }
  });
  const double theirs = bench::median_seconds(7, [&] {
    for (const LineKey key : asked) sum += peer.at(key).measures;
  });
  if (sum == 0) return 1;  // the answers are used, so that no lookup can be left out
  const double count = double(keys.size());
  const double nanoseconds = ours / double(lookups) * 1e9;
  const double peer_nanoseconds = theirs / double(lookups) * 1e9;
  const double bytes = double(live.writer_view().population.bytes_of_lines()) / count;
  bench::print({.name = "decision",
                .value = nanoseconds,
                .unit = "ns",
                .goal = "< 150 ns",
                .met = nanoseconds < 150,
                .peer = "flat hash map of 32-byte records",
                .peer_value = peer_nanoseconds,
                .limit = "",
                .limit_value = {}});
  bench::print({.name = "decision_memory",
                .value = bytes,
                .unit = "bytes/subscription",
                .goal = "< 64 bytes",
                .met = bytes < 64,
                .peer = "flat hash map of 32-byte records",
                .peer_value = double(peer.bytes()) / count,
                .limit = "",
                .limit_value = {}});
  bench::print({.name = "derive_all",
                .value = derived,
                .unit = "s",
                .goal = "< 5 s for 11 million lines",
                .met = derived < 5,
                .peer = "",
                .peer_value = {},
                .limit = "",
                .limit_value = {}});
}
