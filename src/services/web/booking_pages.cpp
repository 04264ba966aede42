// Choosing a time to come: the person's page of an application that waits for it.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "services/web/booking.hpp"
#include "services/web/words.hpp"

namespace dayaq::services::web {
namespace {

using booking::Booking;
using booking::Calendar;
using http::Method;
using http::Response;
using portal::View;
using std::chrono::minutes;

struct Mine {
  Subject subject;
  Case stands;
  const Calendar* calendar = nullptr;  ///< of the step that it waits at, or of what was booked
  std::optional<Booking> booked;
  [[nodiscard]] std::uint64_t key() const { return stands.id.value(); }
  [[nodiscard]] bool open() const { return stands.state == CaseState::appointment; }
  /// Chosen, and not over.
  [[nodiscard]] bool has_time(Instant now) const {
    return booked && booked->state == Booking::State::booked && calendar != nullptr &&
           now <= booked->at + minutes(calendar->late_minutes);
  }
};

Result<Mine> read_mine(store::Session& db, const Visit& visit, const ServicesWeb& services) {
  Mine out{.subject = subject_of(visit), .stands = {}, .booked = {}};
  const auto id = parse_case_number(visit.request.parameter("number"));
  std::optional<Case> found;
  if (id) {
    DAYAQ_TRY(found, services.cases.find(db, out.subject.person, *id));
  }
  if (!found) return fail(ErrorKind::not_found, "case.unknown", "There is no such application.");
  out.stands = std::move(*found);
  DAYAQ_TRY(out.booked, services.calendars.of_case(db, out.subject.person, out.key()));
  const Calendar* waits = calendar_of(services, out.stands);
  out.calendar = waits == nullptr && out.booked ? services.calendars.find(out.booked->calendar) : waits;
  return out;
}

std::string page_path(const Mine& mine) {
  return fmt::format("/my/cases/{}/appointment", case_number(mine.stands.id));
}

struct NoteWords {
  std::string_view name;
  std::string_view key;
  bool bad = false;
};
constexpr std::array<NoteWords, 5> notes{{{"booked", "bk_note_booked"},
                                          {"cancelled", "bk_note_cancelled"},
                                          {"taken", "bk_note_taken", true},
                                          {"slot", "bk_note_slot", true},
                                          {"over", "bk_note_over", true}}};

void add_rules(const Visit& visit, View& view, const Calendar& calendar) {
  view.set("EARLY", visit.fill("bk_rule_early", {{"n", fmt::format("{}", calendar.early_minutes)}}));
  view.set("LATE", visit.fill("bk_rule_late", {{"n", fmt::format("{}", calendar.late_minutes)}}));
}

void add_time(const Visit& visit, View& view, const Mine& mine) {
  View& have = view.add("HAVE");
  have.set("WHEN", weekday_and(visit, mine.booked->at, visit.page.format().date_time(mine.booked->at)));
  have.set("PLACE", mine.calendar->name.in(visit.page.language()));
  have.set("ADDRESS", mine.calendar->address.in(visit.page.language()));
  have.set("PATH", page_path(mine));
  add_rules(visit, have, *mine.calendar);
}

Result<void> add_days(const Visit& visit, const ServicesWeb& services, View& view, const Mine& mine) {
  DAYAQ_TRY(const auto days, visit.web.db.read([&](store::Session& db) {
    return services.calendars.days(db, *mine.calendar, visit.now);
  }));
  View& shown = view.add("DAYS");
  bool any = false;
  for (const booking::DayLeft& day : days) {
    View& row = shown.add("DAY");
    const std::string name = weekday_and(visit, day.day, visit.page.format().date(day.day));
    if (day.left > 0) {
      View& open = row.add("OPEN");
      open.set("HREF", fmt::format("{}?day={}", page_path(mine), format_date(day.day)));
      open.set("NAME", name);
      open.set("LEFT", visit.page.format().count("bk_left", day.left));
      any = true;
    } else {
      row.add("FULL").set("NAME", name);
    }
  }
  if (!any) shown.show("NONE");
  return {};
}

Result<void> add_times(const Visit& visit, const ServicesWeb& services, View& view, const Mine& mine,
                       Date day) {
  DAYAQ_TRY(const auto slots, visit.web.db.read([&](store::Session& db) {
    return services.calendars.slots(db, *mine.calendar, day, visit.now);
  }));
  View& shown = view.add("TIMES");
  shown.set("DAY_NAME", weekday_and(visit, day, visit.page.format().date(day)));
  shown.set("PATH", page_path(mine));
  shown.set("BACK", fmt::format("{}?change=1", page_path(mine)));
  constexpr std::array<std::string_view, 2> halves{"bk_forenoon", "bk_afternoon"};
  View* half_view = nullptr;
  std::size_t half_shown = halves.size();
  for (const booking::Slot& slot : slots) {
    if (slot.left == 0) continue;
    const std::string clock = clock_of(services, slot.at);
    const std::size_t half = clock < "12:00" ? 0 : 1;
    if (half_view == nullptr || half != half_shown) {
      half_view = &shown.add("HALF");
      half_view->set("NAME", visit.text(halves[half]));
      half_shown = half;
    }
    View& one = half_view->add("TIME");
    one.set("AT", format_instant(slot.at));
    one.set("CLOCK", clock);
  }
  if (half_view == nullptr) shown.show("NONE");
  return {};
}

Result<Response> appointment_page(Visit& visit, const ServicesWeb& services) {
  const Subject subject = subject_of(visit);
  if (subject.person != visit.session->person) DAYAQ_TRY_OK(facts_of(visit, services, subject));
  DAYAQ_TRY(const Mine mine,
            visit.web.db.read([&](store::Session& db) { return read_mine(db, visit, services); }));
  if (!mine.open() || mine.calendar == nullptr) {
    return visit.redirect(fmt::format("/my/cases/{}", case_number(mine.stands.id)));
  }
  View& view = visit.my_content("my_appointment.html");
  visit.page.add_style("booking.css");
  const std::string number = case_number(mine.stands.id);
  view.set("NUMBER", number);
  view.set("CASE", fmt::format("/my/cases/{}", number));
  const auto note = std::ranges::find(notes, visit.query("note"), &NoteWords::name);
  if (note != notes.end()) {
    View& shown = view.add("NOTE");
    shown.set("TONE", note->bad ? "bad" : "go");
    shown.set("WORDS", visit.text(note->key));
  }
  const bool has_time = mine.has_time(visit.now);
  const auto day = parse_date(visit.query("day"));
  const bool choosing = !has_time || visit.query("change") == "1" || day;
  if (has_time) add_time(visit, view, mine);
  if (!has_time && mine.booked && mine.booked->state != Booking::State::cancelled) view.show("MISSED");
  if (!choosing) return visit.html("bk_title");
  if (!has_time) {
    View& place = view.add("PLACE");
    place.set("NAME", mine.calendar->name.in(visit.page.language()));
    place.set("ADDRESS", mine.calendar->address.in(visit.page.language()));
    add_rules(visit, place, *mine.calendar);
  }
  DAYAQ_TRY_OK(day ? add_times(visit, services, view, mine, *day) : add_days(visit, services, view, mine));
  return visit.html(day ? "bk_choose_time" : "bk_choose_day");
}

/// Gives up what was chosen before, takes the other, and tells the case: all or nothing.
Result<void> take_time(store::Session& db, const Visit& visit, const ServicesWeb& services, Instant at) {
  DAYAQ_TRY(const Mine mine, read_mine(db, visit, services));
  if (!mine.open() || mine.calendar == nullptr) {
    return fail(ErrorKind::conflict, "case.state", "No appointment is to be made.");
  }
  if (mine.has_time(visit.now)) {
    if (mine.booked->at == at) return {};
    DAYAQ_TRY_OK(services.calendars.cancel(db, mine.subject.person, mine.key(), visit.now));
  }
  DAYAQ_TRY(const Booking booked,
            services.calendars.book(db, *mine.calendar, at, mine.subject.person, mine.key(), visit.now));
  const Period when{.from = booked.at, .until = booked.at + minutes(mine.calendar->slot_minutes)};
  DAYAQ_TRY_OK(services.cases.act(db, mine.subject.person, mine.stands.id, 0, Booked{when},
                                  mine.subject.actor, visit.now));
  return {};
}

Response back(const Visit& visit, std::string_view query) {
  return visit.redirect(fmt::format("/my/cases/{}/appointment?{}", visit.request.parameter("number"), query));
}

Result<Response> choose(Visit& visit, const ServicesWeb& services) {
  const auto at = parse_instant(visit.form("at"));
  if (!at) return back(visit, "change=1&note=slot");
  const auto done =
      visit.web.db.write([&](store::Session& db) { return take_time(db, visit, services, *at); });
  if (done) return back(visit, "note=booked");
  const std::string_view code = done.error().code;
  const std::string day = format_date(services.calendars.zone().day_of(*at));
  if (code == "booking.taken") return back(visit, fmt::format("day={}&note=taken", day));
  if (code == "booking.slot") return back(visit, "change=1&note=slot");
  return std::unexpected(done.error());
}

Result<Response> cancel(Visit& visit, const ServicesWeb& services) {
  const auto done = visit.web.db.write([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY(const Mine mine, read_mine(db, visit, services));
    if (mine.booked && mine.booked->state == Booking::State::cancelled) return {};
    DAYAQ_TRY_OK(services.calendars.cancel(db, mine.subject.person, mine.key(), visit.now));
    return note_booking(db, services, "booking.cancel", *mine.booked, mine.subject.actor);
  });
  if (done) return back(visit, "note=cancelled");
  if (done.error().code == "booking.over") return back(visit, "note=over");
  return std::unexpected(done.error());
}

Result<Response> calendar_file(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Mine mine,
            visit.web.db.read([&](store::Session& db) { return read_mine(db, visit, services); }));
  if (!mine.booked || mine.calendar == nullptr) {
    return fail(ErrorKind::not_found, "booking.unknown", "No time was chosen for this case.");
  }
  return ical_answer(visit, *mine.calendar, std::span(&*mine.booked, 1));
}

}  // namespace

