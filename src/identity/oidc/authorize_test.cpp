// The authorization endpoint, rule by rule.
#include "identity/oidc/authorize_test_support.ipp"

namespace dayaq::identity::oidc::authorize_test {
namespace {

struct Authorize : Authorizing {};
INSTANTIATE_TEST_SUITE_P(Engines, Authorize, testing::ValuesIn(test::engines),
                         [](auto& i) { return test::name_of(i.param); });

TEST_P(Authorize, LeadsOverSignInAndConsentToACodeThatIsThatPersons) {
  const Next first = world.ask(Query());
  ASSERT_EQ(error_in(first), "sign in");
  const auto& need = std::get<NeedSignIn>(first);
  EXPECT_TRUE(need.wish.then.starts_with("/oauth/continue?request="));
  world.node.clock.advance(1min);
  const Session session = world.sign_in();
  const Next second = resume(world.provider, sealed_in(first), session, world.now());
  ASSERT_EQ(error_in(second), "consent");
  const auto& consent = std::get<NeedConsent>(second);
  EXPECT_EQ(consent.client->id, "shop");
  EXPECT_EQ(consent.scopes, (std::vector<std::string>{"openid", "profile"}));
  EXPECT_TRUE(std::ranges::any_of(consent.claims, [](const Claim& claim) {
    return claim.name == "birthdate" && claim.json == "\"1985-03-14\"";
  }));
  EXPECT_FALSE(consent.offline);
  const Next third = decide(world.provider, consent.request, session, true, {}, world.now());
  ASSERT_TRUE(std::holds_alternative<Redirect>(third));
  const std::string& location = std::get<Redirect>(third).location;
  EXPECT_TRUE(location.starts_with(callback + "?code="));
  EXPECT_EQ(answer_field(third, "state"), "xyz &=%");
  EXPECT_EQ(answer_field(third, "iss"), issuer);
  EXPECT_EQ(answer_field(third, "error"), std::nullopt);
  const auto handle = read_handle(world.provider.tokens->keys(world.master).handles, HandleKind::code,
                                  *answer_field(third, "code"));
  ASSERT_TRUE(handle);
  const auto stored =
      must(world.db().read([&](store::Session& db) { return grant_row(db, handle->person, handle->grant); }));
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->grant.person, world.person);
  EXPECT_EQ(stored->grant.client, "shop");
  EXPECT_EQ(stored->grant.session, session.id);
  EXPECT_EQ(stored->grant.nonce, "n-0S6_WzA2Mj");
  EXPECT_EQ(stored->redirect_uri, callback);
  EXPECT_EQ(stored->code_challenge, crypto::sha256_base64url(verifier));
  EXPECT_EQ(world.audit_entries("identity.consent"), 1);
}

TEST_P(Authorize, AsksOnceForTheSameScopesAndAgainForMore) {
  const Session session = world.sign_in();
  const Next first = world.ask(Query(), session);
  ASSERT_EQ(error_in(first), "consent");
  (void)decide(world.provider, std::get<NeedConsent>(first).request, session, true, {}, world.now());
  EXPECT_EQ(error_in(world.ask(Query(), session)), "none");
  EXPECT_EQ(error_in(world.ask(Query().with("scope", "openid"), session)), "none") << "less was agreed to";
  EXPECT_EQ(error_in(world.ask(Query().with("scope", "openid profile age"), session)), "consent");
  EXPECT_EQ(error_in(world.ask(Query().with("scope", "openid profile offline_access"), session)), "consent");
  world.node.clock.advance(consent_life + 1s);
  const Session later = world.sign_in();
  EXPECT_EQ(error_in(world.ask(Query(), later)), "consent") << "a consent doesn't stand for ever";
}

// -- the code that is issued with the session

/// What the sign-in page does: makes a session, and in the same transaction whatever the request allows.
std::optional<Redirect> sign_in_for(World& world, std::string_view then,
                                    Assurance assurance = Assurance::substantial) {
  Session session;
  session.id = SessionId(world.random.next_id());
  session.person = world.person;
  session.authenticated = world.now();
  session.expires = world.now() + 12h;
  session.authenticator = AuthenticatorId(1);
  session.methods = Methods(AuthenticatorKind::passkey);
  session.assurance = assurance;
  const SessionToken token = draw_session_token(world.random, world.person, session.id);
  CodeAtSignIn code(world.provider, then, world.now());
  must(world.db().write([&](store::Session& s) -> Result<void> {
    DAYAQ_TRY_OK(world.sessions.open(s, session, token));
    return code.issue(s, session);
  }));
  return code.redirect();
}
std::string then_of(const Next& next) {
  const auto* need = std::get_if<NeedSignIn>(&next);
  return need == nullptr ? std::string() : need->wish.then;
}

TEST_P(Authorize, IssuesTheCodeWithTheSessionOnceThePersonHasAgreed) {
  const std::string then = then_of(world.ask(Query()));
  EXPECT_FALSE(sign_in_for(world, then)) << "nobody has agreed yet";
  const Session session = world.sign_in();
  const Next asks = world.ask(Query(), session);
  ASSERT_EQ(error_in(asks), "consent");
  (void)decide(world.provider, std::get<NeedConsent>(asks).request, session, true, {}, world.now());
  const std::int64_t before = world.rows("SELECT count(*) FROM oidc_grant");
  const auto to = sign_in_for(world, then);
  ASSERT_TRUE(to);
  const Next next = *to;
  EXPECT_TRUE(to->location.starts_with(callback + "?code="));
  EXPECT_EQ(answer_field(next, "state"), "xyz &=%");
  EXPECT_EQ(answer_field(next, "iss"), issuer);
  EXPECT_EQ(world.rows("SELECT count(*) FROM oidc_grant"), before + 1);
  const auto handle = read_handle(world.provider.tokens->keys(world.master).handles, HandleKind::code,
                                  *answer_field(next, "code"));
  ASSERT_TRUE(handle);
  const auto stored =
      must(world.db().read([&](store::Session& db) { return grant_row(db, handle->person, handle->grant); }));
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->grant.client, "shop");
  EXPECT_EQ(stored->grant.nonce, "n-0S6_WzA2Mj");
  EXPECT_EQ(stored->redirect_uri, callback);
  EXPECT_EQ(stored->code_challenge, crypto::sha256_base64url(verifier));
}

