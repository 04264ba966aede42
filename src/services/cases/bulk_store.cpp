#include "services/cases/bulk_store.hpp"

#include <array>

#include "services/cases/cases_rows.hpp"

namespace dayaq::services {
namespace {

using registry::end_from;

#define DAYAQ_LIST_COLUMNS \
  "list_id, organisation, service, actor, made, state, renews, renewed_by, name, next_line"

ListId list_id(const store::Row& row, int column) {
  return ListId(static_cast<std::uint64_t>(row.integer(column)));
}

WaitingList list_from(const store::Row& row) {
  return {.list = {.id = list_id(row, 0),
                   .organisation = OrganisationCode(std::string(row.text(1))),
                   .service = ServiceCode(std::string(row.text(2))),
                   .actor = std::string(row.text(3)),
                   .made = from_micros(row.integer(4)),
                   .state = static_cast<ListState>(row.integer(5)),
                   .renews = list_id(row, 6),
                   .renewed_by = list_id(row, 7),
                   .name = std::string(row.text(8))},
          .next_line = static_cast<std::uint64_t>(row.integer(9))};
}

/// line, person_id, case_id, national_id, answers, state, fault, field, other_line
Result<ListedRow> row_from(const store::Row& row) {
  ListedRow out;
  out.row.line = static_cast<std::uint64_t>(row.integer(0));
  out.row.person = PersonId(static_cast<std::uint64_t>(row.integer(1)));
  out.case_id = CaseId(static_cast<std::uint64_t>(row.integer(2)));
  out.row.national_id = row.text(3);
  DAYAQ_TRY(out.row.answers, parse_answers(row.text(4)));
  out.state = static_cast<RowState>(row.integer(5));
  out.row.fault = parse_row_fault(row.text(6));
  out.row.field = row.text(7);
  out.row.earlier = static_cast<std::uint64_t>(row.integer(8));
  return out;
}

#define DAYAQ_ROW_COLUMNS \
  "r.line, r.person_id, r.case_id, r.national_id, r.answers, r.state, r.fault, r.field, r.other_line"
// A row's permit: the case's, whatever it is worth by now.
#define DAYAQ_ROW_PERMIT                                                                               \
  "LEFT JOIN permits p ON p.bucket = r.person_id % 256 AND p.person_id = r.person_id AND p.case_id = " \
  "r.case_id "

}  // namespace

Result<void> begin_list(store::Session& session, const EmployeeList& list) {
  DAYAQ_TRY(const auto fresh,
            session.change("INSERT INTO employee_list (" DAYAQ_LIST_COLUMNS
                           ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0) ON CONFLICT DO NOTHING",
                           {sql_key(list.id), list.organisation.value(), list.service.value(), list.actor,
                            to_micros(list.made), std::int64_t(ListState::reading), sql_key(list.renews),
                            sql_key(list.renewed_by), list.name}));
  if (fresh == 1) return {};
  DAYAQ_TRY(const auto there, find_list(session, list.organisation, list.id));
  if (!there || there->service != list.service || there->state == ListState::dropped) {
    return fail(ErrorKind::conflict, "employees.list", "This list isn't there any more. Send it again.");
  }
  return {};
}

Result<void> add_rows(store::Session& session, ListId list, std::span<const EmployeeRow> rows) {
  for (const EmployeeRow& row : rows) {
    const std::string answers = answers_json(row.answers);
    const RowState state = row.fault == RowFault::none ? RowState::ready : RowState::faulty;
    const CaseId of = row.person == PersonId() ? CaseId() : listed_case(list, row.person);
    DAYAQ_TRY_OK(
        session.exec("INSERT INTO employee_row (list_id, line, person_id, case_id, national_id, answers, "
                     "state, fault, field, "
                     "other_line) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
                     {sql_key(list), sql_key(row.line), sql_key(row.person), sql_key(of), row.national_id,
                      answers, std::int64_t(state), to_string(row.fault), row.field, sql_key(row.earlier)}));
  }
  return {};
}

Result<void> finish_list(store::Session& session, ListId list) {
  return session.exec("UPDATE employee_list SET state = $2 WHERE list_id = $1 AND state = $3",
                      {sql_key(list), std::int64_t(ListState::checked), std::int64_t(ListState::reading)});
}

