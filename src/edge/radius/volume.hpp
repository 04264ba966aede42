// Attributes that bound what a session may use, for network access servers that count by themselves.
//
// The operator's file writes them with what is the session's own in braces:
//   {total}, {gigawords}  the session's counter up to which it may go: its lower and its upper 32 bits
//   {left}                octets from now on, at most 2^32 - 1
//   {kilobytes}           the same in units of 1024, at most 2^32 - 1
// "ChilliSpot-Max-Total-Octets={total}", "Huawei-Remanent-Volume={kilobytes}",
// "Alc-Credit-Control-Quota={left}|0|all".
#pragma once

#include <span>
#include <string>
#include <vector>

#include "edge/radius/dictionary.hpp"

namespace dayaq::edge::radius {

/// A counter that no session reaches: takes a bound away.
inline constexpr std::uint64_t no_bound = std::uint64_t(1) << 62;

class VolumeAttributes {
 public:
  /// invalid_input "radius.attribute": what add_attribute refuses, an unknown name in braces, none at all, or
  /// {total} without {gigawords}, which would cut a session off at every 4 GiB.
  static Result<VolumeAttributes> create(std::span<const std::string> texts);

  [[nodiscard]] bool empty() const { return texts_.empty(); }
  [[nodiscard]] const std::vector<Kind>& kinds() const { return kinds_; }
  /// For a session whose counter stands at `octets` and may go to `total`.
  [[nodiscard]] Bytes encoded(std::uint64_t octets, std::uint64_t total) const;

 private:
  std::vector<std::string> texts_;
  std::vector<Kind> kinds_;
};

}  // namespace dayaq::edge::radius
