#include "services/file.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "regime/law_test_support.hpp"
#include "services/file_parts.hpp"

namespace dayaq::services {
namespace {

using regime::test::azerbaijan;
using regime::test::repository_file;

const std::filesystem::path bad_files = regime::test::source_folder() / "src/services/test_data/bad_files";

std::expected<Service, Errors> parse(std::string_view text) {
  const auto context = azerbaijan().file_context();
  return parse_service(text, context);
}

Service service_file(const std::string& name) {
  const std::string text = repository_file("country/az/services/" + name + ".yaml");
  auto service = parse(text);
  if (!service) {
    ADD_FAILURE() << regime::format_errors(service.error(), name, text);
    return {};
  }
  return std::move(*service);
}

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

TEST(ServiceFile, WhatItNamesMustBeThereIfThatIsKnown) {
  const auto context = azerbaijan().file_context();
  NamedElsewhere known{.regimes = [] { return std::vector<std::string>{"special-quarantin", "heat"}; },
                       .calendars = [] { return std::vector<std::string>{"registry-office-ganja"}; }};
  const std::string leaving = repository_file("country/az/services/leaving-home.yaml");
  const auto service = parse_service(leaving, context, known);
  ASSERT_FALSE(service);
  ASSERT_EQ(service.error().size(), 1u);
  const Error& error = service.error().front();
  EXPECT_EQ(error.code, "service.unknown_regime");
  EXPECT_EQ(error.field, "ends_with");
  EXPECT_GT(error.line, 1u);
  EXPECT_EQ(error.column, 12u);
  EXPECT_NE(error.public_text.find("special-quarantin`?"), std::string::npos) << error.public_text;
  const std::string appointment = repository_file("country/az/services/service-centre-appointment.yaml");
  const auto other = parse_service(appointment, context, known);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().front().code, "service.unknown_calendar");
  EXPECT_EQ(other.error().front().field, "steps[0].resource");
  EXPECT_EQ(other.error().front().column, 15u);
  known = {.regimes = [] { return std::vector<std::string>{"special-quarantine"}; },
           .calendars = [] { return std::vector<std::string>{"service-centre-1"}; }};
  EXPECT_TRUE(parse_service(leaving, context, known));
  EXPECT_TRUE(parse_service(appointment, context, known));
  EXPECT_TRUE(parse_service(leaving, context)) << "what is stored was asked for when it came";
}

TEST(ServiceFile, RefusesEachBadFileWholeWithLineColumnAndFieldOfEveryError) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(bad_files)) {
    SCOPED_TRACE(entry.path().filename().string());
    const std::string text =
        repository_file("src/services/test_data/bad_files/" + entry.path().filename().string());
    const auto service = parse(text);
    ASSERT_FALSE(service);
    std::vector<std::string> found;
    for (const Error& error : service.error()) {
      found.push_back(one_line(error));
      EXPECT_EQ(error.kind, ErrorKind::invalid_input);
      EXPECT_TRUE(error.public_text.ends_with('.') || error.public_text.ends_with('?')) << error.public_text;
    }
    EXPECT_EQ(found, expectations(text)) << regime::format_errors(service.error(), "file", text);
    ++files;
  }
  EXPECT_GE(files, 50u);
}

TEST(ServiceFile, NamesTheNearestWordForAMisspeltOne) {
  const auto text = repository_file("src/services/test_data/bad_files/field_kind.yaml");
  const auto service = parse(text);
  ASSERT_FALSE(service);
  EXPECT_EQ(service.error().front().public_text,
            "There is no kind of field `choise`. Did you mean `choice`?");
}

TEST(ServiceFile, ReadsDurations) {
  EXPECT_EQ(parse_duration("90 s").value(), std::chrono::seconds(90));
  EXPECT_EQ(parse_duration("30 min").value(), std::chrono::minutes(30));
  EXPECT_EQ(parse_duration("3 h").value(), std::chrono::hours(3));
  EXPECT_EQ(parse_duration("1 day").value(), std::chrono::days(1));
  EXPECT_EQ(parse_duration("2 weeks").value(), std::chrono::weeks(2));
  for (const char* wrong : {"", "3", "h", "3h", "-3 h", "0 h", "3 H", "3 h ", " 3 h", "3  h", "1.5 h",
                            "3 months", "4000 days", "9223372036854775807 weeks", "99999999999999999999 s"}) {
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
  }
}

