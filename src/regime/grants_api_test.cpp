#include "regime/grants_api.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "http/local_call.hpp"
#include "support/grant_node.hpp"

namespace dayaq::regime {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using dayaq::test::must;
using registry::Registry;
using store::Session;

/// A token is the organisation's code; it may do all that routes of grants ask for.
struct TrustingAuthenticator final : http::Authenticator {
  Result<http::Principal> authenticate(const http::Credentials& credentials) const override {
    const std::string_view token = credentials.token;
    http::Principal principal{.organisation = OrganisationCode(std::string(token)), .key = 1, .scopes = 0};
    for (const auto scope : {http::Scope::grants_read, http::Scope::grants_decide, http::Scope::feed_read,
                             http::Scope::regimes_read}) {
      principal.scopes |= 1u << unsigned(scope);
    }
    return principal;
  }
};

/// Aygün is a pensioner with a mobile line at Azercell; measure "calls" is law for pensioners.
struct GrantRoutes : testing::Test {
  GrantRoutes() {
    Regime regime = must_parse();
    must(node.node.db().write([&](Session& session) -> Result<void> {
      DAYAQ_TRY_OK(node.book->submit(session, regime, "org:a/key:1", node.now()));
      DAYAQ_TRY_OK(node.book->approve(session, RegimeCode("relief"), 1, "org:b/key:2", node.now()));
      return {};
    }));
    aygun = {.id = node.node.person_id("1ABCDEF"),
             .national_id = "1ABCDEF",
             .family_name = "Məmmədova",
             .given_name = "Aygün",
             .birth = std::chrono::sys_days(std::chrono::year(1950) / 5 / 5),
             .death = std::nullopt,
             .place = registry::PlaceIndex(node.node.pack.district_count())};
    must(node.node.write([&](Session& session, const Registry& registry) -> Result<void> {
      DAYAQ_TRY_OK(record_person(session, registry, aygun, "cli"));
      DAYAQ_TRY_OK(record_subscription(session, registry,
                                       {.kind = SubscriptionKind::mobile,
                                        .provider = node.node.organisation("azercell"),
                                        .number = "994501234567",
                                        .holder = aygun.id,
                                        .valid = {.from = node.now() - 1h, .until = instant_max}},
                                       "cli"));
      return {};
    }));
    add_grant_routes(router, {.db = node.node.db(),
                              .registry = *node.node.registry,
                              .keeper = *node.keeper,
                              .edges = edges,
                              .keys = keys,
                              .random = node.node.random,
                              .files = files,
                              .wording = test::azerbaijan().wording,
                              .clock = node.node.clock});
  }
  static Regime must_parse() {
    const auto regime = parse_regime(text, test::azerbaijan().file_context());
    if (!regime) throw std::runtime_error(format_errors(regime.error(), "relief", text));
    return *regime;
  }
  void attest_pensioner() {
    must(node.node.write([&](Session& session, const Registry& registry) {
      return attest(session, registry,
                    {.id = registry::AttestationId(5),
                     .person = aygun.id,
                     .status = node.node.status("pensioner"),
                     .issuer = node.node.organisation("social-protection-fund"),
                     .valid = {.from = node.now(), .until = node.now() + 720h}},
                    "cli");
    }));
  }
  http::Response get(const std::string& target, const std::string& token) {
    return http::call(router, &authenticator, http::Method::get, target, "", "", token);
  }
  json::value body(const http::Response& response) {
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body);
  }

  static constexpr const char* text = R"(format: 1
code: relief
title: {az: Yardım}
legal_basis: {az: Qərar}
territory: country
period: {from: 2026-11-01, until: 2027-06-01}
measures:
  - code: calls
    title: {az: Pulsuz zəng, en: Free calls}
    who: {status: pensioner}
    benefits:
      - {gives: voice, quota: 300 min, per: month, cost: 3 qepik per min}
)";
  test::Node node{store::Engine::sqlite, 1};
  FileContext files = test::azerbaijan().file_context();
  registry::Person aygun;
  EdgeBook edges;
  registry::KeyRing keys{*node.node.organisations, node.node.clock};
  TrustingAuthenticator authenticator;
  http::Router router;
};

