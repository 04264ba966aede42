#include "registry/record.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/registry.hpp"

namespace dayaq::registry {
namespace {

using namespace std::chrono_literals;

template <class T>
std::string_view code_of(const Result<T>& result) {
  return result ? std::string_view("none") : result.error().code;
}

struct Records : testing::TestWithParam<store::Engine> {
  test::RememberingObserver observer;
  test::RegistryNode node{GetParam(), &observer};

  Person aygun() {
    return {node.person_id("5ABC123"),
            "5ABC123",
            "Əliyeva",
            "Aygün",
            Sex::female,
            Date(1985y / 3 / 14),
            std::nullopt,
            node.place("AZ-BA-587084")};
  }
  Result<PersonOutcome> record(const Person& person) {
    return node.write(
        [&](auto& session, auto& registry) { return record_person(session, registry, person, "cli"); });
  }
  AttestRequest health_worker(std::uint64_t id, Instant from, Instant until) {
    return {AttestationId(id),
            aygun().id,
            node.status("health_worker"),
            node.organisation("baku-city-hospital"),
            {from, until}};
  }
  Result<AttestOutcome> attest(const AttestRequest& request) {
    return node.write([&](auto& session, auto& registry) {
      return registry::attest(session, registry, request, "org:baku-city-hospital/key:1");
    });
  }
  Result<AttestOutcome> revoke(AttestationId id, std::string_view by) {
    return node.write([&](auto& session, auto& registry) {
      return registry::revoke(session, registry, aygun().id, id, node.organisation(by), "org");
    });
  }
  Subscription mobile(PersonId holder, std::string_view provider, Instant from, Instant until = instant_max) {
    return {SubscriptionKind::mobile, node.organisation(provider), "994501234567", holder, {from, until}};
  }
  Result<SubscriptionOutcome> subscribe(const Subscription& subscription) {
    return node.write([&](auto& session, auto& registry) {
      return record_subscription(session, registry, subscription, "cli");
    });
  }
  PersonFacts all_about(PersonId person) {
    return test::must(node.read([&](auto& session, auto& rows) { return facts(session, rows, person); }));
  }
  Instant now() const { return node.clock.now(); }
};

INSTANTIATE_TEST_SUITE_P(Engines, Records, testing::ValuesIn(test::engines),
                         [](const auto& engine) { return test::name_of(engine.param); });

// -- persons

TEST_P(Records, ANewPersonIsStoredToldAndAudited) {
  const std::uint64_t before = node.log->size();
  const auto outcome = record(aygun());
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->recorded, Recorded::fresh);
  ASSERT_EQ(node.log->size(), before + 1);
  const auto entry = test::must(node.log->entry(outcome->audit_index));
  EXPECT_NE(entry.leaf.find("person.record"), std::string::npos);
  EXPECT_EQ(entry.leaf.find("5ABC123"), std::string::npos) << "a leaf holds nothing personal";
  EXPECT_EQ(entry.leaf.find("Aygün"), std::string::npos);
  EXPECT_NE(entry.personal.find("Aygün"), std::string::npos);
  EXPECT_EQ(entry.subject, aygun().id);

