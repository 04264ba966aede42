#include "identity/web/forms.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/hmac.hpp"
#include "http/encoding.hpp"

namespace dayaq::identity::web {
namespace {

constexpr std::string_view form_label = "dayaq form 1";

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

std::unexpected<Error> bad_url() {
  return fail(ErrorKind::invalid_input, "node.url",
              "The public address must be an origin: https://id.example.az, or http://localhost:8080 for "
              "trying out.");
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<PublicUrl> parse_public_url(std::string_view url) {
  while (url.ends_with('/')) url.remove_suffix(1);
  PublicUrl out{
      .origin = std::string(url), .host = {}, .secure = url.starts_with("https://"), .loopback = false};
  if (!out.secure && !url.starts_with("http://")) return bad_url();
  std::string_view rest = url.substr(out.secure ? 8 : 7);
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) return bad_url();
    out.host = rest.substr(0, end + 1);
    rest.remove_prefix(end + 1);
    if (out.host != "[::1]") return bad_url();
  } else {
    const auto colon = rest.find(':');
    out.host = rest.substr(0, colon);
    rest.remove_prefix(std::min(colon, rest.size()));
    if (out.host.empty() || !std::ranges::all_of(out.host, is_host_character)) return bad_url();
  }
  if (!rest.empty() && (rest.front() != ':' || !all_digits(rest.substr(1)))) return bad_url();
  out.loopback = out.host == "localhost" || out.host == "127.0.0.1" || out.host == "[::1]";
  if (!out.secure && !out.loopback) return bad_url();
  return out;
}

std::string form_token(std::string_view session_token) {
  return to_base64url(crypto::hmac(crypto::HmacHash::sha256, as_bytes(session_token), as_bytes(form_label)));
}

bool form_token_fits(std::string_view session_token, std::string_view given) {
  const std::string wanted = form_token(session_token);
  if (given.size() != wanted.size()) return false;
  unsigned different = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    different |= static_cast<unsigned char>(wanted[i]) ^ static_cast<unsigned char>(given[i]);
  }
  return different == 0;
}

bool sent_from_here(const http::Request& request, const PublicUrl& url) {
  const std::string_view site = request.header("sec-fetch-site");
  if (!site.empty() && site != "same-origin") return false;
  const std::string_view origin = request.header("origin");
  if (origin.empty() || origin == url.origin) return true;
  // On loopback the same node has several names; a browser's Host header is not for another site to choose.
  return url.loopback && origin == fmt::format("http://{}", request.header("host"));
}

bool sent_to_door(const http::Request& request, const PublicUrl& url) {
  const std::string_view site = request.header("sec-fetch-site");
  if (!site.empty() && site != "same-origin" && site != "same-site") return false;
  const std::string_view origin = request.header("origin");
  return origin.empty() || origin == url.origin || origin == "null";
}

std::string safe_path(std::string_view wanted, std::string_view otherwise) {
  const std::string_view path = wanted.substr(0, wanted.find_first_of("?#"));
  const bool printable =
      std::ranges::all_of(wanted, [](char c) { return c > 0x20 && c < 0x7f && c != '\\'; });
  const bool ours = wanted.starts_with('/') && wanted.size() <= path_size_max && printable &&
                    path.find("//") == std::string_view::npos && path.find("/.") == std::string_view::npos;
  return std::string(ours ? wanted : otherwise);
}

std::string cookie_name(const PublicUrl& url, std::string_view name) {
  return fmt::format("{}{}", url.secure ? "__Host-" : "", name);
}

std::string cookie(const PublicUrl& url, std::string_view name, std::string_view value, long seconds) {
  return fmt::format("{}={}; Path=/; HttpOnly; SameSite=Lax{}{}", cookie_name(url, name), value,
                     url.secure ? "; Secure" : "", seconds > 0 ? fmt::format("; Max-Age={}", seconds) : "");
}

std::string cookie_gone(const PublicUrl& url, std::string_view name) {
  return fmt::format("{}=; Path=/; HttpOnly; SameSite=Lax{}; Max-Age=0", cookie_name(url, name),
                     url.secure ? "; Secure" : "");
}

std::optional<std::string> policy_source(std::string_view uri) {
  const auto colon = uri.find(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const std::string_view scheme = uri.substr(0, colon);
  const bool scheme_ok = std::ranges::all_of(scheme, [](char c) { return is_host_character(c) || c == '+'; });
  if (!scheme_ok) return std::nullopt;
  if (scheme != "https" && scheme != "http") return std::string(uri.substr(0, colon + 1));
  std::string_view rest = uri.substr(colon + 1);
  if (!rest.starts_with("//")) return std::nullopt;
  const std::string_view authority = rest.substr(2, rest.find_first_of("/?#", 2) - 2);
  const bool plain = !authority.empty() && std::ranges::all_of(authority, [](char c) {
    return is_host_character(c) || (c >= 'A' && c <= 'Z') || c == ':' || c == '[' || c == ']';
  });
  if (!plain) return std::nullopt;
  // Apps on this machine listen on whatever port is free (RFC 8252 section 7.3).
  const std::string_view host = authority.substr(0, authority.rfind(':'));
  if (scheme == "http" && (host == "127.0.0.1" || host == "localhost"))
    return fmt::format("http://{}:*", host);
  return fmt::format("{}://{}", scheme, authority);
}

}  // namespace dayaq::identity::web