TEST(ServiceFile, ReadsTheExampleOfItsDescription) {
  const std::string page = repository_file("docs/service-file.md");
  const std::size_t from = page.find("```yaml\n") + 8;
  const std::string text = page.substr(from, page.find("```", from) - from);
  const auto service = parse(text);
  EXPECT_TRUE(service) << regime::format_errors(service.error(), "service-file.md", text);
}

TEST(ServiceFile, ReadsThePermitToLeaveHome) {
  const Service service = service_file("leaving-home");
  EXPECT_EQ(service.code, ServiceCode("leaving-home"));
  EXPECT_EQ(service.provider, azerbaijan().organisation("digital-agency"));
  EXPECT_TRUE(service.on(Channel::web) && service.on(Channel::sms) && service.on(Channel::counter));
  EXPECT_FALSE(service.on(Channel::bulk));
  EXPECT_EQ(service.promised, std::chrono::minutes(1));
  EXPECT_EQ(service.ends_with, "special-quarantine");
  EXPECT_EQ(service.appeal_within, std::chrono::days(3));
  ASSERT_EQ(service.limits.size(), 1u);
  EXPECT_EQ(service.limits[0].at_most, 1);
  EXPECT_EQ(service.limits[0].per, Per::day);
  EXPECT_FALSE(service.limits[0].open_only);
  ASSERT_EQ(service.form.size(), 1u);
  const Field& reason = service.form[0];
  EXPECT_EQ(reason.kind, FieldKind::choice);
  ASSERT_EQ(reason.choices.size(), 3u);
  for (const Choice& choice : reason.choices) EXPECT_FALSE(choice.words.empty()) << choice.code;
  ASSERT_EQ(service.steps.size(), 3u);
  EXPECT_EQ(service.steps[0].kind, Step::Kind::decide);
  ASSERT_EQ(service.steps[0].verdicts.size(), 2u);
  EXPECT_EQ(service.steps[0].verdicts[0].outcome, Outcome::refuse);
  EXPECT_EQ(service.steps[0].verdicts[0].when.kind, Condition::Kind::rule);
  EXPECT_EQ(service.steps[0].verdicts[0].when.rule.statuses.size(), 2u);
  EXPECT_EQ(service.steps[0].verdicts[1].when, Condition{}) << "always";
  const Step& issue = service.steps[1];
  EXPECT_EQ(issue.permit, "leaving-home");
  ASSERT_EQ(issue.ends.size(), 2u);
  EXPECT_EQ(issue.ends[0].when.values, std::vector<std::string>{"village"});
  EXPECT_GT(issue.ends[0].lasts, issue.ends[1].lasts) << "villages longer than towns";
  EXPECT_EQ(issue.ends[1].lasts, std::chrono::hours(3));
  EXPECT_EQ(service.sms_order, (std::vector<std::string>{"national_id", "reason"}));
}

TEST(ServiceFile, ReadsTheOtherServicesOfTheCountryPack) {
  const Service employees = service_file("employee-permit");
  EXPECT_TRUE(employees.for_employees);
  EXPECT_TRUE(employees.on(Channel::bulk));
  EXPECT_EQ(employees.steps[1].ends[0].end, PermitEnd::regime);
  const Service appointment = service_file("service-centre-appointment");
  EXPECT_FALSE(appointment.appeal);
  EXPECT_EQ(appointment.steps[0].resource, "service-centre-1");
  EXPECT_TRUE(appointment.limits[0].open_only);
  EXPECT_EQ(appointment.find("phone")->known, Known::phone);
  const Service support = service_file("small-business-support");
  EXPECT_EQ(support.fee_qepik, 500u);
  EXPECT_EQ(support.assurance, http::Assurance::substantial);
  EXPECT_EQ(support.find("statement")->bytes_max, 5'000'000u);
  EXPECT_EQ(support.steps[1].escalates, azerbaijan().organisation("ministry-of-labour"));
  EXPECT_EQ(support.steps[1].office, std::nullopt);
}

}  // namespace
}  // namespace dayaq::services
