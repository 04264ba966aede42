// Who is signed in. Durable through group commits, found in memory, ready at once after a restart.
//
// A browser holds a token of 64 characters in the cookie `__Host-session` (`session` where the node serves
// cleartext on loopback); kept is its SHA-256.
//
//   base64url( person 8 | session 8 | 32 random bytes )     the first two say where the row is
//
// A session that isn't in memory is read from the database by its key, once: a start reads nothing, what
// nobody uses costs no memory, and neither grows with history.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "identity/account/types.hpp"
#include "store/database.hpp"

namespace dayaq::identity {

/// The tables of sessions and of signing in (room "identity_session").
[[nodiscard]] std::span<const store::Migration> sign_in_migrations();

struct SessionPolicy {
  std::chrono::hours life{12};  ///< from sign-in, for good
  std::chrono::hours idle{2};   ///< without a request (kept to within five minutes)
  std::size_t in_memory_max =
      4 << 20;  ///< sessions; beyond that those unused longest are dropped from memory
};

/// Told, inside the transaction, that a session ends before its time: tokens and clients that stand on it end
/// too.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  virtual Result<void> on_session_ended(store::Session& db, const Session& session) = 0;
};

/// What a new session's browser is given, drawn before the transaction, which may run more than once.
struct SessionToken {
  std::string text;                  ///< for the cookie and nowhere else
  std::array<std::byte, 32> hash{};  ///< kept
};
/// For the session with this person and id, which must be those that it is then opened with.
[[nodiscard]] SessionToken draw_session_token(Random& random, PersonId person, SessionId session);

class Sessions final : public store::CommitHook {
 public:
  Sessions(store::Database& db, const SessionPolicy& policy);
  ~Sessions() override;

  void add_observer(SessionObserver& observer);
  [[nodiscard]] const SessionPolicy& policy() const;

  /// Who this token is of. nullopt: unknown, ended, or expired. Any thread; reads the database on a miss, so
  /// not on an I/O thread unless `find_in_memory` says nothing.
  [[nodiscard]] Result<std::optional<Session>> find(std::string_view token, Instant now);
  struct InMemory {
    bool known = false;  ///< false: ask find()
    std::optional<Session> session;
  };
  [[nodiscard]] InMemory find_in_memory(std::string_view token, Instant now);

  // Use-cases, on the writer thread inside a transaction.

  /// A sign-in always makes a new session and a new token (no fixation). conflict "store.duplicate" if the
  /// person had a session of this id within the last ten minutes: an id made from what may be used once makes
  /// it so, without another row.
  Result<void> open(store::Session& db, const Session& session, const SessionToken& token);
  /// More methods or a later auth_time for one that stands (step-up). Its token is replaced. not_found
  /// "session.unknown" if it has ended.
  Result<void> strengthen(store::Session& db, const Session& session, const SessionToken& token);
  /// One that has ended, or never was, is no error.
  Result<void> end(store::Session& db, PersonId person, SessionId id, Instant now);
  /// All of a person but `except`; returns how many.
  Result<int> end_all(store::Session& db, PersonId person, std::optional<SessionId> except, Instant now);

  /// Live ones, newest first. Any session of the store, a reader's too.
  Result<std::vector<Session>> of(store::Session& db, PersonId person, Instant now) const;
  Result<std::optional<Session>> get(store::Session& db, PersonId person, SessionId id, Instant now) const;
  /// Background work, called by a timer (each second or so) inside a transaction: writes when sessions were
  /// last used, looks at the next `limit` rows and deletes those that are over; returns how many.
  Result<int> sweep(store::Session& db, Instant now, int limit);
  [[nodiscard]] std::size_t in_memory() const;
  [[nodiscard]] std::size_t memory_bytes() const;  ///< of the table of live sessions

  void begin_transaction() override;
  void discard_transaction() override;
  Result<void> before_commit(store::Session&) override { return {}; }
  void after_commit() noexcept override;
  void after_rollback() noexcept override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::identity
