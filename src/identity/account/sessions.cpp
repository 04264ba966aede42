#include "identity/account/sessions.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "crypto/sign.hpp"
#include "identity/account/sessions_rows.hpp"
#include "identity/account/sessions_table.hpp"
#include "registry/country_pack.hpp"

namespace dayaq::identity {
namespace {

using namespace std::chrono_literals;
using registry::bucket_of;

/// How often the time of a session's last use is written at most.
constexpr std::chrono::seconds seen_every = 5min;
/// How long the row of one that is over stays: nothing that made it can be used later than that.
constexpr std::chrono::minutes kept_after = 10min;
constexpr std::size_t token_bytes = 8 + 8 + 32;
constexpr std::size_t token_size = token_bytes / 3 * 4;
constexpr std::size_t touches_max = 1 << 20;
constexpr int touches_per_row = 4;  // written for each row looked at

std::int64_t seconds_of(Instant t) {
  return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
}

/// Where a token's row is, and by what it is known.
struct Locator {
  PersonId person;
  SessionId id;
  crypto::Sha256 hash{};
};

std::optional<Locator> read_token(std::string_view text) {
  if (text.size() != token_size) return std::nullopt;
  const auto bytes = from_base64url(text);
  if (!bytes || bytes->size() != token_bytes) return std::nullopt;
  BytesView left = *bytes;
  std::uint64_t person = 0;
  std::uint64_t id = 0;
  if (!take_le(left, person) || !take_le(left, id)) return std::nullopt;
  if (person == 0 || id == 0 || person >> 63 != 0 || id >> 63 != 0) return std::nullopt;
  return Locator{PersonId(person), SessionId(id), crypto::sha256(as_bytes(text))};
}

SessionTable::Entry entry_of(const Session& session, BytesView hash, std::int64_t seen) {
  return {.key = SessionTable::key_of(hash),
          .person = session.person.value(),
          .id = session.id.value(),
          .acting_for = session.acting_for.value(),
          .authenticator = session.authenticator.value(),
          .authenticated = to_micros(session.authenticated),
          .expires = to_micros(session.expires),
          .seen = std::uint32_t(std::clamp<std::int64_t>(seen, 0, UINT32_MAX)),
          .methods = session.methods.bits(),
          .assurance = std::uint8_t(session.assurance)};
}

Session session_of(const SessionTable::Entry& entry) {
  Session session;
  session.id = SessionId(entry.id);
  session.person = PersonId(entry.person);
  session.acting_for = PersonId(entry.acting_for);
  session.authenticated = from_micros(entry.authenticated);
  session.expires = from_micros(entry.expires);
  session.authenticator = AuthenticatorId(entry.authenticator);
  session.methods = Methods(entry.methods);
  session.assurance = Assurance(entry.assurance);
  return session;
}

}  // namespace

SessionToken draw_session_token(Random& random, PersonId person, SessionId session) {
  Bytes bytes;
  bytes.reserve(token_bytes);
  put_le(bytes, person.value());
  put_le(bytes, session.value());
  bytes.resize(token_bytes);
  random.fill(std::span(bytes).subspan(16));
  SessionToken token;
  token.text = to_base64url(bytes);
  token.hash = crypto::sha256(as_bytes(token.text));
  return token;
}

struct Sessions::State {
  State(store::Database& database, const SessionPolicy& rules)
      : db(database), policy(rules), table(rules.in_memory_max) {}

  /// A change of memory that waits for its commit.
  struct Change {
    bool erase = false;
    SessionTable::Entry entry;  ///< only the key counts if `erase`
  };
  struct Touch {
    PersonId person;
    SessionId id;
    std::uint32_t seen = 0;
  };

  [[nodiscard]] bool alive(Instant expires, std::int64_t seen, Instant now) const {
    return now < expires && seconds_of(now) - seen < std::chrono::seconds(policy.idle).count();
  }
  [[nodiscard]] bool alive(const SessionRow& row, Instant now) const {
    return row.ended == instant_max && alive(row.session.expires, row.seen, now);
  }
  void drop(BytesView hash) {
    DAYAQ_ASSERT(in_function);  // else it was never given to Database::add_hook
    Change& change = pending.emplace_back();
    change.erase = true;
    change.entry.key = SessionTable::key_of(hash);
  }
  void keep(const Session& session, BytesView hash, std::int64_t seen) {
    DAYAQ_ASSERT(in_function);
    pending.push_back({.entry = entry_of(session, hash, seen)});
  }
  InMemory look_up(const Locator& token, Instant now);
  Result<void> write_touches(store::Session& session, int limit);
  Result<void> end(store::Session& session, const SessionRow& row, Instant now);

