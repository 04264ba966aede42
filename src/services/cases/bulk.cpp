#include "services/cases/bulk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/siphash.hpp"
#include "http/encoding.hpp"
#include "services/cases/bulk_store.hpp"

namespace dayaq::services {
namespace {

constexpr std::size_t piece = 500;  // rows in one transaction
constexpr std::uint64_t case_mask = (std::uint64_t{1} << 55u) - 1;

/// What the store or the program is at fault for ends the transaction; what is wrong with a row is its own.
bool is_of_row(const Error& error) {
  return error.kind != ErrorKind::unavailable && error.kind != ErrorKind::internal;
}

RowFault fault_of(const Error& error) {
  if (error.code == "service.answer") return RowFault::answer;
  if (error.code == "case.limit") return RowFault::limit;
  if (error.code == "registry.person") return RowFault::unknown;
  if (error.code == "case.no_regime" || error.code.starts_with("service.")) return RowFault::closed;
  return RowFault::not_given;
}

void set_fault(EmployeeRow& row, RowFault fault, std::string field = {}) {
  row.fault = fault;
  row.field = std::move(field);
}

Result<void> judge_row(store::Session& session, const Cases& cases, const registry::Registry& registry,
                       const Service& service, EmployeeRow& row, Instant now) {
  const auto id = registry.country.national_id_rule().parse(row.national_id);
  if (!id) {
    set_fault(row, RowFault::national_id);
    return {};
  }
  const PersonId person = registry.person_id(*id);
  const auto facts = cases.context().facts.of(session, person);
  if (!facts) {
    if (!is_of_row(facts.error())) return std::unexpected(facts.error());
    set_fault(row, RowFault::unknown);
    return {};
  }
  row.person = person;
  const Applicant applicant{.facts = *facts, .country = registry.country, .now = now};
  auto answers = read_answers(service, row.answers, applicant);
  if (!answers) {
    set_fault(row, RowFault::answer, answers.error().front().field);
    return {};
  }
  // The same words whatever the reason: the employer isn't told who is ill.
  if (!regime::holds(service.who, *facts, now, applicant.civil())) set_fault(row, RowFault::not_given);
  return {};
}

/// The case of one row, or what keeps it from being one.
Result<void> submit_row(store::Session& session, Cases& cases, const EmployeeList& list, ListedRow& one,
                        Instant now) {
  const auto receipt = cases.submit(session,
                                    {.id = one.case_id,
                                     .person = one.row.person,
                                     .service = list.service,
                                     .channel = Channel::bulk,
                                     .answers = one.row.answers,
                                     .actor = list.actor},
                                    now);
  if (receipt) {
    one.state = receipt->stands.state == CaseState::refused ? RowState::refused : RowState::submitted;
    if (one.state == RowState::refused) set_fault(one.row, RowFault::not_given);
    return {};
  }
  if (!is_of_row(receipt.error())) return std::unexpected(receipt.error());
  one.state = RowState::refused;
  set_fault(one.row, fault_of(receipt.error()),
            receipt.error().code == "service.answer" ? receipt.error().field : std::string());
  return {};
}

std::string list_data(const EmployeeList& list, std::int64_t rows) {
  return fmt::format(R"({{"list":"{}","rows":{},"service":{}}})", list.id, rows,
                     http::json_string(list.service.value()));
}

}  // namespace

std::string_view to_string(ListState state) {
  constexpr std::array<std::string_view, 5> names{"reading", "checked", "running", "done", "dropped"};
  return names[static_cast<std::size_t>(state)];
}

CaseId listed_case(ListId list, PersonId person) {
  const std::uint64_t number = person.value();
  const std::uint64_t hash =
      siphash({.k0 = list.value(), .k1 = 0x656d706c6f796565}, std::as_bytes(std::span(&number, 1))) &
      case_mask;
  return CaseId(hash == 0 ? 1 : hash);
}

Result<void> judge_rows(store::Session& session, const Cases& cases, const registry::Registry& registry,
                        const Service& service, std::vector<EmployeeRow>& rows, Instant now) {
  for (EmployeeRow& row : rows) {
    if (row.fault == RowFault::none) {
      DAYAQ_TRY_OK(judge_row(session, cases, registry, service, row, now));
    }
  }
  return {};
}

Result<void> record_list(store::Database& db, const EmployeeList& list, std::span<const EmployeeRow> rows) {
  DAYAQ_TRY_OK(db.write([&](store::Session& session) { return begin_list(session, list); }));
  for (std::size_t at = 0; at < rows.size(); at += piece) {
    const auto some = rows.subspan(at, std::min(piece, rows.size() - at));
    DAYAQ_TRY_OK(db.write([&](store::Session& session) { return add_rows(session, list.id, some); }));
  }
  return db.write([&](store::Session& session) { return finish_list(session, list.id); });
}

Result<void> submit_list(store::Session& session, audit::Log& log, const EmployeeList& list,
                         const std::string& actor, Instant now) {
  DAYAQ_TRY(const auto stands, find_list(session, list.organisation, list.id));
  if (!stands || stands->state == ListState::dropped || stands->state == ListState::reading) {
    return fail(ErrorKind::conflict, "employees.state", "This list isn't there any more. Send it again.");
  }
  if (stands->state != ListState::checked) return {};
  DAYAQ_TRY(const ListCounts counts, list_counts(session, list.id, now));
  if (counts.ready == 0) {
    return fail(ErrorKind::invalid_input, "employees.empty", "No row of this list can be submitted.");
  }
  DAYAQ_TRY_OK(set_list_state(session, list.id, ListState::running));
  DAYAQ_TRY_OK(log.append(session, {.action = "employees.submit",
                                    .actor = actor,
                                    .subject = std::nullopt,
                                    .data = list_data(list, counts.ready),
                                    .personal = {}}));
  return {};
}

Result<void> drop_list(store::Session& session, const EmployeeList& list) {
  DAYAQ_TRY(const auto stands, find_list(session, list.organisation, list.id));
  if (!stands || stands->state == ListState::dropped) return {};
  if (stands->state != ListState::checked && stands->state != ListState::reading) {
    return fail(ErrorKind::conflict, "employees.state", "This list was submitted already.");
  }
  return set_list_state(session, list.id, ListState::dropped);
}

Result<EmployeeList> renew_list(store::Session& session, audit::Log& log, const EmployeeList& old, ListId id,
                                const std::string& actor, Instant now) {
  DAYAQ_TRY(const auto stands, find_list(session, old.organisation, old.id));
  if (!stands || stands->state != ListState::done) {
    return fail(ErrorKind::conflict, "employees.state", "Only a list that was submitted is renewed.");
  }
  EmployeeList fresh{.id = id,
                     .organisation = old.organisation,
                     .service = old.service,
                     .actor = actor,
                     .made = now,
                     .state = ListState::running,
                     .renews = old.id,
                     .renewed_by = {},
                     .name = old.name};
  if (stands->renewed_by == id) return fresh;
  if (stands->renewed_by != ListId()) {
    return fail(ErrorKind::conflict, "employees.renewed", "This list was renewed already.");
  }
  DAYAQ_TRY_OK(begin_list(session, fresh));
  DAYAQ_TRY(const auto rows, ended_rows(session, old.id, now));
  if (rows.empty()) {
    return fail(ErrorKind::invalid_input, "employees.live", "All permits of this list are valid.");
  }
  DAYAQ_TRY_OK(add_rows(session, id, rows));
  DAYAQ_TRY_OK(set_list_state(session, id, ListState::running));
  DAYAQ_TRY_OK(set_renewed(session, old.id, id));
  DAYAQ_TRY_OK(log.append(session, {.action = "employees.renew",
                                    .actor = actor,
                                    .subject = std::nullopt,
                                    .data = list_data(fresh, static_cast<std::int64_t>(rows.size())),
                                    .personal = {}}));
  return fresh;
}

Result<void> end_employee(store::Session& session, Cases& cases, const EmployeeList& list, std::uint64_t line,
                          const LocalizedText& reason, const std::string& actor, Instant now) {
  DAYAQ_TRY(auto row, listed_row(session, list.id, line));
  if (!row || (row->state != RowState::submitted && row->state != RowState::left)) {
    return fail(ErrorKind::not_found, "employees.row", "Nobody with a permit stands on this line.");
  }
  if (row->permit && row->permit->revoked == instant_max && row->permit->valid.until > now) {
    DAYAQ_TRY_OK(cases.revoke_permit(session, row->row.person, row->permit->id, reason, actor, now));
  }
  row->state = RowState::left;
  return set_row(session, list.id, *row);
}

Result<int> submit_some(store::Session& session, Cases& cases, Instant now, int rows) {
  DAYAQ_TRY(const auto waiting, waiting_list(session));
  if (!waiting) return 0;
  DAYAQ_TRY(auto some, ready_rows(session, waiting->list.id, waiting->next_line, rows));
  for (ListedRow& one : some) {
    DAYAQ_TRY_OK(submit_row(session, cases, waiting->list, one, now));
    DAYAQ_TRY_OK(set_row(session, waiting->list.id, one));
  }
  const bool last = static_cast<int>(some.size()) < rows;
  if (last) {
    DAYAQ_TRY_OK(set_list_state(session, waiting->list.id, ListState::done));
  } else {
    DAYAQ_TRY_OK(set_next_line(session, waiting->list.id, some.back().row.line + 1));
  }
  return std::max(1, static_cast<int>(some.size()));
}

Result<int> work_lists(store::Database& db, Cases& cases, const Clock& clock, int most) {
  constexpr int rows = 100;
  int done = 0;
  while (done < most) {
    // Looked up by a reader first: a tick without work costs the writer nothing.
    DAYAQ_TRY(const bool waits, db.read([](store::Session& session) -> Result<bool> {
      DAYAQ_TRY(const auto waiting, waiting_list(session));
      return waiting.has_value();
    }));
    if (!waits) break;
    const Instant now = clock.now();
    DAYAQ_TRY(const int some,
              db.write([&](store::Session& session) { return submit_some(session, cases, now, rows); }));
    if (some == 0) break;
    done += some;
  }
  return done;
}

}  // namespace dayaq::services
