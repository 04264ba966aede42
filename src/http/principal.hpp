// Who is calling, for whom, with what right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace dayaq::http {

/// What a caller may do. A key or token carries a set; each route declares the one it needs. Catalogued in
/// docs/api.md.
enum class Scope : std::uint8_t {
  none,  ///< public: anybody
  persons_read,
  persons_write,
  attestations_write,  ///< record and revoke, for the caller's own organisation
  subscriptions_write,
  organisations_read,
  organisations_write,
  regimes_read,   ///< drafts too
  regimes_write,  ///< submit, amend, end
  regimes_approve,
  grants_read,    ///< of any person, with explanation
  grants_decide,  ///< by subscription: an operator, for its own lines
  feed_read,      ///< an operator's own feed
  audit_read,
  admin,             ///< keys, imports, everybody's clients
  me_read,           ///< a client on behalf of a person: what that person may see of themselves
  clients_write,     ///< an organisation's own clients
  services_read,     ///< versions that wait too, and their files
  services_write,    ///< submit a service's file, suspend it, take it up again
  services_publish,  ///< what another submitted
  cases_read,        ///< of the services that the caller's organisation provides or reviews
  cases_write,       ///< submit for a person, decide, ask, revoke
};
inline constexpr std::size_t scope_count = static_cast<std::size_t>(Scope::cases_write) + 1;
[[nodiscard]] constexpr std::uint32_t scope_bit(Scope scope) {
  return 1u << static_cast<unsigned>(scope);
}
/// What a person grants a client for themselves; all others belong to programs of organisations. Nobody has
/// both.
inline constexpr std::uint32_t person_scopes = scope_bit(Scope::me_read);
[[nodiscard]] std::string_view to_string(Scope scope);           ///< "persons:read"
[[nodiscard]] Result<Scope> parse_scope(std::string_view text);  ///< invalid_input "scope.unknown"

/// How sure it is that a person is who they say: of the digital ID they enrolled with and of how they signed
/// in, the lower one. @see Regulation (EU) 910/2014 (eIDAS) article 8 and Implementing Regulation 2015/1502
enum class Assurance : std::uint8_t { none, low, substantial, high };
[[nodiscard]] std::string_view to_string(Assurance assurance);  ///< "substantial"
/// Before a level's name it is the `acr` value that relying parties see: the URIs that eIDAS's own SAML
/// profile uses.
inline constexpr std::string_view assurance_acr_prefix = "http://eidas.europa.eu/LoA/";

/// Who is calling: an organisation's program (by its key or OAuth client), a person in a browser (by their
/// session), or a client on behalf of a person (by an access token).
struct Principal {
  OrganisationCode organisation;  ///< of the program; empty when anonymous or a person in a browser
  std::uint64_t key = 0;          ///< the API key's id, 0 if it isn't one
  std::uint32_t scopes = 0;       ///< bit set by Scope
  std::string client;             ///< client_id of the OAuth client, "" if it isn't one
  PersonId person;                ///< who signed in, 0 if nobody
  PersonId acting_for;            ///< whom they act for by a recorded relation, 0: themselves
  std::uint64_t session = 0;      ///< of the digital ID, 0 without one
  Assurance assurance = Assurance::none;
  bool deprecated = false;  ///< its credential is of a kind that goes away; answers say so (RFC 9745)
  [[nodiscard]] bool anonymous() const { return organisation.value().empty() && person == PersonId(); }
  [[nodiscard]] bool may(Scope scope) const {
    if (scope == Scope::clients_write && (scopes & scope_bit(Scope::admin)) != 0) return true;
    return scope == Scope::none || (scopes & scope_bit(scope)) != 0;
  }
  /// For the audit log: "org:CODE/key:ID", "org:CODE/client:ID", "self" (a person, about themselves: who that
  /// is stands in the entry's sealed part alone), "anonymous".
  [[nodiscard]] std::string actor() const;
};

/// What a request brings to say who sends it: the Authorization header, or the cookie of a session. Never
/// both: a route that asks for a scope doesn't look at cookies (no CSRF), and a page not at tokens.
struct Credentials {
  enum class Scheme : std::uint8_t { bearer, dpop, session };
  Scheme scheme = Scheme::bearer;
  std::string_view token = {};    ///< of the Authorization header
  std::string_view proof = {};    ///< the DPoP header (RFC 9449 section 4)
  bool proofs_many = false;       ///< more than one of them
  std::string_view method = {};   ///< "GET"
  std::string_view path = {};     ///< without the query; its origin is known to whoever checks the proof
  std::string_view cookies = {};  ///< the Cookie header, for Scheme::session
};

/// Says who sent a request. Implemented above (API keys by registry, tokens and sessions by identity).
/// Thread-safe, and fast enough for every request.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// May read the database: worker threads.
  ///   - unauthenticated "auth.token"       an unknown, expired, ended or revoked token
  ///   - unauthenticated "auth.session"     nobody is signed in by this cookie
  ///   - unauthenticated "dpop.*"           the proof is missing or doesn't prove it (RFC 9449 section 7.1)
  [[nodiscard]] virtual Result<Principal> authenticate(const Credentials& credentials) const = 0;
  /// The same from memory alone, on an I/O thread. nullopt: that needs authenticate().
  [[nodiscard]] virtual std::optional<Result<Principal>> at_once(const Credentials& credentials) const {
    return authenticate(credentials);
  }
  /// For the header DPoP-Nonce beside a challenge that asks for one (RFC 9449 section 9); "" where there is
  /// none.
  [[nodiscard]] virtual std::string dpop_nonce() const { return {}; }
};

}  // namespace dayaq::http
