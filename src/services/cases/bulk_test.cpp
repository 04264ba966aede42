#include "services/cases/bulk.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/cases/cases_test_support.hpp"

namespace dayaq::services {
namespace {

using namespace test;

const std::string staff_file = std::string(head) + R"(code: staff
who: {age: {from: 15}}
who_text: {az: 15 yaşdan, en: From 15, ru: С 15 лет}
channels: [bulk]
promised: 1 h
limits: [{at_most: 3, per: day}]
ends_with: special-quarantine
for_employees: true
form:
  - field: job
    kind: choice
    title: {az: Vəzifə}
    choices:
      - {code: shop, title: {az: Mağaza}}
      - {code: stay, title: {az: Evdə}}
steps:
  - step: check
    kind: decide
    verdicts:
      - {when: {answer: {job: stay}}, outcome: refuse, reason: {az: Xəstədir, en: Is ill, ru: Болен}}
  - {step: permit, kind: issue, permit: staff, ends: [{until: regime, lasts: 30 days}]}
appeal: {within: 3 days}
)";

struct Employers : testing::TestWithParam<store::Engine> {
  Employers() { node.publish(staff_file); }

  std::vector<std::string> persons(int count) {
    std::vector<std::string> out;
    for (int i = 0; i < count; ++i) {
      out.push_back(fmt::format("5AB{:04}", i));
      node.person(out.back());
    }
    return out;
  }
  EmployeeList list(std::uint64_t id) {
    return {.id = ListId(id),
            .organisation = OrganisationCode("software-park"),
            .service = ServiceCode("staff"),
            .actor = "org:software-park/official:1",
            .made = node.now(),
            .state = ListState::reading,
            .renews = {},
            .renewed_by = {},
            .name = "list.csv"};
  }
  const Service& service() { return (held = node.book->published()->find("staff"))->service; }
  std::vector<EmployeeRow> judged(const std::string& text) {
    auto rows = must(read_employees(text, service(), node.node.pack));
    must(node.node.registry ? node.read([&](store::Session& s) {
      return judge_rows(s, *node.cases, *node.node.registry, service(), rows, node.now());
    })
                            : Result<void>{});
    return rows;
  }
  void send(const EmployeeList& of) {
    must(node.write(
        [&](store::Session& s) { return submit_list(s, *node.node.log, of, of.actor, node.now()); }));
  }
  int work(int rows = 10'000) { return must(work_lists(node.node.db(), *node.cases, node.node.clock, rows)); }
  ListCounts counts(const EmployeeList& of) {
    return must(node.read([&](store::Session& s) { return list_counts(s, of.id, node.now()); }));
  }
  EmployeeList stored(const EmployeeList& of) {
    return must(node.read([&](store::Session& s) { return find_list(s, of.organisation, of.id); })).value();
  }
  std::vector<ListedRow> rows(const EmployeeList& of, RowFilter filter) {
    return must(node.read([&](store::Session& s) { return list_rows(s, of.id, filter, node.now()); }));
  }
  Result<EmployeeList> renew(const EmployeeList& of, std::uint64_t id) {
    return node.write([&](store::Session& s) {
      return renew_list(s, *node.node.log, of, ListId(id), of.actor, node.now());
    });
  }
  static std::string csv(const std::vector<std::string>& of, const std::string& job = "shop") {
    std::string text = "national_id,job\n";
    for (const std::string& id : of) text += fmt::format("{},{}\n", id, job);
    return text;
  }

  CasesNode node{GetParam()};
  ServiceHandle held;
};
INSTANTIATE_TEST_SUITE_P(Engines, Employers, testing::ValuesIn(dayaq::test::engines),
                         [](auto& i) { return dayaq::test::name_of(i.param); });

TEST_P(Employers, SendAListAndEachRowIsACaseOrAFault) {
  auto all = persons(4);
  node.person("6ABC123", Date(std::chrono::year(2018) / 1 / 1));  // a child
  std::string text = csv({all[0], all[1]});
  text += "6ABC123,shop\n7ZZZ999,shop\n" + all[2] + ",nothing\n" + all[3] + ",stay\n" + all[0] + ",shop\n";
  const EmployeeList one = list(11);
  must(record_list(node.node.db(), one, judged(text)));
  ListCounts stands = counts(one);
  EXPECT_EQ(stands.rows, 7);
  EXPECT_EQ(stands.ready, 3);
  EXPECT_EQ(stands.faulty, 4);
  EXPECT_EQ(stored(one).state, ListState::checked);
  EXPECT_EQ(work(), 0);  // nothing happens before it is sent
  send(one);
  send(one);
  EXPECT_EQ(work(), 3);
  stands = counts(one);
  EXPECT_EQ(stands.submitted, 2);
  EXPECT_EQ(stands.refused, 1);
  EXPECT_EQ(stands.live, 2);
  EXPECT_EQ(stored(one).state, ListState::done);
  const auto refused = rows(one, {.state = RowState::refused});
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].row.fault, RowFault::not_given);  // the same words whatever the reason
  std::vector<std::string> told;
  for (const ListedRow& row : rows(one, {.state = RowState::faulty})) {
    told.push_back(fmt::format("{}:{}:{}", row.row.line, to_string(row.row.fault), row.row.field));
  }
  EXPECT_THAT(told, testing::ElementsAre("4:not_given:", "5:unknown:", "6:answer:job", "8:duplicate:"));
  const auto live = rows(one, {.live_only = true});
  ASSERT_EQ(live.size(), 2u);
  ASSERT_TRUE(live[0].permit);
  EXPECT_FALSE(live[0].permit->token.empty());
  const auto found = must(node.read([&](store::Session& s) { return node.cases->find(s, live[0].case_id); }));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->channel, Channel::bulk);
}

