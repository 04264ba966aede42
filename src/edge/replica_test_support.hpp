// A centre in a test: what it grants, and the signed blocks it says so with.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "base/random.hpp"
#include "edge/replica.hpp"
#include "feed/succession.hpp"

namespace dayaq::edge {

inline crypto::SigningKey test_key(int number) {
  return std::move(*crypto::SigningKey::from_seed(std::array<std::byte, 32>{std::byte(number)}));
}

/// A folder that goes with the test.
class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "dayaq-replica-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline Instant test_now() {
  return std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + std::chrono::hours(9);
}

class TestCentre {
 public:
  explicit TestCentre(int key = 1, std::string operator_code = "azercell")
      : key_(std::make_shared<const crypto::SigningKey>(test_key(key))),
        operator_code_(std::move(operator_code)) {}

  static feed::Definition definition(MeasureNumber number, Instant until = instant_max) {
    feed::Definition out{.measure = number,
                         .regime = "quarantine",
                         .period = {.from = instant_min, .until = until},
                         .benefits = {}};
    out.benefits.push_back({.kind = feed::Benefit::data,
                            .unit = feed::Unit::octets,
                            .delivered_on = 1,
                            .traffic_class = number % 2 == 0 ? "all" : "education"});
    if (number % 5 == 0) out.benefits.push_back({.kind = feed::Benefit::deferral, .delivered_on = 1});
    return out;
  }

  /// A block of what has changed, which is then part of what the centre knows.
  Bytes changes(const std::vector<feed::Definition>& definitions,
                const std::vector<std::pair<SubscriptionKey, feed::GrantList>>& lines) {
    feed::Block block{.kind = feed::BlockKind::changes,
                      .operator_code = operator_code_,
                      .first_sequence = sequence + 1,
                      .created = test_now(),
                      .definitions = definitions};
    for (const auto& [key, list] : lines) {
      block.lines.push_back({.key = key, .list = std::uint16_t(block.lists.size())});
      block.lists.push_back(list);
      if (list.empty())
        grants.erase(key);
      else
        grants[key] = list;
    }
    for (const auto& one : definitions) measures[one.measure] = one;
    sequence = block.last_sequence();
    return feed::encode(block, *key_);
  }
  /// One line: the subscription has these measures, without end.
  Bytes grant(SubscriptionKey key, const std::vector<MeasureNumber>& numbers) {
    feed::GrantList list;
    for (const MeasureNumber number : numbers) list.push_back({.measure = number});
    return changes({}, {{key, list}});
  }

  /// Signs by another key from now on; how the key before it announces it.
  std::string change_key(int key) {
    auto next = std::make_shared<const crypto::SigningKey>(test_key(key));
    std::string said = feed::announce(*key_, next->public_key(), test_now());
    key_ = std::move(next);
    return said;
  }
  /// One page of a snapshot as of now: the keys' first bits say which page a line is on.
  [[nodiscard]] Bytes page(std::uint32_t number, std::uint32_t pages) const {
    feed::Block block{.kind = feed::BlockKind::snapshot,
                      .operator_code = operator_code_,
                      .first_sequence = sequence,
                      .created = test_now(),
                      .page = number,
                      .pages = pages};
    for (const auto& [_, one] : measures) block.definitions.push_back(one);
    for (const auto& [key, list] : grants) {
      if ((key >> 32) * pages >> 32 != number) continue;
      block.lines.push_back({.key = key, .list = std::uint16_t(block.lists.size())});
      block.lists.push_back(list);
    }
    return feed::encode(block, *key_);
  }
  [[nodiscard]] std::vector<Bytes> snapshot(std::uint32_t pages = 1) const {
    std::vector<Bytes> out;
    for (std::uint32_t number = 0; number < pages; ++number) out.push_back(page(number, pages));
    return out;
  }

  [[nodiscard]] crypto::PublicKey public_key() const { return key_->public_key(); }

  std::uint64_t sequence = 0;
  std::map<SubscriptionKey, feed::GrantList> grants;
  std::map<MeasureNumber, feed::Definition> measures;