TEST_F(GrantRoutes, AnOperatorSeesWhatItsLineIsGrantedAndNotWhy) {
  EXPECT_TRUE(
      body(get("/v1/grants?subscription=mobile:994501234567", "azercell")).at("grants").as_array().empty());
  attest_pensioner();
  const auto response = get("/v1/grants?subscription=mobile:994501234567", "azercell");
  const json::value answer = body(response);
  ASSERT_EQ(answer.at("grants").as_array().size(), 1u);
  const json::value& grant = answer.at("grants").at(0);
  EXPECT_EQ(grant.at("regime").as_string(), "relief");
  EXPECT_EQ(grant.at("until").as_string(), format_instant(node.now() + 720h));
  EXPECT_EQ(grant.at("benefits").at(0).at("quota").as_int64(), 18000);
  EXPECT_EQ(response.body.find("pensioner"), std::string::npos);
  EXPECT_EQ(response.body.find("calls"), std::string::npos);
}

TEST_F(GrantRoutes, AnOperatorSeesNoOtherOperatorsLine) {
  EXPECT_EQ(get("/v1/grants?subscription=mobile:994501234567", "bakcell").status, 404);
  EXPECT_EQ(get("/v1/grants?subscription=mobile:994500000000", "azercell").status, 404);
  EXPECT_EQ(get("/v1/grants?subscription=pigeon:1", "azercell").status, 400);
  EXPECT_EQ(get("/v1/grants", "azercell").status, 400);
}

TEST_F(GrantRoutes, AnAgencySeesAnyLineWithTheMeasuresNameAndThatIsOnRecord) {
  attest_pensioner();
  const std::uint64_t entries = node.node.log->size();
  const std::string target = "/v1/subscriptions/mobile:994501234567/grants";
  EXPECT_EQ(get(target, "ministry-of-labour").status, 400) << "without a reason nothing is shown";
  const json::value answer = body(get(target + "?reason=complaint%2012", "ministry-of-labour"));
  EXPECT_EQ(answer.at("grants").at(0).at("code").as_string(), "calls");
  EXPECT_EQ(node.node.log->size(), entries + 1) << "and the reading is on record";
}

TEST_F(GrantRoutes, APastMomentIsAnsweredByWhatWasKnownThen) {
  node.node.clock.advance(2h);
  attest_pensioner();
  const auto at = [&](std::chrono::hours ago) {
    return body(get("/v1/grants/history?subscription=mobile:994501234567&at=" +
                        format_instant(node.now() - ago),
                    "azercell"))
        .at("grants")
        .as_array()
        .size();
  };
  EXPECT_EQ(at(1h), 0u);
  node.node.clock.advance(3h);
  EXPECT_EQ(at(1h), 1u);
  EXPECT_EQ(at(4h), 0u);
}

TEST_F(GrantRoutes, AnOfficialLearnsWhyAndTheReadingIsOnRecord) {
  attest_pensioner();
  const std::uint64_t entries = node.node.log->size();
  const json::value answer =
      body(get("/v1/persons/1ABCDEF/grants?lang=en&reason=complaint%2012", "ministry-of-labour"));
  const json::value& measure = answer.at("measures").at(0);
  EXPECT_TRUE(measure.at("granted").as_bool());
  EXPECT_NE(measure.at("explanation").as_string().find("pensioner"), json::string::npos);
  EXPECT_EQ(node.node.log->size(), entries + 1);
  EXPECT_EQ(get("/v1/persons/1ABCDEF/grants", "ministry-of-labour").status, 400)
      << "without a reason nothing is shown";
  EXPECT_EQ(node.node.log->size(), entries + 1);
}

