// The numbers under which codes are stored: given once, never reused, independent of the country pack's
// order.
#pragma once

#include <vector>

#include "registry/country_pack.hpp"
#include "store/database.hpp"

namespace dayaq::registry {

/// Between a country pack's indexes and the numbers in the database. Immutable; shared by all threads.
class Catalogue {
 public:
  /// Gives numbers to what is new in the pack (in a write transaction).
  /// conflict "registry.code_removed" if the database knows a status or place that the pack no longer has:
  /// rows may hold it, so that it must be put back.
  static Result<Catalogue> open(store::Session& session, const CountryPack& pack);

  [[nodiscard]] std::int64_t number(StatusIndex index) const { return status_numbers_.at(index); }
  [[nodiscard]] std::int64_t place_number(PlaceIndex index) const { return place_numbers_.at(index); }
  /// Of a number read from the database; ends the program for one that was never given.
  [[nodiscard]] StatusIndex status(std::int64_t number) const {
    return statuses_.at(static_cast<std::size_t>(number));
  }
  [[nodiscard]] PlaceIndex place(std::int64_t number) const {
    return places_.at(static_cast<std::size_t>(number));
  }

 private:
  std::vector<std::int64_t> status_numbers_, place_numbers_;  ///< by index
  std::vector<StatusIndex> statuses_;                         ///< by number
  std::vector<PlaceIndex> places_;                            ///< by number
};

}  // namespace dayaq::registry
