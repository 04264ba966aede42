// Who acts for me, and for whom I act.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "identity/account/relations.hpp"
#include "identity/web/visit.hpp"

namespace dayaq::identity::web {
namespace {

using http::Method;
using http::Response;

constexpr std::string_view page_path = "/my/relations";

std::string_view kind_key(RelationKind kind) {
  switch (kind) {
    case RelationKind::guardian:
      return "relation_guardian";
    case RelationKind::mandate:
      return "relation_mandate";
    case RelationKind::representative:
      return "relation_representative";
  }
  return "relation_mandate";
}

struct Own {
  std::vector<Relation> held, given;
  std::vector<std::string> held_names, given_names;
};

Result<Own> own_of(const Visit& visit) {
  const PersonId person = visit.session->person;
  return visit.web.db.read([&](store::Session& db) -> Result<Own> {
    Own own;
    DAYAQ_TRY(own.held, relations_held(db, person));
    DAYAQ_TRY(own.given, relations_for(db, person));
    const auto over = [&](const Relation& one) { return !one.stands_at(visit.now); };
    std::erase_if(own.held, over);
    std::erase_if(own.given, over);
    for (const Relation& one : own.held) {
      const bool of_organisation = one.kind == RelationKind::representative;
      std::string name = of_organisation ? organisation_name(visit, one.organisation.value()) : std::string();
      if (!of_organisation) {
        DAYAQ_TRY(name, name_of(db, visit, one.principal));
      }
      own.held_names.push_back(std::move(name));
    }
    for (const Relation& one : own.given) {
      DAYAQ_TRY(auto name, name_of(db, visit, one.holder));
      own.given_names.push_back(std::move(name));
    }
    return own;
  });
}

void fill_row(const Visit& visit, portal::View& row, const Relation& one, const std::string& name) {
  row.set("NAME", name);
  row.set("KIND", visit.text(kind_key(one.kind)));
  row.set("SCOPE", one.scope == "all" ? visit.text("relation_all") : one.scope);
  row.set("PERIOD", visit.page.format().period(one.valid));
  row.set("ID", fmt::format("{}", one.id));
}

Result<Response> list(Visit& visit) {
  DAYAQ_TRY(const Own own, own_of(visit));
  portal::View& view = visit.my_content("my_relations.html");
  if (visit.session->acting_for.value() != 0) {
    DAYAQ_TRY(const auto name, visit.web.db.read([&](store::Session& db) {
      return name_of(db, visit, visit.session->acting_for);
    }));
    view.add("ACTING").set("WORDS", visit.fill("relation_acting", {{"name", name}}));
  }
  if (own.held.empty()) view.show("NONE_HELD");
  if (own.given.empty()) view.show("NONE_GIVEN");
  for (std::size_t i = 0; i < own.held.size(); ++i) {
    portal::View& row = view.add("HELD");
    fill_row(visit, row, own.held[i], own.held_names[i]);
    if (own.held[i].kind == RelationKind::representative) {
      row.add("OFFICE").set("HREF", fmt::format("/office?organisation={}", own.held[i].organisation));
    } else if (visit.session->acting_for != own.held[i].principal) {
      row.show("ACT");
    }
  }
  for (std::size_t i = 0; i < own.given.size(); ++i) {
    fill_row(visit, view.add("GIVEN"), own.given[i], own.given_names[i]);
  }
  const bool fresh = visit.now - visit.session->authenticated < fresh_for &&
                     visit.session->assurance >= Assurance::substantial &&
                     visit.session->acting_for.value() == 0;
  if (fresh) {
    view.show("GIVE");
  } else {
    view.add("PROVE").set("HREF", fmt::format("/sign-in?fresh=1&level=substantial&then={}", page_path));
  }
  return visit.html("my_nav_relations");
}

/// The relation that a form names, among those held or given.
Result<Relation> named(const Visit& visit) {
  DAYAQ_TRY(const Own own, own_of(visit));
  const std::string id = visit.form("id");
  for (const auto* list : {&own.held, &own.given}) {
    for (const Relation& one : *list) {
      if (fmt::format("{}", one.id) == id) return one;
    }
  }
  return fail(ErrorKind::not_found, "relation.unknown", "There is no such relation of yours.");
}

Result<Response> end(Visit& visit) {
  DAYAQ_TRY(const Relation relation, named(visit));
  const auto done = visit.web.db.write([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY_OK(
        end_own_relation(db, visit.web.accounts, *visit.session, relation.holder, relation.id, visit.now));
    return {};
  });
  if (!done && done.error().code == "authenticator.fresh") {
    return visit.redirect(fmt::format("/sign-in?fresh=1&then={}", page_path));
  }
  if (!done) return std::unexpected(done.error());
  return visit.redirect(std::string(page_path));
}

Result<Response> act_as(Visit& visit, PersonId whom) {
  DAYAQ_TRY(const SignIn::Acting acting, visit.web.sign_in.act_for(*visit.session, whom, visit.now));
  visit.open_session(acting.token, acting.session);
  return visit.redirect("/my");
}

Result<Response> act(Visit& visit) {
  DAYAQ_TRY(const Relation relation, named(visit));
  if (relation.kind == RelationKind::representative || relation.holder != visit.session->person) {
    return fail(ErrorKind::forbidden, "relation.not_yours", "You don't act for them.");
  }
  return act_as(visit, relation.principal);
}

Result<Response> be_oneself(Visit& visit) {
  return act_as(visit, PersonId());
}

Result<Response> give(Visit& visit) {
  const Accounts& accounts = visit.web.accounts;
  const registry::CountryPack& country = accounts.registry.country;
  DAYAQ_TRY(const auto id, country.national_id_rule().parse(visit.form("national_id")));
  DAYAQ_TRY(const Date last, parse_date(visit.form("until")));
  RelationRequest request{.id = RelationId(accounts.random.next_id()),
                          .kind = RelationKind::mandate,
                          .holder = accounts.registry.person_id(id),
                          .principal = visit.session->person,
                          .organisation = {}};
  request.valid = {.from = visit.now, .until = country.zone().start_of(last + std::chrono::days(1))};
  const auto done = visit.web.db.write([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY_OK(give_mandate(db, accounts, *visit.session, request, visit.now));
    return {};
  });
  if (!done && (done.error().code == "authenticator.fresh" || done.error().code == "relation.assurance")) {
    return visit.redirect(fmt::format("/sign-in?fresh=1&level=substantial&then={}", page_path));
  }
  if (!done) return std::unexpected(done.error());
  return visit.redirect(std::string(page_path));
}

}  // namespace

void add_relation_pages(http::Router& router, const Web& web) {
  constexpr auto pages = std::to_array<SignedInPage>({
      {Method::get, "/my/relations", "page_my_relations", "Who acts for whom.", list},
      {Method::post, "/my/relations/give", "page_my_relations_give", "Gives a mandate.", give},
      {Method::post, "/my/relations/end", "page_my_relations_end", "Ends one.", end},
      {Method::post, "/my/relations/act", "page_my_relations_act", "Acts for somebody.", act},
      {Method::post, "/my/relations/self", "page_my_relations_self", "Acts for oneself again.", be_oneself},
  });
  add_signed_in_pages(router, web, Assurance::low, pages);
}

}  // namespace dayaq::identity::web