TEST_P(Authorize, IssuesNothingWithTheSessionWhereSomethingHasToBeAskedOrRefused) {
  Client by_law = make_client();
  by_law.by_law = true;
  world.add(by_law);
  const std::string then = then_of(world.ask(Query()));
  ASSERT_TRUE(sign_in_for(world, then));
  EXPECT_FALSE(sign_in_for(world, "/my"));
  EXPECT_FALSE(sign_in_for(world, then + "&lang=en"));
  EXPECT_FALSE(sign_in_for(world, then.substr(0, then.size() - 4) + "AAAA")) << "damaged";
  EXPECT_FALSE(sign_in_for(world, then_of(world.ask(Query().with("prompt", "consent")))));
  EXPECT_FALSE(sign_in_for(
      world, then_of(world.ask(Query().with("acr_values", std::string(acr_of(Assurance::high)))))))
      << "a higher level is asked for";
  Client surer = by_law;
  surer.least = Assurance::high;
  world.add(surer);
  EXPECT_FALSE(sign_in_for(world, then)) << "the client asks for a higher level now";
  Client moved = by_law;
  moved.redirect_uris = {"https://shop.example/new"};
  world.add(moved);
  EXPECT_FALSE(sign_in_for(world, then)) << "the address is no longer the client's";
  world.add(by_law);
  const std::string later = then_of(world.ask(Query()));
  world.node.clock.advance(31min);
  EXPECT_FALSE(sign_in_for(world, later)) << "too late";
}

// -- where errors go

TEST_P(Authorize, TellsThePersonAndNotTheAddressWhenTheClientOrItsAddressIsWrong) {
  const Session session = world.sign_in();
  EXPECT_EQ(error_in(world.ask(Query().with("client_id", "nobody"), session)), "authorize.client");
  EXPECT_EQ(error_in(world.ask(Query().with("client_id", ""), session)), "authorize.client");
  EXPECT_EQ(error_in(world.ask(Query().with("redirect_uri", "https://evil.example/"), session)),
            "authorize.redirect_uri");
  EXPECT_EQ(error_in(world.ask(Query().with("redirect_uri", callback + "/../evil"), session)),
            "authorize.redirect_uri");
  Query twice;
  twice.fields.emplace_back("client_id", "other");
  EXPECT_EQ(error_in(world.ask(twice, session)), "authorize.client");
  Client ended = make_client("over");
  ended.ended = world.now();
  world.add(ended);
  EXPECT_EQ(error_in(world.ask(Query().with("client_id", "over"), session)), "authorize.client");
}

