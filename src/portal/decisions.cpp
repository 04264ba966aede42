#include "portal/decisions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "audit/leaf.hpp"

namespace dayaq::portal {
namespace {

// An entry is written a moment after its decision took its time, in the same transaction.
constexpr std::chrono::seconds window{10};
constexpr std::uint64_t reads_max = 5000;

std::optional<Instant> time_of(AuditLeaves& leaves, std::uint64_t index) {
  const auto text = leaves.leaf(index);
  if (!text) return std::nullopt;
  const auto leaf = audit::parse_leaf(*text);
  if (!leaf) return std::nullopt;
  const auto at = parse_instant(leaf->at);
  return at ? std::optional(*at) : std::nullopt;
}

/// The first entry at t or later; size if there is none. nullopt if the log can't be read.
std::optional<std::uint64_t> first_entry_from(AuditLeaves& leaves, Instant t) {
  std::uint64_t low = 0;
  std::uint64_t high = leaves.size();
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const auto at = time_of(leaves, middle);
    if (!at) return std::nullopt;
    if (*at < t) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

bool is_action(std::string_view action, Decision::Kind kind) {
  switch (kind) {
    case Decision::Kind::submitted:
      return action == "regime.submit" || action == "regime.amend";
    case Decision::Kind::approved:
      return action == "regime.approve";
    case Decision::Kind::ended:
      return action == "regime.end";
  }
  return false;
}

}  // namespace

void DecisionTrail::find_entry(Decision& decision, const RegimeCode& code) {
  const std::string key = fmt::format("{}/{}/{}", code, decision.version, static_cast<int>(decision.kind));
  {
    const std::lock_guard lock(mutex_);
    const auto known = found_.find(key);
    if (known != found_.end()) {
      decision.entry = known->second;
      return;
    }
  }
  // Keys of canonical JSON are sorted: "code" comes first, "version" last.
  const std::string head = fmt::format(R"({{"code":"{}",)", code);
  const std::string tail = fmt::format(R"("version":{}}})", decision.version);
  const auto first = first_entry_from(leaves_, decision.at);
  if (!first) return;
  const std::uint64_t end = std::min(leaves_.size(), *first + reads_max);
  for (std::uint64_t index = *first; index < end; ++index) {
    const auto text = leaves_.leaf(index);
    const auto leaf = text ? audit::parse_leaf(*text) : std::nullopt;
    if (!leaf) return;
    const auto at = parse_instant(leaf->at);
    if (!at || *at > decision.at + window) return;
    if (!is_action(leaf->action, decision.kind) || !leaf->data.starts_with(head) ||
        !leaf->data.ends_with(tail))
      continue;
    decision.entry = TrailEntry{index, *text};
    const std::lock_guard lock(mutex_);
    found_.emplace(key, *decision.entry);
    return;
  }
}

std::vector<Decision> DecisionTrail::decisions(const Versions& versions) {
  std::vector<Decision> out;
  for (const auto& version : versions) {
    const int number = version->regime.version;
    out.push_back({Decision::Kind::submitted, number, version->submitted, version->submitted_by, {}});
    if (!version->approved_by.empty()) {
      out.push_back({Decision::Kind::approved, number, version->approved, version->approved_by, {}});
    }
    if (!version->ended_by.empty()) {
      out.push_back({Decision::Kind::ended, number, version->ended, version->ended_by, {}});
    }
  }
  std::ranges::sort(out, {}, [](const Decision& d) { return std::tuple(d.at, d.version, d.kind); });
  for (Decision& decision : out) find_entry(decision, versions.front()->regime.code);
  return out;
}

}  // namespace dayaq::portal
