// What stands beside a case: officials' notes, which no decision goes by, and the persons' own judgement of
// how they were served.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "audit/log.hpp"
#include "services/types.hpp"
#include "store/database.hpp"

namespace dayaq::services {

struct CaseNote {
  Instant at;
  std::string actor;
  std::string words;
};
inline constexpr std::size_t note_max = 1000;  ///< bytes

/// Seen by officials of the office that has the case; not sent to who applied, but theirs to see in the copy
/// of their data. invalid_input "case.note" unless it has 1 to note_max bytes.
Result<void> add_note(store::Session& session, audit::Log& log, const Case& about, const std::string& words,
                      const std::string& actor, Instant now);
Result<std::vector<CaseNote>> notes_of(store::Session& session, PersonId person,
                                       CaseId id);  ///< oldest first

/// How who applied found it, from 1 (bad) to 5 (good); once more replaces what they said. Of their own case
/// alone, which the caller has found. invalid_input "case.rating" for another score or more than 500 bytes.
Result<void> rate(store::Session& session, const Case& about, int score, const std::string& words,
                  Instant now);
/// The score that was given, 0 for none.
Result<int> rating_of(store::Session& session, PersonId person, CaseId id);

struct Ratings {
  std::array<std::int64_t, 5> count{};  ///< by score, from 1
  struct Said {
    Instant at;
    int score = 0;
    std::string words;
  };
  std::vector<Said> said;  ///< the newest with words; nobody's name
  [[nodiscard]] std::int64_t total() const;
  [[nodiscard]] double mean() const;  ///< 0 if there are none
};
Result<Ratings> ratings(store::Session& session, const ServiceCode& service, Instant from, Instant until,
                        int said_max);

}  // namespace dayaq::services
