// My applications: where each stands, why, and what can be done about it.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "services/cases/feedback.hpp"
#include "services/web/apply.hpp"
#include "services/web/words.hpp"

namespace dayaq::services::web {
namespace {

using http::Method;
using http::Response;
using portal::View;

constexpr int cases_shown = 50;
constexpr std::size_t words_max = 2000;
constexpr std::size_t rating_words_max = 500;  // bytes, as the store takes them

ServiceHandle version_of(const ServicesWeb& services, const Case& one) {
  ServiceHandle found = services.book.find(one.service, one.version);
  return found ? found : services.book.published()->find(one.service.value());
}

std::string title_of(const Visit& visit, const ServiceHandle& handle, const ServiceCode& code) {
  return handle ? handle->service.title.in(visit.page.language()) : code.value();
}

View& page_of_mine(Visit& visit, std::string file) {
  portal::View& view = visit.my_content(std::move(file));
  visit.page.add_style("services.css");
  return view;
}

std::string_view todo_key(CaseState state) {
  if (state == CaseState::more_asked) return "sv_todo_reply";
  if (state == CaseState::payment) return "sv_todo_pay";
  if (state == CaseState::appointment) return "sv_todo_book";
  return {};
}

// -- the list

struct Mine {
  std::vector<Case> cases;
  std::vector<Cases::Draft> drafts;
};

Result<Response> cases_page(Visit& visit, const ServicesWeb& services) {
  const Subject subject = subject_of(visit);
  if (subject.person != visit.session->person) DAYAQ_TRY_OK(facts_of(visit, services, subject));
  Mine mine;
  DAYAQ_TRY_OK(visit.web.db.read([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY(mine.cases, services.cases.of_person(db, subject.person, cases_shown));
    DAYAQ_TRY(mine.drafts, services.cases.drafts(db, subject.person));
    return {};
  }));
  const portal::Format& format = visit.page.format();
  View& view = page_of_mine(visit, "my_cases.html");
  if (visit.query("note") == "dropped") view.show("DROPPED");
  if (subject.person != visit.session->person) view.show("ACTING");
  View* drafts = nullptr;
  for (const Cases::Draft& draft : mine.drafts) {
    const ServiceHandle handle = services.book.published()->find(draft.service.value());
    if (!handle) continue;
    if (drafts == nullptr) drafts = &view.add("DRAFTS");
    View& row = drafts->add("ONE");
    row.set("TITLE", title_of(visit, handle, draft.service));
    row.set("SAVED", visit.fill("sv_draft_saved", {{"time", format.date_time(draft.saved)}}));
    row.set("HREF", fmt::format("/services/{}/apply", draft.service));
  }
  if (services.notices != nullptr && subject.person == visit.session->person) {
    DAYAQ_TRY(const bool wanted, visit.web.db.read([&](store::Session& db) {
      return services.notices->wanted(db, subject.person);
    }));
    View& notices = view.add("NOTICES");
    notices.set("WORDS", visit.text(wanted ? "nt_on" : "nt_off"));
    notices.set("WANTED", wanted ? "no" : "yes");
    notices.set("NAME", visit.text(wanted ? "nt_switch_off" : "nt_switch_on"));
  }
  if (mine.cases.empty()) view.show("NOTHING");
  for (const Case& one : mine.cases) {
    View& row = view.add("CASE");
    row.set("TONE", std::string(state_tone(one.state)));
    row.set("STATE", visit.text(state_key(one.state)));
    row.set("NUMBER", case_number(one.id));
    row.set("HREF", fmt::format("/my/cases/{}", case_number(one.id)));
    row.set("TITLE", title_of(visit, version_of(services, one), one.service));
    row.set("LINE", visit.fill("sv_case_line", {{"time", format.date_time(one.submitted)}}));
    if (const auto key = todo_key(one.state); !key.empty()) row.add("TASK").set("WORDS", visit.text(key));
  }
  return visit.html("sv_cases");
}

// -- one of them

Result<CaseId> named_case(const Visit& visit) {
  const auto id = parse_case_number(visit.request.parameter("number"));
  if (id) return *id;
  return fail(ErrorKind::not_found, "case.unknown", "There is no such application.");
}

struct Whole {
  Case stands;
  std::vector<CaseEvent> events;
  std::optional<Permit> permit;
  int rating = 0;
  ServiceHandle handle;
};

Result<Whole> whole_case(const Visit& visit, const ServicesWeb& services, PersonId person) {
  DAYAQ_TRY(const CaseId id, named_case(visit));
  Whole out;
  DAYAQ_TRY_OK(visit.web.db.read([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY(auto found, services.cases.find(db, person, id));
    if (!found) return fail(ErrorKind::not_found, "case.unknown", "There is no such application.");
    out.stands = std::move(*found);
    DAYAQ_TRY(out.events, services.cases.events(db, person, id));
    if (out.stands.permit != PermitId()) {
      DAYAQ_TRY(out.permit, services.cases.permit(db, person, out.stands.permit));
    }
    if (!is_open(out.stands.state)) {
      DAYAQ_TRY(out.rating, rating_of(db, person, id));
    }
    return {};
  }));
  out.handle = version_of(services, out.stands);
  return out;
}

std::string stands_words(const Visit& visit, const Case& c) {
  const portal::Format& format = visit.page.format();
  const auto fill = [&](std::string_view key, Instant t) {
    return visit.fill(key, {{"time", t == instant_max ? std::string("–") : format.date_time(t)}});
  };
  switch (c.state) {
    case CaseState::in_review:
      return fill(visit.now < c.promised ? "sv_stands_in_review" : "sv_stands_late", c.promised);
    case CaseState::more_asked:
      return visit.text("sv_stands_more_asked");
    case CaseState::payment:
      return fill("sv_stands_payment", c.due);
    case CaseState::appointment:
      return fill("sv_stands_appointment", c.due);
    case CaseState::granted:
      return fill("sv_stands_granted", c.decided);
    case CaseState::refused:
      return fill("sv_stands_refused", c.decided);
    case CaseState::withdrawn:
      return fill("sv_stands_withdrawn", c.decided);
    case CaseState::expired:
      return fill("sv_stands_expired", c.decided);
  }
  return {};
}

std::string_view event_key(std::string_view what) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 22> keys{
      {{"submitted", "sv_event_submitted"},     {"to_review", "sv_event_to_review"},
       {"payment_due", "sv_event_payment_due"}, {"appointment_due", "sv_event_appointment_due"},
       {"claimed", "sv_event_claimed"},         {"released", "sv_event_released"},
       {"approved", "sv_event_approved"},       {"asked", "sv_event_asked"},
       {"replied", "sv_event_replied"},         {"paid", "sv_event_paid"},
       {"booked", "sv_event_booked"},           {"came", "sv_event_came"},
       {"issued", "sv_event_issued"},           {"permit_revoked", "sv_event_revoked"},
       {"granted", "sv_event_granted"},         {"refused", "sv_event_refused"},
       {"withdrawn", "sv_event_withdrawn"},     {"expired", "sv_event_expired"},
       {"appealed", "sv_event_appealed"},       {"escalated", "sv_event_escalated"},
       {"reminded", "sv_event_reminded"},       {"moved", "sv_event_moved"}}};
  const auto found = std::ranges::find(keys, what, &std::pair<std::string_view, std::string_view>::first);
  return found == keys.end() ? std::string_view("sv_event_other") : found->second;
}

std::string who_did(const Visit& visit, const CaseEvent& event) {
  const std::string& actor = event.actor;
  if (actor == "self" || actor == "sms") return visit.text("sv_by_you");
  if (actor == "representative") return visit.text("sv_by_representative");
  if (actor.starts_with("org:")) return visit.page.actor_name(actor);
  return visit.text("sv_by_system");
}

void add_history(const Visit& visit, View& view, const Whole& whole) {
  const portal::Format& format = visit.page.format();
  for (const CaseEvent& event : whole.events) {
    View& row = view.add("EVENT");
    row.set("WHAT", visit.text(event_key(event.what)));
    row.set("WHEN", format.date_time(event.at));
    row.add("WHO").set("NAME", who_did(visit, event));
    std::string said = event.note.in(format.language());
    if (event.what == "booked") {
      if (const auto when = parse_instant(said)) said = format.date_time(*when);
    }
    if (!said.empty()) row.add("SAID").set("WORDS", std::move(said));
  }
}

Result<void> add_answers(const Visit& visit, const ServicesWeb& services, View& view, const Whole& whole) {
  if (!whole.handle) return {};
  View* answers = nullptr;
  for (const Field& field : whole.handle->service.form) {
    const auto given = whole.stands.answers.find(field.code);
    if (given == whole.stands.answers.end()) continue;
    if (answers == nullptr) answers = &view.add("ANSWERS");
    DAYAQ_TRY(std::string words, shown_answer(visit, services, whole.stands.person, field, given->second));
    View& row = answers->add("ONE");
    row.set("QUESTION", field.title.in(visit.page.language()));
    row.set("VALUE", std::move(words));
  }
  return {};
}

void add_payment(const Visit& visit, const ServicesWeb& services, View& view, const Whole& whole,
                 const std::string& path) {
  const std::string fee = fee_words(visit.page.format(), whole.handle ? whole.handle->service.fee_qepik : 0);
  View& pay = view.add("PAY");
  pay.set("WORDS", visit.fill("sv_pay_sum", {{"fee", fee}}));
  if (services.payments == nullptr) {
    pay.set("HOW", visit.text("sv_pay_none"));
    return;
  }
  pay.set("HOW", services.payments->demonstration() ? visit.text("sv_pay_demo") : std::string());
  View& form = pay.add("FORM_PAY");
  form.set("ACTION", path + "/pay");
  form.set("NAME", visit.fill("sv_pay_button", {{"fee", fee}}));
}

/// What can be done now.
void add_actions(const Visit& visit, const ServicesWeb& services, View& view, const Whole& whole) {
  const portal::Format& format = visit.page.format();
  const Case& c = whole.stands;
  const std::string path = fmt::format("/my/cases/{}", case_number(c.id));
  if (c.state == CaseState::payment) add_payment(visit, services, view, whole, path);
  if (c.state == CaseState::appointment) {
    View& book = view.add("BOOK");
    book.set("WORDS", visit.text("sv_book_what"));
    book.set("HREF", path + "/appointment");
  }
  if (c.state == CaseState::more_asked) {
    View& asked = view.add("ASKED");
    asked.set("QUESTION", c.reason.in(format.language()));
    asked.set("UNTIL", visit.fill("sv_asked_until", {{"time", format.date_time(c.due)}}));
    asked.set("ACTION", path + "/reply");
  }
  if ((c.state == CaseState::granted || c.state == CaseState::refused) && whole.rating == 0) {
    View& rate = view.add("RATE");
    rate.set("ACTION", path + "/rate");
    constexpr std::array<std::string_view, 5> keys{"sv_rate_1", "sv_rate_2", "sv_rate_3", "sv_rate_4",
                                                   "sv_rate_5"};
    for (std::size_t i = 0; i < keys.size(); ++i) {
      View& mark = rate.add("MARK");
      mark.set("OF", fmt::format("{}", i + 1));
      mark.set("WORDS", visit.text(keys[i]));
    }
  }
  if (c.state == CaseState::refused && c.appeals == 0 && whole.handle && whole.handle->service.appeal) {
    const Instant until = c.decided + whole.handle->service.appeal_within;
    if (visit.now < until) {
      View& appeal = view.add("APPEAL");
      appeal.set("UNTIL", visit.fill("sv_appeal_until", {{"time", format.date_time(until)}}));
      appeal.set("ACTION", path + "/appeal");
    }
  }
  if (is_open(c.state)) view.add("WITHDRAW").set("ACTION", path + "/withdraw");
}

struct NoteWords {
  std::string_view name;
  std::string_view key;
  bool bad = false;
};
constexpr std::array<NoteWords, 8> notes{{{"replied", "sv_replied"},
                                          {"withdrawn", "sv_withdrawn"},
                                          {"appealed", "sv_appealed"},
                                          {"paid", "sv_paid_done"},
                                          {"rated", "sv_rated"},
                                          {"changed", "sv_changed_meanwhile", true},
                                          {"words", "sv_words_missing", true},
                                          {"mark", "sv_mark_missing", true}}};

Result<Response> case_page(Visit& visit, const ServicesWeb& services) {
  const Subject subject = subject_of(visit);
  if (subject.person != visit.session->person) DAYAQ_TRY_OK(facts_of(visit, services, subject));
  DAYAQ_TRY(const Whole whole, whole_case(visit, services, subject.person));
  const portal::Format& format = visit.page.format();
  const Case& c = whole.stands;
  View& view = page_of_mine(visit, "my_case.html");
  const std::string title = title_of(visit, whole.handle, c.service);
  const std::string stands = stands_words(visit, c);
  view.set("TITLE", title);
  view.set("NUMBER", case_number(c.id));
  view.set("TONE", std::string(state_tone(c.state)));
  view.set("STATE", visit.text(state_key(c.state)));
  view.set("STANDS", stands);
  view.set("REVISION", c.revision);
  view.set("SUBMITTED", format.date_time(c.submitted));
  view.set("PROMISED", format.date_time(c.promised));
  if (visit.query("sent") == "1") {
    View& sent = view.add("SENT");
    sent.set("HEADLINE", visit.text(sent_key(c.state)));
    sent.set("PROMISE", stands);
  }
  const auto note = std::ranges::find(notes, visit.query("note"), &NoteWords::name);
  if (note != notes.end()) {
    View& shown = view.add("NOTE");
    shown.set("TONE", note->bad ? "bad" : "go");
    shown.set("WORDS", visit.text(note->key));
  }
  if (c.decided != instant_max) view.add("DECIDED").set("WHEN", format.date_time(c.decided));
  if (c.office && c.state == CaseState::in_review) {
    view.add("OFFICE").set("NAME", visit.web.site.words().organisation(*c.office).in(format.language()));
  }
  if (const std::string& why = c.reason.in(format.language());
      !why.empty() && c.state != CaseState::more_asked) {
    View& reason = view.add("REASON");
    reason.set("HEADLINE", visit.text("sv_reason"));
    reason.set("WORDS", why);
  }
  if (whole.permit && whole.permit->valid.contains(visit.now) && visit.now < whole.permit->revoked) {
    view.add("PERMIT").set("HREF",
                           fmt::format("/my/permits/{}", case_number(CaseId(whole.permit->id.value()))));
  }
  add_actions(visit, services, view, whole);
  add_history(visit, view, whole);
  DAYAQ_TRY_OK(add_answers(visit, services, view, whole));
  return visit.html_titled(fmt::format("{} – {}", title, case_number(c.id)));
}

// -- what people do

Response back_to(const Visit& visit, CaseId id, std::string_view note) {
  return visit.redirect(fmt::format("/my/cases/{}?note={}", case_number(id), note));
}

int number_of(const std::string& text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Result<Response> act(Visit& visit, const ServicesWeb& services, const Action& action, std::string_view note) {
  DAYAQ_TRY(const CaseId id, named_case(visit));
  const Subject subject = subject_of(visit);
  const auto done = visit.web.db.write([&](store::Session& db) {
    return services.cases.act(db, subject.person, id, number_of(visit.form("revision")), action,
                              subject.actor, visit.now);
  });
  if (done) return back_to(visit, id, note);
  const Error& error = done.error();
  if (error.code == "case.reason") return back_to(visit, id, "words");
  if (error.kind == ErrorKind::conflict) return back_to(visit, id, "changed");
  return std::unexpected(error);
}

/// What was written, in all languages the same; nullopt if it is nothing or far too much.
std::optional<std::string> words_of(const Visit& visit) {
  std::string words = visit.form("text");
  const bool blank = words.find_first_not_of(" \t\r\n") == std::string::npos;
  if (blank || words.size() > words_max * 4 || !is_utf8(words)) return std::nullopt;
  return words;
}

Result<Response> reply(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const CaseId id, named_case(visit));
  const auto words = words_of(visit);
  if (!words) return back_to(visit, id, "words");
  return act(visit, services, Reply{.answers = {}, .text = *words}, "replied");
}

Result<Response> appeal(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const CaseId id, named_case(visit));
  const auto words = words_of(visit);
  if (!words) return back_to(visit, id, "words");
  return act(visit, services, Appeal{.reason = {.az = *words, .en = *words, .ru = *words}}, "appealed");
}

