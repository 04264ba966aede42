// An authorization request, read: foreign text in, a checked request out. It has passed every rule that needs
// no person and no database; what is left (sign-in, consent) is authorize.cpp's.
// @see RFC 6749 section 4.1.1, OAuth 2.1, RFC 7636, OpenID Connect Core sections 3.1.2.1 and 5.5
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "identity/oidc/redirect.hpp"

namespace dayaq::identity::oidc {

/// The parameters of a request, each at most once.
class Parameters {
 public:
  static constexpr std::size_t size_max = 12 << 10;  ///< of the text
  static constexpr std::size_t count_max = 64;
  /// application/x-www-form-urlencoded (a query or a body). A parameter without a value counts as absent
  /// (RFC 6749 section 3.1). invalid_input "oauth.invalid_request": too much, broken escapes, not UTF-8.
  static Result<Parameters> parse(std::string_view form);

  [[nodiscard]] std::string_view get(std::string_view name) const;  ///< the first; "" if absent
  [[nodiscard]] bool has(std::string_view name) const { return !get(name).empty(); }
  /// Names that come more than once, `resource` excepted (RFC 8707 section 2).
  [[nodiscard]] const std::vector<std::string>& repeated() const { return repeated_; }
  [[nodiscard]] bool is_repeated(std::string_view name) const;
  [[nodiscard]] std::vector<std::string_view> all(std::string_view name) const;
  void add(std::string name, std::string value);

 private:
  std::vector<std::pair<std::string, std::string>> values_;
  std::vector<std::string> repeated_;
};

/// Values of `prompt`. @see OpenID Connect Core section 3.1.2.1
struct Prompt {
  bool none = false;
  bool login = false;
  bool consent = false;
  bool select_account = false;
};

struct AuthorizationRequest {
  std::string client;
  ResponseTarget target;
  std::vector<std::string> scopes;  ///< asked for and registered, in the order asked
  std::vector<ClaimWish> claims;
  std::string nonce;
  std::string code_challenge;
  std::string jkt;  ///< dpop_jkt (RFC 9449 section 10)
  Prompt prompt;
  std::optional<std::uint32_t> max_age;  ///< seconds
  Assurance wanted = Assurance::none;    ///< by acr_values, or an essential acr
  bool wanted_essential = false;
  std::string subject;  ///< who it must be, as this client knows them (id_token_hint, sub); "" for anybody
  std::string login_hint;
  std::optional<Language> language;
  Instant asked;  ///< when it came: what prompt=login is held to

  [[nodiscard]] bool has_scope(std::string_view scope) const;
};

/// Names of levels of assurance in `acr`, `acr_values` and the discovery document:
/// "http://eidas.europa.eu/LoA/substantial". @see eIDAS SAML Message Format 1.2 section 3.2
[[nodiscard]] std::string_view acr_of(Assurance assurance);  ///< "" for none
[[nodiscard]] std::optional<Assurance> assurance_of_acr(std::string_view acr);

/// The least of the known levels in acr_values (any of them will do); none if it names no known one.
[[nodiscard]] Assurance parse_acr_values(std::string_view text);
/// A decimal number of seconds. "oauth.invalid_request".
[[nodiscard]] Result<std::uint32_t> parse_seconds(std::string_view text);

/// Client, redirect_uri, state and response_mode, before anything else is believed. What fails here is told
/// to the person, never redirected: invalid_input "authorize.redirect_uri", "authorize.request".
[[nodiscard]] Result<ResponseTarget> parse_target(const Client& client, const Parameters& parameters);

/// All the rest, by the client's registration. Errors are for the client ("oauth.invalid_request",
/// "oauth.unsupported_response_type", "oauth.invalid_scope", "oauth.invalid_target",
/// "oauth.unauthorized_client").
[[nodiscard]] Result<AuthorizationRequest> parse_authorization_request(const Provider& provider,
                                                                       const Client& client,
                                                                       const Parameters& parameters,
                                                                       ResponseTarget target, Instant now);

/// What it is read by. Without a provider, for fuzzers.
struct RequestContext {
  std::string_view issuer;
  const crypto::JwkSet& keys;  ///< the provider's, for id_token_hint
};
[[nodiscard]] Result<AuthorizationRequest> parse_authorization_request(const RequestContext& context,
                                                                       const Client& client,
                                                                       const Parameters& parameters,
                                                                       ResponseTarget target, Instant now);

/// Scopes that are asked for and registered; others are passed over (OpenID Connect Core section 3.1.2.1).
/// "oauth.invalid_scope" if none is left, or the text isn't one (RFC 6749 section 3.3).
[[nodiscard]] Result<std::vector<std::string>> parse_scopes(const Client& client, std::string_view text);

/// The claims parameter. @see OpenID Connect Core section 5.5
struct ClaimsParameter {
  std::vector<ClaimWish> wishes;    ///< each name once; nothing of `acr`, `sub`, `auth_time`
  Assurance acr = Assurance::none;  ///< the least of the levels that are asked for
  bool acr_asked = false;
  bool acr_essential = false;
  bool auth_time = false;
  std::string subject;  ///< `sub` with a value: it must be this one
};
/// At most 4096 bytes, 32 claims. "oauth.invalid_request" for what the standard doesn't describe.
[[nodiscard]] Result<ClaimsParameter> parse_claims_parameter(std::string_view json);

/// Whether a registered scope of the client stands for this claim. What isn't covered is passed over.
[[nodiscard]] bool may_ask_claim(const Client& client, std::string_view claim);

/// An ID token of ours, given back (expired ones too): who it was for and whom it was about.
struct IdTokenHint {
  std::string client;
  std::string subject;
  std::string sid;
};
/// invalid_input "oauth.invalid_request": not one of ours.
[[nodiscard]] Result<IdTokenHint> check_id_token_hint(const RequestContext& context, std::string_view token);
[[nodiscard]] Result<IdTokenHint> check_id_token_hint(const Provider& provider, std::string_view token,
                                                      Instant now);

/// Bytes of a request for sealing and for rows; decode takes nothing but what encode wrote.
[[nodiscard]] Bytes encode(const AuthorizationRequest& request);
[[nodiscard]] std::optional<AuthorizationRequest> decode_authorization_request(BytesView bytes);

}  // namespace dayaq::identity::oidc
