// The grants of a person at the token endpoint. What is signed is signed before the transaction, off the
// writer thread; what is answered is answered after its commit.
#include <algorithm>
#include <memory>

#include "crypto/jwt_dpop.hpp"
#include "identity/account/relations.hpp"
#include "identity/oidc/answers.hpp"
#include "identity/oidc/api_token.hpp"
#include "identity/oidc/ciba.hpp"
#include "identity/oidc/device.hpp"
#include "identity/oidc/token_state.hpp"

namespace dayaq::identity::oidc {
namespace {

std::unexpected<Error> invalid_grant(std::string_view why) {
  return fail(ErrorKind::invalid_input, "oauth.invalid_grant",
              "The code or refresh token isn't valid any more, or it is another client's.", std::string(why));
}

http::Response refuse(const Provider& provider, const Error& error, Instant now) {
  http::Response response = error_answer(provider, error, now);
  for_browsers(response);
  return response;
}

/// A suspended or dead person's grants give nothing more, whether or not somebody has ended them yet; nor do
/// those of somebody who may no longer act for the other.
Result<void> check_account(store::Session& db, const Provider& provider, const Grant& grant, Instant now) {
  DAYAQ_TRY(const auto account, account_of(db, grant.person));
  if (!account || account->state != AccountState::active) return invalid_grant("the account isn't active");
  if (grant.acting_for == PersonId()) return {};
  DAYAQ_TRY(const auto relation,
            standing_relation(db, provider.accounts, grant.person, grant.acting_for, "", now));
  if (!relation) return invalid_grant("the relation has ended");
  return {};
}

/// What the grant is now, as far as it is this client's and its person's account stands.
Result<StoredGrant> read_grant(const TokenRequest& request, HandleKind kind, std::string_view text,
                               std::uint64_t& number) {
  const Provider& provider = request.provider;
  const auto handle = read_handle(provider.tokens->keys(provider.master).handles, kind, text);
  if (!handle) return invalid_grant("not ours");
  number = handle->number;
  return provider.db.read([&](store::Session& db) -> Result<StoredGrant> {
    DAYAQ_TRY(auto stored, grant_row(db, handle->person, handle->grant));
    if (!stored) return invalid_grant("no such grant");
    if (stored->grant.client != request.client->id) return invalid_grant("another client's");
    DAYAQ_TRY_OK(check_account(db, provider, stored->grant, request.now));
    return std::move(*stored);
  });
}

/// RFC 6749 section 4.1.3, RFC 7636 section 4.6, RFC 9449 section 10.
Result<void> check_code_request(const TokenRequest& request, const StoredGrant& stored) {
  if (request.form.get("redirect_uri").value_or("") != stored.redirect_uri)
    return invalid_grant("redirect_uri");
  const auto verifier = request.form.get("code_verifier");
  if (stored.code_challenge.empty()) {
    // RFC 9700 section 4.8.2: a verifier without a challenge was cut out of the request on its way.
    if (verifier) return invalid_grant("a verifier, and no challenge");
    if (!request.client->without_pkce) return invalid_grant("no PKCE");
  } else if (!verifier || !crypto::is_pkce_verifier(*verifier) ||
             !crypto::pkce_matches(*verifier, stored.code_challenge)) {
    return invalid_grant("code_verifier");
  }
  if (!stored.grant.jkt.empty() && stored.grant.jkt != request.jkt) return invalid_grant("dpop_jkt");
  return {};
}

/// A client that can't authenticate proves by its key that a refresh token is its own (RFC 9449 section 5).
std::string refresh_key(const TokenRequest& request) {
  return request.client->authentication == ClientAuthentication::none ? request.jkt : std::string();
}

/// Runs `decide` in a transaction of the next group commit, then answers: what was signed, or that it is
/// refused.
void decide_and_answer(const TokenRequest& request, TokenAnswer answer,
                       std::function<Result<bool>(store::Session&)> decide, http::Responder respond) {
  struct Pending {  // shared by the two functions that the database keeps
    const Provider& provider;
    std::shared_ptr<const Client> client;
    TokenAnswer answer;
    http::Responder respond;
    Instant now;
    bool granted = false;
  };
  const auto pending = std::make_shared<Pending>(
      Pending{request.provider, request.client, std::move(answer), std::move(respond), request.now});
  request.provider.db.submit(
      [pending, decide = std::move(decide)](store::Session& db) -> Result<void> {
        DAYAQ_TRY(pending->granted, decide(db));
        return {};
      },
      [pending](const Result<void>& done) {
        const Provider& provider = pending->provider;
        if (!done) return pending->respond(refuse(provider, done.error(), pending->now));
        if (!pending->granted) {
          return pending->respond(
              refuse(provider, invalid_grant("used, replaced or ended").error(), pending->now));
        }
        pending->respond(token_response(provider, *pending->client, pending->answer, pending->now));
      });
}

Result<std::vector<std::string>> narrowed(const TokenRequest& request, const Grant& grant) {
  const auto asked = request.form.get("scope");
  if (!asked) return grant.scopes;
  std::vector<std::string> out;
  std::string_view left = *asked;
  while (!left.empty()) {
    const std::size_t space = left.find(' ');
    const std::string_view one = left.substr(0, space);
    left = space == std::string_view::npos ? std::string_view() : left.substr(space + 1);
    if (std::ranges::find(grant.scopes, one) == grant.scopes.end()) {
      return fail(ErrorKind::invalid_input, "oauth.invalid_scope",
                  "More than was granted can't be asked for.");
    }
    out.emplace_back(one);
  }
  return out;
}

}  // namespace

void redeem_by_code(const TokenRequest& request, http::Responder respond) {
  const Provider& provider = request.provider;
  const Instant now = request.now;
  const auto code = request.form.required("code");
  if (!code) return respond(refuse(provider, code.error(), now));
  std::uint64_t number = 0;
  const auto stored = read_grant(request, HandleKind::code, *code, number);
  if (!stored) return respond(refuse(provider, stored.error(), now));
  if (const auto good = check_code_request(request, *stored); !good)
    return respond(refuse(provider, good.error(), now));
  const Grant& grant = stored->grant;
  const std::uint64_t generation = refreshable(*request.client) ? 1 : 0;
  TokenAnswer answer;
  // A code that was used isn't signed for: the transaction ends its grant.
  if (!stored->redeemed) {
    auto made = sign_answer(request, grant, grant.scopes, generation, grant.nonce);
    if (!made) return respond(refuse(provider, made.error(), now));
    answer = std::move(*made);
  }
  decide_and_answer(
      request, std::move(answer),
      [&provider, grant, client = request.client, jkt = refresh_key(request), generation,
       now](store::Session& db) -> Result<bool> {
        DAYAQ_TRY(const bool granted, redeem_code(db, provider, grant, jkt, generation, now));
        if (granted) {
          DAYAQ_TRY_OK(note_release(db, provider, *client, grant));
        }
        return granted;
      },
      std::move(respond));
}

void redeem_by_refresh(const TokenRequest& request, http::Responder respond) {
  const Provider& provider = request.provider;
  const Instant now = request.now;
  const auto made = [&]() -> Result<std::pair<StoredGrant, std::uint64_t>> {
    DAYAQ_TRY(const std::string_view text, request.form.required("refresh_token"));
    std::uint64_t generation = 0;
    DAYAQ_TRY(StoredGrant stored, read_grant(request, HandleKind::refresh, text, generation));
    if (!stored.live_at(now) || !stored.redeemed) return invalid_grant("ended");
    if (request.client->authentication == ClientAuthentication::none && stored.grant.jkt != request.jkt)
      return invalid_grant("bound to another key");
    return std::pair(std::move(stored), generation);
  }();
  if (!made) return respond(refuse(provider, made.error(), now));
  const auto& [stored, generation] = *made;
  const Grant& grant = stored.grant;
  const auto scopes = narrowed(request, grant);
  if (!scopes) return respond(refuse(provider, scopes.error(), now));
  auto answer = sign_answer(request, grant, *scopes, generation + 1, "");
  if (!answer) return respond(refuse(provider, answer.error(), now));
  decide_and_answer(
      request, std::move(*answer),
      [&provider, person = grant.person, id = grant.id, from = generation, now](store::Session& db) {
        return rotate_refresh(db, provider, person, id, from, now);
      },
      std::move(respond));
}

void redeem_by_poll(const TokenRequest& request, GrantType type, http::Responder respond) {
  const Provider& provider = request.provider;
  const Instant now = request.now;
  const Client& client = *request.client;
  const auto asked = request.form.required(type == GrantType::ciba ? "auth_req_id" : "device_code");
  if (!asked) return respond(refuse(provider, asked.error(), now));
  const std::uint64_t generation = refreshable(client) ? 1 : 0;
  const auto poll = provider.db.write([&](store::Session& db) -> Result<Poll> {
    DAYAQ_TRY(Poll found, type == GrantType::ciba ? poll_ciba(db, provider, client, *asked, now)
                                                  : poll_device(db, provider, client, *asked, now));
    if (found.state != Poll::State::granted) return found;
    found.grant.jkt = refresh_key(request);
    DAYAQ_TRY_OK(check_account(db, provider, found.grant, now));
    DAYAQ_TRY_OK(open_grant(db, found.grant, generation, now));
    DAYAQ_TRY_OK(note_release(db, provider, client, found.grant));
    return found;
  });
  if (!poll) return respond(refuse(provider, poll.error(), now));
  if (poll->state != Poll::State::granted) return respond(refuse(provider, error_of(poll->state), now));
  // A device polls, so that its grant is known only now; who dies here asks its person once more.
  const auto answer = sign_answer(request, poll->grant, poll->grant.scopes, generation, poll->grant.nonce);
  respond(answer ? token_response(provider, client, *answer, now) : refuse(provider, answer.error(), now));
}

}  // namespace dayaq::identity::oidc
