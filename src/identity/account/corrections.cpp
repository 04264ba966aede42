#include "identity/account/corrections.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/jwt_json.hpp"
#include "identity/account/accounts_store.hpp"
#include "identity/account/notices.hpp"

namespace dayaq::identity {
namespace {

using State = Correction::State;

std::string context(std::string_view what, CorrectionId id) {
  return fmt::format("correction|{}|{}", what, id);
}

Bytes sealed(const Accounts& accounts, std::string_view what, CorrectionId id, std::string_view text) {
  return accounts.master.seal(as_bytes(text), as_bytes(context(what, id)), accounts.random);
}
std::string opened(const Accounts& accounts, std::string_view what, CorrectionId id, BytesView bytes) {
  if (bytes.empty()) return {};
  const auto text = accounts.master.open(bytes, as_bytes(context(what, id)));
  return text ? std::string(as_text(text->view())) : std::string();
}

/// One line, so that nobody writes what looks like a field of the page.
std::string one_line(std::string_view words) {
  std::string out(words);
  std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return out;
}
bool is_words(std::string_view text) {
  return text.size() >= 3 && text.size() <= correction_words_max && is_utf8(text);
}

std::string personal(std::string_view words) {
  std::string out = R"({"words":)";
  crypto::append_json_text(out, words);
  return out + "}";
}

Correction correction_from(const store::Row& row, const Accounts& accounts) {
  Correction out;
  out.id = id_from<CorrectionId>(row, 0);
  out.person = id_from<PersonId>(row, 1);
  out.asked = from_micros(row.integer(2));
  out.state = static_cast<State>(row.integer(3));
  out.words = opened(accounts, "words", out.id, row.blob(4));
  if (!row.is_null(5)) out.answer = opened(accounts, "answer", out.id, row.blob(5));
  out.answered = start_from(row, 6);
  return out;
}

std::string answered_text(Language language, const std::string& site) {
  switch (language) {
    case Language::az:
      return fmt::format("Məlumatlarınızın düzəldilməsi barədə müraciətinizə cavab verildi: {}/my/data",
                         site);
    case Language::en:
      return fmt::format("Your request to correct your data was answered: {}/my/data", site);
    case Language::ru:
      return fmt::format("На вашу просьбу исправить данные ответили: {}/my/data", site);
  }
  return {};
}

}  // namespace

Result<void> ask_correction(store::Session& db, const Accounts& accounts, PersonId person, CorrectionId id,
                            std::string_view words, Instant now) {
  if (!is_words(words)) {
    return fail_field("correction.words", "words",
                      "Say in 3 to 1000 bytes what is wrong and how it should be.");
  }
  DAYAQ_TRY(const auto open,
            db.one("SELECT COUNT(*) FROM identity_correction WHERE person_id = $1 AND state = 0",
                   {sql_key(person)}, [](const store::Row& row) { return row.integer(0); }));
  if (open.value_or(0) >= corrections_open_max) {
    return fail(ErrorKind::limit, "correction.many",
                "Several requests of yours wait already. Wait for their answers.");
  }
  const std::string line = one_line(words);
  const Bytes text = sealed(accounts, "words", id, line);
  DAYAQ_TRY_OK(
      db.exec("INSERT INTO identity_correction (correction_id, person_id, asked, state, words) VALUES ($1, "
              "$2, $3, 0, $4)",
              {sql_key(id), sql_key(person), to_micros(now), BytesView(text)}));
  DAYAQ_TRY_OK(accounts.log.append(db, {.action = "person.correction_asked",
                                        .actor = "self",
                                        .subject = person,
                                        .data = {},
                                        .personal = personal(line)}));
  return {};
}

Result<std::vector<Correction>> corrections_of(store::Session& db, const Accounts& accounts,
                                               PersonId person) {
  std::vector<Correction> out;
  DAYAQ_TRY_OK(db.query(R"(SELECT correction_id, person_id, asked, state, words, answer, answered
                           FROM identity_correction WHERE person_id = $1 ORDER BY asked DESC LIMIT 50)",
                        {sql_key(person)}, [&](const store::Row& row) -> Result<bool> {
                          out.push_back(correction_from(row, accounts));
                          return true;
                        }));
  return out;
}

Result<std::vector<WaitingCorrection>> waiting_corrections(store::Session& db, int limit) {
  std::vector<WaitingCorrection> out;
  DAYAQ_TRY_OK(
      db.query("SELECT correction_id, asked FROM identity_correction WHERE state = 0 ORDER BY asked LIMIT $1",
               {std::int64_t(limit)}, [&](const store::Row& row) -> Result<bool> {
                 out.push_back({.id = id_from<CorrectionId>(row, 0), .asked = from_micros(row.integer(1))});
                 return true;
               }));
  return out;
}

Result<Correction> correction(store::Session& db, const Accounts& accounts, CorrectionId id) {
  DAYAQ_TRY(auto found,
            db.one(R"(SELECT correction_id, person_id, asked, state, words, answer, answered
                                  FROM identity_correction WHERE correction_id = $1)",
                   {sql_key(id)}, [&](const store::Row& row) { return correction_from(row, accounts); }));
  if (!found) return fail(ErrorKind::not_found, "correction.unknown", "There is no such request.");
  return std::move(*found);
}

Result<void> answer_correction(store::Session& db, const Accounts& accounts, CorrectionId id, bool corrected,
                               std::string_view words, const std::string& actor, Instant now) {
  if (!is_words(words)) {
    return fail_field("correction.answer", "answer",
                      "Say in 3 to 1000 bytes what was done, or why nothing was.");
  }
  DAYAQ_TRY(const Correction asked, correction(db, accounts, id));
  const std::string line = one_line(words);
  const Bytes text = sealed(accounts, "answer", id, line);
  DAYAQ_TRY(const std::int64_t changed,
            db.change("UPDATE identity_correction SET state = $1, answer = $2, answered = $3 WHERE "
                      "correction_id = $4 AND state = 0",
                      {std::int64_t(corrected ? State::corrected : State::declined), BytesView(text),
                       to_micros(now), sql_key(id)}));
  if (changed != 1) {
    return fail(ErrorKind::conflict, "correction.answered", "Somebody else answered this request meanwhile.");
  }
  DAYAQ_TRY_OK(accounts.log.append(
      db, {.action = "person.correction_answered",
           .actor = actor,
           .subject = asked.person,
           .data = fmt::format(R"({{"outcome":"{}"}})", corrected ? "corrected" : "declined"),
           .personal = personal(line)}));
  DAYAQ_TRY(const auto account, account_of(db, asked.person));
  if (!account) return {};
  DAYAQ_TRY(const Receivers receivers, receivers_of(db, accounts, asked.person, {}, now));
  return notify(db, accounts, receivers, answered_text(account->language, accounts.site));
}

}  // namespace dayaq::identity
