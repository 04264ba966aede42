// One case on the officer's workbench: what was answered, what the state knows, what has happened; taken up,
// decided, asked about. Whoever opens it is on record, and the person sees that.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "http/encoding.hpp"
#include "registry/record.hpp"
#include "services/cases/feedback.hpp"
#include "services/web/office_case.hpp"
#include "services/web/office_view.hpp"

namespace dayaq::services::web {
namespace {

using http::Method;
using http::Response;

std::unexpected<Error> unknown_case() {
  return fail(ErrorKind::not_found, "case.unknown", "Your office has no such case.");
}

/// All that the page shows, read in the transaction that notes the reading.
struct Opened {
  Case stands;
  ServiceHandle version;
  registry::PersonFacts facts;
  std::vector<CaseEvent> events;
  std::vector<CaseNote> notes;
  std::vector<attachments::Attachment> files;
  bool in_office = false;
  Barred barred = Barred::no;  ///< who looks
};

struct Message {
  std::string_view key;
  bool bad = false;
};

/// A case of this organisation's service may be looked up when it isn't in its office, with a stated reason.
bool may_look_up(const ServicesWeb& services, const Official& who, const Case& one) {
  const ServiceHandle version = services.book.find(one.service, one.version);
  return one.office == who.organisation || (version && version->service.provider == who.organisation);
}

Result<Opened> open_case(Visit& visit, const ServicesWeb& services, const Official& who, CaseId id,
                         const std::string& reason) {
  return visit.web.db.write([&](store::Session& db) -> Result<Opened> {
    Opened out;
    DAYAQ_TRY(auto found, services.cases.find(db, id));
    if (!found) return unknown_case();
    out.stands = std::move(*found);
    out.in_office = out.stands.office == who.organisation;
    if (!(out.in_office || (!reason.empty() && may_look_up(services, who, out.stands))))
      return unknown_case();
    out.version = services.book.find(out.stands.service, out.stands.version);
    if (!out.version) return unknown_case();
    const PersonId person = out.stands.person;
    DAYAQ_TRY(out.facts, registry::facts(db, visit.web.accounts.persons, person));
    DAYAQ_TRY(out.events, services.cases.events(db, person, id));
    DAYAQ_TRY(out.notes, notes_of(db, person, id));
    DAYAQ_TRY(out.barred, services.cases.barred(db, out.stands, who.actor()));
    for (const Field& field : out.version->service.form) {
      const auto answer = out.stands.answers.find(field.code);
      if (field.kind != FieldKind::document || answer == out.stands.answers.end()) continue;
      std::uint64_t number = 0;
      std::from_chars(answer->second.data(), answer->second.data() + answer->second.size(), number, 16);
      DAYAQ_TRY(auto file, services.attachments.find(db, person, attachments::AttachmentId(number)));
      if (file) out.files.push_back(std::move(*file));
    }
    const std::string why =
        reason.empty() ? fmt::format("{}: {}", out.version->service.title.az, case_number(id)) : reason;
    DAYAQ_TRY_OK(registry::note_read(db, visit.web.accounts.registry, person, "case", why, who.actor()));
    return out;
  });
}

void add_facts(const Visit& visit, portal::View& view, const Official& who, const Opened& opened) {
  const portal::Format& format = visit.page.format();
  const Case& one = opened.stands;
  add_fact(view, "FACT", visit.text("of_number"), case_number(one.id));
  add_fact(view, "FACT", visit.text("of_sent"),
           fmt::format("{} · {}", format.date_time(one.submitted), visit.text(channel_key(one.channel))));
  add_fact(view, "FACT", visit.text("of_answer_by"), format.date_time(one.promised));
  if (one.decided != instant_max) {
    add_fact(view, "FACT", visit.text("of_decided"), format.date_time(one.decided));
  }
  if (one.appeals > 0) add_fact(view, "FACT", visit.text("of_appeals"), visit.text("of_appealed"));
  add_fact(view, "FACT", visit.text("of_holder"),
           one.claimed_by.empty() ? visit.text("of_nobody") : actor_text(visit, who, one.claimed_by));
  if (!is_open(one.state) && !one.reason.az.empty()) {
    add_fact(view, "FACT", visit.text("of_reason"), one.reason.in(visit.page.language()));
  }
}

void add_file(const Visit& visit, portal::View& row, const Official& who, const Case& one,
              const attachments::Attachment* file) {
  portal::View& shown = row.add("FILE");
  const bool clean = file != nullptr && file->scan == attachments::Scan::clean;
  portal::View& name = shown.add(clean ? "OPEN" : "SHUT");
  name.set("VALUE", file == nullptr ? visit.text("of_file_gone") : file->name);
  if (clean) {
    name.set(
        "HREF",
        office_path(fmt::format("/office/cases/{}/files/{:x}", case_number(one.id), file->id.value()), who));
  }
  const bool infected = file != nullptr && file->scan == attachments::Scan::infected;
  shown.set("FILE_TONE", clean ? "go" : infected ? "bad" : "wait");
  shown.set("SCAN", visit.text(clean ? "of_scan_clean" : infected ? "of_scan_infected" : "of_scan_waiting"));
}

void add_answers(const Visit& visit, portal::View& view, const Official& who, const Opened& opened) {
  const Case& one = opened.stands;
  bool any = false;
  for (const Field& field : opened.version->service.form) {
    const auto answer = one.answers.find(field.code);
    if (field.known != Known::none || answer == one.answers.end()) continue;
    any = true;
    portal::View& row = view.add("ANSWER");
    row.set("NAME", field.title.in(visit.page.language()));
    if (field.kind != FieldKind::document) {
      row.add("PLAIN").set("VALUE", answer_text(visit, field, answer->second));
      continue;
    }
    std::uint64_t number = 0;
    std::from_chars(answer->second.data(), answer->second.data() + answer->second.size(), number, 16);
    const auto file =
        std::ranges::find(opened.files, attachments::AttachmentId(number), &attachments::Attachment::id);
    add_file(visit, row, who, one, file == opened.files.end() ? nullptr : &*file);
  }
  if (!any) view.show("NO_ANSWERS");
}

void add_person(const Visit& visit, portal::View& view, const Opened& opened) {
  const registry::Person& person = opened.facts.person;
  const registry::CountryPack& country = visit.web.accounts.registry.country;
  add_fact(view, "KNOWN", visit.text("of_name"), fmt::format("{} {}", person.given_name, person.family_name));
  add_fact(view, "KNOWN", visit.text("id_national_id"), person.national_id);
  add_fact(view, "KNOWN", visit.text("my_data_birth"), visit.page.format().date(person.birth));
  add_fact(view, "KNOWN", visit.text("my_data_place"),
           country.place(opened.facts.place_at(visit.now)).name.in(visit.page.language()));
}

std::string event_text(const Visit& visit, std::string_view what) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 22> keys{
      {{"submitted", "of_event_submitted"}, {"to_review", "of_event_to_review"},
       {"payment_due", "of_event_payment"}, {"appointment_due", "of_event_appointment"},
       {"claimed", "of_event_claimed"},     {"released", "of_event_released"},
       {"approved", "of_event_approved"},   {"asked", "of_event_asked"},
       {"replied", "of_event_replied"},     {"paid", "of_event_paid"},
       {"booked", "of_event_booked"},       {"came", "of_event_came"},
       {"issued", "of_event_issued"},       {"permit_revoked", "of_event_revoked"},
       {"granted", "of_event_granted"},     {"refused", "of_event_refused"},
       {"withdrawn", "of_event_withdrawn"}, {"expired", "of_event_expired"},
       {"appealed", "of_event_appealed"},   {"escalated", "of_event_escalated"},
       {"reminded", "of_event_reminded"},   {"moved", "of_event_moved"}}};
  for (const auto& [code, key] : keys) {
    if (code == what) return visit.text(key);
  }
  return std::string(what);
}

void add_history(const Visit& visit, portal::View& view, const Official& who, const Opened& opened) {
  struct Line {
    Instant at;
    int order = 0;
    std::string what, actor, words;
  };
  std::vector<Line> lines;
  for (const CaseEvent& one : opened.events) {
    lines.push_back(
        {one.at, one.number, event_text(visit, one.what), one.actor, one.note.in(visit.page.language())});
  }
  for (const CaseNote& one : opened.notes)
    lines.push_back({one.at, 0, visit.text("of_note_tag"), one.actor, one.words});
  std::ranges::sort(lines, {}, [](const Line& line) { return std::pair(line.at, line.order); });
  for (const Line& one : lines) {
    portal::View& row = view.add("EVENT");
    row.set("WHAT", one.what);
    row.set("WHEN", visit.page.format().date_time(one.at));
    row.set("WHO", actor_text(visit, who, one.actor));
    if (!one.words.empty()) row.add("SAID").set("WORDS", one.words);
  }
}

void add_actions(const Visit& visit, portal::View& view, const Official& who, const Opened& opened) {
  const Case& one = opened.stands;
  view.set("ACTION", fmt::format("/office/cases/{}", case_number(one.id)));
  view.set("REVISION", std::int64_t(one.revision));
  if (!opened.in_office || !is_open(one.state)) {
    view.show("CLOSED");
    return;
  }
  view.show("NOTES");
  if (one.state != CaseState::in_review) return;
  portal::View& mine = view.add("MINE");
  if (opened.barred != Barred::no) {
    mine.set("HOLDER", visit.text(opened.barred == Barred::own ? "of_take_applied" : "of_take_before"));
    return;
  }
  const bool own = one.claimed_by == who.actor();
  mine.set("HOLDER", one.claimed_by.empty() ? visit.text("of_take_free")
                     : own                  ? visit.text("of_take_own")
                           : visit.fill("of_take_other", {{"who", actor_text(visit, who, one.claimed_by)}}));
  if (one.claimed_by.empty()) mine.show("MAY_CLAIM");
  if (own) mine.show("MAY_RELEASE");
  if (!own && !one.claimed_by.empty()) return;
  portal::View& decide = mine.add("DECIDE");
  decide.set("TYPED", visit.form("reason"));
  for (const Suggestion& suggested : suggestions(visit, opened.version->service)) {
    portal::View& row = decide.add("SUGGESTED");
    row.set("VALUE", suggested.value);
    row.set("NAME", suggested.text.in(visit.page.language()));
  }
}

Result<Response> case_page(Visit& visit, const ServicesWeb& services, const Official& who, CaseId id,
                           const std::string& reason, Message message) {
  DAYAQ_TRY(const Opened opened, open_case(visit, services, who, id, reason));
  const Case& one = opened.stands;
  portal::View& view = visit.content("office_case.html");
  visit.page.add_style("office.css");
  set_organisation(visit, view, who);
  add_note(visit, view, message.key, message.bad, "NOTE_TONE");
  const std::string title = opened.version->service.title.in(visit.page.language());
  view.set("TITLE", title);
  view.set("NUMBER", case_number(id));
  view.set("STATE", visit.text(office_state_key(one.state)));
  view.set("TONE", std::string(office_state_tone(one.state)));
  if (is_open(one.state) && one.promised < visit.now) view.show("IS_LATE");
  if (one.escalated && is_open(one.state)) view.show("ESCALATED");
  if (one.state == CaseState::more_asked)
    view.add("ASKED").set("WORDS", one.reason.in(visit.page.language()));
  add_facts(visit, view, who, opened);
  add_answers(visit, view, who, opened);
  add_person(visit, view, opened);
  add_history(visit, view, who, opened);
  add_actions(visit, view, who, opened);
  return visit.html_titled(title);
}

Result<CaseId> numbered(const std::string& text) {
  const auto id = parse_case_number(text);
  if (!id) {
    return fail_field("case.number", "number", "A case's number has 12 letters and digits. Check it.");
  }
  return *id;
}

Result<Response> show(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Official who, public_official(visit));
  const auto id = numbered(visit.request.parameter("number"));
  if (!id) return unknown_case();
  return case_page(visit, services, who, *id, {}, {});
}

