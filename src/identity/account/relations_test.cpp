#include "identity/account/relations.hpp"

#include "identity/account/accounts_test_support.hpp"

namespace dayaq::identity {
namespace {

using test::code_of;
using test::must;
using namespace std::chrono_literals;

struct Relations : testing::TestWithParam<store::Engine> {
  void SetUp() override {
    node.people();
    parent = node.enrol_with(node.aygun_id, Enrolment::counter, node.passkey("key-1"));
  }
  PersonId aygun() { return node.person(node.aygun_id); }
  PersonId rashad() { return node.person(node.rashad_id); }
  PersonId child() { return node.person(node.child_id); }
  RelationRequest guardian(std::uint64_t id = 1) {
    return {.id = RelationId(id),
            .kind = RelationKind::guardian,
            .holder = aygun(),
            .principal = child(),
            .organisation = {},
            .scope = "all",
            .valid = {node.now(), instant_max}};
  }
  Result<Relation> record(const RelationRequest& request) {
    return node.write([&](auto& db, auto& a) {
      return record_relation(db, a, request, {.actor = "org:test/key:1", .basis = "birth certificate 1"},
                             node.now());
    });
  }
  Result<Relation> end(const Relation& relation) {
    return node.write([&](auto& db, auto& a) {
      return end_relation(db, a, relation.holder, relation.id, "org:test/key:1", node.now());
    });
  }
  std::optional<Relation> standing(PersonId principal, std::string_view scope = "") {
    return must(node.read(
        [&](auto& db, auto& a) { return standing_relation(db, a, aygun(), principal, scope, node.now()); }));
  }

