// An edge's state as the API writes it: members of an object, without its braces.
#pragma once

#include <string>
#include <string_view>

#include "regime/edges.hpp"

namespace dayaq::regime {

/// @param client_id  of its OAuth client, "" without one
[[nodiscard]] std::string edge_json(const Edge& edge, std::string_view client_id);
[[nodiscard]] std::string progress_json(const EdgeState& state, const EdgeLag& lag, Instant now);

}  // namespace dayaq::regime
