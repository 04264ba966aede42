// Requests to correct one's data: asked on one's own page, worked off by officials of organisations that
// identify persons. The queue shows no names: who opens one reads a record, and the log says so.
#include <fmt/format.h>

#include <array>
#include <charconv>

#include "identity/account/corrections.hpp"
#include "identity/web/official.hpp"

namespace dayaq::identity::web {
namespace {

using http::Method;
using http::Response;

constexpr int queue_max = 100;
constexpr std::string_view read_reason = "a request to correct it";

std::string_view state_key(Correction::State state) {
  constexpr std::array<std::string_view, 3> keys{"correction_open", "correction_corrected",
                                                 "correction_declined"};
  return keys[static_cast<std::size_t>(state)];
}
std::string_view tone(Correction::State state) {
  return state == Correction::State::open ? "soon" : state == Correction::State::corrected ? "go" : "wait";
}

CorrectionId id_of(const std::string& text) {
  std::uint64_t id = 0;  // what isn't a number is nobody's: 0
  std::from_chars(text.data(), text.data() + text.size(), id);
  return CorrectionId(id);
}

Result<Response> ask(Visit& visit) {
  const CorrectionId id(visit.web.accounts.random.next_id());
  DAYAQ_TRY_OK(visit.web.db.write([&](store::Session& db) {
    return ask_correction(db, visit.web.accounts, visit.session->person, id, visit.form("words"), visit.now);
  }));
  return visit.redirect("/my/data?asked=1");
}

// -- the officials' side

Result<Response> queue(Visit& visit) {
  DAYAQ_TRY(const Official who, identifying_official(visit));
  DAYAQ_TRY(const auto waiting,
            visit.web.db.read([&](store::Session& db) { return waiting_corrections(db, queue_max); }));
  portal::View& view = visit.content("office_corrections.html");
  view.set("ORGANISATION", organisation_name(visit, who.relation.organisation.value()));
  view.set("CODE", who.relation.organisation.value());
  if (visit.query("answered") == "1") view.show("ANSWERED");
  if (waiting.empty()) view.show("NOTHING");
  for (const WaitingCorrection& one : waiting) {
    portal::View& row = view.add("WAITING");
    row.set("ID", fmt::format("{}", one.id));
    row.set("ASKED", visit.page.format().date_time(one.asked));
  }
  return visit.html("correction_queue");
}

/// One request with the record it is about. Who reads it is on record in the same transaction.
Result<Response> show(Visit& visit, const Official& who, CorrectionId id, Note note) {
  const Accounts& accounts = visit.web.accounts;
  Correction asked;
  DAYAQ_TRY(const auto facts, visit.web.db.write([&](store::Session& db) -> Result<registry::PersonFacts> {
    DAYAQ_TRY(asked, correction(db, accounts, id));
    DAYAQ_TRY(auto all, registry::facts(db, accounts.persons, asked.person));
    DAYAQ_TRY_OK(
        registry::note_read(db, accounts.registry, asked.person, "record", read_reason, who.actor()));
    return all;
  }));
  const portal::Format& format = visit.page.format();
  portal::View& view = visit.content("office_correction.html");
  view.set("CODE", who.relation.organisation.value());
  view.set("ID", fmt::format("{}", id));
  view.set("NAME", fmt::format("{} {}", facts.person.given_name, facts.person.family_name));
  view.set("NATIONAL_ID", facts.person.national_id);
  view.set("BIRTH", format.date(facts.person.birth));
  view.set("PLACE", accounts.registry.country.place(facts.place_at(visit.now)).name.in(format.language()));
  view.set("ASKED", format.date_time(asked.asked));
  view.set("WORDS", asked.words);
  view.set("STATE", visit.text(state_key(asked.state)));
  view.set("TONE", std::string(tone(asked.state)));
  if (!note.text_key.empty()) view.add("NOTE").set("TEXT", visit.text(note.text_key));
  if (asked.state == Correction::State::open) {
    view.show("ANSWER");
  } else {
    view.add("ANSWERED").set("ANSWER_WORDS", asked.answer);
  }
  return visit.html("correction_one");
}

Result<Response> open(Visit& visit) {
  DAYAQ_TRY(const Official who, identifying_official(visit));
  return show(visit, who, id_of(visit.form("id")), {});
}

Result<Response> answer(Visit& visit) {
  DAYAQ_TRY(const Official who, identifying_official(visit));
  const CorrectionId id = id_of(visit.form("id"));
  const bool corrected = visit.form("outcome") == "corrected";
  const auto done = visit.web.db.write([&](store::Session& db) {
    return answer_correction(db, visit.web.accounts, id, corrected, visit.form("answer"), who.actor(),
                             visit.now);
  });
  if (done)
    return visit.redirect(
        fmt::format("/office/corrections?organisation={}&answered=1", who.relation.organisation));
  if (done.error().code == "correction.answer")
    return show(visit, who, id, {.text_key = "correction_answer_words"});
  if (done.error().code == "correction.answered")
    return show(visit, who, id, {.text_key = "correction_meanwhile"});
  return std::unexpected(done.error());
}

}  // namespace

Result<void> add_own_corrections(Visit& visit, portal::View& view) {
  DAYAQ_TRY(const auto mine, visit.web.db.read([&](store::Session& db) {
    return corrections_of(db, visit.web.accounts, visit.session->person);
  }));
  for (const Correction& one : mine) {
    portal::View& row = view.add("CORRECTION");
    row.set("WORDS", one.words);
    row.set("STATE", visit.text(state_key(one.state)));
    row.set("TONE", std::string(tone(one.state)));
    row.set("ASKED_AT", visit.page.format().date_time(one.asked));
    if (one.state == Correction::State::open) continue;
    portal::View& answered = row.add("ANSWER");
    answered.set("ANSWERED_AT", visit.page.format().date_time(one.answered));
    answered.set("ANSWER_WORDS", one.answer);
  }
  return {};
}

void add_correction_pages(http::Router& router, const Web& web) {
  add_page(router, web,
           {.method = Method::post,
            .pattern = "/my/data",
            .operation = "page_my_data_correct",
            .summary = "Asks for a correction.",
            .signed_in = Assurance::low,
            .form = Form::session},
           ask);
  constexpr auto pages = std::to_array<SignedInPage>({
      {Method::get, "/office/corrections", "page_office_corrections", "Requests to correct data.", queue},
      {Method::post, "/office/corrections/open", "page_office_correction", "One, with the record.", open},
      {Method::post, "/office/corrections/answer", "page_office_correction_answer", "Answers it.", answer},
  });
  add_signed_in_pages(router, web, Assurance::substantial, pages);
}

}  // namespace dayaq::identity::web
