#include "identity/oidc/authorize_decision.hpp"

#include <algorithm>

#include "identity/account/sealed.hpp"
#include "identity/oidc/authorize_seal.hpp"
#include "identity/oidc/ciba.hpp"
#include "identity/oidc/consent.hpp"

namespace dayaq::identity::oidc {
namespace {

enum RowState : std::int64_t { pending = 0, granted = 1, refused = 2, used = 3 };

}  // namespace

PollRow read_poll_row(const store::Row& row) {
  return {.state = row.integer(0),
          .interval_s = row.integer(1),
          .polled = from_micros(row.integer(2)),
          .until = from_micros(row.integer(3)),
          .decision = Bytes(row.blob(4).begin(), row.blob(4).end())};
}

Result<PollStep> next_poll(const std::optional<PollRow>& row, Instant now) {
  if (!row || row->state == used) {
    return refuse("oauth.invalid_grant", "The code is unknown, another client's, or was used.");
  }
  PollStep step{.poll = {}, .row = *row};
  step.row.polled = now;
  // A decision that came in time is given also a little later: the client asks only every few seconds.
  if (row->state == granted) {
    auto grant = decode_grant(row->decision);
    if (!grant) return fail(ErrorKind::internal, "oauth.server_error", "Something went wrong here.");
    step.poll = {.state = Poll::State::granted, .grant = std::move(*grant)};
    step.row.state = used;
    return step;
  }
  if (row->state == refused) {
    step.poll.state = Poll::State::denied;
    return step;
  }
  if (now >= row->until) {
    step.poll.state = Poll::State::expired;
    return step;
  }
  // RFC 8628 section 3.5, slow_down: "the interval MUST be increased by 5 seconds for this and all subsequent
  // requests". Half a second is given for networks that bunch requests.
  const bool too_soon =
      row->polled != from_micros(0) &&
      now + std::chrono::milliseconds(500) < row->polled + std::chrono::seconds(row->interval_s);
  step.poll.state = too_soon ? Poll::State::slow_down : Poll::State::pending;
  if (too_soon) step.row.interval_s = std::min<std::int64_t>(row->interval_s + 5, 60);
  return step;
}

Result<Bytes> approve(store::Session& db, const Provider& provider, const Client& client,
                      const Session& session, const std::vector<std::string>& scopes, GrantId id,
                      Assurance wanted, Instant now) {
  if (session.assurance < client.least || session.assurance < wanted) {
    return fail(ErrorKind::forbidden, "oauth.assurance",
                "This service needs a surer way of signing in. Sign in with a stronger authenticator.");
  }
  // A phone decides without a session, by its own proof (phone.hpp).
  if (session.id == SessionId()) DAYAQ_TRY_OK(account_in_force(db, session.person));
  DAYAQ_TRY(const auto live, provider.sessions.get(db, session.person, session.id, now));
  if (session.id != SessionId() && !live) {
    return fail(ErrorKind::forbidden, "authorize.session", "You aren't signed in any more. Sign in again.");
  }
  DAYAQ_TRY_OK(record_consent(db, provider,
                              {.client = client.id,
                               .person = session.person,
                               .scopes = scopes,
                               .claims = {},
                               .left_out = {},
                               .acting_for = session.acting_for,
                               .given = now,
                               .until = now},
                              now));
  DAYAQ_TRY_OK(note_subject(db, provider, client, session.person));
  Grant grant = grant_of(provider, client, session, {.scopes = scopes, .claims = {}}, now);
  grant.id = id;
  // The device isn't this browser: signing out here doesn't switch the TV off.
  grant.session = SessionId();
  grant.signed_in = SessionId();
  grant.expires = now + provider.lifetimes.refresh_token;
  return encode_grant(grant);
}

Bytes encode_grant(const Grant& grant) {
  Bytes out;
  put_le<std::uint8_t>(out, 1);
  put_le<std::uint64_t>(out, grant.id.value());
  put_le<std::uint64_t>(out, grant.person.value());
  put_le<std::uint64_t>(out, grant.acting_for.value());
  put_le<std::int64_t>(out, to_micros(grant.authenticated));
  put_le<std::int64_t>(out, to_micros(grant.expires));
  put_le<std::uint8_t>(out, static_cast<std::uint8_t>(grant.assurance));
  put_le<std::uint16_t>(out, grant.methods.bits());
  put_text<std::uint32_t>(out, grant.client);
  put_text<std::uint32_t>(out, join_names(grant.scopes));
  return out;
}

std::optional<Grant> decode_grant(BytesView bytes) {
  Grant out;
  std::uint8_t version = 0, assurance = 0;
  std::uint64_t id = 0, person = 0, acting_for = 0;
  std::int64_t authenticated = 0, expires = 0;
  std::uint16_t methods = 0;
  std::string scopes;
  const bool whole = take_le(bytes, version) && version == 1 && take_le(bytes, id) &&
                     take_le(bytes, person) && take_le(bytes, acting_for) && take_le(bytes, authenticated) &&
                     take_le(bytes, expires) && take_le(bytes, assurance) && assurance <= 3 &&
                     take_le(bytes, methods) && take_text<std::uint32_t>(bytes, out.client) &&
                     take_text<std::uint32_t>(bytes, scopes) && bytes.empty();
  if (!whole) return std::nullopt;
  out.id = GrantId(id);
  out.person = PersonId(person);
  out.acting_for = PersonId(acting_for);
  out.authenticated = from_micros(authenticated);
  out.expires = from_micros(expires);
  out.assurance = static_cast<Assurance>(assurance);
  out.methods = Methods(methods);
  out.scopes = split_names(scopes);
  return out;
}

Result<std::int64_t> tries_of(store::Session& db, std::string_view what, Instant now) {
  const Bytes id = hash_of(what);
  DAYAQ_TRY(const auto tries,
            db.one("SELECT tries FROM identity_tries WHERE id = $1 AND until_at > $2",
                   {BytesView(id), to_micros(now)}, [](const store::Row& row) { return row.integer(0); }));
  return tries.value_or(0);
}

Result<void> count_try(store::Session& db, std::string_view what, Instant until, Instant now) {
  const Bytes id = hash_of(what);
  // Counted from the first one on; what is over begins anew.
  return db.exec(R"(INSERT INTO identity_tries (id, tries, until_at) VALUES ($1, 1, $2)
                    ON CONFLICT (id) DO UPDATE SET
                      tries = CASE WHEN identity_tries.until_at > $3 THEN identity_tries.tries + 1 ELSE 1 END,
                      until_at = CASE WHEN identity_tries.until_at > $3 THEN identity_tries.until_at
                                      ELSE excluded.until_at END)",
                 {BytesView(id), to_micros(until), to_micros(now)});
}

}  // namespace dayaq::identity::oidc
