// Finding a service, reading what it is, applying for it.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "http/encoding.hpp"
#include "services/web/apply.hpp"
#include "services/web/words.hpp"

namespace dayaq::services::web {
namespace {

using http::Method;
using http::Response;
using portal::View;

/// What is the same for everybody is rendered once an edition of the book. `state`: what else it depends on.
template <class Render>
Result<Response> shared_page(const Visit& visit, const ServicesWeb& services, std::string_view state,
                             Render&& render) {
  if (services.surge == nullptr || !visit.request.query.empty()) return render();
  return services.surge->pages().get(visit.request, fmt::format("{}#{}", visit.request.path, state),
                                     services.book.published()->edition, render);
}

// -- find

std::vector<std::string> words_of(std::string_view folded) {
  std::vector<std::string> out;
  while (!folded.empty()) {
    const auto end = std::min(folded.find(' '), folded.size());
    if (end > 0) out.emplace_back(folded.substr(0, end));
    folded.remove_prefix(std::min(end + 1, folded.size()));
  }
  return out;
}

/// Whether all that is looked for stands in what the service says of itself, in any language.
bool matches(const Service& service, const std::vector<std::string>& wanted) {
  std::string all;
  for (const LocalizedText* text : {&service.title, &service.summary}) {
    for (const Language language : languages) all += fold_for_search(text->in(language)) + " ";
  }
  for (const std::string& word : service.sms_words) all += fold_for_search(word) + " ";
  return std::ranges::all_of(wanted, [&](const std::string& word) { return all.contains(word); });
}

void add_service(const Visit& visit, View& view, const ServiceVersion& version) {
  const portal::Format& format = visit.page.format();
  const Service& service = version.service;
  View& row = view.add("SERVICE");
  row.set("HREF", fmt::format("/services/{}", service.code));
  row.set("TITLE", service.title.in(format.language()));
  row.set("SUMMARY", service.summary.in(format.language()));
  row.set("WHO", who_words(visit, service));
  row.set("PROMISED", format.capitalised(promise_words(format, service.promised)));
  row.set("FEE", format.capitalised(fee_words(format, service.fee_qepik)));
  if (version.state == ServiceState::suspended) row.show("PAUSED");
}

Result<Response> services_list(Visit& visit, const ServicesWeb& services) {
  const portal::Format& format = visit.page.format();
  std::string asked_for = visit.query("q");
  if (asked_for.size() > 200 || !is_utf8(asked_for)) asked_for.clear();
  const auto wanted = words_of(fold_for_search(asked_for));
  View& view = service_content(visit, "services.html");
  view.set("Q", asked_for);
  std::vector<ServiceHandle> found;
  const auto published = services.book.published();
  std::ranges::copy_if(published->services, std::back_inserter(found),
                       [&](const ServiceHandle& one) { return matches(one->service, wanted); });
  // What can be begun now first; then by title.
  std::ranges::sort(found, [&](const ServiceHandle& a, const ServiceHandle& b) {
    const bool a_paused = a->state == ServiceState::suspended, b_paused = b->state == ServiceState::suspended;
    if (a_paused != b_paused) return b_paused;
    return fold_for_search(a->service.title.in(format.language())) <
           fold_for_search(b->service.title.in(format.language()));
  });
  if (!wanted.empty() && !found.empty()) {
    view.add("FOUND").set("WORDS", format.count("sv_found", static_cast<std::int64_t>(found.size())));
  }
  if (found.empty()) {
    view.add("NOTHING").set(
        "WORDS", wanted.empty() ? visit.text("sv_none") : visit.fill("sv_not_found", {{"words", asked_for}}));
  }
  for (const ServiceHandle& one : found) add_service(visit, view, *one);
  return visit.html("sv_title");
}

Result<Response> services_page(Visit& visit, const ServicesWeb& services) {
  return shared_page(visit, services, "", [&] { return services_list(visit, services); });
}

// -- one service

Result<ServiceHandle> named_service(const Visit& visit, const ServicesWeb& services) {
  auto found = services.book.published()->find(visit.request.parameter("service"));
  if (found) return found;
  return fail(ErrorKind::not_found, "service.unknown", "There is no such service. See the list of services.");
}

View& add_note(View& view, std::string_view tone, const std::string& headline) {
  View& note = view.add("NOTE");
  note.set("TONE", std::string(tone));
  note.set("HEADLINE", headline);
  return note;
}

/// Why it can't be begun now, or that it can.
void say_whether(const Visit& visit, View& view, const ServiceVersion& version, const Closed& closed,
                 bool signed_in) {
  const Service& service = version.service;
  const Language language = visit.page.language();
  if (closed.suspended) {
    add_note(view, "wait", visit.text("sv_suspended"))
        .add("LINE")
        .set("WORDS", version.suspended_because.in(language));
  }
  if (closed.no_regime) {
    add_note(view, "wait", visit.text("sv_no_regime"))
        .add("LINE")
        .set("WORDS", visit.fill("sv_no_regime_what", {{"regime", regime_title(visit, service.ends_with)}}));
  }
  if (closed.not_entitled) {
    View& note = add_note(view, "bad", visit.text("sv_not_entitled"));
    const std::string& own = service.who_text.in(language);
    note.add("LINE").set(
        "WORDS",
        !own.empty() ? own : visit.fill("sv_not_entitled_who", {{"who", who_words(visit, service)}}));
    note.add("LINE").set("WORDS", visit.text("sv_not_entitled_next"));
  }
  if (signed_in && !closed.any()) {
    add_note(view, "go", visit.text("sv_entitled")).add("LINE").set("WORDS", visit.text("sv_entitled_what"));
  }
}

void say_about(const Visit& visit, View& view, const Service& service) {
  const portal::Format& format = visit.page.format();
  view.set("WHO", who_words(visit, service));
  view.set("PROMISED", format.capitalised(promise_words(format, service.promised)));
  view.set("FEE", format.capitalised(fee_words(format, service.fee_qepik)));
  if (!service.limits.empty()) {
    View& limits = view.add("LIMIT");
    for (const Limit& limit : service.limits) {
      limits.add("ONE").set("WORDS", format.capitalised(limit_words(format, limit)));
    }
  }
  constexpr std::array<std::string_view, 4> channel_keys{"sv_channel_web", "sv_channel_sms",
                                                         "sv_channel_counter", "sv_channel_bulk"};
  std::string channels;
  for (unsigned i = 0; i < channel_keys.size(); ++i) {
    if (service.on(Channel(i))) channels += (channels.empty() ? "" : ", ") + visit.text(channel_keys[i]);
  }
  view.set("CHANNELS", format.capitalised(channels));
  if (!service.ends_with.empty()) {
    View& ends = view.add("ENDS");
    ends.set("HREF", fmt::format("/regimes/{}", service.ends_with));
    ends.set("NAME", regime_title(visit, service.ends_with));
  }
  if (const std::string& basis = service.legal_basis.in(format.language()); !basis.empty()) {
    view.add("BASIS").set("WORDS", basis);
  }
}

/// What is asked and what isn't, before one begins.
void say_needs(const Visit& visit, View& view, const Service& service) {
  const portal::Format& format = visit.page.format();
  std::string known;
  std::vector<const Field*> questions;
  for (const Field& field : service.form) {
    if (field.known == Known::none) {
      questions.push_back(&field);
    } else {
      known += (known.empty() ? "" : ", ") + visit.text(known_key(field.known));
    }
  }
  if (!known.empty()) view.add("KNOWN").set("LIST", known);
  if (questions.empty()) {
    view.show("NONE");
    return;
  }
  View& list = view.add("QUESTIONS");
  list.set("COUNT", format.count("sv_questions", static_cast<std::int64_t>(questions.size())));
  for (const Field* field : questions) {
    View& row = list.add("ONE");
    row.set("TITLE", field->title.in(format.language()));
    if (!field->required) row.show("OPTIONAL");
    if (field->required && field->when) row.show("SOMETIMES");
    if (field->kind == FieldKind::document) row.add("FILE").set("KINDS", file_kinds(*field));
  }
}

void say_steps(const Visit& visit, View& view, const Service& service) {
  const portal::Format& format = visit.page.format();
  for (const Step& step : service.steps) {
    std::string words;
    switch (step.kind) {
      case Step::Kind::decide:
        words = visit.text("sv_step_decide");
        break;
      case Step::Kind::review:
        words =
            visit.fill("sv_step_review", {{"office", visit.web.site.words()
                                                         .organisation(step.office.value_or(service.provider))
                                                         .in(format.language())}});
        break;
      case Step::Kind::payment:
        if (service.fee_qepik == 0) continue;
        words = visit.fill("sv_step_payment", {{"fee", fee_words(format, service.fee_qepik)}});
        break;
      case Step::Kind::appointment:
        words = visit.text("sv_step_appointment");
        break;
      case Step::Kind::issue:
        words = visit.text("sv_step_issue");
        break;
      case Step::Kind::notify:
        words = visit.text("sv_step_notify");
        break;
    }
    view.add("STEP").set("WORDS", words);
  }
}

/// Who reads about a service, as far as it matters.
struct Reader {
  std::optional<registry::PersonFacts> facts;
  std::optional<Cases::Draft> draft;
  std::optional<LimitReached> reached;
};

Result<Response> service_view(Visit& visit, const ServiceVersion& version, const Closed& closed,
                              const Reader& reader) {
  const Service& service = version.service;
  const portal::Format& format = visit.page.format();
  View& view = service_content(visit, "service.html");
  view.set("TITLE", service.title.in(format.language()));
  view.set("SUMMARY", service.summary.in(format.language()));
  view.set("PROVIDER", visit.web.site.words().organisation(service.provider).in(format.language()));
  const bool here = service.on(Channel::web) && !service.for_employees;
  say_whether(visit, view, version, closed, reader.facts.has_value() && here && !reader.reached);
  if (reader.reached && here && !closed.any()) {
    View& note = add_note(view, "wait", visit.text("sv_limit_title"));
    note.add("LINE").set("WORDS", limit_reached_words(visit, *reader.reached));
  }
  if (service.for_employees) view.show("EMPLOYER");
  if (!here && !service.for_employees) add_note(view, "wait", visit.text("sv_not_web"));
  if (here && !closed.any() && (reader.draft || !reader.reached)) {
    if (reader.draft) {
      view.add("DRAFT").set("SAVED",
                            visit.fill("sv_draft_saved", {{"time", format.date_time(reader.draft->saved)}}));
    }
    View& start = view.add("START");
    start.set("HREF", fmt::format("/services/{}/apply", service.code));
    start.set("NAME", visit.text(reader.draft ? "sv_resume" : "sv_start"));
    start.set("SIGN_IN",
              visit.fill("sv_sign_in_level",
                         {{"level", visit.text(identity::web::assurance_key(service.assurance))}}));
  }
  say_about(visit, view, service);
  say_needs(visit, view, service);
  say_steps(visit, view, service);
  return visit.html_titled(service.title.in(format.language()));
}

Result<Response> service_page(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const ServiceHandle handle, named_service(visit, services));
  if (services.drop_off != nullptr) {
    services.drop_off->shown(handle->service.code.value(), first_page, visit.now);
  }
  if (!visit.session) {
    const Closed closed = closed_for(services, *handle, nullptr, visit.now);
    return shared_page(visit, services, closed.no_regime ? "closed" : "open",
                       [&] { return service_view(visit, *handle, closed, {}); });
  }
  Reader reader;
  const Subject subject = subject_of(visit);
  DAYAQ_TRY(reader.facts, facts_of(visit, services, subject));
  DAYAQ_TRY_OK(visit.web.db.read([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY(const auto drafts, services.cases.drafts(db, subject.person));
    const auto own = std::ranges::find(drafts, handle->service.code, &Cases::Draft::service);
    if (own != drafts.end()) reader.draft = *own;
    DAYAQ_TRY(reader.reached, services.cases.limit_reached(db, subject.person, handle->service, visit.now));
    return {};
  }));
  return service_view(visit, *handle, closed_for(services, *handle, &*reader.facts, visit.now), reader);
}

// -- apply

/// Who applies for what; or where they are led to instead: to prove more, or to read why it can't be.
struct Ready {
  std::optional<Applying> applying;
  std::optional<Response> instead;
};

Result<Ready> ready(Visit& visit, const ServicesWeb& services, bool closed_too = false) {
  DAYAQ_TRY(const ServiceHandle handle, named_service(visit, services));
  const Service& service = handle->service;
  const std::string base = fmt::format("/services/{}", service.code);
  if (visit.session->assurance < service.assurance) {
    const std::string then =
        visit.request.method == Method::get ? std::string(visit.request.path) : base + "/apply";
    return Ready{
        .applying = {},
        .instead = visit.redirect(fmt::format("/sign-in?then={}&level={}", http::percent_encode(then),
                                              http::to_string(service.assurance)))};
  }
  const Subject subject = subject_of(visit);
  Applying applying{.handle = handle,
                    .person = subject.person,
                    .facts = {},
                    .id = {},
                    .answers = {},
                    .base = base,
                    .leave = base,
                    .after = "/my/cases/",
                    .after_query = "?sent=1",
                    .dropped = "/my/cases?note=dropped",
                    .sent = "/my/cases",
                    .actor = subject.actor};
  DAYAQ_TRY(applying.facts, facts_of(visit, services, subject));
  const bool here = service.on(Channel::web) && !service.for_employees;
  if (!closed_too && (!here || closed_for(services, *handle, &applying.facts, visit.now).any())) {
    return Ready{.applying = {}, .instead = visit.redirect(base)};
  }
  DAYAQ_TRY_OK(load_draft(services, applying));
  return Ready{.applying = std::move(applying), .instead = {}};
}

template <auto page, bool closed_too = false>
Result<Response> applying_page(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(Ready who, ready(visit, services, closed_too));
  if (who.instead) return std::move(*who.instead);
  return page(visit, services, *who.applying);
}

Result<Response> begin_apply(Visit& visit, const ServicesWeb& services, Applying& applying) {
  if (applying.id == CaseId()) {
    DAYAQ_TRY(const auto reached, visit.web.db.read([&](store::Session& db) {
      return services.cases.limit_reached(db, applying.person, applying.service(), visit.now);
    }));
    // The service's page says why not and when again, before anything is filled in for nothing.
    if (reached) return visit.redirect(applying.base);
  }
  if (applying.id == CaseId() && services.drop_off != nullptr) {
    services.drop_off->answered(applying.service().code.value(), first_page, visit.now);
  }
  return go_on(visit, services, applying);
}

Result<Response> check_page(Visit& visit, const ServicesWeb& services, Applying& applying) {
  return show_check(visit, services, applying);
}

constexpr std::size_t upload_max = std::size_t{40} << 20;  // so that too large a file is told so on the page

}  // namespace

