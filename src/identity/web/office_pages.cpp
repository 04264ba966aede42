// An official's console: for the organisations that they represent by a recorded relation. What they do is
// done in the organisation's name, and stands in the log under the relation's number.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "identity/account/enrolment.hpp"
#include "identity/account/life.hpp"
#include "identity/account/relations.hpp"
#include "identity/web/official.hpp"
#include "registry/organisation_kind.hpp"

namespace dayaq::identity::web {

std::string Official::actor() const {
  return fmt::format("org:{}/official:{}", relation.organisation, relation.id);
}

Result<std::vector<Relation>> representations(const Visit& visit) {
  return visit.web.db.read([&](store::Session& db) -> Result<std::vector<Relation>> {
    DAYAQ_TRY(auto held, relations_held(db, visit.session->person));
    std::erase_if(held, [&](const Relation& one) {
      return one.kind != RelationKind::representative || !one.stands_at(visit.now);
    });
    return held;
  });
}

Result<Official> official(const Visit& visit) {
  const bool posted = visit.request.method == http::Method::post;
  const std::string wanted = posted ? visit.form("organisation") : visit.query("organisation");
  DAYAQ_TRY(const auto held, representations(visit));
  for (const Relation& one : held) {
    if (!wanted.empty() && one.organisation.value() != wanted) continue;
    const auto index = visit.web.accounts.registry.organisations.find(one.organisation.value());
    if (index && visit.session->acting_for.value() == 0) return Official{one, *index};
  }
  return fail(ErrorKind::forbidden, "web.not_official", "This page is for officials of organisations only.");
}

/// Records are for those who serve the person: a firm's or an operator's representative has no business with
/// them.
Result<Official> public_official(const Visit& visit) {
  DAYAQ_TRY(const Official who, official(visit));
  const auto kind = visit.web.accounts.registry.organisations.at(who.organisation)->kind;
  if (registry::is_public_body(kind)) return who;
  return fail(ErrorKind::forbidden, "web.not_official", "Only public bodies look persons up.");
}

namespace {

bool identifies(const Visit& visit, const Official& who) {
  return visit.web.accounts.registry.country.identifies(who.relation.organisation.value());
}

}  // namespace

/// Who identifies persons hands out digital IDs and suspends them; nobody else.
Result<Official> identifying_official(const Visit& visit) {
  DAYAQ_TRY(const Official who, official(visit));
  if (identifies(visit, who)) return who;
  return fail(ErrorKind::forbidden, "web.not_counter",
              "Your organisation doesn't identify persons. A service centre does.");
}

namespace {

using http::Method;
using http::Response;

void head(const Visit& visit, portal::View& view, const Official& who) {
  view.set("ORGANISATION", organisation_name(visit, who.relation.organisation.value()));
  view.set("CODE", who.relation.organisation.value());
}

Result<Response> home(Visit& visit) {
  DAYAQ_TRY(const Official who, official(visit));
  DAYAQ_TRY(const auto held, representations(visit));
  portal::View& view = visit.content("office.html");
  head(visit, view, who);
  if (identifies(visit, who)) view.show("COUNTER");
  if (public_official(visit)) view.show("PUBLIC");
  for (const Relation& one : held) {
    if (one.organisation == who.relation.organisation) continue;
    portal::View& other = view.add("OTHER");
    other.set("HREF", fmt::format("/office?organisation={}", one.organisation));
    other.set("NAME", organisation_name(visit, one.organisation.value()));
  }
  return visit.html("office_title");
}

// -- a person's record

void add_attestations(const Visit& visit, portal::View& view, const Official& who,
                      const registry::PersonFacts& facts) {
  const registry::Registry& registry = visit.web.accounts.registry;
  const portal::Format& format = visit.page.format();
  const Instant now = visit.web.accounts.clock.now();  // after what this very request has recorded
  for (const registry::Attestation& one : facts.attestations) {
    if (!one.stands_at(now)) continue;
    const registry::StatusDefinition& status = registry.country.status(one.status);
    const bool own = one.issuer == who.organisation;
    // A sensitive status is told to whoever may attest it, and to nobody else.
    if (status.sensitive && !own && !registry.organisations.may_issue(who.organisation, one.status)) continue;
    portal::View& row = view.add("STATUS");
    row.set("NAME", status.name.in(format.language()));
    row.set("ISSUER", registry.organisations.at(one.issuer)->name.in(format.language()));
    row.set("PERIOD", format.period(one.valid));
    if (own) row.add("OWN").set("ATTESTATION", fmt::format("{}", one.id));
  }
  for (std::size_t i = 0; i < registry.country.statuses().size(); ++i) {
    const auto index = registry::StatusIndex(i);
    if (!registry.organisations.may_issue(who.organisation, index)) continue;
    portal::View& choice = view.add("MAY");
    choice.set("STATUS_CODE", registry.country.status(index).code.value());
    choice.set("NAME", registry.country.status(index).name.in(format.language()));
  }
}

Result<Response> person_page(Visit& visit, const Official& who, PersonId person, const std::string& reason,
                             Note note) {
  const Accounts& accounts = visit.web.accounts;
  // One transaction: nobody sees a record whose reading isn't on record.
  std::optional<Account> account;
  DAYAQ_TRY(const auto facts, visit.web.db.write([&](store::Session& db) -> Result<registry::PersonFacts> {
    DAYAQ_TRY(auto all, registry::facts(db, accounts.persons, person));
    DAYAQ_TRY(const auto digital_id, account_of(db, person));
    account = digital_id;
    DAYAQ_TRY_OK(registry::note_read(db, accounts.registry, person, "record", reason, who.actor()));
    return all;
  }));
  portal::View& view = visit.content("office_person.html");
  head(visit, view, who);
  if (!note.text_key.empty()) {
    portal::View& shown = view.add("NOTE");
    shown.set("WORDS", visit.text(note.text_key));
    shown.set("TONE", note.bad ? "bad" : "go");
  }
  view.set("NAME", fmt::format("{} {}", facts.person.given_name, facts.person.family_name));
  view.set("NATIONAL_ID", facts.person.national_id);
  view.set("BIRTH", visit.page.format().date(facts.person.birth));
  view.set("PLACE",
           accounts.registry.country.place(facts.place_at(visit.now)).name.in(visit.page.language()));
  view.set("REASON", reason);
  add_attestations(visit, view, who, facts);
  if (identifies(visit, who) && account && account->state != AccountState::closed) {
    const bool suspended = account->state == AccountState::suspended;
    portal::View& shown = view.add("DIGITAL_ID");
    shown.set("STATE", visit.text(suspended ? "office_id_suspended" : "office_id_active"));
    shown.set("DO", visit.text(suspended ? "office_reactivate" : "office_suspend"));
    shown.set("PATH", suspended ? "reactivate" : "suspend");
  }
  return visit.html("office_person");
}

Result<PersonId> named_person(const Visit& visit) {
  const registry::Registry& registry = visit.web.accounts.registry;
  DAYAQ_TRY(const auto id, registry.country.national_id_rule().parse(visit.form("national_id")));
  return registry.person_id(id);
}

Result<Response> look_up(Visit& visit) {
  DAYAQ_TRY(const Official who, public_official(visit));
  DAYAQ_TRY(const PersonId person, named_person(visit));
  return person_page(visit, who, person, visit.form("reason"), {});
}

/// Nobody signs in from here on; or a suspension is taken back.
Result<Response> change_state(Visit& visit,
                              Result<Account> (*change)(store::Session&, const Accounts&, PersonId,
                                                        const std::string&, const std::string&, Instant),
                              std::string_view done_key) {
  DAYAQ_TRY(const Official who, identifying_official(visit));
  DAYAQ_TRY(const PersonId person, named_person(visit));
  const auto done = visit.web.db.write([&](store::Session& db) {
    return change(db, visit.web.accounts, person, visit.form("why"), who.actor(), visit.now);
  });
  Note note{.text_key = done_key, .bad = false};
  if (!done) {
    if (http::status_of(done.error().kind) >= 500) return std::unexpected(done.error());
    note = {.text_key = done.error().code == "account.reason" ? "office_why" : error_text_key(done.error())};
  }
  return person_page(visit, who, person, visit.form("reason"), note);
}

Result<Response> suspend_id(Visit& visit) {
  return change_state(visit, suspend, "office_suspended");
}

Result<Response> reactivate_id(Visit& visit) {
  return change_state(visit, reactivate, "office_reactivated");
}

Result<Response> attest(Visit& visit) {
  DAYAQ_TRY(const Official who, public_official(visit));
  DAYAQ_TRY(const PersonId person, named_person(visit));
  const registry::Registry& registry = visit.web.accounts.registry;
  const auto status = registry.country.find_status(visit.form("status"));
  if (!status) return fail_field("registry.status", "status", "There is no status with this code.");
  registry::AttestRequest request{.id = registry::AttestationId(visit.web.accounts.random.next_id()),
                                  .person = person,
                                  .status = *status,
                                  .issuer = who.organisation,
                                  .valid = {.from = visit.now}};
  if (const std::string until = visit.form("until"); !until.empty()) {
    DAYAQ_TRY(const Date last, parse_date(until));
    request.valid.until = registry.country.zone().start_of(last + std::chrono::days(1));
  }
  const auto done = visit.web.db.write([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY_OK(registry::attest(db, registry, request, who.actor()));
    return {};
  });
  Note note{.text_key = "office_attested", .bad = false};
  if (!done) {
    if (http::status_of(done.error().kind) >= 500) return std::unexpected(done.error());
    note = {.text_key =
                done.error().code == "registry.period" ? "office_period" : error_text_key(done.error())};
  }
  return person_page(visit, who, person, visit.form("reason"), note);
}

Result<Response> revoke(Visit& visit) {
  DAYAQ_TRY(const Official who, public_official(visit));
  DAYAQ_TRY(const PersonId person, named_person(visit));
  const registry::Registry& registry = visit.web.accounts.registry;
  const std::string wanted = visit.form("attestation");
  const auto done = visit.web.db.write([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY(const auto facts, registry::facts(db, visit.web.accounts.persons, person));
    for (const registry::Attestation& one : facts.attestations) {
      if (fmt::format("{}", one.id) != wanted) continue;
      DAYAQ_TRY_OK(registry::revoke(db, registry, person, one.id, who.organisation, who.actor()));
      return {};
    }
    return fail(ErrorKind::not_found, "registry.attestation", "There is no such attestation.");
  });
  DAYAQ_TRY_OK(done);
  return person_page(visit, who, person, visit.form("reason"), {.text_key = "office_revoked", .bad = false});
}

// -- at the counter

Result<Response> counter(Visit& visit) {
  DAYAQ_TRY(const Official who, identifying_official(visit));
  portal::View& view = visit.content("office_counter.html");
  head(visit, view, who);
  view.show("ASK");
  return visit.html("office_counter");
}

/// The official has seen the person and their document, and hands them a code for a digital ID of high
/// assurance.
Result<Response> counter_issue(Visit& visit) {
  DAYAQ_TRY(const Official who, identifying_official(visit));
  DAYAQ_TRY(const PersonId person, named_person(visit));
  const Accounts& accounts = visit.web.accounts;
  const DrawnActivation drawn = draw_activation(accounts, Enrolment::counter, visit.now);
  const OfficialActivation request{.person = person,
                                   .channel = Enrolment::counter,
                                   .number = {},
                                   .document = visit.form("document"),
                                   .actor = who.actor()};
  DAYAQ_TRY_OK(visit.web.db.write(
      [&](store::Session& db) { return issue_activation_for(db, accounts, request, drawn, visit.now); }));
  portal::View& view = visit.content("office_counter.html");
  head(visit, view, who);
  view.add("ISSUED").set("ACTIVATION", drawn.code);
  return visit.html("office_counter");
}

}  // namespace

void add_office_pages(http::Router& router, const Web& web) {
  constexpr auto pages = std::to_array<SignedInPage>({
      {Method::get, "/office", "page_office", "An official's console.", home},
      {Method::post, "/office/person", "page_office_person", "Looks somebody up, for a stated reason.",
       look_up},
      {Method::post, "/office/attest", "page_office_attest", "Attests a status.", attest},
      {Method::post, "/office/revoke", "page_office_revoke", "Takes it back.", revoke},
      {Method::post, "/office/suspend", "page_office_suspend", "Suspends a digital ID.", suspend_id},
      {Method::post, "/office/reactivate", "page_office_reactivate", "Takes that back.", reactivate_id},
      {Method::get, "/office/counter", "page_office_counter", "Assisted enrolment.", counter},
      {Method::post, "/office/counter", "page_office_counter_issue", "Hands out a code.", counter_issue},
  });
  add_signed_in_pages(router, web, Assurance::substantial, pages);
}

}  // namespace dayaq::identity::web
