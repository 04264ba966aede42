#include "services/cases/feedback.hpp"

#include <fmt/format.h>

#include "http/encoding.hpp"
#include "registry/country_pack.hpp"

namespace dayaq::services {
namespace {

using registry::bucket_of;

constexpr std::size_t words_max = 500;

std::int64_t key(std::uint64_t id) {
  return static_cast<std::int64_t>(id);
}

}  // namespace

Result<void> add_note(store::Session& session, audit::Log& log, const Case& about, const std::string& words,
                      const std::string& actor, Instant now) {
  if (words.empty() || words.size() > note_max || !is_utf8(words)) {
    return fail_field("case.note", "note", fmt::format("A note has 1 to {} characters.", note_max));
  }
  DAYAQ_TRY_OK(
      session.exec("INSERT INTO case_note (bucket, person_id, case_id, noted, actor, words) VALUES "
                   "($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                   {bucket_of(about.person), key(about.person.value()), key(about.id.value()), to_micros(now),
                    actor, words}));
  DAYAQ_TRY_OK(log.append(
      session, {.action = "case.note",
                .actor = actor,
                .subject = about.person,
                .data = fmt::format(R"({{"service":{}}})", http::json_string(about.service.value())),
                .personal = fmt::format(R"({{"case":"{}","note":{}}})", case_number(about.id),
                                        http::json_string(words))}));
  return {};
}

Result<std::vector<CaseNote>> notes_of(store::Session& session, PersonId person, CaseId id) {
  std::vector<CaseNote> notes;
  DAYAQ_TRY_OK(session.query(
      "SELECT noted, actor, words FROM case_note WHERE bucket = $1 AND person_id = $2 AND case_id = $3 "
      "ORDER BY noted LIMIT 200",
      {bucket_of(person), key(person.value()), key(id.value())}, [&](const store::Row& row) -> Result<bool> {
        notes.push_back({from_micros(row.integer(0)), std::string(row.text(1)), std::string(row.text(2))});
        return true;
      }));
  return notes;
}

Result<void> rate(store::Session& session, const Case& about, int score, const std::string& words,
                  Instant now) {
  if (score < 1 || score > 5 || words.size() > words_max || !is_utf8(words)) {
    return fail_field("case.rating", "score",
                      "A judgement is a number from 1 to 5, with at most 500 characters.");
  }
  return session.exec(
      "INSERT INTO case_ratings (bucket, person_id, case_id, service, rated, score, words) VALUES "
      "($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (bucket, person_id, case_id) DO UPDATE SET "
      "rated = excluded.rated, score = excluded.score, words = excluded.words",
      {bucket_of(about.person), key(about.person.value()), key(about.id.value()), about.service.value(),
       to_micros(now), std::int64_t(score), words});
}

Result<int> rating_of(store::Session& session, PersonId person, CaseId id) {
  DAYAQ_TRY(
      const auto score,
      session.one("SELECT score FROM case_ratings WHERE bucket = $1 AND person_id = $2 AND case_id = $3",
                  {bucket_of(person), key(person.value()), key(id.value())},
                  [](const store::Row& row) { return static_cast<int>(row.integer(0)); }));
  return score.value_or(0);
}

std::int64_t Ratings::total() const {
  std::int64_t sum = 0;
  for (const std::int64_t one : count) sum += one;
  return sum;
}

double Ratings::mean() const {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < count.size(); ++i) sum += count[i] * static_cast<std::int64_t>(i + 1);
  return total() == 0 ? 0 : static_cast<double>(sum) / static_cast<double>(total());
}

Result<Ratings> ratings(store::Session& session, const ServiceCode& service, Instant from, Instant until,
                        int said_max) {
  Ratings out;
  DAYAQ_TRY_OK(session.query(
      "SELECT score, COUNT(*) FROM case_ratings WHERE service = $1 AND rated >= $2 AND rated < $3 GROUP BY "
      "score",
      {service.value(), to_micros(from), to_micros(until)}, [&](const store::Row& row) -> Result<bool> {
        const auto score = row.integer(0);
        if (score >= 1 && score <= 5) out.count[static_cast<std::size_t>(score - 1)] = row.integer(1);
        return true;
      }));
  DAYAQ_TRY_OK(session.query(
      "SELECT rated, score, words FROM case_ratings WHERE service = $1 AND rated >= $2 AND rated < $3 AND "
      "words <> '' ORDER BY rated DESC LIMIT $4",
      {service.value(), to_micros(from), to_micros(until), std::int64_t(said_max)},
      [&](const store::Row& row) -> Result<bool> {
        out.said.push_back(
            {from_micros(row.integer(0)), static_cast<int>(row.integer(1)), std::string(row.text(2))});
        return true;
      }));
  return out;
}

}  // namespace dayaq::services
