#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "portal/portal_test_support.hpp"

namespace dayaq::portal {
namespace {

using regime::BenefitKind;
using regime::Unit;
using test::World;
using testing::HasSubstr;
using testing::Not;

constexpr Date november = std::chrono::year(2026) / 11 / 1;
constexpr Date october = std::chrono::year(2026) / 10 / 1;

struct FakeSettlements final : Settlements {
  SettledMonth answer;
  std::optional<Date> asked;
  Result<SettledMonth> month(std::optional<Date> first_day) override {
    asked = first_day;
    SettledMonth out = answer;
    if (first_day) out.shown = *first_day;
    return out;
  }
  std::vector<UseAMinute> just_now;
  std::vector<UseAMinute> now(const RegimeCode&) override { return just_now; }
};

/// The portal with two operators that have delivered, and two measures.
struct Settled : testing::Test {
  World world;
  FakeSettlements settlements;
  std::unique_ptr<Portal> portal;
  http::Router router;

  Settled() {
    settlements.answer.months = {november, october};
    settlements.answer.shown = november;
    SettledOperator azercell{.name = {"Azercell", "Azercell", "Azercell"},
                             .uses = {{BenefitKind::voice, Unit::seconds, 5'400'000},
                                      {BenefitKind::data, Unit::octets, 2'300'000'000'000}},
                             .pay = {.owed_qepik = 270'005, .by_use = true},
                             .last = world.clock.now()};
    SettledOperator katv{
        .name = {"KATV1", "KATV1", "KATV1"},
        .uses = {{BenefitKind::tv, Unit::seconds, -3600}, {BenefitKind::data, Unit::octets, 5'000'000}},
        .pay = {.free = true, .by_month = true}};
    settlements.answer.operators = {azercell, katv};
    settlements.answer.measures = {{.title = {"Zənglər <b>", "Calls <b>", "Звонки <b>"},
                                    .regime = "special-quarantine",
                                    .uses = azercell.uses,
                                    .pay = azercell.pay},
                                   {.title = {}, .regime = "", .uses = katv.uses, .pay = {.unknown = true}}};
    auto made = Portal::create({std::filesystem::path(DAYAQ_SOURCE_DIR) / "web", "0.1.0", true},
                               test::Country::az().words, test::Country::az().drafts,
                               {.regimes = world.book,
                                .previews = world.previews,
                                .audit = world.leaves,
                                .figures = world.figures,
                                .clock = world.clock,
                                .settlements = &settlements});
    if (!made) throw std::runtime_error(made.error().public_text);
    portal = std::move(*made);
    portal->add_routes(router);
  }
  http::Response get(Language language, const std::string& query = "",
                     const std::string& path = "/settlements") {
    const http::Router::Match match = router.match(http::Method::get, path);
    http::Response answer;
    auto request = std::make_shared<http::Request>();
    request->path = path;
    request->parameters = match.parameters;
    request->query = query;
    request->language = language;
    (*match.handler)(request,
                     http::Responder([&](http::Response response) { answer = std::move(response); }));
    return answer;
  }
};

TEST_F(Settled, ShowsAmountsInPeoplesWordsAndMoney) {
  const std::string page = get(Language::en).body;
  EXPECT_THAT(page, HasSubstr("<h1>Settlements</h1>"));
  EXPECT_THAT(page, HasSubstr("November 2026"));
  EXPECT_THAT(page, HasSubstr("October 2026"));
  EXPECT_THAT(page, HasSubstr("Azercell"));
  EXPECT_THAT(page, HasSubstr("₼2\u202F700.05<svg"));
  EXPECT_THAT(page, HasSubstr("2.3 TB"));
  EXPECT_THAT(page, HasSubstr("1\u202F500 h"));
  EXPECT_THAT(page, HasSubstr("paid by the month · free of charge"));
  EXPECT_THAT(page, HasSubstr("\u221260 minutes"));
  EXPECT_THAT(page, HasSubstr("A measure of no regime"));
  EXPECT_THAT(page, HasSubstr("<rect width=\"100.0%\""));
  EXPECT_THAT(page, HasSubstr("<rect width=\"0.0%\""));
  EXPECT_THAT(page, HasSubstr("Calls &lt;b&gt;"));
  EXPECT_FALSE(settlements.asked);
}

TEST_F(Settled, ShowsTheMonthAskedForAndKeepsItWhenTheLanguageChanges) {
  const std::string page = get(Language::ru, "month=2026-10").body;
  EXPECT_EQ(settlements.asked, october);
  EXPECT_THAT(page, HasSubstr("Октябрь 2026"));
  EXPECT_THAT(page, HasSubstr("href=\"/settlements?month=2026-10&amp;lang=az\""));
  for (const char* wrong : {"month=2025-10", "month=2026", "month=2026-10-01", "month=%3Cscript%3E"}) {
    EXPECT_EQ(get(Language::en, wrong).status, 404) << wrong;
  }
}

TEST_F(Settled, SaysSoWhereNothingIs) {
  settlements.answer = {};
  for (const Language language : languages) {
    const auto empty = get(language);
    EXPECT_EQ(empty.status, 200);
    EXPECT_THAT(empty.body, Not(HasSubstr("<table")));
    EXPECT_THAT(empty.body, Not(HasSubstr("{{")));
  }
  EXPECT_THAT(world.get("/settlements", Language::en).body, HasSubstr("Nothing has been settled yet."))
      << "a portal without settlements";
}

TEST_F(Settled, ARegimesPageShowsWhatIsUsedRightNowAndNothingWhereNothingIs) {
  const std::string path = "/regimes/special-quarantine";
  EXPECT_THAT(get(Language::en, "", path).body, Not(HasSubstr("right now")));
  settlements.just_now = {{BenefitKind::voice, 7200}, {BenefitKind::data, 5.4e9}, {BenefitKind::tv, 20}};
  const std::string page = get(Language::en, "", path).body;
  EXPECT_THAT(page, HasSubstr("Being used right now"));
  EXPECT_THAT(page, HasSubstr("<dt>Calls, minutes a minute</dt><dd>120</dd>"));
  EXPECT_THAT(page, HasSubstr("<dt>Internet, MB a minute</dt><dd>5\u202F400</dd>"));
  EXPECT_THAT(page, HasSubstr("<dt>TV, minutes a minute</dt><dd>1</dd>"));
  EXPECT_THAT(page, Not(HasSubstr("SMS a minute")));
}

}  // namespace
}  // namespace dayaq::portal
