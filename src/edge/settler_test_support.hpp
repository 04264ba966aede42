// What stands around a settler in tests.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <map>

#include "edge/settler.hpp"

namespace dayaq::edge::settler_test {

struct FakeReplica final : Replica {
  std::map<MeasureNumber, Measure> measures;
  bool find(SubscriptionKey, Instant, std::vector<GrantInForce>&) const override { return false; }
  [[nodiscard]] const Measure* measure(MeasureNumber number) const override {
    const auto found = measures.find(number);
    return found == measures.end() ? nullptr : &found->second;
  }
  void prefetch(SubscriptionKey) const override {}
  void observe(Observer) override {}
  Result<void> apply(BytesView, std::mutex&) override { return {}; }
  Result<void> snapshot_begin(std::uint32_t) override { return {}; }
  Result<void> snapshot_page(BytesView) override { return {}; }
  Result<void> snapshot_take(std::mutex&) override { return {}; }
  [[nodiscard]] State state() const override { return {}; }
};

/// Drops what is settled as eagerly as an engine may, and sees that the edge's lock is held.
struct FakeEngine {
  explicit FakeEngine(Journal& j) : journal(j) {}
  Journal& journal;
  std::mutex lock;
  operator SettlerEngine() {  // NOLINT(google-explicit-constructor)
    return {lock, [this](std::uint64_t number) {
              EXPECT_FALSE(std::async(std::launch::async, [this] { return lock.try_lock(); }).get())
                  << "the edge's lock must be held";
              journal.drop_through(number);
            }};
  }
};

inline crypto::SigningKey edge_key() {
  return std::move(*crypto::SigningKey::from_seed(std::array<std::byte, 32>{std::byte(9)}));
}

}  // namespace dayaq::edge::settler_test
