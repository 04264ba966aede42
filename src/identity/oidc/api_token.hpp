// POST /oauth/token: what its grant types share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "identity/oidc/access_token.hpp"
#include "identity/oidc/form.hpp"
#include "identity/oidc/provider.hpp"

namespace dayaq::identity::oidc {

/// A request whose client is known and whose proof, if any, is good.
struct TokenRequest {
  const Provider& provider;
  const Form& form;
  std::shared_ptr<const Client> client;
  std::string jkt;  ///< of the DPoP proof, "" without one
  Instant now;
};

/// What is answered, once what it stands on is durable.
struct TokenAnswer {
  SignedToken access;
  std::string jkt;
  std::string scope;
  std::string refresh;   ///< "" without one
  std::string id_token;  ///< "" without openid
};
[[nodiscard]] http::Response token_response(const Provider& provider, const Client& client,
                                            const TokenAnswer& answer, Instant now);

/// Signs what a person's grant gives. `generation` of the refresh token that goes with it, 0 for none.
/// `scopes`: the grant's, or fewer. Reads the database for claims in the ID token.
Result<TokenAnswer> sign_answer(const TokenRequest& request, const Grant& grant,
                                const std::vector<std::string>& scopes, std::uint64_t generation,
                                std::string_view nonce);
/// Whether a refresh token goes with the grant.
[[nodiscard]] bool refreshable(const Client& client);

// Each answers by itself, once, perhaps from the writer thread.
void redeem_by_code(const TokenRequest& request, http::Responder respond);
void redeem_by_refresh(const TokenRequest& request, http::Responder respond);
/// The device flow and CIBA.
void redeem_by_poll(const TokenRequest& request, GrantType type, http::Responder respond);
/// Without the database.
[[nodiscard]] Result<TokenAnswer> client_credentials(const TokenRequest& request);

/// Writes that a client was told claims about a person, by name. Nothing for a grant that releases none.
Result<void> note_release(store::Session& db, const Provider& provider, const Client& client,
                          const Grant& grant);

void answer_token_request(const Provider& provider, const std::shared_ptr<const http::Request>& request,
                          http::Responder respond);

}  // namespace dayaq::identity::oidc
