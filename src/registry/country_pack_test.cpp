#include "registry/country_pack.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/file.hpp"

namespace dayaq::registry {
namespace {

namespace fs = std::filesystem;

const fs::path azerbaijan = fs::path(DAYAQ_SOURCE_DIR) / "country/az";

const CountryPack& pack() {
  static const CountryPack loaded = [] {
    auto result = CountryPack::load(azerbaijan);
    if (!result)
      ADD_FAILURE() << result.error().field << ":" << result.error().line << " "
                    << result.error().public_text;
    return *std::move(result);
  }();
  return loaded;
}

TEST(Azerbaijan, HasTenMillionPeopleInSeventySevenDistricts) {
  EXPECT_EQ(pack().district_count(), 77u);
  EXPECT_NEAR(static_cast<double>(pack().population()), 10.2e6, 100);
  const auto baku = pack().find_place("AZ-BA");
  ASSERT_TRUE(baku);
  EXPECT_NEAR(static_cast<double>(pack().place(*baku).population), 2.33e6, 0.05e6);
  EXPECT_EQ(pack().place(*baku).name.az, "Bakı");
  EXPECT_EQ(pack().place(*baku).name.ru, "Баку");
}

TEST(Azerbaijan, EverySettlementLiesInADistrictAndTheTreeIsConsistent) {
  std::size_t settlements = 0;
  for (std::size_t i = 0; i < pack().places().size(); ++i) {
    const auto index = static_cast<PlaceIndex>(i);
    const Place& place = pack().place(index);
    EXPECT_EQ(pack().find_place(place.code.value()), index);
    EXPECT_LT(place.district, pack().district_count());
    EXPECT_TRUE(pack().within(index, place.district));
    EXPECT_GE(place.population, 0);
    EXPECT_FALSE(place.name.az.empty() || place.name.en.empty() || place.name.ru.empty())
        << place.code.value();
    EXPECT_TRUE(place.latitude > 38 && place.latitude < 42 && place.longitude > 44 && place.longitude < 51);
    if (place.kind == PlaceKind::district) {
      EXPECT_EQ(place.district, index);
      EXPECT_FALSE(pack().settlements_of(index).empty());
      for (const PlaceIndex inside : pack().settlements_of(index))
        EXPECT_EQ(pack().place(inside).district, index);
      EXPECT_NE(pack().districts_geojson().find("\"code\":\"" + place.code.value() + "\""),
                std::string::npos);
    } else {
      ++settlements;
    }
  }
  EXPECT_EQ(settlements, 187u + 77u);
  EXPECT_LT(pack().districts_geojson().size(), 60'000u);
}

TEST(Azerbaijan, KnowsTheStatusesOfTheSpecialQuarantine) {
  for (const char* code : {"health_worker", "health_specialist", "pensioner", "pupil", "student",
                           "quarantined", "must_stay_home", "payment_deferred"}) {
    ASSERT_TRUE(pack().find_status(code)) << code;
  }
  EXPECT_TRUE(pack().status(*pack().find_status("quarantined")).sensitive);
  EXPECT_TRUE(pack().status(*pack().find_status("must_stay_home")).sensitive);
  EXPECT_FALSE(pack().status(*pack().find_status("student")).sensitive);
  EXPECT_FALSE(pack().find_status("wizard"));
}

TEST(Azerbaijan, EveryStatusHasAnOrganisationThatIssuesIt) {
  std::set<std::string> issued;
  for (const Organisation& organisation : pack().organisations()) {
    for (const StatusCode& status : organisation.issues) issued.insert(status.value());
  }
  for (const StatusDefinition& status : pack().statuses()) EXPECT_TRUE(issued.contains(status.code.value()));
}

TEST(NationalIdRule, TakesSevenLettersAndDigitsWithoutIAndO) {
  const NationalIdRule& rule = pack().national_id_rule();
  EXPECT_EQ(rule.parse("5ABC123")->text(), "5ABC123");
  EXPECT_EQ(rule.parse("5abc12z")->text(), "5ABC12Z");
  for (const char* bad : {"", "5ABC12", "5ABC1234", "5ABCI23", "5ABCO23", "5abci23", "5ABC 23", " 5ABC12",
                          "5ABC12\xC4", "5ABC12-", "ŞABC123"}) {
    const auto id = rule.parse(bad);
    ASSERT_FALSE(id) << bad;
    EXPECT_EQ(id.error().code, "registry.national_id");
  }
}

TEST(PersonId, IsAKeyedHashThatFitsABigint) {
  const NationalId id = *pack().national_id_rule().parse("5ABC123");
  const NationalId other = *pack().national_id_rule().parse("5ABC124");
  const SipKey secret{1, 2};
  const PersonId person = derive_person_id(secret, "az", id);
  EXPECT_EQ(person, derive_person_id(secret, "az", id));
  EXPECT_NE(person, derive_person_id(secret, "az", other));
  EXPECT_NE(person, derive_person_id(secret, "ge", id));
  EXPECT_NE(person, derive_person_id(SipKey{1, 3}, "az", id));
  EXPECT_GT(person.value(), 0u);
  EXPECT_LT(person.value(), std::uint64_t(1) << 63);
  EXPECT_EQ(bucket_of(person), static_cast<std::int64_t>(person.value() % 256));
}

TEST(EnumNames, AreReadBack) {
  for (const char* kind : {"agency", "hospital", "school", "university", "mobile_operator",
                           "internet_provider", "tv_operator", "business"}) {
    EXPECT_EQ(to_string(*parse_organisation_kind(kind)), kind);
  }
  for (const char* kind : {"mobile", "fixed", "tv"})
    EXPECT_EQ(to_string(*parse_subscription_kind(kind)), kind);
  for (const char* sex : {"female", "male"}) EXPECT_EQ(to_string(*parse_sex(sex)), sex);
  EXPECT_EQ(parse_subscription_kind("Mobile").error().code, "registry.subscription_kind");
  EXPECT_EQ(parse_sex("m").error().public_text, "It must be one of: female, male.");
}

/// A copy of the pack with one file changed.
struct BrokenPack : testing::Test {
  fs::path folder = fs::temp_directory_path() / fs::path("dayaq_pack_" + std::to_string(::getpid()));
  void SetUp() override {
    fs::remove_all(folder);
    fs::copy(azerbaijan, folder, fs::copy_options::recursive);
  }
  void TearDown() override { fs::remove_all(folder); }

  Error load_with(const fs::path& file, const std::string& from, const std::string& to) {
    std::string text = *read_file(azerbaijan / file);
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    std::ofstream(folder / file, std::ios::binary) << text;
    const auto result = CountryPack::load(folder);
    EXPECT_FALSE(result);
    return result ? Error{} : result.error();
  }
};

TEST_F(BrokenPack, NamesTheFileTheLineAndTheFault) {
  Error error = load_with("statuses.yaml", "- code: health_specialist", "- code: health_worker");
  EXPECT_EQ(error.field, "statuses.yaml");
  EXPECT_GT(error.line, 10u);
  EXPECT_EQ(error.public_text, "The status `health_worker` is there twice.");
}

TEST_F(BrokenPack, RefusesUnknownStatusesKeysAndDistricts) {
  EXPECT_EQ(load_with("organisations.yaml", "issues: [pensioner", "issues: [wizard").public_text,
            "The status `wizard` isn't in statuses.yaml.");
}

TEST_F(BrokenPack, RefusesAKeyItDoesNotKnow) {
  EXPECT_EQ(load_with("country.yaml", "currency:", "curency:").public_text, "`curency` isn't known here.");
}

TEST_F(BrokenPack, RefusesASettlementWithoutDistrict) {
  const Error error = load_with("territory/places.csv", "AZ-BA-587084,AZ-BA,", "AZ-BA-587084,AZ-XX,");
  EXPECT_EQ(error.field, "territory/places.csv");
  EXPECT_EQ(error.public_text, "The district AZ-XX isn't known.");
}

TEST_F(BrokenPack, RefusesWhatIsNotYaml) {
  EXPECT_EQ(load_with("country.yaml", "code: az", "code: [az").code, "country.file");
}

TEST_F(BrokenPack, SaysWhichFileIsMissing) {
  fs::remove(folder / "territory/districts.geojson");
  const auto result = CountryPack::load(folder);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "country.missing");
}

}  // namespace
}  // namespace dayaq::registry