  test::AccountsNode node{GetParam()};
  Enrolled parent;
};

INSTANTIATE_TEST_SUITE_P(Engines, Relations, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& engine) { return dayaq::test::name_of(engine.param); });

TEST_P(Relations, AGuardianActsUntilTheChildIsOfAge) {
  const auto made = must(record(guardian()));
  EXPECT_EQ(made.valid.until, node.node.pack.zone().start_of(Date(2033y / 5 / 5))) << "born on 2015-05-05";
  EXPECT_EQ(standing(child())->id, made.id);
  EXPECT_FALSE(standing(rashad()));
  node.node.clock.set(made.valid.until - 1us);
  EXPECT_TRUE(standing(child()));
  node.node.clock.set(made.valid.until);
  EXPECT_FALSE(standing(child()));
}

TEST_P(Relations, BothSidesSeeItAndAreTold) {
  const auto made = must(record(guardian()));
  const auto held = must(node.read([&](auto& db, auto&) { return relations_held(db, aygun()); }));
  const auto acted_for = must(node.read([&](auto& db, auto&) { return relations_for(db, child()); }));
  ASSERT_EQ(held.size(), 1u);
  ASSERT_EQ(acted_for.size(), 1u);
  EXPECT_EQ(acted_for[0].holder, aygun());
  EXPECT_EQ(acted_for[0].recorded_by, "org:test/key:1");
  EXPECT_EQ(node.actions(aygun()).back(), "identity.relation.record");
  EXPECT_EQ(node.actions(child()).back(), "identity.relation.record");
  EXPECT_NE(node.queued().back().text.find("guardian"), std::string::npos);
  EXPECT_EQ(must(record(guardian())).id, made.id) << "the same again is the same";
  auto other = guardian();
  other.scope = "school";
  EXPECT_EQ(code_of(record(other)), "relation.id");
}

TEST_P(Relations, WithItEndTheSessionsThatActUnderIt) {
  const auto made = must(record(guardian()));
  const auto own = node.sign_in(aygun(), parent.authenticator.id);
  node.sign_in(aygun(), parent.authenticator.id, child());
  ASSERT_EQ(node.live(aygun()).size(), 2u);
  ASSERT_TRUE(end(made));
  EXPECT_FALSE(standing(child()));
  ASSERT_EQ(node.live(aygun()).size(), 1u);
  EXPECT_EQ(node.live(aygun())[0].id, own.id);
  ASSERT_TRUE(end(made)) << "twice is once";
  EXPECT_EQ(std::ranges::count(node.actions(child()), "identity.relation.end"), 1);
}

TEST_P(Relations, ASessionThatActsGoesOnOnlyWhileItsRelationStands) {
  const auto made = must(record(guardian()));
  const auto goes_on = [&](const Session& session) {
    return must(node.read([&](auto& db, auto& a) { return may_go_on(db, a, session, node.now()); }));
  };
  Session session{.person = aygun(), .acting_for = child()};
  EXPECT_TRUE(goes_on(session));
  node.node.clock.set(made.valid.until);
  EXPECT_FALSE(goes_on(session)) << "of age since this instant, and nobody had to end it";
  session.acting_for = {};
  EXPECT_TRUE(goes_on(session));
}

TEST_P(Relations, ASessionStaysWhileAnotherRelationAllowsIt) {
  const auto first = must(record(guardian(1)));
  const auto second = must(record(guardian(2)));
  node.sign_in(aygun(), parent.authenticator.id, child());
  ASSERT_TRUE(end(first));
  EXPECT_EQ(node.live(aygun()).size(), 1u);
  ASSERT_TRUE(end(second));
  EXPECT_TRUE(node.live(aygun()).empty());
}

TEST_P(Relations, AMandateIsGivenByItsPrincipalForAPeriodAndAScope) {
  const auto principal = node.enrol_with(node.rashad_id, Enrolment::counter, node.passkey("key-2"));
  const auto session = node.sign_in(rashad(), principal.authenticator.id);
  RelationRequest request{.id = RelationId(7),
                          .kind = RelationKind::guardian,  // whatever is asked, it is a mandate
                          .holder = aygun(),
                          .principal = child(),
                          .organisation = {},
                          .scope = "pension",
                          .valid = {node.now(), node.now() + 24h * 30}};
  const auto give = [&](const Session& by) {
    return node.write([&](auto& db, auto& a) { return give_mandate(db, a, by, request, node.now()); });
  };
  Session weak = session;
  weak.assurance = Assurance::low;
  EXPECT_EQ(code_of(give(weak)), "relation.assurance");
  const auto given = must(give(session));
  EXPECT_EQ(given.kind, RelationKind::mandate);
  EXPECT_EQ(given.principal, rashad());
  EXPECT_TRUE(standing(rashad(), "pension"));
  EXPECT_FALSE(standing(rashad(), "tax")) << "only what it was given for";
  // The principal takes it back; a stranger doesn't.
  const auto take_back = [&](const Session& by) {
    return node.write(
        [&](auto& db, auto& a) { return end_own_relation(db, a, by, given.holder, given.id, node.now()); });
  };
  Session stranger = session;
  stranger.person = child();
  EXPECT_EQ(code_of(take_back(stranger)), "relation.unknown");
  ASSERT_TRUE(take_back(session));
  EXPECT_FALSE(standing(rashad(), "pension"));
}

TEST_P(Relations, WhatMakesNoSenseIsRefused) {
  const auto refused = [&](auto change) {
    RelationRequest request = guardian();
    change(request);
    return code_of(record(request));
  };
  EXPECT_EQ(refused([&](auto& r) { r.principal = aygun(); }), "relation.self");
  EXPECT_EQ(refused([&](auto& r) { r.principal = PersonId(99); }), "registry.person");
  EXPECT_EQ(refused([&](auto& r) { r.holder = PersonId(99); }), "registry.person");
  EXPECT_EQ(refused([&](auto& r) { r.scope = "No Code"; }), "relation.scope");
  EXPECT_EQ(refused([&](auto& r) { r.valid = {node.now(), node.now()}; }), "relation.period");
  EXPECT_EQ(refused([&](auto& r) { r.valid = {node.now() - 2h, node.now() - 1h}; }), "relation.period");
  EXPECT_EQ(refused([&](auto& r) { r.kind = RelationKind::mandate; }), "relation.period") << "endless";
  EXPECT_EQ(refused([&](auto& r) {
              r.kind = RelationKind::representative;
              r.organisation = OrganisationCode("no-such");
            }),
            "registry.organisation");
}

TEST_P(Relations, ARepresentativeActsForTheOrganisation) {
  RelationRequest request = guardian();
  request.kind = RelationKind::representative;
  request.organisation = OrganisationCode("azercell");
  const auto made = must(record(request));
  EXPECT_EQ(made.principal, PersonId());
  EXPECT_FALSE(standing(child())) << "and for nobody's child";
  const auto represents = [&](std::string_view organisation) {
    return must(node.read([&](auto& db, auto&) {
             return standing_representation(db, aygun(), OrganisationCode(std::string(organisation)), "",
                                            node.now());
           }))
        .has_value();
  };
  EXPECT_TRUE(represents("azercell"));
  EXPECT_FALSE(represents("bakcell"));
  EXPECT_EQ(
      must(node.read([&](auto& db, auto&) { return representatives_of(db, request.organisation); })).size(),
      1u);
  ASSERT_TRUE(end(made));
  EXPECT_FALSE(represents("azercell"));
}

TEST_P(Relations, DeathOfEitherEndsIt) {
  must(record(guardian()));
  node.sign_in(aygun(), parent.authenticator.id, child());
  node.record(node.child_id, "Nigar", Date(2015y / 5 / 5), Date(std::chrono::sys_days{2026y / 11 / 20}));
  EXPECT_FALSE(standing(child()));
  EXPECT_TRUE(node.live(aygun()).empty());
  EXPECT_LE(must(node.read([&](auto& db, auto&) { return relations_for(db, child()); }))[0].ended,
            node.now());
}

}  // namespace
}  // namespace dayaq::identity
