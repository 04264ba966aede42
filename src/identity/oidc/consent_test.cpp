// Consents: asked once, for what was shown; less if the person wants less; withdrawn for good.
#include "identity/oidc/authorize_test_support.ipp"

namespace dayaq::identity::oidc::authorize_test {
namespace {

struct Consents : Authorizing {
  Session session = world.sign_in();

  NeedConsent asked(const Query& query) {
    const Next next = world.ask(query, session);
    EXPECT_EQ(error_in(next), "consent");
    return std::get<NeedConsent>(next);
  }
  Next agree(const Query& query, const std::vector<std::string>& left_out = {}) {
    return decide(world.provider, asked(query).request, session, true, left_out, world.now());
  }
  StoredGrant grant_of_code(const Next& next) {
    const auto handle = read_handle(world.provider.tokens->keys(world.master).handles, HandleKind::code,
                                    answer_field(next, "code").value_or(""));
    if (!handle) throw std::runtime_error("there is no code");
    return must(world.db().read(
                    [&](store::Session& db) { return grant_row(db, handle->person, handle->grant); }))
        .value();
  }
  std::vector<Consent> standing() {
    return must(
        world.db().read([&](store::Session& db) { return consents_of(db, world.person, world.now()); }));
  }
  Result<void> take_back(std::string_view client = "shop") {
    return world.db().write(
        [&](store::Session& db) { return withdraw(db, world.provider, world.person, client, world.now()); });
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Consents, testing::ValuesIn(test::engines),
                         [](auto& i) { return test::name_of(i.param); });

TEST_P(Consents, ShowTheValuesThatTheClientWouldLearnAndNoSensitiveStatus) {
  Client client = make_client();
  client.scopes.emplace_back("status:quarantined");
  world.add(client);
  const NeedConsent shown = asked(Query().with("scope", "openid age status:student status:quarantined"));
  const auto value = [&](std::string_view name) {
    const auto found = std::ranges::find(shown.claims, name, &Claim::name);
    return found == shown.claims.end() ? "" : found->json;
  };
  EXPECT_EQ(value("age_over_18"), "true");
  EXPECT_EQ(value("status:student"), "false");
  EXPECT_EQ(value("birthdate"), "") << "it isn't asked for";
  EXPECT_EQ(value("status:quarantined"), "") << "sensitive statuses are never claims";
  EXPECT_EQ(value("sub"), "");
}

TEST_P(Consents, MayLeaveOutWhatTheClientDidntCallEssential) {
  const Query query = Query()
                          .with("scope", "openid status:student")
                          .with("claims", R"({"userinfo":{"age_over_18":null,"name":{"essential":true}}})");
  const NeedConsent shown = asked(query);
  EXPECT_EQ(shown.optional, (std::vector<std::string>{"age_over_18", "status:student"}));
  const Next done = decide(world.provider, shown.request, session, true,
                           {"age_over_18", "status:student", "name", "openid"}, world.now());
  const Grant grant = grant_of_code(done).grant;
  EXPECT_EQ(grant.scopes, std::vector<std::string>{"openid"});
  ASSERT_EQ(grant.claims.size(), 1u) << "an essential claim isn't left out one by one";
  EXPECT_EQ(grant.claims[0].name, "name");
  // The same again isn't asked again, and gives no more.
  const Next again = world.ask(query, session);
  ASSERT_EQ(error_in(again), "none");
  EXPECT_EQ(grant_of_code(again).grant.claims.size(), 1u);
  EXPECT_EQ(grant_of_code(again).grant.scopes, std::vector<std::string>{"openid"});
  ASSERT_EQ(standing().size(), 1u);
  EXPECT_EQ(standing()[0].left_out, (std::vector<std::string>{"age_over_18", "status:student"}));
  EXPECT_EQ(standing()[0].claims, std::vector<std::string>{"name"});
}

TEST_P(Consents, AreAskedAgainWhenWhatWasLeftOutBecomesEssential) {
  (void)agree(Query().with("claims", R"({"userinfo":{"age_over_18":null}})"), {"age_over_18"});
  EXPECT_EQ(error_in(world.ask(Query().with("claims", R"({"userinfo":{"age_over_18":{"essential":true}}})"),
                               session)),
            "consent");
}

TEST_P(Consents, ToAllTheOptionalScopesRefusedAreARefusal) {
  EXPECT_EQ(error_in(agree(Query().with("scope", "status:student"), {"status:student"})), "access_denied");
  EXPECT_TRUE(standing().empty());
}

TEST_P(Consents, RefusedLeaveNothingBehind) {
  const NeedConsent shown = asked(Query());
  EXPECT_EQ(error_in(decide(world.provider, shown.request, session, false, {}, world.now())),
            "access_denied");
  EXPECT_TRUE(standing().empty());
  EXPECT_EQ(world.audit_entries("identity.consent"), 0);
  EXPECT_EQ(error_in(world.ask(Query(), session)), "consent") << "they are asked again next time";
}

TEST_P(Consents, AddUp) {
  (void)agree(Query().with("scope", "openid profile"));
  (void)agree(Query().with("scope", "openid age"));
  EXPECT_EQ(error_in(world.ask(Query().with("scope", "openid profile age"), session)), "none");
  ASSERT_EQ(standing().size(), 1u);
}

TEST_P(Consents, AreAskedAnywayForPromptConsent) {
  (void)agree(Query());
  EXPECT_EQ(error_in(world.ask(Query().with("prompt", "consent"), session)), "consent");
}

TEST_P(Consents, ArentAskedWhereALawSaysWhatTheClientLearns) {
  Client client = make_client();
  client.by_law = true;
  client.legal_ground = "law";
  world.add(client);
  EXPECT_EQ(error_in(world.ask(Query(), session)), "none");
  EXPECT_EQ(error_in(world.ask(Query().with("prompt", "none"), session)), "none");
  EXPECT_TRUE(standing().empty()) << "nobody consented";
  EXPECT_EQ(error_in(world.ask(Query().with("prompt", "consent"), session)), "consent");
}

TEST_P(Consents, OfOnePersonAreNobodyElses) {
  (void)agree(Query());
  session = world.sign_in(world.add_person("6XYZ123"));
  EXPECT_EQ(error_in(world.ask(Query(), session)), "consent");
}

TEST_P(Consents, ForOneselfArentConsentsForWhomOneActsFor) {
  (void)agree(Query());
  Session acting = world.sign_in();
  acting.acting_for = world.add_person("6XYZ123");
  EXPECT_EQ(error_in(world.ask(Query(), acting)), "consent");
}

TEST_P(Consents, WithdrawnEndTheGrantsAndTheCodesThatWait) {
  const StoredGrant before = grant_of_code(agree(Query()));
  ASSERT_TRUE(before.live_at(world.now()));
  must(take_back());
  const auto after =
      must(world.db().read([&](store::Session& db) { return grant_row(db, world.person, before.grant.id); }));
  EXPECT_FALSE(after && after->live_at(world.now())) << "the code that nobody redeemed yet ends too";
  EXPECT_TRUE(standing().empty());
  EXPECT_EQ(world.audit_entries("identity.consent_withdrawn"), 1);
  EXPECT_EQ(error_in(world.ask(Query(), session)), "consent");
  const auto again = take_back();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, "consent.unknown");
}

TEST_P(Consents, WithdrawnFromOneClientStandForTheOther) {
  Client other = make_client("other");
  world.add(other);
  (void)agree(Query());
  (void)agree(Query().with("client_id", "other"));
  must(take_back());
  ASSERT_EQ(standing().size(), 1u);
  EXPECT_EQ(standing()[0].client, "other");
}

TEST_P(Consents, AreEntriesAboutThePersonThatTellOnlyThePersonWhatTheyAgreedTo) {
  (void)agree(Query().with("scope", "openid status:student"));
  const auto entries = must(world.node.log->entries_about(world.person, world.node.log->size(), 10));
  const auto entry = std::ranges::find_if(entries, [](const audit::Entry& one) {
    return one.leaf.find("identity.consent") != std::string::npos;
  });
  ASSERT_NE(entry, entries.end());
  EXPECT_EQ(entry->leaf.find("student"), std::string::npos);
  EXPECT_NE(entry->leaf.find(R"("data":{"client":"shop"})"), std::string::npos) << entry->leaf;
  EXPECT_NE(entry->leaf.find(R"("actor":"self")"), std::string::npos);
  EXPECT_NE(entry->personal.find(R"("scopes":["openid","status:student"])"), std::string::npos)
      << entry->personal;
}

TEST_P(Consents, ThatAreOverAreSweptAway) {
  (void)agree(Query());
  const auto sweep = [&](Instant at) {
    return must(world.db().write([&](store::Session& db) { return sweep_authorization(db, at, 100); }));
  };
  EXPECT_EQ(sweep(world.now()), 0);
  EXPECT_EQ(sweep(world.now() + consent_life + 5min), 1);
  EXPECT_EQ(world.rows("SELECT COUNT(*) FROM identity_consent"), 0);
}

}  // namespace
}  // namespace dayaq::identity::oidc::authorize_test