  const PersonFacts known = all_about(aygun().id);
  EXPECT_EQ(known.person.national_id, "5ABC123");
  EXPECT_EQ(known.person.given_name, "Aygün");
  EXPECT_EQ(known.person.birth, Date(1985y / 3 / 14));
  EXPECT_EQ(known.person.place, node.place("AZ-BA-587084"));
  EXPECT_FALSE(known.person.death);
  ASSERT_EQ(observer.changes.size(), 1u);
  EXPECT_TRUE(std::get<PersonRecorded>(observer.changes[0]).is_new);
}

TEST_P(Records, TheSamePersonAgainChangesNothing) {
  ASSERT_TRUE(record(aygun()));
  const std::uint64_t entries = node.log->size();
  EXPECT_EQ(record(aygun())->recorded, Recorded::unchanged);
  EXPECT_EQ(node.log->size(), entries);
  EXPECT_EQ(observer.changes.size(), 1u);
}

TEST_P(Records, WhoMovesKeepsTheirFormerResidences) {
  const Instant first = now();
  ASSERT_TRUE(record(aygun()));
  Person moved = aygun();
  node.clock.advance(24h);
  const Instant second = now();
  moved.place = node.place("AZ-GA-586523");
  EXPECT_EQ(record(moved)->recorded, Recorded::changed);
  node.clock.advance(24h);
  const Instant third = now();
  moved.place = node.place("AZ-SM-rural");
  ASSERT_TRUE(record(moved));

  const PersonFacts known = all_about(moved.id);
  ASSERT_EQ(known.residences.size(), 3u);
  EXPECT_EQ(known.residences[0].period, (Period{first, second}));
  EXPECT_EQ(known.residences[2].period, (Period{third, instant_max}));
  EXPECT_EQ(known.place_at(first - 1s), node.place("AZ-BA-587084"));
  EXPECT_EQ(known.place_at(first), node.place("AZ-BA-587084"));
  EXPECT_EQ(known.place_at(second), node.place("AZ-GA-586523"));
  EXPECT_EQ(known.place_at(third - 1us), node.place("AZ-GA-586523"));
  EXPECT_EQ(known.place_at(third + 1000h), node.place("AZ-SM-rural"));
  EXPECT_FALSE(std::get<PersonRecorded>(observer.changes.back()).is_new);
}

TEST_P(Records, MovingTwiceInOneInstantLeavesOneResidence) {
  ASSERT_TRUE(record(aygun()));
  Person moved = aygun();
  moved.place = node.place("AZ-GA-586523");
  ASSERT_TRUE(record(moved));
  EXPECT_EQ(all_about(moved.id).residences.size(), 1u);
  EXPECT_EQ(all_about(moved.id).place_at(now()), node.place("AZ-GA-586523"));
}

TEST_P(Records, ACorrectionOrADeathIsNoMove) {
  ASSERT_TRUE(record(aygun()));
  Person person = aygun();
  node.clock.advance(1h);
  person.family_name = "Məmmədova";
  person.death = Date(2026y / 11 / 20);
  EXPECT_EQ(record(person)->recorded, Recorded::changed);
  const PersonFacts known = all_about(person.id);
  EXPECT_EQ(known.residences.size(), 1u);
  EXPECT_EQ(known.person.family_name, "Məmmədova");
  EXPECT_EQ(known.person.death, Date(2026y / 11 / 20));
}

TEST_P(Records, RefusesImpossiblePersonsAndStoresNothing) {
  const auto with = [&](auto change) {
    Person person = aygun();
    change(person);
    return std::string(code_of(record(person)));
  };
  EXPECT_EQ(with([](Person& p) { p.birth = Date(2026y / 11 / 22); }), "registry.birth");
  EXPECT_EQ(with([](Person& p) { p.birth = Date(1879y / 12 / 31); }), "registry.birth");
  EXPECT_EQ(with([](Person& p) { p.death = Date(1985y / 3 / 13); }), "registry.death");
  EXPECT_EQ(with([](Person& p) { p.death = Date(2026y / 11 / 22); }), "registry.death");
  EXPECT_EQ(with([](Person& p) { p.given_name = ""; }), "registry.name");
  EXPECT_EQ(with([](Person& p) { p.given_name = std::string(101, 'a'); }), "registry.name");
  EXPECT_EQ(with([](Person& p) { p.family_name = "a\nb"; }), "registry.name");
  EXPECT_EQ(with([&](Person& p) { p.place = node.place("AZ-BA"); }), "registry.place");
  EXPECT_EQ(test::must(node.read([](auto& session, auto& rows) { return rows.count_persons(session); })), 0);
  EXPECT_TRUE(observer.changes.empty());
}

TEST_P(Records, NobodyIsFoundUnderAnUnknownId) {
  EXPECT_EQ(code_of(node.read([&](auto& session, auto& rows) { return facts(session, rows, PersonId(77)); })),
            "registry.person");
}

TEST_P(Records, ReadingSomebodysRecordNeedsAReasonWhichThePersonCanSee) {
  ASSERT_TRUE(record(aygun()));
  const auto read = [&](std::string_view reason) {
    return node.write([&](auto& session, auto& registry) {
      return note_read(session, registry, aygun().id, "record", reason, "org:tabib/key:3");
    });
  };
  EXPECT_EQ(code_of(read("ok")), "registry.reason");
  ASSERT_TRUE(read("Checking a \"transfer\""));
  const auto entries = test::must(node.log->entries_about(aygun().id, node.log->size(), 10));
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_NE(entries[0].leaf.find("person.read"), std::string::npos);
  EXPECT_NE(entries[0].leaf.find("org:tabib/key:3"), std::string::npos);
  EXPECT_NE(entries[0].personal.find("transfer"), std::string::npos);
}

// -- attestations

TEST_P(Records, AnAttestationStandsFromWhenItIsRecordedAndForItsPeriod) {
  ASSERT_TRUE(record(aygun()));
  const auto outcome = attest(health_worker(7, now() - 24h, now() + 48h));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->recorded, Recorded::fresh);
  const PersonFacts known = all_about(aygun().id);
  ASSERT_EQ(known.attestations.size(), 1u);
  const Attestation& attestation = known.attestations[0];
  EXPECT_TRUE(attestation.stands_at(now()));
  EXPECT_FALSE(attestation.stands_at(now() - 1s)) << "not known then";
  EXPECT_FALSE(attestation.stands_at(now() + 48h));
  const auto entry = test::must(node.log->entry(outcome->audit_index));
  EXPECT_NE(entry.leaf.find(R"({"issuer":"baku-city-hospital"})"), std::string::npos) << entry.leaf;
  EXPECT_EQ(entry.leaf.find("health_worker"), std::string::npos);
  EXPECT_NE(entry.personal.find("health_worker"), std::string::npos);
}

