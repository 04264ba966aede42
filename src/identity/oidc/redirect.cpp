#include "identity/oidc/redirect.hpp"

#include <algorithm>

#include "http/encoding.hpp"

namespace dayaq::identity::oidc {
namespace {

/// What follows the port of a loopback address, or nothing if it isn't one: "http://127.0.0.1:5000/x" ->
/// "/x".
std::optional<std::string_view> after_loopback(std::string_view uri, std::string_view host) {
  if (!uri.starts_with(host)) return std::nullopt;
  uri.remove_prefix(host.size());
  if (uri.starts_with(':')) {
    uri.remove_prefix(1);
    std::size_t digits = 0;
    unsigned port = 0;
    while (digits < uri.size() && digits < 6 && uri[digits] >= '0' && uri[digits] <= '9') {
      port = port * 10 + unsigned(uri[digits] - '0');
      ++digits;
    }
    if (digits == 0 || digits > 5 || port == 0 || port > 65535) return std::nullopt;
    uri.remove_prefix(digits);
  }
  // Anything else here would be part of the host: "http://127.0.0.1.evil.example", "http://127.0.0.1@evil".
  if (!uri.empty() && uri.front() != '/' && uri.front() != '?') return std::nullopt;
  return uri;
}

/// RFC 6749 appendix A.8: printable ASCII without quotes and backslashes.
std::string description_of(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c >= 0x20 && c <= 0x7e && c != '"' && c != '\\') out += c;
  }
  return out;
}

}  // namespace

bool redirect_uri_matches(std::string_view registered, std::string_view asked) {
  if (registered == asked) return !registered.empty();
  for (const std::string_view host : {"http://127.0.0.1", "http://[::1]"}) {
    const auto ours = after_loopback(registered, host);
    const auto theirs = after_loopback(asked, host);
    if (ours && theirs) return *ours == *theirs;
  }
  return false;
}

bool is_registered_redirect(const Client& client, std::string_view asked) {
  return std::ranges::any_of(client.redirect_uris,
                             [&](const std::string& uri) { return redirect_uri_matches(uri, asked); });
}

Redirect respond(const ResponseTarget& target, std::string_view issuer, ResponseFields fields) {
  if (!target.state.empty()) fields.emplace_back("state", target.state);
  fields.emplace_back("iss", issuer);
  if (target.form_post) return {.location = target.redirect_uri, .form = std::move(fields)};
  // RFC 6749 section 3.1.2: a query that the redirect_uri has is kept.
  std::string location = target.redirect_uri;
  char separator = location.find('?') == std::string::npos ? '?' : '&';
  for (const auto& [name, value] : fields) {
    location += separator;
    location += name;
    location += '=';
    location += http::percent_encode(value);
    separator = '&';
  }
  return {.location = std::move(location), .form = {}};
}

Redirect respond_error(const ResponseTarget& target, std::string_view issuer, const Error& error) {
  constexpr std::string_view prefix = "oauth.";
  std::string word = "server_error";
  if (error.code.starts_with(prefix)) {
    word = error.code.substr(prefix.size());
  } else if (error.kind == ErrorKind::unavailable || error.kind == ErrorKind::limit) {
    word = "temporarily_unavailable";
  }
  ResponseFields fields{{"error", std::move(word)}};
  if (error.kind != ErrorKind::internal) {
    fields.emplace_back("error_description", description_of(error.public_text));
  }
  return respond(target, issuer, std::move(fields));
}

}  // namespace dayaq::identity::oidc
