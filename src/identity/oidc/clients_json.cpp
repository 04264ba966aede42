// Clients as JSON. @see RFC 7591 section 2, OpenID Connect Dynamic Client Registration 1.0 section 2
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "crypto/jwt.hpp"
#include "identity/oidc/clients.hpp"

namespace dayaq::identity::oidc {
namespace {

using crypto::JsonObject;
using Kind = JsonObject::Kind;

constexpr std::array<std::string_view, 26> known{"client_id",
                                                 "organisation",
                                                 "client_name",
                                                 "client_name#en",
                                                 "client_name#ru",
                                                 "purpose",
                                                 "purpose#en",
                                                 "purpose#ru",
                                                 "legal_ground",
                                                 "token_endpoint_auth_method",
                                                 "jwks",
                                                 "redirect_uris",
                                                 "post_logout_redirect_uris",
                                                 "backchannel_logout_uri",
                                                 "backchannel_client_notification_endpoint",
                                                 "grant_types",
                                                 "scope",
                                                 "subject_type",
                                                 "sector",
                                                 "id_token_signed_response_alg",
                                                 "fapi",
                                                 "require_pushed_authorization_requests",
                                                 "dpop_bound_access_tokens",
                                                 "least_assurance",
                                                 "by_law",
                                                 "without_pkce"};

Result<std::string> text(const JsonObject& json, std::string_view name, bool required = false) {
  const auto kind = json.kind(name);
  if (!kind) {
    if (required) return fail_field("client.missing", std::string(name), "This field must be there.");
    return std::string();
  }
  const auto value = json.text(name);
  if (!value) return fail_field("client.type", std::string(name), "This field must be a text.");
  return std::string(*value);
}

Result<bool> boolean(const JsonObject& json, std::string_view name) {
  if (!json.has(name)) return false;
  const auto value = json.boolean(name);
  if (!value) return fail_field("client.type", std::string(name), "This field must be true or false.");
  return *value;
}

Result<std::vector<std::string>> texts(const JsonObject& json, std::string_view name) {
  if (!json.has(name)) return std::vector<std::string>();
  auto value = json.texts(name);
  if (!value) return fail_field("client.type", std::string(name), "This field must be a list of texts.");
  return std::move(*value);
}

Result<LocalizedText> localized(const JsonObject& json, const std::string& name, bool required) {
  LocalizedText out;
  DAYAQ_TRY(out.az, text(json, name, required));
  DAYAQ_TRY(out.en, text(json, name + "#en"));
  DAYAQ_TRY(out.ru, text(json, name + "#ru"));
  return out;
}

Result<std::vector<std::string>> scopes_of(const JsonObject& json) {
  DAYAQ_TRY(const std::string all, text(json, "scope"));
  std::vector<std::string> out;
  std::string_view left = all;
  while (!left.empty()) {
    const std::size_t space = left.find(' ');
    const std::string_view one = left.substr(0, space);
    left = space == std::string_view::npos ? std::string_view() : left.substr(space + 1);
    if (one.empty() || std::ranges::find(out, one) != out.end()) {
      return fail_field("client.scopes", "scope", "Give each scope once, with single spaces between them.");
    }
    out.emplace_back(one);
  }
  return out;
}

Result<void> read_authentication(const JsonObject& json, Client& client) {
  DAYAQ_TRY(const std::string method, text(json, "token_endpoint_auth_method"));
  if (!method.empty()) {
    const auto known_method = parse_client_authentication(method);
    if (!known_method) {
      return fail_field("client.authentication", "token_endpoint_auth_method",
                        "Use none, client_secret_basic, client_secret_post or private_key_jwt.");
    }
    client.authentication = *known_method;
  }
  if (json.has("jwks")) {
    auto keys = json.kind("jwks") == Kind::object
                    ? crypto::JwkSet::parse(json.raw("jwks"))
                    : Result<crypto::JwkSet>(fail_field("client.keys", "jwks", ""));
    if (!keys) return fail_field("client.keys", "jwks", "Give a JWK set of public keys.");
    client.keys = std::move(*keys);
  }
  DAYAQ_TRY(const std::string algorithm, text(json, "id_token_signed_response_alg"));
  if (!algorithm.empty()) {
    const auto parsed = crypto::parse_jws_algorithm(algorithm);
    // PS256 is taken from clients, but the provider has no key that signs with it.
    if (!parsed || *parsed == crypto::JwsAlgorithm::ps256) {
      return fail_field("client.algorithm", "id_token_signed_response_alg", "Use ES256, EdDSA or RS256.");
    }
    client.signing = *parsed;
  }
  return {};
}

Result<void> read_grants(const JsonObject& json, Client& client) {
  DAYAQ_TRY(const auto names, texts(json, "grant_types"));
  // RFC 7591 section 2: authorization_code if it is left out.
  if (!json.has("grant_types")) client.grants = 1u << unsigned(GrantType::authorization_code);
  for (const std::string& name : names) {
    const auto type = parse_grant_type(name);
    if (!type)
      return fail_field("client.grants", "grant_types", "This grant type isn't served: " + name + ".");
    client.grants = static_cast<std::uint8_t>(client.grants | 1u << unsigned(*type));
  }
  DAYAQ_TRY(client.scopes, scopes_of(json));
  return {};
}

Result<void> read_subjects(const JsonObject& json, Client& client) {
  DAYAQ_TRY(const std::string subject_type, text(json, "subject_type"));
  if (!subject_type.empty() && subject_type != "pairwise" && subject_type != "public") {
    return fail_field("client.subject_type", "subject_type", "Use pairwise or public.");
  }
  client.pairwise = subject_type != "public";
  DAYAQ_TRY(client.sector, text(json, "sector"));
  DAYAQ_TRY(const std::string least, text(json, "least_assurance"));
  if (!least.empty()) {
    constexpr std::array names{Assurance::low, Assurance::substantial, Assurance::high};
    const auto found =
        std::ranges::find_if(names, [&](Assurance level) { return http::to_string(level) == least; });
    if (found == names.end()) {
      return fail_field("client.least_assurance", "least_assurance", "Use low, substantial or high.");
    }
    client.least = *found;
  }
  return {};
}

/// Where its answers, logout tokens and pings go, and what its identifiers are kept apart by.
Result<void> read_addresses(const JsonObject& json, Client& client) {
  DAYAQ_TRY(client.redirect_uris, texts(json, "redirect_uris"));
  DAYAQ_TRY(client.post_logout_redirect_uris, texts(json, "post_logout_redirect_uris"));
  DAYAQ_TRY(client.backchannel_logout_uri, text(json, "backchannel_logout_uri"));
  DAYAQ_TRY(client.backchannel_notification_uri, text(json, "backchannel_client_notification_endpoint"));
  // Without hosts of its own (an app, a TV box) a client is its own sector. @see OpenID Connect Core
  // section 8.1
  if (client.sector.empty()) {
    std::string_view host;
    for (const std::string& uri : client.redirect_uris) {
      const std::string_view one = uri.starts_with("https://") ? host_of(uri) : std::string_view();
      if (one.empty() || (!host.empty() && host != one)) {
        host = {};
        break;
      }
      host = one;
    }
    client.sector = host.empty() ? client.id : std::string(host);
  }
  return {};
}

void write_optional(crypto::ClaimsWriter& out, std::string_view name, const std::string& value) {
  if (!value.empty()) out.text(name, value);
}

}  // namespace

Result<Client> parse_client(std::string_view json_text) {
  if (json_text.size() > 65536) return fail_field("client.size", "", "A client has 64 KiB at most.");
  auto parsed = JsonObject::parse_view(json_text);
  if (!parsed) return std::unexpected(std::move(parsed).error());
  const JsonObject& json = *parsed;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const std::string_view name = json.member(i).name;
    if (std::ranges::find(known, name) == known.end()) {
      return fail_field("client.unknown_field", std::string(name.substr(0, 64)), "There is no such field.");
    }
  }
  Client client;
  DAYAQ_TRY(client.id, text(json, "client_id", true));
  DAYAQ_TRY(const std::string organisation, text(json, "organisation", true));
  if (!is_code(organisation)) {
    return fail_field("client.organisation", "organisation", "There is no organisation with this code.");
  }
  client.organisation = OrganisationCode(organisation);
  DAYAQ_TRY(client.name, localized(json, "client_name", true));
  DAYAQ_TRY(client.purpose, localized(json, "purpose", false));
  DAYAQ_TRY(client.legal_ground, text(json, "legal_ground"));
  DAYAQ_TRY_OK(read_authentication(json, client));
  DAYAQ_TRY_OK(read_grants(json, client));
  DAYAQ_TRY_OK(read_subjects(json, client));
  DAYAQ_TRY_OK(read_addresses(json, client));
  DAYAQ_TRY(client.fapi, boolean(json, "fapi"));
  DAYAQ_TRY(client.pushed_only, boolean(json, "require_pushed_authorization_requests"));
  DAYAQ_TRY(client.dpop_bound, boolean(json, "dpop_bound_access_tokens"));
  DAYAQ_TRY(client.by_law, boolean(json, "by_law"));
  DAYAQ_TRY(client.without_pkce, boolean(json, "without_pkce"));
  if (client.fapi) client.pushed_only = client.dpop_bound = true;
  DAYAQ_TRY_OK(check_client(client));
  return client;
}

