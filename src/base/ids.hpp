// Ids that can't be mixed up.
#pragma once

#include <fmt/format.h>

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace dayaq {

/// A value that is only comparable with its own kind. `Rep` is a 64-bit number or a short code.
template <class Tag, class Rep>
class StrongId {
 public:
  using rep = Rep;
  StrongId() = default;
  explicit StrongId(Rep value) : value_(std::move(value)) {}
  [[nodiscard]] const Rep& value() const { return value_; }
  friend auto operator<=>(const StrongId&, const StrongId&) = default;
  friend bool operator==(const StrongId&, const StrongId&) = default;

 private:
  Rep value_{};
};

template <class Tag>
using Id64 = StrongId<Tag, std::uint64_t>;  ///< Made by the program; 1 .. 2^63-1, fits a BIGINT.
template <class Tag>
using Code = StrongId<Tag, std::string>;  ///< Lower-case letters, digits, `_` and `-`; see parse_code.

/// True for a code as they stand in files, URLs and SQL: [a-z0-9][a-z0-9_-]*, at most 64 bytes.
[[nodiscard]] constexpr bool is_code(std::string_view text) {
  if (text.empty() || text.size() > 64 || text.front() == '_' || text.front() == '-') return false;
  for (const char c : text) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-')) return false;
  }
  return true;
}

using PersonId = Id64<struct PersonTag>;
using OrganisationCode = Code<struct OrganisationTag>;
using StatusCode = Code<struct StatusTag>;
using PlaceCode = StrongId<struct PlaceTag, std::string>;  ///< "AZ-BA" (ISO 3166-2) or a settlement's code.
using RegimeCode = Code<struct RegimeTag>;
using MeasureCode = Code<struct MeasureTag>;
using TrafficClassCode = Code<struct TrafficClassTag>;

}  // namespace dayaq

template <class Tag, class Rep>
struct std::hash<dayaq::StrongId<Tag, Rep>> {
  std::size_t operator()(const dayaq::StrongId<Tag, Rep>& id) const noexcept {
    return std::hash<Rep>{}(id.value());
  }
};

template <class Tag, class Rep>
struct fmt::formatter<dayaq::StrongId<Tag, Rep>> : fmt::formatter<Rep> {
  template <class Context>
  auto format(const dayaq::StrongId<Tag, Rep>& id, Context& context) const {
    return fmt::formatter<Rep>::format(id.value(), context);
  }
};