TEST_P(Records, TheSameAttestationAgainChangesNothingWhateverItsId) {
  ASSERT_TRUE(record(aygun()));
  const AttestRequest request = health_worker(7, now(), now() + 48h);
  ASSERT_TRUE(attest(request));
  const std::uint64_t entries = node.log->size();
  node.clock.advance(1s);
  EXPECT_EQ(attest(request)->recorded, Recorded::unchanged);
  AttestRequest retried = request;
  retried.id = AttestationId(8);
  const auto again = attest(retried);
  EXPECT_EQ(again->recorded, Recorded::unchanged);
  EXPECT_EQ(again->attestation.id, AttestationId(7));
  EXPECT_EQ(node.log->size(), entries);
}

TEST_P(Records, AnIdStandsForOneAttestationOnly) {
  ASSERT_TRUE(record(aygun()));
  ASSERT_TRUE(attest(health_worker(7, now(), now() + 48h)));
  EXPECT_EQ(code_of(attest(health_worker(7, now(), now() + 49h))), "registry.attestation_id");
}

TEST_P(Records, ARenewalSupersedesTheEarlierAttestation) {
  ASSERT_TRUE(record(aygun()));
  const Instant start = now();
  ASSERT_TRUE(attest(health_worker(1, start, start + 240h)));
  node.clock.advance(24h);
  const Instant renewed = now();
  ASSERT_TRUE(attest(health_worker(2, start, start + 480h)));
  const PersonFacts known = all_about(aygun().id);
  ASSERT_EQ(known.attestations.size(), 2u);
  EXPECT_EQ(known.attestations[0].ended, renewed);
  EXPECT_EQ(known.attestations[1].ended, instant_max);
  EXPECT_TRUE(known.attestations[0].stands_at(renewed - 1s)) << "what was known then stays known";
  ASSERT_EQ(observer.changes.size(), 4u);
  EXPECT_EQ(std::get<AttestationEnded>(observer.changes[2]).attestation.id, AttestationId(1));
  EXPECT_EQ(std::get<AttestationRecorded>(observer.changes[3]).attestation.id, AttestationId(2));
}

