#include "services/web/employer_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "portal/qr.hpp"
#include "services/web/office_view.hpp"

namespace dayaq::services::web {
namespace {

using http::Response;

constexpr int people_shown = 25;
constexpr int faults_shown = 40;
constexpr int papers_shown = 3;  // three codes and the page around them stay below 50 KB
constexpr int lists_shown = 24;

std::string list_path(const Official& who, ListId list) {
  return office_path(fmt::format("/office/permits/{}", list), who);
}

std::string_view list_state_key(ListState state) {
  constexpr std::array<std::string_view, 5> keys{"em_state_checked", "em_state_checked", "em_state_running",
                                                 "em_state_done", "em_state_dropped"};
  return keys[static_cast<std::size_t>(state)];
}

std::string_view list_state_tone(ListState state) {
  constexpr std::array<std::string_view, 5> tones{"wait", "wait", "soon", "go", "off"};
  return tones[static_cast<std::size_t>(state)];
}

std::string fault_text(const Visit& visit, const Service* service, const EmployeeRow& row) {
  constexpr std::array<std::string_view, 10> keys{
      "em_fault_none",    "em_fault_unreadable", "em_fault_columns",   "em_fault_id",    "em_fault_duplicate",
      "em_fault_unknown", "em_fault_answer",     "em_fault_not_given", "em_fault_limit", "em_fault_closed"};
  const std::string_view key = keys[static_cast<std::size_t>(row.fault)];
  if (row.fault == RowFault::duplicate) return visit.fill(key, {{"line", fmt::format("{}", row.earlier)}});
  if (row.fault != RowFault::answer) return visit.text(key);
  const Field* field = service == nullptr ? nullptr : service->find(row.field);
  return visit.fill(key, {{"column", field == nullptr ? row.field : field->title.in(visit.page.language())}});
}

int page_number(const Visit& visit) {
  const std::string given = visit.query("page");
  int page = 0;
  std::from_chars(given.data(), given.data() + given.size(), page);
  return std::clamp(page, 0, 100'000);
}

void add_turns(portal::View& view, const std::string& path, int page, bool more) {
  if (page > 0) view.add("BACK").set("HREF", fmt::format("{}&page={}", path, page - 1));
  if (more) view.add("MORE").set("HREF", fmt::format("{}&page={}", path, page + 1));
}

void add_renewal(const Visit& visit, const ServicesWeb& services, portal::View& view,
                 const EmployeeList& list, std::int64_t ended) {
  const portal::Format& format = visit.page.format();
  portal::View& renew = view.add("RENEW");
  renew.set("LIST", fmt::format("{}", list.id));
  renew.set("FRESH", fmt::format("{}", services.random.next_id()));
  renew.set("WORDS", format.count("em_ended_what", ended));
  renew.set("BUTTON", format.count("em_renew", ended));
}

void add_upload(const Visit& visit, const ServicesWeb& services, portal::View& view, const Official& who,
                const Service& service) {
  portal::View& form = view.add("UPLOAD");
  form.set("SERVICE", service.code.value());
  form.set("TITLE", visit.fill("em_new", {{"service", service.title.in(visit.page.language())}}));
  form.set("SUMMARY", service.summary.in(visit.page.language()));
  form.set("FRESH", fmt::format("{}", services.random.next_id()));
  form.set("TEMPLATE", office_path("/office/permits/template", who) + "&service=" + service.code.value());
  for (const Field& field : service.form) {
    if (field.known != Known::none || field.kind == FieldKind::document) continue;
    std::string words = field.title.in(visit.page.language());
    if (!field.choices.empty()) {
      std::string all;
      for (const Choice& choice : field.choices) {
        all += fmt::format("{}{}", all.empty() ? "" : ", ", choice.title.in(visit.page.language()));
      }
      words += " " + visit.fill("em_one_of", {{"choices", all}});
    }
    add_fact(form, "COLUMN", field.code, words);
  }
}

void add_list_figures(const Visit& visit, portal::View& view, const EmployeeList& list,
                      const ListCounts& counts) {
  const portal::Format& format = visit.page.format();
  add_fact(view, "FIGURE", visit.text("em_rows"), format.number(counts.rows));
  if (list.state == ListState::checked) {
    add_fact(view, "FIGURE", visit.text("em_ready"), format.number(counts.ready));
  } else {
    add_fact(view, "FIGURE", visit.text("em_live"), format.number(counts.live));
    add_fact(view, "FIGURE", visit.text("em_ended"), format.number(counts.ended));
  }
  add_fact(view, "FIGURE", visit.text("em_not"), format.number(counts.faulty + counts.refused));
}

struct Sifted {
  RowFilter filter;
  std::string name;
};

Sifted sifted(const Visit& visit, const EmployeeList& list) {
  Sifted out{.filter = {}, .name = visit.query("show")};
  if (list.state == ListState::checked) {
    out.filter.state = RowState::ready;
    out.name = "all";
  } else if (out.name == "live") {
    out.filter.live_only = true;
  } else if (out.name == "ended") {
    out.filter.ended_only = true;
  } else {
    out.filter.state = RowState::submitted;
    out.name = "all";
  }
  return out;
}

void add_sift(const Visit& visit, portal::View& section, const std::string& path, const std::string& chosen) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kinds{
      {{"all", "em_show_all"}, {"live", "em_show_live"}, {"ended", "em_show_ended"}}};
  portal::View& sift = section.add("SIFT");
  for (const auto& [value, key] : kinds) {
    portal::View& link = sift.add("LINK");
    link.set("HREF", fmt::format("{}&show={}", path, value));
    link.set("NAME", visit.text(key));
    if (value == chosen) link.show("CURRENT");
  }
}

void add_permit(const Visit& visit, portal::View& row, const ListedRow& one) {
  const portal::Format& format = visit.page.format();
  if (!one.permit) {
    row.set("PERMIT", visit.text(one.state == RowState::ready ? "em_permit_not_yet" : "em_permit_none"));
    row.set("TONE", "off");
    row.set("UNTIL", "");
    return;
  }
  const bool revoked = one.permit->revoked != instant_max;
  const bool live = !revoked && one.permit->valid.until > visit.now;
  row.set("PERMIT", visit.text(live ? "em_permit_live" : "em_permit_ended"));
  row.set("TONE", live ? "go" : "off");
  row.set("UNTIL", format.date_time(revoked ? one.permit->revoked : one.permit->valid.until));
  if (live && one.state == RowState::submitted) row.show("END");
}

void add_people(const Visit& visit, portal::View& view, const EmployeeList& list, const Service* service,
                const std::string& path, const Sifted& chosen, std::vector<ListedRow> rows, int page) {
  portal::View& section = view.add("PEOPLE");
  if (list.state == ListState::done) add_sift(visit, section, path, chosen.name);
  const bool more = rows.size() > std::size_t{people_shown};
  if (more) rows.resize(people_shown);
  if (rows.empty()) section.show("NONE");
  portal::View* table = rows.empty() ? nullptr : &section.add("ROWS");
  for (const ListedRow& one : rows) {
    portal::View& row = table->add("ROW");
    row.set("NATIONAL_ID", one.row.national_id);
    row.set("LINE", fmt::format("{}", one.row.line));
    row.set("ANSWERS", answers_line(visit, service, one.row.answers));
    add_permit(visit, row, one);
  }
  add_turns(section, fmt::format("{}&show={}", path, chosen.name), page, more);
}

void add_faults(const Visit& visit, portal::View& view, const Service* service, const ListCounts& counts,
                const std::vector<ListedRow>& faulty) {
  if (faulty.empty()) return;
  portal::View& section = view.add("FAULTS");
  section.set("COUNT", visit.page.format().count("em_faults", counts.faulty + counts.refused));
  for (const ListedRow& one : faulty) {
    portal::View& row = section.add("ROW");
    row.set("LINE", fmt::format("{}", one.row.line));
    row.set("NATIONAL_ID", one.row.national_id);
    row.set("WORDS", fault_text(visit, service, one.row));
  }
}

void add_stage(const Visit& visit, const ServicesWeb& services, portal::View& view, const Official& who,
               const EmployeeList& list, const ListCounts& counts) {
  const portal::Format& format = visit.page.format();
  if (list.state == ListState::checked) {
    portal::View& send = view.add("SEND");
    send.set("WORDS", visit.text(counts.ready > 0 ? "em_send_what" : "em_send_nothing"));
    if (counts.ready > 0) send.add("MAY").set("BUTTON", format.count("em_send", counts.ready));
  }
  if (list.state == ListState::running) {
    const std::int64_t done = counts.submitted + counts.refused + counts.left;
    const std::int64_t all = std::max<std::int64_t>(1, done + counts.ready);
    portal::View& progress = view.add("PROGRESS");
    progress.set("WORDS",
                 visit.fill("em_progress_of", {{"done", format.number(done)}, {"all", format.number(all)}}));
    progress.set("DONE", fmt::format("{:.1f}", 100.0 * static_cast<double>(done) / static_cast<double>(all)));
    progress.set("HREF", list_path(who, list.id));
  }
  if (list.state == ListState::done && counts.ended > 0 && list.renewed_by == ListId()) {
    add_renewal(visit, services, view, list, counts.ended);
  }
  if (list.state == ListState::done && counts.live > 0) {
    portal::View& take = view.add("TAKE");
    take.set("CSV", office_path(fmt::format("/office/permits/{}/csv", list.id), who));
    take.set("PRINT", office_path(fmt::format("/office/permits/{}/print", list.id), who));
  }
}

}  // namespace

std::string answers_line(const Visit& visit, const Service* service, const Answers& answers) {
  std::string out;
  const auto add = [&](const std::string& words) { out += (out.empty() ? "" : " · ") + words; };
  if (service == nullptr) {
    for (const auto& [field, answer] : answers) add(answer);
    return out;
  }
  for (const Field& field : service->form) {
    const auto answer = answers.find(field.code);
    if (answer != answers.end() && field.known == Known::none) add(answer_text(visit, field, answer->second));
  }
  return out;
}

ServiceHandle service_of(const ServicesWeb& services, const EmployeeList& list) {
  return services.book.published()->find(list.service.value());
}

Result<Response> lists_page(Visit& visit, const ServicesWeb& services, const Official& who, Said said) {
  struct Listed {
    EmployeeList list;
    ListCounts counts;
  };
  DAYAQ_TRY(const auto lists, visit.web.db.read([&](store::Session& db) -> Result<std::vector<Listed>> {
    DAYAQ_TRY(auto found, lists_of(db, who.relation.organisation, lists_shown));
    std::vector<Listed> out;
    for (EmployeeList& one : found) {
      DAYAQ_TRY(const ListCounts counts, list_counts(db, one.id, visit.now));
      out.push_back({std::move(one), counts});
    }
    return out;
  }));
  const portal::Format& format = visit.page.format();
  portal::View& view = visit.content("employer.html");
  visit.page.add_style("office.css");
  set_organisation(visit, view, who);
  add_note(visit, view, said.key, said.bad);
  for (const auto& [list, counts] : lists) {
    if (list.state == ListState::done && counts.ended > 0 && list.renewed_by == ListId()) {
      add_renewal(visit, services, view, list, counts.ended);
    }
    portal::View& card = view.add("LIST_CARD");
    card.set("HREF", list_path(who, list.id));
    card.set("NAME", list.name);
    card.set("STATE", visit.text(list_state_key(list.state)));
    card.set("TONE", std::string(list_state_tone(list.state)));
    card.set("WHEN", visit.fill(list.renews == ListId() ? "em_uploaded_at" : "em_renewed_at",
                                {{"time", format.date_time(list.made)}}));
    card.set("COUNTS", visit.fill("em_counts", {{"rows", format.number(counts.rows)},
                                                {"live", format.number(counts.live)},
                                                {"ended", format.number(counts.ended)}}));
  }
  if (lists.empty()) view.show("NOTHING");
  bool any = false;
  for (const ServiceHandle& one : services.book.published()->services) {
    if (!one->service.for_employees || one->state != ServiceState::published) continue;
    any = true;
    add_upload(visit, services, view, who, one->service);
  }
  if (!any) view.show("NO_SERVICE");
  return visit.html("em_title");
}

Result<Response> list_page(Visit& visit, const ServicesWeb& services, const Official& who,
                           const EmployeeList& list, Said said) {
  struct Read {
    ListCounts counts;
    std::vector<ListedRow> people, faulty;
  };
  const int page = page_number(visit);
  Sifted chosen = sifted(visit, list);
  chosen.filter.limit = people_shown + 1;
  chosen.filter.offset = page * people_shown;
  DAYAQ_TRY(Read read, visit.web.db.read([&](store::Session& db) -> Result<Read> {
    Read out;
    DAYAQ_TRY(out.counts, list_counts(db, list.id, visit.now));
    DAYAQ_TRY(out.people, list_rows(db, list.id, chosen.filter, visit.now));
    for (const RowState state : {RowState::faulty, RowState::refused}) {
      const int room = faults_shown - static_cast<int>(out.faulty.size());
      DAYAQ_TRY(auto some, list_rows(db, list.id, {.state = state, .limit = room}, visit.now));
      std::ranges::move(some, std::back_inserter(out.faulty));
    }
    return out;
  }));
  const ServiceHandle handle = service_of(services, list);
  const Service* service = handle ? &handle->service : nullptr;
  portal::View& view = visit.content("employer_list.html");
  visit.page.add_style("office.css");
  set_organisation(visit, view, who);
  add_note(visit, view, said.key, said.bad, "NOTE_TONE");
  view.set("LIST", fmt::format("{}", list.id));
  view.set("TITLE", list.name);
  view.set("STATE", visit.text(list_state_key(list.state)));
  view.set("TONE", std::string(list_state_tone(list.state)));
  view.set("WHEN", visit.page.format().date_time(list.made));
  view.set("LEDE", service == nullptr ? list.service.value() : service->title.in(visit.page.language()));
  add_list_figures(visit, view, list, read.counts);
  add_stage(visit, services, view, who, list, read.counts);
  add_faults(visit, view, service, read.counts, read.faulty);
  if (list.state == ListState::checked || list.state == ListState::done) {
    add_people(visit, view, list, service, list_path(who, list.id), chosen, std::move(read.people), page);
  }
  return visit.html_titled(list.name);
}

Result<Response> print_page(Visit& visit, const ServicesWeb& services, const Official& who,
                            const EmployeeList& list) {
  const int page = page_number(visit);
  DAYAQ_TRY(auto rows, visit.web.db.read([&](store::Session& db) {
    return list_rows(db, list.id,
                     {.live_only = true, .limit = papers_shown + 1, .offset = page * papers_shown},
                     visit.now);
  }));
  const bool more = rows.size() > std::size_t{papers_shown};
  if (more) rows.resize(papers_shown);
  const ServiceHandle handle = service_of(services, list);
  const Service* service = handle ? &handle->service : nullptr;
  const std::string title =
      service == nullptr ? list.service.value() : service->title.in(visit.page.language());
  portal::View& view = visit.content("employer_print.html");
  visit.page.add_style("office.css");
  set_organisation(visit, view, who);
  view.set("BACK_HREF", list_path(who, list.id));
  view.set("NAME", list.name);
  view.set("TITLE", title);
  if (rows.empty()) view.show("NONE");
  for (const ListedRow& one : rows) {
    DAYAQ_TRY(const auto code, portal::QrCode::create(permit::qr_text(as_bytes(one.permit->token))));
    portal::View& paper = view.add("PAPER");
    paper.set("NATIONAL_ID", one.row.national_id);
    paper.set("QR", code.svg(visit.fill("em_qr", {{"id", one.row.national_id}})));
    paper.set("ANSWERS", answers_line(visit, service, one.row.answers));
    paper.set("VALID", visit.page.format().period(one.permit->valid));
  }
  add_turns(view, office_path(fmt::format("/office/permits/{}/print", list.id), who), page, more);
  return visit.html_titled(title);
}

}  // namespace dayaq::services::web
