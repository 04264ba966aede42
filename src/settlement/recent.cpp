#include "settlement/recent.hpp"

#include <algorithm>
#include <utility>

namespace dayaq::settlement {

void Recent::add(const feed::Settlement& batch) {
  const std::scoped_lock lock(mutex_);
  Edge& edge = edges_[batch.operator_code + "/" + batch.edge];
  if (batch.number <= edge.number) return;
  Batch kept{.from = edge.until, .until = batch.created, .lines = {}};
  edge.number = batch.number;
  edge.until = batch.created;
  // An edge's first batch, and one that took long, say nothing about a minute.
  if (kept.until <= kept.from || kept.from == instant_min || kept.until - kept.from > late) {
    return edge.batches.clear();
  }
  for (const feed::SettlementLine& line : batch.lines) {
    if (line.kind == feed::Benefit::tv && line.unit == feed::Unit::none)
      continue;  // subscriptions of a month
    kept.lines.push_back(
        {.measure = line.measure, .kind = line.kind, .units = static_cast<double>(line.units)});
  }
  edge.batches.push_back(std::move(kept));
  while (edge.batches.size() > 1 && edge.batches.front().until + late < batch.created)
    edge.batches.pop_front();
}

std::vector<RecentUse> Recent::a_minute(Instant now) const {
  std::map<std::pair<std::uint32_t, feed::Benefit>, double> sums;
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, edge] : edges_) {
    if (edge.batches.empty() || edge.until + late < now || edge.until > now + late) continue;
    // The edge's last minute, counted back from what it told last.
    std::chrono::microseconds told{0};
    std::map<std::pair<std::uint32_t, feed::Benefit>, double> mine;
    for (auto batch = edge.batches.rbegin(); batch != edge.batches.rend() && told < window; ++batch) {
      told += batch->until - batch->from;
      for (const RecentUse& line : batch->lines) mine[{line.measure, line.kind}] += line.units;
    }
    // Where less than a minute is told, the rest counts as unused.
    const double minutes = std::max(1.0, static_cast<double>(told.count()) / 60e6);
    for (const auto& [key, units] : mine) sums[key] += units / minutes;
  }
  std::vector<RecentUse> out;
  for (const auto& [key, units] : sums) {
    out.push_back({.measure = key.first, .kind = key.second, .units = units});
  }
  return out;
}

}  // namespace dayaq::settlement
