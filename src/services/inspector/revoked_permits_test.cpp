// From a case that is ended to what an inspector is told.
#include "services/inspector/revoked_permits.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "services/cases/bulk.hpp"
#include "services/cases/cases_test_support.hpp"
#include "services/inspector/inspector.hpp"

namespace dayaq::services::inspector {
namespace {

using namespace services::test;

const std::string staff_file = std::string(head) + R"(code: staff
who: {age: {from: 15}}
who_text: {az: 15 yaşdan, en: From 15, ru: С 15 лет}
channels: [bulk]
promised: 1 h
ends_with: special-quarantine
for_employees: true
form:
  - field: job
    kind: choice
    title: {az: Vəzifə}
    choices: [{code: shop, title: {az: Mağaza}}]
steps:
  - {step: permit, kind: issue, permit: staff, ends: [{until: regime, lasts: 30 days}]}
)";

struct Revoked : testing::TestWithParam<store::Engine> {
  CasesNode node{GetParam()};
  RevokedPermits source{*node.cases};
  ListKeeper keeper{node.issuer, [this](Instant now) { return source.read(now); }};
  std::uint64_t number = 0;

  PersonId person(int i) {
    std::string id = "0000000";
    for (std::size_t at = id.size(); i > 0; i /= 10) id[--at] = char('0' + i % 10);
    id[0] = 'A';
    return node.person(id);
  }
  Receipt pass(PersonId of) { return must(node.submit(CasesNode::pass(of, ++number))); }
  void revoke(const Permit& permit) {
    must(node.write([&](store::Session& s) {
      return node.cases->revoke_permit(s, permit.person, permit.id, words_of("Səbəb"), official, node.now());
    }));
  }
  Instant first_unrevoked() {
    return must(
        node.read([&](store::Session& s) { return node.cases->first_unrevoked(s, "leaving", node.now()); }));
  }
  /// What a device that fetches the list now tells of it; the list as it travels.
  permit::List fetched() {
    const auto made = must(keeper.current(node.now()));
    return must(permit::parse_list(as_bytes(made->bytes), {}));
  }
  Finding found(const Permit& permit, const permit::List& list) {
    return inspect(permit::qr_text(as_bytes(permit.token)), list, node.node.pack.zone(), node.now()).finding;
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Revoked, testing::ValuesIn(dayaq::test::engines),
                         [](auto& i) { return dayaq::test::name_of(i.param); });

TEST_P(Revoked, AnOfficialsRevocationReachesTheInspectorWithTheNextList) {
  const Permit taken = pass(person(1)).permit.value(), kept = pass(person(2)).permit.value();
  const permit::List older = fetched();
  EXPECT_EQ(found(taken, older), Finding::valid);
  revoke(taken);
  node.node.clock.advance(10s);
  const permit::List list = fetched();
  EXPECT_EQ(found(taken, list), Finding::revoked);
  EXPECT_EQ(found(kept, list), Finding::valid);
  EXPECT_EQ(found(taken, older), Finding::valid) << "a device that stays offline can't know";
  EXPECT_GT(list.made, older.made);
  ASSERT_NE(list.kind(1), nullptr);
  EXPECT_EQ(list.kind(1)->name.in(Language::az), "Sınaq");
  node.node.clock.advance(3h);
  EXPECT_TRUE(fetched().revoked.empty()) << "it has ended: the list needn't name it";
}

TEST_P(Revoked, ACaseThatIsEndedTakesItsPermitAlong) {
  const Receipt granted = pass(person(1));
  const Case refused = must(node.submit(CasesNode::pass(person(2), ++number, "stay"))).stands;
  EXPECT_EQ(refused.state, CaseState::refused);
  node.facts.regime_over = node.now();
  must(node.write([&](store::Session& s) { return node.cases->end_with_regimes(s, node.now(), 100); }));
  EXPECT_EQ(found(*granted.permit, fetched()), Finding::revoked);
  EXPECT_EQ(node.events(granted.stands).back(), "permit_revoked");
}

TEST_P(Revoked, TheFirstThatIsLeftIsTheEarliestLiveOne) {
  EXPECT_EQ(first_unrevoked(), instant_max);
  const Permit first = pass(person(1)).permit.value();
  node.node.clock.advance(1h);
  const Permit second = pass(person(2)).permit.value();
  EXPECT_EQ(first_unrevoked(), first.valid.from);
  revoke(first);
  EXPECT_EQ(first_unrevoked(), second.valid.from);
  node.node.clock.advance(3h);
  EXPECT_EQ(first_unrevoked(), instant_max);
  EXPECT_EQ(must(node.read(
                [&](store::Session& s) { return node.cases->first_unrevoked(s, "nothing", node.now()); })),
            instant_max);
}

TEST_P(Revoked, ManyOfAKindAtOnceAreOneMoment) {
  std::vector<Permit> permits;
  for (int i = 1; i <= 70; ++i) permits.push_back(pass(person(i)).permit.value());
  node.node.clock.advance(10min);
  const Permit later = pass(person(100)).permit.value();
  for (const Permit& one : permits) revoke(one);
  permit::List list = fetched();
  EXPECT_TRUE(list.revoked.empty());
  EXPECT_EQ(list.kind(1)->void_before, later.valid.from - 5min);
  for (const Permit& one : permits) ASSERT_EQ(found(one, list), Finding::revoked);
  EXPECT_EQ(found(later, list), Finding::valid);
  // The bound stays; one that is revoked later is listed beside it.
  node.node.clock.advance(10min);
  revoke(later);
  list = fetched();
  EXPECT_EQ(list.revoked, (std::vector<std::uint64_t>{later.id.value()}));
  EXPECT_EQ(found(permits.front(), list), Finding::revoked);
  EXPECT_EQ(found(pass(person(101)).permit.value(), list), Finding::valid);
}

TEST_P(Revoked, OneLeftFromBeforeKeepsTheOthersListedOneByOne) {
  const Permit survivor = pass(person(1)).permit.value();
  std::vector<Permit> permits;
  for (int i = 2; i <= 70; ++i) permits.push_back(pass(person(i)).permit.value());
  node.node.clock.advance(10min);
  for (const Permit& one : permits) revoke(one);
  const permit::List list = fetched();
  EXPECT_EQ(list.revoked.size(), permits.size());
  EXPECT_EQ(found(survivor, list), Finding::valid);
}

/// Employees' permits: two employers' lists, a regime that changes, and what an inspector with the next list
/// is told.
TEST_P(Revoked, EmployeesPermitsEndWhenTheRegimeChangesAndAreValidAgainWhenTheEmployerRenewsThem) {
  node.publish(staff_file);
  const Permit resident = pass(person(900)).permit.value();  // of another service: stays as it is
  const auto list_of = [&](std::uint64_t id, const char* organisation) {
    return EmployeeList{.id = ListId(id),
                        .organisation = OrganisationCode(organisation),
                        .service = ServiceCode("staff"),
                        .actor = "org:software-park/official:1",
                        .made = node.now(),
                        .state = services::ListState::reading,
                        .renews = {},
                        .renewed_by = {},
                        .name = "list.csv"};
  };
  const EmployeeList mine = list_of(11, "software-park"), theirs = list_of(12, "azercell");
  const ServiceHandle staff = node.book->published()->find("staff");
  int next = 1;
  for (const EmployeeList* list : {&mine, &theirs}) {
    std::string text = "national_id,job\n";
    for (int i = 0; i < 70; ++i, ++next) {
      person(next);
      text += fmt::format("A{:06},shop\n", next);
    }
    auto rows = must(read_employees(text, staff->service, node.node.pack));
    must(node.read([&](store::Session& s) {
      return judge_rows(s, *node.cases, *node.node.registry, staff->service, rows, node.now());
    }));
    must(record_list(node.node.db(), *list, rows));
    must(node.write(
        [&](store::Session& s) { return submit_list(s, *node.node.log, *list, list->actor, node.now()); }));
  }
  const auto work = [&] { return must(work_lists(node.node.db(), *node.cases, node.node.clock, 10'000)); };
  EXPECT_EQ(work(), 140);
  const auto permits_of = [&](ListId id) {
    std::vector<Permit> out;
    for (const ListedRow& row :
         must(node.read([&](store::Session& s) { return list_rows(s, id, {.limit = 500}, node.now()); }))) {
      out.push_back(row.permit.value());
    }
    return out;
  };
  const std::vector<Permit> old_mine = permits_of(mine.id), old_theirs = permits_of(theirs.id);
  ASSERT_EQ(old_mine.size(), 70u);
  for (const Permit& one : old_mine) ASSERT_EQ(found(one, fetched()), Finding::valid);

  node.node.clock.advance(10min);
  node.facts.version = 2;  // the regime's next version is in force
  int ended = 0;
  while (const int done = must(node.write(
             [&](store::Session& s) { return node.cases->end_with_regimes(s, node.now(), 50); }))) {
    ended += done;
  }
  EXPECT_EQ(ended, 140);
  node.node.clock.advance(10s);
  permit::List list = fetched();
  for (const Permit& one : old_mine) ASSERT_EQ(found(one, list), Finding::revoked);
  for (const Permit& one : old_theirs) ASSERT_EQ(found(one, list), Finding::revoked);
  EXPECT_EQ(found(resident, list), Finding::valid);
  EXPECT_TRUE(list.revoked.empty()) << "all of a kind at once are one moment, not 140 numbers";

  node.node.clock.advance(10min);
  const EmployeeList renewed = must(node.write([&](store::Session& s) {
    return renew_list(s, *node.node.log, mine, ListId(21), mine.actor, node.now());
  }));
  EXPECT_EQ(work(), 70);
  list = fetched();
  const std::vector<Permit> fresh = permits_of(renewed.id);
  ASSERT_EQ(fresh.size(), 70u);
  for (const Permit& one : fresh) ASSERT_EQ(found(one, list), Finding::valid);
  for (const Permit& one : old_mine) ASSERT_EQ(found(one, list), Finding::revoked);
  for (const Permit& one : old_theirs) ASSERT_EQ(found(one, list), Finding::revoked) << "nobody renewed them";
  EXPECT_EQ(
      must(node.write([&](store::Session& s) { return node.cases->end_with_regimes(s, node.now(), 500); })),
      0);
}

TEST_P(Revoked, KeysOfThePastAndOfTheFutureAreCarriedUnder200KB) {
  // The largest list that is reckoned with (docs/permits.md): 20,000 revoked, and all 64 keys.
  ListState state;
  SeededRandom random{5};
  for (int i = 0; i < 20'000; ++i) {
    state.revoked.push_back({.id = random.next_id() >> 1, .kind = 1, .from = node.now()});
  }
  for (int i = 0; i < 63; ++i) {
    const auto raw = crypto::SigningKey::generate(random).public_key();
    state.keys.emplace_back(raw.begin(), raw.end());
  }
  const crypto::SigningKey leaked = crypto::SigningKey::generate(random);
  const auto key = must(crypto::CoseKey::from_ed25519(leaked.public_key()));
  state.withdrawn.push_back(permit::key_id_of(key));
  ListKeeper full(node.issuer, [&](Instant) -> Result<ListState> { return state; });
  const auto made = must(full.current(node.now()));
  EXPECT_LT(made->bytes.size(), 200'000u);
  const permit::List list = must(permit::parse_list(as_bytes(made->bytes), {}));
  EXPECT_EQ(list.keys.all().size(), 64u);
  permit::Issuer forger(must(crypto::CoseSigner::from_pem(leaked.to_pem())));
  const Bytes forged = forger.issue(
      {.subject = "5ABC123", .id = 1, .valid = {node.now(), node.now() + 1h}, .kind = 1, .detail = ""});
  EXPECT_EQ(inspect(permit::qr_text(forged), list, node.node.pack.zone(), node.now()).finding,
            Finding::withdrawn);
}

}  // namespace
}  // namespace dayaq::services::inspector
