// At a counter: an official fills in with the person beside them. The person's draft, the person's case; on
// record stand both.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "registry/record.hpp"
#include "services/web/apply.hpp"
#include "services/web/official.hpp"
#include "services/web/words.hpp"

namespace dayaq::services::web {
namespace {

using http::Method;
using http::Response;
using portal::View;

/// One visit of a person at a counter; short enough that nobody goes on with it the next day.
constexpr auto assist_life = std::chrono::hours(2);
constexpr std::int64_t swept_at_once = 200;

struct Assist {
  std::uint64_t id = 0;
  PersonId official;
  std::string actor;
  std::string organisation;
  PersonId person;
  std::string reason;
  Instant started;
};

Result<void> store_assist(store::Session& db, const Assist& one) {
  DAYAQ_TRY_OK(
      db.exec("DELETE FROM service_assist WHERE assist_id IN (SELECT assist_id FROM service_assist "
              "WHERE started < $1 LIMIT $2)",
              {to_micros(one.started - assist_life), swept_at_once}));
  return db.exec(
      "INSERT INTO service_assist (assist_id, official_id, relation, organisation, person_id, reason, "
      "started) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7)",
      {static_cast<std::int64_t>(one.id), static_cast<std::int64_t>(one.official.value()),
       std::string_view(one.actor), std::string_view(one.organisation),
       static_cast<std::int64_t>(one.person.value()), std::string_view(one.reason), to_micros(one.started)});
}

/// Of this very official, who represents that organisation still.
Result<Assist> assist_of(const Visit& visit) {
  const std::string& given = visit.request.parameter("assist");
  std::uint64_t id = 0;
  std::from_chars(given.data(), given.data() + given.size(), id);
  DAYAQ_TRY(const auto found, visit.web.db.read([&](store::Session& db) {
    return db.one(
        "SELECT official_id, relation, organisation, person_id, reason, started FROM service_assist "
        "WHERE assist_id = $1",
        {static_cast<std::int64_t>(id)}, [&](const store::Row& row) {
          return Assist{.id = id,
                        .official = PersonId(static_cast<std::uint64_t>(row.integer(0))),
                        .actor = std::string(row.text(1)),
                        .organisation = std::string(row.text(2)),
                        .person = PersonId(static_cast<std::uint64_t>(row.integer(3))),
                        .reason = std::string(row.text(4)),
                        .started = from_micros(row.integer(5))};
        });
  }));
  if (!found || found->official != visit.session->person || visit.now >= found->started + assist_life) {
    return fail(ErrorKind::not_found, "assist.over", "Look the person up again.");
  }
  DAYAQ_TRY(const auto represented, officials(visit));
  const bool stands =
      std::ranges::any_of(represented, [&](const Official& one) { return one.actor() == found->actor; });
  if (!stands) {
    return fail(ErrorKind::forbidden, "web.not_official",
                "This page is for officials of organisations only.");
  }
  return *found;
}

void set_head(const Visit& visit, View& view, const std::string& organisation) {
  view.set("ORGANISATION", identity::web::organisation_name(visit, organisation));
  view.set("CODE", organisation);
}

Result<Response> begin_page(Visit& visit, const ServicesWeb&) {
  DAYAQ_TRY(const Official who, identifying_official(visit));
  View& view = service_content(visit, "assist.html");
  set_head(visit, view, who.relation.organisation.value());
  return visit.html("as_title");
}

/// The reading of the person's record and the beginning are one transaction, with the reason.
Result<Response> begin(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Official who, identifying_official(visit));
  const registry::Registry& registry = visit.web.accounts.registry;
  Assist one{.id = services.random.next_id(),
             .official = visit.session->person,
             .actor = who.actor(),
             .organisation = who.relation.organisation.value(),
             .person = {},
             .reason = visit.form("reason"),
             .started = visit.now};
  const auto done = [&]() -> Result<void> {
    DAYAQ_TRY(const auto id, registry.country.national_id_rule().parse(visit.form("national_id")));
    one.person = registry.person_id(id);
    return visit.web.db.write([&](store::Session& db) -> Result<void> {
      DAYAQ_TRY_OK(services.cases.context().facts.of(db, one.person));
      DAYAQ_TRY_OK(registry::note_read(db, registry, one.person, "record", one.reason, one.actor));
      return store_assist(db, one);
    });
  }();
  if (done) return visit.redirect(fmt::format("/office/assist/{}", one.id));
  if (http::status_of(done.error().kind) >= 500) return std::unexpected(done.error());
  View& view = service_content(visit, "assist.html");
  set_head(visit, view, one.organisation);
  view.add("WRONG").set("WORDS", visit.text(identity::web::error_text_key(done.error())));
  view.set("NATIONAL_ID", visit.form("national_id"));
  view.set("REASON", one.reason);
  return visit.html("as_title", http::status_of(done.error().kind));
}

Result<registry::PersonFacts> facts_for(const Visit& visit, const ServicesWeb& services, PersonId person) {
  return visit.web.db.read([&](store::Session& db) { return services.cases.context().facts.of(db, person); });
}

Result<void> add_receipt(const Visit& visit, const ServicesWeb& services, View& view, const Assist& one) {
  const auto id = parse_case_number(visit.query("sent"));
  if (!id) return {};
  DAYAQ_TRY(const auto sent,
            visit.web.db.read([&](store::Session& db) { return services.cases.find(db, one.person, *id); }));
  if (!sent) return {};
  const portal::Format& format = visit.page.format();
  View& shown = view.add("SENT");
  shown.set("TONE", std::string(state_tone(sent->state)));
  shown.set("HEADLINE", visit.text(sent_key(sent->state)));
  shown.set("NUMBER", case_number(sent->id));
  shown.set("PROMISE", visit.text(state_key(sent->state)));
  if (sent->state == CaseState::in_review) {
    shown.set("PROMISE", visit.fill("sv_stands_in_review", {{"time", format.date_time(sent->promised)}}));
  }
  if (const std::string& why = sent->reason.in(format.language()); !why.empty()) {
    shown.add("WHY").set("WORDS", why);
  }
  return {};
}

Result<Response> person_page(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Assist one, assist_of(visit));
  DAYAQ_TRY(const auto facts, facts_for(visit, services, one.person));
  const portal::Format& format = visit.page.format();
  const registry::CountryPack& country = services.cases.context().country;
  View& view = service_content(visit, "assist_person.html");
  set_head(visit, view, one.organisation);
  view.set("NAME", fmt::format("{} {}", facts.person.given_name, facts.person.family_name));
  view.set("NATIONAL_ID", facts.person.national_id);
  view.set("BIRTH", format.date(facts.person.birth));
  view.set("PLACE", country.place(facts.place_at(visit.now)).name.in(format.language()));
  view.set("REASON", one.reason);
  DAYAQ_TRY_OK(add_receipt(visit, services, view, one));
  const auto published = services.book.published();
  for (const ServiceHandle& handle : published->services) {
    const Service& service = handle->service;
    if (!service.on(Channel::counter) || service.for_employees) continue;
    View& row = view.add("SERVICE");
    row.set("TITLE", service.title.in(format.language()));
    row.set("SUMMARY", service.summary.in(format.language()));
    const Closed closed = closed_for(services, *handle, &facts, visit.now);
    if (closed.any()) {
      row.add("WHY_NOT").set("WORDS", visit.text(closed.suspended   ? "sv_suspended"
                                                 : closed.no_regime ? "sv_no_regime"
                                                                    : "as_not_entitled"));
      continue;
    }
    View& go = row.add("GO");
    go.set("HREF", fmt::format("/office/assist/{}/{}/apply", one.id, service.code));
    go.set("NAME", visit.text("as_start"));
  }
  return visit.html("as_title");
}

