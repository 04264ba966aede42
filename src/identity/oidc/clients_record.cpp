// What a client may be, and its use-cases. @see RFC 8252 (native apps), OAuth 2.1 draft section 2.3.1,
// FAPI 2.0 Security Profile section 5.3
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "http/principal.hpp"
#include "identity/oidc/clients.hpp"
#include "identity/oidc/key_clients.hpp"
#include "registry/organisation_kind.hpp"
#include "registry/store.hpp"

namespace dayaq::identity::oidc {
namespace {

constexpr std::size_t uris_max = 16;
constexpr std::size_t uri_bytes_max = 512;
constexpr std::size_t scopes_max = 64;
constexpr std::array<std::string_view, 6> person_scopes{"openid", "profile",        "phone",
                                                        "age",    "offline_access", "me:read"};
constexpr std::string_view status_prefix = "status:";

bool is_uri_character(char c) {  // RFC 3986 section 2, without what a wildcard or a fragment is written with
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~:/?[]@!$&'()+,;=%").find(c) != std::string_view::npos;
}

struct Address {
  std::string_view scheme;
  std::string_view authority;  ///< host and port; empty for a private scheme
  std::string_view host;
  std::string_view rest;  ///< path and query
};

std::optional<Address> take_apart(std::string_view uri) {
  if (uri.size() > uri_bytes_max || !std::ranges::all_of(uri, is_uri_character)) return std::nullopt;
  const std::size_t colon = uri.find(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  Address out;
  out.scheme = uri.substr(0, colon);
  const auto scheme_character = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  };
  if (!std::ranges::all_of(out.scheme, scheme_character) || out.scheme[0] < 'a' || out.scheme[0] > 'z')
    return std::nullopt;
  std::string_view left = uri.substr(colon + 1);
  if (out.scheme != "https" && out.scheme != "http") {
    out.rest = left;
    return out;
  }
  if (!left.starts_with("//")) return std::nullopt;
  left.remove_prefix(2);
  const std::size_t end = left.find_first_of("/?");
  out.authority = left.substr(0, end);
  out.rest = end == std::string_view::npos ? std::string_view() : left.substr(end);
  if (out.authority.empty() || out.authority.find('@') != std::string_view::npos) return std::nullopt;
  const bool bracket = out.authority.front() == '[';
  const std::size_t close = bracket ? out.authority.find(']') : 0;
  if (close == std::string_view::npos) return std::nullopt;
  const std::size_t port = out.authority.find(':', close);
  out.host = out.authority.substr(0, port);
  if (out.host.empty()) return std::nullopt;
  if (!bracket && out.host.find_first_of("[]%!$&'()+,;=") != std::string_view::npos) return std::nullopt;
  if (port == std::string_view::npos) return out;
  const std::string_view digits = out.authority.substr(port + 1);
  const bool number = !digits.empty() && digits.size() <= 5 &&
                      std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  if (!number) return std::nullopt;
  return out;
}

bool is_loopback(const Address& address) {
  return address.scheme == "http" &&
         (address.host == "127.0.0.1" || address.host == "[::1]" || address.host == "localhost");
}

Result<void> check_texts(const Client& client) {
  if (!is_code(client.id)) return fail_field("client.id", "client_id", "Use 1 to 64 of a-z, 0-9, _ and -.");
  if (client.id.starts_with(key_client_prefix))
    return fail_field("client.id", "client_id", "Ids that begin with \"key-\" are those of API keys.");
  for (const auto& [field, text] :
       {std::pair("client_name", &client.name.az), std::pair("client_name#en", &client.name.en),
        std::pair("client_name#ru", &client.name.ru)}) {
    const bool control =
        std::ranges::any_of(*text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (text->size() > 100 || control || !is_utf8(*text))
      return fail_field("client.name", field, "A name has at most 100 bytes of UTF-8.");
  }
  if (client.name.az.empty())
    return fail_field("client.name", "client_name", "Name the client in Azerbaijani.");
  for (const std::string* text :
       {&client.purpose.az, &client.purpose.en, &client.purpose.ru, &client.legal_ground}) {
    const bool control =
        std::ranges::any_of(*text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (text->size() > 500 || control || !is_utf8(*text))
      return fail_field("client.purpose", "purpose", "Purpose and legal ground have at most 500 bytes each.");
  }
  return {};
}

Result<void> check_uris(const Client& client) {
  if (client.redirect_uris.size() > uris_max || client.post_logout_redirect_uris.size() > uris_max)
    return fail_field("client.redirect_uri", "redirect_uris", "Register 16 addresses at most.");
  for (const std::string& uri : client.redirect_uris) {
    const auto address = take_apart(uri);
    const bool by_scheme = is_redirect_uri(uri) && (!client.fapi || address->scheme == "https");
    // A private scheme can be taken by any app: a client with a secret or key has a server to be sent to.
    const bool app = by_scheme && address->authority.empty();
    if (!by_scheme || (app && client.authentication != ClientAuthentication::none)) {
      return fail_field("client.redirect_uri", "redirect_uris",
                        "Use an absolute https address without fragment or wildcard; for an app, a loopback "
                        "address or its own scheme (com.example.app:/callback).");
    }
  }
  for (const std::string& uri : client.post_logout_redirect_uris) {
    if (!is_redirect_uri(uri)) {
      return fail_field("client.redirect_uri", "post_logout_redirect_uris",
                        "Use an absolute https address without fragment or wildcard.");
    }
  }
  for (const auto& [field, uri] :
       {std::pair("backchannel_logout_uri", &client.backchannel_logout_uri),
        std::pair("backchannel_client_notification_endpoint", &client.backchannel_notification_uri)}) {
    if (!uri->empty() && host_of(*uri).empty())
      return fail_field("client.backchannel", field, "Use an absolute https address without fragment.");
  }
  if (client.sector != client.id && std::ranges::none_of(client.redirect_uris, [&](const std::string& uri) {
        return host_of(uri) == client.sector;
      })) {
    return fail_field("client.sector", "sector", "The sector is the host of one of the redirect addresses.");
  }
  return {};
}

Result<void> check_security(const Client& client) {
  const bool open = client.authentication == ClientAuthentication::none;
  const bool by_key = client.authentication == ClientAuthentication::private_key_jwt;
  if (by_key && client.keys.keys().empty())
    return fail_field("client.keys", "jwks", "private_key_jwt needs the client's public keys.");
  if (open && (client.may(GrantType::client_credentials) || client.may(GrantType::ciba)))
    return fail_field("client.grants", "grant_types",
                      "A client without authentication can't use these grants.");
  if (client.fapi && (!by_key || client.signing == crypto::JwsAlgorithm::rs256 || client.without_pkce)) {
    return fail_field("client.fapi", "fapi",
                      "FAPI 2.0 takes private_key_jwt, PKCE, and ES256 or EdDSA for ID tokens.");
  }
  if (client.fapi && (!client.pushed_only || !client.dpop_bound))
    return fail_field("client.fapi", "fapi", "FAPI 2.0 takes pushed requests and DPoP.");
  if (client.without_pkce && open)
    return fail_field("client.pkce", "without_pkce", "Only a client that authenticates may do without PKCE.");
  return {};
}

Result<void> check_grants(const Client& client) {
  if (client.grants == 0 || client.grants >= 1u << 5)
    return fail_field("client.grants", "grant_types", "Name at least one grant type.");
  const bool code = client.may(GrantType::authorization_code);
  const bool person = code || client.may(GrantType::device_code) || client.may(GrantType::ciba);
  if (code == client.redirect_uris.empty())
    return fail_field("client.redirect_uri", "redirect_uris",
                      "authorization_code, and it alone, needs addresses.");
  if (client.may(GrantType::refresh_token) && !person)
    return fail_field("client.grants", "grant_types", "refresh_token needs a grant of a person.");
  if (person && client.purpose.az.empty())
    return fail_field("client.purpose", "purpose", "Say to the person what the client asks for.");
  if (client.scopes.size() > scopes_max)
    return fail_field("client.scopes", "scope", "Name 64 scopes at most.");
  for (const std::string& scope : client.scopes) {
    if (!is_person_scope(scope) && !is_program_scope(scope))
      return fail_field("client.scopes", "scope",
                        "There is no scope of this name: " + scope.substr(0, 64) + ".");
  }
  return {};
}

Result<void> write(store::Session& db, const Client& client) {
  const std::string content = to_json(client);
  return db.exec(
      "INSERT INTO oidc_client (client_id, content, secret, created, ended) VALUES ($1, $2, $3, $4, $5) "
      "ON CONFLICT (client_id) DO UPDATE SET content = excluded.content, secret = excluded.secret, "
      "ended = excluded.ended",
      {std::string_view(client.id), std::string_view(content), BytesView(client.secret),
       to_micros(client.created), registry::end_param(client.ended)});
}

Result<void> audit(store::Session& db, const registry::Registry& registry, std::string_view action,
                   const Client& client, const std::string& actor) {
  std::string grants;
  for (unsigned i = 0; i < 5; ++i) {
    if (client.may(GrantType(i))) grants.append(grants.empty() ? "" : " ").append(to_string(GrantType(i)));
  }
  DAYAQ_TRY_OK(registry.log.append(
      db, {.action = action,
           .actor = actor,
           .subject = std::nullopt,
           .data = fmt::format(
               R"({{"authentication":"{}","client":"{}","grants":"{}","organisation":"{}","scopes":"{}"}})",
               to_string(client.authentication), client.id, grants, client.organisation,
               fmt::join(client.scopes, " ")),
           .personal = ""}));
  return {};
}

}  // namespace

bool is_person_scope(std::string_view scope) {
  return std::ranges::find(person_scopes, scope) != person_scopes.end() ||
         (scope.starts_with(status_prefix) && is_code(scope.substr(status_prefix.size())));
}

bool is_program_scope(std::string_view scope) {
  if (scope == "introspect") return true;
  const auto parsed = http::parse_scope(scope);
  return parsed && (http::scope_bit(*parsed) & http::person_scopes) == 0;
}

bool has_secret(const Client& client) {
  return client.authentication == ClientAuthentication::secret_basic ||
         client.authentication == ClientAuthentication::secret_post;
}

Result<void> check_own_registration(const Client& client, const MayGive& may_give) {
  if (client.by_law || client.without_pkce) {
    return fail(ErrorKind::forbidden, "client.by_administrator",
                "Only the administrator lets a client in by law or without PKCE.");
  }
  for (const std::string& scope : client.scopes) {
    if (is_person_scope(scope) || may_give(scope)) continue;  // the first kind a person grants
    return fail(ErrorKind::forbidden, "client.scope_not_yours",
                fmt::format("You don't have the scope {} yourself. Ask the administrator.", scope));
  }
  return {};
}

bool is_organisation_scope(registry::OrganisationKind kind, std::string_view scope) {
  using enum http::Scope;
  const auto parsed = http::parse_scope(scope);
  if (!parsed) return false;
  std::uint32_t given = 0;
  if (registry::is_public_body(kind)) {
    for (const http::Scope one :
         {attestations_write, organisations_read, services_read, cases_read, cases_write})
      given |= http::scope_bit(one);
  } else if (registry::is_operator(kind)) {
    for (const http::Scope one : {subscriptions_write, grants_decide, feed_read})
      given |= http::scope_bit(one);
  }
  return (http::scope_bit(*parsed) & given) != 0;
}

std::string_view host_of(std::string_view uri) {
  const auto address = take_apart(uri);
  return address && (address->scheme == "https" || is_loopback(*address)) ? address->host
                                                                          : std::string_view();
}

bool is_redirect_uri(std::string_view uri) {
  const auto address = take_apart(uri);
  if (!address) return false;
  if (address->scheme == "https") return true;
  if (address->scheme == "http") return is_loopback(*address);
  // RFC 8252 section 7.1: a scheme of one's own is a domain name backwards; others (javascript, data, intent)
  // have no dot.
  return address->scheme.find('.') != std::string_view::npos && address->rest.starts_with('/');
}

bool redirect_registered(const Client& client, std::string_view asked) {
  if (std::ranges::find(client.redirect_uris, asked) != client.redirect_uris.end()) return true;
  const auto wanted = take_apart(asked);
  // Any port of an address that is the same machine for certain: not "localhost" (RFC 8252 section 8.3).
  if (!wanted || !is_loopback(*wanted) || wanted->host == "localhost") return false;
  return std::ranges::any_of(client.redirect_uris, [&](const std::string& uri) {
    const auto known = take_apart(uri);
    return known && is_loopback(*known) && known->host == wanted->host && known->rest == wanted->rest;
  });
}

Result<void> check_client(const Client& client) {
  DAYAQ_TRY_OK(check_texts(client));
  DAYAQ_TRY_OK(check_grants(client));
  DAYAQ_TRY_OK(check_uris(client));
  return check_security(client);
}

Result<void> record_client(store::Session& db, const registry::Registry& registry, Clients& clients,
                           Client client, const std::string& actor) {
  DAYAQ_TRY_OK(check_client(client));
  if (!registry.organisations.find(client.organisation.value())) {
    return fail_field("client.organisation", "organisation", "There is no organisation with this code.");
  }
  for (const std::string& scope : client.scopes) {
    if (!scope.starts_with(status_prefix)) continue;
    const auto status = registry.country.find_status(scope.substr(status_prefix.size()));
    if (!status) return fail_field("client.scopes", "scope", "There is no such status: " + scope + ".");
    // Sensitive statuses never leave the centre.
    if (registry.country.status(*status).sensitive)
      return fail_field("client.scopes", "scope", "A sensitive status is never told to a client.");
  }
  const auto present = clients.newest(client.id);
  client.ended = instant_max;
  client.created = registry.clock.now();
  if (present) {
    if (present->organisation != client.organisation) {
      return fail(ErrorKind::forbidden, "client.not_yours",
                  "Another organisation has a client with this id.");
    }
    if (present->ended != instant_max) {
      return fail(ErrorKind::conflict, "client.ended",
                  "This client has ended, and its id stays with it. Choose another id.");
    }
    client.created = present->created;
    if (client.secret == crypto::Sha256{}) client.secret = present->secret;
  }
  const bool by_secret = has_secret(client);
  if (!by_secret) client.secret = {};
  if (by_secret && client.secret == crypto::Sha256{}) {
    return fail_field("client.secret", "token_endpoint_auth_method", "A client of this kind needs a secret.");
  }
  DAYAQ_TRY_OK(write(db, client));
  DAYAQ_TRY_OK(audit(db, registry, present ? "client.change" : "client.create", client, actor));
  clients.stage(std::move(client));
  return {};
}

Result<void> end_client(store::Session& db, const registry::Registry& registry, Clients& clients,
                        std::string_view id, const std::string& actor) {
  const auto present = clients.newest(id);
  if (!present || present->ended != instant_max) {
    return fail(ErrorKind::not_found, "client.unknown", "There is no client with this id.");
  }
  Client client = *present;
  client.ended = registry.clock.now();
  DAYAQ_TRY_OK(write(db, client));
  DAYAQ_TRY_OK(audit(db, registry, "client.end", client, actor));
  clients.stage(std::move(client));
  return {};
}

}  // namespace dayaq::identity::oidc
