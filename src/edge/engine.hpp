// The one decision core behind every protocol: reserve, use, return.
//
// Accounts hold what a subscription has used of a benefit in a quota period (only of benefits with a quota);
// leases hold what sessions have reserved. used (here and at siblings) + reserved <= quota, always, but for
// the bound below.
//
// 1. A verdict is made from the replica at the moment of asking, never from the session alone: an update of a
//    lease that nobody here has seen is counted and decided like any other.
// 2. (lease, number) is counted once: on this edge by the lease's window of numbers, between edges by their
//    journals, which each follows of the others. Where both have counted one, the edge with the lower number
//    keeps it and the other journals a reversal, so that the sum is right once they have met.
// 3. Each edge grants by right: quota / edges at first, and edges that hear each other even out what is left.
//    While a sibling is silent, an edge has the share that it had when they last met, about remaining /
//    edges; then, where the measure says keep open, up to the benefit's open bound beyond it, where it says
//    close, nothing. So a quota is overdrawn by at most edges * open bound, and by nothing where measures
//    close (docs/edge/usage.md has the proof and what it doesn't cover).
// 4. Everything a verdict relies on is in the journal: after kill -9 accounts, leases and their reservations
//    are as they were when the last answer was acknowledged.
// 5. A lease that falls silent gives its reservation back after twice its validity.
//
// Threads: each member is called with mutex() held, unless it says otherwise. Hold it for a batch of
// requests, not across the disk.
#pragma once

#include <memory>
#include <mutex>
#include <span>

#include "edge/accounts.hpp"
#include "edge/journal.hpp"
#include "edge/replica.hpp"

namespace dayaq::edge {

/// How large a slice is, for each kind of service; in the service's unit.
struct Slices {
  std::uint64_t data_octets = 100u << 20;
  std::uint64_t voice_seconds = 600;
  std::uint64_t messages = 10;
  std::uint64_t tv_seconds = 300;
  std::chrono::seconds data_validity{3600};
  std::chrono::seconds voice_validity{1800};
  std::chrono::seconds tv_validity{60};
};

enum class WhenDiskFull : std::uint8_t {
  grant,   ///< answer, and count later from the operator's records (unjournaled answers are counted in
           ///< metrics)
  refuse,  ///< Outcome::refused until there is space
};

struct EngineOptions {
  std::filesystem::path folder;        ///< holds accounts.table; empty: nothing is saved (tests)
  std::uint8_t edge = 1;               ///< this edge's number among the operator's, 1..16
  std::uint8_t edges = 1;              ///< how many there are
  std::vector<std::uint8_t> siblings;  ///< numbers of the others; empty: all from 1 to `edges` but this
  /// Of quotas whose period began before this civil day (days since 1970; 0: none) this edge has no share of
  /// its own, only what the others give it: it takes a lost one's place, and nobody knows what that had
  /// granted.
  std::int32_t joined = 0;
  std::string zone = "Asia/Baku";
  Slices slices;
  std::chrono::seconds sibling_silence{5};
  WhenDiskFull when_disk_full = WhenDiskFull::grant;
  std::uint64_t checkpoint_records = 1'000'000;  ///< accounts are saved after so many records, or ten minutes
};

class Engine {
 public:
  /// Recovers accounts and leases: the last checkpoint, then the journal from its mark.
  static Result<std::unique_ptr<Engine>> open(const EngineOptions& options, const ServiceTable& services,
                                              Replica& replica, Journal& journal, Instant now);
  virtual ~Engine() = default;

  [[nodiscard]] virtual std::mutex& mutex() = 0;  ///< the edge's one lock; any thread

  /// Decides, counts and journals one question.
  virtual Verdict decide(const Ask& ask, Instant now) = 0;
  /// Whether it would be granted, and by which measure; nothing is reserved or counted. (TV pages, access.)
  virtual Verdict look(SubscriptionKey key, LineKind line, ServiceIndex service, Instant now) = 0;
  /// Fetches the cache lines that look() and decide() will need: for a batch, before its first question.
  virtual void prefetch(SubscriptionKey /*key*/, Instant /*now*/) {}
  virtual void prefetch_lease(const LeaseId& /*id*/) {}
  /// Whether payments are deferred for the subscription: limited service instead of a cut-off.
  virtual bool defers(SubscriptionKey key, LineKind line, Instant now) = 0;

  /// Units that an event debited, as whoever asked for them may bring them back.
  struct Debit {
    LeaseId lease;
    std::uint8_t edge = 0;  ///< that debited
    ServiceIndex service = no_service;
    bool limited = false;  ///< the benefit has a quota, and this is its period
    AccountKey account;
    std::uint64_t units = 0;
    Instant at;
  };
  /// What the event `id` debited, while it is known: ten minutes.
  [[nodiscard]] virtual std::optional<Debit> debit(const LeaseId& /*id*/) const { return std::nullopt; }
  /// Gives back `units` of it (0: all), once, whichever edge is asked and however often: settled less, and
  /// the quota of the period in which it was debited has them again, as soon as the edge that debited it
  /// (both, if two counted it while apart) has heard of it. The caller has made sure that the debit is real.
  /// not_covered if it is older than refund_within.
  static constexpr std::chrono::hours refund_within{24};
  virtual Verdict refund(const Debit& /*debit*/, std::uint64_t /*units*/, Instant /*now*/) { return {}; }

  /// What is known of one lease.
  struct LeaseView {
    SubscriptionKey key = 0;
    ServiceIndex service = no_service;
    MeasureNumber measure = 0;
    std::uint64_t reserved = 0;
    std::uint64_t cumulative = 0;
    std::uint32_t number = 0;
    Instant until;
    bool ended = false;
  };
  [[nodiscard]] virtual std::optional<LeaseView> lease(const LeaseId& id) const = 0;

  /// What a sibling journaled, in its order; `number` is the sibling's record number. A number that was
  /// applied before does nothing. While the journal can't take it, nothing is applied either: ask
  /// sibling_sequence() where to go on.
  virtual void apply_sibling(std::uint64_t number, const Record& record, Instant now) = 0;
  /// A sibling was heard (an answer came, even an empty one).
  virtual void sibling_heard(std::uint8_t edge, Instant now) = 0;
  /// The sibling's last record applied; where to go on following after a start.
  [[nodiscard]] virtual std::uint64_t sibling_sequence(std::uint8_t edge) const = 0;

  /// All that a sibling had journaled when it had applied this edge's records up to `ours` was given to
  /// apply_sibling(): what it journals later counts none of them again. `kept`: the last of them that it has
  /// on disk.
  virtual void sibling_stands(std::uint8_t edge, std::uint64_t ours, std::uint64_t kept) = 0;

  /// Once a second: leases that fell silent, checkpoints (in small steps), the journal's old files.
  /// Time is taken as told, but a step of more than five minutes between two calls of this class is the
  /// clock's, not time that passed: leases aren't taken for silent by it.
  virtual void tick(Instant now) = 0;
  /// Settlement has all records up to here: they may be dropped once nothing else needs them.
  virtual void settled_through(std::uint64_t number) = 0;

  struct Counts {
    std::uint64_t granted = 0, not_covered = 0, used_up = 0, limited = 0, refused = 0, repeated = 0,
                  orphans = 0, reversed = 0, unjournaled = 0, refunded = 0;
    std::uint64_t leases = 0, accounts = 0;
    std::array<std::uint64_t, 7> used{};  ///< by feed::Benefit, in its unit
  };
  [[nodiscard]] virtual Counts counts() const = 0;
};

}  // namespace dayaq::edge
