// A small engine for tests and fuzzers: grants by hand, counters by lease. Included by those alone.
#pragma once

#include <map>
#include <set>

#include "edge/radius/responder.hpp"
#include "feed/block.hpp"

namespace dayaq::edge::radius::testing_support {

inline constexpr ServiceIndex everything = 0, lessons = 1;

/// Data of class all (quota in octets, or none) and lessons, by subscription.
class FakeEngine final : public Engine {
 public:
  struct Grant {
    bool everything = false, lessons = false, deferral = false;
    std::uint64_t quota = UINT64_MAX;
    bool limited_after = true;
    std::uint64_t used = 0;
  };
  std::map<SubscriptionKey, Grant> grants;
  std::map<LeaseId, std::uint64_t> counters;  // of leases that go on
  std::set<LeaseId> ended;
  std::uint64_t sequence = 0;
  bool refuse = false;
  std::vector<Ask> asked;

  std::mutex& mutex() override { return mutex_; }

  Verdict decide(const Ask& ask, Instant now) override {
    asked.push_back(ask);
    if (refuse) return {.outcome = Outcome::refused};
    Verdict verdict = look(ask.key, ask.line, ask.service, now);
    const bool known = counters.contains(ask.lease);
    if (verdict.outcome != Outcome::granted && !known) return verdict;  // nothing is kept of a refusal
    std::uint64_t& counter = counters[ask.lease];
    if (!known && ask.phase == Phase::start) counter = ask.used;
    std::uint64_t counted = 0;
    if (ask.used > counter) {
      if (verdict.outcome == Outcome::granted) grants[ask.key].used += ask.used - counter;
      counter = ask.used;
      counted = ++sequence;
    }
    if (ask.phase == Phase::stop) ended.insert(ask.lease);
    wanted_ = ask.requested == 0 ? wanted_by_itself : ask.requested;
    verdict = look(ask.key, ask.line, ask.service, now);
    wanted_ = wanted_by_itself;
    verdict.sequence = counted;
    return verdict;
  }

  Verdict look(SubscriptionKey key, LineKind, ServiceIndex service, Instant) override {
    const auto found = grants.find(key);
    if (found == grants.end()) return {.outcome = Outcome::unknown};
    const Grant& grant = found->second;
    if (service == lessons && grant.lessons) return {.outcome = Outcome::granted, .measure = 1};
    if (service == everything && grant.everything) {
      if (grant.used < grant.quota) {
        Verdict granted{.outcome = Outcome::granted, .unlimited = grant.quota == UINT64_MAX, .measure = 2};
        granted.slice = std::min(wanted_, grant.quota - grant.used);
        granted.last = granted.slice == grant.quota - grant.used;
        granted.limited_after = granted.last && grant.limited_after;
        return granted;
      }
      return {.outcome = grant.limited_after ? Outcome::limited : Outcome::used_up, .measure = 2};
    }
    return {.outcome = Outcome::not_covered};
  }

  bool defers(SubscriptionKey key, LineKind, Instant) override {
    const auto found = grants.find(key);
    return found != grants.end() && found->second.deferral;
  }

  std::optional<LeaseView> lease(const LeaseId& id) const override {
    const auto found = counters.find(id);
    if (found == counters.end()) return std::nullopt;
    return LeaseView{.cumulative = found->second, .ended = ended.contains(id)};
  }
  void apply_sibling(std::uint64_t, const Record&, Instant) override {}
  void sibling_heard(std::uint8_t, Instant) override {}
  std::uint64_t sibling_sequence(std::uint8_t) const override { return 0; }
  void sibling_stands(std::uint8_t, std::uint64_t, std::uint64_t) override {}
  void prefetch(SubscriptionKey, Instant) override {}
  void tick(Instant) override {}
  void settled_through(std::uint64_t) override {}
  Counts counts() const override { return {}; }

 private:
  static constexpr std::uint64_t wanted_by_itself = 100u << 20;
  std::mutex mutex_;
  std::uint64_t wanted_ = wanted_by_itself;
};

inline ServerOptions options_for_tests() {
  ServerOptions options;
  options.clients = {
      {.address = "10.0.0.1", .secret = "testing123", .coa_address = ":3799"},
      {.address = "10.0.0.2", .secret = "old", .require_message_authenticator = false, .coa_address = {}}};
  options.feed_key = {.k0 = 1, .k1 = 2};
  options.service = everything;
  options.profiles = {
      {.service = lessons, .attributes = {"Filter-Id=edu"}},
      {.service = everything, .attributes = {"Mikrotik-Rate-Limit=10M/10M", "Filter-Id=open"}}};
  options.limited = {"Filter-Id=limited", "Mikrotik-Rate-Limit=128k/128k"};
  options.normal = {"Filter-Id=paid"};
  return options;
}

inline SubscriptionKey key_of(std::string_view name) {
  return feed::pseudonym({.k0 = 1, .k1 = 2}, "fixed", name);
}

}  // namespace dayaq::edge::radius::testing_support
