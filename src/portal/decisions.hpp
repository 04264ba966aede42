// The decisions on a regime, each with its entry in the audit log.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "portal/ports.hpp"

namespace dayaq::portal {

/// One entry of the audit log: its index and its leaf, the very text whose hash is in the tree.
struct TrailEntry {
  std::uint64_t index = 0;
  std::string leaf;
};

struct Decision {
  enum class Kind : std::uint8_t { submitted, approved, ended };
  Kind kind = Kind::submitted;
  int version = 1;
  Instant at;
  std::string actor;                ///< as in the audit log: "org:CODE/key:ID", "cli"
  std::optional<TrailEntry> entry;  ///< nullopt if it wasn't found
};

/// Finds entries by their time: the log is in the order of time, so a binary search leads there, and a few
/// entries around are read. An entry that was found is remembered, since entries never move. Thread-safe.
class DecisionTrail {
 public:
  explicit DecisionTrail(AuditLeaves& leaves) : leaves_(leaves) {}
  /// Of all versions of one regime, oldest first.
  [[nodiscard]] std::vector<Decision> decisions(const Versions& versions);

 private:
  void find_entry(Decision& decision, const RegimeCode& code);

  AuditLeaves& leaves_;
  std::mutex mutex_;  // guards found_
  std::map<std::string, TrailEntry> found_;
};

}  // namespace dayaq::portal