const Calendar* calendar_of(const ServicesWeb& services, const Case& one) {
  const ServiceHandle handle = services.book.find(one.service, one.version);
  if (!handle || one.step < 0 || std::size_t(one.step) >= handle->service.steps.size()) return nullptr;
  const Step& step = handle->service.steps[std::size_t(one.step)];
  return step.kind == Step::Kind::appointment ? services.calendars.find(step.resource) : nullptr;
}

std::string weekday_and(const Visit& visit, Date day, const std::string& words) {
  constexpr std::array<std::string_view, 7> keys{"bk_mon", "bk_tue", "bk_wed", "bk_thu",
                                                 "bk_fri", "bk_sat", "bk_sun"};
  return fmt::format("{}, {}", visit.text(keys[std::chrono::weekday(day).iso_encoding() - 1]), words);
}

std::string weekday_and(const Visit& visit, Instant at, const std::string& words) {
  return weekday_and(visit, visit.page.site().zone().day_of(at), words);
}

std::string clock_of(const ServicesWeb& services, Instant at) {
  const std::string local = services.calendars.zone().format_local(at);
  return local.substr(local.find(' ') + 1);
}

Result<void> note_booking(store::Session& db, const ServicesWeb& services, std::string_view action,
                          const Booking& booked, const std::string& actor) {
  DAYAQ_TRY_OK(services.cases.context().log.append(
      db, {.action = action,
           .actor = actor,
           .subject = booked.person,
           .data = fmt::format(R"({{"calendar":"{}"}})", booked.calendar),
           .personal = fmt::format(R"({{"at":"{}","case":"{}"}})", format_instant(booked.at),
                                   case_number(CaseId(booked.case_id)))}));
  return {};
}

