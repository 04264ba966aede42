#include "identity/oidc/request.hpp"

#include <algorithm>
#include <charconv>

#include "crypto/jwt_dpop.hpp"
#include "http/encoding.hpp"
#include "identity/oidc/token_state.hpp"

namespace dayaq::identity::oidc {
namespace {

constexpr std::size_t state_max = 1024;
constexpr std::size_t nonce_max = 512;
constexpr std::size_t hint_max = 256;
constexpr std::size_t scopes_max = 32;

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end != 0) out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string decoded_plus(std::string_view text) {
  std::string out(text);
  std::ranges::replace(out, '+', ' ');
  return out;
}

bool is_thumbprint(std::string_view text) {
  return crypto::is_pkce_challenge(text);  // the same form: 43 characters of base64url
}

/// RFC 6749 section 3.3: %x21 / %x23-5B / %x5D-7E.
bool is_scope_token(std::string_view text) {
  return !text.empty() && text.size() <= 128 &&
         std::ranges::all_of(text, [](char c) { return c >= 0x21 && c <= 0x7e && c != '"' && c != '\\'; });
}

Result<Prompt> parse_prompt(std::string_view text) {
  Prompt prompt;
  int others = 0;
  for (const std::string_view word : words(text)) {
    if (word == "none") {
      prompt.none = true;
      continue;
    }
    ++others;  // unknown values are passed over, as OpenID Connect Core section 3.1.2.1 advises
    if (word == "login") prompt.login = true;
    if (word == "consent") prompt.consent = true;
    if (word == "select_account") prompt.select_account = true;
  }
  // "If this parameter contains none with any other value, an error is returned."
  if (prompt.none && others != 0)
    return refuse("oauth.invalid_request", "prompt=none stands with nothing else.");
  return prompt;
}

/// RFC 7636 section 4.3, S256 alone: a client that sends `plain`, or leaves the method out (which means
/// plain), is refused (section 4.4.1).
Result<std::string> parse_pkce(const Client& client, const Parameters& parameters) {
  const std::string_view challenge = parameters.get("code_challenge");
  if (challenge.empty()) {
    if (parameters.has("code_challenge_method")) {
      return refuse("oauth.invalid_request", "code_challenge is missing.");
    }
    // OAuth 2.1 section 7.5.1.2: a confidential client of OpenID Connect may rely on its nonce.
    const bool may_do_without = client.without_pkce && !client.fapi &&
                                client.authentication != ClientAuthentication::none &&
                                parameters.has("nonce");
    if (may_do_without) return std::string();
    return refuse("oauth.invalid_request", "code_challenge is missing: PKCE is required (RFC 7636).");
  }
  if (parameters.get("code_challenge_method") != "S256") {
    return refuse("oauth.invalid_request", "code_challenge_method must be S256.");
  }
  if (!crypto::is_pkce_challenge(challenge)) {
    return refuse("oauth.invalid_request", "code_challenge isn't 43 characters of base64url.");
  }
  return std::string(challenge);
}

/// RFC 8707: what tokens are for. There is one resource, this site's own API.
Result<void> check_resources(std::string_view issuer, const Parameters& parameters) {
  for (const std::string_view resource : parameters.all("resource")) {
    const bool ours = resource == issuer ||
                      (resource.starts_with(issuer) && resource.substr(issuer.size()).starts_with('/'));
    if (!ours) return refuse("oauth.invalid_target", "resource isn't an address of this site.");
  }
  return {};
}

/// Levels asked for: acr_values is a wish (any of the listed levels will do, so the least of them); an
/// essential acr in the claims parameter is a condition (OpenID Connect Core section 5.5.1.1).
void read_levels(AuthorizationRequest& out, std::string_view acr_values, const ClaimsParameter& claims) {
  Assurance least = parse_acr_values(acr_values);
  if (claims.acr_asked && claims.acr != Assurance::none &&
      (claims.acr_essential || least == Assurance::none)) {
    least = claims.acr;
  }
  out.wanted = least;
  out.wanted_essential = claims.acr_essential;
}

Result<void> read_who(AuthorizationRequest& out, const RequestContext& context, const Parameters& parameters,
                      const ClaimsParameter& claims) {
  if (const std::string_view token = parameters.get("id_token_hint"); !token.empty()) {
    DAYAQ_TRY(IdTokenHint hint, check_id_token_hint(context, token));
    if (hint.client != out.client) {
      return refuse("oauth.invalid_request", "id_token_hint was issued to another client.");
    }
    out.subject = std::move(hint.subject);
  }
  if (!claims.subject.empty()) {
    if (!out.subject.empty() && out.subject != claims.subject) {
      return refuse("oauth.invalid_request", "id_token_hint and the claim sub name different persons.");
    }
    out.subject = claims.subject;
  }
  out.login_hint = parameters.get("login_hint");
  if (out.login_hint.size() > hint_max) return refuse("oauth.invalid_request", "login_hint is too long.");
  return {};
}

}  // namespace