TEST_P(Authorize, TellsTheClientEverythingElseWithStateAndIssuer) {
  const Next next = world.ask(Query().with("response_type", "token"), world.sign_in());
  EXPECT_EQ(error_in(next), "unsupported_response_type");
  EXPECT_TRUE(std::get<Redirect>(next).location.starts_with(callback + "?error="));
  EXPECT_EQ(answer_field(next, "state"), "xyz &=%");
  EXPECT_EQ(answer_field(next, "iss"), issuer);
  Client client = make_client();
  client.grants = 1u << unsigned(GrantType::client_credentials);
  world.add(client);
  EXPECT_EQ(error_in(world.ask(Query())), "unauthorized_client");
}

TEST_P(Authorize, AnswersAMixedUpClientAtNobodysAddress) {
  Client other = make_client("other");
  other.redirect_uris = {"https://other.example/cb"};
  world.add(other);
  EXPECT_EQ(error_in(world.ask(Query().with("client_id", "other"))), "authorize.redirect_uri")
      << "the shop's address isn't the other's";
}

TEST_P(Authorize, TakesAFormAsWellAndLooksAtNothingButIt) {
  const std::string form = Query();
  http::Request request;
  request.method = http::Method::post;
  request.body = form;
  request.query = "prompt=none";
  EXPECT_EQ(error_in(authorize(world.provider, request, std::nullopt, world.now())), "sign in");
  request.body = {};
  request.query = form;
  EXPECT_EQ(error_in(authorize(world.provider, request, std::nullopt, world.now())), "authorize.client");
}

TEST_P(Authorize, AnswersByAFormWhereTheClientWantsOne) {
  const Next next = world.ask(Query().with("response_mode", "form_post").with("prompt", "none"));
  const auto& redirect = std::get<Redirect>(next);
  EXPECT_EQ(redirect.location, callback);
  ASSERT_FALSE(redirect.form.empty());
  EXPECT_EQ(redirect.form[0], (std::pair<std::string, std::string>("error", "login_required")));
}

// -- prompt, max_age, hints, levels

TEST_P(Authorize, NeverShowsAPageForPromptNone) {
  const Query none = Query().with("prompt", "none");
  EXPECT_EQ(error_in(world.ask(none)), "login_required");
  const Session session = world.sign_in();
  const Next refused = world.ask(none, session);
  EXPECT_EQ(error_in(refused), "consent_required");
  const Next asked = world.ask(Query(), session);
  (void)decide(world.provider, std::get<NeedConsent>(asked).request, session, true, {}, world.now());
  EXPECT_TRUE(answer_field(world.ask(none, session), "code"));
}

TEST_P(Authorize, AsksForANewProofForPromptLoginAndTakesNoneFromBefore) {
  const Session before = world.sign_in();
  world.node.clock.advance(1s);
  const Next next = world.ask(Query().with("prompt", "login"), before);
  ASSERT_EQ(error_in(next), "sign in");
  EXPECT_TRUE(std::get<NeedSignIn>(next).wish.fresh);
  EXPECT_TRUE(std::get<NeedSignIn>(next).wish.present);
  EXPECT_EQ(error_in(resume(world.provider, sealed_in(next), before, world.now())), "sign in")
      << "going on without having signed in doesn't help";
  world.node.clock.advance(1s);
  EXPECT_EQ(error_in(resume(world.provider, sealed_in(next), world.sign_in(), world.now())), "consent");
}

TEST_P(Authorize, LetsAnotherAccountBeChosen) {
  const Session before = world.sign_in();
  world.node.clock.advance(1s);
  const Next next = world.ask(Query().with("prompt", "select_account"), before);
  ASSERT_EQ(error_in(next), "sign in");
  EXPECT_FALSE(std::get<NeedSignIn>(next).wish.present) << "the one who is signed in isn't presumed";
}

