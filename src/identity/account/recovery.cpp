#include "identity/account/recovery.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "http/encoding.hpp"
#include "identity/account/accounts_store.hpp"
#include "identity/account/notices.hpp"

namespace dayaq::identity {
namespace {

using registry::bucket_of;
using store::Row;

struct StoredRecovery {
  RecoveryId id;
  PersonId person;
  std::optional<crypto::Sha256> undo_hash;  ///< none: proved beyond a link
  Instant undo_until;
  AuthenticatorId lost;  ///< 0: none
  Enrolment enrolment_before = Enrolment::sms_code;
  Enrolment enrolment_after = Enrolment::sms_code;
};

std::chrono::hours wait_after(Enrolment proof) {
  switch (proof) {
    case Enrolment::sms_code:
      return wait_after_sms;
    case Enrolment::letter_code:
      return wait_after_letter;
    case Enrolment::counter:
    case Enrolment::card:
      return std::chrono::hours(0);
  }
  return wait_after_sms;
}

Result<void> insert_recovery(store::Session& db, const StoredRecovery& r, Instant now) {
  const store::Param hash = r.undo_hash ? store::Param(BytesView(*r.undo_hash)) : store::Param(nullptr);
  return db.exec(
      "INSERT INTO recovery (bucket, person_id, recovery_id, undo_hash, done, undo_until, lost, "
      "enrolment_before, enrolment_after) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
      {bucket_of(r.person), sql_key(r.person), sql_key(r.id), hash, to_micros(now), to_micros(r.undo_until),
       sql_key(r.lost), std::int64_t(r.enrolment_before), std::int64_t(r.enrolment_after)});
}

/// Those that can still be taken back.
Result<std::vector<StoredRecovery>> open_recoveries(store::Session& db, PersonId person, Instant now) {
  std::vector<StoredRecovery> out;
  DAYAQ_TRY_OK(
      db.query("SELECT recovery_id, undo_hash, undo_until, lost, enrolment_before, enrolment_after FROM "
               "recovery WHERE bucket = $1 AND "
               "person_id = $2 AND undone IS NULL AND undo_until > $3 ORDER BY done",
               {bucket_of(person), sql_key(person), to_micros(now)}, [&](const Row& row) -> Result<bool> {
                 StoredRecovery one{.id = id_from<RecoveryId>(row, 0),
                                    .person = person,
                                    .undo_hash = std::nullopt,
                                    .undo_until = from_micros(row.integer(2)),
                                    .lost = id_from<AuthenticatorId>(row, 3),
                                    .enrolment_before = static_cast<Enrolment>(row.integer(4)),
                                    .enrolment_after = static_cast<Enrolment>(row.integer(5))};
                 if (const BytesView hash = row.blob(1); hash.size() == 32) {
                   std::ranges::copy(hash, one.undo_hash.emplace().begin());
                 }
                 out.push_back(one);
                 return true;
               }));
  return out;
}

std::uint64_t read_number(BytesView bytes) {
  std::uint64_t value = 0;
  for (const std::byte b : bytes) value = value << 8 | std::uint64_t(b);
  return value;
}

std::string link_of(const Accounts& accounts, const UndoToken& undo) {
  return fmt::format("{}/id/undo?t={}", accounts.site, undo.text);
}

std::unexpected<Error> not_undoable() {
  return fail(ErrorKind::forbidden, "recovery.undo",
              "This link doesn't take anything back any more. A service centre can help you.");
}

/// The one way back, for the link and for a sign-in with what was lost.
Result<void> take_back(store::Session& db, const Accounts& accounts, const StoredRecovery& recovery,
                       std::string_view by, Instant now) {
  const PersonId person = recovery.person;
  DAYAQ_TRY(const auto all, stored_authenticators(db, person));
  for (const StoredAuthenticator& one : all) {
    const AuthenticatorId id = one.authenticator.id;
    if (one.added_by == recovery.id.value()) {
      DAYAQ_TRY_OK(delete_authenticator(db, one));
      DAYAQ_TRY_OK(end_sessions_of(db, accounts, person, id, std::nullopt, now));
    } else if (id == recovery.lost && one.authenticator.ends != instant_max) {
      DAYAQ_TRY_OK(set_ends(db, person, id, instant_max));
    }
  }
  DAYAQ_TRY_OK(
      db.exec("UPDATE recovery SET undone = $4 WHERE bucket = $1 AND person_id = $2 AND recovery_id = $3",
              {bucket_of(person), sql_key(person), sql_key(recovery.id), to_micros(now)}));
  DAYAQ_TRY(auto account, account_of(db, person));
  DAYAQ_ASSERT(account.has_value());
  // Only what this recovery raised goes back; what a surer proof has shown since stays.
  if (account->enrolment == recovery.enrolment_after && recovery.enrolment_before < account->enrolment) {
    account->enrolment = recovery.enrolment_before;
    DAYAQ_TRY_OK(update_account(db, *account));
  }
  DAYAQ_TRY_OK(accounts.log.append(db, {.action = "identity.recover.undo",
                                        .actor = "self",
                                        .subject = person,
                                        .data = fmt::format(R"({{"by":"{}"}})", by),
                                        .personal = ""}));
  return notify(db, accounts, *account, Notice::recovery_undone, {}, now);
}

}  // namespace

UndoToken draw_undo_token(Random& random, PersonId person) {
  UndoToken out;
  out.id = RecoveryId(random.next_id());
  Bytes bytes = user_handle(person);
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(std::byte(out.id.value() >> shift & 0xff));
  bytes.resize(32);
  random.fill(std::span(bytes).subspan(16));
  out.text = to_base64url(bytes);
  out.hash = crypto::sha256(as_bytes(out.text));
  return out;
}

Result<Recovered> recover(store::Session& db, const Accounts& accounts, const Account& account,
                          const RecoveryRequest& request, const UndoToken& undo, Instant now) {
  const PersonId person = account.person;
  const Assurance proved = assurance_of(request.proof);
  const bool sure = proved == Assurance::high;
  const Instant full_from = sure ? instant_min : now + wait_after(request.proof);
  DAYAQ_TRY(const auto before, stored_authenticators(db, person));
  Recovered out;
  if (request.lost) {
    const auto lost =
        std::ranges::find(before, *request.lost, [](const auto& one) { return one.authenticator.id; });
    if (lost == before.end()) {
      return fail(ErrorKind::not_found, "authenticator.unknown", "You have no such way to sign in.");
    }
    out.lost_ends = sure ? now : std::min(lost->authenticator.ends, full_from);
    if (sure) {
      DAYAQ_TRY_OK(delete_authenticator(db, *lost));
    } else {
      DAYAQ_TRY_OK(set_ends(db, person, *request.lost, out.lost_ends));
    }
  }
  const Binding binding{
      .proved = proved, .active_from = full_from, .actor = request.actor, .recovery = undo.id.value()};
  DAYAQ_TRY(out.added, put_authenticator(db, accounts, person, request.added, binding, now));
  if (request.proof > account.enrolment) {
    Account raised = account;
    raised.enrolment = request.proof;
    DAYAQ_TRY_OK(update_account(db, raised));
  }
  StoredRecovery recovery{.id = undo.id,
                          .person = person,
                          .undo_hash = std::nullopt,
                          .undo_until = now + undo_period,
                          .lost = request.lost.value_or(AuthenticatorId()),
                          .enrolment_before = account.enrolment,
                          .enrolment_after = std::max(account.enrolment, request.proof)};
  if (!sure) recovery.undo_hash = undo.hash;
  DAYAQ_TRY_OK(insert_recovery(db, recovery, now));
  DAYAQ_TRY_OK(accounts.sessions.end_all(db, person, std::nullopt, now));
  DAYAQ_TRY_OK(accounts.log.append(
      db, {.action = "identity.recover",
           .actor = request.actor,
           .subject = person,
           .data = fmt::format(R"({{"assurance":"{}","full_from":"{}","kind":"{}","proof":"{}"}})",
                               to_string(out.added.assurance), sure ? "" : format_instant(full_from),
                               to_string(out.added.kind), to_string(request.proof)),
           .personal = fmt::format(R"({{"added":"{}","lost":"{}"}})", out.added.id, recovery.lost)}));
  if (sure) {
    DAYAQ_TRY_OK(notify(db, accounts, account, Notice::recovered_surely, {out.added.name}, now));
  } else {
    DAYAQ_TRY_OK(notify(db, accounts, account, Notice::recovered, {out.added.name, link_of(accounts, undo)},
                        now, request.proof_number));
  }
  return out;
}

Result<Instant> declare_lost(store::Session& db, const Accounts& accounts, const Session& session,
                             AuthenticatorId id, const UndoToken& undo, Instant now) {
  DAYAQ_TRY_OK(check_fresh(session, now));
  DAYAQ_TRY(const Account account, account_in_force(db, session.person));
  DAYAQ_TRY(const StoredAuthenticator behind, standing_behind(db, session, now));
  DAYAQ_TRY(const StoredAuthenticator stored, own_authenticator(db, session, id));
  const Authenticator& a = stored.authenticator;
  if (id == session.authenticator) {
    return fail(ErrorKind::conflict, "authenticator.last",
                "You signed in with this one just now. Remove it instead.");
  }
  if (now < behind.authenticator.active_from) {
    return fail(ErrorKind::forbidden, "authenticator.waiting",
                "What recovery added can't remove anything yet. Use another way to sign in, or wait.");
  }
  if (a.ends != instant_max) {
    return fail(ErrorKind::conflict, "authenticator.lost_already", "It is declared lost already.");
  }
  if (a.assurance <= session.assurance) {
    // As sure as what it replaces: nothing to wait for.
    DAYAQ_TRY_OK(remove_authenticator(db, accounts, session, id, true, now));
    return now;
  }
  const Instant ends = now + wait_after_sms;
  DAYAQ_TRY_OK(set_ends(db, session.person, id, ends));
  DAYAQ_TRY_OK(insert_recovery(db,
                               {.id = undo.id,
                                .person = session.person,
                                .undo_hash = undo.hash,
                                .undo_until = now + undo_period,
                                .lost = id,
                                .enrolment_before = account.enrolment,
                                .enrolment_after = account.enrolment},
                               now));
  DAYAQ_TRY_OK(end_sessions_of(db, accounts, session.person, id, std::nullopt, now));
  DAYAQ_TRY_OK(accounts.log.append(
      db, {.action = "identity.authenticator.lost",
           .actor = "self",
           .subject = session.person,
           .data = fmt::format(R"({{"ends":"{}","kind":"{}"}})", format_instant(ends), to_string(a.kind)),
           .personal = fmt::format(R"({{"authenticator":"{}","name":{}}})", id, http::json_string(a.name))}));
  const std::string until = accounts.registry.country.zone().format_local(ends);
  DAYAQ_TRY_OK(notify(db, accounts, account, Notice::authenticator_lost,
                      {a.name, until, link_of(accounts, undo)}, now));
  return ends;
}

Result<void> undo_recovery(store::Session& db, const Accounts& accounts, std::string_view token,
                           Instant now) {
  const auto bytes = from_base64url(token);
  if (!bytes || bytes->size() != 32) return not_undoable();
  const auto person = person_of_handle(BytesView(*bytes).first(8));
  if (!person) return not_undoable();
  const RecoveryId id(read_number(BytesView(*bytes).subspan(8, 8)));
  const crypto::Sha256 hash = crypto::sha256(as_bytes(token));
  DAYAQ_TRY(const auto open, open_recoveries(db, *person, now));
  for (const StoredRecovery& one : open) {
    if (one.id != id || !one.undo_hash || !crypto::equal_constant_time(*one.undo_hash, hash)) continue;
    return take_back(db, accounts, one, "link", now);
  }
  return not_undoable();
}

Result<void> undo_recovery_by_use(store::Session& db, const Accounts& accounts,
                                  const Authenticator& authenticator, Instant now) {
  DAYAQ_TRY(const auto open, open_recoveries(db, authenticator.person, now));
  for (const StoredRecovery& one : open) {
    if (one.lost == authenticator.id && one.undo_hash) {
      DAYAQ_TRY_OK(take_back(db, accounts, one, "use", now));
    }
  }
  return {};
}

Result<int> sweep_recoveries(store::Session& db, Instant now, int limit) {
  std::vector<std::pair<PersonId, RecoveryId>> past;
  std::vector<AuthenticatorId> lost;
  DAYAQ_TRY_OK(db.query("SELECT person_id, recovery_id, lost FROM recovery WHERE undo_until <= $1 LIMIT $2",
                        {to_micros(now), std::int64_t(limit)}, [&](const Row& row) -> Result<bool> {
                          past.emplace_back(id_from<PersonId>(row, 0), id_from<RecoveryId>(row, 1));
                          lost.push_back(id_from<AuthenticatorId>(row, 2));
                          return true;
                        }));
  for (std::size_t i = 0; i < past.size(); ++i) {
    const auto& [person, id] = past[i];
    DAYAQ_TRY(const auto all, stored_authenticators(db, person));
    for (const StoredAuthenticator& one : all) {
      if (one.authenticator.id == lost[i] && one.authenticator.ends <= now) {
        DAYAQ_TRY_OK(delete_authenticator(db, one));
      }
    }
    DAYAQ_TRY_OK(db.exec("DELETE FROM recovery WHERE bucket = $1 AND person_id = $2 AND recovery_id = $3",
                         {bucket_of(person), sql_key(person), sql_key(id)}));
  }
  return static_cast<int>(past.size());
}

}  // namespace dayaq::identity
