// The officer's workbench: the queue of their organisation's office, taken up, given back and decided one by
// one or several together.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "http/encoding.hpp"
#include "services/web/office_case.hpp"
#include "services/web/office_view.hpp"

namespace dayaq::services::web {
namespace {

using http::Method;
using http::Response;

constexpr int page_size = 25;
constexpr std::size_t together_max = 100;

struct Sift {
  std::string service;
  std::string whose = "all";  ///< all, mine, free
  bool late = false;
  int page = 0;
};

Sift sift_from(const Visit& visit) {
  Sift out{
      .service = visit.query("service"), .whose = visit.query("whose"), .late = visit.query("late") == "1"};
  if (out.whose != "mine" && out.whose != "free") out.whose = "all";
  const std::string page = visit.query("page");
  std::from_chars(page.data(), page.data() + page.size(), out.page);
  out.page = std::clamp(out.page, 0, 100'000);
  return out;
}

std::string queue_path(const Official& who, const Sift& sift, int page) {
  std::string path = office_path("/office/cases", who);
  if (!sift.service.empty()) path += "&service=" + http::percent_encode(sift.service);
  if (sift.whose != "all") path += "&whose=" + sift.whose;
  if (sift.late) path += "&late=1";
  if (page > 0) path += fmt::format("&page={}", page);
  return path;
}

void add_filters(const Visit& visit, const ServicesWeb& services, portal::View& view, const Official& who,
                 const Sift& sift) {
  for (const ServiceHandle& one : services.book.published()->services) {
    // Those that may come before this office: its own, and those that name it in a step.
    const Service& service = one->service;
    const bool here =
        service.provider == who.organisation || std::ranges::any_of(service.steps, [&](const Step& step) {
          return step.office == who.organisation || step.escalates == who.organisation;
        });
    if (!here) continue;
    portal::View& row = view.add("SERVICE");
    row.set("VALUE", service.code.value());
    row.set("NAME", service.title.in(visit.page.language()));
    if (service.code.value() == sift.service) row.show("CHOSEN");
  }
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> whose{
      {{"all", "of_whose_all"}, {"mine", "of_whose_mine"}, {"free", "of_whose_free"}}};
  for (const auto& [value, key] : whose) {
    portal::View& row = view.add("WHOSE");
    row.set("VALUE", std::string(value));
    row.set("NAME", visit.text(key));
    if (value == sift.whose) row.show("CHOSEN");
  }
  if (sift.late) view.show("LATE_ONLY");
}

void add_row(const Visit& visit, const ServicesWeb& services, portal::View& list, const Official& who,
             const Case& one) {
  const portal::Format& format = visit.page.format();
  const std::string number = case_number(one.id);
  portal::View& row = list.add("CASE");
  row.set("VALUE", fmt::format("{}:{}", number, one.revision));
  row.set("NUMBER", number);
  row.set("HREF", office_path(fmt::format("/office/cases/{}", number), who));
  row.set("SERVICE_NAME", service_title(visit, services.book, one.service, one.version));
  row.set("CHANNEL", visit.text(channel_key(one.channel)));
  row.set("SENT", format.date_time(one.submitted));
  row.set("PROMISED", format.date_time(one.promised));
  row.set("HOLDER",
          one.claimed_by.empty() ? visit.text("of_nobody") : actor_text(visit, who, one.claimed_by));
  if (one.promised < visit.now) row.show("IS_LATE");
  if (one.escalated) row.show("ESCALATED");
}

void add_pages(const Visit& visit, portal::View& list, const Official& who, const Sift& sift,
               std::size_t shown, bool more) {
  const int first = sift.page * page_size;
  list.set("RANGE", visit.fill("of_range", {{"from", fmt::format("{}", first + 1)},
                                            {"to", fmt::format("{}", first + static_cast<int>(shown))}}));
  if (sift.page > 0) list.add("BACK").set("HREF", queue_path(who, sift, sift.page - 1));
  if (more) list.add("MORE").set("HREF", queue_path(who, sift, sift.page + 1));
}

struct ActedOn {
  std::string number;
  std::string_view key;
  bool bad = false;
};

Result<Response> queue_page(Visit& visit, const ServicesWeb& services, const Official& who, const Sift& sift,
                            std::string_view note_key, bool bad, const std::vector<ActedOn>& results) {
  Cases::QueueFilter filter{.office = who.organisation,
                            .service = sift.service,
                            .claimed_by = {},
                            .late_only = sift.late,
                            .limit = page_size + 1,
                            .offset = sift.page * page_size};
  if (sift.whose == "mine") filter.claimed_by = who.actor();
  if (sift.whose == "free") filter.claimed_by = "";
  DAYAQ_TRY(auto queue, visit.web.db.read(
                            [&](store::Session& db) { return services.cases.queue(db, filter, visit.now); }));
  const bool more = queue.cases.size() > std::size_t{page_size};
  if (more) queue.cases.resize(page_size);
  portal::View& view = visit.content("office_cases.html");
  visit.page.add_style("office.css");
  set_organisation(visit, view, who);
  add_note(visit, view, note_key, bad);
  if (!results.empty()) {
    portal::View& section = view.add("RESULTS");
    const auto failed = std::ranges::count(results, true, &ActedOn::bad);
    section.set("SUMMARY",
                visit.fill("of_results_summary", {{"done", fmt::format("{}", std::ssize(results) - failed)},
                                                  {"failed", fmt::format("{}", failed)}}));
    for (const ActedOn& one : results) {
      portal::View& row = section.add("RESULT");
      row.set("NUMBER", one.number);
      row.set("HREF", office_path(fmt::format("/office/cases/{}", one.number), who));
      row.set("WORDS", visit.text(one.key));
      row.set("TONE", one.bad ? "bad" : "go");
    }
  }
  view.set("WAITING", visit.page.format().number(queue.waiting));
  view.set("LATE", visit.page.format().number(queue.late));
  add_filters(visit, services, view, who, sift);
  if (queue.cases.empty()) {
    view.show("NOTHING");
    return visit.html("of_queue");
  }
  portal::View& list = view.add("LIST");
  list.set("OF_SERVICE", sift.service);
  for (const Case& one : queue.cases) add_row(visit, services, list, who, one);
  add_pages(visit, list, who, sift, queue.cases.size(), more);
  const ServiceHandle chosen = services.book.published()->find(sift.service);
  if (chosen) {
    portal::View& decide = list.add("DECIDE");
    for (const Suggestion& one : suggestions(visit, chosen->service)) {
      portal::View& row = decide.add("SUGGESTED");
      row.set("VALUE", one.value);
      row.set("NAME", one.text.in(visit.page.language()));
    }
  } else {
    list.show("ONE_SERVICE");
  }
  return visit.html("of_queue");
}

Result<Response> queue(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Official who, public_official(visit));
  return queue_page(visit, services, who, sift_from(visit), {}, false, {});
}

/// One of several, in a transaction of its own: what is wrong with it stops none of the others.
Result<ActedOn> act_on(Visit& visit, const ServicesWeb& services, const Official& who,
                       const std::string& chosen, const std::string& wanted, const std::string& service) {
  const auto colon = chosen.rfind(':');
  ActedOn out{.number = chosen.substr(0, colon), .key = "of_done", .bad = false};
  int revision = 0;
  if (colon != std::string::npos) {
    std::from_chars(chosen.data() + colon + 1, chosen.data() + chosen.size(), revision);
  }
  const auto id = parse_case_number(out.number);
  if (!id || revision < 1) {
    out = {.number = {}, .key = "of_error_number", .bad = true};
    return out;
  }
  const auto done = visit.web.db.write([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY(const Case stands, case_in_office(db, services, who, *id));
    if (!service.empty() && stands.service.value() != service) {
      return fail(ErrorKind::invalid_input, "case.other_service",
                  "Cases of one service are decided together.");
    }
    const ServiceHandle version = services.book.find(stands.service, stands.version);
    const auto action = office_action(wanted, stated_reason(visit, version ? &version->service : nullptr));
    if (!action) return fail(ErrorKind::invalid_input, "web.form", "There is no such action.");
    DAYAQ_TRY_OK(services.cases.act(db, stands.person, stands.id, revision, *action, who.actor(), visit.now));
    return {};
  });
  if (done) return out;
  out.bad = true;
  out.key = done.error().code == "case.other_service" ? "of_error_service" : office_error_key(done.error());
  if (out.key.empty()) return std::unexpected(done.error());
  return out;
}

Result<Response> together(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Official who, public_official(visit));
  auto chosen = visit.form_all("case");
  Sift sift{.service = visit.form("service")};
  const std::string wanted = visit.form("do");
  const bool decides = wanted == "grant" || wanted == "refuse";
  if (chosen.empty()) return queue_page(visit, services, who, sift, "of_error_none", true, {});
  const ServiceHandle service = services.book.published()->find(sift.service);
  if (decides && !service) return queue_page(visit, services, who, sift, "of_error_service", true, {});
  if (wanted == "refuse" && stated_reason(visit, &service->service).az.empty()) {
    return queue_page(visit, services, who, sift, "of_error_reason", true, {});
  }
  if (chosen.size() > together_max) chosen.resize(together_max);
  std::vector<ActedOn> results;
  for (const std::string& one : chosen) {
    DAYAQ_TRY(ActedOn result,
              act_on(visit, services, who, one, wanted, decides ? sift.service : std::string()));
    results.push_back(std::move(result));
  }
  return queue_page(visit, services, who, sift, {}, false, results);
}

}  // namespace

void add_office_pages(http::Router& router, const ServicesWeb& services) {
  using identity::web::Form;
  constexpr auto level = identity::Assurance::substantial;
  add_page(router, services,
           {.method = Method::get,
            .pattern = "/office/cases",
            .operation = "page_office_cases",
            .summary = "The queue of an office.",
            .signed_in = level},
           queue);
  add_page(router, services,
           {.method = Method::post,
            .pattern = "/office/cases/bulk",
            .operation = "page_office_cases_bulk",
            .summary = "Takes up, gives back or decides several cases.",
            .signed_in = level,
            .form = Form::session},
           together);
  add_case_pages(router, services);
}

}  // namespace dayaq::services::web
