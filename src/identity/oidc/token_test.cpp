// The token endpoint and what stands on it, as a well-behaved client meets them.
#include <algorithm>

#include "crypto/sign.hpp"
#include "identity/account/relations.hpp"
#include "identity/oidc/access_token.hpp"
#include "identity/oidc/token_test_support.ipp"

namespace dayaq::identity::oidc::token_test {
namespace {

INSTANTIATE_TEST_SUITE_P(Engines, Tokens, testing::ValuesIn(test::engines),
                         [](const auto& engine) { return test::name_of(engine.param); });

TEST_P(Tokens, ACodeGivesTokensThatAClientCanVerifyByThePublishedKeys) {
  Grant grant = desk.make_grant();
  grant.scopes = {"openid", "profile"};
  const Answer answer = desk.token(Desk::redeeming(desk.issue(grant)));
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.header("Cache-Control"), "no-store");
  EXPECT_EQ(answer.text("token_type"), "Bearer");
  EXPECT_EQ(answer.json().integer("expires_in"), 300);
  EXPECT_EQ(answer.text("scope"), "openid profile");

  const auto keys = must(crypto::JwkSet::parse(desk.get("/oauth/jwks").body));
  const std::string audience[] = {"shop"};
  const auto id =
      must(crypto::verify_jwt(answer.text("id_token"), keys, {.algorithms = crypto::all_jws_algorithms},
                              {.issuer = issuer, .audiences = audience, .only_audience = true}, desk.now()));
  EXPECT_EQ(id.claims.text("nonce"), "n-0S6_WzA2Mj");
  EXPECT_EQ(id.claims.integer("auth_time"), to_micros(desk.now() - 5s) / 1'000'000);
  EXPECT_EQ(id.claims.text("acr"), "http://eidas.europa.eu/LoA/substantial");
  EXPECT_EQ(id.claims.texts("amr"), std::vector<std::string>{"pop"});
  const auto hash = crypto::sha256(as_bytes(answer.text("access_token")));
  EXPECT_EQ(id.claims.text("at_hash"), to_base64url(BytesView(hash).first(16)));
  EXPECT_EQ(id.subject, subject(desk.provider, desk.client(), desk.person));
  EXPECT_FALSE(id.claims.has("birthdate"));  // the scope's claims are for UserInfo

  const auto access = must(crypto::verify_jwt(answer.text("access_token"), keys,
                                              {.algorithms = {crypto::JwsAlgorithm::es256}, .typ = "at+jwt"},
                                              {.issuer = issuer}, desk.now()));
  EXPECT_EQ(access.claims.text("client_id"), "shop");
  EXPECT_EQ(access.subject, id.subject);

