// All SQL on sessions. Statements over one store session, which the caller's transaction owns.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "identity/account/sessions.hpp"

namespace dayaq::identity {

struct SessionRow {
  Session session;
  Bytes token;            ///< its SHA-256
  std::int64_t seen = 0;  ///< seconds since 1970
  Instant ended = instant_max;
};

struct SessionRowKey {
  std::int64_t bucket = -1;
  std::int64_t person = 0;
  std::int64_t id = 0;
};

Result<void> insert_session(store::Session& db, const Session& session, BytesView token, std::int64_t seen);
/// All but the key and the end.
Result<void> update_session(store::Session& db, const Session& session, BytesView token);
Result<void> update_session_seen(store::Session& db, PersonId person, SessionId id, std::int64_t seen);
Result<void> update_session_ended(store::Session& db, PersonId person, SessionId id, Instant ended);
Result<void> delete_session(store::Session& db, PersonId person, SessionId id);
Result<std::optional<SessionRow>> select_session(store::Session& db, PersonId person, SessionId id);
/// Those that haven't ended, expired ones too.
Result<std::vector<SessionRow>> select_sessions(store::Session& db, PersonId person);
/// The next rows in key order after `after`, at most `limit`.
Result<std::vector<SessionRow>> select_sessions_after(store::Session& db, const SessionRowKey& after,
                                                      int limit);

}  // namespace dayaq::identity
