// Errors as OAuth says them. @see RFC 6749 section 5.2, RFC 6750 section 3, RFC 9449 sections 5, 8
#include <fmt/format.h>

#include "crypto/jwt_json.hpp"
#include "identity/oidc/answers.hpp"
#include "identity/oidc/token_state.hpp"

namespace dayaq::identity::oidc {
namespace {

constexpr std::string_view prefix = "oauth.";

/// OAuth's own word for an error of any room.
std::string_view word_of(const Error& error) {
  if (error.kind == ErrorKind::unavailable || error.kind == ErrorKind::limit) {
    return error.code == "oauth.slow_down" ? "slow_down" : "temporarily_unavailable";
  }
  if (error.code.starts_with(prefix)) return error.code.substr(prefix.size());
  if (error.kind == ErrorKind::invalid_input) return "invalid_request";
  if (error.kind == ErrorKind::unauthenticated) return "invalid_client";
  return "server_error";
}

int status_of(std::string_view word) {
  if (word == "invalid_client") return 401;
  if (word == "temporarily_unavailable") return 503;
  if (word == "server_error") return 500;
  return 400;
}

/// Only %x20-21 / %x23-5B / %x5D-7E may stand in error_description.
std::string description_of(const Error& error) {
  std::string out = error.public_text;
  for (char& c : out) {
    if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') c = '\'';
  }
  return out;
}

}  // namespace

http::Response error_answer(const Error& error) {
  const std::string_view word = word_of(error);
  http::Response response = http::Response::json(
      fmt::format(R"({{"error":"{}","error_description":"{}"}})", word, description_of(error)),
      status_of(word));
  never_stored(response);
  if (word == "invalid_client") response.headers.emplace_back("WWW-Authenticate", R"(Basic realm="oauth")");
  if (word == "temporarily_unavailable") response.headers.emplace_back("Retry-After", "1");
  return response;
}

http::Response error_answer(const Provider& provider, const Error& error, Instant now) {
  http::Response response = error_answer(error);
  if (error.code == "oauth.use_dpop_nonce") add_nonce(response, provider, now);
  return response;
}

http::Response token_refused(const Provider& provider, const Error& error, bool dpop, Instant now) {
  std::string_view word = "invalid_token";
  int status = 401;
  if (error.code == "oauth.use_dpop_nonce" || error.code == "oauth.invalid_dpop_proof") word = word_of(error);
  if (error.code == "oauth.insufficient_scope") {
    word = "insufficient_scope";
    status = 403;
  }
  if (error.kind == ErrorKind::unavailable || error.kind == ErrorKind::internal) return error_answer(error);
  http::Response response = http::Response::json(
      fmt::format(R"({{"error":"{}","error_description":"{}"}})", word, description_of(error)), status);
  never_stored(response);
  response.headers.emplace_back("WWW-Authenticate",
                                dpop ? fmt::format(R"(DPoP error="{}", algs="ES256 EdDSA PS256")", word)
                                     : fmt::format(R"(Bearer error="{}")", word));
  if (word == "use_dpop_nonce") add_nonce(response, provider, now);
  return response;
}

void never_stored(http::Response& response) {
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("Pragma", "no-cache");  // RFC 6749 section 5.1 asks for it too
}

void for_browsers(http::Response& response) {
  response.headers.emplace_back("Access-Control-Allow-Origin", "*");
  response.headers.emplace_back("Access-Control-Expose-Headers", "DPoP-Nonce, WWW-Authenticate");
}

void add_nonce(http::Response& response, const Provider& provider, Instant now) {
  response.headers.emplace_back("DPoP-Nonce", provider.tokens->nonce(now));
}

}  // namespace dayaq::identity::oidc