TEST_P(Records, PeriodsThatDoNotOverlapStandBesideEachOther) {
  ASSERT_TRUE(record(aygun()));
  ASSERT_TRUE(attest(health_worker(1, now(), now() + 24h)));
  ASSERT_TRUE(attest(health_worker(2, now() + 24h, now() + 48h)));
  for (const Attestation& attestation : all_about(aygun().id).attestations)
    EXPECT_EQ(attestation.ended, instant_max);
}

TEST_P(Records, AnIssuerAttestsOnlyWhatItIssuesAndForAsLongAsTheStatusAllows) {
  ASSERT_TRUE(record(aygun()));
  AttestRequest request = health_worker(1, now(), now() + 24h);
  request.issuer = node.organisation("baku-state-university");
  EXPECT_EQ(code_of(attest(request)), "registry.may_not_issue");
  EXPECT_EQ(code_of(attest(health_worker(1, now(), now()))), "registry.period");
  EXPECT_EQ(code_of(attest(health_worker(1, now(), instant_max))), "registry.period");
  EXPECT_EQ(code_of(attest(health_worker(1, now(), now() + std::chrono::days(1097)))), "registry.period");
  EXPECT_EQ(code_of(attest(health_worker(1, now(), now() + std::chrono::days(1096)))), "none");
}

TEST_P(Records, NothingIsAttestedAboutTheUnknownOrTheDead) {
  EXPECT_EQ(code_of(attest(health_worker(1, now(), now() + 24h))), "registry.person");
  Person person = aygun();
  person.death = Date(2026y / 11 / 1);
  ASSERT_TRUE(record(person));
  EXPECT_EQ(code_of(attest(health_worker(1, now(), now() + 24h))), "registry.deceased");
}

TEST_P(Records, OnlyTheIssuerRevokesAndOnce) {
  ASSERT_TRUE(record(aygun()));
  ASSERT_TRUE(attest(health_worker(7, now(), now() + 48h)));
  node.clock.advance(1h);
  const Instant revoked = now();
  EXPECT_EQ(code_of(revoke(AttestationId(8), "baku-city-hospital")), "registry.attestation");
  EXPECT_EQ(code_of(revoke(AttestationId(7), "tabib")), "registry.not_yours");
  EXPECT_EQ(revoke(AttestationId(7), "baku-city-hospital")->recorded, Recorded::changed);
  node.clock.advance(1h);
  const auto again = revoke(AttestationId(7), "baku-city-hospital");
  EXPECT_EQ(again->recorded, Recorded::unchanged);
  EXPECT_EQ(again->attestation.ended, revoked);
  EXPECT_EQ(all_about(aygun().id).attestations[0].ended, revoked);
}

// -- subscriptions

TEST_P(Records, ANumberPortedToAnotherOperatorEndsWithTheFirst) {
  ASSERT_TRUE(record(aygun()));
  const Instant start = now();
  ASSERT_TRUE(subscribe(mobile(aygun().id, "azercell", start)));
  ASSERT_TRUE(subscribe(mobile(aygun().id, "bakcell", start + 24h)));
  const auto holder = [&](std::string_view provider, Instant at) {
    return test::must(node.read([&](auto& session, auto& rows) {
      return find_holder(session, rows, SubscriptionKind::mobile, node.organisation(provider), "994501234567",
                         at);
    }));
  };
  EXPECT_EQ(holder("azercell", start), aygun().id);
  EXPECT_EQ(holder("azercell", start + 24h), std::nullopt);
  EXPECT_EQ(holder("bakcell", start + 24h), aygun().id);
  EXPECT_EQ(holder("nar", start + 24h), std::nullopt);
  const auto subscriptions = all_about(aygun().id).subscriptions;
  ASSERT_EQ(subscriptions.size(), 2u);
  EXPECT_EQ(std::get<SubscriptionEnded>(observer.changes[2]).subscription.valid.until, start + 24h);
}

