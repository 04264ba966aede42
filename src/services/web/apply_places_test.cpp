// Places as people type them, among those of the country pack.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "regime/law_test_support.hpp"
#include "services/web/apply.hpp"

namespace dayaq::services::web {
namespace {

using Names = std::vector<std::string>;

struct PlacesLike : testing::Test {
  const registry::CountryPack& country = regime::test::azerbaijan().pack;
  [[nodiscard]] std::vector<registry::PlaceIndex> found(std::string_view text, std::size_t most = 12) const {
    return places_like(country, text, most);
  }
  [[nodiscard]] Names typed(std::string_view text, std::size_t most = 12) const {
    Names out;
    for (const registry::PlaceIndex place : found(text, most)) out.push_back(country.place(place).name.az);
    return out;
  }
  [[nodiscard]] std::int64_t people(registry::PlaceIndex place) const {
    return country.place(place).population;
  }
};

TEST_F(PlacesLike, AreFoundInEachLanguageAndWithoutDiacritics) {
  for (const char* text :
       {"Xırdalan", "xirdalan", "XIRDALAN", "  Xırdalan ", "Khirdalan", "Хырдалан", "хырдал"}) {
    const Names names = typed(text);
    ASSERT_FALSE(names.empty()) << text;
    EXPECT_EQ(names.front(), "Xırdalan") << text;
  }
}

TEST_F(PlacesLike, DistrictsAreNoPlacesToGoTo) {
  for (const registry::Place& place : country.places()) {
    for (const registry::PlaceIndex one : found(place.name.az)) {
      ASSERT_NE(country.place(one).kind, registry::PlaceKind::district) << place.name.az;
    }
  }
}

TEST_F(PlacesLike, EverySettlementIsFoundByItsWholeName) {
  for (std::size_t i = 0; i < country.places().size(); ++i) {
    const registry::Place& place = country.places()[i];
    if (place.kind == registry::PlaceKind::district) continue;
    const auto all = found(place.name.az, country.places().size());
    ASSERT_NE(std::ranges::find(all, registry::PlaceIndex(i)), all.end()) << place.name.az;
  }
}

TEST_F(PlacesLike, WholeNamesComeFirstThenTheLarger) {
  const auto all = found("qara", country.places().size());
  ASSERT_GE(all.size(), 5u);
  EXPECT_TRUE(std::ranges::is_sorted(all, [&](auto a, auto b) { return people(a) > people(b); }))
      << "none is called just that";
  // A short whole name before longer ones that begin with it, however large those are.
  for (std::size_t i = 0; i < country.places().size(); ++i) {
    const registry::Place& place = country.places()[i];
    if (place.kind == registry::PlaceKind::district || place.name.az.size() > 5) continue;
    const Names names = typed(place.name.az);
    ASSERT_FALSE(names.empty());
    EXPECT_EQ(fold_for_search(names.front()), fold_for_search(place.name.az));
  }
}

TEST_F(PlacesLike, AreNoMoreThanAPageShowsAndNoneForNothing) {
  EXPECT_EQ(found("qa", 3).size(), 3u);
  EXPECT_TRUE(found("").empty());
  EXPECT_TRUE(found("q").empty()) << "one letter says nothing";
  EXPECT_TRUE(found("qqqq").empty());
  EXPECT_TRUE(found(std::string(5000, 'q')).empty());
  const auto all = found("ba", country.places().size());
  for (const auto place : all) EXPECT_EQ(std::ranges::count(all, place), 1) << "each once";
}

}  // namespace
}  // namespace dayaq::services::web