TEST_P(Employers, WorkedAtInPiecesAndAgainAfterARestartMakeNoSecondCase) {
  const auto all = persons(250);
  const EmployeeList one = list(12);
  must(record_list(node.node.db(), one, judged(csv(all))));
  must(record_list(node.node.db(), one, judged(csv(all))));  // sent twice by an impatient hand
  EXPECT_EQ(counts(one).rows, 250);
  send(one);
  EXPECT_EQ(work(1), 100);
  EXPECT_EQ(stored(one).state, ListState::running);
  node.restart();
  EXPECT_EQ(work(), 150);
  EXPECT_EQ(counts(one).live, 250);
  EXPECT_EQ(work(), 0);
  std::int64_t cases = 0;
  must(node.read([&](store::Session& s) {
    return s.query("SELECT COUNT(*) FROM cases", {}, [&](const store::Row& row) -> Result<bool> {
      cases = row.integer(0);
      return false;
    });
  }));
  EXPECT_EQ(cases, 250);
  EXPECT_EQ(listed_case(ListId(12), PersonId(7)), listed_case(ListId(12), PersonId(7)));
  EXPECT_NE(listed_case(ListId(12), PersonId(7)), listed_case(ListId(13), PersonId(7)));
}

TEST_P(Employers, RenewWhatEndedWithTheRegimeWithOneButton) {
  const auto all = persons(3);
  const EmployeeList one = list(13);
  must(record_list(node.node.db(), one, judged(csv(all))));
  EXPECT_EQ(code_of(renew(one, 21)), "employees.state");
  send(one);
  work();
  EXPECT_EQ(code_of(renew(one, 21)), "employees.live");
  must(node.write([&](store::Session& s) {
    return end_employee(s, *node.cases, one, 2, words_of("left"), one.actor, node.now());
  }));
  EXPECT_EQ(counts(one).left, 1);
  EXPECT_EQ(counts(one).live, 2);

  node.facts.version = 2;  // the regime was amended
  node.node.clock.advance(1min);
  EXPECT_EQ(
      must(node.write([&](store::Session& s) { return node.cases->end_with_regimes(s, node.now(), 100); })),
      2);
  EXPECT_EQ(counts(one).live, 0);
  EXPECT_EQ(counts(one).ended, 2);
  EXPECT_EQ(rows(one, {.ended_only = true}).size(), 3u);  // who left is among those that ended
  const EmployeeList fresh = must(renew(one, 21));
  EXPECT_EQ(must(renew(one, 21)).id, fresh.id);
  EXPECT_EQ(code_of(renew(one, 22)), "employees.renewed");
  EXPECT_EQ(work(), 2);
  EXPECT_EQ(counts(fresh).live, 2);  // who left isn't renewed
  EXPECT_EQ(stored(one).renewed_by, fresh.id);
  EXPECT_EQ(
      must(node.write([&](store::Session& s) { return node.cases->end_with_regimes(s, node.now(), 100); })),
      0);
}

TEST_P(Employers, AListIsItsOwnOrganisations) {
  const auto all = persons(1);
  const EmployeeList one = list(14);
  must(record_list(node.node.db(), one, judged(csv(all))));
  const OrganisationCode other("azercell");
  EXPECT_FALSE(must(node.read([&](store::Session& s) { return find_list(s, other, one.id); })));
  EmployeeList stolen = one;
  stolen.organisation = other;
  EXPECT_EQ(code_of(record_list(node.node.db(), stolen, judged(csv(all)))), "employees.list");
  EXPECT_EQ(code_of(node.write(
                [&](store::Session& s) { return submit_list(s, *node.node.log, stolen, "x", node.now()); })),
            "employees.state");
  must(node.write([&](store::Session& s) { return drop_list(s, one); }));
  EXPECT_TRUE(must(node.read([&](store::Session& s) { return lists_of(s, one.organisation, 9); })).empty());
  EXPECT_EQ(code_of(node.write([&](store::Session& s) {
              return submit_list(s, *node.node.log, one, one.actor, node.now());
            })),
            "employees.state");
}

TEST_P(Employers, AClosedServiceAndTheLimitAreFaultsOfTheRowsNotOfTheList) {
  const auto all = persons(1);
  for (const std::uint64_t id : {31u, 32u, 33u, 34u}) {
    const EmployeeList one = list(id);
    must(record_list(node.node.db(), one, judged(csv(all))));
    send(one);
  }
  EXPECT_EQ(work(), 4);
  EXPECT_EQ(rows(list(34), {.state = RowState::refused}).at(0).row.fault, RowFault::limit);
  node.facts.regime_over = node.now();
  const EmployeeList last = list(35);
  must(record_list(node.node.db(), last, judged(csv(all))));
  send(last);
  work();
  EXPECT_EQ(rows(last, {.state = RowState::refused}).at(0).row.fault, RowFault::closed);
}

}  // namespace
}  // namespace dayaq::services
