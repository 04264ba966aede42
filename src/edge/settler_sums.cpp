#include "edge/settler_sums.hpp"

#include <algorithm>

namespace dayaq::edge {
namespace {

/// In what a service is counted, whatever its definition says (of tv it says nothing).
feed::Unit unit_of(feed::Benefit kind) {
  switch (kind) {
    case feed::Benefit::messages:
      return feed::Unit::messages;
    case feed::Benefit::data:
      return feed::Unit::octets;
    case feed::Benefit::deferral:
    case feed::Benefit::discount:
      return feed::Unit::qepik;
    case feed::Benefit::voice:
    case feed::Benefit::tv:
    case feed::Benefit::room:
      break;
  }
  return feed::Unit::seconds;
}

}  // namespace

std::int32_t DayFinder::day_of(Instant t) {
  if (!known_.contains(t)) {
    const Date day = zone_.day_of(t);
    known_ = {.from = zone_.start_of(day), .until = zone_.start_of(day + std::chrono::days(1))};
    day_ = std::int32_t(day.time_since_epoch().count());
  }
  return day_;
}

SettlementSums::Added SettlementSums::add(const Record& record, DayFinder& days) {
  if (!record.counts() || record.measure == 0 || record.used == 0) {
    return Added::skipped;
  }
  const Key key{.measure = record.measure,
                .day = days.day_of(record.at),
                .benefit = record.benefit,
                .service = record.service};
  if (record.used > std::uint64_t(units_max) || key.day < 0 || key.day > feed::settlement_day_max) {
    return Added::implausible;
  }
  auto found = sums_.find(key);
  if (found == sums_.end()) {
    if (sums_.size() == feed::settlement_lines_max) return Added::full;
    found = sums_.emplace(key, Sum{}).first;
  }
  const auto used = std::int64_t(record.used);
  const std::int64_t units = found->second.units + (record.gives_back() ? -used : used);
  constexpr std::uint32_t requests_max = (std::uint32_t(1) << 31) / services_max;
  if (units > units_max || units < -units_max || found->second.requests == requests_max) return Added::full;
  found->second.units = units;
  found->second.requests += 1;
  found->second.orphans += record.orphan ? 1 : 0;
  return Added::counted;
}

std::vector<feed::SettlementLine> SettlementSums::lines(const Replica& replica,
                                                        const ServiceTable& services) const {
  std::vector<feed::SettlementLine> out;
  out.reserve(sums_.size());
  for (const auto& [key, sum] : sums_) {
    feed::SettlementLine line{.measure = key.measure,
                              .benefit = std::uint8_t(key.benefit & ~month_of_use),
                              .day = key.day,
                              .units = sum.units,
                              .requests = sum.requests,
                              .orphans = sum.orphans};
    const bool month = (key.benefit & month_of_use) != 0;
    const Measure* measure = replica.measure(key.measure);
    if (measure != nullptr && line.benefit < measure->benefits.size()) {
      const feed::BenefitLine& benefit = measure->benefits[line.benefit];
      line.kind = benefit.kind;
      line.unit = benefit.unit == feed::Unit::none ? unit_of(benefit.kind) : benefit.unit;
      line.traffic_class = benefit.traffic_class;
    } else if (key.service < services.size()) {
      line.kind = services.at(key.service).kind;
      line.unit = unit_of(line.kind);
      line.traffic_class = services.at(key.service).traffic_class;
    }
    if (month) line.unit = feed::Unit::none;  // subscriptions, each once in its month
    out.push_back(std::move(line));
  }
  std::ranges::sort(out, [](const auto& a, const auto& b) { return feed::compare_names(a, b) < 0; });
  std::size_t kept = 0;  // several services of one benefit are one line
  for (std::size_t i = 1; i < out.size(); ++i) {
    if (feed::compare_names(out[kept], out[i]) == 0) {
      out[kept].units += out[i].units;
      out[kept].requests += out[i].requests;
      out[kept].orphans += out[i].orphans;
    } else {
      ++kept;
      if (kept != i) out[kept] = std::move(out[i]);
    }
  }
  if (!out.empty()) out.resize(kept + 1);
  return out;
}

}  // namespace dayaq::edge
