// The office's day: who comes when, by the number of their application. Names aren't shown: whoever comes
// says or shows the number, and nobody reads a list of people.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "http/encoding.hpp"
#include "services/web/booking.hpp"
#include "services/web/office_view.hpp"
#include "services/web/words.hpp"

namespace dayaq::services::web {
namespace {

using booking::Arrival;
using booking::Booking;
using booking::Calendar;
using http::Method;
using http::Response;
using portal::View;
using State = Booking::State;
using std::chrono::days;
using std::chrono::minutes;

/// Which hour of which day of which calendar.
struct Place {
  Official who;
  const Calendar* calendar = nullptr;  ///< null: the organisation has none
  Date day;
  int hour = 0;
  bool today = false;
};

std::string path_of(const Place& place, Date day, std::optional<int> hour) {
  std::string path = fmt::format("{}&calendar={}&day={}", office_path("/office/calendar", place.who),
                                 place.calendar->code, format_date(day));
  if (hour) path += fmt::format("&hour={}", *hour);
  return path;
}

int hour_of(const ServicesWeb& services, Instant at) {
  return std::stoi(clock_of(services, at).substr(0, 2));
}

/// `named`: a field of the form or of the address.
template <class Named>
Result<Place> place_from(const Visit& visit, const ServicesWeb& services, Named&& named) {
  DAYAQ_TRY(const Official who, identity::web::public_official(visit));
  Place out{.who = who, .calendar = nullptr, .day = {}};
  const std::string code = named("calendar");
  for (const Calendar& calendar : services.calendars.all()) {
    if (calendar.organisation != who.relation.organisation) continue;
    if (out.calendar == nullptr || calendar.code == code) out.calendar = &calendar;
  }
  const Date today = services.calendars.today(visit.now);
  const auto day = parse_date(named("day"));
  out.day = day ? std::clamp(*day, today - days(366), today + days(366)) : today;
  out.today = out.day == today;
  const std::string hour = named("hour");
  int wanted = -1;
  std::from_chars(hour.data(), hour.data() + hour.size(), wanted);
  out.hour = wanted >= 0 && wanted < 24 ? wanted : -1;
  return out;
}

std::string_view arrival_key(Arrival arrival) {
  if (arrival == Arrival::early) return "bk_came_early";
  return arrival == Arrival::late ? "bk_came_late" : "bk_came_on_time";
}

struct Tag {
  std::string_view key;
  std::string_view tone;
};
Tag tag_of(const Visit& visit, const Calendar& calendar, const Booking& one) {
  if (one.state == State::came) {
    const Arrival how = booking::arrival(calendar, one.at, one.changed);
    return {arrival_key(how), how == Arrival::on_time ? "go" : "wait"};
  }
  if (one.state == State::missed) return {"bk_missed", "bad"};
  if (visit.now > one.at + minutes(calendar.late_minutes)) return {"bk_overdue", "bad"};
  return {"bk_expected", "plain"};
}

void add_row(const Visit& visit, const ServicesWeb& services, View& list, const Calendar& calendar,
             const Booking& one) {
  View& row = list.add("ROW");
  const std::string number = case_number(CaseId(one.case_id));
  row.set("CLOCK", clock_of(services, one.at));
  row.set("NUMBER", number);
  const Tag tag = tag_of(visit, calendar, one);
  row.set("TONE", std::string(tag.tone));
  row.set("STATE", visit.text(tag.key));
  const bool day_reached = services.calendars.today(visit.now) >= services.calendars.zone().day_of(one.at);
  if (one.state == State::came || !day_reached) return;
  row.add("CAME").set("OF", number);
  if (one.state == State::booked && visit.now > one.at + minutes(calendar.late_minutes)) {
    row.add("MISSED").set("OF", number);
  }
}

struct Day {
  std::vector<Booking> bookings;
  int places = 0;
  booking::Turnout turnout;
};

void add_hours(const ServicesWeb& services, View& view, Place& place, const std::vector<Booking>& bookings,
               Instant now) {
  std::map<int, int> hours;
  for (const Booking& one : bookings) ++hours[hour_of(services, one.at)];
  if (hours.empty()) return;
  if (place.hour < 0) {
    const int current = place.today ? hour_of(services, now) : 0;
    const auto next = hours.lower_bound(current);
    place.hour = next == hours.end() ? hours.rbegin()->first : next->first;
  }
  View& shown = view.add("HOURS");
  for (const auto& [hour, count] : hours) {
    View& one = shown.add("HOUR");
    one.set("HREF", path_of(place, place.day, hour));
    one.set("NAME", fmt::format("{:02}:00", hour));
    one.set("COUNT", count);
    if (hour == place.hour) one.show("CURRENT");
  }
}

void add_figures(const Visit& visit, View& view, const Calendar& calendar, const Day& day) {
  const portal::Format& format = visit.page.format();
  const auto count = [&](State state) {
    return format.number(std::ranges::count(day.bookings, state, &Booking::state));
  };
  view.set("ALL", format.number(static_cast<std::int64_t>(day.bookings.size())));
  view.set("CAME_COUNT", count(State::came));
  view.set("MISSED_COUNT", count(State::missed));
  if (day.turnout.all() > 0) {
    const double share = double(day.turnout.missed) / double(day.turnout.all());
    view.add("TURNOUT").set("WORDS", visit.fill("bk_turnout", {{"share", format.share(share)},
                                                               {"n", format.number(day.turnout.all())}}));
  }
  const bool more = day.places > calendar.capacity;
  view.set("PLACES",
           visit.fill(more ? "bk_places" : "bk_room", {{"n", fmt::format("{}", day.places)},
                                                       {"room", fmt::format("{}", calendar.capacity)}}));
}

void add_note(const Visit& visit, View& view) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> notes{
      {{"early", "bk_done_early"},
       {"on_time", "bk_done_on_time"},
       {"late", "bk_done_late"},
       {"missed", "bk_done_missed"},
       {"unknown", "bk_error_unknown"},
       {"not_yet", "bk_error_not_yet"},
       {"came", "bk_error_came"},
       {"cancelled", "bk_error_cancelled"},
       {"state", "bk_error_state"}}};
  const auto note =
      std::ranges::find(notes, visit.query("note"), &std::pair<std::string_view, std::string_view>::first);
  if (note == notes.end()) return;
  View& shown = view.add("NOTE");
  const bool bad = note->second.starts_with("bk_error");
  shown.set("TONE", bad ? "bad" : (note->first == "early" || note->first == "late" ? "wait" : "go"));
  const auto number = parse_case_number(visit.query("number"));
  shown.set("WORDS",
            visit.fill(note->second, {{"number", number ? case_number(*number) : std::string("–")}}));
}

Result<Response> day_page(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(Place place, place_from(visit, services, [&](const char* name) { return visit.query(name); }));
  View& view = visit.content("office_calendar.html");
  visit.page.add_style("office.css");
  visit.page.add_style("booking.css");
  set_organisation(visit, view, place.who);
  if (place.calendar == nullptr) {
    view.show("NO_CALENDAR");
    return visit.html("bk_office_title");
  }
  const Calendar& calendar = *place.calendar;
  DAYAQ_TRY(const Day day, visit.web.db.read([&](store::Session& db) -> Result<Day> {
    Day out;
    DAYAQ_TRY(out.bookings, services.calendars.day(db, calendar, place.day));
    DAYAQ_TRY(out.places, services.calendars.places_of(db, calendar, visit.now));
    DAYAQ_TRY(out.turnout, services.calendars.turnout(db, calendar, visit.now));
    return out;
  }));
  add_note(visit, view);
  View& shown = view.add("DAY");
  for (const Calendar& other : services.calendars.all()) {
    if (other.organisation != calendar.organisation || other.code == calendar.code) continue;
    View& link = shown.add("OTHER");
    link.set("HREF", fmt::format("{}&calendar={}", office_path("/office/calendar", place.who), other.code));
    link.set("NAME", other.name.in(visit.page.language()));
  }
  shown.set("PLACE", calendar.name.in(visit.page.language()));
  shown.set("DATE", weekday_and(visit, place.day, visit.page.format().date(place.day)));
  shown.set("BEFORE", path_of(place, place.day - days(1), std::nullopt));
  shown.set("AFTER", path_of(place, place.day + days(1), std::nullopt));
  shown.set("ICS", fmt::format("{}&calendar={}&day={}", office_path("/office/calendar.ics", place.who),
                               calendar.code, format_date(place.day)));
  add_figures(visit, shown, calendar, day);
  if (day.bookings.empty()) shown.show("NOTHING");
  add_hours(services, shown, place, day.bookings, visit.now);
  View& form = shown.add("DESK");
  form.set("CALENDAR", calendar.code);
  form.set("DAY_CODE", format_date(place.day));
  form.set("HOUR_CODE", std::max(place.hour, 0));
  View* list = nullptr;
  for (const Booking& one : day.bookings) {
    if (hour_of(services, one.at) != place.hour) continue;
    if (list == nullptr) list = &form.add("LIST");
    add_row(visit, services, *list, calendar, one);
  }
  return visit.html("bk_office_title");
}

/// What the desk says of one: "early", "on_time", "late", "missed".
Result<std::string_view> mark_one(store::Session& db, const Visit& visit, const ServicesWeb& services,
                                  const Place& place, CaseId id, State what) {
  DAYAQ_TRY(const auto bookings, services.calendars.day(db, *place.calendar, place.day));
  const auto found = std::ranges::find(bookings, id.value(), &Booking::case_id);
  if (found == bookings.end()) {
    return fail(ErrorKind::not_found, "booking.unknown", "Nobody with this number is expected on this day.");
  }
  if (found->state == State::came && what == State::missed) {
    return fail(ErrorKind::conflict, "booking.came", "They came, and the application went on.");
  }
  const bool again = found->state == what;
  DAYAQ_TRY(const Booking marked, services.calendars.mark(db, found->person, id.value(), what, visit.now));
  if (what == State::missed) {
    if (!again) DAYAQ_TRY_OK(note_booking(db, services, "booking.missed", marked, place.who.actor()));
    return std::string_view("missed");
  }
  if (!again) {
    DAYAQ_TRY_OK(services.cases.act(db, marked.person, id, 0, Came{}, place.who.actor(), visit.now));
  }
  const Arrival how = booking::arrival(*place.calendar, marked.at, marked.changed);
  return std::string_view(how == Arrival::early ? "early" : how == Arrival::late ? "late" : "on_time");
}

std::string_view note_of(const Error& error) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> notes{
      {{"booking.unknown", "unknown"},
       {"booking.not_yet", "not_yet"},
       {"booking.came", "came"},
       {"booking.cancelled", "cancelled"},
       {"case.state", "state"}}};
  const auto found =
      std::ranges::find(notes, error.code, &std::pair<std::string_view, std::string_view>::first);
  return found == notes.end() ? std::string_view() : found->second;
}

