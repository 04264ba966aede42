// A regime's way through the offices: submitted by one official, approved by another, amended, ended.
//
//   submit ──► submitted ──approve──► approved ──(its hour)──► in force ──► superseded by an amendment,
//   ended, or over
//                 │                                                ▲
//                 └─ a new submission of the code withdraws it     └─ amend ──► submitted ──approve──┘
//
// 1. Nobody approves what they submitted themself.
// 2. An approved version's text never changes; an amendment is a new version, and the old one is kept.
// 3. At any moment at most one version of a regime is law. An amendment's approval ends the version before it
// at the
//    moment when the amendment becomes law: at once, or at its own start.
// 4. Every step is one transaction with its audit entry, and observers follow within it.
// 5. Different regimes are independent: a measure of the same code may be in force in two of them, and a
// person is
//    then granted both. It is more often a slip than meant, so that check_conflicts() points it out.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "audit/log.hpp"
#include "regime/file.hpp"
#include "regime/law.hpp"
#include "regime/types.hpp"
#include "store/database.hpp"

namespace dayaq::regime {

/// Follows the law within the transaction that changes it. What it keeps in memory follows commits through
/// its own store::CommitHook.
class LawObserver {
 public:
  virtual ~LawObserver() = default;
  /// Called on the writer thread after the rows are written. `next` is the law from the commit on. An error
  /// fails the transaction.
  virtual Result<void> on_law_change(store::Session& session, const std::shared_ptr<const Law>& next,
                                     Instant now) = 0;
};

using VersionHandle = std::shared_ptr<const RegimeVersion>;

/// All versions of all regimes, and the law that they make, following commits. Add it to the database as a
/// hook.
///
/// Steps run inside the caller's write transaction, on the writer thread. Their errors, besides the store's:
///   not_found "regime.unknown"           no regime of this code
///   not_found "regime.version"           no such version of it
///   conflict  "regime.exists"            submit: a version is in force or approved; amend it
///   conflict  "regime.not_in_force"      amend, end: nothing of it is in force or approved
///   conflict  "regime.decided"           approve: this version was approved, withdrawn or ended before
///   conflict  "regime.past"              its period is over
///   forbidden "regime.same_official"     approve: the same official submitted it
class Lawbook final : public store::CommitHook {
 public:
  Lawbook(FileContext context, audit::Log& log) : context_(std::move(context)), log_(log) {}

  /// Reads what is stored. Call once, before the book is added to the database as a hook.
  /// conflict "regime.stored" if a stored file can't be read any more: the country pack has lost what it
  /// names.
  Result<void> load(store::Session& session);
  /// Observers are called in the order they were added; add them before the first step.
  void add_observer(LawObserver& observer) { observers_.push_back(&observer); }

  // -- the committed state; any thread

  [[nodiscard]] std::shared_ptr<const Law> law() const;
  /// All versions, by code and version.
  [[nodiscard]] std::vector<VersionHandle> versions() const;
  /// The versions of one regime, oldest first; empty if there is none.
  [[nodiscard]] std::vector<VersionHandle> versions_of(const RegimeCode& code) const;

  // -- steps; each returns the version as it stands now

  Result<VersionHandle> submit(store::Session& session, const Regime& regime, const std::string& actor,
                               Instant now);
  Result<VersionHandle> approve(store::Session& session, const RegimeCode& code, int version,
                                const std::string& actor, Instant now);
  Result<VersionHandle> amend(store::Session& session, const Regime& regime, const std::string& actor,
                              Instant now);
  /// Ends all of a regime at `at` (now or later), and withdraws what waits for approval.
  Result<VersionHandle> end(store::Session& session, const RegimeCode& code, Instant at,
                            const std::string& actor, Instant now);

  void begin_transaction() override { mark_ = working_; }
  void discard_transaction() override { working_ = mark_; }
  Result<void> before_commit(store::Session&) override { return {}; }
  void after_commit() noexcept override;
  void after_rollback() noexcept override;

 private:
  struct State {
    std::vector<VersionHandle> versions;  // by code and version
    std::shared_ptr<const Law> law = std::make_shared<const Law>();
  };
  using StateHandle = std::shared_ptr<const State>;

  [[nodiscard]] StateHandle committed() const;
  Result<VersionHandle> add_version(store::Session& session, const Regime& regime, const std::string& actor,
                                    Instant now, std::string_view action);
  Result<void> change_version(store::Session& session, State& next, RegimeVersion changed);
  Result<void> finish(store::Session& session, State next, const RegimeVersion& version,
                      std::string_view action, const std::string& actor, Instant now);

  FileContext context_;
  audit::Log& log_;
  std::vector<LawObserver*> observers_;
  mutable std::mutex mutex_;  // guards committed_
  StateHandle committed_ = std::make_shared<const State>();
  StateHandle working_ = committed_;  // writer thread only
  StateHandle mark_ = committed_;
};

/// What an official should look at before submitting, in words; empty if there is nothing: measures of the
/// same code that another regime has in force at the same time, a period that has begun or is over.
[[nodiscard]] std::vector<std::string> check_conflicts(const Regime& regime, const Law& law, Instant now);

}  // namespace dayaq::regime
