// The employer's pages: a list of employees is checked row by row, looked at, submitted, and renewed when the
// regime has changed.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "portal/upload.hpp"
#include "registry/csv.hpp"
#include "services/permit/token.hpp"
#include "services/web/employer_view.hpp"
#include "services/web/office_view.hpp"

namespace dayaq::services::web {
namespace {

using http::Method;
using http::Response;

constexpr std::size_t name_max = 100;

std::optional<ListId> parse_list(const std::string& text) {
  std::uint64_t id = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (failed != std::errc() || end != text.data() + text.size() || id == 0 || id >> 63u != 0)
    return std::nullopt;
  return ListId(id);
}

/// The organisation's own list. not_found for any other.
Result<EmployeeList> own_list(Visit& visit, const Official& who, const std::string& named) {
  const auto id = parse_list(named);
  if (id) {
    DAYAQ_TRY(auto found, visit.web.db.read([&](store::Session& db) {
      return find_list(db, who.relation.organisation, *id);
    }));
    if (found && found->state != ListState::dropped && found->state != ListState::reading) {
      return *std::move(found);
    }
  }
  return fail(ErrorKind::not_found, "employees.list", "Your organisation has no such list.");
}

std::string path_of(const Official& who, ListId list) {
  return office_path(fmt::format("/office/permits/{}", list), who);
}

Result<Response> lists(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Official who, official(visit));
  return lists_page(visit, services, who, {});
}

Result<Response> one_list(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Official who, official(visit));
  DAYAQ_TRY(const EmployeeList list, own_list(visit, who, visit.request.parameter("list")));
  return list_page(visit, services, who, list, {});
}

/// The file's name as it is shown: its last part, not too long.
std::string shown_name(std::string name) {
  name = name.substr(name.find_last_of("/\\") + 1);
  if (name.size() > name_max) name.resize(name_max);
  while (!name.empty() && !is_utf8(name)) name.pop_back();
  std::erase_if(name, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  return name.empty() ? "employees.csv" : name;
}

Result<void> take_list(Visit& visit, const ServicesWeb& services, const Service& service,
                       const EmployeeList& list, std::string_view text) {
  const registry::Registry& registry = visit.web.accounts.registry;
  DAYAQ_TRY(auto rows, read_employees(text, service, registry.country));
  DAYAQ_TRY_OK(visit.web.db.read([&](store::Session& db) {
    return judge_rows(db, services.cases, registry, service, rows, visit.now);
  }));
  return record_list(visit.web.db, list, rows);
}

Result<Response> upload(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Official who, official(visit));
  DAYAQ_TRY(const auto parts, portal::parse_form(visit.request.header("content-type"), visit.request.body));
  const auto file = std::ranges::find(parts, std::string_view("file"), &portal::FormPart::name);
  const auto id = parse_list(visit.form("fresh"));
  const ServiceHandle handle = services.book.published()->find(visit.form("service"));
  if (!handle || handle->state != ServiceState::published || !handle->service.for_employees) {
    return fail(ErrorKind::not_found, "service.unknown", "There is no such service for employees.");
  }
  if (!id || file == parts.end() || file->value.empty()) {
    return lists_page(visit, services, who, {"em_error_empty", true});
  }
  const EmployeeList list{.id = *id,
                          .organisation = who.relation.organisation,
                          .service = handle->service.code,
                          .actor = who.actor(),
                          .made = visit.now,
                          .state = ListState::reading,
                          .renews = {},
                          .renewed_by = {},
                          .name = shown_name(file->file_name)};
  if (const auto done = take_list(visit, services, handle->service, list, file->value); !done) {
    const bool unreadable = done.error().code.starts_with("csv.");
    const std::string_view key = unreadable ? "em_error_header" : office_error_key(done.error());
    if (key.empty()) return std::unexpected(done.error());
    return lists_page(visit, services, who, {key, true});
  }
  return visit.redirect(path_of(who, *id));
}

using Step = Result<ListId> (*)(Visit& visit, const ServicesWeb& services, store::Session& db,
                                const Official& who, const EmployeeList& list);

/// A step of the list that the form names; then the page of the list that is to be looked at.
Result<Response> take(Visit& visit, const ServicesWeb& services, Step step, std::string_view done_key) {
  DAYAQ_TRY(const Official who, official(visit));
  DAYAQ_TRY(const EmployeeList list, own_list(visit, who, visit.form("list")));
  const auto done =
      visit.web.db.write([&](store::Session& db) { return step(visit, services, db, who, list); });
  if (!done) {
    const std::string_view key = office_error_key(done.error());
    if (key.empty()) return std::unexpected(done.error());
    return list_page(visit, services, who, list, {key, true});
  }
  if (*done == ListId()) return lists_page(visit, services, who, {done_key, false});
  DAYAQ_TRY(const EmployeeList stands, own_list(visit, who, fmt::format("{}", *done)));
  return list_page(visit, services, who, stands, {done_key, false});
}

Result<Response> submit(Visit& visit, const ServicesWeb& services) {
  return take(
      visit, services,
      [](Visit& v, const ServicesWeb& s, store::Session& db, const Official& who,
         const EmployeeList& list) -> Result<ListId> {
        DAYAQ_TRY_OK(submit_list(db, s.cases.context().log, list, who.actor(), v.now));
        return list.id;
      },
      "em_submitted");
}