Result<Response> withdraw(Visit& visit, const ServicesWeb& services) {
  return act(visit, services, Withdraw{}, "withdrawn");
}

Result<Response> pay(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const CaseId id, named_case(visit));
  if (services.payments == nullptr) {
    return fail(ErrorKind::unavailable, "payments.provider", "No payment provider is connected.");
  }
  const Subject subject = subject_of(visit);
  DAYAQ_TRY(const auto found, visit.web.db.read([&](store::Session& db) {
    return services.cases.find(db, subject.person, id);
  }));
  const ServiceHandle handle = found ? version_of(services, *found) : ServiceHandle();
  if (!handle) return fail(ErrorKind::not_found, "case.unknown", "There is no such application.");
  if (found->state != CaseState::payment) return back_to(visit, id, "changed");  // paid by an earlier tap
  const std::uint64_t fee = handle->service.fee_qepik;
  DAYAQ_TRY(std::string reference, services.payments->pay(id, fee));
  return act(visit, services, Paid{.reference = std::move(reference), .qepik = fee}, "paid");
}

Result<Response> rate_case(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const CaseId id, named_case(visit));
  const int mark = number_of(visit.form("mark"));
  if (mark < 1 || mark > 5) return back_to(visit, id, "mark");
  std::string words = visit.form("words");
  if (!is_utf8(words)) words.clear();
  if (words.size() > rating_words_max) {  // cut between letters
    std::size_t end = rating_words_max;
    while ((static_cast<unsigned char>(words[end]) & 0xc0) == 0x80) --end;
    words.resize(end);
  }
  const Subject subject = subject_of(visit);
  const auto done = visit.web.db.write([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY(const auto found, services.cases.find(db, subject.person, id));
    if (!found || is_open(found->state)) {
      return fail(ErrorKind::not_found, "case.unknown", "There is no such application.");
    }
    return rate(db, *found, mark, words, visit.now);
  });
  DAYAQ_TRY_OK(done);
  return back_to(visit, id, "rated");
}

