// All SQL on lists of employees that bulk.hpp doesn't show. For the sources of this folder.
#pragma once

#include <optional>
#include <vector>

#include "services/cases/bulk.hpp"

namespace dayaq::services {

struct WaitingList {
  EmployeeList list;
  std::uint64_t next_line = 0;
};
/// The list that is being submitted and was made first.
Result<std::optional<WaitingList>> waiting_list(store::Session& session);
/// Rows that are ready, from a line on.
Result<std::vector<ListedRow>> ready_rows(store::Session& session, ListId list, std::uint64_t from_line,
                                          int rows);
/// Submitted rows without a permit that is valid now: ready to be rows of another list.
Result<std::vector<EmployeeRow>> ended_rows(store::Session& session, ListId list, Instant now);
Result<std::optional<ListedRow>> listed_row(store::Session& session, ListId list, std::uint64_t line);
Result<void> set_row(store::Session& session, ListId list, const ListedRow& row);
Result<void> set_list_state(store::Session& session, ListId list, ListState state);
Result<void> set_next_line(store::Session& session, ListId list, std::uint64_t line);
Result<void> set_renewed(store::Session& session, ListId old, ListId by);

}  // namespace dayaq::services
