// Messages that nobody asked for by message: what became of a case, and what is about to happen.
//
//   a case's step ──► tell() ──┐ in its transaction
//   the clock ──► Reminders ───┴──► row of the message ── commit ──► Sender
//
// 1. A notice is a row in the transaction of what it tells of, and goes out as answers do (sender.hpp): once,
// or marked
//    as possibly doubled after a crash; never lost while it helps anybody.
// 2. Its id follows from what it is about: told again, it is the same row.
// 3. It goes to the numbers that are known as the person's own, in the language of their digital ID; to
// nobody who has
//    switched notices off. Codes and links for signing in don't come this way: they can't be switched off.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/siphash.hpp"
#include "crypto/key_store.hpp"
#include "services/booking/booking.hpp"
#include "services/cases/cases.hpp"
#include "services/sms/inbox.hpp"
#include "store/database.hpp"

namespace dayaq::services::sms {

[[nodiscard]] std::span<const store::Migration> notice_migrations();

/// Where a person's notices go; no numbers: they see it on their page alone.
struct Receiver {
  std::vector<std::string> numbers;  ///< digits
  Language language = Language::az;
};

struct NoticesContext {
  store::Database& db;
  const crypto::MasterKey& master;
  Random& random;
  /// Numbers that are a person's own, and their language; called in transactions.
  std::function<Result<Receiver>(store::Session& session, PersonId person, Instant now)> receiver;
  bool on = true;  ///< false: this node sends none
};

/// Add it to the database as a hook: notices go on to `deliver` after their commit.
class Notices final : public store::CommitHook {
 public:
  using Deliver = std::function<void(std::vector<Outgoing>)>;  ///< on the writer thread; must not block
  Notices(NoticesContext context, Deliver deliver);

  /// In the caller's write transaction. `about` names it among all notices of the person: the same again is
  /// the same. After `until` it helps nobody. Says to how many numbers it goes; 0 if it went before.
  Result<int> tell(store::Session& session, PersonId person, std::string_view about,
                   const LocalizedText& text, Instant until, Instant now);

  /// Forgets who was told before `before`, of one bucket: not before what they were told of is over.
  Result<void> sweep(store::Session& session, std::int64_t bucket, Instant before);

  // -- the person's own switch
  Result<void> set_wanted(store::Session& session, PersonId person, bool wanted, Instant now);
  [[nodiscard]] Result<bool> wanted(store::Session& session, PersonId person) const;

  /// Forgets what was told long ago.
  Result<void> sweep(store::Session& session, Instant now);

  void begin_transaction() override { mark_ = pending_.size(); }
  void discard_transaction() override { pending_.resize(mark_); }
  Result<void> before_commit(store::Session&) override { return {}; }
  void after_commit() noexcept override;
  void after_rollback() noexcept override { pending_.clear(); }

 private:
  NoticesContext context_;
  Deliver deliver_;
  SipKey keys_;
  std::vector<Outgoing> pending_;  // writer thread only
  std::size_t mark_ = 0;
};

/// What is about to happen: derived from permits and bookings, nothing of it is stored. On one thread.
class Reminders {
 public:
  Reminders(Notices& notices, const Cases& cases, const booking::Calendars& calendars)
      : notices_(notices), cases_(cases), calendars_(calendars) {}
  /// Permits of three days and more that end within a day; appointments of tomorrow, from six in the evening
  /// on. At most `rows` a transaction; says to how many numbers something goes.
  Result<int> remind(Instant now, int rows = 200);

 private:
  Result<int> permits(Instant now, int rows);
  Result<int> appointments(Instant now, int rows);

  Notices& notices_;
  const Cases& cases_;
  const booking::Calendars& calendars_;
  Instant permits_until_ = instant_min;  // all that end before it were reminded of
  Date day_{};                           // whose appointments were reminded of
};

}  // namespace dayaq::services::sms
