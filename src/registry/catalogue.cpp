#include "registry/catalogue.hpp"

#include <fmt/format.h>

namespace dayaq::registry {
namespace {

struct Statements {
  store::Sql select;
  store::Sql insert;
};
constexpr Statements status_statements{"SELECT number, code FROM status ORDER BY number",
                                       "INSERT INTO status (number, code) VALUES ($1, $2)"};
constexpr Statements place_statements{"SELECT number, code FROM place ORDER BY number",
                                      "INSERT INTO place (number, code) VALUES ($1, $2)"};

/// Fills both directions. Numbers count from 0 without gaps, in the order in which codes were first seen.
template <class Index, class Items, class Find>
Result<void> assign(store::Session& session, const Statements& sql, const Items& items, Find&& find,
                    std::vector<std::int64_t>& numbers, std::vector<Index>& indexes) {
  numbers.assign(items.size(), -1);
  DAYAQ_TRY_OK(session.query(sql.select, {}, [&](const store::Row& row) -> Result<bool> {
    const std::optional<Index> index = find(row.text(1));
    if (!index) {
      return fail(ErrorKind::conflict, "registry.code_removed",
                  fmt::format("The country pack no longer has `{}`, which records may hold. Put it back.",
                              row.text(1)));
    }
    DAYAQ_ASSERT(row.integer(0) == static_cast<std::int64_t>(indexes.size()));
    numbers[*index] = row.integer(0);
    indexes.push_back(*index);
    return true;
  }));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] >= 0) continue;
    numbers[i] = static_cast<std::int64_t>(indexes.size());
    indexes.push_back(static_cast<Index>(i));
    DAYAQ_TRY_OK(session.exec(sql.insert, {numbers[i], std::string_view(items[i].code.value())}));
  }
  return {};
}

}  // namespace

Result<Catalogue> Catalogue::open(store::Session& session, const CountryPack& pack) {
  Catalogue catalogue;
  DAYAQ_TRY_OK(assign<StatusIndex>(
      session, status_statements, pack.statuses(),
      [&](std::string_view code) { return pack.find_status(code); }, catalogue.status_numbers_,
      catalogue.statuses_));
  DAYAQ_TRY_OK(assign<PlaceIndex>(
      session, place_statements, pack.places(), [&](std::string_view code) { return pack.find_place(code); },
      catalogue.place_numbers_, catalogue.places_));
  return catalogue;
}

}  // namespace dayaq::registry
