// What the journal's records add up to: one open batch of the settlement.
#pragma once

#include <unordered_map>
#include <vector>

#include "edge/journal.hpp"
#include "edge/replica.hpp"
#include "feed/settlement.hpp"

namespace dayaq::edge {

/// Civil days of instants that come nearly in order: asks the zone only when the day changes.
class DayFinder {
 public:
  explicit DayFinder(Zone zone) : zone_(std::move(zone)) {}
  [[nodiscard]] std::int32_t day_of(Instant t);

 private:
  Zone zone_;
  Period known_{.from = instant_max, .until = instant_min};
  std::int32_t day_ = 0;
};

class SettlementSums {
 public:
  enum class Added : std::uint8_t {
    counted,
    skipped,      ///< nothing of it is settled: no use reported, a sibling's, or no measure's
    implausible,  ///< no subscription uses so much in one report: not counted, for a person to look at
    full,         ///< not added: the batch must be closed first
  };
  Added add(const Record& record, DayFinder& days);
  [[nodiscard]] bool empty() const { return sums_.empty(); }
  void clear() { sums_.clear(); }

  /// The lines in a batch's order. What a measure's benefit is comes from the replica (call with the edge's
  /// lock held); of a measure that the replica has forgotten, from the service that was asked for.
  [[nodiscard]] std::vector<feed::SettlementLine> lines(const Replica& replica,
                                                        const ServiceTable& services) const;

  /// In one sum, and in one report: 140 terabytes. Services of one benefit add up to a line's most.
  static constexpr std::int64_t units_max = feed::settlement_units_max / std::int64_t(services_max);

 private:
  struct Key {
    MeasureNumber measure = 0;
    std::int32_t day = 0;
    std::uint8_t benefit = 0;
    ServiceIndex service = no_service;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      std::uint64_t hash = std::uint64_t(key.measure) << 32 ^ std::uint64_t(std::uint32_t(key.day)) << 16 ^
                           std::uint64_t(key.benefit) << 8 ^ key.service;
      hash *= 0x9e3779b97f4a7c15u;
      return std::size_t(hash ^ hash >> 32);
    }
  };
  struct Sum {
    std::int64_t units = 0;
    std::uint32_t requests = 0;
    std::uint32_t orphans = 0;
  };
  std::unordered_map<Key, Sum, KeyHash> sums_;
};

}  // namespace dayaq::edge
