// What the portal asks of the rooms, answered by them.
#pragma once

#include <memory>

#include "http/metrics.hpp"
#include "http/router.hpp"
#include "node_state.hpp"
#include "portal/portal.hpp"

namespace dayaq::node {

/// The portal with all that it stands on.
class Pages {
 public:
  static Result<std::unique_ptr<Pages>> create(const NodeParts& node, const std::filesystem::path& web);
  ~Pages();
  void add_routes(http::Router& router);
  /// The frame of the pages, for those of other rooms.
  [[nodiscard]] const portal::Site& site() const;

 private:
  struct State;
  explicit Pages(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Gauges of the node for /metrics.
void add_gauges(http::Metrics& metrics, const NodeParts& node);
/// What keeps the node from serving, one sentence each.
[[nodiscard]] std::vector<std::string> not_ready(const NodeParts& node);

}  // namespace dayaq::node