Result<void> set_list_state(store::Session& session, ListId list, ListState state) {
  return session.exec("UPDATE employee_list SET state = $2 WHERE list_id = $1",
                      {sql_key(list), std::int64_t(state)});
}

Result<void> set_next_line(store::Session& session, ListId list, std::uint64_t line) {
  return session.exec("UPDATE employee_list SET next_line = $2 WHERE list_id = $1",
                      {sql_key(list), sql_key(line)});
}

Result<void> set_renewed(store::Session& session, ListId old, ListId by) {
  return session.exec("UPDATE employee_list SET renewed_by = $2 WHERE list_id = $1",
                      {sql_key(old), sql_key(by)});
}

Result<std::optional<WaitingList>> waiting_list(store::Session& session) {
  return session.one("SELECT " DAYAQ_LIST_COLUMNS
                     " FROM employee_list WHERE state = $1 ORDER BY made, list_id LIMIT 1",
                     {std::int64_t(ListState::running)}, list_from);
}

Result<std::optional<EmployeeList>> find_list(store::Session& session, const OrganisationCode& organisation,
                                              ListId id) {
  return session.one(
      "SELECT " DAYAQ_LIST_COLUMNS " FROM employee_list WHERE list_id = $1 AND organisation = $2",
      {sql_key(id), organisation.value()}, [](const store::Row& row) { return list_from(row).list; });
}

Result<std::vector<EmployeeList>> lists_of(store::Session& session, const OrganisationCode& organisation,
                                           int limit) {
  std::vector<EmployeeList> out;
  DAYAQ_TRY_OK(session.query("SELECT " DAYAQ_LIST_COLUMNS
                             " FROM employee_list WHERE organisation = $1 AND state > $2 AND state < $3 "
                             "ORDER BY made DESC, list_id LIMIT $4",
                             {organisation.value(), std::int64_t(ListState::reading),
                              std::int64_t(ListState::dropped), std::int64_t(limit)},
                             [&](const store::Row& row) -> Result<bool> {
                               out.push_back(list_from(row).list);
                               return true;
                             }));
  return out;
}

Result<ListCounts> list_counts(store::Session& session, ListId list, Instant now) {
  ListCounts out;
  const std::array<std::int64_t*, 5> by_state{&out.ready, &out.faulty, &out.submitted, &out.refused,
                                              &out.left};
  DAYAQ_TRY_OK(session.query("SELECT state, COUNT(*) FROM employee_row WHERE list_id = $1 GROUP BY state",
                             {sql_key(list)}, [&](const store::Row& row) -> Result<bool> {
                               *by_state.at(static_cast<std::size_t>(row.integer(0))) = row.integer(1);
                               out.rows += row.integer(1);
                               return true;
                             }));
  DAYAQ_TRY_OK(session.query(
      "SELECT COUNT(CASE WHEN p.revoked IS NULL AND p.valid_until > $2 THEN 1 END), COUNT(p.permit_id) "
      "FROM employee_row r " DAYAQ_ROW_PERMIT "WHERE r.list_id = $1 AND r.state = $3",
      {sql_key(list), to_micros(now), std::int64_t(RowState::submitted)},
      [&](const store::Row& row) -> Result<bool> {
        out.live = row.integer(0);
        out.ended = row.integer(1) - out.live;
        return true;
      }));
  return out;
}

Result<std::vector<ListedRow>> ready_rows(store::Session& session, ListId list, std::uint64_t from_line,
                                          int rows) {
  std::vector<ListedRow> out;
  DAYAQ_TRY_OK(
      session.query("SELECT " DAYAQ_ROW_COLUMNS
                    " FROM employee_row r WHERE r.list_id = $1 AND r.line >= $2 AND r.state = $3 "
                    "ORDER BY r.line LIMIT $4",
                    {sql_key(list), sql_key(from_line), std::int64_t(RowState::ready), std::int64_t(rows)},
                    [&](const store::Row& row) -> Result<bool> {
                      DAYAQ_TRY(ListedRow one, row_from(row));
                      out.push_back(std::move(one));
                      return true;
                    }));
  return out;
}

