// The answers that the server gives itself, and the gate that each request passes before its handler.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/parse.hpp"
#include "http/router.hpp"

namespace dayaq::http {

[[nodiscard]] Response timed_out(std::string_view detail);   ///< 408
[[nodiscard]] Response request_timed_out();                  ///< 503: the handler is late
[[nodiscard]] Response server_stops();                       ///< 503
[[nodiscard]] Response body_too_long(std::size_t body_max);  ///< 413
[[nodiscard]] Response chunks_malformed();                   ///< 400
/// 503 with a Retry-After of 1 to 5 seconds, spread by `count` so that callers don't come back all at once.
[[nodiscard]] Response overloaded(std::uint64_t count);

/// What a head alone says about a request.
struct Admission {
  std::optional<Response> refusal;
  /// Who is calling can't be said from memory: admit_caller() decides, on a worker, before the handler.
  bool ask_on_worker = false;
  /// The refusal sends the caller to sign in. Where there is a gate, that comes first: a crowd that isn't
  /// signed in meets it as well.
  bool sign_in = false;
};

/// Everything that a head alone can decide: 400, 404, 405, OPTIONS, 401, 403, 413, and 303 to the sign-in
/// page. Sets the request's principal.
/// @param authenticator  may be null: then nobody has a scope or is signed in
/// @see RFC 9110 sections 9.3.7, 15.5; RFC 6750 section 3; RFC 9449 section 7.1; RFC 9470 section 3
[[nodiscard]] Admission admit_by_head(const Router::Match& match, Request& request, const Framing& framing,
                                      const Authenticator* authenticator);
/// The rest of it, on a worker. Sets the request's principal.
[[nodiscard]] std::optional<Response> admit_caller(const Route& route, Request& request,
                                                   const Authenticator& authenticator);

/// Turns problem details into the router's error page, if it has one and a person asks; see
/// Router::set_error_page.
void show_to_person(const Router& router, const Request& request, Response& response);

}  // namespace dayaq::http