 private:
  std::shared_ptr<const crypto::SigningKey> key_;  // copies are the same centre at another time
  std::string operator_code_;
};

inline ServiceTable test_services() {
  ServiceTable services;
  EXPECT_TRUE(services.add({.kind = feed::Benefit::data, .traffic_class = "education"}));
  EXPECT_TRUE(services.add({.kind = feed::Benefit::data, .traffic_class = "all"}));
  return services;
}

inline std::string code_of(const Result<void>& result) {
  return result ? std::string("ok") : std::string(result.error().code);
}

/// Takes a snapshot into a replica.
inline std::string take(Replica& replica, const std::vector<Bytes>& pages, std::mutex& lock) {
  auto done = replica.snapshot_begin(std::uint32_t(pages.size()));
  for (std::size_t i = 0; done && i < pages.size(); ++i) done = replica.snapshot_page(pages[i]);
  if (done) done = replica.snapshot_take(lock);
  return code_of(done);
}

/// What a replica must answer for a subscription.
inline std::vector<std::pair<MeasureNumber, Instant>> expected(const TestCentre& centre, SubscriptionKey key,
                                                               Instant now) {
  std::vector<std::pair<MeasureNumber, Instant>> out;
  const auto found = centre.grants.find(key);
  if (found == centre.grants.end()) return out;
  for (const feed::GrantLine& grant : found->second) {
    const auto measure = centre.measures.find(grant.measure);
    if (measure == centre.measures.end() || grant.until <= now || !measure->second.period.contains(now))
      continue;
    out.emplace_back(grant.measure, std::min(grant.until, measure->second.period.until));
  }
  return out;
}
inline std::vector<std::pair<MeasureNumber, Instant>> answered(const Replica& replica, SubscriptionKey key,
                                                               Instant now) {
  std::vector<GrantInForce> found;
  replica.find(key, now, found);
  std::vector<std::pair<MeasureNumber, Instant>> out;
  for (const GrantInForce& grant : found) out.emplace_back(grant.measure->number, grant.until);
  return out;
}

/// A replica in a folder of its own, and the centre that it follows.
struct ReplicaTest : testing::Test {
  TestFolder folder;
  TestCentre centre;
  ServiceTable services = test_services();
  std::mutex lock;
  ReplicaOptions options{.folder = folder.path() / "replica",
                         .operator_code = "azercell",
                         .centre_keys = {centre.public_key()},
                         .boot = "this boot"};
  std::unique_ptr<Replica> replica;

  Result<void> open() {
    replica.reset();
    DAYAQ_TRY(replica, Replica::open(options, services));
    return {};
  }
  std::string apply(BytesView blocks) { return code_of(replica->apply(blocks, lock)); }
  void expect_as_at_the_centre() {
    for (SubscriptionKey key = 1; key < 60; ++key) {
      EXPECT_EQ(answered(*replica, key, test_now()), expected(centre, key, test_now())) << key;
    }
    EXPECT_EQ(replica->state().sequence, centre.sequence);
    EXPECT_EQ(replica->state().subscriptions, centre.grants.size());
  }
  std::vector<std::filesystem::path> files(const char* name) {
    std::vector<std::filesystem::path> out;
    for (const auto& entry : std::filesystem::directory_iterator(options.folder / name))
      out.push_back(entry.path());
    std::ranges::sort(out);
    return out;
  }
  /// A snapshot and some changes after it.
  void fill() {
    ASSERT_TRUE(open());
    centre.changes(
        {TestCentre::definition(1), TestCentre::definition(2), TestCentre::definition(5)},
        {{10, {{.measure = 1}}}, {11, {{.measure = 2, .until = test_now() + std::chrono::hours(1)}}}});
    ASSERT_EQ(take(*replica, centre.snapshot(2), lock), "ok");
    ASSERT_EQ(apply(centre.grant(12, {1, 5})), "ok");
    ASSERT_EQ(apply(centre.grant(10, {2})), "ok");
    ASSERT_EQ(apply(centre.grant(11, {})), "ok");
  }
};

}  // namespace dayaq::edge