Result<std::vector<EmployeeRow>> ended_rows(store::Session& session, ListId list, Instant now) {
  std::vector<EmployeeRow> out;
  DAYAQ_TRY_OK(session.query(
      "SELECT " DAYAQ_ROW_COLUMNS " FROM employee_row r " DAYAQ_ROW_PERMIT
      "WHERE r.list_id = $1 AND r.state = $2 AND p.permit_id IS NOT NULL AND (p.revoked IS NOT NULL OR "
      "p.valid_until <= $3) ORDER BY r.line",
      {sql_key(list), std::int64_t(RowState::submitted), to_micros(now)},
      [&](const store::Row& row) -> Result<bool> {
        DAYAQ_TRY(ListedRow one, row_from(row));
        out.push_back(std::move(one.row));
        return true;
      }));
  return out;
}

Result<void> set_row(store::Session& session, ListId list, const ListedRow& row) {
  return session.exec(
      "UPDATE employee_row SET state = $3, fault = $4, field = $5 WHERE list_id = $1 AND line = $2",
      {sql_key(list), sql_key(row.row.line), std::int64_t(row.state), to_string(row.row.fault),
       row.row.field});
}

namespace {

#define DAYAQ_ROW_AND_PERMIT \
  DAYAQ_ROW_COLUMNS ", p.permit_id, p.kind, p.valid_from, p.valid_until, p.revoked, p.token"

Result<ListedRow> row_and_permit(const store::Row& row) {
  DAYAQ_TRY(ListedRow one, row_from(row));
  if (row.is_null(9)) return one;
  const BytesView token = row.blob(14);
  one.permit = Permit{.id = PermitId(static_cast<std::uint64_t>(row.integer(9))),
                      .person = one.row.person,
                      .case_id = one.case_id,
                      .service = {},
                      .kind = std::string(row.text(10)),
                      .valid = {from_micros(row.integer(11)), from_micros(row.integer(12))},
                      .revoked = end_from(row, 13),
                      .token = std::string(reinterpret_cast<const char*>(token.data()), token.size())};
  return one;
}

}  // namespace

Result<std::optional<ListedRow>> listed_row(store::Session& session, ListId list, std::uint64_t line) {
  std::optional<ListedRow> out;
  DAYAQ_TRY_OK(session.query("SELECT " DAYAQ_ROW_AND_PERMIT " FROM employee_row r " DAYAQ_ROW_PERMIT
                             "WHERE r.list_id = $1 AND r.line = $2",
                             {sql_key(list), sql_key(line)}, [&](const store::Row& row) -> Result<bool> {
                               DAYAQ_TRY(out, row_and_permit(row));
                               return false;
                             }));
  return out;
}

Result<std::vector<ListedRow>> list_rows(store::Session& session, ListId list, const RowFilter& filter,
                                         Instant now) {
  std::vector<ListedRow> out;
  const std::int64_t state = filter.state ? std::int64_t(*filter.state) : -1;
  DAYAQ_TRY_OK(session.query(
      "SELECT " DAYAQ_ROW_AND_PERMIT " FROM employee_row r " DAYAQ_ROW_PERMIT
      "WHERE r.list_id = $1 AND (CAST($2 AS BIGINT) = -1 OR r.state = $2) AND (CAST($3 AS BIGINT) = 0 OR "
      "(p.permit_id IS NOT NULL AND p.revoked IS NULL AND p.valid_until > $4)) AND (CAST($5 AS BIGINT) = 0 "
      "OR "
      "(p.permit_id IS NOT NULL AND (p.revoked IS NOT NULL OR p.valid_until <= $4))) ORDER BY r.line LIMIT "
      "$6 "
      "OFFSET $7",
      {sql_key(list), state, std::int64_t(filter.live_only), to_micros(now), std::int64_t(filter.ended_only),
       std::int64_t(filter.limit), std::int64_t(filter.offset)},
      [&](const store::Row& row) -> Result<bool> {
        DAYAQ_TRY(ListedRow one, row_and_permit(row));
        out.push_back(std::move(one));
        return true;
      }));
  return out;
}

}  // namespace dayaq::services