Result<Parameters> Parameters::parse(std::string_view form) {
  if (form.size() > size_max) return refuse("oauth.invalid_request", "The request is too long.");
  Parameters out;
  std::size_t count = 0;
  while (!form.empty()) {
    const std::size_t end = std::min(form.find('&'), form.size());
    const std::string_view pair = form.substr(0, end);
    form.remove_prefix(std::min(end + 1, form.size()));
    if (pair.empty()) continue;
    if (++count > count_max) return refuse("oauth.invalid_request", "The request has too many parameters.");
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = http::percent_decode(decoded_plus(pair.substr(0, equals)));
    auto value = http::percent_decode(decoded_plus(pair.substr(std::min(equals + 1, pair.size()))));
    if (!name || !value || !is_utf8(*name) || !is_utf8(*value)) {
      return refuse("oauth.invalid_request", "A parameter isn't properly encoded.");
    }
    if (value->find('\0') != std::string::npos) {
      return refuse("oauth.invalid_request", "A parameter has a null character.");
    }
    out.add(std::move(*name), std::move(*value));
  }
  return out;
}

void Parameters::add(std::string name, std::string value) {
  // RFC 6749 section 3.1: "Parameters sent without a value MUST be treated as if they were omitted", and
  // "request and response parameters MUST NOT be included more than once".
  if (value.empty()) return;
  if (name != "resource" && has(name)) {
    repeated_.push_back(std::move(name));
    return;
  }
  values_.emplace_back(std::move(name), std::move(value));
}

std::string_view Parameters::get(std::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key == name) return value;
  }
  return {};
}

bool Parameters::is_repeated(std::string_view name) const {
  return std::ranges::find(repeated_, name) != repeated_.end();
}

std::vector<std::string_view> Parameters::all(std::string_view name) const {
  std::vector<std::string_view> out;
  for (const auto& [key, value] : values_) {
    if (key == name) out.emplace_back(value);
  }
  return out;
}

bool AuthorizationRequest::has_scope(std::string_view scope) const {
  return std::ranges::find(scopes, scope) != scopes.end();
}

std::string_view acr_of(Assurance assurance) {
  switch (assurance) {
    case Assurance::none:
      return {};
    case Assurance::low:
      return "http://eidas.europa.eu/LoA/low";
    case Assurance::substantial:
      return "http://eidas.europa.eu/LoA/substantial";
    case Assurance::high:
      return "http://eidas.europa.eu/LoA/high";
  }
  return {};
}

std::optional<Assurance> assurance_of_acr(std::string_view acr) {
  for (const Assurance level : {Assurance::low, Assurance::substantial, Assurance::high}) {
    if (acr == acr_of(level)) return level;
  }
  return std::nullopt;
}

Assurance parse_acr_values(std::string_view text) {
  Assurance least = Assurance::none;
  for (const std::string_view word : words(text)) {
    const auto level = assurance_of_acr(word);
    if (level && (least == Assurance::none || *level < least)) least = *level;
  }
  return least;
}

Result<std::uint32_t> parse_seconds(std::string_view text) {
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) {
    return refuse("oauth.invalid_request", "A number of seconds isn't one.");
  }
  return seconds;
}

Result<std::vector<std::string>> parse_scopes(const Client& client, std::string_view text) {
  std::vector<std::string> out;
  for (const std::string_view word : words(text)) {
    if (!is_scope_token(word)) return refuse("oauth.invalid_scope", "scope isn't well formed.");
    const bool registered = std::ranges::find(client.scopes, word) != client.scopes.end();
    const bool offline = word == "offline_access" && client.may(GrantType::refresh_token);
    if (!registered && !offline) continue;
    if (std::ranges::find(out, word) == out.end()) out.emplace_back(word);
    if (out.size() > scopes_max) return refuse("oauth.invalid_scope", "scope names too many.");
  }
  if (out.empty()) return refuse("oauth.invalid_scope", "No scope is asked for that the client may ask.");
  return out;
}

