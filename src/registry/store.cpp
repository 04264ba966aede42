#include "registry/store.hpp"

#include "schema_sql.hpp"

namespace dayaq::registry {
namespace {

using store::Param;
using store::Row;
using store::Session;

std::int64_t days(Date date) {
  return date.time_since_epoch().count();
}
Date date_from(std::int64_t days) {
  return Date(std::chrono::days(days));
}
std::int64_t key(PersonId id) {
  return static_cast<std::int64_t>(id.value());
}
std::int64_t key(AttestationId id) {
  return static_cast<std::int64_t>(id.value());
}

Param death_param(const std::optional<Date>& death) {
  if (!death) return nullptr;
  return days(*death);
}
std::optional<Date> death_from(const Row& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return date_from(row.integer(column));
}

template <class Id>
Id id_from(const Row& row, int column) {
  return Id(static_cast<std::uint64_t>(row.integer(column)));
}

SubscriptionView subscription_from(const Row& row, int first) {
  return {static_cast<SubscriptionKind>(row.integer(first + 1)),
          static_cast<OrganisationIndex>(row.integer(first + 2)),
          row.text(first + 3),
          id_from<PersonId>(row, first),
          {from_micros(row.integer(first + 4)), end_from(row, first + 5)}};
}

}  // namespace

std::span<const store::Migration> migrations() {
  static constexpr store::Migration all[] = {{"registry", 1, schema_sql}};
  return all;
}

PersonRow row_of(const Person& person) {
  return {person.id,  person.national_id, person.family_name, person.given_name,
          person.sex, person.birth,       person.death,       person.place};
}

// -- persons

Result<bool> RegistryStore::insert_person(Session& session, const PersonRow& row, Instant since) const {
  DAYAQ_TRY(
      const std::int64_t inserted,
      session.change("INSERT INTO person (bucket, person_id, national_id, family_name, given_name, sex, "
                     "birth, death, place, "
                     "place_since) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
                     {bucket_of(row.id), key(row.id), row.national_id, row.family_name, row.given_name,
                      std::int64_t(row.sex), days(row.birth), death_param(row.death),
                      catalogue_.place_number(row.place), to_micros(since)}));
  return inserted == 1;
}

Result<void> RegistryStore::update_person(Session& session, const PersonRow& row, Instant since) const {
  return session.exec(
      "UPDATE person SET family_name = $3, given_name = $4, sex = $5, birth = $6, death = $7, place = $8, "
      "place_since = $9 WHERE bucket = $1 AND person_id = $2",
      {bucket_of(row.id), key(row.id), row.family_name, row.given_name, std::int64_t(row.sex),
       days(row.birth), death_param(row.death), catalogue_.place_number(row.place), to_micros(since)});
}

Result<std::optional<PersonRecord>> RegistryStore::person(Session& session, PersonId id) const {
  return session.one(
      "SELECT national_id, family_name, given_name, sex, birth, death, place, place_since FROM person "
      "WHERE bucket = $1 AND person_id = $2",
      {bucket_of(id), key(id)}, [&](const Row& row) {
        return PersonRecord{{id, std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)),
                             static_cast<Sex>(row.integer(3)), date_from(row.integer(4)), death_from(row, 5),
                             catalogue_.place(row.integer(6))},
                            from_micros(row.integer(7))};
      });
}

Result<bool> RegistryStore::has_person(Session& session, PersonId id) const {
  DAYAQ_TRY(const auto found, session.one("SELECT 1 FROM person WHERE bucket = $1 AND person_id = $2",
                                          {bucket_of(id), key(id)}, [](const Row&) { return true; }));
  return found.has_value();
}

Result<void> RegistryStore::insert_past_residence(Session& session, PersonId id,
                                                  const Residence& past) const {
  return session.exec(
      "INSERT INTO residence_history (bucket, person_id, from_at, until_at, place) VALUES ($1, $2, $3, $4, "
      "$5)",
      {bucket_of(id), key(id), to_micros(past.period.from), to_micros(past.period.until),
       catalogue_.place_number(past.place)});
}

Result<std::vector<Residence>> RegistryStore::past_residences(Session& session, PersonId id) const {
  std::vector<Residence> out;
  DAYAQ_TRY_OK(
      session.query("SELECT from_at, until_at, place FROM residence_history WHERE bucket = $1 AND person_id "
                    "= $2 ORDER BY from_at",
                    {bucket_of(id), key(id)}, [&](const Row& row) -> Result<bool> {
                      out.push_back({catalogue_.place(row.integer(2)),
                                     {from_micros(row.integer(0)), from_micros(row.integer(1))}});
                      return true;
                    }));
  return out;
}

