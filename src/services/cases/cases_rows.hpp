// All SQL on cases, their events, permits and counters. For the sources of this folder; others use cases.hpp.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "services/cases/cases.hpp"

namespace dayaq::services {

/// A case as it stands, and how many events it has.
struct StoredCase {
  Case stands;
  int events = 0;
};

/// What submissions of a service are limited by: all that a person has of it, without what is long.
struct EarlierCase {
  CaseId id;
  std::string service;
  CaseState state = CaseState::in_review;
  Instant submitted;
};

/// Three languages in one column: apart only if they differ.
[[nodiscard]] std::string pack_text(const LocalizedText& text);
[[nodiscard]] LocalizedText unpack_text(std::string_view packed);

/// `begun`: the events of its submission. `sought`: what its number is found by, if it was drawn here.
Result<void> insert_case(store::Session& db, const StoredCase& stored, std::span<const CaseEvent> begun,
                         std::optional<std::int64_t> sought);
/// All but what a submission fixes for ever (service, channel, submitted).
Result<void> update_case(store::Session& db, const StoredCase& stored);
Result<std::optional<StoredCase>> stored_case(store::Session& db, PersonId person, CaseId id);
/// Of a person, in no order.
Result<std::vector<EarlierCase>> earlier_cases(store::Session& db, PersonId person);
/// Cases whose deadline has passed, the most overdue first.
Result<std::vector<StoredCase>> due_cases(store::Session& db, Instant now, int rows);
/// Open cases of one version of a service.
Result<std::vector<StoredCase>> open_cases(store::Session& db, const ServiceCode& service, int version,
                                           int rows);

/// The events of a change after the first: they share their moment, and the first one's actor did them.
Result<void> insert_events(store::Session& db, const Case& of, std::span<const CaseEvent> events);

struct PermitRow {
  const Permit& permit;
  const std::string& regime;  ///< "" for none
  int regime_version = 0;
};
Result<void> insert_permit(store::Session& db, const PermitRow& row);
/// False if it is revoked already, or there is none.
Result<bool> set_revoked(store::Session& db, PersonId person, PermitId permit, Instant at);
struct RegimePermits {
  const std::string& regime;
  int but_version = -1;      ///< those that weren't issued under this one
  std::string service = {};  ///< "": all
};
/// Live at `now`.
Result<std::vector<Permit>> live_of_regime(store::Session& db, const RegimePermits& which, Instant now,
                                           int rows);
[[nodiscard]] Permit permit_from(const store::Row& row);

struct DayChange {
  std::int64_t submitted = 0, granted = 0, refused = 0, late = 0, seconds = 0;
};
Result<void> count_day(store::Session& db, const ServiceCode& service, Date day, const DayChange& change);

Result<void> delete_draft(store::Session& db, PersonId person, const ServiceCode& service);

[[nodiscard]] inline std::int64_t sql_key(std::uint64_t id) {
  return static_cast<std::int64_t>(id);
}
template <class Tag>
[[nodiscard]] std::int64_t sql_key(Id64<Tag> id) {
  return sql_key(id.value());
}
/// The columns that case_from() reads, in its order.
#define DAYAQ_CASE_COLUMNS                                                                              \
  "person_id, case_id, service, version, channel, state, step, revision, events, submitted, promised, " \
  "decided, due, office, claimed_by, escalated, appeals, permit, answers, reason"
[[nodiscard]] Result<StoredCase> case_from(const store::Row& row);
#define DAYAQ_PERMIT_COLUMNS \
  "person_id, permit_id, case_id, service, kind, valid_from, valid_until, revoked, token"

}  // namespace dayaq::services
