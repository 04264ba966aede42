#include "settlement/store.hpp"

#include <array>

#include "settlement_schema_sql.hpp"

namespace dayaq::settlement {
namespace {

constexpr store::Sql sums_by_month =
    "select operator, month, measure, benefit, kind, unit, traffic_class, sum(units), sum(requests), "
    "sum(orphans)"
    " from settlement_sum where ($1 = '' or operator = $1) and day >= $2 and day < $3"
    " group by operator, month, measure, benefit, kind, unit, traffic_class"
    " order by operator, month, measure, benefit, kind, unit, traffic_class";
constexpr store::Sql sums_by_day =
    "select operator, month, measure, benefit, kind, unit, traffic_class, units, requests, orphans, day"
    " from settlement_sum where ($1 = '' or operator = $1) and day >= $2 and day < $3"
    " order by operator, month, day, measure, benefit, kind, unit, traffic_class";

std::int64_t days_of(Date day) {
  return day.time_since_epoch().count();
}

/// Columns: operator, edge, number, last_record, created, stored, resources.
EdgeStanding read_standing(const store::Row& row) {
  return {.operator_code = std::string(row.text(0)),
          .edge = std::string(row.text(1)),
          .number = std::uint64_t(row.integer(2)),
          .last_record = std::uint64_t(row.integer(3)),
          .resources = std::uint32_t(row.integer(6)),
          .created = from_micros(row.integer(4)),
          .stored = from_micros(row.integer(5))};
}

Sum read_sum(const store::Row& row) {
  return {.name = {.operator_code = std::string(row.text(0)),
                   .measure = std::uint32_t(row.integer(2)),
                   .benefit = std::uint8_t(row.integer(3)),
                   .kind = feed::Benefit(row.integer(4)),
                   .unit = feed::Unit(row.integer(5)),
                   .traffic_class = std::string(row.text(6))},
          .month = Month(row.integer(1)),
          .day = {},
          .units = row.integer(7),
          .requests = row.integer(8),
          .orphans = row.integer(9)};
}

}  // namespace

Month month_of(Date day) {
  const std::chrono::year_month_day civil(day);
  return Month(int(civil.year()) * 12 + int(unsigned(civil.month())) - 1);
}

Date first_day(Month month) {
  return std::chrono::year(month / 12) / std::chrono::month(unsigned(month % 12 + 1)) / 1;
}

std::string format_month(Month month) {
  return format_date(first_day(month)).substr(0, 7);
}

std::span<const store::Migration> migrations() {
  static constexpr std::array all{
      store::Migration{.room = "settlement", .number = 1, .sql = schema_sql},
      // Of batches before this column it is in their bytes alone.
      store::Migration{
          .room = "settlement",
          .number = 2,
          .sql = "alter table settlement_batch add column resources bigint not null default 0;"}};
  return all;
}

Result<std::optional<EdgeStanding>> SettlementStore::last(store::Session& session,
                                                          std::string_view operator_code,
                                                          std::string_view edge) {
  return session.one(
      "select operator, edge, number, last_record, created, stored, resources from settlement_batch"
      " where operator = $1 and edge = $2 order by number desc limit 1",
      {operator_code, edge}, read_standing);
}

Result<std::optional<Bytes>> SettlementStore::content(store::Session& session, std::string_view operator_code,
                                                      std::string_view edge, std::uint64_t number) {
  return session.one("select content from settlement_batch where operator = $1 and edge = $2 and number = $3",
                     {operator_code, edge, std::int64_t(number)}, [](const store::Row& row) {
                       const BytesView bytes = row.blob(0);
                       return Bytes(bytes.begin(), bytes.end());
                     });
}

Result<void> SettlementStore::insert(store::Session& session, const feed::Settlement& batch,
                                     BytesView content, Instant now) {
  return session.exec(
      "insert into settlement_batch (operator, edge, number, created, stored, last_record, content,"
      " resources) values ($1, $2, $3, $4, $5, $6, $7, $8)",
      {std::string_view(batch.operator_code), std::string_view(batch.edge), std::int64_t(batch.number),
       to_micros(batch.created), to_micros(now), std::int64_t(batch.last_record), content,
       std::int64_t(batch.resources_version)});
}

Result<void> SettlementStore::add(store::Session& session, std::string_view operator_code,
                                  const feed::SettlementLine& line) {
  // What a day may hold bounds what is read, so that the sum of both can't leave 64 bits.
  DAYAQ_TRY(
      const std::int64_t changed,
      session.change(
          "insert into settlement_sum (operator, month, day, measure, benefit, kind, unit, traffic_class,"
          " units, requests, orphans) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
          " on conflict (operator, month, day, measure, benefit, kind, unit, traffic_class) do update set"
          " units = settlement_sum.units + excluded.units,"
          " requests = settlement_sum.requests + excluded.requests,"
          " orphans = settlement_sum.orphans + excluded.orphans"
          " where abs(settlement_sum.units + excluded.units) <= $12",
          {operator_code, std::int64_t(month_of(Date(std::chrono::days(line.day)))), std::int64_t(line.day),
           std::int64_t(line.measure), std::int64_t(line.benefit), std::int64_t(line.kind),
           std::int64_t(line.unit), std::string_view(line.traffic_class), line.units,
           std::int64_t(line.requests), std::int64_t(line.orphans), day_units_max}));
  if (changed == 1) return {};
  return fail(ErrorKind::limit, "settlement.too_much",
              "No operator delivers so much of one benefit in a day. Look at what the edge counts.");
}

Result<std::vector<EdgeStanding>> SettlementStore::edges(store::Session& session,
                                                         std::string_view operator_code) {
  std::vector<EdgeStanding> out;
  DAYAQ_TRY_OK(session.query(
      "select b.operator, b.edge, b.number, b.last_record, b.created, b.stored, b.resources"
      " from settlement_batch b"
      " join (select operator, edge, max(number) as number from settlement_batch"
      "       where $1 = '' or operator = $1 group by operator, edge) l"
      " on b.operator = l.operator and b.edge = l.edge and b.number = l.number order by b.operator, b.edge",
      {operator_code}, [&](const store::Row& row) -> Result<bool> {
        out.push_back(read_standing(row));
        return true;
      }));
  return out;
}

Result<std::vector<Month>> SettlementStore::months(store::Session& session) {
  std::vector<Month> out;
  DAYAQ_TRY_OK(session.query("select distinct month from settlement_sum order by month desc", {},
                             [&](const store::Row& row) -> Result<bool> {
                               out.push_back(Month(row.integer(0)));
                               return true;
                             }));
  return out;
}

Result<void> SettlementStore::each_sum(store::Session& session, std::string_view operator_code,
                                       const Days& days, By by,
                                       const std::function<Result<bool>(const Sum&)>& on_sum) {
  return session.query(by == By::day ? sums_by_day : sums_by_month,
                       {operator_code, days_of(days.from), days_of(days.until)},
                       [&](const store::Row& row) -> Result<bool> {
                         Sum sum = read_sum(row);
                         if (by == By::day) sum.day = Date(std::chrono::days(row.integer(10)));
                         return on_sum(sum);
                       });
}

}  // namespace dayaq::settlement
