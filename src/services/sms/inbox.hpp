// Messages in: each remembered once, decided and answered in one transaction.
//
//   gateway ──► take() ──► [ row of the message | its cases | row of the sender ] ── commit ──► accepted
//                                    │ holds the answer                                └──► Sender
//                                    (sender.hpp)
//
// 1. The gateway is told "accepted" after the commit; what it sends again is the same message: nothing
// happens.
// 2. Each message has one answer, whatever it says; but a sender beyond their limit is told so once an hour.
// 3. A case's id follows from its message and person, so that it is one case however often it is tried.
// 4. The phone may be anybody's: a refusal says neither why nor what somebody is.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
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
  bool doubled = false;  ///< may have been sent already
};
[[nodiscard]] Bytes seal_outgoing(const Outgoing& reply, const crypto::MasterKey& master, Random& random);
/// nullopt under another master key.
[[nodiscard]] std::optional<Outgoing> open_outgoing(std::int64_t bucket, std::int64_t message,
                                                    BytesView sealed, const crypto::MasterKey& master);

enum class ReplyState : std::uint8_t { waits, sending, sent, late, none };

struct InboxContext {
  store::Database& db;
  Cases& cases;
  const ServiceBook& book;
  const registry::CountryPack& country;
  SipKey persons;  ///< the registry's secret: makes person ids
  const crypto::MasterKey& master;
  Random& random;
  Limits limits = {};
};

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
    std::string outcome;  ///< "granted", "refused", "asked", "status", ...: of several persons the first's
    bool repeated = false;
  };
  /// In the caller's write transaction. Errors are the store's: safe to try again.
  Result<Taken> take(store::Session& session, const Prepared& message, Instant now);
  /// Both, durable when it returns.
  Result<Taken> take(const Incoming& incoming, Instant now);
  /// Forgets what was received before `before`, of one bucket.
  Result<void> sweep(store::Session& session, std::int64_t bucket, Instant before);

  void begin_transaction() override { mark_ = pending_.size(); }
  void discard_transaction() override { pending_.resize(mark_); }
  Result<void> before_commit(store::Session&) override { return {}; }
  void after_commit() noexcept override;
  void after_rollback() noexcept override { pending_.clear(); }

 private:
  struct SenderRow;
  struct Answer;
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
};

}  // namespace dayaq::services::sms
