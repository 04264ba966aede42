// The law: all versions of all regimes that were ever approved, and what of them is in force at a moment.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "regime/types.hpp"

namespace dayaq::regime {

/// One measure of one version, with the period in which it is law: the intersection of the measure's, the
/// regime's, and [approved, superseded). Never empty: what was superseded before its start never was law.
struct LawfulMeasure {
  std::shared_ptr<const RegimeVersion> version;
  const Measure* measure = nullptr;  ///< into *version
  Rule rule;                         ///< the measure's `who` within the regime's territory, simplified
  Period period;
};

/// An immutable value; a new one is made at each approval or end.
class Law {
 public:
  Law() = default;
  /// Drafts and submitted versions may be among them and are left out.
  explicit Law(const std::vector<std::shared_ptr<const RegimeVersion>>& versions);
  /// All, ever, ordered by (regime code, version, position in the file).
  [[nodiscard]] const std::vector<LawfulMeasure>& measures() const { return measures_; }
  /// Indexes into measures() of those in force at t.
  [[nodiscard]] std::vector<std::size_t> in_force_at(Instant t) const;
  /// The next moment after t at which something begins or ends to be law.
  [[nodiscard]] std::optional<Instant> next_change(Instant t) const;
  /// The version of a regime that is law at t, null if none is.
  [[nodiscard]] std::shared_ptr<const RegimeVersion> version_at(const RegimeCode& code, Instant t) const;

 private:
  std::vector<LawfulMeasure> measures_;
  std::vector<std::shared_ptr<const RegimeVersion>>
      versions_;  // that were law at some time, by code and version
};

}  // namespace dayaq::regime