std::string to_json(const Client& client) {
  crypto::ClaimsWriter out;
  std::vector<std::string> grants;
  for (unsigned i = 0; i < 5; ++i) {
    if (client.may(GrantType(i))) grants.emplace_back(to_string(GrantType(i)));
  }
  write_optional(out, "backchannel_client_notification_endpoint", client.backchannel_notification_uri);
  write_optional(out, "backchannel_logout_uri", client.backchannel_logout_uri);
  out.boolean("by_law", client.by_law);
  out.text("client_id", client.id);
  out.text("client_name", client.name.az);
  write_optional(out, "client_name#en", client.name.en);
  write_optional(out, "client_name#ru", client.name.ru);
  out.boolean("dpop_bound_access_tokens", client.dpop_bound);
  out.boolean("fapi", client.fapi);
  out.texts("grant_types", grants);
  out.text("id_token_signed_response_alg", to_string(client.signing));
  if (!client.keys.keys().empty()) out.json("jwks", client.keys.to_json());
  out.text("least_assurance", http::to_string(client.least));
  write_optional(out, "legal_ground", client.legal_ground);
  out.text("organisation", client.organisation.value());
  out.texts("post_logout_redirect_uris", client.post_logout_redirect_uris);
  write_optional(out, "purpose", client.purpose.az);
  write_optional(out, "purpose#en", client.purpose.en);
  write_optional(out, "purpose#ru", client.purpose.ru);
  out.texts("redirect_uris", client.redirect_uris);
  out.boolean("require_pushed_authorization_requests", client.pushed_only);
  out.text("scope", fmt::format("{}", fmt::join(client.scopes, " ")));
  out.text("sector", client.sector);
  out.text("subject_type", client.pairwise ? "pairwise" : "public");
  out.text("token_endpoint_auth_method", to_string(client.authentication));
  out.boolean("without_pkce", client.without_pkce);
  return out.finish();
}

}  // namespace dayaq::identity::oidc
