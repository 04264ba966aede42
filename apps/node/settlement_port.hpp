// The settlements' page, answered by the settlement room.
#pragma once

#include "node_state.hpp"
#include "portal/settled.hpp"

namespace dayaq::node {

class SettledSums final : public portal::Settlements {
 public:
  explicit SettledSums(const NodeParts& node) : node_(node) {}
  [[nodiscard]] Result<portal::SettledMonth> month(std::optional<Date> first_day) override;
  [[nodiscard]] std::vector<portal::UseAMinute> now(const RegimeCode& regime) override;

 private:
  NodeParts node_;
};

}  // namespace dayaq::node
