// A replica that tests fill by hand. In tests and benchmarks of the edge only.
#pragma once

#include <map>
#include <unordered_map>

#include "edge/replica.hpp"

namespace dayaq::edge {

class FakeReplica final : public Replica {
 public:
  explicit FakeReplica(const ServiceTable& services) : services_(&services) {}

  /// Defines a measure, or says it anew. `number` 0: the next free one.
  MeasureNumber define(feed::BenefitLine benefit, Period period = {}, MeasureNumber number = 0) {
    return define(std::vector{std::move(benefit)}, period, number);
  }
  MeasureNumber define(std::vector<feed::BenefitLine> benefits, Period period = {},
                       MeasureNumber number = 0) {
    if (number == 0) number = measures_.empty() ? 1 : measures_.rbegin()->first + 1;
    Measure& measure = measures_[number];
    measure = {};
    measure.number = number;
    measure.regime = "test";
    measure.period = period;
    measure.benefits = std::move(benefits);
    for (const feed::BenefitLine& benefit : measure.benefits) {
      measure.covers.push_back(services_->covered_by(benefit));
      measure.any |= measure.covers.back();
      if (benefit.kind == feed::Benefit::deferral) measure.defers = true;
    }
    if (observer_.measure_changed) observer_.measure_changed(number);
    return number;
  }
  void grant(SubscriptionKey key, MeasureNumber measure, Instant until = instant_max) {
    grants_[key].push_back({.measure = measure, .until = until});
    if (observer_.subscription_changed) observer_.subscription_changed(key);
  }
  void revoke(SubscriptionKey key) {
    grants_.erase(key);
    if (observer_.subscription_changed) observer_.subscription_changed(key);
  }

  bool find(SubscriptionKey key, Instant now, std::vector<GrantInForce>& out) const override {
    const auto at = grants_.find(key);
    if (at == grants_.end()) return false;
    for (const feed::GrantLine& grant : at->second) {
      const Measure* of = measure(grant.measure);
      if (of != nullptr && of->period.contains(now) && now < grant.until) out.push_back({of, grant.until});
    }
    return true;
  }
  [[nodiscard]] const Measure* measure(MeasureNumber number) const override {
    const auto at = measures_.find(number);
    return at == measures_.end() ? nullptr : &at->second;
  }
  void prefetch(SubscriptionKey) const override {}
  void observe(Observer observer) override { observer_ = std::move(observer); }
  Result<void> apply(BytesView, std::mutex&) override { return no_feed(); }
  Result<void> snapshot_begin(std::uint32_t) override { return no_feed(); }
  Result<void> snapshot_page(BytesView) override { return no_feed(); }
  Result<void> snapshot_take(std::mutex&) override { return no_feed(); }
  [[nodiscard]] State state() const override {
    State state;
    state.subscriptions = grants_.size();
    state.measures = measures_.size();
    return state;
  }

 private:
  static Result<void> no_feed() {
    Error error;
    error.detail = "a replica made for tests follows no feed";
    return std::unexpected(error);
  }
  const ServiceTable* services_;
  std::map<MeasureNumber, Measure> measures_;
  std::unordered_map<SubscriptionKey, feed::GrantList> grants_;
  Observer observer_;
};

}  // namespace dayaq::edge
