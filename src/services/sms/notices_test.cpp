// What people are told without having asked: once, in their language, to their own numbers, unless they want
// none.
#include "services/sms/notices.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "services/sms/sms_test_support.hpp"

namespace dayaq::services::sms {
namespace {

using test::month_file;
using test::must;
using test::SmsNode;
using namespace std::chrono_literals;

/// A calendar of one centre; the folder goes with it.
struct Centre {
  Centre(const registry::CountryPack& pack) {
    std::ofstream(folder / "centre.yaml") << R"(calendar: centre
name: {az: Mərkəz, en: Centre, ru: Центр}
address: {az: Bakı, en: Baku, ru: Баку}
organisation: digital-agency
slot_minutes: 15
together: 20
open: [{days: [mon, tue, wed, thu, fri, sat, sun], from: "09:00", until: "18:00"}]
)";
    calendars = must(booking::Calendars::load(folder.path(), pack));
  }
  dayaq::test::TemporaryFolder folder{"centre"};
  std::unique_ptr<booking::Calendars> calendars;
};

std::vector<store::Migration> tables() {
  std::vector<store::Migration> all;
  for (const auto room : {migrations(), notice_migrations(), booking::migrations()}) {
    all.insert(all.end(), room.begin(), room.end());
  }
  return all;
}

struct SmsNotices : testing::TestWithParam<store::Engine> {
  SmsNotices() { open(); }
  void open() {
    notices.emplace(
        NoticesContext{.db = node.cases.node.db(),
                       .master = *node.master,
                       .random = node.system_random,
                       .receiver = [this](store::Session&, PersonId person, Instant) -> Result<Receiver> {
                         const auto found = receivers.find(person.value());
                         return found == receivers.end() ? Receiver{} : found->second;
                       }},
        [this](std::vector<Outgoing> replies) {
          for (const Outgoing& one : replies) told.push_back(one);
          if (node.sender) node.sender->deliver(std::move(replies));
        });
    node.cases.node.db().add_hook(*notices);
    reminders.emplace(*notices, *node.cases.cases, *centre.calendars);
  }
  ~SmsNotices() override {
    if (node.sender) node.sender->stop();
    node.cases.node.registry.reset();
    node.cases.node.opened.database.reset();  // before the hook
  }
  int tell(PersonId person, const std::string& about, const char* text = "Salam") {
    return must(node.cases.write([&](store::Session& s) {
      return notices->tell(s, person, about, {.az = text, .en = "Hello", .ru = "Привет"},
                           node.cases.now() + 72h, node.cases.now());
    }));
  }
  void want(PersonId person, bool wanted) {
    must(node.cases.write(
        [&](store::Session& s) { return notices->set_wanted(s, person, wanted, node.cases.now()); }));
  }
  int remind() { return must(reminders->remind(node.cases.now(), 2)); }

