#include "registry/import_check.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/registry.hpp"

namespace dayaq::registry {
namespace {

/// One node for all: a check changes nothing.
const Registry& registry() {
  static test::RegistryNode node(store::Engine::sqlite);
  return *node.registry;
}

struct Expected {
  std::uint64_t line = 0;
  std::string field;
  std::string code;
  friend bool operator==(const Expected&, const Expected&) = default;
};
std::ostream& operator<<(std::ostream& out, const Expected& e) {
  return out << e.line << " " << e.field << " " << e.code;
}

struct Case {
  const char* name;
  ImportKind kind;
  std::string text;  ///< header and rows
  std::size_t good = 0;
  std::vector<Expected> rejects;
};

struct Lines : testing::TestWithParam<Case> {};

TEST_P(Lines, GoodOnesPassAndBadOnesSayWhereAndWhy) {
  const Case& example = GetParam();
  const std::size_t head = example.text.find('\n');
  const auto header = test::must(parse_import_header(example.kind, example.text.substr(0, head)));
  SeenKeys seen;
  const CheckedChunk checked =
      check_chunk(header, {example.text.substr(head + 1), 2, head + 1, example.text.size()},
                  import_rules(registry()), &seen);
  std::vector<Expected> rejects;
  for (const Reject& reject : checked.rejects) {
    rejects.push_back({reject.line, reject.field, std::string(reject.code)});
    EXPECT_FALSE(reject.reason.empty());
    EXPECT_FALSE(reject.text.empty());
  }
  EXPECT_EQ(rejects, example.rejects);
  EXPECT_EQ(checked.persons.size() + checked.attestations.size() + checked.subscriptions.size(),
            example.good);
  EXPECT_EQ(checked.lines, example.good + example.rejects.size());
}

constexpr ImportKind persons = ImportKind::persons;
constexpr ImportKind attestations = ImportKind::attestations;
constexpr ImportKind subscriptions = ImportKind::subscriptions;
const std::string person_head = "national_id,family_name,given_name,sex,birth_date,death_date,place\n";
const std::string attestation_head = "national_id,status,issuer,valid_from,valid_until\n";
const std::string subscription_head = "national_id,kind,provider,number,valid_from,valid_until\n";

INSTANTIATE_TEST_SUITE_P(
    Files, Lines,
    testing::Values(
        Case{"AGoodPerson",
             persons,
             person_head + "5ABC123,Əliyeva,Aygün,female,1985-03-14,,AZ-BA-587084\n",
             1,
             {}},
        Case{"ColumnsInAnotherOrderWithSemicolons",
             persons,
             "place;birth_date;sex;given_name;family_name;national_id\nAZ-BA-587084;1985-03-14;female;Aygün;"
             "Əliyeva;5abc123\n",
             1,
             {}},
        Case{"BrokenQuotesCostTheirLine",
             persons,
             person_head + "5ABC123,\"Əliyeva,Aygün,female,1985-03-14,,AZ-BA-587084\n"
                           "5ABC124,\"Əliyeva\",Aygün,female,1985-03-14,,AZ-BA-587084\n",
             1,
             {{2, "", "csv.quote"}}},
        Case{"WrongEncoding",
             persons,
             person_head + "5ABC123,\xC0\xEB\xE8\xE5\xE2,A,male,1985-03-14,,AZ-BA-587084\n",
             0,
             {{2, "", "csv.encoding"}}},
        Case{"TheSamePersonTwice",
             persons,
             person_head +
                 "5ABC123,Ə,A,female,1985-03-14,,AZ-BA-587084\n5abc123,Ə,B,female,1985-03-14,,AZ-BA-587084\n",
             1,
             {{3, "national_id", "import.duplicate"}}},
        Case{"BornTomorrow",
             persons,
             person_head + "5ABC123,Ə,A,female,2026-11-22,,AZ-BA-587084\n",
             0,
             {{2, "birth_date", "registry.birth"}}},
        Case{"BornOnNoDay",
             persons,
             person_head + "5ABC123,Ə,A,female,2026-02-30,,AZ-BA-587084\n",
             0,
             {{2, "birth_date", "time.date"}}},
        Case{"DeadBeforeBirth",
             persons,
             person_head + "5ABC123,Ə,A,female,1985-03-14,1985-03-13,AZ-BA-587084\n",
             0,
             {{2, "death_date", "registry.death"}}},
        Case{"BadNationalId",
             persons,
             person_head + "5ABCI23,Ə,A,female,1985-03-14,,AZ-BA-587084\n",
             0,
             {{2, "national_id", "registry.national_id"}}},
        Case{"UnknownPlaceAndSexAndDistrict",
             persons,
             person_head + "5ABC123,Ə,A,female,1985-03-14,,AZ-XX-1\n5ABC124,Ə,A,f,1985-03-14,,AZ-BA-587084\n"
                           "5ABC125,Ə,A,female,1985-03-14,,AZ-BA\n",
             0,
             {{2, "place", "import.unknown"}, {3, "sex", "registry.sex"}, {4, "place", "registry.place"}}},
        Case{"TooFewFieldsAndAnEmptyLine",
             persons,
             person_head + "5ABC123,Ə\n\n5ABC124,Ə,A,female,1985-03-14,,AZ-BA-587084\n",
             1,
             {{2, "", "import.fields"}}},
        Case{"AGoodAttestation",
             attestations,
             attestation_head + "5ABC123,pensioner,social-protection-fund,2026-01-01,\n",
             1,
             {}},
        Case{"UnknownStatusAndIssuer",
             attestations,
             attestation_head +
                 "5ABC123,wizard,tabib,2026-01-01,2026-02-01\n5ABC123,pupil,nobody,2026-01-01,2026-02-01\n",
             0,
             {{2, "status", "import.unknown"}, {3, "issuer", "import.unknown"}}},
        Case{"AnIssuerThatMayNot",
             attestations,
             attestation_head + "5ABC123,pensioner,tabib,2026-01-01,\n",
             0,
             {{2, "status", "registry.may_not_issue"}}},
        Case{"APeriodThatEndsBeforeItBegins",
             attestations,
             attestation_head + "5ABC123,health_worker,tabib,2026-02-01,2026-01-01\n",
             0,
             {{2, "valid_until", "registry.period"}}},
        Case{"TheSameAttestationTwice",
             attestations,
             attestation_head + "5ABC123,pensioner,social-protection-fund,2026-01-01,\n"
                                "5ABC123,pensioner,social-protection-fund,2026-01-01T00:00,\n"
                                "5ABC123,pensioner,social-protection-fund,2026-01-02,\n",
             2,
             {{3, "national_id", "import.duplicate"}}},
        Case{"NoInstant",
             attestations,
             attestation_head + "5ABC123,pensioner,social-protection-fund,today,\n",
             0,
             {{2, "valid_from", "time.instant"}}},
        Case{"GoodSubscriptions",
             subscriptions,
             subscription_head + "5ABC123,mobile,azercell,994501234567,2026-01-01,\n5ABC123,tv,katv1,K-1,"
                                 "2026-01-01,2026-05-01\n",
             2,
             {}},
        Case{"BadNumberKindAndProvider",
             subscriptions,
             subscription_head +
                 "5ABC123,mobile,azercell,501234567,2026-01-01,\n5ABC123,radio,azercell,1,2026-01-01,\n"
                 "5ABC123,mobile,katv1,994501234567,2026-01-01,\n5ABC123,mobile,x,994501234567,2026-01-01,\n",
             0,
             {{2, "number", "registry.number"},
              {3, "kind", "registry.subscription_kind"},
              {4, "provider", "registry.provider"},
              {5, "provider", "import.unknown"}}}),
    [](const auto& test) { return test.param.name; });

TEST(ImportHeader, SaysWhichColumnIsMissingUnknownOrTwice) {
  const auto text = [](std::string_view line) {
    const auto header = parse_import_header(ImportKind::attestations, line);
    return header ? std::string("fine") : header.error().public_text;
  };
  EXPECT_EQ(text("national_id,status,issuer,valid_from"), "fine");
  EXPECT_NE(text("national_id,status,issuer").find("`valid_from` is missing"), std::string::npos);
  EXPECT_NE(text("national_id,status,issuer,valid_from,colour").find("`colour` isn't known"),
            std::string::npos);
  EXPECT_NE(text("national_id,status,status,issuer,valid_from").find("`status` is there twice"),
            std::string::npos);
  EXPECT_NE(text("").find("empty"), std::string::npos);
  EXPECT_NE(text("5ABC123,pupil,x,2026-01-01,").find("isn't known"), std::string::npos);
}

TEST(SeenKeys, KnowsEachKeyOnce) {
  SeenKeys seen;
  for (std::uint64_t key = 0; key < 100'000; ++key) ASSERT_TRUE(key == 1 || seen.add(key)) << key;
  for (std::uint64_t key = 0; key < 100'000; ++key) ASSERT_FALSE(seen.add(key)) << key;
}

TEST(CheckedChunk, IsInTheOrderOfItsTable) {
  std::string text;
  for (int i = 0; i < 500; ++i) {
    text += fmt::format("5ABC{:03},\"Ə, x\",A,female,1985-03-14,,AZ-BA-587084\n", i);
  }
  const auto header = test::must(parse_import_header(persons, person_head.substr(0, person_head.size() - 1)));
  const CheckedChunk checked =
      check_chunk(header, {text, 2, 100, 100 + text.size()}, import_rules(registry()), nullptr);
  ASSERT_EQ(checked.persons.size(), 500u);
  for (std::size_t i = 0; i < 500; ++i) {
    const PersonRow& row = checked.persons[i].row;
    EXPECT_EQ(row.family_name, "Ə, x") << "unquoted text outlives the reader's next row";
    EXPECT_EQ(checked.persons[i].text.substr(0, 7), row.national_id);
    if (i == 0) continue;
    const PersonId before = checked.persons[i - 1].row.id;
    EXPECT_LT(std::pair(bucket_of(before), before.value()), std::pair(bucket_of(row.id), row.id.value()));
  }
}

}  // namespace
}  // namespace dayaq::registry