Result<Applying> applying_for(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(const Assist one, assist_of(visit));
  const ServiceHandle handle = services.book.published()->find(visit.request.parameter("service"));
  if (!handle || handle->service.for_employees || !handle->service.on(Channel::counter)) {
    return fail(ErrorKind::not_found, "service.unknown",
                "There is no such service. See the list of services.");
  }
  DAYAQ_TRY(auto facts, facts_for(visit, services, one.person));
  const std::string home = fmt::format("/office/assist/{}", one.id);
  Applying applying{.handle = handle,
                    .person = one.person,
                    .facts = std::move(facts),
                    .id = {},
                    .answers = {},
                    .base = fmt::format("{}/{}", home, handle->service.code),
                    .leave = home,
                    .after = home + "?sent=",
                    .dropped = home,
                    .sent = home,
                    .channel = Channel::counter,
                    .actor = one.actor};
  applying.banner = visit.fill(
      "as_banner",
      {{"name", fmt::format("{} {}", applying.facts.person.given_name, applying.facts.person.family_name)}});
  DAYAQ_TRY_OK(load_draft(services, applying));
  return applying;
}

template <auto page>
Result<Response> assisted_page(Visit& visit, const ServicesWeb& services) {
  DAYAQ_TRY(Applying applying, applying_for(visit, services));
  return page(visit, services, applying);
}

Result<Response> check_page(Visit& visit, const ServicesWeb& services, const Applying& applying) {
  return show_check(visit, services, applying);
}

constexpr std::size_t upload_max = std::size_t{40} << 20;  // so that too large a file is told so on the page

}  // namespace

void add_assisted_pages(http::Router& router, const ServicesWeb& services) {
  constexpr auto pages = std::to_array<SignedInPage>({
      {Method::get, "/office/assist", "page_assist", "Filling in with the person: whom, and why.",
       begin_page},
      {Method::post, "/office/assist", "page_assist_begin", "Begins it; the reading goes on record.", begin},
      {Method::get, "/office/assist/{assist}", "page_assist_person", "What can be applied for.", person_page},
      {Method::get, "/office/assist/{assist}/{service}/apply", "page_assist_apply", "The next question.",
       assisted_page<go_on>},
      {Method::get, "/office/assist/{assist}/{service}/apply/{field}", "page_assist_question",
       "One question.", assisted_page<show_question>},
      {Method::post, "/office/assist/{assist}/{service}/apply/{field}", "page_assist_answer", "Its answer.",
       assisted_page<take_answer>},
      {Method::post, "/office/assist/{assist}/{service}/upload/{field}", "page_assist_upload",
       "A document as an answer.", assisted_page<take_file>, upload_max},
      {Method::get, "/office/assist/{assist}/{service}/check", "page_assist_check",
       "All answers, before they are sent.", assisted_page<check_page>},
      {Method::post, "/office/assist/{assist}/{service}/send", "page_assist_send", "Sends the application.",
       assisted_page<send>},
      {Method::post, "/office/assist/{assist}/{service}/drop", "page_assist_drop", "Deletes the draft.",
       assisted_page<drop>},
  });
  add_signed_in_pages(router, services, identity::Assurance::substantial, pages);
}

}  // namespace dayaq::services::web