TEST_P(Records, ANumberTakenOverByAnotherPersonEndsWithTheFirst) {
  Person other = aygun();
  other.national_id = "5ABC124";
  other.id = node.person_id("5ABC124");
  ASSERT_TRUE(record(aygun()));
  ASSERT_TRUE(record(other));
  const Instant start = now();
  ASSERT_TRUE(subscribe(mobile(aygun().id, "azercell", start)));
  ASSERT_TRUE(subscribe(mobile(other.id, "azercell", start + 24h)));
  EXPECT_EQ(all_about(aygun().id).subscriptions[0].valid, (Period{start, start + 24h}));
  EXPECT_EQ(all_about(other.id).subscriptions[0].valid, (Period{start + 24h, instant_max}));
  // The first row told again is history that is known; a new one that overlaps isn't possible.
  EXPECT_EQ(subscribe(mobile(aygun().id, "azercell", start))->recorded, Recorded::unchanged);
  EXPECT_EQ(code_of(subscribe(mobile(aygun().id, "azercell", start + 1h))), "registry.period");
  // What was before all that may still be told.
  EXPECT_EQ(subscribe(mobile(other.id, "nar", start - 48h, start - 24h))->recorded, Recorded::fresh);
}

TEST_P(Records, TheSameSubscriptionAgainChangesNothing) {
  ASSERT_TRUE(record(aygun()));
  ASSERT_TRUE(subscribe(mobile(aygun().id, "azercell", now())));
  const std::uint64_t entries = node.log->size();
  EXPECT_EQ(subscribe(mobile(aygun().id, "azercell", now()))->recorded, Recorded::unchanged);
  EXPECT_EQ(subscribe(mobile(aygun().id, "azercell", now() + 5h))->recorded, Recorded::unchanged);
  EXPECT_EQ(node.log->size(), entries);
}

TEST_P(Records, AccountsOfDifferentOperatorsAreDifferentThings) {
  ASSERT_TRUE(record(aygun()));
  for (const char* provider : {"aztelekom", "citynet"}) {
    ASSERT_TRUE(subscribe(
        {SubscriptionKind::fixed, node.organisation(provider), "A-1001", aygun().id, {now(), instant_max}}));
  }
  for (const Subscription& s : all_about(aygun().id).subscriptions) EXPECT_EQ(s.valid.until, instant_max);
}

TEST_P(Records, AnEndedSubscriptionIsNotLive) {
  ASSERT_TRUE(record(aygun()));
  const Instant start = now();
  ASSERT_TRUE(subscribe(mobile(aygun().id, "azercell", start)));
  const auto end = [&](Instant until) {
    return node.write([&](auto& session, auto& registry) {
      return end_subscription(session, registry, SubscriptionKind::mobile, node.organisation("azercell"),
                              "994501234567", until, "cli");
    });
  };
  EXPECT_EQ(code_of(end(start)), "registry.period");
  EXPECT_EQ(end(start + 24h)->recorded, Recorded::changed);
  node.clock.advance(25h);
  EXPECT_EQ(code_of(end(start + 26h)), "registry.subscription");
  EXPECT_EQ(all_about(aygun().id).subscriptions[0].valid.until, start + 24h);
  EXPECT_EQ(subscribe(mobile(aygun().id, "azercell", now()))->recorded, Recorded::fresh)
      << "the line came back";
}

