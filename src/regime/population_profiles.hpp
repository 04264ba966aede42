// Profiles: the lists of grants that lines have in common, each kept once.
//
// Ten million lines have a few thousand different lists of grants between them: most grants end with their
// measure, and those that end for a person alone end on a midnight. A line therefore holds a number.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "regime/population_lines.hpp"

namespace dayaq::regime {

/// The number under which a measure of one version of a regime goes to the edges, for good. @see docs/feed.md
using MeasureNumber = std::uint32_t;

/// A measure in force for a line until a moment.
struct LineGrant {
  Instant until = instant_max;
  MeasureNumber measure = 0;
  friend bool operator==(const LineGrant&, const LineGrant&) = default;
};

/// Counts its users, and forgets a list when the last has left it. Not thread-safe.
class Profiles {
 public:
  Profiles();
  /// The number of a list, sorted by measure, with one more user. 0 for the empty list, which isn't counted.
  ProfileId take(std::span<const LineGrant> grants);
  /// One more user of a list that is known.
  void take(ProfileId id, std::uint32_t users = 1) { entries_[id].users += id == 0 ? 0 : users; }
  void leave(ProfileId id);
  [[nodiscard]] std::span<const LineGrant> at(ProfileId id) const { return entries_[id].grants; }
  /// Numbers in use lie below this.
  [[nodiscard]] std::size_t bound() const { return entries_.size(); }
  [[nodiscard]] std::size_t size() const { return by_hash_.size() + 1; }

 private:
  struct Entry {
    std::vector<LineGrant> grants;
    std::uint64_t hash = 0;
    std::uint32_t users = 0;
  };
  std::vector<Entry> entries_;
  std::vector<ProfileId> free_;
  std::unordered_multimap<std::uint64_t, ProfileId> by_hash_;
};

}  // namespace dayaq::regime
