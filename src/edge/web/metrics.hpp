// The edge's metrics. deploy/grafana/dayaq-edge.json shows them; tests hold the two together.
#pragma once

#include <memory>

#include "edge/web/status.hpp"
#include "http/metrics.hpp"

namespace dayaq::edge::web {

/// Registers all; those of a part that this edge doesn't serve are left out.
void add_metrics(http::Metrics& metrics, std::shared_ptr<StatusBoard> board);

}  // namespace dayaq::edge::web
