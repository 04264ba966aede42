#include "settlement/reconcile.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "settlement/settlement_test_support.hpp"

namespace dayaq::settlement {
namespace {

using feed::Benefit;
using test::date;
using test::measure_number;

Records parsed(const std::string& csv, Names names = Names::measures) {
  auto records = parse_records(csv, *test::quarantine_law(), names);
  if (!records) ADD_FAILURE() << records.error()[0].code << " " << records.error()[0].public_text;
  return records ? *records : Records{};
}
/// "line code" of each finding.
std::vector<std::string> findings(const std::string& csv, Names names = Names::measures) {
  std::vector<std::string> out;
  const auto records = parse_records(csv, *test::quarantine_law(), names);
  if (records) return out;
  for (const Error& error : records.error()) out.push_back(fmt::format("{} {}", error.line, error.code));
  return out;
}

constexpr const char* header = "day,measure,benefit,traffic_class,units\n";

ReportLine line(std::string_view code, std::uint8_t benefit, Benefit kind, std::string traffic, Date day,
                std::int64_t units) {
  return {.sum = {.name = {.operator_code = "azercell",
                           .measure = measure_number(code),
                           .benefit = benefit,
                           .kind = kind,
                           .traffic_class = std::move(traffic)},
                  .month = month_of(day),
                  .day = day,
                  .units = units}};
}
Report settled() {
  return {.law = test::quarantine_law(),
          .lines = {line("health-workers-calls", 0, Benefit::voice, "", date(2026, 11, 21), 600),
                    line("learning-resources", 0, Benefit::data, "education", date(2026, 11, 21), 5'000'000),
                    line("health-workers-calls", 0, Benefit::voice, "", date(2026, 11, 22), 60)}};
}

TEST(Records, AreReadByColumnAndAddedUp) {
  const std::string csv =
      "units,day,traffic_class,benefit,measure\n"
      "100,2026-11-21,,voice,special-quarantine/health-workers-calls\n" +
      fmt::format("-40,2026-11-21,,voice,{}\n", measure_number("health-workers-calls")) +
      "7,2026-11-21,education,data,special-quarantine/learning-resources\n";
  const Records records = parsed(csv);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records.at({.day = date(2026, 11, 21), .measure = "special-quarantine/health-workers-calls"}),
            60);
}

TEST(Records, AreRefusedWithAllThatIsWrong) {
  EXPECT_EQ(findings(std::string(header) + "21.11.2026,1,voice,,5\n"
                                           "2026-11-21,99,voice,,5\n"
                                           "2026-11-21,special-quarantine/nothing,voice,,5\n"
                                           "2026-11-21,1,calls,,5\n"
                                           "2026-11-21,1,data,Not A Code,5\n"
                                           "2026-11-21,1,voice,,5.5\n"
                                           "2026-11-21,1,voice,,99999999999999999\n"
                                           "2026-11-21,1,voice\n"
                                           "2026-11-21,1,voice,,-9223372036854775808\n"
                                           "2026-11-21,1,\"voice,,5\n"
                                           "2300-11-21,1,voice,,5\n"),
            (std::vector<std::string>{"2 reconcile.day", "3 reconcile.measure", "4 reconcile.measure",
                                      "5 reconcile.benefit", "6 reconcile.traffic_class", "7 reconcile.units",
                                      "8 reconcile.units", "9 reconcile.header", "10 reconcile.units",
                                      "11 csv.quote", "12 reconcile.day"}));
  EXPECT_EQ(findings(""), std::vector<std::string>{"1 reconcile.header"});
  EXPECT_EQ(findings("day,measure,benefit,units\n"), std::vector<std::string>{"1 reconcile.header"});
  EXPECT_EQ(findings("day,measure,benefit,units,units\n"), std::vector<std::string>{"1 reconcile.header"});
  EXPECT_EQ(findings("day,measure,benefit,units,colour\n"), std::vector<std::string>{"1 reconcile.header"});
  std::string many = header;
  for (int i = 0; i < 500; ++i) many += "x\n";
  EXPECT_EQ(findings(many).size(), 100u);
}

TEST(Records, OfAnOperatorNameMeasuresByNumberAlone) {
  const std::string by_name =
      std::string(header) + "2026-11-21,special-quarantine/health-workers-calls,voice,,5\n";
  EXPECT_EQ(findings(by_name, Names::numbers), std::vector<std::string>{"2 reconcile.measure"});
  EXPECT_EQ(parsed(std::string(header) + "2026-11-21,1,voice,,5\n", Names::numbers).begin()->first.measure,
            "1");
}

TEST(Records, AreBounded) {
  std::string rows = header;
  for (std::size_t i = 0; i <= reconcile_rows_max; ++i) rows += "2026-11-21,1,voice,,1\n";
  EXPECT_EQ(findings(rows),
            std::vector<std::string>{fmt::format("{} reconcile.rows", reconcile_rows_max + 2)});
  std::string much = header;
  for (int i = 0; i < 9; ++i) much += fmt::format("2026-11-21,1,voice,,{}\n", feed::settlement_units_max);
  EXPECT_EQ(findings(much), std::vector<std::string>{"10 reconcile.units"});
}

TEST(Reconciliation, FindsNothingWhereBothAgree) {
  const Records records = parsed(std::string(header) +
                                 "2026-11-21,special-quarantine/health-workers-calls,voice,,600\n"
                                 "2026-11-21,special-quarantine/learning-resources,data,education,5000000\n"
                                 "2026-11-22,special-quarantine/health-workers-calls,voice,,60\n");
  const auto report = reconcile(settled(), records, days_of(records), Names::measures);
  EXPECT_TRUE(report.differences.empty());
  EXPECT_EQ(report.compared, 3u);
  EXPECT_EQ(report.totals.at({Benefit::voice, false}).here, 660);
  EXPECT_EQ(report.totals.at({Benefit::voice, false}).there, 660);
}

TEST(Reconciliation, NamesEveryDifference) {
  const Records records = parsed(std::string(header) +
                                 "2026-11-21,special-quarantine/health-workers-calls,voice,,540\n"
                                 "2026-11-22,special-quarantine/health-workers-calls,voice,,60\n"
                                 "2026-11-22,special-quarantine/health-workers-calls,messages,,9\n");
  const auto report = reconcile(settled(), records, days_of(records), Names::measures);
  EXPECT_EQ(
      reconciliation_json(report, "azercell"),
      R"({"operator":"azercell","from":"2026-11-21","until":"2026-11-23","compared":4,"differences":[)"
      R"({"what":"other_amount","day":"2026-11-21","measure":"special-quarantine/health-workers-calls",)"
      R"("benefit":"voice","traffic_class":"","here":600,"there":540,"more_there":-60},)"
      R"({"what":"missing_there","day":"2026-11-21","measure":"special-quarantine/learning-resources",)"
      R"("benefit":"data","traffic_class":"education","here":5000000,"there":null,"more_there":-5000000},)"
      R"({"what":"missing_here","day":"2026-11-22","measure":"special-quarantine/health-workers-calls",)"
      R"("benefit":"messages","traffic_class":"","here":null,"there":9,"more_there":9}],)"
      R"("totals":[{"benefit":"voice","here":660,"there":600,"more_there":-60},)"
      R"({"benefit":"messages","here":0,"there":9,"more_there":9},)"
      R"({"benefit":"data","here":5000000,"there":0,"more_there":-5000000}]})");
}

TEST(Reconciliation, LooksAtTheDaysAskedForAlone) {
  const Records records =
      parsed(std::string(header) + "2026-11-22,special-quarantine/health-workers-calls,voice,,60\n");
  EXPECT_TRUE(reconcile(settled(), records, days_of(records), Names::measures).differences.empty());
  const Days both{.from = date(2026, 11, 21), .until = date(2026, 11, 23)};
  EXPECT_EQ(reconcile(settled(), records, both, Names::measures).differences.size(), 2u);
  EXPECT_EQ(days_of(Records{}).from, days_of(Records{}).until);
}

TEST(Reconciliation, KnowsAClassByTheLawsName) {
  Report here = settled();
  here.lines = {line("learning-resources", 0, Benefit::data, "other", date(2026, 11, 21), 7)};
  const Records records =
      parsed(std::string(header) + "2026-11-21,special-quarantine/learning-resources,data,education,7\n");
  EXPECT_TRUE(reconcile(here, records, days_of(records), Names::measures).differences.empty());
}

TEST(Reconciliation, ComparesSubscriptionsByTheMonthWhateverTheDayOfTheirFirstUse) {
  Report here = settled();
  here.lines = {line("home-tv", 0, Benefit::tv, "home_tv", date(2026, 11, 3), 7),
                line("home-tv", 0, Benefit::tv, "home_tv", date(2026, 11, 21), 5),
                line("home-tv", 0, Benefit::tv, "home_tv", date(2026, 11, 21), 36'000)};
  here.lines[0].sum.name.unit = here.lines[1].sum.name.unit = feed::Unit::none;
  const Records records = parsed(std::string(header) +
                                 "2026-11-30,special-quarantine/home-tv,tv_months,home_tv,11\n"
                                 "2026-11-21,special-quarantine/home-tv,tv,home_tv,36000\n");
  const Days days = days_of(records);
  EXPECT_EQ(days.from, date(2026, 11, 1));
  EXPECT_EQ(days.until, date(2026, 12, 1));
  const auto report = reconcile(here, records, days, Names::measures);
  ASSERT_EQ(report.differences.size(), 1u);
  EXPECT_EQ(report.differences[0].here, 12);
  EXPECT_EQ(report.differences[0].there, 11);
  EXPECT_NE(reconciliation_json(report, "azercell").find(R"("benefit":"tv_months","here":12,"there":11)"),
            std::string::npos);
}

TEST(Reconciliation, OfAnOperatorSaysNoMeasuresName) {
  const Records records = parsed(std::string(header) + "2026-11-21,1,voice,,1\n", Names::numbers);
  const auto report = reconcile(settled(), records, days_of(records), Names::numbers);
  EXPECT_EQ(reconciliation_json(report, "azercell").find("quarantine"), std::string::npos);
  EXPECT_EQ(report.differences.size(), 2u);
}

}  // namespace
}  // namespace dayaq::settlement
