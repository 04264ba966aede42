// Keeps all grants current: with every fact, every law and every hour, in the transaction that changes them.
//
//   on_change, on_law_change      what a transaction did is noted (and dropped again if it is discarded)
//   before_commit                 who is touched is derived anew, from the index and the notes; what changes
//   for
//                                 their lines is written to the feed
//   after_commit                  the index takes it over; who waits for the feed is told
//
// 1. The index is written by the writer thread alone, after a commit; so before it, readers see nothing of
// it.
// 2. All that the feed ever said is the state at the moment of its last block, or of a commit before: a node
// that
//    starts derives everybody at that moment, and then advances to now, and so says exactly what is missing.
// 3. A line is said again only if something is granted or taken away. That a grant ends at a moment that the
// edges
//    already know is not said.
// 4. What time alone changes (attestations begin, birthdays, lines begin or end, laws begin or end) waits in
// a queue
//    of a day; the rest of time is looked through once a day.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <queue>
#include <set>

#include "base/random.hpp"
#include "regime/decision.hpp"
#include "regime/feed_hub.hpp"
#include "regime/lifecycle.hpp"
#include "regime/preview.hpp"
#include "regime/snapshot.hpp"
#include "registry/observer.hpp"
#include "registry/organisations.hpp"
#include "registry/store.hpp"

namespace dayaq::regime {

/// What a check of all grants against the database found.
struct KeeperCheck {
  std::uint64_t lines = 0;
  std::uint64_t different = 0;
  std::string first;  ///< the first that differs, in words with ids; empty if none
};

class GrantKeeper final : public registry::ChangeObserver, public LawObserver, public store::CommitHook {
 public:
  /// What the keeper works with; all of it outlives the keeper.
  struct Parts {
    store::Database& db;
    const registry::CountryPack& country;
    registry::RegistryStore registry;
    const registry::OrganisationDirectory& organisations;
    const Clock& clock;
    Random& random;
    const crypto::SigningKey& signer;  ///< signs the feed's blocks
    int threads = 2;                   ///< for deriving everybody
    /// Where the index is saved between runs, and the log that says what came after; without both it is
    /// always built from the database.
    std::filesystem::path snapshot = {};
    const audit::Log* log = nullptr;
  };

  /// Loads keys, numbers and the whole population, as of the feed's last block (now, if there is none). Then:
  /// add it to the database as a hook after the lawbook, to the lawbook and the registry as an observer, and
  /// call advance().
  static Result<std::unique_ptr<GrantKeeper>> open(const Parts& parts, std::shared_ptr<const Law> law);
  ~GrantKeeper() override;

  [[nodiscard]] const LivePopulation& live() const { return *live_; }
  [[nodiscard]] FeedHub& hub() { return hub_; }
  /// The pseudonym of a subscription; nullopt if the operator has no lines. Any thread.
  [[nodiscard]] std::optional<LineKey> line_key(OrganisationIndex provider, SubscriptionKind kind,
                                                std::string_view number) const;
  [[nodiscard]] const crypto::SigningKey& signer() const { return parts_.signer; }
  [[nodiscard]] std::optional<SipKey> feed_key(OrganisationIndex provider) const;  ///< any thread

  /// Does what time has made due. Call it about once a second; a transaction runs only if something is due.
  /// Not on the writer thread. Errors are the store's.
  Result<void> advance();
  /// True if advance() would run a transaction.
  [[nodiscard]] bool due() const;

  /// Forgets what the feed said before a moment; who lags behind it must take a snapshot. Not on the writer
  /// thread.
  Result<void> trim_feed(Instant before);

  /// Saves the index, so that the next start is quick. In the background the work is done by a fork of the
  /// process, and neither readers nor writers wait for it. Not on the writer thread.
  enum class Saving : std::uint8_t { here, in_background };
  Result<void> save(Saving saving);

  /// Derives everybody from the database alone and compares. For tests, drills and the command line: it takes
  /// as long as reading everything.
  Result<KeeperCheck> check(store::Session& session) const;