Result<Response> find(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Official who, public_official(visit));
  const auto refused = [&](const Error& error) -> Result<Response> {
    const std::string_view key = office_error_key(error);
    if (key.empty()) return std::unexpected(error);
    return visit.notice("of_find", visit.text(key), office_path("/office/cases", who), "of_queue");
  };
  const auto id = numbered(visit.form("number"));
  if (!id) return refused(id.error());
  const std::string reason = visit.form("reason");
  if (reason.size() < 3) {
    return refused({.kind = ErrorKind::invalid_input,
                    .code = "registry.reason",
                    .public_text = {},
                    .detail = {},
                    .field = "reason"});
  }
  auto page = case_page(visit, services, who, *id, reason, {});
  if (!page) return refused(page.error());
  return page;
}

std::string_view done_key(std::string_view wanted) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> keys{{{"claim", "of_claimed"},
                                                                               {"release", "of_released"},
                                                                               {"grant", "of_granted"},
                                                                               {"refuse", "of_refused"},
                                                                               {"ask", "of_asked_done"},
                                                                               {"note", "of_noted"}}};
  for (const auto& [name, key] : keys) {
    if (name == wanted) return key;
  }
  return "of_done";
}

/// What is done in a transaction: the office, the revision and the state are checked within it.
Result<CaseState> act(Visit& visit, const ServicesWeb& services, const Official& who, CaseId id) {
  const std::string wanted = visit.form("do");
  const std::string given = visit.form("revision");
  int revision = 0;
  std::from_chars(given.data(), given.data() + given.size(), revision);
  return visit.web.db.write([&](store::Session& db) -> Result<CaseState> {
    DAYAQ_TRY(const Case stands, case_in_office(db, services, who, id));
    if (wanted == "note") {
      DAYAQ_TRY_OK(
          add_note(db, services.cases.context().log, stands, visit.form("note"), who.actor(), visit.now));
      return stands.state;
    }
    const ServiceHandle version = services.book.find(stands.service, stands.version);
    const auto action = office_action(wanted, stated_reason(visit, version ? &version->service : nullptr));
    if (!action || revision < 1)
      return fail(ErrorKind::invalid_input, "web.form", "There is no such action.");
    DAYAQ_TRY(const Receipt receipt,
              services.cases.act(db, stands.person, id, revision, *action, who.actor(), visit.now));
    return receipt.stands.state;
  });
}

