#include "identity/account/relations.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "http/encoding.hpp"
#include "identity/account/accounts_store.hpp"
#include "identity/account/notices.hpp"

namespace dayaq::identity {
namespace {

using http::json_string;
using registry::bucket_of;
using registry::end_from;
using registry::end_param;
using store::Row;

constexpr int of_age = 18;  // Family Code of Azerbaijan, Article 49: guardianship ends with full age

/// relation_id, kind, principal, organisation, scope, valid_from, valid_until, ended, recorded_by
Relation relation_from(const Row& row, PersonId holder) {
  return {.id = id_from<RelationId>(row, 0),
          .kind = static_cast<RelationKind>(row.integer(1)),
          .holder = holder,
          .principal = id_from<PersonId>(row, 2),
          .organisation = OrganisationCode(std::string(row.text(3))),
          .scope = std::string(row.text(4)),
          .valid = {from_micros(row.integer(5)), end_from(row, 6)},
          .ended = end_from(row, 7),
          .recorded_by = std::string(row.text(8))};
}

Result<std::optional<Relation>> relation_of(store::Session& db, PersonId holder, RelationId id) {
  return db.one(
      "SELECT relation_id, kind, principal, organisation, scope, valid_from, valid_until, ended, recorded_by "
      "FROM relation WHERE bucket = $1 AND person_id = $2 AND relation_id = $3",
      {bucket_of(holder), sql_key(holder), sql_key(id)},
      [&](const Row& row) { return relation_from(row, holder); });
}

Result<void> insert_relation(store::Session& db, const Relation& r, Instant now) {
  DAYAQ_TRY_OK(db.exec(
      "INSERT INTO relation (bucket, person_id, relation_id, kind, principal, organisation, scope, "
      "valid_from, valid_until, recorded, recorded_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
      {bucket_of(r.holder), sql_key(r.holder), sql_key(r.id), std::int64_t(r.kind), sql_key(r.principal),
       r.organisation.value(), r.scope, to_micros(r.valid.from), end_param(r.valid.until), to_micros(now),
       r.recorded_by}));
  if (r.kind == RelationKind::representative) {
    return db.exec(
        "INSERT INTO relation_of_organisation (organisation, relation_id, holder) VALUES ($1, $2, $3)",
        {r.organisation.value(), sql_key(r.id), sql_key(r.holder)});
  }
  return db.exec(
      "INSERT INTO relation_of_principal (bucket, person_id, relation_id, holder) VALUES ($1, $2, $3, $4)",
      {bucket_of(r.principal), sql_key(r.principal), sql_key(r.id), sql_key(r.holder)});
}

std::unexpected<Error> unknown() {
  return fail(ErrorKind::not_found, "relation.unknown", "There is no such right to act for another.");
}

/// Somebody whom the registry knows, alive.
Result<registry::Person> living(store::Session& db, const Accounts& accounts, PersonId id) {
  DAYAQ_TRY(auto record, accounts.persons.person(db, id));
  if (!record) return fail(ErrorKind::not_found, "registry.person", "Nobody has this id.");
  if (record->person.death) {
    return fail(ErrorKind::invalid_input, "registry.deceased", "This person has died.");
  }
  return std::move(record->person);
}

Result<void> check_request(store::Session& db, const Accounts& accounts, const RelationRequest& r,
                           Instant now) {
  DAYAQ_TRY_OK(living(db, accounts, r.holder));
  if (r.kind == RelationKind::representative) {
    if (!accounts.registry.organisations.find(r.organisation.value())) {
      return fail(ErrorKind::not_found, "registry.organisation", "There is no such organisation.");
    }
  } else {
    if (r.holder == r.principal) {
      return fail_field("relation.self", "holder", "Nobody needs a right to act for themself.");
    }
    DAYAQ_TRY_OK(living(db, accounts, r.principal));
  }
  if (r.scope != "all" && !is_code(r.scope)) {
    return fail_field("relation.scope", "scope", "The scope is \"all\" or a service's code.");
  }
  const bool endless = r.valid.until == instant_max;
  const bool too_long =
      r.kind == RelationKind::mandate && (endless || r.valid.until - r.valid.from > mandate_max);
  if (r.valid.empty() || r.valid.from == instant_min || r.valid.until <= now || too_long) {
    return fail_field("relation.period", "valid",
                      "Give a period that has not passed; a mandate lasts three years at most.");
  }
  return {};
}

/// Both sides see it in their own list of entries, and are told.
Result<void> tell_both(store::Session& db, const Accounts& accounts, const Relation& relation,
                       std::string_view action, const std::string& actor, const std::string& basis,
                       Notice notice, Instant now) {
  const std::string personal = fmt::format(
      R"({{"basis":{},"holder":"{}","principal":"{}","relation":"{}","scope":{}}})", json_string(basis),
      relation.holder, relation.principal, relation.id, json_string(relation.scope));
  const std::string data = relation.kind == RelationKind::representative
                               ? fmt::format(R"({{"kind":"{}","organisation":{}}})", to_string(relation.kind),
                                             json_string(relation.organisation.value()))
                               : fmt::format(R"({{"kind":"{}"}})", to_string(relation.kind));
  for (const PersonId subject : {relation.holder, relation.principal}) {
    if (subject == PersonId()) continue;
    DAYAQ_TRY_OK(accounts.log.append(
        db, {.action = action, .actor = actor, .subject = subject, .data = data, .personal = personal}));
    DAYAQ_TRY(const auto account, account_of(db, subject));
    if (account && account->state == AccountState::active) {
      DAYAQ_TRY_OK(notify(db, accounts, *account, notice, {std::string(to_string(relation.kind))}, now));
    }
  }
  return {};
}

Result<Relation> put_relation(store::Session& db, const Accounts& accounts, const RelationRequest& request,
                              const RecordedBy& by, Instant now) {
  DAYAQ_TRY_OK(check_request(db, accounts, request, now));
  const bool of_person = request.kind != RelationKind::representative;
  Period valid = request.valid;
  if (request.kind == RelationKind::guardian) {
    // Of a child: until they are of age, on the first instant of that day. Of an adult: as the court says.
    DAYAQ_TRY(const registry::Person ward, living(db, accounts, request.principal));
    const Zone& zone = accounts.registry.country.zone();
    const Instant adult = zone.start_of(birthday(ward.birth, of_age));
    if (now < adult) valid.until = std::min(valid.until, adult);
  }
  const Relation relation{.id = request.id,
                          .kind = request.kind,
                          .holder = request.holder,
                          .principal = of_person ? request.principal : PersonId(),
                          .organisation = of_person ? OrganisationCode() : request.organisation,
                          .scope = request.scope,
                          .valid = valid,
                          .ended = instant_max,
                          .recorded_by = by.actor};
  DAYAQ_TRY(const auto known, relation_of(db, request.holder, request.id));
  if (known) {
    const bool same = known->kind == relation.kind && known->principal == relation.principal &&
                      known->organisation == relation.organisation && known->scope == relation.scope &&
                      known->valid == relation.valid;
    if (same) return *known;
    return fail(ErrorKind::conflict, "relation.id", "This id stands for another relation. Take a new one.");
  }
  DAYAQ_TRY_OK(insert_relation(db, relation, now));
  DAYAQ_TRY_OK(tell_both(db, accounts, relation, "identity.relation.record", by.actor, by.basis,
                         Notice::relation_recorded, now));
  return relation;
}

/// The holder's sessions that act for the principal, unless another relation still allows it.
Result<void> end_sessions_under(store::Session& db, const Accounts& accounts, const Relation& relation,
                                Instant now) {
  if (relation.principal == PersonId()) return {};
  DAYAQ_TRY(const auto another,
            standing_relation(db, accounts, relation.holder, relation.principal, "", now));
  if (another) return {};
  DAYAQ_TRY(const auto live, accounts.sessions.of(db, relation.holder, now));
  for (const Session& one : live) {
    if (one.acting_for != relation.principal) continue;
    DAYAQ_TRY_OK(accounts.sessions.end(db, relation.holder, one.id, now));
  }
  return {};
}

}  // namespace

Result<Relation> record_relation(store::Session& db, const Accounts& accounts, const RelationRequest& request,
                                 const RecordedBy& by, Instant now) {
  if (by.basis.size() < 3 || by.basis.size() > 120 || !is_utf8(by.basis)) {
    return fail_field("relation.basis", "basis", "Name in 3 to 120 bytes the document that it stands on.");
  }
  return put_relation(db, accounts, request, by, now);
}

Result<Relation> give_mandate(store::Session& db, const Accounts& accounts, const Session& session,
                              RelationRequest request, Instant now) {
  DAYAQ_TRY_OK(check_fresh(session, now));
  DAYAQ_TRY_OK(account_in_force(db, session.person));
  if (session.assurance < Assurance::substantial) {
    return fail(ErrorKind::forbidden, "relation.assurance",
                "Giving somebody your mandate needs a surer sign-in: a passkey, your phone or your card.");
  }
  request.kind = RelationKind::mandate;
  request.principal = session.person;
  return put_relation(db, accounts, request, {.actor = "self", .basis = ""}, now);
}

Result<Relation> end_relation(store::Session& db, const Accounts& accounts, PersonId holder, RelationId id,
                              const std::string& actor, Instant now) {
  DAYAQ_TRY(auto relation, relation_of(db, holder, id));
  if (!relation) return unknown();
  if (relation->ended <= now) return *relation;
  relation->ended = now;
  DAYAQ_TRY_OK(
      db.exec("UPDATE relation SET ended = $4 WHERE bucket = $1 AND person_id = $2 AND relation_id = $3",
              {bucket_of(holder), sql_key(holder), sql_key(id), to_micros(now)}));
  DAYAQ_TRY_OK(end_sessions_under(db, accounts, *relation, now));
  DAYAQ_TRY_OK(
      tell_both(db, accounts, *relation, "identity.relation.end", actor, "", Notice::relation_ended, now));
  return *relation;
}

Result<Relation> end_own_relation(store::Session& db, const Accounts& accounts, const Session& session,
                                  PersonId holder, RelationId id, Instant now) {
  DAYAQ_TRY(const auto relation, relation_of(db, holder, id));
  const bool theirs = relation && session.acting_for == PersonId() &&
                      (relation->holder == session.person || relation->principal == session.person);
  if (!theirs) return unknown();
  return end_relation(db, accounts, holder, id, "self", now);
}

Result<std::vector<Relation>> relations_held(store::Session& db, PersonId holder) {
  std::vector<Relation> out;
  DAYAQ_TRY_OK(db.query(
      "SELECT relation_id, kind, principal, organisation, scope, valid_from, valid_until, ended, recorded_by "
      "FROM relation WHERE bucket = $1 AND person_id = $2 ORDER BY recorded DESC, relation_id",
      {bucket_of(holder), sql_key(holder)}, [&](const Row& row) -> Result<bool> {
        out.push_back(relation_from(row, holder));
        return true;
      }));
  return out;
}

namespace {

/// Each row: relation_id, holder.
Result<std::vector<Relation>> from_other_side(store::Session& db,
                                              const std::vector<std::pair<RelationId, PersonId>>& keys) {
  std::vector<Relation> out;
  for (const auto& [id, holder] : keys) {
    DAYAQ_TRY(auto relation, relation_of(db, holder, id));
    if (relation) out.push_back(*std::move(relation));
  }
  std::ranges::sort(out, [](const Relation& a, const Relation& b) { return a.valid.from > b.valid.from; });
  return out;
}

}  // namespace

Result<std::vector<Relation>> relations_for(store::Session& db, PersonId principal) {
  std::vector<std::pair<RelationId, PersonId>> keys;
  DAYAQ_TRY_OK(
      db.query("SELECT relation_id, holder FROM relation_of_principal WHERE bucket = $1 AND person_id = $2",
               {bucket_of(principal), sql_key(principal)}, [&](const Row& row) -> Result<bool> {
                 keys.emplace_back(id_from<RelationId>(row, 0), id_from<PersonId>(row, 1));
                 return true;
               }));
  return from_other_side(db, keys);
}

Result<std::vector<Relation>> representatives_of(store::Session& db, const OrganisationCode& organisation) {
  std::vector<std::pair<RelationId, PersonId>> keys;
  DAYAQ_TRY_OK(db.query("SELECT relation_id, holder FROM relation_of_organisation WHERE organisation = $1",
                        {organisation.value()}, [&](const Row& row) -> Result<bool> {
                          keys.emplace_back(id_from<RelationId>(row, 0), id_from<PersonId>(row, 1));
                          return true;
                        }));
  return from_other_side(db, keys);
}

Result<std::optional<Relation>> standing_relation(store::Session& db, const Accounts& accounts,
                                                  PersonId holder, PersonId principal, std::string_view scope,
                                                  Instant now) {
  if (principal == PersonId()) return std::optional<Relation>();
  DAYAQ_TRY(const auto held, relations_held(db, holder));
  for (const Relation& one : held) {
    const bool fits = scope.empty() || one.scope == "all" || one.scope == scope;
    if (one.kind == RelationKind::representative || one.principal != principal || !fits) continue;
    if (one.stands_at(now)) {
      DAYAQ_TRY(const auto record, accounts.persons.person(db, principal));
      if (record && !record->person.death) return std::optional(one);
    }
  }
  return std::optional<Relation>();
}

Result<bool> may_go_on(store::Session& db, const Accounts& accounts, const Session& session, Instant now) {
  if (session.acting_for == PersonId()) return true;
  DAYAQ_TRY(const auto relation,
            standing_relation(db, accounts, session.person, session.acting_for, "", now));
  return relation.has_value();
}

Result<std::optional<Relation>> standing_representation(store::Session& db, PersonId holder,
                                                        const OrganisationCode& organisation,
                                                        std::string_view scope, Instant now) {
  DAYAQ_TRY(const auto held, relations_held(db, holder));
  for (const Relation& one : held) {
    const bool fits = scope.empty() || one.scope == "all" || one.scope == scope;
    const bool theirs = one.kind == RelationKind::representative && one.organisation == organisation;
    if (theirs && fits && one.stands_at(now)) return std::optional(one);
  }
  return std::optional<Relation>();
}

Result<void> end_relations_of(store::Session& db, const Accounts& accounts, PersonId person, Instant now) {
  DAYAQ_TRY(auto all, relations_held(db, person));
  DAYAQ_TRY(const auto others, relations_for(db, person));
  all.insert(all.end(), others.begin(), others.end());
  for (const Relation& one : all) {
    if (one.ended > now) DAYAQ_TRY_OK(end_relation(db, accounts, one.holder, one.id, "system", now));
  }
  return {};
}

}  // namespace dayaq::identity