  const Answer info = desk.userinfo(answer.text("access_token"));
  ASSERT_EQ(info.status, 200) << info.body;
  EXPECT_EQ(info.text("sub"), id.subject);
  EXPECT_EQ(info.text("birthdate"), "1985-03-14");
  EXPECT_EQ(info.text("name"), "Aygün Əliyeva");
  EXPECT_TRUE(desk.active(answer.text("access_token")));
  EXPECT_EQ(desk.audit_entries("identity.claims"), 1);
}

TEST_P(Tokens, WhatIsReleasedIsOneEntryAboutThePersonWithNamesAndNoValues) {
  Grant grant = desk.make_grant();
  grant.scopes = {"openid", "profile", "status:student"};
  const Answer answer = desk.token(Desk::redeeming(desk.issue(grant)));
  ASSERT_EQ(answer.status, 200);
  EXPECT_EQ(desk.userinfo(answer.text("access_token")).json().boolean("status:student"), false);
  (void)desk.userinfo(answer.text("access_token"));
  const auto entries = must(desk.node.log->entries_about(desk.person, 1'000'000, 10));
  ASSERT_FALSE(entries.empty());
  const std::string& leaf = entries.front().leaf;
  EXPECT_NE(leaf.find(R"("action":"identity.claims")"), std::string::npos) << leaf;
  EXPECT_NE(leaf.find(R"("claims":"birthdate family_name given_name name status:student")"),
            std::string::npos)
      << leaf;
  EXPECT_NE(leaf.find(R"("actor":"org:baku-city-hospital/client:shop")"), std::string::npos) << leaf;
  EXPECT_EQ(leaf.find("1985"), std::string::npos);
  EXPECT_EQ(desk.audit_entries("identity.claims"), 1);
  (void)desk.sign_in_at_shop();  // openid alone tells nothing about the person
  EXPECT_EQ(desk.audit_entries("identity.claims"), 1);
}

TEST_P(Tokens, TheSameRefreshTokenAskedAgainInTimeGivesTheSameSuccessor) {
  const std::string first = desk.sign_in_at_shop().text("refresh_token");
  const Answer once = desk.token(Desk::refreshing(first));
  ASSERT_EQ(once.status, 200) << once.body;
  desk.node.clock.advance(59s);
  const Answer again = desk.token(Desk::refreshing(first));
  ASSERT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(again.text("refresh_token"), once.text("refresh_token"));
  EXPECT_NE(once.text("refresh_token"), first);
  EXPECT_NE(again.text("access_token"), once.text("access_token"));
  const Answer next = desk.token(Desk::refreshing(once.text("refresh_token")));
  ASSERT_EQ(next.status, 200);
  EXPECT_NE(next.text("refresh_token"), once.text("refresh_token"));
  EXPECT_FALSE(claims_in(next.text("id_token")).has("nonce"));
}

TEST_P(Tokens, AReplayedRefreshTokenEndsTheFamilyForBoth) {
  for (const bool late : {false, true}) {
    const std::string first = desk.sign_in_at_shop().text("refresh_token");
    const Answer second = desk.token(Desk::refreshing(first));
    ASSERT_EQ(second.status, 200);
    Answer newest = second;
    if (late) {
      desk.node.clock.advance(61s);
    } else {
      newest = desk.token(Desk::refreshing(second.text("refresh_token")));
    }
    EXPECT_TRUE(desk.active(newest.text("access_token")));
    EXPECT_EQ(desk.token(Desk::refreshing(first)).error(), "invalid_grant");
    EXPECT_EQ(desk.token(Desk::refreshing(newest.text("refresh_token"))).error(), "invalid_grant");
    EXPECT_FALSE(desk.active(newest.text("access_token")));
    EXPECT_EQ(desk.userinfo(newest.text("access_token")).status, 401);
  }
}

TEST_P(Tokens, ARefreshNarrowsAndNeverWidens) {
  Grant grant = desk.make_grant();
  grant.scopes = {"openid", "profile"};
  const std::string refresh_token = desk.token(Desk::redeeming(desk.issue(grant))).text("refresh_token");
  Fields form = Desk::refreshing(refresh_token);
  form.emplace_back("scope", "openid");
  const Answer narrow = desk.token(form);
  ASSERT_EQ(narrow.status, 200);
  EXPECT_EQ(narrow.text("scope"), "openid");
  EXPECT_FALSE(desk.userinfo(narrow.text("access_token")).json().has("name"));
  form.back().second = "openid persons:read";
  EXPECT_EQ(desk.token(form).error(), "invalid_scope");
}

TEST_P(Tokens, ClientCredentialsGiveAProgramsScopesAndTouchNoDatabase) {
  Client program = make_client("lab");
  program.grants = 1u << unsigned(GrantType::client_credentials);
  program.secret = client_secret_mac(desk.master, Desk::secret);
  program.scopes = {"persons:read", "openid", "profile"};
  desk.add(program);
  const auto size = desk.node.log->size();
  const Answer answer =
      desk.token({{"grant_type", "client_credentials"}}, {{"Authorization", basic("lab", Desk::secret)}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.text("scope"), "persons:read");
  EXPECT_TRUE(answer.text("refresh_token").empty());
  EXPECT_TRUE(answer.text("id_token").empty());
  EXPECT_EQ(claims_in(answer.text("access_token")).text("sub"), "lab");
  EXPECT_EQ(desk.node.log->size(), size);
  EXPECT_EQ(desk.rows("SELECT COUNT(*) FROM oidc_grant"), 0);
  EXPECT_EQ(desk.userinfo(answer.text("access_token")).status, 403);
  for (const char* scope : {"admin", "openid", "persons:read admin"}) {
    EXPECT_EQ(desk.token({{"grant_type", "client_credentials"}, {"scope", scope}},
                         {{"Authorization", basic("lab", Desk::secret)}})
                  .error(),
              "invalid_scope");
  }
  EXPECT_EQ(desk.token({{"grant_type", "client_credentials"}}).error(), "unauthorized_client");
}

TEST_P(Tokens, WhatProgramsAreGivenIsCountedInTheLogNowAndThen) {
  Client program = make_client("lab");
  program.grants = 1u << unsigned(GrantType::client_credentials);
  program.secret = client_secret_mac(desk.master, Desk::secret);
  desk.add(program);
  const auto ask = [&] {
    return desk.token({{"grant_type", "client_credentials"}}, {{"Authorization", basic("lab", Desk::secret)}})
        .status;
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(), 200);
  const auto sweep = [&](bool fails) {
    return desk.db().write([&](store::Session& s) -> Result<void> {
      DAYAQ_TRY_OK(sweep_tokens(s, desk.provider, desk.now(), 0));
      if (fails) return fail(ErrorKind::conflict, "test.no", "no");
      return {};
    });
  };
  EXPECT_FALSE(sweep(true));
  EXPECT_EQ(desk.audit_entries("client.tokens"), 0);
  must(sweep(false));
  EXPECT_EQ(desk.audit_entries("client.tokens"), 1);
  const auto entry = must(desk.node.log->entry(desk.node.log->size() - 1));
  EXPECT_NE(entry.leaf.find(R"({"client":"lab","count":3})"), std::string::npos) << entry.leaf;
  must(sweep(false));
  EXPECT_EQ(desk.audit_entries("client.tokens"), 1);
  EXPECT_EQ(ask(), 200);
  must(sweep(false));
  EXPECT_EQ(desk.audit_entries("client.tokens"), 2);
}

TEST_P(Tokens, ARevokedTokenIsRefusedAtOnceAndARevokedRefreshTokenTakesAllWithIt) {
  const Fields shop{{"Authorization", basic("shop", Desk::secret)}};
  const Answer tokens = desk.sign_in_at_shop();
  const std::string access = tokens.text("access_token");
  EXPECT_TRUE(desk.active(access));
  EXPECT_EQ(desk.post("/oauth/revoke", {{"token", access}}, shop).status, 200);
  EXPECT_FALSE(desk.active(access));
  const Answer fresh = desk.token(Desk::refreshing(tokens.text("refresh_token")));
  ASSERT_EQ(fresh.status, 200);
  EXPECT_EQ(desk.post("/oauth/revoke", {{"token", fresh.text("refresh_token")}}, shop).status, 200);
  EXPECT_FALSE(desk.active(fresh.text("access_token")));
  EXPECT_EQ(desk.token(Desk::refreshing(fresh.text("refresh_token"))).error(), "invalid_grant");
  EXPECT_EQ(desk.post("/oauth/revoke", {{"token", "nonsense"}}, shop).status, 200);

  // It is still revoked after a restart.
  Provider restarted = desk.provider;
  restarted.tokens = make_token_state();
  must(desk.db().read([&](store::Session& s) { return start_tokens(s, restarted, desk.now()); }));
  EXPECT_FALSE(verify_access_token(restarted, access, desk.now()));
  EXPECT_FALSE(verify_access_token(restarted, fresh.text("access_token"), desk.now()));
}

TEST_P(Tokens, WhenASessionEndsWhatStandsOnItEndsAndWhatWasGrantedForLaterStays) {
  const Session session = desk.sign_in();
  Grant with = desk.make_grant();
  with.session = session.id;
  const Answer present = desk.token(Desk::redeeming(desk.issue(with)));
  EXPECT_FALSE(claims_in(present.text("id_token")).text("sid").value_or("").empty());
  const Answer offline = desk.sign_in_at_shop();
  EXPECT_FALSE(claims_in(offline.text("id_token")).has("sid"));
  must(desk.db().write(
      [&](store::Session& s) { return desk.sessions.end(s, desk.person, session.id, desk.now()); }));
  EXPECT_FALSE(desk.active(present.text("access_token")));
  EXPECT_EQ(desk.token(Desk::refreshing(present.text("refresh_token"))).error(), "invalid_grant");
  EXPECT_TRUE(desk.active(offline.text("access_token")));
  EXPECT_EQ(desk.token(Desk::refreshing(offline.text("refresh_token"))).status, 200);
}

TEST_P(Tokens, WhoActsForAnotherIsNamedAndTheDataIsTheOthersWhileTheRelationStands) {
  const PersonId child = desk.add_person("6XYZ789");
  const RelationId relation(desk.random.next_id());
  must(desk.db().write([&](store::Session& s) -> Result<void> {
    DAYAQ_TRY_OK(record_relation(s, desk.accounts,
                                 {.id = relation,
                                  .kind = RelationKind::mandate,
                                  .holder = desk.person,
                                  .principal = child,
                                  .valid = {desk.now(), desk.now() + 24h * 30}},
                                 {.actor = "cli", .basis = "a deed"}, desk.now()));
    return {};
  }));
  Grant grant = desk.make_grant();
  grant.acting_for = child;
  const Answer answer = desk.token(Desk::redeeming(desk.issue(grant)));
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto id = claims_in(answer.text("id_token"));
  EXPECT_EQ(id.text("sub"), subject(desk.provider, desk.client(), child));
  EXPECT_EQ(id.raw("act"),
            fmt::format(R"({{"sub":"{}"}})", subject(desk.provider, desk.client(), desk.person)));
  const auto token = must(verify_access_token(desk.provider, answer.text("access_token"), desk.now()));
  EXPECT_EQ(token->person, desk.person);
  EXPECT_EQ(token->acting_for, child);
  EXPECT_EQ(desk.userinfo(answer.text("access_token")).text("sub"),
            subject(desk.provider, desk.client(), child));
  const Answer fresh = desk.token(Desk::refreshing(answer.text("refresh_token")));
  ASSERT_EQ(fresh.status, 200);
  must(desk.db().write([&](store::Session& s) -> Result<void> {
    DAYAQ_TRY_OK(end_relation(s, desk.accounts, desk.person, relation, "cli", desk.now()));
    return {};
  }));
  EXPECT_EQ(desk.token(Desk::refreshing(fresh.text("refresh_token"))).error(), "invalid_grant");
  EXPECT_EQ(desk.userinfo(answer.text("access_token")).status, 401);
}

TEST_P(Tokens, DiscoverySaysWhatIsServedAndNothingElse) {
  const auto document = desk.get("/.well-known/openid-configuration").json();
  EXPECT_EQ(document.text("issuer"), issuer);
  EXPECT_EQ(document.text("token_endpoint"), issuer + "/oauth/token");
  EXPECT_FALSE(document.has("authorization_endpoint"));  // this router has none
  EXPECT_EQ(document.texts("id_token_signing_alg_values_supported"), std::vector<std::string>{"ES256"});
  const auto claims = document.texts("claims_supported").value();
  EXPECT_NE(std::ranges::find(claims, "status:student"), claims.end());
  for (const auto& status : desk.node.pack.statuses()) {
    const bool told = std::ranges::find(claims, "status:" + status.code.value()) != claims.end();
    EXPECT_EQ(told, !status.sensitive) << status.code.value();
  }
  EXPECT_EQ(desk.get("/.well-known/oauth-authorization-server").body,
            desk.get("/.well-known/openid-configuration").body);
}

TEST_P(Tokens, SubjectsArePairwiseBySectorUnlessTheyArePublic) {
  Client other = make_client("bank");
  other.sector = "bank.example";
  Client sister = make_client("shop-app");
  sister.sector = desk.client().sector;
  const auto of = [&](const Client& client) { return subject(desk.provider, client, desk.person); };
  EXPECT_NE(of(desk.client()), of(other));
  EXPECT_EQ(of(desk.client()), of(sister));
  other.pairwise = sister.pairwise = false;
  EXPECT_EQ(of(other), of(sister));
  EXPECT_NE(of(other), of(desk.client()));
}

TEST_P(Tokens, SweepingTakesWhatIsOverAndLeavesWhatStands) {
  const Grant unused = desk.make_grant();
  (void)desk.issue(unused);
  Grant brief = desk.make_grant();
  brief.expires = desk.now() + 1h;
  (void)desk.token(Desk::redeeming(desk.issue(brief)));
  Grant standing = desk.make_grant();
  standing.expires = desk.now() + 24h * 60;
  const Answer answer = desk.token(Desk::redeeming(desk.issue(standing)));
  desk.node.clock.advance(48h);
  must(desk.db().write([&](store::Session& s) {
    return sweep_tokens(s, desk.provider, desk.now(), registry::bucket_of(desk.person));
  }));
  EXPECT_FALSE(desk.row(unused));
  EXPECT_FALSE(desk.row(brief));
  EXPECT_TRUE(desk.row(standing));
  EXPECT_EQ(desk.token(Desk::refreshing(answer.text("refresh_token"))).status, 200);
}

}  // namespace
}  // namespace dayaq::identity::oidc::token_test