/// The person's own switch, also while they act for somebody else.
Result<Response> switch_notices(Visit& visit, const ServicesWeb& services) {
  if (services.notices != nullptr) {
    DAYAQ_TRY_OK(visit.web.db.write([&](store::Session& db) {
      return services.notices->set_wanted(db, visit.session->person, visit.form("wanted") == "yes",
                                          visit.now);
    }));
  }
  return visit.redirect("/my/cases");
}

}  // namespace

void add_my_case_pages(http::Router& router, const ServicesWeb& services) {
  constexpr auto pages = std::to_array<SignedInPage>({
      {Method::get, "/my/cases", "page_my_cases", "My applications, and those that I have begun.",
       cases_page},
      {Method::get, "/my/cases/{number}", "page_my_case", "One of them.", case_page},
      {Method::post, "/my/cases/{number}/reply", "page_my_case_reply", "Answers what an office asks.", reply},
      {Method::post, "/my/cases/{number}/withdraw", "page_my_case_withdraw", "Withdraws it.", withdraw},
      {Method::post, "/my/cases/{number}/appeal", "page_my_case_appeal", "Appeals a refusal.", appeal},
      {Method::post, "/my/cases/{number}/pay", "page_my_case_pay", "Pays its fee.", pay},
      {Method::post, "/my/notices", "page_my_notices", "Switches messages about applications on or off.",
       switch_notices},
      {Method::post, "/my/cases/{number}/rate", "page_my_case_rate", "Says how it was.", rate_case},
  });
  add_signed_in_pages(router, services, identity::Assurance::low, pages);
}

}  // namespace dayaq::services::web