Result<Response> mark(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Place place,
            place_from(visit, services, [&](const char* name) { return visit.form(name); }));
  if (place.calendar == nullptr) return visit.redirect(office_path("/office/calendar", place.who));
  // A button of a row names its number; those beside the field of the desk take what was typed.
  State what = State::came;
  std::string given = visit.form("came");
  if (given.empty()) given = visit.form("missed");
  if (!visit.form("missed").empty()) what = State::missed;
  if (given == "typed") given = visit.form("number");
  const auto id = parse_case_number(given);
  const auto done = !id ? Result<std::string_view>(std::string_view("unknown"))
                        : visit.web.db.write([&](store::Session& db) {
                            return mark_one(db, visit, services, place, *id, what);
                          });
  const std::string_view note = done ? *done : note_of(done.error());
  if (note.empty()) return std::unexpected(done.error());
  return visit.redirect(fmt::format("{}&note={}&number={}",
                                    path_of(place, place.day, std::max(place.hour, 0)), note,
                                    id ? case_number(*id) : std::string()));
}

Result<Response> day_file(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Place place,
            place_from(visit, services, [&](const char* name) { return visit.query(name); }));
  if (place.calendar == nullptr) {
    return fail(ErrorKind::not_found, "booking.calendar", "This organisation has no calendar.");
  }
  DAYAQ_TRY(const auto bookings, visit.web.db.read([&](store::Session& db) {
    return services.calendars.day(db, *place.calendar, place.day);
  }));
  return ical_answer(visit, *place.calendar, bookings);
}

}  // namespace

void add_calendar_pages(http::Router& router, const ServicesWeb& services) {
  constexpr auto pages = std::to_array<SignedInPage>({
      {Method::get, "/office/calendar", "page_office_calendar", "The office's day: who comes when.",
       day_page},
      {Method::post, "/office/calendar", "page_office_calendar_mark", "Says that somebody came, or didn't.",
       mark},
      {Method::get, "/office/calendar.ics", "page_office_calendar_ics", "The day for a calendar program.",
       day_file},
  });
  add_signed_in_pages(router, services, identity::Assurance::substantial, pages);
}

}  // namespace dayaq::services::web
