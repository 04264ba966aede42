// What opens the API, and what doesn't: tokens of programs and persons, bound ones, ended ones, API keys,
// sessions.
#include "identity/oidc/access.hpp"

#include "crypto/jwt.hpp"
#include "identity/oidc/access_token.hpp"
#include "identity/oidc/authorize_test_support.ipp"
#include "identity/oidc/key_clients.hpp"

namespace dayaq::identity::oidc {
namespace {

using namespace authorize_test;
using http::Credentials;
using http::Scope;
using Scheme = Credentials::Scheme;

struct ApiAccess : Authorizing {
  registry::KeyRing ring{*world.node.organisations, world.node.clock};
  Access access{world.provider, ring};

  void SetUp() override {
    must(world.db().write(
        [&](store::Session& session) { return start_tokens(session, world.provider, world.now()); }));
    world.clients.set_others(key_clients(ring, *world.node.organisations));
    world.db().add_hook(ring);
    Client program = make_client("registry-sync");
    program.grants = 1u << unsigned(GrantType::client_credentials);
    program.scopes = {"persons:read", "grants:read"};
    world.add(program);
    Client app = make_client("my-app");
    app.scopes = {"openid", "me:read"};
    world.add(app);
  }

  std::string program_token(const std::string& scopes, const std::string& client = "registry-sync",
                            const std::string& jkt = {}) {
    return must(sign_access_token(world.provider, world.client(client), Grant{}, scopes, jkt, world.now()))
        .text;
  }
  Grant person_grant(const std::optional<Session>& session = {}, PersonId acting_for = {}) {
    Grant grant;
    grant.id = GrantId(world.node.random.next_id());
    grant.client = "my-app";
    grant.person = world.person;
    grant.acting_for = acting_for;
    grant.session = session ? session->id : SessionId();
    grant.authenticated = world.now();
    grant.assurance = Assurance::substantial;
    grant.scopes = {"openid", "me:read"};
    grant.expires = world.now() + 1h;
    must(world.db().write([&](store::Session& db) { return open_grant(db, grant, 0, world.now()); }));
    return grant;
  }
  std::string person_token(const Grant& grant, const std::string& scopes = "openid me:read") {
    return must(sign_access_token(world.provider, world.client(grant.client), grant, scopes, "", world.now()))
        .text;
  }
  Result<http::Principal> bearer(const std::string& token) {
    auto said = access.at_once({.scheme = Scheme::bearer, .token = token, .method = "GET", .path = "/v1/me"});
    EXPECT_TRUE(said) << "tokens are judged from memory";
    return *said;
  }
  std::string refusal(const Result<http::Principal>& said) {
    return said ? "passes" : std::string(said.error().code);
  }
};

TEST_P(ApiAccess, AProgramsTokenGivesItsScopesInItsOrganisationsName) {
  const http::Principal caller = must(bearer(program_token("persons:read grants:read")));
  EXPECT_EQ(caller.organisation.value(), "baku-city-hospital");
  EXPECT_EQ(caller.client, "registry-sync");
  EXPECT_EQ(caller.actor(), "org:baku-city-hospital/client:registry-sync");
  EXPECT_EQ(caller.scopes, http::scope_bit(Scope::persons_read) | http::scope_bit(Scope::grants_read));
  EXPECT_EQ(caller.person, PersonId());
}

TEST_P(ApiAccess, AScopeThatTheClientMayNoLongerHaveIsGoneAtOnce) {
  const std::string token = program_token("persons:read grants:read");
  EXPECT_TRUE(must(bearer(token)).may(Scope::grants_read));
  Client narrowed = world.client("registry-sync");
  narrowed.scopes = {"persons:read"};
  world.add(narrowed);
  EXPECT_FALSE(must(bearer(token)).may(Scope::grants_read));
  EXPECT_TRUE(must(bearer(token)).may(Scope::persons_read));
}

TEST_P(ApiAccess, APersonsTokenGivesAPersonsScopesAndNothingElse) {
  Client greedy = world.client("my-app");
  greedy.scopes = {"openid", "me:read", "persons:read", "admin"};
  world.add(greedy);
  const http::Principal caller =
      must(bearer(person_token(person_grant(), "openid me:read persons:read admin")));
  EXPECT_EQ(caller.scopes, http::person_scopes);
  EXPECT_EQ(caller.person, world.person);
  EXPECT_EQ(caller.assurance, Assurance::substantial);
  EXPECT_EQ(must(bearer(program_token("me:read", "my-app"))).scopes, 0u) << "nobody let the program";
}

TEST_P(ApiAccess, ATokenSaysForWhomThePersonActs) {
  const PersonId child = world.add_person("6DEF456");
  const http::Principal caller = must(bearer(person_token(person_grant({}, child))));
  EXPECT_EQ(caller.person, world.person);
  EXPECT_EQ(caller.acting_for, child);
}

TEST_P(ApiAccess, ATokenThatHasExpiredOrIsAnothersOpensNothing) {
  const std::string token = program_token("persons:read");
  EXPECT_EQ(refusal(bearer(token)), "passes");
  for (std::string forged : {token.substr(0, token.size() - 2) + "AA", std::string("x.y.z"),
                             std::string("dyq_1_x"), std::string(5000, 'a'), std::string()}) {
    EXPECT_EQ(refusal(bearer(forged)), "auth.token") << forged.substr(0, 20);
  }
  world.node.clock.advance(world.provider.lifetimes.access_token + 1s);
  EXPECT_EQ(refusal(bearer(token)), "auth.token");
}

TEST_P(ApiAccess, ARevokedGrantAnEndedSessionAndAnEndedClientAreRefusedAtOnceThoughTheTokenWasSeen) {
  const Grant revoked = person_grant();
  const Session session = world.sign_in();
  const Grant of_session = person_grant(session);
  const std::string first = person_token(revoked), second = person_token(of_session),
                    third = program_token("");
  for (const std::string& token : {first, second, third}) EXPECT_EQ(refusal(bearer(token)), "passes");
  must(world.db().write([&](store::Session& db) {
    return end_grant(db, world.provider, world.person, revoked.id, world.now());
  }));
  EXPECT_EQ(refusal(bearer(first)), "auth.token");
  must(world.db().write(
      [&](store::Session& db) { return world.sessions.end(db, world.person, session.id, world.now()); }));
  EXPECT_EQ(refusal(bearer(second)), "auth.token");
  must(world.db().write([&](store::Session& db) {
    return end_client(db, *world.node.registry, world.clients, "registry-sync", "cli");
  }));
  EXPECT_EQ(refusal(bearer(third)), "auth.token");
}

TEST_P(ApiAccess, ABoundTokenNeedsAProofForThisVeryRequest) {
  const crypto::JwkPrivate key = crypto::JwkPrivate::generate(crypto::JwsAlgorithm::es256);
  const crypto::JwkPrivate other = crypto::JwkPrivate::generate(crypto::JwsAlgorithm::es256);
  const std::string token = program_token("persons:read", "registry-sync", key.public_key().thumbprint());
  world.node.clock.advance(2s);  // proofs from before the start want a nonce
  int number = 0;
  const auto proof = [&](const crypto::JwkPrivate& by, const std::string& url, const std::string& of) {
    crypto::ClaimsWriter claims;
    claims.text("ath", crypto::sha256_base64url(of));
    claims.text("htm", "GET");
    claims.text("htu", url);
    claims.date("iat", world.now());
    claims.text("jti", "proof-" + std::to_string(++number));
    return crypto::sign_compact(
        by, R"({"alg":"ES256","jwk":)" + by.public_key().bare_json() + R"(,"typ":"dpop+jwt"})",
        claims.finish());
  };
  const auto ask = [&](Scheme scheme, const std::string& sent, bool twice = false) {
    return refusal(*access.at_once({.scheme = scheme,
                                    .token = token,
                                    .proof = sent,
                                    .proofs_many = twice,
                                    .method = "GET",
                                    .path = "/v1/persons/1"}));
  };
  const std::string url = issuer + "/v1/persons/1";
  EXPECT_EQ(ask(Scheme::bearer, ""), "dpop.required");
  EXPECT_EQ(ask(Scheme::bearer, proof(key, url, token)), "dpop.required");
  EXPECT_EQ(ask(Scheme::dpop, ""), "dpop.required");
  EXPECT_EQ(ask(Scheme::dpop, proof(other, url, token)), "dpop.proof");
  EXPECT_EQ(ask(Scheme::dpop, proof(key, issuer + "/v1/persons/2", token)), "dpop.proof");
  EXPECT_EQ(ask(Scheme::dpop, proof(key, url, "another token")), "dpop.proof");
  EXPECT_EQ(ask(Scheme::dpop, proof(key, url, token), true), "dpop.proof");
  const std::string good = proof(key, url, token);
  EXPECT_EQ(ask(Scheme::dpop, good), "passes");
  EXPECT_EQ(ask(Scheme::dpop, good), "dpop.proof") << "a proof is used once";
  EXPECT_EQ(refusal(*access.at_once({.scheme = Scheme::dpop, .token = program_token(""), .proof = good})),
            "auth.token")
      << "a token that is bound to no key isn't sent as DPoP";
}

TEST_P(ApiAccess, AnApiKeyIsAClientThatEndsWithTheKey) {
  const registry::KeySecret secret = registry::draw_key_secret(world.node.random);
  const auto issued = must(world.db().write([&](store::Session& db) {
    return registry::create_key(
        db, *world.node.registry, ring,
        {world.node.organisation("tabib"), "laboratory", http::scope_bit(Scope::persons_read)}, secret,
        "cli");
  }));
  const http::Principal direct = must(bearer(issued.token));
  EXPECT_TRUE(direct.deprecated);
  EXPECT_EQ(direct.actor(), "org:tabib/key:1");
  const auto client = world.clients.find("key-1");
  ASSERT_TRUE(client);
  EXPECT_EQ(client->scopes, std::vector<std::string>{"persons:read"});
  EXPECT_TRUE(client->may(GrantType::client_credentials));
  EXPECT_FALSE(client->may(GrantType::authorization_code));
  EXPECT_EQ(crypto::sha256(as_bytes(key_secret(issued.token))), client->secret);
  for (const char* none : {"key-2", "key-01", "key-", "key-x", "key-1 ", "1"})
    EXPECT_FALSE(world.clients.find(none));
  const std::string token = program_token("persons:read", "key-1");
  // Where plain keys aren't taken an organisation's fetches tokens all the same.
  const Access strict(world.provider, ring, Access::PlainKeys::of_administrators);
  const auto ask = [&](const std::string& with) {
    return refusal(
        strict.authenticate({.scheme = Scheme::bearer, .token = with, .method = "GET", .path = "/v1"}));
  };
  EXPECT_EQ(ask(issued.token), "auth.key");
  EXPECT_EQ(ask(token), "passes");
  EXPECT_EQ(ask(issued.token + "x"), "auth.token");
  const http::Principal by_token = must(bearer(token));
  EXPECT_FALSE(by_token.deprecated);
  EXPECT_EQ(by_token.scopes, http::scope_bit(Scope::persons_read));
  EXPECT_EQ(by_token.actor(), direct.actor()) << "nobody becomes a second official by fetching a token";
  must(world.db().write(
      [&](store::Session& db) { return registry::revoke_key(db, *world.node.registry, ring, 1, "cli"); }));
  EXPECT_FALSE(world.clients.find("key-1"));
  EXPECT_EQ(refusal(bearer(token)), "auth.token");
  EXPECT_EQ(refusal(bearer(issued.token)), "auth.token");
}

TEST_P(ApiAccess, ASessionIsSaidFromMemoryAndReadOnAMiss) {
  Session session;
  session.id = SessionId(77);
  session.person = world.person;
  session.authenticated = world.now();
  session.expires = world.now() + 1h;
  session.assurance = Assurance::high;
  const SessionToken token = draw_session_token(world.node.random, world.person, session.id);
  must(world.db().write([&](store::Session& db) { return world.sessions.open(db, session, token); }));
  const std::string cookie = "lang=en; __Host-session=" + token.text;
  const Credentials asked{.scheme = Scheme::session, .cookies = cookie};
  const auto at_once = access.at_once(asked);
  ASSERT_TRUE(at_once);
  EXPECT_EQ(must(*at_once).person, world.person);
  EXPECT_EQ(must(*at_once).assurance, Assurance::high);
  EXPECT_EQ(must(*at_once).scopes, 0u) << "a browser calls no API";
  EXPECT_EQ(must(*at_once).actor(), "self");
  Sessions restarted(world.db(), {});  // remembers nothing
  Provider again{.db = world.db(),
                 .accounts = world.accounts,
                 .sessions = restarted,
                 .clients = world.clients,
                 .keys = world.keys,
                 .master = world.master,
                 .log = *world.node.log,
                 .random = world.node.random,
                 .clock = world.node.clock,
                 .issuer = issuer,
                 .lifetimes = {}};
  const Access anew(again, ring);
  EXPECT_FALSE(anew.at_once(asked)) << "an I/O thread doesn't read the database";
  EXPECT_EQ(must(anew.authenticate(asked)).session, 77u);
  EXPECT_EQ(refusal(*access.at_once({.scheme = Scheme::session, .cookies = "session=" + token.text})),
            "auth.session")
      << "over https only the cookie that no other host can have set counts";
  EXPECT_EQ(refusal(*access.at_once({.scheme = Scheme::session, .cookies = ""})), "auth.session");
}

INSTANTIATE_TEST_SUITE_P(Engines, ApiAccess, testing::Values(store::Engine::sqlite));

}  // namespace
}  // namespace dayaq::identity::oidc
