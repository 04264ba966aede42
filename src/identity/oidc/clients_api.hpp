// /v1/clients: an organisation's programs and relying parties, registered by itself or by the node's
// administrator.
#pragma once

#include "http/router.hpp"
#include "identity/oidc/clients.hpp"
#include "identity/oidc/provider.hpp"

namespace dayaq::identity::oidc {

/// What the routes work with; all of it outlives the router.
struct ClientsApi {
  const Provider& provider;
  const registry::Registry& registry;
};

/// GET /v1/clients; POST /v1/clients; PUT /v1/clients/{client}; POST /v1/clients/{client}/secret and .../end.
///
/// Who isn't the administrator acts for their own organisation alone, gives a program no scope of the API
/// that they don't have themselves, and neither says that a law stands in for consent nor lets a client in
/// without PKCE.
void add_client_routes(http::Router& router, const ClientsApi& api);

}  // namespace dayaq::identity::oidc
