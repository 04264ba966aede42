// An edge's state as the API writes it: members of an object, without its braces.
#pragma once

#include <string>

#include "regime/edges.hpp"

namespace dayaq::regime {

[[nodiscard]] std::string edge_json(const Edge& edge);
[[nodiscard]] std::string progress_json(const EdgeState& state, const EdgeLag& lag, Instant now);

}  // namespace dayaq::regime