TEST_F(GrantRoutes, ADraftIsPreviewedWithoutBeingStored) {
  attest_pensioner();
  const auto response = http::call(router, &authenticator, http::Method::post, "/v1/previews", text,
                                   "application/yaml", "tabib");
  const json::value preview = body(response);
  EXPECT_EQ(preview.at("measures").at(0).at("total").at("persons").to_number<int>(), 1);
  EXPECT_EQ(preview.at("measures").at(0).at("total").at("lines").to_number<int>(), 1);
  EXPECT_EQ(preview.at("measures").at(0).at("total").at("cost_qepik").to_number<int>(), 900);
  EXPECT_EQ(preview.at("measures").at(0).at("total").at("gained").to_number<int>(), 0);
  EXPECT_EQ(preview.at("any").at("persons").to_number<int>(), 1);
  const auto broken = http::call(router, &authenticator, http::Method::post, "/v1/previews", "format: 9",
                                 "application/yaml", "tabib");
  EXPECT_EQ(broken.status, 422);
}

TEST_F(GrantRoutes, WhatIsInForceIsPreviewedBySettlement) {
  attest_pensioner();
  const json::value preview = body(get("/v1/regimes/relief/preview?territory=settlement", "tabib"));
  EXPECT_EQ(preview.at("places").as_array().size(), 1u);
  EXPECT_EQ(preview.at("measures").at(0).at("by_place").at(0).at("persons").to_number<int>(), 1);
  EXPECT_EQ(get("/v1/regimes/unknown/preview", "tabib").status, 404);
  EXPECT_EQ(get("/v1/regimes/relief/preview?territory=moon", "tabib").status, 400);
}

TEST_F(GrantRoutes, TheFeedTellsAnOperatorWhatChanged) {
  const auto before = body(get("/v1/feed", "azercell")).at("last_sequence").to_number<std::uint64_t>();
  EXPECT_EQ(before, 1u) << "the definition of the measure";
  attest_pensioner();
  const json::value feed = body(get("/v1/feed?after=1", "azercell"));
  ASSERT_EQ(feed.at("lines").as_array().size(), 1u);
  const auto key =
      *node.keeper->line_key(node.node.organisation("azercell"), SubscriptionKind::mobile, "994501234567");
  EXPECT_EQ(feed.at("lines").at(0).at("subscription").as_string(), fmt::format("{:016x}", key));
  EXPECT_EQ(feed.at("lines").at(0).at("sequence").to_number<int>(), 2);
  EXPECT_TRUE(body(get("/v1/feed?after=2", "azercell")).at("lines").as_array().empty());
  EXPECT_EQ(get("/v1/feed?after=3", "azercell").status, 409) << "a number that was never given";
  EXPECT_EQ(get("/v1/feed", "tabib").status, 403);
  EXPECT_EQ(get("/v1/feed?after=x", "azercell").status, 400);
}

TEST_F(GrantRoutes, TheFeedDefinesWhatAnEdgeDoesAtAQuotasEndAndInSilence) {
  const json::value feed = body(get("/v1/feed", "azercell"));
  const json::value& benefit = feed.at("lines").at(0).at("define").at("benefits").at(0);
  EXPECT_EQ(benefit.at("when_used_up").as_string(), "charge");
  EXPECT_EQ(benefit.at("when_silent").as_string(), "open");
  EXPECT_EQ(benefit.at("open_bound").to_number<int>(), 600) << "ten minutes, unless the file says otherwise";

  RegimeVersion version{.regime = must_parse()};
  Benefit& changed = version.regime.measures[0].benefits[0];
  changed.when_used_up = WhenUsedUp::limited;
  changed.when_silent = WhenSilent::close;
  changed.open_bound = 0;
  const LawfulMeasure measure{.version = std::make_shared<const RegimeVersion>(version),
                              .measure = &version.regime.measures[0]};
  const feed::BenefitLine line = definition_of(measure, 7).benefits.at(0);
  EXPECT_EQ(line.when_used_up, feed::WhenUsedUp::limited);
  EXPECT_EQ(line.when_silent, feed::WhenSilent::close);
  EXPECT_EQ(line.open_bound, 0u);
}

