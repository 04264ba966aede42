// Permits for many at once: an employer's list of employees becomes a case each.
//
//   file ──read_employees──► rows ──judge_rows──► record_list ──► checked ──submit_list──► being submitted
//   ──► done
//                                                   (preview)                │ submit_some, piece by piece,
//                                                      └─ drop_list          │ also after a crash
//   after a change of the regime: renew_list makes a new list of all whose permit has ended
//
// A row's case has an id that follows from list and person: the same list, sent or worked at again, makes no
// second case. The employer is never told why somebody gets no permit: that may be about their health.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "registry/record.hpp"
#include "services/cases/bulk_file.hpp"
#include "services/cases/cases.hpp"

namespace dayaq::services {

using ListId = Id64<struct EmployeeListTag>;

enum class ListState : std::uint8_t { reading, checked, running, done, dropped };
[[nodiscard]] std::string_view to_string(ListState state);

struct EmployeeList {
  ListId id;
  OrganisationCode organisation;
  ServiceCode service;
  std::string actor;
  Instant made;
  ListState state = ListState::reading;
  ListId renews;      ///< 0: uploaded
  ListId renewed_by;  ///< 0: not yet
  std::string name;   ///< of the file
};

/// How a list stands. `rows` is the sum of the next five.
struct ListCounts {
  std::int64_t rows = 0;
  std::int64_t ready = 0;      ///< not submitted yet
  std::int64_t faulty = 0;     ///< never will be
  std::int64_t submitted = 0;  ///< have a case
  std::int64_t refused = 0;    ///< at submission
  std::int64_t left = 0;       ///< work there no more
  std::int64_t live = 0;       ///< of the submitted: permits that are valid now
  std::int64_t ended = 0;      ///< of the submitted: permits that were valid
};

enum class RowState : std::uint8_t {
  ready,
  faulty,
  submitted,
  refused,
  left,  ///< works there no more: the permit was taken back, and isn't renewed
};
struct ListedRow {
  EmployeeRow row;
  RowState state = RowState::ready;
  CaseId case_id;
  std::optional<Permit> permit;
};

/// The case of a person in a list.
[[nodiscard]] CaseId listed_case(ListId list, PersonId person);

/// Looks the rows' persons up and reads their answers; sets faults. `entitled` rows alone stay without one.
/// With a session that reads; errors are the store's.
Result<void> judge_rows(store::Session& session, const Cases& cases, const registry::Registry& registry,
                        const Service& service, std::vector<EmployeeRow>& rows, Instant now);

// -- each of these in a transaction of its own

/// Begins a list; the same again is the same. conflict "employees.list" if the id is another's.
Result<void> begin_list(store::Session& session, const EmployeeList& list);
/// Some of its rows; those that are there stay.
Result<void> add_rows(store::Session& session, ListId list, std::span<const EmployeeRow> rows);
/// All rows are there: it may be looked at and submitted.
Result<void> finish_list(store::Session& session, ListId list);
/// All of the three, in pieces. Not on the writer thread.
Result<void> record_list(store::Database& db, const EmployeeList& list, std::span<const EmployeeRow> rows);

/// Hands it over to be worked at; once more changes nothing. Writes "employees.submit" to the audit log.
///   - conflict "employees.state"   dropped, or not read to its end
///   - invalid_input "employees.empty"   no row of it can be submitted
Result<void> submit_list(store::Session& session, audit::Log& log, const EmployeeList& list,
                         const std::string& actor, Instant now);
Result<void> drop_list(store::Session& session, const EmployeeList& list);
/// A new list of everybody in `old` whose permit has ended, submitted at once. `id` is drawn by the page: the
/// same again is the same list. conflict "employees.renewed" (by another list), "employees.state",
/// invalid_input "employees.live" (all permits are valid).
Result<EmployeeList> renew_list(store::Session& session, audit::Log& log, const EmployeeList& old, ListId id,
                                const std::string& actor, Instant now);
/// Somebody doesn't work there any more: their permit of this list is taken back. not_found "employees.row".
Result<void> end_employee(store::Session& session, Cases& cases, const EmployeeList& list, std::uint64_t line,
                          const LocalizedText& reason, const std::string& actor, Instant now);
/// Submits at most `rows` rows of the list that has waited longest; says how many, 0: nothing waits.
Result<int> submit_some(store::Session& session, Cases& cases, Instant now, int rows);
/// What ticks call: pieces of it until nothing waits or `most` have gone by. Not on the writer thread.
Result<int> work_lists(store::Database& db, Cases& cases, const Clock& clock, int most);

// -- reading

Result<std::optional<EmployeeList>> find_list(store::Session& session, const OrganisationCode& organisation,
                                              ListId id);
/// Newest first, without dropped ones and those not read to their end.
Result<std::vector<EmployeeList>> lists_of(store::Session& session, const OrganisationCode& organisation,
                                           int limit);
Result<ListCounts> list_counts(store::Session& session, ListId list, Instant now);

struct RowFilter {
  std::optional<RowState> state = {};
  bool live_only = false;
  bool ended_only = false;
  int limit = 50;
  int offset = 0;
};
Result<std::vector<ListedRow>> list_rows(store::Session& session, ListId list, const RowFilter& filter,
                                         Instant now);

}  // namespace dayaq::services
