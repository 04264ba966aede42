#include "regime/file.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "regime/file_quantity.hpp"
#include "regime/law_test_support.hpp"

namespace dayaq::regime {
namespace {

const std::filesystem::path bad_files = test::source_folder() / "src/regime/cases/bad_files";

std::string one_line(const Error& error) {
  return fmt::format("{}:{} {} {}", error.line, error.column, error.code, error.field);
}

/// The lines "# expect LINE:COLUMN CODE FIELD" at the end of a case.
std::vector<std::string> expectations(const std::string& text) {
  constexpr std::string_view mark = "# expect ";
  std::vector<std::string> out;
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    const std::size_t end = text.find('\n', at);
    out.push_back(text.substr(at + mark.size(), end - at - mark.size()));
  }
  return out;
}

TEST(RegimeFile, RefusesEachBadFileWholeWithLineColumnAndFieldOfEveryError) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(bad_files)) {
    SCOPED_TRACE(entry.path().filename().string());
    const std::string text =
        test::repository_file("src/regime/cases/bad_files/" + entry.path().filename().string());
    const auto regime = parse_regime(text, test::azerbaijan().file_context());
    ASSERT_FALSE(regime);
    std::vector<std::string> found;
    for (const Error& error : regime.error()) {
      found.push_back(one_line(error));
      EXPECT_EQ(error.kind, ErrorKind::invalid_input);
      EXPECT_TRUE(error.public_text.ends_with('.') || error.public_text.ends_with('?')) << error.public_text;
    }
    EXPECT_EQ(found, expectations(text));
    ++files;
  }
  EXPECT_GE(files, 40u);
}

TEST(RegimeFile, NamesTheNearestWordForAMisspeltOne) {
  const std::string text = test::repository_file("src/regime/cases/bad_files/unknown_status.yaml");
  const auto regime = parse_regime(text, test::azerbaijan().file_context());
  ASSERT_FALSE(regime);
  EXPECT_EQ(regime.error().front().public_text,
            "There is no status `healt_worker`. Did you mean `health_worker`?");
}

TEST(RegimeFile, PointsAtTheErrorForATerminal) {
  const std::string text = "format: 1\ntitle: {az: Sınaq, uz: Sinov}\n";
  const Errors errors{Error{.kind = ErrorKind::invalid_input,
                            .code = "file.unknown_key",
                            .public_text = "`uz` isn't known here.",
                            .field = "title.uz",
                            .line = 2,
                            .column = 20}};
  EXPECT_EQ(format_errors(errors, "a.yaml", text),
            "a.yaml:2:20: title.uz: `uz` isn't known here.\n"
            "    2 | title: {az: Sınaq, uz: Sinov}\n"
            "      |                    ^\n");
}

TEST(RegimeFile, ReadsTheSpecialQuarantineWithItsTenMeasures) {
  const std::string text = test::repository_file("country/az/regimes/special-quarantine.yaml");
  const auto regime = parse_regime(text, test::azerbaijan().file_context());
  ASSERT_TRUE(regime) << format_errors(regime.error(), "special-quarantine.yaml", text);
  EXPECT_EQ(regime->code, RegimeCode("special-quarantine"));
  ASSERT_EQ(regime->measures.size(), 10u);
  EXPECT_EQ(regime->source, text);
  EXPECT_EQ(regime->period.from, test::azerbaijan().moment("2026-03-24"));
  EXPECT_TRUE(regime->territory.empty());
  const Measure& first = regime->measures.front();
  EXPECT_EQ(first.who.kind, Rule::Kind::status);
  EXPECT_EQ(first.who.statuses.size(), 2u);
  ASSERT_EQ(first.benefits.size(), 2u);
  EXPECT_EQ(first.benefits[0].quota, 36000u);
  EXPECT_EQ(first.benefits[0].delivered_on, 1u);
  EXPECT_EQ(first.benefits[0].cost_qepik, 1u);
  EXPECT_EQ(first.benefits[0].cost_per, 20u) << "3 qepik a minute is one for 20 seconds";
  EXPECT_EQ(first.benefits[0].expected_use, 14400u);
  for (const Measure& measure : regime->measures) {
    EXPECT_FALSE(measure.title.en.empty() || measure.title.ru.empty() || measure.legal_basis.az.empty());
    for (const Benefit& benefit : measure.benefits) {
      EXPECT_FALSE(benefit.assumption.az.empty() || benefit.assumption.en.empty() ||
                   benefit.assumption.ru.empty())
          << measure.code.value();
    }
  }
}