TEST_F(GrantRoutes, TheFeedAnswersAWaitingReaderWhenSomethingIsSaid) {
  std::atomic<bool> answered = false;
  http::Response response;
  std::jthread reader([&] {
    response = get("/v1/feed?after=1&wait=20", "azercell");
    answered = true;
  });
  while (node.keeper->hub().waiting() == 0) std::this_thread::yield();
  EXPECT_FALSE(answered);
  attest_pensioner();
  reader.join();
  EXPECT_EQ(body(response).at("lines").as_array().size(), 1u);
}

TEST_F(GrantRoutes, AFeedThatIsTrimmedSendsItsReaderToTheSnapshot) {
  attest_pensioner();
  node.restart();  // so that memory has nothing of the feed
  node.node.clock.advance(24h);
  must(node.node.write([&](Session& session, const Registry& registry) {
    return revoke(session, registry, aygun.id, registry::AttestationId(5),
                  node.node.organisation("social-protection-fund"), "cli");
  }));
  http::Router routes;
  add_grant_routes(routes, {.db = node.node.db(),
                            .registry = *node.node.registry,
                            .keeper = *node.keeper,
                            .edges = edges,
                            .keys = keys,
                            .random = node.node.random,
                            .files = files,
                            .wording = test::azerbaijan().wording,
                            .clock = node.node.clock});
  const auto ask = [&](const std::string& target) {
    return http::call(routes, &authenticator, http::Method::get, target, "", "", "azercell");
  };
  EXPECT_EQ(body(ask("/v1/feed?after=0")).at("lines").as_array().size(), 3u);
  must(node.keeper->trim_feed(node.now() - 1h));
  EXPECT_EQ(ask("/v1/feed?after=0").status, 409);
  EXPECT_EQ(body(ask("/v1/feed?after=2")).at("lines").as_array().size(), 1u);
}

TEST_F(GrantRoutes, ASnapshotHoldsEveryGrantAndSaysFromWhereToFollow) {
  attest_pensioner();
  const auto response = get("/v1/feed/snapshot", "azercell");
  const json::value snapshot = body(response);
  EXPECT_EQ(snapshot.at("last_sequence").to_number<int>(), 2);
  EXPECT_EQ(snapshot.at("pages").to_number<int>(), 1);
  ASSERT_EQ(snapshot.at("lines").as_array().size(), 2u);
  EXPECT_EQ(snapshot.at("lines").at(1).at("grants").as_array().size(), 1u);
  EXPECT_EQ(get("/v1/feed/snapshot?page=1", "azercell").status, 400);
  // In two pages each line is in exactly one.
  std::size_t lines = 0;
  for (const char* page : {"0", "1"}) {
    const auto part = body(get(std::string("/v1/feed/snapshot?pages=2&page=") + page, "azercell"));
    for (const auto& line : part.at("lines").as_array())
      lines += line.as_object().contains("subscription") ? 1 : 0;
  }
  EXPECT_EQ(lines, 1u);
}

TEST_F(GrantRoutes, AnOperatorCanMakeItsPseudonymsItself) {
  const std::string key_text(body(get("/v1/feed/key", "azercell")).at("key").as_string());
  const Bytes bytes = *from_base64(key_text);
  const SipKey key = sip_key(std::span<const std::byte, 16>(bytes.data(), 16));
  EXPECT_EQ(
      feed::pseudonym(key, "mobile", "994501234567"),
      *node.keeper->line_key(node.node.organisation("azercell"), SubscriptionKind::mobile, "994501234567"));
  EXPECT_NE(body(get("/v1/feed/key", "bakcell")).at("key").as_string(), key_text);
  const json::value status = body(get("/v1/feed/status", "azercell"));
  EXPECT_EQ(status.at("feeds").as_array().size(), 1u);
}

}  // namespace
}  // namespace dayaq::regime