// -- attestations

/// person_id, attestation_id, status, issuer, valid_from, valid_until, recorded, ended
Attestation RegistryStore::attestation_from(const Row& row, int first) const {
  return {id_from<AttestationId>(row, first + 1),
          id_from<PersonId>(row, first),
          catalogue_.status(row.integer(first + 2)),
          static_cast<OrganisationIndex>(row.integer(first + 3)),
          {from_micros(row.integer(first + 4)), end_from(row, first + 5)},
          from_micros(row.integer(first + 6)),
          end_from(row, first + 7)};
}

Result<std::optional<RegistryStore::AttestationContext>> RegistryStore::attestation_context(
    Session& session, PersonId person, AttestationId id, StatusIndex status, OrganisationIndex issuer) const {
  std::optional<AttestationContext> found;
  DAYAQ_TRY_OK(session.query(
      "SELECT p.death, a.person_id, a.attestation_id, a.status, a.issuer, a.valid_from, a.valid_until, "
      "a.recorded, "
      "a.ended FROM person p LEFT JOIN attestation a ON a.bucket = p.bucket AND a.person_id = p.person_id "
      "AND (a.attestation_id = $3 OR (a.status = $4 AND a.issuer = $5 AND a.ended IS NULL)) "
      "WHERE p.bucket = $1 AND p.person_id = $2",
      {bucket_of(person), key(person), key(id), catalogue_.number(status), std::int64_t(issuer)},
      [&](const Row& row) -> Result<bool> {
        if (!found) found.emplace().death = death_from(row, 0);
        if (row.is_null(1)) return true;
        const Attestation attestation = attestation_from(row, 1);
        if (attestation.id == id) {
          found->same_id = attestation;
        } else {
          found->standing.push_back(attestation);
        }
        return true;
      }));
  return found;
}

Result<bool> RegistryStore::insert_attestation_if_new(Session& session, const Attestation& a) const {
  DAYAQ_TRY(const std::int64_t inserted,
            session.change("INSERT INTO attestation (bucket, person_id, attestation_id, status, issuer, "
                           "valid_from, valid_until, recorded) "
                           "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
                           {bucket_of(a.person), key(a.person), key(a.id), catalogue_.number(a.status),
                            std::int64_t(a.issuer), to_micros(a.valid.from), end_param(a.valid.until),
                            to_micros(a.recorded)}));
  return inserted == 1;
}

Result<void> RegistryStore::insert_attestation(Session& session, const Attestation& a) const {
  return session.exec(
      "INSERT INTO attestation (bucket, person_id, attestation_id, status, issuer, valid_from, valid_until, "
      "recorded) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
      {bucket_of(a.person), key(a.person), key(a.id), catalogue_.number(a.status), std::int64_t(a.issuer),
       to_micros(a.valid.from), end_param(a.valid.until), to_micros(a.recorded)});
}

Result<void> RegistryStore::end_attestation(Session& session, PersonId person, AttestationId id,
                                            Instant ended) const {
  return session.exec(
      "UPDATE attestation SET ended = $4 WHERE bucket = $1 AND person_id = $2 AND attestation_id = $3",
      {bucket_of(person), key(person), key(id), to_micros(ended)});
}

Result<std::optional<Attestation>> RegistryStore::attestation(Session& session, PersonId person,
                                                              AttestationId id) const {
  return session.one(
      "SELECT person_id, attestation_id, status, issuer, valid_from, valid_until, recorded, ended FROM "
      "attestation "
      "WHERE bucket = $1 AND person_id = $2 AND attestation_id = $3",
      {bucket_of(person), key(person), key(id)}, [&](const Row& row) { return attestation_from(row, 0); });
}

Result<std::vector<Attestation>> RegistryStore::attestations_of(Session& session, PersonId person) const {
  std::vector<Attestation> out;
  DAYAQ_TRY_OK(
      session.query("SELECT person_id, attestation_id, status, issuer, valid_from, valid_until, recorded, "
                    "ended FROM attestation "
                    "WHERE bucket = $1 AND person_id = $2 ORDER BY recorded, attestation_id",
                    {bucket_of(person), key(person)}, [&](const Row& row) -> Result<bool> {
                      out.push_back(attestation_from(row, 0));
                      return true;
                    }));
  return out;
}