TEST(RegimeFile, ReadsTheExamplesOfTheCountryPack) {
  for (const std::string name : {"regional-lockdown.yaml", "special-quarantine-amended.yaml"}) {
    const std::string text = test::repository_file("country/az/regimes/examples/" + name);
    const auto regime = parse_regime(text, test::azerbaijan().file_context());
    EXPECT_TRUE(regime) << format_errors(regime.error(), name, text);
  }
}

TEST(RegimeFile, SaysWhatAnEdgeDoesAtTheEndOfAQuotaAndInSilence) {
  const auto read = [](std::string_view words) {
    const std::string text = fmt::format(R"(format: 1
code: test
title: {{az: Rejim}}
legal_basis: {{az: Qərar}}
territory: country
period: {{from: 2026-11-01}}
measures:
  - code: learning
    title: {{az: Evdə təhsil}}
    who: {{everyone: true}}
    benefits:
      - {{{}}}
)",
                                         words);
    const auto regime = parse_regime(text, test::azerbaijan().file_context());
    EXPECT_TRUE(regime) << format_errors(regime.error(), "test", text);
    return regime ? regime->measures[0].benefits[0] : Benefit{};
  };
  const std::string data = "gives: data, traffic: all, cost: 1 qepik per MB, per: day, quota: ";
  const Benefit usual = read(data + "2 GB");
  EXPECT_EQ(usual.when_used_up, WhenUsedUp::charge);
  EXPECT_EQ(usual.when_silent, WhenSilent::open);
  EXPECT_EQ(usual.open_bound, 100'000'000u);
  EXPECT_EQ(read(data + "60 MB").open_bound, 60'000'000u) << "never more than the quota";
  EXPECT_EQ(read(data + "2 GB, open_bound: 250 MB").open_bound, 250'000'000u);
  EXPECT_EQ(read("gives: voice, quota: 300 min, per: month, cost: 2 qepik per min").open_bound, 600u);
  EXPECT_EQ(read("gives: messages, quota: 100 SMS, per: month, cost: 1 qepik per SMS").open_bound, 10u);
  EXPECT_EQ(read("gives: tv, package: home_tv, cost: 3 AZN per month").open_bound, 0u);
  EXPECT_EQ(read("gives: deferral, quota: 60 AZN, per: regime, cost: 0 qepik per AZN").open_bound, 0u);
  const Benefit closed = read(data + "2 GB, when_used_up: limited, when_silent: close");
  EXPECT_EQ(closed.when_used_up, WhenUsedUp::limited);
  EXPECT_EQ(closed.when_silent, WhenSilent::close);
  EXPECT_EQ(closed.open_bound, 0u);
}

TEST(RegimeFile, ReadsLineEndsOfWindowsAndAByteOrderMark) {
  std::string text = "\xef\xbb\xbf";
  for (const char c : test::repository_file("country/az/regimes/examples/regional-lockdown.yaml")) {
    if (c == '\n') text += '\r';
    text += c;
  }
  EXPECT_TRUE(parse_regime(text, test::azerbaijan().file_context()));
}

TEST(RegimeFile, RefusesOversizedAndForeignBytes) {
  const FileContext context = test::azerbaijan().file_context();
  const auto code_of = [&](const std::string& text) {
    return parse_regime(text, context).error().front().code;
  };
  EXPECT_EQ(code_of(std::string(300 << 10, 'a')), "file.size");
  EXPECT_EQ(code_of("code: \xff\n"), "file.encoding");
  EXPECT_EQ(code_of(std::string("code: \0\n", 8)), "file.encoding");
  EXPECT_EQ(code_of(std::string(100, '[') + std::string(100, ']')), "file.depth");
}

TEST(Quantity, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_quantity("300 min")->amount, 18000u);
  EXPECT_EQ(parse_quantity("1.5 GB")->amount, 1'500'000'000u);
  EXPECT_EQ(parse_quantity("100 SMS")->unit, Unit::messages);
  EXPECT_EQ(parse_quantity("2.50 AZN")->amount, 250u);
  EXPECT_EQ(parse_quantity("1.5 SMS").error().code, "regime.quantity");
  EXPECT_EQ(parse_quantity("-1 min").error().code, "regime.negative");
  EXPECT_EQ(parse_quantity("\u2212"
                           "1 min")
                .error()
                .code,
            "regime.negative");
  EXPECT_EQ(parse_quantity("5 mb").error().code, "regime.unit");
  EXPECT_EQ(parse_quantity("99999999999999999999 s").error().code, "regime.range");
  EXPECT_EQ(parse_quantity("9000000000000 h").error().code, "regime.range");
  EXPECT_EQ(parse_quantity("1. GB").error().code, "regime.quantity");
  EXPECT_EQ(parse_quantity("").error().code, "regime.quantity");
}

