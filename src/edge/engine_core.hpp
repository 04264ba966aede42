// The engine's parts, for its own files: engine.cpp (opening, siblings, the clock), engine_decide.cpp
// (verdicts), engine_checkpoint.cpp (the background thread).
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "edge/accounts_checkpoint.hpp"
#include "edge/engine_state.hpp"
#include "edge/quota_period.hpp"

namespace dayaq::edge {

class EngineCore final : public Engine {
 public:
  EngineCore(EngineOptions options, const ServiceTable& services, Replica& replica, Journal& journal,
             QuotaCalendar calendar);
  ~EngineCore() override;
  Result<void> recover(Instant now);

  std::mutex& mutex() override { return mutex_; }
  Verdict decide(const Ask& ask, Instant now) override;
  Verdict look(SubscriptionKey key, LineKind line, ServiceIndex service, Instant now) override;
  void prefetch(SubscriptionKey key, Instant now) override;
  void prefetch_lease(const LeaseId& id) override { state_.leases.prefetch(id); }
  bool defers(SubscriptionKey key, LineKind line, Instant now) override;
  [[nodiscard]] std::optional<LeaseView> lease(const LeaseId& id) const override;
  [[nodiscard]] std::optional<Debit> debit(const LeaseId& id) const override;
  Verdict refund(const Debit& debit, std::uint64_t units, Instant now) override;
  void apply_sibling(std::uint64_t number, const Record& record, Instant now) override;
  void sibling_heard(std::uint8_t edge, Instant now) override;
  void sibling_stands(std::uint8_t edge, std::uint64_t ours, std::uint64_t kept) override;
  [[nodiscard]] std::uint64_t sibling_sequence(std::uint8_t edge) const override;
  void tick(Instant now) override;
  void settled_through(std::uint64_t number) override;
  [[nodiscard]] Counts counts() const override;
  [[nodiscard]] const EngineState& state() const { return state_; }  ///< under the lock

 private:
  /// One benefit of one grant that covers what is asked.
  struct Candidate {
    const Measure* measure = nullptr;
    const feed::BenefitLine* line = nullptr;
    AccountKey account;
    Instant period_until;  ///< of the quota's period
    Instant grant_until;
  };
  enum class Cover : std::uint8_t { unknown, none, used_up, limited, granted };
  struct Choice {
    Cover cover = Cover::none;
    const Candidate* of = nullptr;  ///< granted: of this; used up: the first that covers
    EngineState::Left left;         ///< of a quota
  };

  void pass_time(Instant now);
  /// Candidates in the order in which they are drawn on, in candidates_; false: unknown subscription.
  bool candidates(SubscriptionKey key, LineKind line, ServiceIndex service, Instant now);
  /// The first with at least `least` units left.
  Choice choose(SubscriptionKey key, LineKind line, ServiceIndex service, Instant now, std::uint64_t least);
  [[nodiscard]] std::uint64_t default_slice(feed::Benefit kind) const;
  [[nodiscard]] std::chrono::seconds validity_of(feed::Benefit kind) const;
  [[nodiscard]] Verdict refusal(Cover cover);
  [[nodiscard]] Verdict grant(const Choice& choice, std::uint64_t wanted, Instant now) const;
  [[nodiscard]] Verdict again(const Lease& lease, const Ask& ask);

  struct Use {
    std::uint64_t units = 0;
    bool orphan = false;
    bool charged = false;  ///< to the lease's account, else (orphan) to the candidate's
  };
  Use use_of(const Ask& ask, const Lease* lease) const;
  Verdict decide_slice(const Ask& ask, const Lease* lease, Instant now);
  Verdict decide_event(const Ask& ask, Instant now);
  Verdict decide_stop(const Ask& ask, const Lease* lease, Instant now);
  [[nodiscard]] Record record_for(const Ask& ask, const Use& use, Instant now) const;
  void charge_to(Record& record, const Candidate& candidate) const;
  void charge_to(Record& record, const Lease& lease) const;
  void put_verdict(Record& record, const Verdict& verdict, const Candidate& candidate) const;
  /// The record that charges what is reported; false if nothing covers it and nobody granted it.
  bool write_report(const Ask& ask, const Lease* lease, Use& use, Record& report, Instant now);
  [[nodiscard]] EngineState::Pending pending_of(const Record& report, const Lease* lease, bool keeps) const;
  void commit(std::span<const Record> records, Verdict& verdict);
  /// Journals and applies; the number of the last, or 0 if nobody should wait for the disk.
  std::uint64_t write_down(std::span<const Record> records);
  /// The record of a month's first use of a TV package, if `use` is that.
  [[nodiscard]] std::optional<Record> month_begun_by(const Record& use);
  [[nodiscard]] bool must_refuse() const;
  void ask_for_rights(const Choice& choice, std::uint64_t slice, Instant now);
  void give_rights(const Record& want, Instant now);
  void close(Lease& lease, Instant now);
  void lease_due(Lease& lease, Instant now);
  [[nodiscard]] bool all_siblings_heard() const;
  void count(const Verdict& verdict);

  Result<void> save_round();
  std::uint64_t keep_leases(std::uint64_t before);
  void save_when_asked();
  void ask_to_save();
  void stop_saving();
  [[nodiscard]] bool stopping();

  std::mutex mutex_;
  EngineOptions options_;
  const ServiceTable& services_;
  Replica& replica_;
  Journal& journal_;
  QuotaCalendar calendar_;
  std::optional<MappedCheckpoint> mapped_;  ///< before the state, whose accounts lie in it
  EngineState state_;
  std::vector<GrantInForce> grants_;
  std::vector<Candidate> candidates_;
  std::vector<Record> records_;  ///< of the question at hand
  std::vector<Record> written_;  ///< these, and the month that one of them begins
  Counts counts_;
  Instant last_now_;
  bool alarmed_ = false;  ///< the log has been told that usage isn't journaled
  std::unordered_map<AccountKey, std::int64_t, HashOfAccount> asked_;  ///< for rights; when
  std::uint64_t asked_at_ = 0;     ///< the journal's end when the accounts were last to be saved
  std::int64_t asked_time_ = 0;    ///< and when
  std::uint64_t round_began_ = 0;  ///< the journal's end when the last saving began
  std::mutex saver_mutex_;         ///< of the next two
  bool save_asked_ = false;
  bool stopping_ = false;
  std::condition_variable saver_wakes_;
  std::thread saver_;
  std::array<bool, edges_max + 1> missed_{};  ///< a sibling's record could not be journaled: it comes again
};

}  // namespace dayaq::edge
