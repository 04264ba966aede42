#include "identity/oidc/grants.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "crypto/jwt.hpp"
#include "identity/oidc/token_state.hpp"
#include "identity_oidc_schema_sql.hpp"
#include "registry/country_pack.hpp"
#include "registry/store.hpp"

namespace dayaq::identity::oidc {
namespace {

using registry::bucket_of;

std::int64_t number(std::uint64_t id) {
  return static_cast<std::int64_t>(id);
}

// A claim that was asked for: its flags as a digit, then its name.
std::string text_of(const ClaimWish& wish) {
  return fmt::format(
      "{}{}", (wish.essential ? 1 : 0) | (wish.in_id_token ? 2 : 0) | (wish.in_userinfo ? 4 : 0), wish.name);
}

ClaimWish wish_of(std::string_view text) {
  DAYAQ_ASSERT(text.size() > 1 && text[0] >= '0' && text[0] <= '7');
  const int flags = text[0] - '0';
  return {std::string(text.substr(1)), (flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0};
}

std::string detail_of(const Grant& grant, std::string_view redirect_uri, std::string_view challenge) {
  std::vector<std::string> claims;
  for (const ClaimWish& wish : grant.claims) claims.push_back(text_of(wish));
  crypto::ClaimsWriter out;
  if (grant.acting_for != PersonId()) out.text("acting_for", fmt::format("{}", grant.acting_for));
  out.number("assurance", std::int64_t(grant.assurance));
  out.number("at", to_micros(grant.authenticated));
  if (!challenge.empty()) out.text("challenge", challenge);
  if (!claims.empty()) out.texts("claims", claims);
  out.number("methods", grant.methods.bits());
  if (!grant.nonce.empty()) out.text("nonce", grant.nonce);
  if (!redirect_uri.empty()) out.text("redirect_uri", redirect_uri);
  out.texts("scopes", grant.scopes);
  if (grant.session == SessionId() && grant.signed_in != SessionId())
    out.text("signed_in", fmt::format("{}", grant.signed_in));
  return out.finish();
}

Result<void> read_detail(std::string_view text, StoredGrant& out) {
  DAYAQ_TRY(const auto json, crypto::JsonObject::parse_view(text));
  Grant& grant = out.grant;
  if (const auto person = json.text("acting_for")) {
    std::uint64_t id = 0;
    std::from_chars(person->data(), person->data() + person->size(), id);
    grant.acting_for = PersonId(id);
  }
  grant.assurance = static_cast<Assurance>(json.integer("assurance").value_or(0));
  grant.authenticated = from_micros(json.integer("at").value_or(0));
  out.code_challenge = json.text("challenge").value_or("");
  const auto wishes = json.texts("claims").value_or(std::vector<std::string>());
  for (const std::string& wish : wishes) grant.claims.push_back(wish_of(wish));
  grant.methods = Methods(static_cast<std::uint16_t>(json.integer("methods").value_or(0)));
  grant.nonce = json.text("nonce").value_or("");
  out.redirect_uri = json.text("redirect_uri").value_or("");
  grant.scopes = json.texts("scopes").value_or(std::vector<std::string>());
  grant.signed_in = grant.session;
  if (const auto session = json.text("signed_in")) {
    std::uint64_t id = 0;
    std::from_chars(session->data(), session->data() + session->size(), id);
    grant.signed_in = SessionId(id);
  }
  return {};
}

constexpr int columns_before_detail = 10;
Result<StoredGrant> stored_from(const store::Row& row, PersonId person) {
  StoredGrant out;
  Grant& grant = out.grant;
  grant.person = person;
  grant.id = GrantId(static_cast<std::uint64_t>(row.integer(0)));
  grant.client = row.text(1);
  grant.session = SessionId(static_cast<std::uint64_t>(row.integer(2)));
  grant.expires = from_micros(row.integer(3));
  out.ended = registry::end_from(row, 4);
  out.redeemed = !row.is_null(5);
  out.code_until = from_micros(row.integer(6));
  out.generation = static_cast<std::uint64_t>(row.integer(7));
  out.rotated = from_micros(row.integer(8));
  grant.jkt = row.text(9);
  DAYAQ_TRY_OK(read_detail(row.text(columns_before_detail), out));
  return out;
}

Result<void> insert(store::Session& db, const CodeRequest& request, Instant code_until,
                    std::uint64_t generation, std::optional<Instant> redeemed) {
  const Grant& grant = request.grant;
  DAYAQ_ASSERT(grant.id != GrantId() && grant.person != PersonId() && !grant.client.empty());
  const std::string detail = detail_of(grant, request.redirect_uri, request.code_challenge);
  return db.exec(
      "INSERT INTO oidc_grant (bucket, person_id, grant_id, client_id, session_id, expires, ended, redeemed, "
      "code_until, generation, rotated, jkt, detail) VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, $8, $9, $10, "
      "$11, $12)",
      {bucket_of(grant.person), number(grant.person.value()), number(grant.id.value()),
       std::string_view(grant.client), number(grant.session.value()), to_micros(grant.expires),
       redeemed ? store::Param(to_micros(*redeemed)) : store::Param(nullptr), to_micros(code_until),
       number(generation), redeemed ? to_micros(*redeemed) : 0, std::string_view(grant.jkt),
       std::string_view(detail)});
}

/// Until the last access token that could stand on it has expired, and the clocks' differences.
Instant revoked_until(const Provider& provider, Instant now) {
  return now + provider.lifetimes.access_token + std::chrono::minutes(1);
}

Result<void> revoke(store::Session& db, const Provider& provider, std::uint64_t id, Instant until) {
  DAYAQ_TRY_OK(db.exec("INSERT INTO oidc_revoked (id, until_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
                       {number(id), to_micros(until)}));
  provider.tokens->stage_revoked(id, until);
  return {};
}

}  // namespace

std::span<const store::Migration> migrations() {
  static constexpr store::Migration all[] = {{"identity_oidc", 1, schema_sql}};
  return all;
}

std::string draw_code(const Provider& provider, const Grant& grant) {
  DAYAQ_ASSERT(grant.id != GrantId() && grant.person != PersonId());
  return write_handle(provider.tokens->keys(provider.master).handles,
                      {HandleKind::code, grant.person, grant.id, 0});
}

Result<void> issue_code(store::Session& db, const Provider& provider, const CodeRequest& request,
                        std::string_view code, Instant now) {
  DAYAQ_ASSERT(code == draw_code(provider, request.grant));
  return insert(db, request, std::min(now + provider.lifetimes.code, request.grant.expires), 0, std::nullopt);
}

Result<void> open_grant(store::Session& db, const Grant& grant, std::uint64_t generation, Instant now) {
  return insert(db, {grant, {}, {}}, from_micros(0), generation, now);
}

Result<std::optional<StoredGrant>> grant_row(store::Session& db, PersonId person, GrantId id) {
  std::optional<StoredGrant> out;
  DAYAQ_TRY_OK(
      db.query("SELECT grant_id, client_id, session_id, expires, ended, redeemed, code_until, generation, "
               "rotated, jkt, detail "
               "FROM oidc_grant WHERE bucket = $1 AND person_id = $2 AND grant_id = $3",
               {bucket_of(person), number(person.value()), number(id.value())},
               [&](const store::Row& row) -> Result<bool> {
                 DAYAQ_TRY(out, stored_from(row, person));
                 return false;
               }));
  return out;
}

Result<bool> redeem_code(store::Session& db, const Provider& provider, const Grant& grant,
                         std::string_view jkt, std::uint64_t generation, Instant now) {
  DAYAQ_TRY(
      const std::int64_t changed,
      db.change(
          "UPDATE oidc_grant SET redeemed = $4, rotated = $4, jkt = $5, generation = $6 WHERE bucket = $1 "
          "AND person_id = $2 AND grant_id = $3 AND redeemed IS NULL AND ended IS NULL AND code_until > $4",
          {bucket_of(grant.person), number(grant.person.value()), number(grant.id.value()), to_micros(now),
           jkt, number(generation)}));
  if (changed == 1) return true;
  DAYAQ_TRY(const auto row, grant_row(db, grant.person, grant.id));
  if (row && row->redeemed && row->ended == instant_max) {
    DAYAQ_TRY_OK(end_grant(db, provider, grant.person, grant.id, now));
  }
  return false;
}

Result<bool> rotate_refresh(store::Session& db, const Provider& provider, PersonId person, GrantId id,
                            std::uint64_t generation, Instant now) {
  DAYAQ_TRY(const auto row, grant_row(db, person, id));
  if (!row || !row->live_at(now) || generation > row->generation) return false;
  if (generation == row->generation) {
    DAYAQ_TRY_OK(
        db.exec("UPDATE oidc_grant SET generation = $4, rotated = $5 WHERE bucket = $1 AND person_id = $2 "
                "AND grant_id = $3",
                {bucket_of(person), number(person.value()), number(id.value()), number(generation + 1),
                 to_micros(now)}));
    return true;
  }
  const bool retried =
      generation + 1 == row->generation && now < row->rotated + provider.lifetimes.refresh_retry;
  if (retried) return true;
  DAYAQ_TRY_OK(end_grant(db, provider, person, id, now));
  return false;
}

Result<void> end_grant(store::Session& db, const Provider& provider, PersonId person, GrantId id,
                       Instant now) {
  DAYAQ_TRY_OK(
      db.exec("UPDATE oidc_grant SET ended = $4 WHERE bucket = $1 AND person_id = $2 AND grant_id = $3 "
              "AND ended IS NULL",
              {bucket_of(person), number(person.value()), number(id.value()), to_micros(now)}));
  return revoke(db, provider, id.value(), revoked_until(provider, now));
}

Result<void> revoke_access_token(store::Session& db, const Provider& provider, std::uint64_t id,
                                 Instant expires) {
  return revoke(db, provider, id, expires + std::chrono::minutes(1));
}

Result<void> end_grants_of_session(store::Session& db, const Provider& provider, const Session& session,
                                   Instant now) {
  std::vector<GrantId> found;
  DAYAQ_TRY_OK(
      db.query("SELECT grant_id FROM oidc_grant WHERE bucket = $1 AND person_id = $2 AND session_id = $3 "
               "AND ended IS NULL",
               {bucket_of(session.person), number(session.person.value()), number(session.id.value())},
               [&](const store::Row& row) -> Result<bool> {
                 found.emplace_back(static_cast<std::uint64_t>(row.integer(0)));
                 return true;
               }));
  for (const GrantId id : found) DAYAQ_TRY_OK(end_grant(db, provider, session.person, id, now));
  return {};
}

Result<void> end_grants_of_person(store::Session& db, const Provider& provider, PersonId person,
                                  Instant now) {
  std::vector<GrantId> found;
  DAYAQ_TRY_OK(
      db.query("SELECT grant_id FROM oidc_grant WHERE bucket = $1 AND person_id = $2 AND ended IS NULL",
               {bucket_of(person), number(person.value())}, [&](const store::Row& row) -> Result<bool> {
                 found.emplace_back(static_cast<std::uint64_t>(row.integer(0)));
                 return true;
               }));
  for (const GrantId id : found) DAYAQ_TRY_OK(end_grant(db, provider, person, id, now));
  return {};
}

Result<std::vector<Grant>> grants_of(store::Session& db, PersonId person, Instant now) {
  std::vector<std::pair<Instant, Grant>> found;
  DAYAQ_TRY_OK(db.query(
      "SELECT grant_id, client_id, session_id, expires, ended, redeemed, code_until, generation, rotated, "
      "jkt, detail "
      "FROM oidc_grant WHERE bucket = $1 AND person_id = $2 AND ended IS NULL AND redeemed IS NOT NULL",
      {bucket_of(person), number(person.value())}, [&](const store::Row& row) -> Result<bool> {
        DAYAQ_TRY(StoredGrant stored, stored_from(row, person));
        if (stored.live_at(now)) found.emplace_back(from_micros(row.integer(5)), std::move(stored.grant));
        return true;
      }));
  std::ranges::sort(found, std::greater(), &std::pair<Instant, Grant>::first);
  std::vector<Grant> out;
  for (auto& [redeemed, grant] : found) out.push_back(std::move(grant));
  return out;
}

/// How many tokens programs were given since the last entry.
static Result<void> note_issued(store::Session& db, const Provider& provider) {
  auto counts = provider.tokens->issued();
  std::ranges::sort(counts);
  for (const auto& [id, count] : counts) {
    const auto client = provider.clients.find(id);
    DAYAQ_TRY_OK(provider.log.append(
        db, {.action = "client.tokens",
             .actor = client ? fmt::format("org:{}/client:{}", client->organisation, id) : "system",
             .subject = std::nullopt,
             .data = fmt::format(R"({{"client":"{}","count":{}}})", id, count),
             .personal = ""}));
  }
  provider.tokens->stage_counted(counts);
  return {};
}

store::CommitHook& token_hook(const Provider& provider) {
  return *provider.tokens;
}

Result<void> start_tokens(store::Session& db, const Provider& provider, Instant now) {
  provider.tokens->start(now);
  return db.query("SELECT id, until_at FROM oidc_revoked WHERE until_at > $1", {to_micros(now)},
                  [&](const store::Row& row) -> Result<bool> {
                    provider.tokens->load_revoked(static_cast<std::uint64_t>(row.integer(0)),
                                                  from_micros(row.integer(1)));
                    return true;
                  });
}

Result<void> sweep_tokens(store::Session& db, const Provider& provider, Instant now, std::int64_t bucket) {
  // A grant is kept a day longer than it stands, so that a replay is still known as one.
  DAYAQ_TRY_OK(db.exec("DELETE FROM oidc_grant WHERE bucket = $1 AND expires < $2",
                       {bucket, to_micros(now - std::chrono::hours(24))}));
  // A code that nobody redeemed.
  DAYAQ_TRY_OK(db.exec("DELETE FROM oidc_grant WHERE bucket = $1 AND redeemed IS NULL AND code_until < $2",
                       {bucket, to_micros(now - std::chrono::hours(1))}));
  DAYAQ_TRY_OK(db.exec("DELETE FROM oidc_revoked WHERE until_at < $1", {to_micros(now)}));
  provider.tokens->forget_revoked(now);
  return bucket == 0 ? note_issued(db, provider) : Result<void>();
}

}  // namespace dayaq::identity::oidc