void add_person_pages(http::Router& router, const ServicesWeb& services) {
  add_page(router, services,
           {.pattern = "/services", .operation = "page_services", .summary = "Find a service."},
           services_page);
  add_page(router, services,
           {.pattern = "/services/{service}", .operation = "page_service", .summary = "What a service is."},
           service_page);
  constexpr auto pages = std::to_array<SignedInPage>({
      {Method::get, "/services/{service}/apply", "page_apply", "Begins, or goes on where one stopped.",
       applying_page<begin_apply>},
      {Method::get, "/services/{service}/apply/{field}", "page_apply_question", "One question.",
       applying_page<show_question>},
      {Method::post, "/services/{service}/apply/{field}", "page_apply_answer", "Its answer.",
       applying_page<take_answer>},
      {Method::post, "/services/{service}/upload/{field}", "page_apply_upload", "A document as an answer.",
       applying_page<take_file>, upload_max},
      {Method::get, "/services/{service}/check", "page_apply_check", "All answers, before they are sent.",
       applying_page<check_page>},
      {Method::post, "/services/{service}/send", "page_apply_send", "Sends the application.",
       applying_page<send, true>},
      {Method::post, "/services/{service}/drop", "page_apply_drop", "Deletes the draft.",
       applying_page<drop, true>},
  });
  add_signed_in_pages(router, services, identity::Assurance::low, pages,
                      services.surge == nullptr ? nullptr : &services.surge->guard());
  add_my_case_pages(router, services);
  add_my_permit_pages(router, services);
}

}  // namespace dayaq::services::web
