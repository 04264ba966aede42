// The same endpoints under attack: what was stolen, replayed, forged, mixed up, or is too large.
#include <algorithm>

#include "identity/account/life.hpp"
#include "identity/oidc/access_token.hpp"
#include "identity/oidc/token_state.hpp"
#include "identity/oidc/token_test_support.ipp"

namespace dayaq::identity::oidc::token_test {
namespace {

using crypto::JwkPrivate;
using crypto::JwsAlgorithm;

struct TokenAttacks : Tokens {
  TokenAttacks() {
    Client fapi = make_client("bank");
    fapi.authentication = ClientAuthentication::private_key_jwt;
    fapi.keys = crypto::JwkSet({key.public_key(), rsa.public_key()});
    fapi.fapi = fapi.pushed_only = fapi.dpop_bound = true;
    fapi.sector = "bank.example";
    desk.add(fapi);
    Client plain = fapi;
    plain.id = "clinic";
    plain.sector = "clinic.example";
    plain.fapi = plain.pushed_only = plain.dpop_bound = false;
    plain.grants = static_cast<std::uint8_t>(plain.grants | 1u << unsigned(GrantType::client_credentials));
    desk.add(plain);
    Client app = make_client("app");
    app.authentication = ClientAuthentication::none;
    app.sector = "app";
    desk.add(app);
    Client other = make_client("other");
    other.secret = client_secret_mac(desk.master, Desk::secret);
    desk.add(other);
  }
  Fields shop{{"Authorization", basic("shop", Desk::secret)}};
  const JwkPrivate key = JwkPrivate::generate(JwsAlgorithm::es256);
  const JwkPrivate rsa = JwkPrivate::generate(JwsAlgorithm::rs256);
  const JwkPrivate proof_key = JwkPrivate::generate(JwsAlgorithm::es256);
  const JwkPrivate thief = JwkPrivate::generate(JwsAlgorithm::es256);