TEST_P(Authorize, HoldsTheSessionToMaxAge) {
  const Session session = world.sign_in();
  world.node.clock.advance(60s);
  EXPECT_EQ(error_in(world.ask(Query().with("max_age", "60"), session)), "consent");
  EXPECT_EQ(error_in(world.ask(Query().with("max_age", "59"), session)), "sign in");
  EXPECT_EQ(error_in(world.ask(Query().with("max_age", "0"), session)), "sign in");
  EXPECT_EQ(error_in(world.ask(Query().with("max_age", "59").with("prompt", "none"), session)),
            "login_required");
  const Next next = world.ask(Query().with("max_age", "0"), session);
  world.node.clock.advance(1s);
  const Session fresh = world.sign_in();
  world.node.clock.advance(5min);
  EXPECT_EQ(error_in(resume(world.provider, sealed_in(next), fresh, world.now())), "consent")
      << "who signed in for this request isn't asked again for having read slowly";
}

TEST_P(Authorize, AsksForAHigherLevelAndSaysWhichOne) {
  const Session low = world.sign_in(world.person, Assurance::low);
  const Next next = world.ask(Query().with("acr_values", "http://eidas.europa.eu/LoA/substantial"), low);
  ASSERT_EQ(error_in(next), "sign in");
  EXPECT_EQ(std::get<NeedSignIn>(next).wish.least, Assurance::substantial);
  EXPECT_FALSE(std::get<NeedSignIn>(next).wish.fresh);
  Client client = make_client();
  client.least = Assurance::high;
  world.add(client);
  const Next strict = world.ask(Query(), world.sign_in());
  ASSERT_EQ(error_in(strict), "sign in");
  EXPECT_EQ(std::get<NeedSignIn>(strict).wish.least, Assurance::high);
  EXPECT_EQ(error_in(world.ask(Query().with("prompt", "none"), world.sign_in())), "login_required");
}

TEST_P(Authorize, HoldsAWishedLevelLessStrictlyThanAnEssentialOneWhenNobodyMayBeAsked) {
  const Session low = world.sign_in(world.person, Assurance::low);
  const Query none = Query().with("prompt", "none");
  const std::string high = "http://eidas.europa.eu/LoA/high";
  EXPECT_EQ(error_in(world.ask(Query(none).with("acr_values", high), low)), "consent_required");
  EXPECT_EQ(
      error_in(world.ask(
          Query(none).with("claims", R"({"id_token":{"acr":{"essential":true,"value":")" + high + R"("}}})"),
          low)),
      "unmet_authentication_requirements");
}

TEST_P(Authorize, AnswersOnlyAboutThePersonThatASubjectNames) {
  const Session session = world.sign_in();
  world.node.clock.advance(1s);
  const std::string sub = subject(world.provider, world.client(), world.person);
  const auto claims = [](const std::string& value) {
    return R"({"id_token":{"sub":{"value":")" + value + R"("}}})";
  };
  EXPECT_EQ(error_in(world.ask(Query().with("claims", claims(sub)), session)), "consent");
  const Query other = Query().with("claims", claims("somebody-else"));
  const Next next = world.ask(other, session);
  ASSERT_EQ(error_in(next), "sign in");
  EXPECT_FALSE(std::get<NeedSignIn>(next).wish.present);
  world.node.clock.advance(1s);
  EXPECT_EQ(error_in(resume(world.provider, sealed_in(next), world.sign_in(), world.now())), "login_required")
      << "no circle: they signed in for this, and are another";
  EXPECT_EQ(error_in(world.ask(Query(other).with("prompt", "none"), session)), "login_required");
}

TEST_P(Authorize, GoesBackToTheClientWhoseSignInIsCancelled) {
  const Next next = world.ask(Query());
  const Next back = cancel(world.provider, sealed_in(next), world.now());
  EXPECT_EQ(error_in(back), "access_denied");
  EXPECT_EQ(answer_field(back, "state"), "xyz &=%");
}

// -- sealed requests