// -- subscriptions

Result<std::vector<RegistryStore::NumberHolder>> RegistryStore::holders_of(Session& session,
                                                                           SubscriptionKind kind,
                                                                           std::string_view number) const {
  std::vector<NumberHolder> out;
  DAYAQ_TRY_OK(
      session.query("SELECT provider, person_id, valid_from, valid_until FROM subscription_number WHERE kind "
                    "= $1 AND number = $2",
                    {std::int64_t(kind), number}, [&](const Row& row) -> Result<bool> {
                      out.push_back({static_cast<OrganisationIndex>(row.integer(0)),
                                     id_from<PersonId>(row, 1),
                                     {from_micros(row.integer(2)), end_from(row, 3)}});
                      return true;
                    }));
  return out;
}

Result<void> RegistryStore::set_holder(Session& session, const SubscriptionView& s) const {
  return session.exec(
      "INSERT INTO subscription_number (kind, number, provider, person_id, valid_from, valid_until) "
      "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (kind, number, provider) DO UPDATE SET "
      "person_id = excluded.person_id, valid_from = excluded.valid_from, valid_until = excluded.valid_until",
      {std::int64_t(s.kind), s.number, std::int64_t(s.provider), key(s.holder), to_micros(s.valid.from),
       end_param(s.valid.until)});
}

Result<bool> RegistryStore::insert_subscription(Session& session, const SubscriptionView& s) const {
  DAYAQ_TRY(
      const std::int64_t inserted,
      session.change(
          "INSERT INTO subscription (bucket, person_id, kind, provider, number, valid_from, valid_until) "
          "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
          {bucket_of(s.holder), key(s.holder), std::int64_t(s.kind), std::int64_t(s.provider), s.number,
           to_micros(s.valid.from), end_param(s.valid.until)}));
  return inserted == 1;
}

Result<bool> RegistryStore::has_subscription(Session& session, const SubscriptionView& s) const {
  DAYAQ_TRY(
      const auto found,
      session.one(
          "SELECT 1 FROM subscription WHERE bucket = $1 AND person_id = $2 AND kind = $3 AND provider = $4 "
          "AND number = $5 AND valid_from = $6",
          {bucket_of(s.holder), key(s.holder), std::int64_t(s.kind), std::int64_t(s.provider), s.number,
           to_micros(s.valid.from)},
          [](const Row&) { return true; }));
  return found.has_value();
}

Result<void> RegistryStore::end_subscription(Session& session, const SubscriptionView& s) const {
  return session.exec(
      "UPDATE subscription SET valid_until = $7 WHERE bucket = $1 AND person_id = $2 AND kind = $3 AND "
      "provider = $4 "
      "AND number = $5 AND valid_from = $6",
      {bucket_of(s.holder), key(s.holder), std::int64_t(s.kind), std::int64_t(s.provider), s.number,
       to_micros(s.valid.from), end_param(s.valid.until)});
}

Result<std::vector<Subscription>> RegistryStore::subscriptions_of(Session& session, PersonId person) const {
  std::vector<Subscription> out;
  DAYAQ_TRY_OK(
      session.query("SELECT person_id, kind, provider, number, valid_from, valid_until FROM subscription "
                    "WHERE bucket = $1 AND person_id = $2 ORDER BY kind, provider, number, valid_from",
                    {bucket_of(person), key(person)}, [&](const Row& row) -> Result<bool> {
                      const SubscriptionView s = subscription_from(row, 0);
                      out.push_back({s.kind, s.provider, std::string(s.number), s.holder, s.valid});
                      return true;
                    }));
  return out;
}

// -- streams

Result<void> RegistryStore::each_person_core(Session& session, BucketRange range,
                                             const std::function<void(const PersonCore&)>& visit) const {
  return session.query(
      "SELECT person_id, sex, birth, death, place, place_since FROM person WHERE bucket >= $1 AND bucket < "
      "$2 "
      "ORDER BY bucket, person_id",
      {range.from, range.until}, [&](const Row& row) -> Result<bool> {
        visit({id_from<PersonId>(row, 0), static_cast<Sex>(row.integer(1)), date_from(row.integer(2)),
               death_from(row, 3), catalogue_.place(row.integer(4)), from_micros(row.integer(5))});
        return true;
      });
}