  SmsNode node{GetParam(), tables()};
  Centre centre{node.cases.node.pack};
  std::map<std::uint64_t, Receiver> receivers;
  std::vector<Outgoing> told;
  std::optional<Notices> notices;
  std::optional<Reminders> reminders;
  PersonId aygun = node.cases.person("5ABC123"), rashad = node.cases.person("6DEF456");
};
INSTANTIATE_TEST_SUITE_P(Engines, SmsNotices, testing::ValuesIn(dayaq::test::engines),
                         [](auto& i) { return dayaq::test::name_of(i.param); });

TEST_P(SmsNotices, GoToAllNumbersOfAPersonOnceInTheirLanguage) {
  receivers[aygun.value()] = {.numbers = {"994501112233", "994551112233"}, .language = Language::ru};
  EXPECT_EQ(tell(aygun, "case|1|2"), 2);
  EXPECT_EQ(tell(aygun, "case|1|2"), 0) << "the same again";
  EXPECT_EQ(tell(aygun, "case|1|3"), 2) << "something else";
  ASSERT_EQ(told.size(), 4u);
  EXPECT_EQ(told[0].to, "994501112233");
  EXPECT_EQ(told[0].parts, (std::vector<std::string>{"Привет"}));
  EXPECT_EQ(tell(rashad, "case|1|2"), 0) << "no number is known as theirs";
}

TEST_P(SmsNotices, WhoeverWantsNoneGetsNone) {
  receivers[aygun.value()] = {.numbers = {"994501112233"}};
  want(aygun, false);
  want(aygun, false);
  EXPECT_EQ(tell(aygun, "case|1|2"), 0);
  want(aygun, true);
  EXPECT_EQ(tell(aygun, "case|1|2"), 1);
}

TEST_P(SmsNotices, AreNotSentWhenTheTransactionIsNotMade) {
  receivers[aygun.value()] = {.numbers = {"994501112233"}};
  const auto failed = node.cases.write([&](store::Session& s) -> Result<void> {
    DAYAQ_TRY_OK(notices->tell(s, aygun, "x", {.az = "Salam", .en = "Hello", .ru = "Привет"},
                               node.cases.now() + 1h, node.cases.now()));
    return fail(ErrorKind::conflict, "test.no", "No.");
  });
  EXPECT_FALSE(failed);
  EXPECT_TRUE(told.empty());
  EXPECT_EQ(node.count("SELECT COUNT(*) FROM sms_replies"), 0);
}

TEST_P(SmsNotices, WaitForAGatewayAndOutliveARestart) {
  receivers[aygun.value()] = {.numbers = {"994501112233"}};
  tell(aygun, "case|1|2");  // nobody sends yet: as after a crash
  EXPECT_EQ(node.count("SELECT COUNT(*) FROM sms_replies WHERE state = 0"), 1);
  EXPECT_EQ(node.count("SELECT COUNT(*) FROM sms_replies WHERE LENGTH(sealed) > 0"), 1);
  node.start_sender();
  ASSERT_TRUE(node.gateway.wait_until([&] { return node.gateway.sent.size() == 1; }));
  EXPECT_EQ(node.gateway.all()[0].to, "994501112233");
  EXPECT_EQ(node.gateway.all()[0].parts, (std::vector<std::string>{"Salam"}));
  EXPECT_FALSE(node.gateway.all()[0].doubled);
  for (int i = 0; i < 3000 && node.count("SELECT COUNT(*) FROM sms_replies") > 0; ++i) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(tell(aygun, "case|1|2"), 0) << "it was sent, which is remembered";
}

TEST_P(SmsNotices, OneWhoseSendingIsUnknownIsMarkedAsPossiblyDoubled) {
  receivers[aygun.value()] = {.numbers = {"994501112233"}};
  tell(aygun, "case|1|2");
  must(node.cases.write([](store::Session& s) { return s.exec("UPDATE sms_replies SET state = 1"); }));
  node.start_sender();  // what a crash while sending leaves
  ASSERT_TRUE(node.gateway.wait_until([&] { return !node.gateway.sent.empty(); }));
  EXPECT_TRUE(node.gateway.all()[0].doubled);
}

TEST_P(SmsNotices, ALongPermitThatEndsWithinADayIsSaidOnce) {
  node.cases.publish(month_file);
  const auto apply = [&](PersonId person, std::uint64_t id) {
    receivers[person.value()] = {.numbers = {"99450" + std::to_string(1000000 + id)},
                                 .language = Language::en};
    return must(node.cases.submit({.id = CaseId(id),
                                   .person = person,
                                   .service = ServiceCode("month"),
                                   .channel = Channel::web,
                                   .answers = {{"why", "x"}},
                                   .actor = "self"}));
  };
  const Receipt mine = apply(aygun, 1);
  apply(rashad, 2);
  for (std::uint64_t i = 3; i <= 7; ++i) apply(node.cases.person("7AAA00" + std::to_string(i)), i);
  must(node.cases.submit(
      services::test::CasesNode::pass(node.cases.person("7BBB001"), 90)));  // three hours: no word
  EXPECT_EQ(remind(), 0);
  node.cases.node.clock.advance(29 * 24h + 1h);
  EXPECT_EQ(remind(), 7);
  EXPECT_EQ(remind(), 0);
  reminders.emplace(*notices, *node.cases.cases, *centre.calendars);  // as after a restart
  EXPECT_EQ(remind(), 0);
  ASSERT_EQ(told.size(), 7u);
  const auto to_me = std::ranges::find(told, std::string("994501000001"), &Outgoing::to);
  ASSERT_NE(to_me, told.end());
  EXPECT_EQ(to_me->until, mine.permit->valid.until);
  EXPECT_EQ(to_me->parts[0],
            "Your permit ends 21.12 12:00 (" + case_number(CaseId(1)) + "). To go on, apply again.");
}

TEST_P(SmsNotices, AnAppointmentIsRememberedTheEveningBefore) {
  const booking::Calendar& calendar = *centre.calendars->find("centre");
  receivers[aygun.value()] = {.numbers = {"994501112233"}, .language = Language::en};
  receivers[rashad.value()] = {.numbers = {"994502223344"}};
  const Instant at{std::chrono::sys_days{std::chrono::year(2026) / 11 / 22} + 6h};  // 10:00 in Baku
  const auto book = [&](PersonId person, std::uint64_t id, Instant when) {
    must(node.cases.write([&](store::Session& s) {
      return centre.calendars->book(s, calendar, when, person, id, node.cases.now());
    }));
  };
  book(aygun, 1, at);
  book(rashad, 2, at);
  book(rashad, 3, at + 24h);
  must(node.cases.write(
      [&](store::Session& s) { return centre.calendars->cancel(s, rashad, 2, node.cases.now()); }));
  EXPECT_EQ(remind(), 0) << "it is noon";
  node.cases.node.clock.advance(6h + 1min);
  EXPECT_EQ(remind(), 1);
  EXPECT_EQ(remind(), 0);
  reminders.emplace(*notices, *node.cases.cases, *centre.calendars);
  EXPECT_EQ(remind(), 0);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].to, "994501112233");
  const auto kept = [&] {
    return must(node.cases.read([](store::Session& s) {
      return s.one("SELECT COUNT(*) FROM sms_notices", {},
                   [](const store::Row& row) { return row.integer(0); });
    }));
  };
  const auto forget = [&](Instant before) {
    const std::int64_t bucket = must(node.cases.read([](store::Session& s) {
                                  return s.one("SELECT bucket FROM sms_notices", {},
                                               [](const store::Row& row) { return row.integer(0); });
                                })).value();
    must(node.cases.write([&](store::Session& s) { return notices->sweep(s, bucket, before); }));
  };
  forget(node.cases.now() - 1h);
  EXPECT_EQ(kept(), 1);
  forget(node.cases.now() + 1h);
  EXPECT_EQ(kept(), 0);
  EXPECT_EQ(told[0].parts[0],
            "Tomorrow 10:00 you have an appointment: Centre. If you can't come, give it up on "
            "your page (" +
                case_number(CaseId(1)) + ").");
}

}  // namespace
}  // namespace dayaq::services::sms