Result<Response> act_on_case(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Official who, public_official(visit));
  const auto id = numbered(visit.request.parameter("number"));
  if (!id) return unknown_case();
  const auto done = act(visit, services, who, *id);
  if (!done) {
    const std::string_view key = office_error_key(done.error());
    if (key.empty() || done.error().code == "case.unknown") return std::unexpected(done.error());
    return case_page(visit, services, who, *id, {}, {key, true});
  }
  const std::string_view key = done_key(visit.form("do"));
  // Once decided it isn't in this office any more: whoever decided still sees how, on record.
  auto page = case_page(visit, services, who, *id, visit.text(key), {key, false});
  if (!page && page.error().code == "case.unknown") return visit.redirect(office_path("/office/cases", who));
  return page;
}

Result<Response> file(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Official who, public_official(visit));
  const auto id = numbered(visit.request.parameter("number"));
  if (!id) return unknown_case();
  const std::string& named = visit.request.parameter("file");
  DAYAQ_TRY(const auto found, visit.web.db.write([&](store::Session& db) -> Result<attachments::Attachment> {
    DAYAQ_TRY(const Case stands, case_in_office(db, services, who, *id));
    const bool of_case =
        std::ranges::any_of(stands.answers, [&](const auto& answer) { return answer.second == named; });
    std::uint64_t number = 0;
    std::from_chars(named.data(), named.data() + named.size(), number, 16);
    DAYAQ_TRY(auto one, services.attachments.find(db, stands.person, attachments::AttachmentId(number)));
    if (!of_case || !one) return unknown_case();
    DAYAQ_TRY_OK(registry::note_read(db, visit.web.accounts.registry, stands.person, "document",
                                     case_number(*id), who.actor()));
    return *std::move(one);
  }));
  DAYAQ_TRY(const Bytes bytes, services.attachments.read(found));
  Response answer;
  answer.content_type = attachments::media_type(found.kind);
  answer.body.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  // It is shown beside nothing of ours: no script of it runs, and it is stored nowhere.
  answer.headers = {{"Content-Disposition", fmt::format("attachment; filename=\"{}.{}\"", case_number(*id),
                                                        attachments::to_string(found.kind))},
                    {"Content-Security-Policy", "sandbox; default-src 'none'"},
                    {"X-Content-Type-Options", "nosniff"},
                    {"Cache-Control", "no-store"}};
  return answer;
}

}  // namespace