TEST_P(Records, ANumberHasOneHolderAtATimeWhateverHappens) {
  std::vector<PersonId> people;
  for (const char* id : {"5ABC123", "5ABC124", "5ABC125"}) {
    Person person = aygun();
    person.national_id = id;
    person.id = node.person_id(id);
    ASSERT_TRUE(record(person));
    people.push_back(person.id);
  }
  const std::array operators{node.organisation("azercell"), node.organisation("bakcell"),
                             node.organisation("nar")};
  SeededRandom random(11);
  for (int history = 0; history < 12; ++history) {
    const std::string number = fmt::format("9945012345{:02}", history);
    for (int step = 0; step < 20; ++step) {
      node.clock.advance(std::chrono::hours(1 + random.below(5)));
      const OrganisationIndex provider = operators[random.below(3)];
      if (random.below(3) == 0) {
        (void)node.write([&](auto& session, auto& registry) {
          return end_subscription(session, registry, SubscriptionKind::mobile, provider, number,
                                  now() + std::chrono::hours(random.below(8)), "cli");
        });
      } else {
        (void)subscribe({SubscriptionKind::mobile,
                         provider,
                         number,
                         people[random.below(3)],
                         {now() - std::chrono::hours(random.below(6)), instant_max}});
      }
    }
    std::vector<Subscription> all;
    for (const PersonId person : people) {
      for (const Subscription& s : all_about(person).subscriptions) {
        if (s.number == number) all.push_back(s);
      }
    }
    ASSERT_FALSE(all.empty());
    std::ranges::sort(all, {}, [](const Subscription& s) { return s.valid.from; });
    for (std::size_t i = 1; i < all.size(); ++i) {
      EXPECT_LE(all[i - 1].valid.until, all[i].valid.from) << number << " row " << i;
    }
    const Subscription& last = all.back();
    for (const OrganisationIndex provider : operators) {
      const auto holder = test::must(node.read([&](auto& session, auto& rows) {
        return find_holder(session, rows, SubscriptionKind::mobile, provider, number, now());
      }));
      const bool live = provider == last.provider && last.valid.contains(now());
      EXPECT_EQ(holder, live ? std::optional(last.holder) : std::nullopt) << number;
    }
  }
}

TEST_P(Records, RefusesNumbersProvidersAndHoldersThatCannotBe) {
  const auto with = [&](auto change) {
    Subscription subscription = mobile(aygun().id, "azercell", now());
    change(subscription);
    return std::string(code_of(subscribe(subscription)));
  };
  EXPECT_EQ(with([](Subscription&) {}), "registry.person");
  ASSERT_TRUE(record(aygun()));
  EXPECT_EQ(with([](Subscription& s) { s.number = "0501234567"; }), "registry.number");
  EXPECT_EQ(with([](Subscription& s) { s.number = "99450123456x"; }), "registry.number");
  EXPECT_EQ(with([](Subscription& s) { s.kind = SubscriptionKind::tv; }), "registry.provider");
  EXPECT_EQ(with([&](Subscription& s) { s.provider = node.organisation("tabib"); }), "registry.provider");
  EXPECT_EQ(with([&](Subscription& s) { s.valid.until = s.valid.from; }), "registry.period");
}

// -- organisations, and what lies below

