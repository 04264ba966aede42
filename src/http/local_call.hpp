// One request to a router without a socket: how a command works on a node in its own process.
#pragma once

#include <string_view>

#include "http/router.hpp"

namespace dayaq::http {

/// Passes the same gate as a request from the network (route, key, scope, size of the body), runs the handler
/// on this thread, and waits for its answer. Must not be called on a thread that the handler's answer needs.
/// @param target  path and query, percent-encoded
[[nodiscard]] Response call(const Router& router, const Authenticator* authenticator, Method method,
                            std::string_view target, std::string_view body, std::string_view content_type,
                            std::string_view bearer_token);

}  // namespace dayaq::http
