#include "identity/oidc/consent.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/jwt_json.hpp"
#include "identity/oidc/authorize_seal.hpp"
#include "registry/country_pack.hpp"

namespace dayaq::identity::oidc {
namespace {

using registry::bucket_of;

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

void merge(std::vector<std::string>& into, const std::vector<std::string>& more) {
  for (const std::string& name : more) {
    if (!has(into, name)) into.push_back(name);
  }
}

void remove(std::vector<std::string>& from, const std::vector<std::string>& what) {
  std::erase_if(from, [&](const std::string& name) { return has(what, name); });
}

std::int64_t number(PersonId person) {
  return static_cast<std::int64_t>(person.value());
}

PersonId person_at(const store::Row& row, int column) {
  return PersonId(static_cast<std::uint64_t>(row.integer(column)));
}

void append_names(std::string& out, std::string_view key, const std::vector<std::string>& names) {
  fmt::format_to(std::back_inserter(out), R"("{}":[)", key);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i != 0) out += ',';
    crypto::append_json_text(out, names[i]);
  }
  out += ']';
}

/// Only the client stands in the leaf; what the person agreed to is personal.
Result<void> note(store::Session& db, const Provider& provider, std::string_view action,
                  const Consent& consent) {
  std::string data = R"({"client":)";
  crypto::append_json_text(data, consent.client);
  data += '}';
  std::string personal = "{";
  append_names(personal, "claims", consent.claims);
  personal += ',';
  append_names(personal, "left_out", consent.left_out);
  personal += ',';
  append_names(personal, "scopes", consent.scopes);
  fmt::format_to(std::back_inserter(personal), R"(,"until":"{}"}})", format_instant(consent.until));
  const bool for_another = consent.acting_for != PersonId();
  DAYAQ_TRY_OK(provider.log.append(db, {.action = action,
                                        .actor = for_another ? "holder" : "self",
                                        .subject = for_another ? consent.acting_for : consent.person,
                                        .data = std::move(data),
                                        .personal = std::move(personal)}));
  return {};
}

Consent read_consent(const store::Row& row) {
  return {.client = std::string(row.text(0)),
          .person = person_at(row, 1),
          .scopes = split_names(row.text(3)),
          .claims = split_names(row.text(4)),
          .left_out = split_names(row.text(5)),
          .acting_for = person_at(row, 2),
          .given = from_micros(row.integer(6)),
          .until = from_micros(row.integer(7))};
}

}  // namespace

Result<std::optional<Consent>> consent_of(store::Session& db, PersonId person, PersonId acting_for,
                                          std::string_view client, Instant now) {
  return db.one(R"(SELECT client, person, acting_for, scopes, claims, left_out, given_at, until_at
                   FROM identity_consent
                   WHERE bucket = $1 AND person = $2 AND client = $3 AND acting_for = $4 AND until_at > $5)",
                {bucket_of(person), number(person), client, number(acting_for), to_micros(now)},
                read_consent);
}

Result<std::vector<Consent>> consents_of(store::Session& db, PersonId person, Instant now) {
  std::vector<Consent> out;
  DAYAQ_TRY_OK(db.query(R"(SELECT client, person, acting_for, scopes, claims, left_out, given_at, until_at
                           FROM identity_consent WHERE bucket = $1 AND person = $2 AND until_at > $3
                           ORDER BY given_at DESC, client)",
                        {bucket_of(person), number(person), to_micros(now)},
                        [&](const store::Row& row) -> Result<bool> {
                          out.push_back(read_consent(row));
                          return true;
                        }));
  return out;
}

bool covers(const Consent& consent, const std::vector<std::string>& scopes,
            const std::vector<ClaimWish>& claims) {
  const auto answered = [&](const std::string& name) { return has(consent.left_out, name); };
  return std::ranges::all_of(scopes,
                             [&](const std::string& s) { return has(consent.scopes, s) || answered(s); }) &&
         std::ranges::all_of(claims, [&](const ClaimWish& wish) {
           // A claim that has become essential is asked again, though it was left out.
           return has(consent.claims, wish.name) || (!wish.essential && answered(wish.name));
         });
}