TEST_P(Records, OrganisationsAreKnownAfterTheirCommitAndAfterARestart) {
  const Organisation clinic{OrganisationCode("quba-hospital"),
                            {"Quba Xəstəxanası", "Guba Hospital", "Больница Губы"},
                            OrganisationKind::hospital,
                            {StatusCode("health_worker")}};
  const auto put = [&](const Organisation& organisation) {
    return node.write([&](auto& session, auto& registry) {
      return record_organisation(session, registry, organisation, "cli");
    });
  };
  const auto index = put(clinic);
  ASSERT_TRUE(index);
  EXPECT_EQ(node.organisations->find("quba-hospital"), *index);
  EXPECT_TRUE(node.organisations->may_issue(*index, node.status("health_worker")));
  EXPECT_FALSE(node.organisations->may_issue(*index, node.status("pupil")));

  Organisation changed = clinic;
  changed.issues.emplace_back("quarantined");
  EXPECT_EQ(*put(changed), *index);
  EXPECT_TRUE(node.organisations->may_issue(*index, node.status("quarantined")));

  changed.code = OrganisationCode("Bad Code");
  EXPECT_EQ(code_of(put(changed)), "registry.code");
  changed.code = OrganisationCode("other");
  changed.issues.emplace_back("wizard");
  EXPECT_EQ(code_of(put(changed)), "registry.status");

  const std::size_t count = node.organisations->size();
  node.restart();
  EXPECT_EQ(node.organisations->size(), count);
  EXPECT_EQ(node.organisations->find("quba-hospital"), *index);
  EXPECT_EQ(node.organisations->at(*index)->name.ru, "Больница Губы");
  EXPECT_TRUE(node.organisations->may_issue(*index, node.status("quarantined")));
}

TEST_P(Records, AFailedTransactionLeavesNoOrganisationBehind) {
  const auto result = node.write([&](auto& session, auto& registry) -> Result<void> {
    DAYAQ_TRY_OK(record_organisation(
        session, registry, {OrganisationCode("ghost"), {"a", "b", "c"}, OrganisationKind::agency, {}},
        "cli"));
    return fail(ErrorKind::conflict, "test.stop", "stop");
  });
  EXPECT_EQ(code_of(result), "test.stop");
  EXPECT_FALSE(node.organisations->find("ghost"));
}

TEST_P(Records, AnotherSecretIsRefused) {
  const auto check = [&](SipKey secret) {
    return node.db().write([&](store::Session& session) { return check_secret(session, secret); });
  };
  EXPECT_TRUE(check({1, 2}));
  EXPECT_TRUE(check({1, 2}));
  EXPECT_EQ(code_of(check({1, 3})), "registry.secret");
}

TEST_P(Records, StreamsGiveWhatStandsOrEndsLaterInKeyOrder) {
  std::vector<PersonId> ids;
  for (const char* id : {"5ABC123", "5ABC124", "5ABC125", "5ABC126"}) {
    Person person = aygun();
    person.national_id = id;
    person.id = node.person_id(id);
    ids.push_back(person.id);
    ASSERT_TRUE(record(person));
    AttestRequest request = health_worker(person.id.value(), now(), now() + 24h);
    request.person = person.id;
    ASSERT_TRUE(attest(request));
    ASSERT_TRUE(
        subscribe({SubscriptionKind::tv, node.organisation("katv1"), id, person.id, {now(), instant_max}}));
  }
  std::vector<PersonId> persons, attested, subscribed, later;
  const auto at = now();
  test::must(node.read([&](auto& session, auto& rows) -> Result<void> {
    DAYAQ_TRY_OK(rows.each_person_core(session, {}, [&](const PersonCore& p) { persons.push_back(p.id); }));
    DAYAQ_TRY_OK(
        rows.each_attestation(session, {}, at, [&](const Attestation& a) { attested.push_back(a.person); }));
    DAYAQ_TRY_OK(rows.each_attestation(session, {}, at + 24h,
                                       [&](const Attestation& a) { later.push_back(a.person); }));
    return rows.each_subscription(session, {}, at,
                                  [&](const SubscriptionView& s) { subscribed.push_back(s.holder); });
  }));
  std::ranges::sort(ids, {}, [](PersonId id) { return std::pair(bucket_of(id), id.value()); });
  EXPECT_EQ(persons, ids);
  EXPECT_EQ(attested, ids);
  EXPECT_EQ(subscribed, ids);
  EXPECT_TRUE(later.empty());
}

}  // namespace
}  // namespace dayaq::registry