  Result<void> on_change(store::Session& session, const registry::Change& change) override;
  Result<void> on_law_change(store::Session& session, const std::shared_ptr<const Law>& next,
                             Instant now) override;
  void begin_transaction() override;
  void discard_transaction() override;
  Result<void> before_commit(store::Session& session) override;
  void after_commit() noexcept override;
  void after_rollback() noexcept override;

 private:
  /// What transactions of this group did.
  struct Notes {
    std::vector<registry::Change> changes;
    std::shared_ptr<const NumberedLaw> law;  // shared with readers from the commit on; null: unchanged
  };
  /// A line whose profile this commit sets.
  struct NewProfile {
    LineKey key = 0;
    std::vector<LineGrant> grants;
    Second changes_at = second_never;
  };
  /// The moment at which time changes something for a person.
  struct Event {
    Instant at;
    std::uint64_t person = 0;
    friend auto operator<=>(const Event&, const Event&) = default;
  };
  /// What is to be done when the group is durable.
  struct Plan {
    Instant now = instant_min;
    std::shared_ptr<const NumberedLaw> law;
    std::optional<ActiveLaw> active;  ///< set if the law in force changes
    std::optional<BulkDerivation> bulk;
    std::vector<KnownPerson> persons;
    std::vector<NewProfile> profiles;
    std::vector<FeedBlock> blocks;
    std::map<OrganisationIndex, SipKey> keys;
    std::vector<Event> events;  ///< taken off the queue
  };
  using Touched = std::map<std::uint64_t, KnownPerson>;
  /// What a line was granted before this commit, and is from it on.
  struct LineChange {
    OrganisationIndex provider = 0;
    std::vector<LineGrant> before;
    std::vector<LineGrant> after;
  };

  explicit GrantKeeper(const Parts& parts) : parts_(parts) {}
  Result<void> load_catalogue(std::shared_ptr<const Law> law);
  Result<void> load_population();
  [[nodiscard]] Result<Population> build_population(Instant as_of) const;
  Result<Population> restore_population(store::Session& session, Instant as_of);
  Result<void> reload(store::Session& session, Population& population,
                      const std::set<std::uint64_t>& persons) const;
  [[nodiscard]] SnapshotFit fit() const;
  Result<std::shared_ptr<const NumberedLaw>> number(store::Session& session, std::shared_ptr<const Law> law);

  Result<void> add_missing_keys(store::Session& session);
  Result<LineKey> key_of(store::Session& session, const registry::Subscription& subscription);
  KnownPerson& touch(Touched& touched, PersonId person) const;
  Result<void> note(store::Session& session, Touched& touched, const registry::Change& change);
  [[nodiscard]] Result<void> take_due(store::Session& session, Touched& touched);
  /// Of a profile, what still lasts at the plan's moment by the plan's law.
  void lasting(std::span<const LineGrant> grants, std::vector<LineGrant>& out) const;
  [[nodiscard]] const ActiveLaw& planned_law() const;
  void plan_law(FeedWriter& writer);
  void define(FeedWriter& writer, OrganisationIndex provider) const;
  void plan_bulk(FeedWriter& writer);
  void plan_persons(FeedWriter& writer, Touched& touched);
  void apply_persons();
  void watch(const KnownPerson& person);
  /// Queues what happens after the index's moment and until a day after `now`.
  void fill_events(Instant now);
  void announce_next();

  Parts parts_;
  FeedHub hub_;
  std::unique_ptr<LivePopulation> live_;
  mutable std::shared_mutex keys_mutex_;  // guards keys_
  std::map<OrganisationIndex, SipKey> keys_;
  /// The log's size at the last save or load of the file; the highest number if there is no file.
  std::atomic<std::uint64_t> saved_at_{~std::uint64_t(0)};
  std::atomic<std::int64_t> next_due_{0};  // microseconds: when advance() has something to do

  // Writer thread only.
  std::shared_ptr<const NumberedLaw> law_;
  MeasureNumbers numbers_;  // grows with committed laws
  std::map<OrganisationIndex, std::uint64_t> ends_;
  Notes notes_;
  std::size_t marked_changes_ = 0;
  std::shared_ptr<const NumberedLaw> marked_law_;
  Plan plan_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  Instant events_until_ = instant_min;  // later events aren't in the queue yet
};

}  // namespace dayaq::regime
