#include "services/cases/cases_rows.hpp"

#include <algorithm>

#include "registry/country_pack.hpp"

namespace dayaq::services {
namespace {

using registry::bucket_of;
using registry::end_from;
using registry::end_param;

// Between the languages of a text, the parts of an event, and events. No text has them: they are control
// characters, and what people write loses them here.
constexpr char language_mark = '\x1f';
constexpr char part_mark = '\x1e';
constexpr char event_mark = '\x1d';

std::string without_marks(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(
      out, [](char c) { return c == language_mark || c == part_mark || c == event_mark || c == '\0'; }, ' ');
  return out;
}

std::string_view take(std::string_view& rest, char mark) {
  const std::size_t end = rest.find(mark);
  const std::string_view out = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return out;
}

store::Param office_param(const std::optional<OrganisationIndex>& office) {
  if (!office) return nullptr;
  return std::int64_t(*office);
}

Result<std::vector<StoredCase>> all_of(
    const std::function<Result<void>(const std::function<Result<bool>(const store::Row&)>&)>& query) {
  std::vector<StoredCase> out;
  DAYAQ_TRY_OK(query([&](const store::Row& row) -> Result<bool> {
    DAYAQ_TRY(StoredCase one, case_from(row));
    out.push_back(std::move(one));
    return true;
  }));
  return out;
}

std::string pack_events(std::span<const CaseEvent> events) {
  std::string out;
  for (const CaseEvent& event : events) {
    if (!out.empty()) out += event_mark;
    out += event.what;
    out += part_mark;
    out += pack_text(event.note);
  }
  return out;
}

/// Of one change: what its actor did, and what followed from that by the rules.
void unpack_events(std::string_view packed, int number, Instant at, std::string_view actor,
                   std::vector<CaseEvent>& out) {
  for (std::string_view rest = packed; !rest.empty(); ++number) {
    std::string_view one = take(rest, event_mark);
    const std::string_view what = take(one, part_mark);
    out.push_back({.number = number,
                   .at = at,
                   .what = std::string(what),
                   .actor = std::string(actor),
                   .note = unpack_text(one)});
    actor = rules_actor;
  }
}

}  // namespace

std::string pack_text(const LocalizedText& text) {
  if (text.az == text.en && text.az == text.ru) return without_marks(text.az);
  std::string out = without_marks(text.az);
  out += language_mark;
  out += without_marks(text.en);
  out += language_mark;
  out += without_marks(text.ru);
  return out;
}

LocalizedText unpack_text(std::string_view packed) {
  if (!packed.contains(language_mark)) {
    return {.az = std::string(packed), .en = std::string(packed), .ru = std::string(packed)};
  }
  LocalizedText out;
  out.az = take(packed, language_mark);
  out.en = take(packed, language_mark);
  out.ru = packed;
  return out;
}

Result<StoredCase> case_from(const store::Row& row) {
  StoredCase out;
  Case& c = out.stands;
  c.person = PersonId(std::uint64_t(row.integer(0)));
  c.id = CaseId(std::uint64_t(row.integer(1)));
  c.service = ServiceCode(std::string(row.text(2)));
  c.version = int(row.integer(3));
  c.channel = Channel(row.integer(4));
  c.state = CaseState(row.integer(5));
  c.step = int(row.integer(6));
  c.revision = int(row.integer(7));
  out.events = int(row.integer(8));
  c.submitted = from_micros(row.integer(9));
  c.promised = from_micros(row.integer(10));
  c.decided = end_from(row, 11);
  c.due = end_from(row, 12);
  if (!row.is_null(13)) c.office = OrganisationIndex(row.integer(13));
  c.claimed_by = row.text(14);
  c.escalated = row.integer(15) != 0;
  c.appeals = int(row.integer(16));
  c.permit = PermitId(std::uint64_t(row.integer(17)));
  DAYAQ_TRY(c.answers, parse_answers(row.text(18)));
  c.reason = unpack_text(row.text(19));
  return out;
}

Result<void> insert_case(store::Session& db, const StoredCase& stored, std::span<const CaseEvent> begun,
                         std::optional<std::int64_t> sought) {
  const Case& c = stored.stands;
  std::string first;
  if (!begun.empty()) first = begun.front().actor + event_mark + pack_events(begun);
  const std::string answers = answers_json(c.answers);
  const std::string reason = pack_text(c.reason);
  return db.exec(
      "INSERT INTO cases (bucket, person_id, case_id, service, version, channel, state, step, revision, "
      "events, submitted, promised, decided, due, office, claimed_by, escalated, appeals, permit, answers, "
      "reason, begun, sought) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, "
      "$17, $18, $19, $20, $21, $22, $23)",
      {bucket_of(c.person),
       sql_key(c.person),
       sql_key(c.id),
       std::string_view(c.service.value()),
       std::int64_t(c.version),
       std::int64_t(c.channel),
       std::int64_t(c.state),
       std::int64_t(c.step),
       std::int64_t(c.revision),
       std::int64_t(stored.events),
       to_micros(c.submitted),
       to_micros(c.promised),
       end_param(c.decided),
       end_param(c.due),
       office_param(c.office),
       std::string_view(c.claimed_by),
       std::int64_t(c.escalated),
       std::int64_t(c.appeals),
       sql_key(c.permit),
       std::string_view(answers),
       std::string_view(reason),
       std::string_view(first),
       sought ? store::Param(*sought) : store::Param(nullptr)});
}

Result<void> update_case(store::Session& db, const StoredCase& stored) {
  const Case& c = stored.stands;
  const std::string answers = answers_json(c.answers);
  const std::string reason = pack_text(c.reason);
  return db.exec(
      "UPDATE cases SET version = $4, state = $5, step = $6, revision = $7, events = $8, promised = $9, "
      "decided = $10, due = $11, office = $12, claimed_by = $13, escalated = $14, appeals = $15, "
      "permit = $16, answers = $17, reason = $18 WHERE bucket = $1 AND person_id = $2 AND case_id = $3",
      {bucket_of(c.person), sql_key(c.person), sql_key(c.id), std::int64_t(c.version), std::int64_t(c.state),
       std::int64_t(c.step), std::int64_t(c.revision), std::int64_t(stored.events), to_micros(c.promised),
       end_param(c.decided), end_param(c.due), office_param(c.office), std::string_view(c.claimed_by),
       std::int64_t(c.escalated), std::int64_t(c.appeals), sql_key(c.permit), std::string_view(answers),
       std::string_view(reason)});
}

Result<std::optional<StoredCase>> stored_case(store::Session& db, PersonId person, CaseId id) {
  std::optional<StoredCase> out;
  DAYAQ_TRY_OK(db.query(
      "SELECT " DAYAQ_CASE_COLUMNS " FROM cases WHERE bucket = $1 AND person_id = $2 AND case_id = $3",
      {bucket_of(person), sql_key(person), sql_key(id)}, [&](const store::Row& row) -> Result<bool> {
        DAYAQ_TRY(out, case_from(row));
        return false;
      }));
  return out;
}

Result<std::vector<EarlierCase>> earlier_cases(store::Session& db, PersonId person) {
  std::vector<EarlierCase> out;
  DAYAQ_TRY_OK(
      db.query("SELECT case_id, service, state, submitted FROM cases WHERE bucket = $1 AND person_id = $2",
               {bucket_of(person), sql_key(person)}, [&](const store::Row& row) -> Result<bool> {
                 out.push_back({.id = CaseId(std::uint64_t(row.integer(0))),
                                .service = std::string(row.text(1)),
                                .state = CaseState(row.integer(2)),
                                .submitted = from_micros(row.integer(3))});
                 return true;
               }));
  return out;
}

Result<std::vector<StoredCase>> due_cases(store::Session& db, Instant now, int rows) {
  return all_of([&](const auto& each) {
    return db.query("SELECT " DAYAQ_CASE_COLUMNS " FROM cases WHERE due <= $1 ORDER BY due LIMIT $2",
                    {to_micros(now), std::int64_t(rows)}, each);
  });
}

Result<std::vector<StoredCase>> open_cases(store::Session& db, const ServiceCode& service, int version,
                                           int rows) {
  return all_of([&](const auto& each) {
    return db.query("SELECT " DAYAQ_CASE_COLUMNS
                    " FROM cases WHERE service = $1 AND version = $2 AND decided IS NULL LIMIT $3",
                    {std::string_view(service.value()), std::int64_t(version), std::int64_t(rows)}, each);
  });
}

Result<void> insert_events(store::Session& db, const Case& of, std::span<const CaseEvent> events) {
  if (events.empty()) return {};
  const std::string packed = pack_events(events);
  return db.exec(
      "INSERT INTO case_events (bucket, person_id, case_id, number, at, actor, events) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7)",
      {bucket_of(of.person), sql_key(of.person), sql_key(of.id), std::int64_t(events.front().number),
       to_micros(events.front().at), std::string_view(events.front().actor), std::string_view(packed)});
}

Result<std::vector<CaseEvent>> Cases::events(store::Session& session, PersonId person, CaseId id) const {
  std::vector<CaseEvent> out;
  DAYAQ_TRY_OK(session.query(
      "SELECT submitted, begun FROM cases WHERE bucket = $1 AND person_id = $2 AND case_id = $3",
      {bucket_of(person), sql_key(person), sql_key(id)}, [&](const store::Row& row) -> Result<bool> {
        std::string_view rest = row.text(1);
        const std::string_view actor = take(rest, event_mark);
        unpack_events(rest, 1, from_micros(row.integer(0)), actor, out);
        return false;
      }));
  DAYAQ_TRY_OK(session.query(
      "SELECT number, at, actor, events FROM case_events "
      "WHERE bucket = $1 AND person_id = $2 AND case_id = $3 ORDER BY number",
      {bucket_of(person), sql_key(person), sql_key(id)}, [&](const store::Row& row) -> Result<bool> {
        unpack_events(row.text(3), int(row.integer(0)), from_micros(row.integer(1)), row.text(2), out);
        return true;
      }));
  return out;
}

Result<void> insert_permit(store::Session& db, const PermitRow& row) {
  const Permit& p = row.permit;
  const store::Param regime =
      row.regime.empty() ? store::Param(nullptr) : store::Param(std::string_view(row.regime));
  return db.exec(
      "INSERT INTO permits (bucket, person_id, permit_id, case_id, service, kind, valid_from, valid_until, "
      "revoked, regime, regime_version, token) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, $9, $10, $11)",
      {bucket_of(p.person), sql_key(p.person), sql_key(p.id), sql_key(p.case_id),
       std::string_view(p.service.value()), std::string_view(p.kind), to_micros(p.valid.from),
       to_micros(p.valid.until), regime, std::int64_t(row.regime_version), as_bytes(p.token)});
}

Result<bool> set_revoked(store::Session& db, PersonId person, PermitId permit, Instant at) {
  DAYAQ_TRY(const std::int64_t changed,
            db.change("UPDATE permits SET revoked = $4 WHERE bucket = $1 AND person_id = $2 AND permit_id = "
                      "$3 AND revoked IS NULL",
                      {bucket_of(person), sql_key(person), sql_key(permit), to_micros(at)}));
  return changed > 0;
}

Permit permit_from(const store::Row& row) {
  const BytesView token = row.blob(8);
  return {.id = PermitId(std::uint64_t(row.integer(1))),
          .person = PersonId(std::uint64_t(row.integer(0))),
          .case_id = CaseId(std::uint64_t(row.integer(2))),
          .service = ServiceCode(std::string(row.text(3))),
          .kind = std::string(row.text(4)),
          .valid = {.from = from_micros(row.integer(5)), .until = from_micros(row.integer(6))},
          .revoked = end_from(row, 7),
          .token = std::string(reinterpret_cast<const char*>(token.data()), token.size())};
}

Result<std::vector<Permit>> live_of_regime(store::Session& db, const RegimePermits& which, Instant now,
                                           int rows) {
  std::vector<Permit> out;
  DAYAQ_TRY_OK(db.query("SELECT " DAYAQ_PERMIT_COLUMNS
                        " FROM permits WHERE regime = $1 AND revoked IS NULL AND valid_until > $2 "
                        "AND regime_version <> $3 AND ($4 = '' OR service = $4) LIMIT $5",
                        {std::string_view(which.regime), to_micros(now), std::int64_t(which.but_version),
                         std::string_view(which.service), std::int64_t(rows)},
                        [&](const store::Row& row) -> Result<bool> {
                          out.push_back(permit_from(row));
                          return true;
                        }));
  return out;
}

Result<void> count_day(store::Session& db, const ServiceCode& service, Date day, const DayChange& change) {
  return db.exec(
      "INSERT INTO services_days (service, day, submitted, granted, refused, late, seconds_to_answer) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (service, day) DO UPDATE SET "
      "submitted = services_days.submitted + excluded.submitted, "
      "granted = services_days.granted + excluded.granted, "
      "refused = services_days.refused + excluded.refused, late = services_days.late + excluded.late, "
      "seconds_to_answer = services_days.seconds_to_answer + excluded.seconds_to_answer",
      {std::string_view(service.value()), std::int64_t(day.time_since_epoch().count()), change.submitted,
       change.granted, change.refused, change.late, change.seconds});
}

Result<void> delete_draft(store::Session& db, PersonId person, const ServiceCode& service) {
  return db.exec("DELETE FROM case_drafts WHERE bucket = $1 AND person_id = $2 AND service = $3",
                 {bucket_of(person), sql_key(person), std::string_view(service.value())});
}

}  // namespace dayaq::services
