// Numbers of permits' kinds, small enough for a token: given in the order in which services that issue them
// were first published, which never changes.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "services/cases/book.hpp"

namespace dayaq::services {

struct PermitKind {
  std::string code;  ///< as the step that issues it says
  std::uint16_t number = 0;
  LocalizedText name;  ///< of the newest published service that issues it
};

/// Follows the book. Any thread.
class PermitKinds {
 public:
  explicit PermitKinds(const ServiceBook& book) : book_(book) {}
  /// 0 for a kind that no published service ever issued.
  [[nodiscard]] std::uint16_t number(std::string_view code) const;
  /// Ascending by number.
  [[nodiscard]] std::shared_ptr<const std::vector<PermitKind>> all() const;

 private:
  const ServiceBook& book_;
  mutable std::mutex mutex_;  // guards what follows
  mutable std::uint64_t edition_ = 0;
  mutable std::shared_ptr<const std::vector<PermitKind>> kinds_;
};

}  // namespace dayaq::services
