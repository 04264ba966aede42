// What the database has after the end, against what was promised: receipts, permits, answers.
#include <fmt/format.h>

#include <map>
#include <set>

#include "drill/crowd.hpp"
#include "drill/drill.hpp"
#include "node.hpp"
#include "services/types.hpp"
#include "store/database.hpp"

namespace dayaq::cli::drill {
namespace {

struct Kept {
  std::multiset<std::int64_t> cases;              ///< of applications
  std::set<std::int64_t> permitted;               ///< cases with a permit
  std::map<std::int64_t, int> of_person;          ///< permits
  std::map<std::string, std::string> by_message;  ///< number of a permit's case: national id
  std::uint64_t marked_twice = 0, messages_unanswered = 0;
};

Result<void> read(store::Session& session, Kept& out) {
  const std::int64_t from = application_id(0), until = from + (std::int64_t{1} << 32);
  DAYAQ_TRY_OK(session.query("SELECT case_id FROM cases WHERE case_id >= $1 AND case_id < $2", {from, until},
                             [&](const store::Row& row) -> Result<bool> {
                               out.cases.insert(row.integer(0));
                               return true;
                             }));
  std::map<std::int64_t, std::string> numbers;  // of permits by person, to be named
  DAYAQ_TRY_OK(session.query(
      "SELECT m.case_id, m.person_id, p.national_id FROM permits m JOIN person p "
      "ON p.bucket = m.bucket AND p.person_id = m.person_id",
      {}, [&](const store::Row& row) -> Result<bool> {
        const std::int64_t id = row.integer(0);
        out.permitted.insert(id);
        ++out.of_person[row.integer(1)];
        out.by_message[services::case_number(services::CaseId(std::uint64_t(id)))] = std::string(row.text(2));
        return true;
      }));
  return session.query(
      "SELECT CAST(SUM(doubled) AS BIGINT), CAST(SUM(CASE WHEN state IN (0, 1) THEN 1 ELSE 0 END) AS "
      "BIGINT), COUNT(*) FROM sms_replies",
      {}, [&](const store::Row& row) -> Result<bool> {
        if (row.integer(2) == 0) return true;
        out.marked_twice = std::uint64_t(row.integer(0));
        out.messages_unanswered = std::uint64_t(row.integer(1));
        return true;
      });
}

}  // namespace

Result<void> check(const World& world, const Crowd& crowd, Outcome& outcome) {
  Kept kept;
  {
    DAYAQ_TRY(const auto reader, node::Reader::open(world.data(), world.options().country));
    DAYAQ_TRY_OK(reader->database().read([&](store::Session& session) { return read(session, kept); }));
  }
  const auto& receipts = crowd.receipts();
  outcome.receipts = receipts.size();
  for (const auto& [wish, receipt] : receipts) {
    const std::int64_t id = application_id(wish);
    const bool right = receipt.starts_with(services::case_number(services::CaseId(std::uint64_t(id))));
    const bool with_permit = receipt.ends_with("permit");
    if (!right || !kept.cases.contains(id) || (with_permit && !kept.permitted.contains(id))) ++outcome.lost;
    if (kept.cases.count(id) > 1) ++outcome.doubled;
  }
  for (const auto& [person, permits] : kept.of_person) {
    if (permits > 1) ++outcome.doubled;  // once a day, however often it was tried
  }
  for (auto at = kept.cases.begin(); at != kept.cases.end(); at = kept.cases.upper_bound(*at)) {
    if (!receipts.contains(std::uint64_t(*at - application_id(0)))) ++outcome.without_receipt;
  }
  if (crowd.mailbox() != nullptr) {
    crowd.mailbox()->judge(kept.by_message, outcome.messages);
    outcome.messages.marked_twice = kept.marked_twice;
    outcome.messages.kept_unanswered = kept.messages_unanswered;
    outcome.lost += outcome.messages.permits_lost;
  }
  outcome.wrongly_taken = crowd.wrongly_taken();
  outcome.wrong_example = crowd.wrong_example();
  outcome.web = crowd.web();
  outcome.audit_verified = run_program({beside("dayaq"), "audit", "verify", "--data", world.data().string(),
                                        "--country", world.options().country.string()})
                               .has_value();
  return {};
}

}  // namespace dayaq::cli::drill