  store::Database& db;
  const SessionPolicy policy;
  SessionTable table;
  std::vector<SessionObserver*> observers;

  // The writer thread's alone.
  std::vector<Change> pending;
  std::size_t pending_before_function = 0;
  bool in_function = false;
  std::vector<Touch> writing;      ///< taken from `touches`, until a commit has them
  std::size_t written = 0;         ///< of `writing`, in the present group
  std::size_t written_before = 0;  ///< the function
  SessionRowKey swept, sweeping, swept_before;

  std::mutex touches_mutex;
  std::vector<Touch> touches;  ///< sessions used for the first time in five minutes
};

Sessions::InMemory Sessions::State::look_up(const Locator& token, Instant now) {
  InMemory out;
  std::optional<Touch> touch;
  const SessionTable::Key key = SessionTable::key_of(token.hash);
  out.known = table.with(key, [&](SessionTable::Entry& entry) {
    if (entry.person != token.person.value() || entry.id != token.id.value()) return;
    if (!alive(from_micros(entry.expires), entry.seen, now)) return;
    out.session = session_of(entry);
    if (seconds_of(now) - entry.seen >= seen_every.count()) {
      entry.seen = std::uint32_t(seconds_of(now));
      touch = Touch{token.person, token.id, entry.seen};
    }
  });
  if (touch) {
    const std::lock_guard lock(touches_mutex);
    if (touches.size() < touches_max) touches.push_back(*touch);
  }
  return out;
}

Sessions::Sessions(store::Database& db, const SessionPolicy& policy)
    : state_(std::make_unique<State>(db, policy)) {}
Sessions::~Sessions() = default;

void Sessions::add_observer(SessionObserver& observer) {
  state_->observers.push_back(&observer);
}
const SessionPolicy& Sessions::policy() const {
  return state_->policy;
}

Sessions::InMemory Sessions::find_in_memory(std::string_view token, Instant now) {
  const auto locator = read_token(token);
  if (!locator) return {.known = true, .session = std::nullopt};
  return state_->look_up(*locator, now);
}

Result<std::optional<Session>> Sessions::find(std::string_view token, Instant now) {
  const auto locator = read_token(token);
  if (!locator) return std::optional<Session>{};
  const SessionTable::Key key = SessionTable::key_of(locator->hash);
  for (int attempt = 1;; ++attempt) {
    InMemory known = state_->look_up(*locator, now);
    if (known.known) return known.session;
    const std::uint64_t version = state_->table.version(key);
    DAYAQ_TRY(const auto row, state_->db.read([&](store::Session& session) {
      return select_session(session, locator->person, locator->id);
    }));
    if (!row || !state_->alive(*row, now) || !crypto::equal_constant_time(row->token, locator->hash)) {
      return std::optional<Session>{};
    }
    if (state_->table.put_if(entry_of(row->session, locator->hash, row->seen), version)) {
      known = state_->look_up(*locator, now);  // notes that it is used
      return known.known ? known.session : std::optional(row->session);
    }
    if (attempt == 4) return std::optional(row->session);  // true when it was read; memory just isn't told
  }
}

Result<void> Sessions::open(store::Session& db, const Session& session, const SessionToken& token) {
  const std::int64_t seen = seconds_of(session.authenticated);
  DAYAQ_TRY_OK(insert_session(db, session, token.hash, seen));
  state_->keep(session, token.hash, seen);
  return {};
}

Result<void> Sessions::strengthen(store::Session& db, const Session& session, const SessionToken& token) {
  DAYAQ_TRY(const auto row, select_session(db, session.person, session.id));
  if (!row || row->ended != instant_max) {
    return fail(ErrorKind::not_found, "session.unknown", "You have been signed out. Please sign in again.");
  }
  DAYAQ_TRY_OK(update_session(db, session, token.hash));
  state_->drop(row->token);
  state_->keep(session, token.hash, std::max(row->seen, seconds_of(session.authenticated)));
  return {};
}

Result<void> Sessions::State::end(store::Session& session, const SessionRow& row, Instant now) {
  for (SessionObserver* observer : observers) {
    DAYAQ_TRY_OK(observer->on_session_ended(session, row.session));
  }
  DAYAQ_TRY_OK(update_session_ended(session, row.session.person, row.session.id, now));
  drop(row.token);
  return {};
}

Result<void> Sessions::end(store::Session& db, PersonId person, SessionId id, Instant now) {
  DAYAQ_TRY(const auto row, select_session(db, person, id));
  if (!row || row->ended != instant_max) return {};
  return state_->end(db, *row, now);
}

Result<int> Sessions::end_all(store::Session& db, PersonId person, std::optional<SessionId> except,
                              Instant now) {
  DAYAQ_TRY(const auto rows, select_sessions(db, person));
  int ended = 0;
  for (const SessionRow& row : rows) {
    if (except && row.session.id == *except) continue;
    DAYAQ_TRY_OK(state_->end(db, row, now));
    if (state_->alive(row, now)) ++ended;
  }
  return ended;
}

Result<std::vector<Session>> Sessions::of(store::Session& db, PersonId person, Instant now) const {
  DAYAQ_TRY(const auto rows, select_sessions(db, person));
  std::vector<Session> out;
  for (const SessionRow& row : rows) {
    if (state_->alive(row, now)) out.push_back(row.session);
  }
  std::ranges::sort(out, std::ranges::greater{}, &Session::authenticated);
  return out;
}

Result<std::optional<Session>> Sessions::get(store::Session& db, PersonId person, SessionId id,
                                             Instant now) const {
  DAYAQ_TRY(const auto row, select_session(db, person, id));
  if (!row || !state_->alive(*row, now)) return std::optional<Session>{};
  return std::optional(row->session);
}

Result<void> Sessions::State::write_touches(store::Session& session, int limit) {
  {
    const std::lock_guard lock(touches_mutex);
    writing.insert(writing.end(), touches.begin(), touches.end());
    touches.clear();
  }
  for (int i = 0; i < limit && written < writing.size(); ++i, ++written) {
    const Touch& touch = writing[written];
    DAYAQ_TRY_OK(update_session_seen(session, touch.person, touch.id, touch.seen));
  }
  return {};
}

Result<int> Sessions::sweep(store::Session& db, Instant now, int limit) {
  State& s = *state_;
  DAYAQ_ASSERT(s.in_function);
  DAYAQ_TRY_OK(s.write_touches(db, touches_per_row * limit));
  DAYAQ_TRY(const auto rows, select_sessions_after(db, s.sweeping, limit));
  int deleted = 0;
  for (const SessionRow& row : rows) {
    // Memory knows of uses that wait to be written.
    std::int64_t seen = row.seen;
    (void)s.table.with(SessionTable::key_of(row.token), [&](const SessionTable::Entry& entry) {
      seen = std::max<std::int64_t>(seen, entry.seen);
    });
    const Instant ended =
        std::min({row.ended, row.session.expires, Instant(std::chrono::seconds(seen) + s.policy.idle)});
    if (now < ended + kept_after) continue;
    DAYAQ_TRY_OK(delete_session(db, row.session.person, row.session.id));
    s.drop(row.token);
    ++deleted;
  }
  if (int(rows.size()) < limit) {
    s.sweeping = {};
  } else {
    const Session& last = rows.back().session;
    s.sweeping = {bucket_of(last.person), std::int64_t(last.person.value()), std::int64_t(last.id.value())};
  }
  return deleted;
}

std::size_t Sessions::in_memory() const {
  return state_->table.size();
}
std::size_t Sessions::memory_bytes() const {
  return state_->table.bytes();
}

void Sessions::begin_transaction() {
  State& s = *state_;
  s.in_function = true;
  s.pending_before_function = s.pending.size();
  s.written_before = s.written;
  s.swept_before = s.sweeping;
}

void Sessions::discard_transaction() {
  State& s = *state_;
  s.pending.resize(s.pending_before_function);
  s.written = s.written_before;
  s.sweeping = s.swept_before;
}

void Sessions::after_commit() noexcept {
  State& s = *state_;
  for (const State::Change& change : s.pending) {
    if (change.erase) {
      s.table.erase(change.entry.key);
    } else {
      s.table.put(change.entry);
    }
  }
  s.pending.clear();
  s.writing.erase(s.writing.begin(), s.writing.begin() + std::ptrdiff_t(s.written));
  s.written = 0;
  s.swept = s.sweeping;
  s.in_function = false;
}

void Sessions::after_rollback() noexcept {
  State& s = *state_;
  s.pending.clear();
  s.written = 0;
  s.sweeping = s.swept;
  s.in_function = false;
}

}  // namespace dayaq::identity
