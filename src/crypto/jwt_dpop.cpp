#include "crypto/jwt_dpop.hpp"

#include <algorithm>
#include <vector>

#include "crypto/sign.hpp"

namespace dayaq::crypto {
namespace {

constexpr std::size_t proof_bytes_max = 8192;
constexpr std::size_t url_bytes_max = 2048;
constexpr std::size_t claim_bytes_max = 512;

std::unexpected<Error> bad_proof(std::string_view what) {
  return fail(ErrorKind::invalid_input, "dpop.proof", "The proof of possession is not valid.",
              std::string(what));
}

bool alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool unreserved(char c) {  // RFC 3986 section 2.3
  return alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~';
}
int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

/// Section 6.2.2.1 and 6.2.2.2: escapes in capitals, none for unreserved characters.
std::optional<std::string> normal_escapes(std::string_view path) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::string_view also = "!$&'()*+,;=:@/";
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      if (!unreserved(path[i]) && also.find(path[i]) == std::string_view::npos) return std::nullopt;
      out += path[i];
      continue;
    }
    if (path.size() - i < 3) return std::nullopt;
    const int high = hex_value(path[i + 1]);
    const int low = hex_value(path[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    const char c = static_cast<char>(high * 16 + low);
    if (unreserved(c)) {
      out += c;
    } else {
      out += '%';
      out += digits[static_cast<std::size_t>(high)];
      out += digits[static_cast<std::size_t>(low)];
    }
    i += 2;
  }
  return out;
}

/// Section 5.2.4, for a path that starts with a slash.
std::string without_dots(std::string_view path) {
  std::vector<std::string_view> kept;
  bool folder = false;  // the path ends in a slash
  for (std::size_t from = 1; from <= path.size();) {
    const std::size_t end = std::min(path.find('/', from), path.size());
    const std::string_view segment = path.substr(from, end - from);
    folder = segment == "." || segment == "..";
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (segment != ".") {
      kept.push_back(segment);
    }
    from = end + 1;
  }
  std::string out;
  for (const std::string_view segment : kept) (out += '/') += segment;
  if (folder || out.empty()) out += '/';
  return out;
}

/// The claims of point 3 as short strings; nothing if one is missing or long.
std::optional<std::string_view> claim(const JsonObject& claims, std::string_view name) {
  const auto value = claims.text(name);
  if (!value || value->empty() || value->size() > claim_bytes_max) return std::nullopt;
  return value;
}

Result<JwsParts> parse_proof(std::string_view proof, const DpopPolicy& policy) {
  // 4. typ is dpop+jwt. 5. alg is an asymmetric algorithm that policy takes (and so not none).
  auto parts =
      parse_compact(proof, {.algorithms = policy.algorithms, .typ = "dpop+jwt", .size_max = proof_bytes_max});
  if (!parts) return bad_proof(parts.error().code);
  return parts;
}

Result<void> check_request(const JsonObject& claims, const DpopRequest& request) {
  // 8. htm is the request's method. 9. htu is its address.
  const auto htu = normalise_htu(claims.text("htu").value_or(""));
  if (claims.text("htm") != request.method || !htu || htu != normalise_htu(request.url)) {
    return fail(ErrorKind::invalid_input, "dpop.request", "The proof was made for another request.");
  }
  return {};
}

Result<void> check_binding(const JsonObject& claims, const DpopRequest& request,
                           std::string_view thumbprint) {
  const auto refuse = [] {
    return fail(ErrorKind::invalid_input, "dpop.token", "The proof doesn't belong to this token.");
  };
  // 12. ath is the access token's hash; the token is bound to this very key.
  if (request.access_token && claims.text("ath") != sha256_base64url(*request.access_token)) return refuse();
  if (request.thumbprint && thumbprint != *request.thumbprint) return refuse();
  return {};
}

}  // namespace

