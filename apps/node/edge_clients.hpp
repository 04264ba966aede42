// The operators' edges as OAuth clients: each that was enrolled with a client key is one.
//
// It may use client credentials alone, proven by that key, for what an edge's routes ask, and ends with the
// edge, or when the edge gets another key. There is nothing to carry over: the book of edges is asked.
#pragma once

#include "identity/oidc/clients.hpp"
#include "regime/edges.hpp"

namespace dayaq::node {

/// For Clients::set_others(). Both outlive it.
[[nodiscard]] identity::oidc::Clients::Others edge_clients(
    const regime::EdgeBook& edges, const registry::OrganisationDirectory& organisations);

}  // namespace dayaq::node
