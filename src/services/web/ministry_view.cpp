#include "services/web/ministry_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "services/cases/feedback.hpp"
#include "services/web/ministry_figures.hpp"
#include "services/web/office_view.hpp"

namespace dayaq::services::web {
namespace {

using http::Response;

constexpr int days_shown = 30;
constexpr int said_shown = 10;

struct Read {
  std::vector<Cases::DayFigures> days;
  std::vector<QuestionFigures> questions;
  Ratings ratings;
};

/// "40 s", "12 min", "3,5 h", "2 days".
std::string time_text(const portal::Format& format, std::chrono::seconds time) {
  const auto seconds = static_cast<double>(time.count());
  if (seconds < 90) return format.fill("mn_seconds", {{"amount", format.decimal(seconds, 0)}});
  if (seconds < 5400) return format.fill("mn_minutes", {{"amount", format.decimal(seconds / 60, 0)}});
  if (seconds < 172'800) return format.fill("mn_hours", {{"amount", format.decimal(seconds / 3600, 1)}});
  return format.fill("mn_days_long", {{"amount", format.decimal(seconds / 86'400, 1)}});
}

void add_figures(const Visit& visit, portal::View& view, const Service& service, const ServiceSums& sums,
                 const Ratings& ratings) {
  const portal::Format& format = visit.page.format();
  const bool any = sums.answered() > 0;
  add_fact(view, "FIGURE", visit.text("mn_sent"), format.number(sums.submitted));
  add_fact(view, "FIGURE", visit.text("mn_answered"), format.number(sums.answered()));
  add_fact(view, "FIGURE", visit.text("mn_granted"), any ? format.share(sums.granted_share()) : "–");
  add_fact(view, "FIGURE",
           visit.fill("mn_mean_promised", {{"promised", time_text(format, service.promised)}}),
           any ? time_text(format, sums.mean_time()) : "–");
  add_fact(view, "FIGURE", visit.text("mn_late"), any ? format.share(sums.late_share()) : "–");
  add_fact(view, "FIGURE", visit.text("mn_liked_short"),
           ratings.total() == 0 ? "–" : format.fixed(ratings.mean(), 1));
}

void add_days(const Visit& visit, portal::View& view, const std::vector<Cases::DayFigures>& days) {
  const portal::Format& format = visit.page.format();
  const ServiceSums sums = sum(days);
  if (sums.submitted == 0 && sums.answered() == 0) {
    view.show("NO_DAYS");
    return;
  }
  portal::View& section = view.add("DAYS");
  std::int64_t most = 1;
  for (const Cases::DayFigures& one : days) most = std::max({most, one.submitted, one.granted + one.refused});
  section.set("CHART",
              chart(days, format.number(most), format.date(days.front().day), format.date(days.back().day)));
  section.set("LABEL", visit.fill("mn_chart", {{"sent", format.number(sums.submitted)},
                                               {"answered", format.number(sums.answered())},
                                               {"most", format.number(most)}}));
  for (auto day = days.rbegin(); day != days.rend(); ++day) {
    if (day->submitted == 0 && day->granted == 0 && day->refused == 0) continue;
    const std::int64_t answered = day->granted + day->refused;
    portal::View& row = section.add("DAY");
    row.set("DATE", format.date(day->day));
    row.set("SENT", format.number(day->submitted));
    row.set("GRANTED", format.number(day->granted));
    row.set("REFUSED", format.number(day->refused));
    row.set("LATE", format.number(day->late));
    row.set("MEAN",
            answered == 0 ? "–" : time_text(format, std::chrono::seconds(day->seconds_to_answer / answered)));
  }
}

std::string question_name(const Visit& visit, const Service& service, const std::string& field) {
  if (field == first_page) return visit.text("mn_first_page");
  if (field == last_page) return visit.text("mn_last_page");
  const Field* found = service.find(field);
  return found == nullptr ? visit.fill("mn_old_question", {{"code", field}})
                          : found->title.in(visit.page.language());
}

void add_stops(const Visit& visit, portal::View& view, const Service& service,
               const std::vector<QuestionFigures>& counted) {
  const portal::Format& format = visit.page.format();
  const std::vector<StopRow> rows = stops(service, counted);
  if (rows.empty()) {
    view.show("NO_STOP");
    return;
  }
  portal::View& section = view.add("STOP");
  if (const StopRow* worst = worst_stop(rows); worst != nullptr) {
    section.add("WORST").set(
        "WORDS", visit.fill("mn_worst", {{"question", question_name(visit, service, worst->field)},
                                         {"count", format.number(worst->shown - worst->answered)},
                                         {"share", format.share(worst->stopped())}}));
  }
  for (const StopRow& one : rows) {
    portal::View& row = section.add("ROW");
    row.set("NAME", question_name(visit, service, one.field));
    row.set("SHOWN", format.number(one.shown));
    row.set("ANSWERED", format.number(one.answered));
    row.set("SHARE", format.share(one.stopped()));
    row.set("BAR", fmt::format("{:.1f}", one.stopped() * 100));
  }
}

void add_ratings(const Visit& visit, portal::View& view, const Ratings& ratings) {
  constexpr std::array<std::string_view, 5> keys{"mn_mark_1", "mn_mark_2", "mn_mark_3", "mn_mark_4",
                                                 "mn_mark_5"};
  const portal::Format& format = visit.page.format();
  const std::int64_t total = ratings.total();
  if (total == 0) {
    view.show("NO_RATINGS");
    return;
  }
  portal::View& section = view.add("RATED");
  section.set("MEAN", visit.fill("mn_mean_mark", {{"mean", format.fixed(ratings.mean(), 1)},
                                                  {"count", format.number(total)}}));
  for (std::size_t i = keys.size(); i-- > 0;) {
    const double share = static_cast<double>(ratings.count[i]) / static_cast<double>(total);
    portal::View& row = section.add("MARK");
    row.set("NAME", visit.text(keys[i]));
    row.set("COUNT", format.number(ratings.count[i]));
    row.set("SHARE", format.share(share));
    row.set("BAR", fmt::format("{:.1f}", share * 100));
  }
  if (ratings.said.empty()) return;
  portal::View& said = section.add("SAID");
  for (const Ratings::Said& one : ratings.said) {
    portal::View& row = said.add("ONE");
    row.set("WORDS", one.words);
    row.set("WHEN", format.date_time(one.at));
    row.set("OF", visit.text(keys[std::clamp<std::size_t>(static_cast<std::size_t>(one.score), 1, 5) - 1]));
  }
}

void add_versions(const Visit& visit, portal::View& view, std::span<const ServiceHandle> versions) {
  const portal::Format& format = visit.page.format();
  for (const ServiceHandle& one : versions) {
    portal::View& row = view.add("VERSION");
    row.set("NUMBER", format.version(one->service.version));
    row.set("STATE", visit.text(version_state_key(one->state)));
    row.set("TONE", std::string(version_state_tone(one->state)));
    const bool published = one->published != instant_max;
    row.set("BY", visit.fill(published ? "mn_published_at" : "mn_submitted_at",
                             {{"time", format.date_time(published ? one->published : one->submitted)}}));
  }
}

}  // namespace

std::string_view version_state_key(ServiceState state) {
  constexpr std::array<std::string_view, 5> keys{"mn_state_submitted", "mn_state_published",
                                                 "mn_state_superseded", "mn_state_suspended",
                                                 "mn_state_withdrawn"};
  return keys[static_cast<std::size_t>(state)];
}

std::string_view version_state_tone(ServiceState state) {
  constexpr std::array<std::string_view, 5> tones{"wait", "go", "off", "bad", "off"};
  return tones[static_cast<std::size_t>(state)];
}

Result<Response> service_page(Visit& visit, const ServicesWeb& services, const Official& who,
                              const std::string& code, std::string_view note_key, bool bad) {
  const auto unknown = [] {
    return fail(ErrorKind::not_found, "service.unknown", "Your organisation has no such service.");
  };
  if (!is_code(code)) return unknown();
  auto versions = services.book.versions_of(ServiceCode(code));
  if (versions.empty() || versions.back()->service.provider != who.organisation) return unknown();
  std::ranges::reverse(versions);
  const ServiceHandle standing = services.book.published()->find(code);
  const ServiceVersion& shown = standing ? *standing : *versions.front();
  const Zone& zone = visit.web.accounts.registry.country.zone();
  const Date until = zone.day_of(visit.now) + std::chrono::days(1);
  const Date from = until - std::chrono::days(days_shown);
  DAYAQ_TRY(Read read, visit.web.db.read([&](store::Session& db) -> Result<Read> {
    Read out;
    DAYAQ_TRY(out.days, services.cases.figures(db, shown.service.code, from, until));
    DAYAQ_TRY(out.questions, question_figures(db, code, from, until));
    DAYAQ_TRY(out.ratings,
              ratings(db, shown.service.code, zone.start_of(from), zone.start_of(until), said_shown));
    return out;
  }));
  if (services.drop_off != nullptr) {
    read.questions = services.drop_off->with_waiting(std::move(read.questions), code, from, until);
  }
  const std::string title = shown.service.title.in(visit.page.language());
  portal::View& view = visit.content("office_service.html");
  visit.page.add_style("office.css");
  set_organisation(visit, view, who);
  add_note(visit, view, note_key, bad, "NOTE_TONE");
  view.set("TITLE", title);
  view.set("SERVICE", code);
  view.set("STATE", visit.text(version_state_key(shown.state)));
  view.set("TONE", std::string(version_state_tone(shown.state)));
  view.set("VERSION_NUMBER", visit.page.format().version(shown.service.version));
  view.set("SPAN",
           visit.fill("mn_span", {{"from", visit.page.format().date(from)},
                                  {"until", visit.page.format().date(until - std::chrono::days(1))}}));
  const auto days = every_day(read.days, from, until);
  add_figures(visit, view, shown.service, sum(days), read.ratings);
  add_days(visit, view, days);
  add_stops(visit, view, shown.service, read.questions);
  add_ratings(visit, view, read.ratings);
  add_versions(visit, view, versions);
  if (shown.state == ServiceState::published) view.show("SUSPEND");
  if (shown.state == ServiceState::suspended) {
    view.add("PAUSED").set("WORDS", shown.suspended_because.in(visit.page.language()));
    view.show("RESUME");
  }
  return visit.html_titled(title);
}

}  // namespace dayaq::services::web
