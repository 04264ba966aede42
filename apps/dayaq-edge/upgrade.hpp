// Upgrade in place of an edge (base/hand_over.hpp): its peers' connections go over with their state.
#pragma once

#include "base/hand_over.hpp"
#include "edge.hpp"

namespace dayaq::edge {

/// Errors of diameter::send_inheritance.
Result<void> give(const Successor& next, Inherited inherited);

/// Waits for what the process before gives. Errors of diameter::receive_inheritance.
[[nodiscard]] Result<Inherited> take_inheritance(int socket);

}  // namespace dayaq::edge
