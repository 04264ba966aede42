// Who is calling, for whom, with what right.
#pragma once

#include <cstddef>
#include <cstdint>
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
  admin,  ///< keys, imports
};
inline constexpr std::size_t scope_count = static_cast<std::size_t>(Scope::admin) + 1;
[[nodiscard]] std::string_view to_string(Scope scope);           ///< "persons:read"
[[nodiscard]] Result<Scope> parse_scope(std::string_view text);  ///< invalid_input "scope.unknown"

/// How sure it is that a person is who they say: of the digital ID they enrolled with and of how they signed
/// in, the lower one. @see Regulation (EU) 910/2014 (eIDAS) article 8 and Implementing Regulation 2015/1502
enum class Assurance : std::uint8_t { none, low, substantial, high };

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
  [[nodiscard]] bool anonymous() const { return organisation.value().empty(); }
  [[nodiscard]] bool may(Scope scope) const {
    return scope == Scope::none || (scopes >> static_cast<unsigned>(scope) & 1) != 0;
  }
  /// "org:CODE/key:ID" for the audit log.
  [[nodiscard]] std::string actor() const;
};

/// Says who sent a bearer token. Implemented above (API keys by registry, tokens by identity). Thread-safe,
/// and fast enough for every request.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// unauthenticated "auth.token" for an unknown, ended or revoked token.
  [[nodiscard]] virtual Result<Principal> authenticate(std::string_view bearer_token) const = 0;
};

}  // namespace dayaq::http