Result<void> RegistryStore::each_person(
    Session& session, BucketRange range,
    const std::function<Result<bool>(const PersonRow&, Instant since)>& visit) const {
  return session.query(
      "SELECT person_id, national_id, family_name, given_name, sex, birth, death, place, place_since FROM "
      "person "
      "WHERE bucket >= $1 AND bucket < $2 ORDER BY bucket, person_id",
      {range.from, range.until}, [&](const Row& row) {
        return visit({id_from<PersonId>(row, 0), row.text(1), row.text(2), row.text(3),
                      static_cast<Sex>(row.integer(4)), date_from(row.integer(5)), death_from(row, 6),
                      catalogue_.place(row.integer(7))},
                     from_micros(row.integer(8)));
      });
}

Result<void> RegistryStore::each_attestation(Session& session, BucketRange range, Instant at,
                                             const std::function<void(const Attestation&)>& visit) const {
  return session.query(
      "SELECT person_id, attestation_id, status, issuer, valid_from, valid_until, recorded, ended FROM "
      "attestation "
      "WHERE bucket >= $1 AND bucket < $2 AND (ended IS NULL OR ended > $3) "
      "AND (valid_until IS NULL OR valid_until > $3) ORDER BY bucket, person_id, attestation_id",
      {range.from, range.until, to_micros(at)}, [&](const Row& row) -> Result<bool> {
        visit(attestation_from(row, 0));
        return true;
      });
}

Result<void> RegistryStore::each_attestation_ever(
    Session& session, BucketRange range, const std::function<void(const Attestation&)>& visit) const {
  return session.query(
      "SELECT person_id, attestation_id, status, issuer, valid_from, valid_until, recorded, ended FROM "
      "attestation "
      "WHERE bucket >= $1 AND bucket < $2 ORDER BY bucket, person_id, attestation_id",
      {range.from, range.until}, [&](const Row& row) -> Result<bool> {
        visit(attestation_from(row, 0));
        return true;
      });
}

Result<void> RegistryStore::each_subscription(
    Session& session, BucketRange range, Instant at,
    const std::function<void(const SubscriptionView&)>& visit) const {
  return session.query(
      "SELECT person_id, kind, provider, number, valid_from, valid_until FROM subscription "
      "WHERE bucket >= $1 AND bucket < $2 AND (valid_until IS NULL OR valid_until > $3) "
      "ORDER BY bucket, person_id, kind, provider, number, valid_from",
      {range.from, range.until, to_micros(at)}, [&](const Row& row) -> Result<bool> {
        visit(subscription_from(row, 0));
        return true;
      });
}

Result<void> RegistryStore::each_attestation_named(
    Session& session,
    const std::function<Result<bool>(std::string_view national_id, const Attestation&)>& visit) const {
  return session.query(
      "SELECT p.national_id, a.person_id, a.attestation_id, a.status, a.issuer, a.valid_from, a.valid_until, "
      "a.recorded, a.ended FROM attestation a JOIN person p ON p.bucket = a.bucket AND p.person_id = "
      "a.person_id "
      "WHERE a.ended IS NULL ORDER BY a.bucket, a.person_id, a.attestation_id",
      {}, [&](const Row& row) { return visit(row.text(0), attestation_from(row, 1)); });
}

Result<void> RegistryStore::each_subscription_named(
    Session& session,
    const std::function<Result<bool>(std::string_view national_id, const SubscriptionView&)>& visit) const {
  return session.query(
      "SELECT p.national_id, s.person_id, s.kind, s.provider, s.number, s.valid_from, s.valid_until "
      "FROM subscription s JOIN person p ON p.bucket = s.bucket AND p.person_id = s.person_id "
      "ORDER BY s.bucket, s.person_id, s.kind, s.provider, s.number, s.valid_from",
      {}, [&](const Row& row) { return visit(row.text(0), subscription_from(row, 1)); });
}

Result<std::int64_t> RegistryStore::count_persons(Session& session) const {
  DAYAQ_TRY(const auto count,
            session.one("SELECT count(*) FROM person", {}, [](const Row& row) { return row.integer(0); }));
  return count.value_or(0);
}

// -- settings

Result<std::optional<std::string>> RegistryStore::setting(Session& session, std::string_view name) {
  return session.one("SELECT value FROM setting WHERE name = $1", {name},
                     [](const Row& row) { return std::string(row.text(0)); });
}

Result<void> RegistryStore::set_setting(Session& session, std::string_view name, std::string_view value) {
  return session.exec(
      "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET "
      "value = excluded.value",
      {name, value});
}

}  // namespace dayaq::registry
