// What the provider's parts work with, and what they do for each other.
//
//   authorize / device / ciba ── issue_code, approve ──> grants ── token endpoint ──> ID token, access token,
//   refresh
//
// Errors carry OAuth's own words as the last part of their code: "oauth.invalid_grant" is answered as
// {"error":"invalid_grant"} (RFC 6749 section 5.2); error_answer() makes the response.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/jwt_dpop.hpp"
#include "crypto/key_store.hpp"
#include "http/router.hpp"
#include "identity/account/accounts.hpp"
#include "identity/oidc/clients.hpp"
#include "identity/oidc/types.hpp"

namespace dayaq::identity::oidc {

[[nodiscard]] std::span<const store::Migration> migrations();

/// What the provider keeps in memory: keys derived from the master key, signers, one-time ids that were seen,
/// tokens that were revoked, tokens that were verified. See token_state.hpp.
class TokenState;
[[nodiscard]] std::shared_ptr<TokenState> make_token_state();

/// All of it outlives its users.
struct Provider {
  store::Database& db;
  const Accounts& accounts;
  Sessions& sessions;
  Clients& clients;
  const crypto::KeyRing& keys;
  const crypto::MasterKey& master;
  audit::Log& log;
  Random& random;
  const Clock& clock;
  std::string issuer;  ///< "https://id.example.az", no slash at the end
  Lifetimes lifetimes;
  std::shared_ptr<TokenState> tokens = make_token_state();  ///< shared by copies of the provider
};

// -- codes (RFC 6749 section 4.1.2): once, short, bound to client, redirect_uri, PKCE and perhaps a DPoP key

struct CodeRequest {
  Grant grant;
  std::string redirect_uri;    ///< as asked
  std::string code_challenge;  ///< S256
};
/// The code of a grant that has its id, person and client: a text that says, to this provider alone, where
/// the grant's row is, under a MAC of 256 bits, so that redeeming it costs one keyed read and forging it
/// none.
[[nodiscard]] std::string draw_code(const Provider& provider, const Grant& grant);
/// Part of a transaction. `code` is draw_code's of the same grant.
Result<void> issue_code(store::Session& db, const Provider& provider, const CodeRequest& request,
                        std::string_view code, Instant now);

// -- grants

/// Ends a grant with all its tokens; the client's next use is refused. Part of a transaction.
Result<void> end_grant(store::Session& db, const Provider& provider, PersonId person, GrantId id,
                       Instant now);
/// Ends what stands on a session: everything but what was granted for when the person is away.
Result<void> end_grants_of_session(store::Session& db, const Provider& provider, const Session& session,
                                   Instant now);
/// Ends them when their session ends. To be added to the sessions by whoever wires.
class GrantsFollowSessions final : public SessionObserver {
 public:
  explicit GrantsFollowSessions(const Provider& provider) : provider_(provider) {}
  Result<void> on_session_ended(store::Session& db, const Session& session) override {
    return end_grants_of_session(db, provider_, session, provider_.clock.now());
  }

 private:
  const Provider& provider_;
};
/// Ends all of a person's, what was granted for when they are away and codes that wait as well.
Result<void> end_grants_of_person(store::Session& db, const Provider& provider, PersonId person, Instant now);
/// Ends them when the account is suspended or closed, for good: who is reactivated signs in again, and what
/// they consented to stands. To be given to the accounts by whoever wires.
class GrantsFollowAccounts final : public AccountObserver {
 public:
  explicit GrantsFollowAccounts(const Provider& provider) : provider_(provider) {}
  Result<void> on_account_changed(store::Session& db, const Account& account) override {
    if (account.state == AccountState::active) return {};
    return end_grants_of_person(db, provider_, account.person, account.changed);
  }

 private:
  const Provider& provider_;
};
/// Live grants of a person that were redeemed, newest first.
Result<std::vector<Grant>> grants_of(store::Session& db, PersonId person, Instant now);

// -- subjects and claims

/// `sub` for this client: pairwise HMAC by sector (OpenID Connect Core section 8.1), or public.
[[nodiscard]] std::string subject(const Provider& provider, const Client& client, PersonId person);
/// What a person is told that a client would learn, and what it then does learn. Sensitive statuses are never
/// among them. Names: "name", "given_name", "family_name", "birthdate", "age_over_18", "phone_number",
/// "status:student", ...
struct Claim {
  std::string name;
  std::string json;  ///< the value
};
Result<std::vector<Claim>> claims_for(store::Session& db, const Provider& provider, const Grant& grant,
                                      bool for_id_token);

// -- answers

/// RFC 6749 section 5.2 (status 400, 401 with WWW-Authenticate for invalid_client, 503 for a busy store),
/// no-store.
[[nodiscard]] http::Response error_answer(const Error& error);

/// Who calls an endpoint as a client: client_secret_basic, client_secret_post, private_key_jwt or none.
/// unauthenticated "oauth.invalid_client". Blocking only for the replay row of an assertion's jti.
Result<std::shared_ptr<const Client>> authenticate_client(const Provider& provider,
                                                          const http::Request& request);

// -- wiring

/// What follows commits: to be added to the database as a hook, after start_tokens.
[[nodiscard]] store::CommitHook& token_hook(const Provider& provider);
/// Reads which tokens are revoked. Proofs and assertions made before `now` are refused from here on, since
/// nobody remembers which of them were used.
Result<void> start_tokens(store::Session& db, const Provider& provider, Instant now);
/// Deletes grants that are over, those of one of the registry's buckets, and old revocations; called by a
/// timer inside a transaction, with 0, 1, ... 255 in turn.
Result<void> sweep_tokens(store::Session& db, const Provider& provider, Instant now, std::int64_t bucket);
/// /oauth/token, introspect, revoke, userinfo, jwks, and both discovery documents. The provider outlives
/// them.
void add_token_routes(http::Router& router, const Provider& provider);

}  // namespace dayaq::identity::oidc
