#include "services/web/drop_off.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "services_web_schema_sql.hpp"

namespace dayaq::services::web {

std::span<const store::Migration> migrations() {
  static constexpr std::array<store::Migration, 1> all{
      store::Migration{.room = "services_web", .number = 1, .sql = schema_sql}};
  return all;
}

void DropOff::add(std::string_view service, std::string_view field, Instant now, std::int64_t shown,
                  std::int64_t answered) {
  Key key{std::string(service), zone_.day_of(now).time_since_epoch().count(), std::string(field)};
  const std::lock_guard lock(mutex_);
  Count& count = counts_[std::move(key)];
  count.shown += shown;
  count.answered += answered;
}

std::vector<QuestionFigures> DropOff::with_waiting(std::vector<QuestionFigures> stored,
                                                   std::string_view service, Date from, Date until) const {
  const std::int64_t first = from.time_since_epoch().count(), end = until.time_since_epoch().count();
  const std::lock_guard lock(mutex_);
  for (const auto& [key, count] : counts_) {
    if (key.service != service || key.day < first || key.day >= end) continue;
    auto own = std::ranges::find(stored, key.field, &QuestionFigures::field);
    if (own == stored.end()) own = stored.insert(own, {.field = key.field});
    own->shown += count.shown;
    own->answered += count.answered;
  }
  return stored;
}

Result<void> DropOff::flush(store::Database& db) {
  std::map<Key, Count> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(counts_);
  }
  if (taken.empty()) return {};
  auto done = db.write([&](store::Session& session) -> Result<void> {
    for (const auto& [key, count] : taken) {
      DAYAQ_TRY_OK(session.exec(
          "INSERT INTO service_questions (service, day, field, shown, answered) VALUES ($1, $2, $3, $4, $5) "
          "ON CONFLICT (service, day, field) DO UPDATE SET shown = service_questions.shown + excluded.shown, "
          "answered = service_questions.answered + excluded.answered",
          {std::string_view(key.service), key.day, std::string_view(key.field), count.shown,
           count.answered}));
    }
    return {};
  });
  if (done) return {};
  const std::lock_guard lock(mutex_);
  for (auto& [key, count] : taken) {
    Count& kept = counts_[key];
    kept.shown += count.shown;
    kept.answered += count.answered;
  }
  return done;
}

Result<std::vector<QuestionFigures>> question_figures(store::Session& session, std::string_view service,
                                                      Date from, Date until) {
  std::vector<QuestionFigures> all;
  const std::int64_t first = from.time_since_epoch().count();
  const std::int64_t end = until.time_since_epoch().count();
  DAYAQ_TRY_OK(session.query(
      "SELECT field, SUM(shown), SUM(answered) FROM service_questions WHERE service = $1 AND day >= $2 AND "
      "day < $3 GROUP BY field ORDER BY field",
      {service, first, end}, [&](const store::Row& row) -> Result<bool> {
        all.push_back({std::string(row.text(0)), row.integer(1), row.integer(2)});
        return true;
      }));
  return all;
}

}  // namespace dayaq::services::web
