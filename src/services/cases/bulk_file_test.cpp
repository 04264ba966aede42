#include "services/cases/bulk_file.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dayaq::services {
namespace {

using testing::ElementsAre;

const registry::CountryPack& country() {
  static const registry::CountryPack pack =
      registry::CountryPack::load(std::filesystem::path(DAYAQ_SOURCE_DIR) / "country" / "az").value();
  return pack;
}

Service staff() {
  Service service;
  service.form.resize(3);
  service.form[0].code = "position";
  service.form[0].title = {.az = "İşçinin vəzifəsi", .en = "Position", .ru = "Должность"};
  service.form[1].code = "workplace";
  service.form[1].title = {.az = "İş yeri", .en = "Workplace", .ru = "Место работы"};
  service.form[2].code = "fin_known";
  service.form[2].kind = FieldKind::national_id;
  service.form[2].known = Known::national_id;
  service.form[2].title = {.az = "Şəxsi nömrə", .en = "Personal number", .ru = "Личный номер"};
  return service;
}

std::vector<EmployeeRow> read(std::string_view text) {
  auto rows = read_employees(text, staff(), country());
  EXPECT_TRUE(rows) << (rows ? "" : rows.error().public_text);
  return rows ? std::move(*rows) : std::vector<EmployeeRow>{};
}

std::string refused(std::string_view text) {
  const auto rows = read_employees(text, staff(), country());
  return rows ? "none" : std::string(rows.error().code);
}

TEST(EmployeesFile, ReadsWhatSpreadsheetsOfOurLanguagesWrite) {
  for (const std::string_view text :
       {"national_id,position,workplace\n5ABC123,satıcı,Bakı\n", "FİN;Vəzifə;x\n",
        "fin;position;workplace\r\n5abc123;satıcı;Bakı\r\n",
        "\xef\xbb\xbfФИН;Должность;Место работы\n5ABC123; satıcı ;Bakı\n",
        "İŞ YERİ,personal number,işçinin vəzifəsi\nBakı,5ABC123,satıcı\n",
        "\"national_id\",\"position\",\"workplace\"\n\"5ABC123\",\"satıcı\",\"Bakı\"\n,,\n"}) {
    if (text.find("x\n") != std::string_view::npos) {
      EXPECT_EQ(refused(text), "employees.header");
      continue;
    }
    const auto rows = read(text);
    ASSERT_EQ(rows.size(), 1u) << text;
    EXPECT_EQ(rows[0].fault, RowFault::none) << text;
    EXPECT_EQ(rows[0].line, 2u);
    EXPECT_EQ(rows[0].national_id, "5ABC123");
    EXPECT_EQ(rows[0].answers, (Answers{{"position", "satıcı"}, {"workplace", "Bakı"}})) << text;
  }
}

TEST(EmployeesFile, KeepsEachRowWithItsFaultAndLine) {
  const auto rows = read(
      "national_id,position\n5ABC123,a\n\n5abc123,b\nTOO-LONG-TO-BE-ONE,c\n6ABC123,d,more\n7ABC123,"
      "\"e\n8ABC123,f\n"
      "9ABC123,g,\n");
  ASSERT_EQ(rows.size(), 7u);
  std::vector<std::string> told;
  for (const EmployeeRow& row : rows) {
    told.push_back(fmt::format("{}:{}:{}", row.line, to_string(row.fault), row.earlier));
    EXPECT_EQ(parse_row_fault(to_string(row.fault)), row.fault);
  }
  EXPECT_THAT(told, ElementsAre("2:none:0", "4:duplicate:2", "5:national_id:0", "6:columns:0",
                                "7:unreadable:0", "8:none:0", "9:none:0"));
  EXPECT_EQ(rows[2].national_id, "TOO-LONG-TO-BE-ONE");
}

TEST(EmployeesFile, IsRefusedWholeWhenItsColumnsAreNotUnderstood) {
  EXPECT_EQ(refused(""), "employees.empty");
  EXPECT_EQ(refused("national_id\n"), "employees.empty");
  EXPECT_EQ(refused("position\nx\n"), "employees.header");
  EXPECT_EQ(refused("national_id,salary\n5ABC123,1\n"), "employees.header");
  EXPECT_EQ(refused("national_id,fin\n5ABC123,5ABC123\n"), "employees.header");
  EXPECT_EQ(refused("national_id,position,İşçinin vəzifəsi\n"), "employees.header");
  EXPECT_EQ(refused("5ABC123,satıcı\n"), "employees.header");
  EXPECT_EQ(refused("national_id,\"open\n"), "csv.quote");
  std::string many = "national_id\n";
  for (std::size_t i = 0; i <= employees_max; ++i) many += "5ABC123\n";
  EXPECT_EQ(refused(many), "employees.rows");
}

TEST(EmployeesFile, ShowsAsMuchOfAWrongIdAsMayBeStored) {
  const auto rows = read("national_id\n" + std::string(39, 'x') + "ə" + std::string(200, 'y') + "\n\x01zz\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].fault, RowFault::national_id);
  EXPECT_EQ(rows[0].national_id, std::string(39, 'x'));  // cut at a whole letter
  EXPECT_EQ(rows[1].fault, RowFault::unreadable);
}

}  // namespace
}  // namespace dayaq::services
