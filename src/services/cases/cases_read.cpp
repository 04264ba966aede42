#include "services/cases/cases_rows.hpp"

namespace dayaq::services {
namespace {

using registry::bucket_of;

/// Adds each row's case to `out`.
auto each_case(std::vector<Case>& out) {
  return [&out](const store::Row& row) -> Result<bool> {
    DAYAQ_TRY(StoredCase one, case_from(row));
    out.push_back(std::move(one.stands));
    return true;
  };
}
auto each_permit(std::vector<Permit>& out) {
  return [&out](const store::Row& row) -> Result<bool> {
    out.push_back(permit_from(row));
    return true;
  };
}

}  // namespace

Result<std::vector<Cases::Draft>> Cases::drafts(store::Session& session, PersonId person) const {
  std::vector<Draft> out;
  DAYAQ_TRY_OK(session.query(
      "SELECT service, case_id, answers, saved FROM case_drafts WHERE bucket = $1 AND person_id = $2 "
      "ORDER BY saved DESC",
      {bucket_of(person), sql_key(person)}, [&](const store::Row& row) -> Result<bool> {
        DAYAQ_TRY(Answers answers, parse_answers(row.text(2)));
        out.push_back({.service = ServiceCode(std::string(row.text(0))),
                       .id = CaseId(std::uint64_t(row.integer(1))),
                       .answers = std::move(answers),
                       .saved = from_micros(row.integer(3))});
        return true;
      }));
  return out;
}

Result<std::optional<Case>> Cases::find(store::Session& session, PersonId person, CaseId id) const {
  DAYAQ_TRY(std::optional<StoredCase> found, stored_case(session, person, id));
  if (!found) return std::optional<Case>();
  return std::optional(std::move(found->stands));
}

Result<std::optional<Case>> Cases::find(store::Session& session, CaseId id) const {
  std::vector<Case> found;
  DAYAQ_TRY_OK(session.query("SELECT " DAYAQ_CASE_COLUMNS " FROM cases WHERE sought = $1 AND case_id = $2 "
                             "ORDER BY submitted LIMIT 1",
                             {numbers_.order(id), sql_key(id)}, each_case(found)));
  if (!found.empty()) return std::optional<Case>(std::move(found.front()));
  DAYAQ_TRY_OK(session.query("SELECT " DAYAQ_CASE_COLUMNS " FROM cases WHERE case_id = $1 AND sought IS NULL "
                             "ORDER BY submitted LIMIT 1",
                             {sql_key(id)}, each_case(found)));
  if (found.empty()) return std::optional<Case>();
  return std::optional(std::move(found.front()));
}

Result<Barred> Cases::barred(store::Session& session, const Case& one, const std::string& actor) const {
  if (one.state != CaseState::in_review) return Barred::no;
  const auto person_behind = [&](const std::string& of) -> Result<std::optional<PersonId>> {
    if (!context_.person_behind) return std::optional<PersonId>();
    return context_.person_behind(session, of);
  };
  DAYAQ_TRY(const auto person, person_behind(actor));
  if (person == one.person) return Barred::own;
  if (one.appeals == 0) return Barred::no;
  DAYAQ_TRY(const std::vector<CaseEvent> history, events(session, one.person, one.id));
  for (const CaseEvent& event : history) {
    if (event.what == "appealed") break;
    if (event.what != "approved" && event.what != "refused") continue;
    if (event.actor == actor) return Barred::decided_before;
    if (!person) continue;
    DAYAQ_TRY(const auto decided_by, person_behind(event.actor));
    if (decided_by == person) return Barred::decided_before;
  }
  return Barred::no;
}

Result<std::vector<Case>> Cases::of_person(store::Session& session, PersonId person, int limit) const {
  std::vector<Case> out;
  DAYAQ_TRY_OK(session.query("SELECT " DAYAQ_CASE_COLUMNS " FROM cases WHERE bucket = $1 AND person_id = $2 "
                             "ORDER BY submitted DESC, case_id LIMIT $3",
                             {bucket_of(person), sql_key(person), std::int64_t(limit)}, each_case(out)));
  return out;
}

Result<std::vector<Permit>> Cases::permits_of(store::Session& session, PersonId person,
                                              Instant valid_at) const {
  std::vector<Permit> out;
  DAYAQ_TRY_OK(session.query("SELECT " DAYAQ_PERMIT_COLUMNS
                             " FROM permits WHERE bucket = $1 AND person_id = $2 AND valid_until > $3 "
                             "AND (revoked IS NULL OR revoked > $3) ORDER BY valid_until",
                             {bucket_of(person), sql_key(person), to_micros(valid_at)}, each_permit(out)));
  return out;
}

Result<std::optional<Permit>> Cases::permit(store::Session& session, PersonId person, PermitId id) const {
  return session.one("SELECT " DAYAQ_PERMIT_COLUMNS
                     " FROM permits WHERE bucket = $1 AND person_id = $2 AND permit_id = $3",
                     {bucket_of(person), sql_key(person), sql_key(id)},
                     [](const store::Row& row) { return permit_from(row); });
}

Result<std::vector<Permit>> Cases::long_ones_ending(store::Session& session, Instant from, Instant until,
                                                    int rows) const {
  // As the index permits_long says it, or it isn't used.
#define DAYAQ_LONG_ONES                                                                                    \
  "SELECT " DAYAQ_PERMIT_COLUMNS                                                                           \
  " FROM permits WHERE revoked IS NULL AND valid_until - valid_from >= 259200000000 AND valid_until > $1 " \
  "AND valid_until <= $2 "
  std::vector<Permit> out;
  DAYAQ_TRY_OK(session.query(DAYAQ_LONG_ONES "ORDER BY valid_until LIMIT $3",
                             {to_micros(from), to_micros(until), std::int64_t(rows)}, each_permit(out)));
  if (int(out.size()) < rows) return out;
  const Instant last = out.back().valid.until;
  std::erase_if(out, [&](const Permit& one) { return one.valid.until == last; });
  DAYAQ_TRY_OK(session.query(
      DAYAQ_LONG_ONES, {to_micros(last - std::chrono::microseconds(1)), to_micros(last)}, each_permit(out)));
#undef DAYAQ_LONG_ONES
  return out;
}

Result<std::vector<Permit>> Cases::revoked_live(store::Session& session, Instant now) const {
  std::vector<Permit> out;
  DAYAQ_TRY_OK(session.query("SELECT " DAYAQ_PERMIT_COLUMNS
                             " FROM permits WHERE revoked IS NOT NULL AND valid_until > $1",
                             {to_micros(now)}, each_permit(out)));
  return out;
}

Result<Instant> Cases::first_unrevoked(store::Session& session, std::string_view kind, Instant now) const {
  Instant first = instant_max;
  DAYAQ_TRY_OK(session.query(
      "SELECT MIN(valid_from) FROM permits WHERE kind = $1 AND revoked IS NULL AND valid_until > $2",
      {kind, to_micros(now)}, [&](const store::Row& row) -> Result<bool> {
        if (!row.is_null(0)) first = from_micros(row.integer(0));
        return false;
      }));
  return first;
}

Result<Cases::Queue> Cases::queue(store::Session& session, const QueueFilter& filter, Instant now) const {
  Queue out;
  const bool by_holder = filter.claimed_by.has_value();
  const std::string holder = filter.claimed_by.value_or("");
  const std::int64_t in_review = std::int64_t(CaseState::in_review);
  DAYAQ_TRY_OK(
      session.query("SELECT " DAYAQ_CASE_COLUMNS
                    " FROM cases WHERE office = $1 AND state = $2 AND ($3 = '' OR service = $3) "
                    "AND (CAST($4 AS BIGINT) = 0 OR claimed_by = $5) "
                    "AND (CAST($6 AS BIGINT) = 0 OR promised < $7 OR escalated = 1) "
                    "ORDER BY promised, submitted LIMIT $8 OFFSET $9",
                    {std::int64_t(filter.office), in_review, std::string_view(filter.service),
                     std::int64_t(by_holder), std::string_view(holder), std::int64_t(filter.late_only),
                     to_micros(now), std::int64_t(filter.limit), std::int64_t(filter.offset)},
                    each_case(out.cases)));
  DAYAQ_TRY_OK(session.query(
      "SELECT COUNT(*), COALESCE(SUM(CASE WHEN promised < $3 OR escalated = 1 THEN 1 ELSE 0 END), 0) "
      "FROM cases WHERE office = $1 AND state = $2",
      {std::int64_t(filter.office), in_review, to_micros(now)}, [&](const store::Row& row) -> Result<bool> {
        out.waiting = row.integer(0);
        out.late = row.integer(1);
        return false;
      }));
  return out;
}

Result<std::vector<Cases::DayFigures>> Cases::figures(store::Session& session, const ServiceCode& service,
                                                      Date from, Date until) const {
  std::vector<DayFigures> out;
  DAYAQ_TRY_OK(
      session.query("SELECT day, submitted, granted, refused, late, seconds_to_answer FROM services_days "
                    "WHERE service = $1 AND day >= $2 AND day < $3 ORDER BY day",
                    {std::string_view(service.value()), std::int64_t(from.time_since_epoch().count()),
                     std::int64_t(until.time_since_epoch().count())},
                    [&](const store::Row& row) -> Result<bool> {
                      out.push_back({.day = Date(std::chrono::days(row.integer(0))),
                                     .submitted = row.integer(1),
                                     .granted = row.integer(2),
                                     .refused = row.integer(3),
                                     .late = row.integer(4),
                                     .seconds_to_answer = row.integer(5)});
                      return true;
                    }));
  return out;
}

}  // namespace dayaq::services