Result<DpopProof> check_dpop(std::string_view proof, const DpopRequest& request, const DpopPolicy& policy,
                             ReplayCache& replays, Instant now) {
  DAYAQ_TRY(const JwsParts parts, parse_proof(proof, policy));
  auto claims = JsonObject::parse_view(parts.payload);
  if (!claims) return bad_proof("claims aren't strict JSON");
  // 3. All required claims are there.
  const auto id = claim(*claims, "jti");
  const auto issued_s = claims->integer("iat");
  if (!id || !issued_s || !claim(*claims, "htm") || !claims->text("htu"))
    return bad_proof("a claim is missing");
  // Cheap checks stand before the signature, which costs a thousand times more.
  DAYAQ_TRY_OK(check_request(*claims, request));
  // 11. iat lies in the window.
  constexpr std::int64_t end = 253'402'300'800;
  if (*issued_s < 0 || *issued_s >= end) return bad_proof("iat");
  const Instant issued{std::chrono::seconds(*issued_s)};
  if (issued < now - policy.age_max || issued > now + policy.ahead_max) {
    return fail(ErrorKind::invalid_input, "dpop.time",
                "The proof is too old, or the device's clock is wrong.");
  }
  // 10. The nonce is one that this server gave out.
  const auto nonce = claims->text("nonce");
  if (!policy.nonces.empty() && (!nonce || std::ranges::find(policy.nonces, *nonce) == policy.nonces.end())) {
    return fail(ErrorKind::invalid_input, "dpop.nonce", "The proof must carry the server's current nonce.");
  }
  // 7. jwk holds no private key. 6. The signature verifies with it.
  if (parts.header.kind("jwk") != JsonObject::Kind::object) return bad_proof("no jwk");
  const auto key = JwkPublic::parse(parts.header.raw("jwk"));
  if (!key) return bad_proof(key.error().code);
  DAYAQ_TRY_OK(check_binding(*claims, request, key->thumbprint()));
  if (!verify_parts(parts, *key)) return bad_proof("signature");
  // Section 11.1: once for each address. The id is hashed with the key, so that nobody can burn another's.
  const std::string use = key->thumbprint() + "." + to_base64url(sha256(as_bytes(*id)));
  DAYAQ_TRY(const bool first, replays.first_use(use, issued + policy.age_max + std::chrono::seconds(1)));
  if (!first) return fail(ErrorKind::invalid_input, "dpop.replay", "The proof has been used before.");
  return DpopProof{key->thumbprint(), std::string(*id), issued};
}

std::optional<std::string> normalise_htu(std::string_view url) {
  if (url.size() > url_bytes_max) return std::nullopt;
  url = url.substr(0, url.find_first_of("?#"));
  const auto colon = url.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string scheme = lower(url.substr(0, colon));
  if (scheme != "http" && scheme != "https") return std::nullopt;
  url.remove_prefix(colon + 3);
  const auto slash = std::min(url.find('/'), url.size());
  std::string host = lower(url.substr(0, slash));
  const auto path = normal_escapes(url.substr(slash));
  if (!path) return std::nullopt;
  const bool literal = host.starts_with('[');  // IPv6
  const auto port_at = literal ? host.find("]:") : host.rfind(':');
  // What stands before the port: a name without colons or brackets, or one pair of brackets around an
  // address.
  const std::string_view name =
      std::string_view(host).substr(0, literal && port_at != host.npos ? port_at + 1 : port_at);
  if (name.empty() || (literal ? name.find(']') + 1 != name.size() : name.find_first_of(":[]") != name.npos))
    return std::nullopt;
  if (port_at != std::string::npos) {
    const std::size_t digits_at = port_at + (literal ? 2 : 1);
    const std::string port = host.substr(digits_at);
    if (port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    if (port.empty() || port == (scheme == "http" ? "80" : "443")) host.resize(digits_at - 1);
  }
  const auto allowed = [](char c) {
    return alphanumeric(c) || std::string_view("-._~:[]").find(c) != std::string_view::npos;
  };
  if (!std::ranges::all_of(host, allowed)) return std::nullopt;
  return scheme + "://" + host + without_dots(path->empty() ? "/" : std::string_view(*path));
}

std::string sha256_base64url(std::string_view text) {
  return to_base64url(sha256(as_bytes(text)));
}

bool is_pkce_verifier(std::string_view verifier) {
  return verifier.size() >= 43 && verifier.size() <= 128 && std::ranges::all_of(verifier, unreserved);
}

bool is_pkce_challenge(std::string_view challenge) {
  return challenge.size() == 43 && from_base64url(challenge).has_value();
}

bool pkce_matches(std::string_view verifier, std::string_view challenge) {
  return is_pkce_verifier(verifier) &&
         equal_constant_time(as_bytes(sha256_base64url(verifier)), as_bytes(challenge));
}

}  // namespace dayaq::crypto