Result<Case> case_in_office(store::Session& db, const ServicesWeb& services, const Official& who, CaseId id) {
  DAYAQ_TRY(auto found, services.cases.find(db, id));
  if (!found || found->office != who.organisation) return unknown_case();
  return *std::move(found);
}

std::optional<Action> office_action(std::string_view name, LocalizedText reason) {
  if (name == "claim") return Claim{};
  if (name == "release") return Release{};
  if (name == "grant") return Grant{std::move(reason)};
  if (name == "refuse") return Refuse{std::move(reason)};
  if (name == "ask") return Ask{std::move(reason)};
  return std::nullopt;
}

void add_case_pages(http::Router& router, const ServicesWeb& services) {
  constexpr std::size_t body_max = std::size_t{192} << 10;
  constexpr auto pages = std::to_array<SignedInPage>({
      {Method::post, "/office/cases/find", "page_office_case_find", "Looks a case up, for a stated reason.",
       find, body_max},
      {Method::get, "/office/cases/{number}", "page_office_case", "A case that the office has.", show,
       body_max},
      {Method::post, "/office/cases/{number}", "page_office_case_act", "Takes it up, decides it, asks.",
       act_on_case, body_max},
      {Method::get, "/office/cases/{number}/files/{file}", "page_office_case_file", "A document of it.", file,
       body_max},
  });
  add_signed_in_pages(router, services, identity::Assurance::substantial, pages);
}

}  // namespace dayaq::services::web
