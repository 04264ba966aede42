#include "crypto/jws.hpp"

#include <algorithm>
#include <array>

#include "crypto/jws_base64.hpp"

namespace dayaq::crypto {
namespace {

constexpr std::size_t signature_bytes_max = 512;  // RSA-4096
// RFC 7515 section 4.1.11: `crit` must not name what the RFCs define themselves.
constexpr std::array<std::string_view, 13> registered{"alg", "jku", "jwk",  "kid",      "x5u", "x5c", "x5t",
                                                      "typ", "cty", "crit", "x5t#S256", "enc", "zip"};

std::unexpected<Error> format_error(std::string_view what) {
  return fail(ErrorKind::invalid_input, "jws.format", "This is not a signed token.", std::string(what));
}

void append_signature(std::string& token, const JwkPrivate& key) {
  std::array<std::byte, signature_bytes_max> signature;
  key.sign(as_bytes(token), signature);
  token += '.';
  append_base64url(token, std::span(signature).first(key.signature_size()));
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
/// RFC 7515 section 4.1.9: media types without case; "application/" goes without saying when no other slash
/// follows.
bool same_type(std::string_view a, std::string_view b) {
  const auto bare = [](std::string_view type) {
    constexpr std::string_view application = "application/";
    const bool prefixed = type.size() > application.size() &&
                          std::equal(application.begin(), application.end(), type.begin(),
                                     [](char x, char y) { return x == lower(y); }) &&
                          type.substr(application.size()).find('/') == std::string_view::npos;
    return prefixed ? type.substr(application.size()) : type;
  };
  a = bare(a);
  b = bare(b);
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

Result<void> check_critical(const JsonObject& header, const JwsPolicy& policy) {
  if (!header.has("crit")) return {};
  const auto names = header.texts("crit");
  bool good = names && !names->empty();
  for (std::size_t i = 0; good && i < names->size(); ++i) {
    const std::string& name = (*names)[i];
    good = header.has(name) && std::ranges::find(registered, name) == registered.end() &&
           std::ranges::find(policy.critical, name) != policy.critical.end() &&
           std::count(names->begin(), names->end(), name) == 1;
  }
  if (good) return {};
  return fail(ErrorKind::invalid_input, "jws.critical", "The token uses an extension that isn't known here.");
}

}  // namespace

JwsSigner::JwsSigner(std::shared_ptr<const JwkPrivate> key, std::string_view typ) : key_(std::move(key)) {
  std::string header = R"({"alg":")";
  header += to_string(key_->algorithm());
  header += R"(","kid":)";
  append_json_text(header, key_->kid());
  if (!typ.empty()) {
    header += R"(,"typ":)";
    append_json_text(header, typ);
  }
  header += '}';
  append_base64url(prefix_, as_bytes(header));
  prefix_ += '.';
}

std::string JwsSigner::sign(std::string_view payload) const {
  std::string token;
  token.reserve(prefix_.size() + (payload.size() + key_->signature_size()) * 4 / 3 + 8);
  token += prefix_;
  append_base64url(token, as_bytes(payload));
  append_signature(token, *key_);
  return token;
}

std::string sign_compact(const JwkPrivate& key, std::string_view header_json, std::string_view payload) {
  std::string token;
  token.reserve((header_json.size() + payload.size() + key.signature_size()) * 4 / 3 + 12);
  append_base64url(token, as_bytes(header_json));
  token += '.';
  append_base64url(token, as_bytes(payload));
  append_signature(token, key);
  return token;
}

Result<JwsParts> parse_compact(std::string_view token, const JwsPolicy& policy) {
  if (token.size() > policy.size_max) {
    return fail(ErrorKind::invalid_input, "jws.size", "The token is too long.");
  }
  // 1. Three parts between two dots.
  const auto first = token.find('.');
  const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos) return format_error("fewer than three parts");
  JwsParts out;
  out.signing_input = token.substr(0, second);
  // 2. to 5. The header: strict base64url, UTF-8 and JSON.
  const auto header = from_base64url(token.substr(0, first));
  if (!header) return format_error("header isn't base64url");
  auto object = JsonObject::parse(std::string(as_text(*header)));
  if (!object) return format_error("header isn't strict JSON");
  out.header = std::move(*object);
  const auto name = out.header.text("alg");
  const auto algorithm = name ? parse_jws_algorithm(*name) : std::nullopt;
  if (!algorithm || !policy.algorithms.contains(*algorithm)) {
    return fail(ErrorKind::invalid_input, "jws.algorithm",
                "The token is signed in a way that isn't taken here.");
  }
  out.algorithm = *algorithm;
  for (const std::string_view member : {"kid", "typ"}) {
    if (out.header.has(member) && !out.header.text(member)) return format_error("kid or typ isn't a string");
  }
  DAYAQ_TRY_OK(check_critical(out.header, policy));
  if (!policy.typ.empty() && !same_type(out.header.text("typ").value_or(""), policy.typ)) {
    return fail(ErrorKind::invalid_input, "jws.typ", "This is a token of another kind.");
  }
  // 6. and 7. Payload and signature; a further dot isn't base64url either.
  const auto payload = from_base64url(token.substr(first + 1, second - first - 1));
  auto signature = from_base64url(token.substr(second + 1));
  if (!payload || !signature) return format_error("payload or signature isn't base64url");
  if (signature->empty() || signature->size() > signature_bytes_max) return format_error("no signature");
  out.payload = as_text(*payload);
  out.signature = std::move(*signature);
  return out;
}

Result<void> verify_parts(const JwsParts& parts, const JwkPublic& key) {
  if (key.verify(parts.algorithm, as_bytes(parts.signing_input), parts.signature)) return {};
  return fail(ErrorKind::unauthenticated, "jws.signature", "The token's signature is not valid.");
}

Result<JwsParts> verify_compact(std::string_view token, const JwkSet& keys, const JwsPolicy& policy) {
  DAYAQ_TRY(JwsParts parts, parse_compact(token, policy));
  const JwkPublic* key = keys.find(parts.header.text("kid"), parts.algorithm);
  if (key == nullptr) {
    return fail(ErrorKind::unauthenticated, "jws.key", "No known key has signed this token.");
  }
  DAYAQ_TRY_OK(verify_parts(parts, *key));
  return parts;
}

}  // namespace dayaq::crypto
