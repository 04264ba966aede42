// My page: what I am entitled to and why; my sessions; my data.
#include <fmt/format.h>

#include <algorithm>

#include "http/encoding.hpp"
#include "identity/web/visit.hpp"

namespace dayaq::identity::web {
namespace {

using http::Method;
using http::Response;

/// All that is known of whom the page is about. Of somebody else the reading goes on record, in the same
/// transaction.
Result<registry::PersonFacts> facts_of(const Visit& visit) {
  const Session& session = *visit.session;
  const PersonId subject = subject_of(session);
  const auto& accounts = visit.web.accounts;
  if (subject == session.person) {
    return visit.web.db.read(
        [&](store::Session& db) { return registry::facts(db, accounts.persons, subject); });
  }
  return visit.web.db.write([&](store::Session& db) -> Result<registry::PersonFacts> {
    DAYAQ_TRY(auto all, registry::facts(db, accounts.persons, subject));
    DAYAQ_TRY_OK(
        registry::note_read(db, accounts.registry, subject, "grants", "acting for them", "representative"));
    return all;
  });
}

struct Rights {
  int granted = 0;
  int possible = 0;
};

void add_measure(Visit& visit, portal::View& view, const regime::LawfulMeasure& measure,
                 const registry::PersonFacts& facts, Rights& count) {
  const regime::Audience audience{.the_person = true, .organisation = {}};
  const regime::Explanation why = regime::explain(measure, facts, visit.now, visit.web.explain, audience);
  const regime::ExplanationText words =
      regime::explanation_text(why, facts, visit.now, visit.web.explain, audience, visit.page.language());
  const bool granted = why.outcome == regime::Explanation::Outcome::granted;
  if (why.outcome == regime::Explanation::Outcome::not_in_force) return;
  ++(granted ? count.granted : count.possible);
  portal::View& shown = view.add(granted ? "GRANT" : "OTHER");
  shown.set("TITLE", measure.measure->title.in(visit.page.language()));
  shown.set("HEADLINE", words.headline);
  shown.set("HREF", fmt::format("/regimes/{}", measure.version->regime.code));
  shown.set("REGIME", measure.version->regime.title.in(visit.page.language()));
  for (const std::string& reason : words.reasons) shown.add("REASON").set("WORDS", reason);
  for (const std::string& remedy : words.remedies) shown.add("REMEDY").set("WORDS", remedy);
  if (!granted) return;
  for (const regime::Benefit& benefit : measure.measure->benefits) {
    shown.add("BENEFIT").set("WORDS",
                             portal::benefit_sentence(benefit, visit.page.format(), visit.web.site.words()));
  }
}

Result<Response> rights(Visit& visit) {
  DAYAQ_TRY(const registry::PersonFacts facts, facts_of(visit));
  portal::View& view = visit.my_content("my.html");
  view.set("NAME", fmt::format("{} {}", facts.person.given_name, facts.person.family_name));
  view.set("LEVEL", visit.fill("my_level", {{"level", visit.text(assurance_key(visit.session->assurance))}}));
  view.set("AS_OF", visit.fill("as_of", {{"time", visit.page.format().date_time(visit.now)}}));
  if (visit.session->acting_for.value() != 0) view.show("ACTING");
  const auto law = visit.web.law();
  Rights count;
  for (const std::size_t i : law->law.in_force_at(visit.now)) {
    add_measure(visit, view, law->law.measures()[i], facts, count);
  }
  if (count.granted == 0) view.show("NOTHING");
  if (count.possible > 0) view.show("OTHERS");
  view.set("COUNT", visit.page.format().count("my_rights_count", count.granted));
  return visit.html("my_title");
}

// -- sessions

Result<Response> sessions(Visit& visit) {
  const Session& own = *visit.session;
  DAYAQ_TRY(const auto live, visit.web.db.read([&](store::Session& db) {
    return visit.web.accounts.sessions.of(db, own.person, visit.now);
  }));
  portal::View& view = visit.my_content("my_sessions.html");
  view.set("WHAT", visit.page.format().count("my_sessions_count", static_cast<std::int64_t>(live.size())));
  for (const Session& session : live) {
    portal::View& row = view.add("SESSION");
    std::string methods;
    for (unsigned i = 0; i <= unsigned(AuthenticatorKind::password); ++i) {
      if (!session.methods.has(AuthenticatorKind(i))) continue;
      methods += fmt::format("{}{}", methods.empty() ? "" : ", ",
                             visit.text(authenticator_kind_key(AuthenticatorKind(i))));
    }
    row.set("METHODS", methods);
    row.set("SINCE", visit.page.format().date_time(session.authenticated));
    row.set("UNTIL", visit.page.format().date_time(session.expires));
    row.set("LEVEL", visit.text(assurance_key(session.assurance)));
    row.set("ID", fmt::format("{}", session.id));
    row.show(session.id == own.id ? "THIS" : "END");
  }
  if (live.size() > 1) view.show("ALL");
  return visit.html("my_nav_sessions");
}

Result<Response> end_session(Visit& visit) {
  const Session& own = *visit.session;
  const std::string id = visit.form("id");
  const bool all = visit.form("all") == "1";
  const auto done = visit.web.db.write([&](store::Session& db) -> Result<void> {
    Sessions& store = visit.web.accounts.sessions;
    if (all) {
      DAYAQ_TRY_OK(store.end_all(db, own.person, own.id, visit.now));
      return {};
    }
    DAYAQ_TRY(const auto live, store.of(db, own.person, visit.now));
    for (const Session& session : live) {
      if (fmt::format("{}", session.id) == id) return store.end(db, own.person, session.id, visit.now);
    }
    return {};  // it has ended already: what was asked for is so
  });
  DAYAQ_TRY_OK(done);
  return visit.redirect("/my/sessions");
}

// -- data

std::string instant_json(Instant t) {
  if (t == instant_max || t == instant_min) return "null";
  return fmt::format("\"{}\"", format_instant(t));
}

std::string registry_json(const registry::PersonFacts& facts, const Web& web) {
  using http::json_string;
  const registry::Registry& registry = web.accounts.registry;
  const registry::Person& person = facts.person;
  std::string out = fmt::format(
      R"({{"national_id":{},"family_name":{},"given_name":{},"sex":"{}","birth_date":"{}","residences":[)",
      json_string(person.national_id), json_string(person.family_name), json_string(person.given_name),
      registry::to_string(person.sex), format_date(person.birth));
  const char* comma = "";
  for (const registry::Residence& residence : facts.residences) {
    out += fmt::format(R"({}{{"place":{},"from":{},"until":{}}})", std::exchange(comma, ","),
                       json_string(registry.country.place(residence.place).name.az),
                       instant_json(residence.period.from), instant_json(residence.period.until));
  }
  out += R"(],"statuses":[)";
  comma = "";
  for (const registry::Attestation& one : facts.attestations) {
    out += fmt::format(R"({}{{"status":"{}","issuer":"{}","from":{},"until":{},"recorded":{},"ended":{}}})",
                       std::exchange(comma, ","), registry.country.status(one.status).code,
                       registry.organisations.at(one.issuer)->code, instant_json(one.valid.from),
                       instant_json(one.valid.until), instant_json(one.recorded), instant_json(one.ended));
  }
  out += R"(],"subscriptions":[)";
  comma = "";
  for (const registry::Subscription& line : facts.subscriptions) {
    out += fmt::format(R"({}{{"kind":"{}","provider":"{}","number":{},"from":{},"until":{}}})",
                       std::exchange(comma, ","), registry::to_string(line.kind),
                       registry.organisations.at(line.provider)->code, json_string(line.number),
                       instant_json(line.valid.from), instant_json(line.valid.until));
  }
  return out + "]}";
}

struct OwnId {
  std::optional<Account> account;
  std::vector<Authenticator> authenticators;
  std::vector<Session> sessions;
  std::vector<oidc::Consent> consents;
};

std::string id_json(const OwnId& own) {
  using http::json_string;
  std::string out = fmt::format(R"({{"created":{},"enrolment":"{}","authenticators":[)",
                                instant_json(own.account ? own.account->created : instant_min),
                                own.account ? to_string(own.account->enrolment) : "");
  const char* comma = "";
  for (const Authenticator& one : own.authenticators) {
    out += fmt::format(R"({}{{"kind":"{}","name":{},"added":{},"used":{}}})", std::exchange(comma, ","),
                       to_string(one.kind), json_string(one.name), instant_json(one.added),
                       instant_json(one.used));
  }
  out += R"(],"sessions":[)";
  comma = "";
  for (const Session& one : own.sessions) {
    out += fmt::format(R"({}{{"signed_in":{},"until":{}}})", std::exchange(comma, ","),
                       instant_json(one.authenticated), instant_json(one.expires));
  }
  out += R"(],"consents":[)";
  comma = "";
  for (const oidc::Consent& one : own.consents) {
    out += fmt::format(R"({}{{"client":{},"given":{},"until":{}}})", std::exchange(comma, ","),
                       json_string(one.client), instant_json(one.given), instant_json(one.until));
  }
  return out + "]}";
}

Result<Response> data(Visit& visit) {
  DAYAQ_TRY(const auto facts, visit.web.db.read([&](store::Session& db) {
    return registry::facts(db, visit.web.accounts.persons, visit.session->person);
  }));
  const portal::Format& format = visit.page.format();
  const registry::CountryPack& country = visit.web.accounts.registry.country;
  portal::View& view = visit.my_content("my_data.html");
  view.set("NAME", fmt::format("{} {}", facts.person.given_name, facts.person.family_name));
  view.set("NATIONAL_ID", facts.person.national_id);
  view.set("BIRTH", format.date(facts.person.birth));
  view.set("PLACE", country.place(facts.place_at(visit.now)).name.in(format.language()));
  for (const registry::Attestation& one : facts.attestations) {
    if (!one.stands_at(visit.now)) continue;
    portal::View& row = view.add("STATUS");
    row.set("NAME", country.status(one.status).name.in(format.language()));
    row.set("ISSUER", visit.web.accounts.registry.organisations.at(one.issuer)->name.in(format.language()));
    row.set("PERIOD", format.period(one.valid));
  }
  for (const registry::Subscription& line : facts.subscriptions) {
    if (!line.valid.contains(visit.now)) continue;
    portal::View& row = view.add("LINE");
    row.set("PROVIDER",
            visit.web.accounts.registry.organisations.at(line.provider)->name.in(format.language()));
    row.set("NUMBER", line.number);
  }
  if (visit.query("asked") == "1") view.show("ASKED");
  DAYAQ_TRY_OK(add_own_corrections(visit, view));
  return visit.html("my_nav_data");
}

Result<Response> download(Visit& visit) {
  const PersonId person = visit.session->person;
  OwnId own;
  registry::PersonFacts facts;
  DAYAQ_TRY_OK(visit.web.db.read([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY(facts, registry::facts(db, visit.web.accounts.persons, person));
    DAYAQ_TRY(own.account, account_of(db, person));
    DAYAQ_TRY(own.authenticators, authenticators_of(db, person));
    DAYAQ_TRY(own.sessions, visit.web.accounts.sessions.of(db, person, visit.now));
    DAYAQ_TRY(own.consents, oidc::consents_of(db, person, visit.now));
    return {};
  }));
  std::string body = fmt::format(R"({{"made":{},"registry":{},"digital_id":{},"accesses":[)",
                                 instant_json(visit.now), registry_json(facts, visit.web), id_json(own));
  DAYAQ_TRY(const auto entries,
            visit.web.accounts.log.entries_about(person, visit.web.accounts.log.size(), 1000));
  const char* comma = "";
  for (const audit::Entry& entry : entries) {
    body += fmt::format(R"({}{{"index":{},"leaf":{},"personal":{}}})", std::exchange(comma, ","), entry.index,
                        entry.leaf, http::json_string(entry.personal));
  }
  Response response = Response::json(body + "]}\n");
  response.headers.emplace_back("Content-Disposition", "attachment; filename=\"my-data.json\"");
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  return response;
}

}  // namespace

void add_my_pages(http::Router& router, const Web& web) {
  constexpr auto in = Assurance::low;
  add_page(router, web,
           {.pattern = "/my",
            .operation = "page_my",
            .summary = "What I am entitled to and why.",
            .signed_in = in},
           rights);
  add_page(router, web,
           {.pattern = "/my/sessions",
            .operation = "page_my_sessions",
            .summary = "My live sessions.",
            .signed_in = in},
           sessions);
  add_page(router, web,
           {.method = Method::post,
            .pattern = "/my/sessions",
            .operation = "page_my_sessions_end",
            .summary = "Ends one, or all others.",
            .signed_in = in,
            .form = Form::session},
           end_session);
  add_page(router, web,
           {.pattern = "/my/data",
            .operation = "page_my_data",
            .summary = "What is recorded about me.",
            .signed_in = in},
           data);
  add_page(router, web,
           {.pattern = "/my/data.json",
            .operation = "page_my_data_json",
            .summary = "The same as a file.",
            .signed_in = in},
           download);
}

}  // namespace dayaq::identity::web