Result<void> record_consent(store::Session& db, const Provider& provider, Consent consent, Instant now) {
  DAYAQ_TRY(const auto before, consent_of(db, consent.person, consent.acting_for, consent.client, now));
  if (before) {
    // What was left out before and is asked for again now is decided anew.
    std::vector<std::string> left_out = before->left_out;
    remove(left_out, consent.scopes);
    remove(left_out, consent.claims);
    merge(consent.scopes, before->scopes);
    merge(consent.claims, before->claims);
    remove(consent.scopes, consent.left_out);
    remove(consent.claims, consent.left_out);
    merge(consent.left_out, left_out);
  }
  consent.given = now;
  consent.until = now + consent_life;
  const std::string scopes = join_names(consent.scopes), claims = join_names(consent.claims),
                    left_out = join_names(consent.left_out);
  DAYAQ_TRY_OK(db.exec(
      R"(INSERT INTO identity_consent (bucket, person, client, acting_for, scopes, claims, left_out, given_at,
                                       until_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (bucket, person, client, acting_for) DO UPDATE SET scopes = excluded.scopes,
           claims = excluded.claims, left_out = excluded.left_out, given_at = excluded.given_at,
           until_at = excluded.until_at)",
      {bucket_of(consent.person), number(consent.person), consent.client, number(consent.acting_for), scopes,
       claims, left_out, to_micros(consent.given), to_micros(consent.until)}));
  return note(db, provider, "identity.consent", consent);
}

Result<void> withdraw(store::Session& db, const Provider& provider, PersonId person, std::string_view client,
                      Instant now) {
  DAYAQ_TRY(std::vector<Consent> all, consents_of(db, person, now));
  std::erase_if(all, [&](const Consent& consent) { return consent.client != client; });
  if (all.empty()) {
    return fail(ErrorKind::not_found, "consent.unknown", "There is no such consent, or it has ended.");
  }
  DAYAQ_TRY_OK(db.exec("DELETE FROM identity_consent WHERE bucket = $1 AND person = $2 AND client = $3",
                       {bucket_of(person), number(person), client}));
  // What was agreed to on another screen and not fetched yet isn't fetched any more.
  DAYAQ_TRY_OK(db.exec("UPDATE identity_device SET state = 2 WHERE person = $1 AND client = $2 AND state = 1",
                       {number(person), client}));
  DAYAQ_TRY_OK(db.exec("UPDATE identity_ciba SET state = 2 WHERE person = $1 AND client = $2 AND state = 1",
                       {number(person), client}));
  // Those too whose code hasn't been redeemed yet: it isn't any more.
  std::vector<GrantId> grants;
  DAYAQ_TRY_OK(db.query(R"(SELECT grant_id FROM oidc_grant
                           WHERE bucket = $1 AND person_id = $2 AND client_id = $3 AND ended IS NULL)",
                        {bucket_of(person), number(person), client},
                        [&](const store::Row& row) -> Result<bool> {
                          grants.emplace_back(static_cast<std::uint64_t>(row.integer(0)));
                          return true;
                        }));
  for (const GrantId grant : grants) DAYAQ_TRY_OK(end_grant(db, provider, person, grant, now));
  for (const Consent& consent : all) {
    DAYAQ_TRY_OK(note(db, provider, "identity.consent_withdrawn", consent));
  }
  return {};
}

Agreed without(const std::vector<std::string>& scopes, const std::vector<ClaimWish>& claims,
               const std::vector<std::string>& left_out) {
  Agreed out{.scopes = scopes, .claims = claims};
  std::erase_if(out.scopes, [&](const std::string& scope) { return has(left_out, scope); });
  std::erase_if(out.claims, [&](const ClaimWish& wish) { return has(left_out, wish.name); });
  return out;
}

std::vector<std::string> optional_claims(const std::vector<std::string>& scopes,
                                         const std::vector<ClaimWish>& claims) {
  std::vector<std::string> out;
  for (const ClaimWish& wish : claims) {
    if (!wish.essential) out.push_back(wish.name);
  }
  for (const std::string& scope : scopes) {
    const bool essential = std::ranges::any_of(
        claims, [&](const ClaimWish& wish) { return wish.name == scope && wish.essential; });
    if (scope.starts_with("status:") && !essential && !has(out, scope)) out.push_back(scope);
  }
  return out;
}

Grant grant_of(const Provider& provider, const Client& client, const Session& session, Agreed agreed,
               Instant now) {
  const bool offline = has(agreed.scopes, "offline_access");
  return {.id = GrantId(provider.random.next_id()),
          .client = client.id,
          .person = session.person,
          .acting_for = session.acting_for,
          .session = offline ? SessionId() : session.id,
          .signed_in = session.id,
          .authenticated = session.authenticated,
          .assurance = session.assurance,
          .methods = session.methods,
          .scopes = std::move(agreed.scopes),
          .claims = std::move(agreed.claims),
          .nonce = {},
          .jkt = {},
          .expires = offline ? now + provider.lifetimes.refresh_token : session.expires};
}

}  // namespace dayaq::identity::oidc
