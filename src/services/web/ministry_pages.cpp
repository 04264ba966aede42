// The ministry's page: its services and their versions. A file is checked, submitted by one official and
// published by another; a service is suspended with words to whoever wants to apply.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "portal/upload.hpp"
#include "services/file.hpp"
#include "services/web/ministry_figures.hpp"
#include "services/web/ministry_view.hpp"
#include "services/web/office_view.hpp"

namespace dayaq::services::web {
namespace {

using http::Method;
using http::Response;

constexpr std::size_t findings_max = 50;
constexpr std::size_t file_max = std::size_t{1} << 20;
constexpr int days_shown = 30;

/// What was typed or uploaded, and what was found in it.
struct Checked {
  std::string source;
  std::optional<Service> service;
  Errors errors;  ///< or, of a good one, what a writer should look at
};

std::string_view line_of(std::string_view text, std::uint32_t number) {
  for (std::uint32_t line = 1; line < number; ++line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return "";
    text.remove_prefix(end + 1);
  }
  std::string_view line = text.substr(0, text.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string where(const Visit& visit, const Error& error) {
  std::string text;
  if (error.line != 0) {
    text = visit.fill("check_where", {{"line", fmt::format("{}", error.line)},
                                      {"column", fmt::format("{}", std::max(1u, error.column))}});
  }
  if (error.field.empty()) return text;
  return text.empty() ? error.field
                      : visit.fill("check_where_field", {{"where", text}, {"field", error.field}});
}

void add_findings(const Visit& visit, portal::View& section, const Checked& checked, bool excerpts) {
  for (std::size_t i = 0; i < checked.errors.size() && i < findings_max; ++i) {
    const Error& error = checked.errors[i];
    portal::View& finding = section.add("FINDING");
    finding.set("TEXT", error.public_text);
    finding.set("WHERE", where(visit, error));
    const std::string_view line = line_of(checked.source, error.line);
    if (!excerpts || error.line == 0 || line.empty()) continue;
    portal::View& excerpt = finding.add("EXCERPT");
    excerpt.set("LINE", std::string(line));
    excerpt.set("CARET", error.column == 0 ? "" : std::string(error.column - 1, ' ') + "^");
  }
}

void add_waiting(const Visit& visit, portal::View& view, const Official& who,
                 const std::vector<ServiceHandle>& own) {
  portal::View* section = nullptr;
  for (const ServiceHandle& one : own) {
    if (one->state != ServiceState::submitted) continue;
    if (section == nullptr) section = &view.add("WAITS");
    portal::View& row = section->add("VERSION");
    row.set("TITLE", one->service.title.in(visit.page.language()));
    row.set("NUMBER", visit.page.format().version(one->service.version));
    row.set("BY", visit.fill("mn_submitted_by", {{"who", actor_text(visit, who, one->submitted_by)},
                                                 {"time", visit.page.format().date_time(one->submitted)}}));
    if (one->submitted_by == who.actor()) {
      row.show("OWN");
      continue;
    }
    portal::View& form = row.add("PUBLISH");
    form.set("SERVICE", one->service.code.value());
    form.set("OF", std::int64_t(one->service.version));
    form.set("SOURCE", one->service.source);
  }
}

Result<void> add_services(Visit& visit, const ServicesWeb& services, portal::View& view, const Official& who,
                          const std::vector<ServiceHandle>& own) {
  const portal::Format& format = visit.page.format();
  const Date until = visit.web.accounts.registry.country.zone().day_of(visit.now) + std::chrono::days(1);
  bool any = false;
  for (const ServiceHandle& one : own) {
    if (one->state != ServiceState::published && one->state != ServiceState::suspended) continue;
    any = true;
    DAYAQ_TRY(const auto days, visit.web.db.read([&](store::Session& db) {
      return services.cases.figures(db, one->service.code, until - std::chrono::days(days_shown), until);
    }));
    const ServiceSums sums = sum(days);
    portal::View& row = view.add("SERVICE");
    row.set("TITLE", one->service.title.in(visit.page.language()));
    row.set("HREF", office_path(fmt::format("/office/services/{}", one->service.code), who));
    row.set("STATE", visit.text(version_state_key(one->state)));
    row.set("TONE", std::string(version_state_tone(one->state)));
    row.set("NUMBER", format.version(one->service.version));
    row.set("FIGURES", visit.fill("mn_short", {{"sent", format.number(sums.submitted)},
                                               {"late", format.share(sums.late_share())}}));
  }
  if (!any) view.show("NOTHING");
  return {};
}

Result<Response> list_page(Visit& visit, const ServicesWeb& services, const Official& who,
                           std::string_view note_key, bool bad, const Checked* checked) {
  std::vector<ServiceHandle> own = services.book.versions();
  std::erase_if(own, [&](const ServiceHandle& one) { return one->service.provider != who.organisation; });
  portal::View& view = visit.content("office_services.html");
  visit.page.add_style("office.css");
  set_organisation(visit, view, who);
  add_note(visit, view, note_key, bad);
  add_waiting(visit, view, who, own);
  DAYAQ_TRY_OK(add_services(visit, services, view, who, own));
  if (checked == nullptr) return visit.html("mn_title");
  view.set("TYPED", checked->source);
  const auto count = static_cast<std::int64_t>(checked->errors.size());
  if (!checked->service) {
    portal::View& section = view.add("ERRORS");
    section.set("COUNT", visit.page.format().count("check_errors", count));
    add_findings(visit, section, *checked, true);
    return visit.html("mn_title");
  }
  portal::View& good = view.add("GOOD");
  good.set("TITLE", checked->service->title.in(visit.page.language()));
  good.set("SOURCE", checked->source);
  if (count > 0) {
    portal::View& hints = good.add("HINTS");
    hints.set("COUNT", visit.page.format().count("mn_hints", count));
    add_findings(visit, hints, *checked, false);
  }
  return visit.html("mn_title");
}

Result<Response> list(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Official who, public_official(visit));
  return list_page(visit, services, who, {}, false, nullptr);
}

/// The uploaded file, or what was typed if there is none.
Result<std::string> uploaded(const Visit& visit) {
  DAYAQ_TRY(const auto parts, portal::parse_form(visit.request.header("content-type"), visit.request.body));
  for (const portal::FormPart& part : parts) {
    if (part.name == "file" && !part.value.empty()) return std::string(part.value);
  }
  return visit.form("text");
}

Checked check_source(const ServicesWeb& services, std::string source) {
  Checked out{.source = std::move(source), .service = std::nullopt, .errors = {}};
  auto read = services.book.read_file(out.source);
  if (read) {
    out.service = std::move(*read);
    out.errors = review_texts(out.source, *out.service);
  } else {
    out.errors = std::move(read).error();
  }
  return out;
}

Result<Response> check(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Official who, public_official(visit));
  DAYAQ_TRY(std::string source, uploaded(visit));
  if (source.empty()) return list_page(visit, services, who, "mn_error_no_file", true, nullptr);
  const Checked checked = check_source(services, std::move(source));
  return list_page(visit, services, who, {}, false, &checked);
}

Result<Response> submit(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Official who, public_official(visit));
  const Checked checked = check_source(services, visit.form("text"));
  if (!checked.service) return list_page(visit, services, who, {}, false, &checked);
  const auto done = visit.web.db.write(
      [&](store::Session& db) { return services.book.submit(db, *checked.service, who.actor(), visit.now); });
  if (done) return list_page(visit, services, who, "mn_submitted", false, nullptr);
  const std::string_view key = office_error_key(done.error());
  if (key.empty()) return std::unexpected(done.error());
  return list_page(visit, services, who, key, true, nullptr);
}

/// A step of the book on the service that the form names, and the page of it or of all.
Result<Response> step(
    Visit& visit, const ServicesWeb& services, bool on_list, std::string_view done_key,
    const std::function<Result<ServiceHandle>(store::Session&, const Official&, const ServiceCode&)>& take) {
  DAYAQ_TRY(const Official who, public_official(visit));
  const std::string code = visit.form("service");
  if (!is_code(code)) return fail(ErrorKind::not_found, "service.unknown", "There is no such service.");
  const auto done = visit.web.db.write([&](store::Session& db) { return take(db, who, ServiceCode(code)); });
  std::string_view key = done_key;
  if (!done) {
    key = office_error_key(done.error());
    if (key.empty() || done.error().kind == ErrorKind::not_found) return std::unexpected(done.error());
  }
  const bool bad = !done;
  return on_list ? list_page(visit, services, who, key, bad, nullptr)
                 : service_page(visit, services, who, code, key, bad);
}

Result<Response> publish(Visit& visit, const ServicesWeb& services) {
  const std::string given = visit.form("version");
  int version = 0;
  std::from_chars(given.data(), given.data() + given.size(), version);
  return step(visit, services, true, "mn_published",
              [&](store::Session& db, const Official& who, const ServiceCode& code) {
                return services.book.publish(db, code, version, who.actor(), visit.now);
              });
}

Result<Response> suspend(Visit& visit, const ServicesWeb& services) {
  const LocalizedText because{.az = visit.form("az"), .en = visit.form("en"), .ru = visit.form("ru")};
  return step(visit, services, false, "mn_suspended",
              [&](store::Session& db, const Official& who, const ServiceCode& code) {
                return services.book.suspend(db, code, because, who.actor(), visit.now);
              });
}

Result<Response> resume(Visit& visit, const ServicesWeb& services) {
  return step(visit, services, false, "mn_resumed",
              [&](store::Session& db, const Official& who, const ServiceCode& code) {
                return services.book.resume(db, code, who.actor(), visit.now);
              });
}

Result<Response> show(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Official who, public_official(visit));
  return service_page(visit, services, who, visit.request.parameter("service"), {}, false);
}

}  // namespace

void add_ministry_pages(http::Router& router, const ServicesWeb& services) {
  constexpr auto pages = std::to_array<SignedInPage>({
      {Method::get, "/office/services", "page_office_services", "A ministry's services.", list},
      {Method::post, "/office/services/check", "page_office_service_check", "Checks a service file.", check,
       file_max},
      {Method::post, "/office/services/submit", "page_office_service_submit", "Submits it.", submit,
       file_max},
      {Method::post, "/office/services/publish", "page_office_service_publish",
       "Another official publishes it.", publish, file_max},
      {Method::post, "/office/services/suspend", "page_office_service_suspend", "Suspends a service.",
       suspend, file_max},
      {Method::post, "/office/services/resume", "page_office_service_resume", "Takes it up again.", resume,
       file_max},
      {Method::get, "/office/services/{service}", "page_office_service", "A service in figures.", show},
  });
  add_signed_in_pages(router, services, identity::Assurance::substantial, pages);
}

}  // namespace dayaq::services::web