Response ical_answer(const Visit& visit, const Calendar& calendar, std::span<const Booking> bookings) {
  Response answer;
  answer.content_type = "text/calendar; charset=utf-8";
  answer.body = booking::ical(calendar, bookings, visit.web.url.host, visit.now, visit.page.language());
  answer.headers = {{"Content-Disposition", "attachment; filename=\"appointment.ics\""},
                    {"X-Content-Type-Options", "nosniff"},
                    {"Cache-Control", "no-store"}};
  return answer;
}

void add_booking_pages(http::Router& router, const ServicesWeb& services) {
  constexpr auto pages = std::to_array<SignedInPage>({
      {Method::get, "/my/cases/{number}/appointment", "page_my_appointment",
       "A day and a time to come; what was chosen.", appointment_page},
      {Method::post, "/my/cases/{number}/appointment", "page_my_appointment_choose", "Chooses a time.",
       choose},
      {Method::post, "/my/cases/{number}/appointment/cancel", "page_my_appointment_cancel",
       "Gives the time up.", cancel},
      {Method::get, "/my/cases/{number}/appointment.ics", "page_my_appointment_ics",
       "One's appointment for a calendar program.", calendar_file},
  });
  add_signed_in_pages(router, services, identity::Assurance::low, pages);
  add_calendar_pages(router, services);
}

}  // namespace dayaq::services::web