Result<Response> drop(Visit& visit, const ServicesWeb& services) {
  return take(
      visit, services,
      [](Visit&, const ServicesWeb&, store::Session& db, const Official&,
         const EmployeeList& list) -> Result<ListId> {
        DAYAQ_TRY_OK(drop_list(db, list));
        return ListId();
      },
      "em_dropped");
}

Result<Response> renew(Visit& visit, const ServicesWeb& services) {
  return take(
      visit, services,
      [](Visit& v, const ServicesWeb& s, store::Session& db, const Official& who,
         const EmployeeList& list) -> Result<ListId> {
        const auto id = parse_list(v.form("fresh"));
        if (!id)
          return fail(ErrorKind::invalid_input, "web.form", "Open the page again and send it from there.");
        DAYAQ_TRY(const EmployeeList fresh,
                  renew_list(db, s.cases.context().log, list, *id, who.actor(), v.now));
        return fresh.id;
      },
      "em_renewed");
}

Result<Response> end(Visit& visit, const ServicesWeb& services) {
  return take(
      visit, services,
      [](Visit& v, const ServicesWeb& s, store::Session& db, const Official& who,
         const EmployeeList& list) -> Result<ListId> {
        const std::string given = v.form("line");
        std::uint64_t line = 0;
        std::from_chars(given.data(), given.data() + given.size(), line);
        const portal::Texts& texts = v.page.format().texts();
        const LocalizedText reason{.az = texts.text("em_left_reason", Language::az),
                                   .en = texts.text("em_left_reason", Language::en),
                                   .ru = texts.text("em_left_reason", Language::ru)};
        DAYAQ_TRY_OK(end_employee(db, s.cases, list, line, reason, who.actor(), v.now));
        return list.id;
      },
      "em_left_done");
}

Response csv_file(std::string body, std::string_view name) {
  Response answer;
  answer.content_type = "text/csv; charset=utf-8; header=present";
  answer.body = std::move(body);
  answer.headers = {{"Content-Disposition", fmt::format("attachment; filename=\"{}\"", name)},
                    {"X-Content-Type-Options", "nosniff"},
                    {"Cache-Control", "no-store"}};
  return answer;
}

/// All live permits with what an employee can show: the text for a message or a print.
Result<Response> download(Visit& visit, const ServicesWeb&) {
  DAYAQ_TRY(const Official who, official(visit));
  DAYAQ_TRY(const EmployeeList list, own_list(visit, who, visit.request.parameter("list")));
  DAYAQ_TRY(const auto rows, visit.web.db.read([&](store::Session& db) {
    return list_rows(db, list.id, {.live_only = true, .limit = static_cast<int>(employees_max)}, visit.now);
  }));
  std::string body;
  registry::append_csv_row(body, {"line", "national_id", "valid_from", "valid_until", "permit"});
  for (const ListedRow& one : rows) {
    const std::string line = fmt::format("{}", one.row.line);
    registry::append_csv_row(
        body, {line, one.row.national_id, format_instant(one.permit->valid.from),
               format_instant(one.permit->valid.until), permit::sms_text(as_bytes(one.permit->token))});
  }
  return csv_file(std::move(body), "permits.csv");
}

Result<Response> print(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Official who, official(visit));
  DAYAQ_TRY(const EmployeeList list, own_list(visit, who, visit.request.parameter("list")));
  return print_page(visit, services, who, list);
}

/// An empty list with the right columns.
Result<Response> sheet(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Official who, official(visit));
  const ServiceHandle handle = services.book.published()->find(visit.query("service"));
  if (!handle || !handle->service.for_employees) {
    return fail(ErrorKind::not_found, "service.unknown", "There is no such service for employees.");
  }
  std::vector<std::string_view> names{"national_id"};
  for (const Field& field : handle->service.form) {
    if (field.known == Known::none && field.kind != FieldKind::document) names.push_back(field.code);
  }
  std::string body;
  registry::append_csv_row(body, names);
  return csv_file(std::move(body), "employees.csv");
}

}  // namespace

void add_employer_pages(http::Router& router, const ServicesWeb& services) {
  constexpr auto pages = std::to_array<SignedInPage>({
      {Method::get, "/office/permits", "page_office_permits", "An employer's lists.", lists},
      {Method::get, "/office/permits/template", "page_office_permits_template", "An empty list.", sheet},
      {Method::post, "/office/permits/upload", "page_office_permits_upload", "Checks a list.", upload,
       employees_bytes_max + (std::size_t{64} << 10)},
      {Method::post, "/office/permits/submit", "page_office_permits_submit", "Submits it.", submit},
      {Method::post, "/office/permits/drop", "page_office_permits_drop", "Drops it.", drop},
      {Method::post, "/office/permits/renew", "page_office_permits_renew", "Renews it.", renew},
      {Method::post, "/office/permits/end", "page_office_permits_end", "Ends one employee's permit.", end},
      {Method::get, "/office/permits/{list}", "page_office_permits_list", "One list.", one_list},
      {Method::get, "/office/permits/{list}/csv", "page_office_permits_csv", "Its live permits.", download},
      {Method::get, "/office/permits/{list}/print", "page_office_permits_print", "The same to print.", print},
  });
  add_signed_in_pages(router, services, identity::Assurance::substantial, pages);
}

}  // namespace dayaq::services::web
