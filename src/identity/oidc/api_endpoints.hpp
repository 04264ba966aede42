// The endpoints besides the token endpoint.
#pragma once

#include <memory>

#include "identity/oidc/provider.hpp"

namespace dayaq::identity::oidc {

[[nodiscard]] http::Response introspect(const Provider& provider, const http::Request& request);
/// Answers once the revocation is durable.
void revoke(const Provider& provider, const std::shared_ptr<const http::Request>& request,
            http::Responder respond);
/// GET and POST; worker thread.
[[nodiscard]] http::Response userinfo(const Provider& provider, const http::Request& request);
[[nodiscard]] http::Response jwks(const Provider& provider);
/// OpenID Connect Discovery 1.0 section 3 and RFC 8414 section 2: the same document for both. Says only what
/// is served: `router` has all routes by then.
[[nodiscard]] std::string discovery_document(const Provider& provider, const http::Router& router);

}  // namespace dayaq::identity::oidc