  Answer as_clinic(const std::string& assertion) {
    return desk.token(Desk::with_assertion({{"grant_type", "client_credentials"}}, assertion), {});
  }
  std::string good_assertion() { return desk.assertion(key, "clinic"); }
};

INSTANTIATE_TEST_SUITE_P(Sqlite, TokenAttacks, testing::Values(store::Engine::sqlite),
                         [](const auto& engine) { return test::name_of(engine.param); });

// -- codes

TEST_P(TokenAttacks, ACodeWorksOnceAndASecondUseEndsWhatTheFirstGave) {
  const std::string code = desk.issue(desk.make_grant());
  const Answer first = desk.token(Desk::redeeming(code));
  ASSERT_EQ(first.status, 200);
  EXPECT_TRUE(desk.active(first.text("access_token")));
  EXPECT_EQ(desk.token(Desk::redeeming(code)).error(), "invalid_grant");
  EXPECT_FALSE(desk.active(first.text("access_token")));
  EXPECT_EQ(desk.token(Desk::refreshing(first.text("refresh_token"))).error(), "invalid_grant");
}

TEST_P(TokenAttacks, AStolenCodeIsWorthNothingWithoutItsVerifierItsAddressAndItsClient) {
  const std::string code = desk.issue(desk.make_grant());
  const auto changed = [&](std::string_view name, std::string value) {
    Fields form = Desk::redeeming(code);
    std::erase_if(form, [&](const auto& field) { return field.first == name; });
    if (!value.empty()) form.emplace_back(name, std::move(value));
    return form;
  };
  EXPECT_EQ(desk.token(changed("code_verifier", std::string(43, 'a'))).error(), "invalid_grant");
  EXPECT_EQ(desk.token(changed("code_verifier", "")).error(), "invalid_grant");
  EXPECT_EQ(desk.token(changed("redirect_uri", "https://shop.example/cb2")).error(), "invalid_grant");
  EXPECT_EQ(desk.token(changed("redirect_uri", "")).error(), "invalid_grant");
  EXPECT_EQ(desk.token(changed("code", code.substr(1) + "A")).error(), "invalid_grant");
  EXPECT_EQ(desk.token(Desk::redeeming(code), {{"Authorization", basic("other", Desk::secret)}}).error(),
            "invalid_grant");
  EXPECT_EQ(desk.token(Desk::redeeming(code)).status, 200);  // none of it has used the code up
}

TEST_P(TokenAttacks, ACodeIsBriefAndARolledBackOneNeverWas) {
  const std::string code = desk.issue(desk.make_grant());
  desk.node.clock.advance(61s);
  EXPECT_EQ(desk.token(Desk::redeeming(code)).error(), "invalid_grant");
  EXPECT_EQ(desk.token(Desk::redeeming(draw_code(desk.provider, desk.make_grant()))).error(),
            "invalid_grant");
}

TEST_P(TokenAttacks, TextsOfOneKindAreNotTakenForAnother) {
  const std::string code = desk.issue(desk.make_grant());
  const Answer tokens = desk.token(Desk::redeeming(code));
  const std::string access_id(claims_in(tokens.text("access_token")).text("jti").value());
  EXPECT_EQ(desk.token(Desk::refreshing(code)).error(), "invalid_grant");
  EXPECT_EQ(desk.token(Desk::refreshing(access_id)).error(), "invalid_grant");
  EXPECT_EQ(desk.token(Desk::redeeming(tokens.text("refresh_token"))).error(), "invalid_grant");
  EXPECT_EQ(desk.userinfo(tokens.text("id_token")).status, 401);  // typ is checked
  EXPECT_FALSE(desk.active(tokens.text("id_token")));
  EXPECT_FALSE(desk.active(tokens.text("refresh_token")));
}

TEST_P(TokenAttacks, AVerifierWithoutAChallengeIsADowngrade) {
  Client old = desk.client();
  old.without_pkce = true;
  desk.add(old);
  const auto issue = [&] {
    const Grant grant = desk.make_grant();
    const std::string code = draw_code(desk.provider, grant);
    must(desk.db().write([&](store::Session& s) {
      return issue_code(s, desk.provider, {grant, callback, ""}, code, desk.now());
    }));
    return code;
  };
  EXPECT_EQ(desk.token(Desk::redeeming(issue())).error(), "invalid_grant");
  Fields without = Desk::redeeming(issue());
  without.pop_back();
  EXPECT_EQ(desk.token(without).status, 200);
  old.without_pkce = false;
  desk.add(old);
  without = Desk::redeeming(issue());
  without.pop_back();
  EXPECT_EQ(desk.token(without).error(), "invalid_grant");
}

// -- refresh tokens

TEST_P(TokenAttacks, AnothersRefreshTokenIsRefusedAndStaysGoodForItsOwner) {
  const std::string mine = desk.sign_in_at_shop().text("refresh_token");
  EXPECT_EQ(desk.token(Desk::refreshing(mine), {{"Authorization", basic("other", Desk::secret)}}).error(),
            "invalid_grant");
  EXPECT_EQ(
      desk.post("/oauth/revoke", {{"token", mine}}, {{"Authorization", basic("other", Desk::secret)}}).status,
      200);
  EXPECT_EQ(desk.token(Desk::refreshing(mine)).status, 200);
}

TEST_P(TokenAttacks, ASuspendedPersonsGrantsGiveNothing) {
  const std::string refresh_token = desk.sign_in_at_shop().text("refresh_token");
  const std::string code = desk.issue(desk.make_grant());
  must(desk.db().write([&](store::Session& s) {
    return s.exec("UPDATE digital_id SET state = 1 WHERE person_id = $1",
                  {static_cast<std::int64_t>(desk.person.value())});
  }));
  EXPECT_EQ(desk.token(Desk::refreshing(refresh_token)).error(), "invalid_grant");
  EXPECT_EQ(desk.token(Desk::redeeming(code)).error(), "invalid_grant");
}

TEST_P(TokenAttacks, ASuspensionEndsWhatWasGrantedForLaterAtOnceAndForGood) {
  const auto change = [&](auto use_case, const char* reason) {
    must(desk.db().write([&](store::Session& s) {
      return use_case(s, desk.accounts, desk.person, reason, "org:test/key:1", desk.now());
    }));
  };
  const PersonId other = desk.add_person("6XYZ789");
  Grant others = desk.make_grant();
  others.person = other;
  const Answer untouched = desk.token(Desk::redeeming(desk.issue(others)));
  const Answer offline = desk.sign_in_at_shop();
  const std::string access = offline.text("access_token");
  const std::string code = desk.issue(desk.make_grant());
  EXPECT_TRUE(desk.active(access));
  EXPECT_EQ(desk.userinfo(access).status, 200);
  change(suspend, "a stolen card");
  EXPECT_FALSE(desk.active(access));
  EXPECT_EQ(desk.userinfo(access).status, 401);
  EXPECT_EQ(desk.token(Desk::refreshing(offline.text("refresh_token"))).error(), "invalid_grant");
  EXPECT_EQ(desk.token(Desk::redeeming(code)).error(), "invalid_grant");
  change(reactivate, "the card is found");
  EXPECT_FALSE(desk.active(access));
  EXPECT_EQ(desk.token(Desk::refreshing(offline.text("refresh_token"))).error(), "invalid_grant");
  EXPECT_EQ(desk.token(Desk::redeeming(code)).error(), "invalid_grant");
  EXPECT_EQ(desk.sign_in_at_shop().status, 200);
  EXPECT_TRUE(desk.active(untouched.text("access_token")));
}

TEST_P(TokenAttacks, ADeathEndsWhatWasGrantedForLaterAtOnce) {
  const Answer offline = desk.sign_in_at_shop();
  must(desk.db().write(
      [&](store::Session& s) { return follow_death(s, desk.accounts, desk.person, true, desk.now()); }));
  EXPECT_FALSE(desk.active(offline.text("access_token")));
  EXPECT_EQ(desk.token(Desk::refreshing(offline.text("refresh_token"))).error(), "invalid_grant");
}

TEST_P(TokenAttacks, AnEndedClientsTokensEndWithIt) {
  const Answer tokens = desk.sign_in_at_shop();
  must(desk.db().write(
      [&](store::Session& s) { return end_client(s, *desk.node.registry, desk.clients, "shop", "cli"); }));
  EXPECT_FALSE(verify_access_token(desk.provider, tokens.text("access_token"), desk.now()));
  EXPECT_EQ(desk.token(Desk::refreshing(tokens.text("refresh_token"))).error(), "invalid_client");
}

TEST_P(TokenAttacks, APublicClientsRefreshTokenBelongsToItsKey) {
  const std::string code = desk.issue(desk.make_grant("app"));
  Fields form = Desk::redeeming(code);
  form.emplace_back("client_id", "app");
  const Answer tokens = desk.token(form, {{"DPoP", desk.proof(proof_key, "POST", "/oauth/token")}});
  ASSERT_EQ(tokens.status, 200) << tokens.body;
  EXPECT_EQ(tokens.text("token_type"), "DPoP");
  Fields refresh = Desk::refreshing(tokens.text("refresh_token"));
  refresh.emplace_back("client_id", "app");
  EXPECT_EQ(desk.token(refresh, {}).error(), "invalid_grant");
  EXPECT_EQ(desk.token(refresh, {{"DPoP", desk.proof(thief, "POST", "/oauth/token")}}).error(),
            "invalid_grant");
  EXPECT_EQ(desk.token(refresh, {{"DPoP", desk.proof(proof_key, "POST", "/oauth/token")}}).status, 200);
}

// -- DPoP

TEST_P(TokenAttacks, AStolenBoundTokenIsWorthNothingWithoutItsKey) {
  const Answer tokens = desk.token(Desk::redeeming(desk.issue(desk.make_grant())),
                                   {shop[0], {"DPoP", desk.proof(proof_key, "POST", "/oauth/token")}});
  ASSERT_EQ(tokens.status, 200) << tokens.body;
  const std::string access = tokens.text("access_token");
  const Fields ath{{"ath", crypto::sha256_base64url(access)}};
  const auto ask = [&](std::string scheme, std::string proof) {
    Fields headers{{"Authorization", scheme + " " + access}};
    if (!proof.empty()) headers.emplace_back("DPoP", std::move(proof));
    return desk.get("/oauth/userinfo", headers);
  };
  const std::string good = desk.proof(proof_key, "GET", "/oauth/userinfo", ath);
  EXPECT_EQ(ask("DPoP", good).status, 200);
  EXPECT_EQ(ask("DPoP", good).error(), "invalid_dpop_proof");  // replayed
  EXPECT_EQ(ask("Bearer", "").status, 401);
  EXPECT_EQ(ask("Bearer", desk.proof(proof_key, "GET", "/oauth/userinfo", ath)).status, 401);
  EXPECT_EQ(ask("DPoP", "").error(), "invalid_dpop_proof");
  EXPECT_EQ(ask("DPoP", desk.proof(thief, "GET", "/oauth/userinfo", ath)).error(), "invalid_dpop_proof");
  EXPECT_EQ(ask("DPoP", desk.proof(proof_key, "GET", "/oauth/userinfo")).error(), "invalid_dpop_proof");
  EXPECT_EQ(ask("DPoP", desk.proof(proof_key, "POST", "/oauth/userinfo", ath)).error(), "invalid_dpop_proof");
  EXPECT_EQ(ask("DPoP", desk.proof(proof_key, "GET", "/oauth/token", ath)).error(), "invalid_dpop_proof");
  const std::string old = desk.proof(proof_key, "GET", "/oauth/userinfo", ath);
  desk.node.clock.advance(61s);
  EXPECT_EQ(ask("DPoP", old).error(), "invalid_dpop_proof");
}

TEST_P(TokenAttacks, ABearerTokenIsntTakenWithAProof) {
  const std::string access = desk.sign_in_at_shop().text("access_token");
  const Fields ath{{"ath", crypto::sha256_base64url(access)}};
  EXPECT_EQ(desk.get("/oauth/userinfo", {{"Authorization", "DPoP " + access},
                                         {"DPoP", desk.proof(thief, "GET", "/oauth/userinfo", ath)}})
                .status,
            401);
  EXPECT_EQ(desk.get("/oauth/userinfo").status, 401);
  EXPECT_EQ(desk.get("/oauth/userinfo",
                     {{"Authorization", "Bearer " + access}, {"Authorization", "Bearer " + access}})
                .status,
            401);
}

TEST_P(TokenAttacks, AFapiClientNeedsANonceOfThisServerAndABoundCodeItsKey) {
  Grant grant = desk.make_grant("bank");
  grant.jkt = proof_key.public_key().thumbprint();
  const std::string code = desk.issue(grant);
  const auto ask = [&](const JwkPrivate& with, std::string nonce) {
    Fields more;
    if (!nonce.empty()) more.emplace_back("nonce", std::move(nonce));
    return desk.token(Desk::with_assertion(Desk::redeeming(code), desk.assertion(key, "bank")),
                      {{"DPoP", desk.proof(with, "POST", "/oauth/token", more)}});
  };
  EXPECT_EQ(desk.token(Desk::with_assertion(Desk::redeeming(code), desk.assertion(key, "bank")), {}).error(),
            "invalid_dpop_proof");
  const Answer first = ask(proof_key, "");
  EXPECT_EQ(first.error(), "use_dpop_nonce");
  EXPECT_EQ(first.status, 400);
  const std::string nonce = first.header("DPoP-Nonce");
  ASSERT_FALSE(nonce.empty());
  EXPECT_EQ(ask(proof_key, "made-up").error(), "use_dpop_nonce");
  EXPECT_EQ(ask(thief, nonce).error(), "invalid_grant");
  const Answer good = ask(proof_key, nonce);
  ASSERT_EQ(good.status, 200) << good.body;
  EXPECT_FALSE(good.header("DPoP-Nonce").empty());
  EXPECT_EQ(good.text("token_type"), "DPoP");
  desk.node.clock.advance(121s);
  EXPECT_EQ(ask(proof_key, nonce).error(), "use_dpop_nonce");
}

TEST_P(TokenAttacks, WhatWasMadeBeforeARestartMayHaveBeenUsedThereAndIsRefused) {
  const std::string assertion = good_assertion();
  const std::string proof = desk.proof(proof_key, "POST", "/oauth/token");
  desk.node.clock.advance(2s);
  must(desk.db().read([&](store::Session& s) { return start_tokens(s, desk.provider, desk.now()); }));
  EXPECT_EQ(as_clinic(assertion).error(), "invalid_client");
  const Answer refused = desk.token({{"grant_type", "client_credentials"}}, {shop[0], {"DPoP", proof}});
  EXPECT_NE(refused.status, 200);
  const Answer asked = desk.token(Desk::redeeming(desk.issue(desk.make_grant())), {shop[0], {"DPoP", proof}});
  EXPECT_EQ(asked.error(), "use_dpop_nonce");
  EXPECT_EQ(as_clinic(good_assertion()).status, 200);
  EXPECT_EQ(desk.token(Desk::redeeming(desk.issue(desk.make_grant())),
                       {shop[0], {"DPoP", desk.proof(proof_key, "POST", "/oauth/token")}})
                .status,
            200);
}

// -- clients

TEST_P(TokenAttacks, AClientProvesItselfInItsOwnWayAndInOneWay) {
  const Fields form{{"grant_type", "refresh_token"}, {"refresh_token", "x"}};
  const auto with = [&](Fields more, Fields headers = {}) {
    Fields all = form;
    all.insert(all.end(), more.begin(), more.end());
    return desk.token(all, std::move(headers)).error();
  };
  const std::string secret(Desk::secret);
  EXPECT_EQ(with({}, shop), "invalid_grant");  // known
  EXPECT_EQ(with({}), "invalid_client");
  EXPECT_EQ(with({{"client_id", "shop"}}), "invalid_client");
  EXPECT_EQ(with({{"client_id", "shop"}, {"client_secret", secret}}),
            "invalid_client");  // it is registered for basic
  EXPECT_EQ(with({}, {{"Authorization", basic("shop", "wrong")}}), "invalid_client");
  EXPECT_EQ(with({}, {{"Authorization", basic("nobody", secret)}}), "invalid_client");
  EXPECT_EQ(with({}, {{"Authorization", basic("clinic", "")}}), "invalid_client");
  EXPECT_EQ(with({}, {{"Authorization", "Bearer " + secret}}), "invalid_client");
  EXPECT_EQ(with({{"client_id", "other"}}, shop), "invalid_client");
  EXPECT_EQ(with({{"client_id", "shop"}, {"client_secret", secret}}, shop), "invalid_request");
  EXPECT_EQ(with({{"client_assertion", "x"}}, shop), "invalid_request");
  EXPECT_EQ(with({{"client_id", "clinic"}}), "invalid_client");
  EXPECT_EQ(with({{"client_id", "app"}}), "invalid_grant");
  const Answer refused = desk.token(form, {{"Authorization", basic("shop", "wrong")}});
  EXPECT_EQ(refused.status, 401);
  EXPECT_NE(refused.header("WWW-Authenticate").find("Basic"), std::string::npos);
}

TEST_P(TokenAttacks, AnAssertionIsForThisServerByTheClientItselfAndOnce) {
  const std::string good = good_assertion();
  EXPECT_EQ(as_clinic(good).status, 200);
  EXPECT_EQ(as_clinic(good).error(), "invalid_client");  // replayed
  const auto wrong = [&](Fields other, std::chrono::seconds life = 60s) {
    return as_clinic(desk.assertion(key, "clinic", std::move(other), life)).error();
  };
  EXPECT_EQ(wrong({{"aud", issuer + "/oauth/token"}}), "none");
  EXPECT_EQ(wrong({{"aud", "https://evil.example"}}), "invalid_client");
  EXPECT_EQ(wrong({{"aud", ""}}), "invalid_client");
  EXPECT_EQ(wrong({{"iss", "shop"}}), "invalid_client");
  EXPECT_EQ(wrong({{"sub", "shop"}}), "invalid_client");
  EXPECT_EQ(wrong({{"jti", ""}}), "invalid_client");
  EXPECT_EQ(wrong({}, 3600s), "none");
  EXPECT_EQ(wrong({}, 3700s), "invalid_client");  // would have to be remembered too long
  EXPECT_EQ(
      desk.token(Desk::with_assertion(Desk::refreshing("x"), desk.assertion(key, "bank", {}, 3600s)), {})
          .error(),
      "invalid_client");
  EXPECT_EQ(wrong({}, -60s), "invalid_client");
  EXPECT_EQ(as_clinic(desk.assertion(thief, "clinic")).error(), "invalid_client");
  EXPECT_EQ(as_clinic(desk.assertion(rsa, "clinic")).status, 200);
  EXPECT_EQ(desk.token(Desk::with_assertion(Desk::refreshing("x"), desk.assertion(rsa, "bank")), {}).error(),
            "invalid_client");  // FAPI takes no RS256
  EXPECT_EQ(desk.token(Desk::with_assertion(Desk::refreshing("x"),
                                            desk.assertion(key, "bank", {{"aud", issuer + "/oauth/token"}})),
                       {})
                .error(),
            "invalid_client");  // nor another audience than the issuer
}

/// The assertion's three parts with another header.
std::string with_header(const std::string& token, std::string_view header) {
  return to_base64url(as_bytes(header)) + token.substr(token.find('.'));
}

TEST_P(TokenAttacks, NeitherNoneNorAPublicKeyAsASecretNorAKeyInTheHeaderSignsAnything) {
  const std::string good = good_assertion();
  const std::string unsigned_token = good.substr(0, good.rfind('.') + 1);
  for (const char* header :
       {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":"HS256"})", R"({"alg":"ES384"})",
        R"({"alg":"ES256","crit":["b64"],"b64":false})", R"({"alg":"RS256"})"}) {
    EXPECT_EQ(as_clinic(with_header(good, header)).error(), "invalid_client") << header;
    EXPECT_EQ(as_clinic(with_header(unsigned_token, header)).error(), "invalid_client") << header;
  }
  const std::string own_key = fmt::format(R"({{"alg":"ES256","jwk":{}}})", thief.public_key().bare_json());
  crypto::ClaimsWriter claims;
  claims.text("aud", issuer)
      .date("exp", desk.now() + 60s)
      .text("iss", "clinic")
      .text("jti", "j")
      .text("sub", "clinic");
  const std::string payload = claims.finish();
  EXPECT_EQ(as_clinic(crypto::sign_compact(thief, own_key, payload)).error(), "invalid_client");
  // A token in a token.
  EXPECT_EQ(as_clinic(crypto::sign_compact(key, R"({"alg":"ES256","cty":"JWT"})", good_assertion())).error(),
            "invalid_client");
  EXPECT_EQ(
      as_clinic(crypto::sign_compact(key, R"({"alg":"ES256"})", std::string(20'000, ' ') + payload)).error(),
      "invalid_client");

  const std::string access = desk.sign_in_at_shop().text("access_token");
  ASSERT_TRUE(desk.active(access));
  for (const char* header : {R"({"alg":"none","typ":"at+jwt"})", R"({"alg":"HS256","typ":"at+jwt"})"}) {
    EXPECT_FALSE(desk.active(with_header(access, header)));
    EXPECT_FALSE(desk.active(with_header(access.substr(0, access.rfind('.') + 1), header)));
  }
  std::string bent = access;
  bent[bent.find('.') + 10] = bent[bent.find('.') + 10] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(desk.active(bent));
  EXPECT_FALSE(desk.active(std::string(100'000, 'a')));
}

TEST_P(TokenAttacks, ATokenOfAnotherIssuerWithAKeyOfOursIsntOurs) {
  Provider elsewhere = desk.provider;
  elsewhere.issuer = "https://other.example";
  const auto token =
      must(sign_access_token(elsewhere, desk.client(), desk.make_grant(), "openid", "", desk.now()));
  EXPECT_FALSE(desk.active(token.text));
  const auto ours =
      must(sign_access_token(desk.provider, desk.client(), desk.make_grant(), "openid", "", desk.now()));
  EXPECT_TRUE(desk.active(ours.text));
  desk.node.clock.advance(300s);
  EXPECT_FALSE(desk.active(ours.text));
}

TEST_P(TokenAttacks, OnlyItsOwnClientAndResourceServersAreToldAboutAToken) {
  const std::string access = desk.sign_in_at_shop().text("access_token");
  const auto ask = [&](std::string_view client) {
    return desk.post("/oauth/introspect", {{"token", access}},
                     {{"Authorization", basic(client, Desk::secret)}});
  };
  EXPECT_EQ(ask("other").body, R"({"active":false})");
  EXPECT_TRUE(ask("shop").json().boolean("active").value());
  EXPECT_EQ(desk.post("/oauth/introspect", {{"token", access}, {"client_id", "app"}}).error(),
            "invalid_client");
  EXPECT_EQ(desk.post("/oauth/introspect", {{"token", access}}).error(), "invalid_client");
}

TEST_P(TokenAttacks, BodiesThatAreNoFormsOrSayThingsTwiceAreRefused) {
  const auto raw = [&](std::string body, std::string type) {
    return desk
        .call(http::Method::post, "/oauth/token", std::move(body),
              {shop[0], {"Content-Type", std::move(type)}})
        .error();
  };
  const std::string form_type = "application/x-www-form-urlencoded";
  EXPECT_EQ(raw(R"({"grant_type":"client_credentials"})", "application/json"), "invalid_request");
  EXPECT_EQ(raw("grant_type=refresh_token&grant_type=refresh_token&refresh_token=x", form_type),
            "invalid_request");
  EXPECT_EQ(raw("grant_type=refresh_token&refresh_token=%zz", form_type), "invalid_request");
  EXPECT_EQ(raw("grant_type=refresh_token&refresh_token=%ff", form_type), "invalid_request");
  EXPECT_EQ(raw("grant_type=password&username=a&password=b", form_type), "unsupported_grant_type");
  EXPECT_EQ(raw("grant_type=refresh_token", form_type), "invalid_request");
  EXPECT_EQ(raw("", form_type), "invalid_request");
  EXPECT_EQ(raw("grant_type=refresh_token&refresh_token=x&resource=https://evil.example", form_type),
            "invalid_target");
}

TEST_P(TokenAttacks, ASensitiveStatusIsNeverAClaimWhateverWasRegisteredOrGranted) {
  const auto sensitive =
      std::ranges::find_if(desk.node.pack.statuses(), &registry::StatusDefinition::sensitive);
  ASSERT_NE(sensitive, desk.node.pack.statuses().end());
  const std::string scope = "status:" + sensitive->code.value();
  // Refused when it is registered,
  Client client = desk.client();
  client.sector = "shop.example";
  client.scopes.push_back(scope);
  const auto recorded = desk.db().write(
      [&](store::Session& s) { return record_client(s, *desk.node.registry, desk.clients, client, "cli"); });
  ASSERT_FALSE(recorded);
  EXPECT_EQ(recorded.error().code, "client.scopes");
  // and told to nobody if it got there all the same.
  desk.add(client);
  Grant grant = desk.make_grant();
  grant.scopes = {"openid", scope};
  grant.claims = {{scope, true, true, true}};
  const Answer tokens = desk.token(Desk::redeeming(desk.issue(grant)));
  ASSERT_EQ(tokens.status, 200);
  EXPECT_FALSE(claims_in(tokens.text("id_token")).has(scope));
  EXPECT_FALSE(desk.userinfo(tokens.text("access_token")).json().has(scope));
  EXPECT_EQ(desk.audit_entries("identity.claims"), 0);
}

TEST_P(TokenAttacks, AClaimThatTheClientsScopesDontCoverIsntTold) {
  Client narrow = desk.client();
  narrow.scopes = {"openid", "age"};
  desk.add(narrow);
  Grant grant = desk.make_grant();
  grant.claims = {{"birthdate", false, true, true}, {"age_over_18", false, true, false}};
  const Answer tokens = desk.token(Desk::redeeming(desk.issue(grant)));
  const auto id = claims_in(tokens.text("id_token"));
  EXPECT_FALSE(id.has("birthdate"));
  EXPECT_EQ(id.boolean("age_over_18"), true);
  const auto info = desk.userinfo(tokens.text("access_token")).json();
  EXPECT_FALSE(info.has("birthdate"));
  EXPECT_FALSE(info.has("age_over_18"));
}

}  // namespace
}  // namespace dayaq::identity::oidc::token_test