TEST_P(Authorize, OpensNoSealedRequestThatWasChangedOrIsOld) {
  const Session session = world.sign_in();
  const std::string sealed = sealed_in(world.ask(Query()));
  ASSERT_EQ(error_in(resume(world.provider, sealed, session, world.now())), "consent");
  for (const std::size_t at : {std::size_t(0), sealed.size() / 2, sealed.size() - 2}) {
    std::string changed = sealed;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    EXPECT_EQ(error_in(resume(world.provider, changed, session, world.now())), "authorize.request") << at;
  }
  EXPECT_EQ(error_in(resume(world.provider, sealed.substr(0, 40), session, world.now())),
            "authorize.request");
  EXPECT_EQ(error_in(resume(world.provider, "", session, world.now())), "authorize.request");
  EXPECT_EQ(error_in(resume(world.provider, sealed, session, world.now() + 30min)), "authorize.expired");
}

TEST_P(Authorize, DecidesOnlyInTheSessionThatWasAsked) {
  const Session session = world.sign_in();
  const Next asked = world.ask(Query(), session);
  const std::string sealed = std::get<NeedConsent>(asked).request;
  const Session other = world.sign_in(world.add_person("6XYZ123"));
  EXPECT_EQ(error_in(decide(world.provider, sealed, other, true, {}, world.now())), "authorize.request")
      << "another person's form, sent by another site";
  const Session again = world.sign_in();
  EXPECT_EQ(error_in(decide(world.provider, sealed, again, true, {}, world.now())), "authorize.request")
      << "the same person's other session";
  EXPECT_EQ(error_in(decide(world.provider, sealed_in(world.ask(Query())), session, true, {}, world.now())),
            "authorize.request")
      << "a request that nobody was shown yet";
  EXPECT_EQ(error_in(resume(world.provider, sealed, session, world.now())), "authorize.request")
      << "nor the other way round";
  EXPECT_TRUE(answer_field(decide(world.provider, sealed, session, true, {}, world.now()), "code"));
}

TEST_P(Authorize, GivesNoCodeToASessionThatHasEnded) {
  const Session session = world.sign_in();
  const Next asked = world.ask(Query(), session);
  must(world.db().write(
      [&](store::Session& db) { return world.sessions.end(db, session.person, session.id, world.now()); }));
  const Next next =
      decide(world.provider, std::get<NeedConsent>(asked).request, session, true, {}, world.now());
  EXPECT_EQ(error_in(next), "login_required");
  EXPECT_EQ(world.audit_entries("identity.consent"), 0);
  EXPECT_EQ(world.rows("SELECT COUNT(*) FROM oidc_grant"), 0);
}

TEST_P(Authorize, ForgetsARequestWhoseClientChangedMeanwhile) {
  const Session session = world.sign_in();
  const Next asked = world.ask(Query(), session);
  Client moved = make_client();
  moved.redirect_uris = {"https://shop.example/new"};
  world.add(moved);
  EXPECT_EQ(
      error_in(decide(world.provider, std::get<NeedConsent>(asked).request, session, true, {}, world.now())),
      "authorize.client");
}

// -- what the grant is

TEST_P(Authorize, GrantsForTheSessionOrForWhenThePersonIsAway) {
  const Session session = world.sign_in();
  const auto grant_for = [&](const std::string& scope) {
    const Next asked = world.ask(Query().with("scope", scope), session);
    const Next done =
        decide(world.provider, std::get<NeedConsent>(asked).request, session, true, {}, world.now());
    const auto handle = read_handle(world.provider.tokens->keys(world.master).handles, HandleKind::code,
                                    answer_field(done, "code").value_or(""));
    return must(world.db().read(
                    [&](store::Session& db) { return grant_row(db, handle.value().person, handle->grant); }))
        .value()
        .grant;
  };
  const Grant here = grant_for("openid");
  EXPECT_EQ(here.session, session.id);
  EXPECT_EQ(here.expires, session.expires);
  EXPECT_EQ(here.authenticated, session.authenticated);
  EXPECT_EQ(here.assurance, Assurance::substantial);
  const Grant away = grant_for("openid offline_access");
  EXPECT_EQ(away.session, SessionId());
  EXPECT_EQ(away.expires, world.now() + world.provider.lifetimes.refresh_token);
}

}  // namespace
}  // namespace dayaq::identity::oidc::authorize_test