Result<ResponseTarget> parse_target(const Client& client, const Parameters& parameters) {
  // RFC 6749 section 4.1.2.1: if the redirect_uri is missing, wrong or ambiguous, the person is told, and the
  // browser isn't sent there. OpenID Connect Core section 3.1.2.1 requires it.
  if (parameters.is_repeated("redirect_uri")) {
    return refuse("authorize.redirect_uri",
                  "The service sent two return addresses. Tell the service; nothing was done.");
  }
  const std::string_view asked = parameters.get("redirect_uri");
  if (asked.empty() || asked.size() > 1024 || !is_registered_redirect(client, asked)) {
    return refuse("authorize.redirect_uri",
                  "The service sent a return address that isn't registered. Tell the service; nothing was "
                  "done.");
  }
  if (parameters.get("state").size() > state_max) {
    return refuse("authorize.request", "The service sent a state that is too long. Tell the service.");
  }
  ResponseTarget target{.redirect_uri = std::string(asked),
                        .state = parameters.is_repeated("state") ? "" : std::string(parameters.get("state")),
                        .form_post = parameters.get("response_mode") == "form_post"};
  return target;
}

Result<AuthorizationRequest> parse_authorization_request(const Provider& provider, const Client& client,
                                                         const Parameters& parameters, ResponseTarget target,
                                                         Instant now) {
  const auto keys = provider.tokens->public_keys(provider.keys, now);
  return parse_authorization_request({.issuer = provider.issuer, .keys = *keys}, client, parameters,
                                     std::move(target), now);
}

Result<AuthorizationRequest> parse_authorization_request(const RequestContext& context, const Client& client,
                                                         const Parameters& parameters, ResponseTarget target,
                                                         Instant now) {
  if (!parameters.repeated().empty()) {
    return refuse("oauth.invalid_request", "A parameter comes more than once.");
  }
  if (!client.may(GrantType::authorization_code)) {
    return refuse("oauth.unauthorized_client", "The client isn't registered for the authorization code.");
  }
  const std::string_view type = parameters.get("response_type");
  if (type.empty()) return refuse("oauth.invalid_request", "response_type is missing.");
  if (type != "code") return refuse("oauth.unsupported_response_type", "response_type must be code.");
  const std::string_view mode = parameters.get("response_mode");
  if (!mode.empty() && mode != "query" && mode != "form_post") {
    return refuse("oauth.invalid_request", "response_mode must be query or form_post.");
  }
  if (parameters.has("registration")) {  // OpenID Connect Core sections 3.1.2.6 and 7.2.1
    return refuse("oauth.registration_not_supported", "Clients are registered beforehand, not in requests.");
  }
  AuthorizationRequest out;
  out.client = client.id;
  out.target = std::move(target);
  out.asked = now;
  DAYAQ_TRY(out.scopes, parse_scopes(client, parameters.get("scope")));
  out.nonce = parameters.get("nonce");
  if (out.nonce.size() > nonce_max) return refuse("oauth.invalid_request", "nonce is too long.");
  DAYAQ_TRY(out.code_challenge, parse_pkce(client, parameters));
  out.jkt = parameters.get("dpop_jkt");
  if (!out.jkt.empty() && !is_thumbprint(out.jkt)) {
    return refuse("oauth.invalid_request", "dpop_jkt isn't a thumbprint (RFC 7638).");
  }
  DAYAQ_TRY(out.prompt, parse_prompt(parameters.get("prompt")));
  if (parameters.has("max_age")) {
    DAYAQ_TRY(out.max_age, parse_seconds(parameters.get("max_age")));
  }
  DAYAQ_TRY_OK(check_resources(context.issuer, parameters));
  ClaimsParameter claims;
  if (parameters.has("claims")) {
    DAYAQ_TRY(claims, parse_claims_parameter(parameters.get("claims")));
    for (ClaimWish& wish : claims.wishes) {
      if (may_ask_claim(client, wish.name)) out.claims.push_back(std::move(wish));
    }
  }
  read_levels(out, parameters.get("acr_values"), claims);
  if (out.wanted_essential && out.wanted == Assurance::none) {
    return refuse("oauth.unmet_authentication_requirements", "None of the levels in acr is known here.");
  }
  DAYAQ_TRY_OK(read_who(out, context, parameters, claims));
  for (const std::string_view tag : words(parameters.get("ui_locales"))) {
    if (!out.language) out.language = parse_language(tag.substr(0, tag.find('-')));
  }
  return out;
}

}  // namespace dayaq::identity::oidc
