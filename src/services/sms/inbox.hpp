// Messages in: each remembered once, decided and answered in one transaction.
//
//   gateway ──► take() ──► [ row of the answer | its cases | row of the sender ] ── commit ──► accepted
//                                  until it is sent               │                     └──► Sender
//                                  (sender.hpp)                   └ remembers the message
//
// 1. The gateway is told "accepted" after the commit; what it sends again is the same message: nothing
// happens.
// 2. Each message has one answer, whatever it says; but a sender beyond their limit is told so once an hour.
// 3. A message that is known makes no second case: it stands with its sender, in the transaction of its
// cases.
// 4. The phone may be anybody's: a refusal says neither why nor what somebody is.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/siphash.hpp"
#include "crypto/key_store.hpp"
#include "services/cases/cases.hpp"
#include "services/sms/grammar.hpp"
#include "store/database.hpp"

namespace dayaq::services::sms {

[[nodiscard]] std::span<const store::Migration> migrations();

/// Of one number on one civil day. A family shares a phone.
struct Limits {
  int messages = 40;
  int persons = 8;     ///< for whom something was asked
  int strangers = 16;  ///< ids that aren't anybody's: who tries them out learns little
  std::chrono::seconds told_again{3600};
  std::chrono::hours remembered{48};  ///< a gateway tries again for less
};

struct Incoming {
  std::string from;  ///< digits; what else is in it is dropped
  std::string text;  ///< UTF-8
  std::string id;    ///< the gateway's, the same when it tries again; "" if it has none
  std::string sent;  ///< the network's time as text, part of the key where there is no id
};

/// An answer on its way. `parts` are sent one after another.
struct Outgoing {
  std::int64_t bucket = 0;
  std::int64_t message = 0;
  std::string to;
  std::vector<std::string> parts;
  Instant until;
  bool doubled = false;   ///< may have been sent already
  Instant received = {};  ///< with bucket and message the key of its row
  bool begun = false;     ///< its row says "being sent": nothing need be stored before it is
};
[[nodiscard]] Bytes seal_outgoing(const Outgoing& reply, const crypto::MasterKey& master, Random& random);
/// nullopt under another master key.
[[nodiscard]] std::optional<Outgoing> open_outgoing(std::int64_t bucket, std::int64_t message,
                                                    BytesView sealed, const crypto::MasterKey& master);

/// Its row, in the caller's transaction; deliver it to the sender after the commit. The row goes when it was
/// sent.
Result<void> insert_outgoing(store::Session& session, const Outgoing& reply, const crypto::MasterKey& master,
                             Random& random);

/// Of a row; one that was sent has none any more, unless it may have been sent twice.
enum class ReplyState : std::uint8_t { waits, sending, sent, late };

struct InboxContext {
  store::Database& db;
  Cases& cases;
  const ServiceBook& book;
  const registry::CountryPack& country;
  SipKey persons;  ///< the registry's secret: makes person ids
  const crypto::MasterKey& master;
  Random& random;
  Limits limits = {};
  /// Whether the sender begins at once with an answer, `before` others of this commit before it: then its row
  /// says from the start that it is being sent. Null: each waits until the sender comes to it.
  std::function<bool(std::size_t before)> room = {};
};

/// What became of messages; the last is the gateway's own repetition.
inline constexpr std::array<std::string_view, 15> outcomes{
    "granted", "received", "refused", "already",   "unknown",   "asked", "help",    "status",
    "cancel",  "limited",  "closed",  "no_regime", "elsewhere", "other", "repeated"};

/// Add it to the database as a hook: answers go on to `deliver` after their commit.
class Inbox final : public store::CommitHook {
 public:
  using Deliver = std::function<void(std::vector<Outgoing>)>;  ///< on the writer thread; must not block
  Inbox(InboxContext context, Deliver deliver);
  ~Inbox() override;

  /// What a message is before the database is asked: parsed, its keys derived. Any thread.
  struct Prepared;
  [[nodiscard]] std::shared_ptr<const Prepared> prepare(const Incoming& incoming, Instant now);
  struct Taken {
    std::string outcome;  ///< one of `outcomes`: of several persons the first's
    bool repeated = false;
  };
  /// In the caller's write transaction. Errors are the store's: safe to try again.
  Result<Taken> take(store::Session& session, const Prepared& message, Instant now);
  /// Both, durable when it returns.
  Result<Taken> take(const Incoming& incoming, Instant now);
  /// Forgets what was received before `before`, of one bucket.
  Result<void> sweep(store::Session& session, std::int64_t bucket, Instant before);

  /// Messages by what became of them, as `outcomes` has them, since the start. Any thread.
  [[nodiscard]] std::uint64_t taken(std::size_t outcome) const {
    return taken_.at(outcome).load(std::memory_order_relaxed);
  }

  void begin_transaction() override {
    mark_ = pending_.size();
    counted_mark_ = counted_.size();
  }
  void discard_transaction() override {
    pending_.resize(mark_);
    counted_.resize(counted_mark_);
  }
  Result<void> before_commit(store::Session&) override { return {}; }
  void after_commit() noexcept override;
  void after_rollback() noexcept override {
    pending_.clear();
    counted_.clear();
  }

 private:
  struct SenderRow;
  struct Answer;
  Result<SenderRow> sender_row(store::Session& session, const Prepared& message, std::int64_t today) const;
  Result<void> store_sender(store::Session& session, const Prepared& message, const SenderRow& sender) const;
  Result<bool> store_reply(store::Session& session, const Prepared& message, Answer reply, Instant now);
  void count(std::string_view outcome);
  [[nodiscard]] std::shared_ptr<const Grammar> grammar();
  Result<Answer> answer(store::Session& session, const Prepared& message, SenderRow& sender, Instant now);
  Result<Answer> apply_for(store::Session& session, const Prepared& message, const Requests& requests,
                           SenderRow& sender, Instant now);
  Result<void> apply_one(store::Session& session, const Prepared& message, const Request& request,
                         const Service& service, SenderRow& sender, Answer& out, Instant now);
  Result<void> refusal(store::Session& session, const Error& error, const Prepared& message,
                       const Request& request, const Service& service, PersonId person, bool theirs,
                       SenderRow& sender, Answer& out, Instant now);
  void add_permit(Answer& out, const Prepared& message, const Request& request, const Service& service,
                  const Permit& permit) const;
  Result<Answer> command(store::Session& session, const Prepared& message, const Command& command,
                         Instant now);
  [[nodiscard]] std::string local(Instant t) const;

  InboxContext context_;
  Deliver deliver_;
  SipKey keys_;       ///< of senders, messages and cases
  std::mutex mutex_;  // guards the two below
  std::shared_ptr<const Grammar> grammar_;
  std::uint64_t edition_ = 0;
  std::vector<Outgoing> pending_;  // writer thread only
  std::size_t mark_ = 0;
  std::vector<std::uint8_t> counted_;  ///< outcomes of this commit; writer thread only
  std::size_t counted_mark_ = 0;
  std::array<std::atomic<std::uint64_t>, outcomes.size()> taken_{};
};

}  // namespace dayaq::services::sms