TEST(Quantity, IsPrintedAsPeopleWriteIt) {
  for (const std::string text :
       {"300 min", "1.5 GB", "500 MB", "100 SMS", "60 AZN", "2.5 AZN", "50 qepik", "30 s"}) {
    const auto quantity = parse_quantity(text);
    ASSERT_TRUE(quantity) << text;
    EXPECT_EQ(format_quantity(quantity->amount, quantity->unit), text);
  }
}

TEST(Price, IsKeptInLowestTermsSoThatNothingIsRounded) {
  const auto price = parse_price("0.05 qepik per MB");
  ASSERT_TRUE(price);
  EXPECT_EQ(price->cost_qepik, 1u);
  EXPECT_EQ(price->cost_per, 20'000'000u);
  EXPECT_EQ(parse_price("1 qepik per 10 MB")->cost_per, 10'000'000u);
  EXPECT_EQ(parse_price("6 AZN per month")->cost_qepik, 600u);
  EXPECT_EQ(parse_price("6 AZN per month")->per, Unit::none);
  EXPECT_EQ(parse_price("0 qepik per min")->cost_qepik, 0u);
  EXPECT_EQ(parse_price("5 min per AZN").error().code, "regime.unit");
  EXPECT_EQ(parse_price("5 AZN").error().code, "regime.quantity");
  EXPECT_EQ(parse_price("5 AZN per 0 MB").error().code, "regime.quantity");
}

TEST(TrafficCatalogue, HoldsTheClassesThatRegimesSpeakOf) {
  for (const auto* code : {"all", "education", "communication", "government"}) {
    const TrafficClass* found = test::azerbaijan().traffic.find(code);
    ASSERT_NE(found, nullptr) << code;
    EXPECT_FALSE(found->tv);
    EXPECT_TRUE(found->everything || !found->resources.empty());
  }
  ASSERT_NE(test::azerbaijan().traffic.find("home_tv"), nullptr);
  EXPECT_TRUE(test::azerbaijan().traffic.find("home_tv")->tv);
  EXPECT_EQ(test::azerbaijan().traffic.find("games"), nullptr);
}

TEST(TrafficCatalogue, RefusesWhatNoNetworkCouldMatch) {
  const auto bad = TrafficCatalogue::parse(
      "- code: a\n"
      "  name: {az: A}\n"
      "  resources:\n"
      "    - domain: https://edu.az/\n"
      "    - domain: Edu.az\n"
      "    - prefix: 10.0.0.1/8\n"
      "    - prefix: 2001:db8::/129\n"
      "    - {domain: edu.az, prefix: 10.0.0.0/8}\n"
      "- code: a\n"
      "  name: {az: B}\n"
      "  everything: false\n"
      "- code: b\n"
      "  name: {az: B}\n"
      "  everything: true\n"
      "  rules: [gov, \"two words\", gov]\n"
      "  bases: [gov]\n"
      "- code: c\n"
      "  name: {az: C}\n"
      "  everything: true\n"
      "  rules: [gov]\n"
      "- code: d\n"
      "  name: {az: D}\n"
      "  channels: all\n"
      "  bases: [tv]\n");
  ASSERT_FALSE(bad);
  std::vector<std::string> found;
  for (const Error& error : bad.error()) found.push_back(one_line(error));
  EXPECT_EQ(
      found,
      (std::vector<std::string>{
          "4:15 traffic.domain [0].resources[0].domain", "5:15 traffic.domain [0].resources[1].domain",
          "6:15 traffic.prefix [0].resources[2].prefix", "7:15 traffic.prefix [0].resources[3].prefix",
          "8:7 file.missing [0].resources[4]", "9:3 traffic.duplicate [1]", "11:15 file.type [1].everything",
          "15:16 traffic.rule [2].rules[1]", "15:29 traffic.duplicate [2].rules[2]",
          "20:11 traffic.duplicate [3].rules[0]", "24:10 traffic.rule [4].bases"}));
}

TEST(TrafficCatalogue, HoldsNoMoreThanAListOfResourcesCan) {
  std::string classes;
  for (int i = 0; i < 64; ++i)
    classes += fmt::format("- {{code: c{}, name: {{az: A}}, everything: true}}\n", i);
  classes += "- {code: tv, name: {az: A}, channels: all}\n";
  EXPECT_TRUE(TrafficCatalogue::parse(classes));
  const auto many = TrafficCatalogue::parse(classes + "- {code: d, name: {az: A}, everything: true}\n");
  ASSERT_FALSE(many);
  EXPECT_EQ(one_line(many.error().front()), "66:3 traffic.limit [65]");
}

}  // namespace
}  // namespace dayaq::regime
