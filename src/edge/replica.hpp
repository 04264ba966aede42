// The operator's grants, held in memory: a signed snapshot, then signed, numbered changes, both kept on disk
// as they came.
//
// - A block that isn't signed by the centre's key, belongs to another operator, leaves a gap, repeats or goes
//   back is refused and reported; what is known stays in force meanwhile.
// - A grant's own end is kept here, without the centre.
// - In memory: one open-addressing table of (pseudonym, list) and the lists, each once. The table is a shared
//   mapping of `replica.table`: after a crash of the process alone (same boot) it is taken over as it stands
//   and the changes since its mark are applied again, which is safe because a line says a state. After a
//   crash of the machine it is built again from the signed blocks.
//
// Threads: find(), definitions() and install steps run under the edge's one lock (Engine::mutex); verifying
// and writing to disk don't need it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <span>

#include "crypto/sign.hpp"
#include "edge/types.hpp"

namespace dayaq::edge {

/// What one measure gives, compiled for decisions.
struct Measure {
  MeasureNumber number = 0;
  std::string regime;
  std::uint32_t version = 1;
  Period period;
  std::vector<feed::BenefitLine> benefits;
  std::vector<std::uint64_t> covers;  ///< of each benefit: ServiceTable::covered_by
  std::uint64_t any = 0;              ///< all of them
  bool defers = false;                ///< has a deferral: limited service instead of a cut-off
};

/// A grant of a subscription that is in force at the moment of asking.
struct GrantInForce {
  const Measure* measure = nullptr;
  Instant until;
};

struct ReplicaOptions {
  std::filesystem::path folder;  ///< holds replica.table, snapshot and changes
  std::string operator_code;
  std::vector<crypto::PublicKey> centre_keys;  ///< one, or two while the centre changes its key
  bool accept_older = false;                   ///< the centre was restored: take a snapshot older than ours
  /// Where replica.table and the lists lie; empty: in `folder`. A tmpfs (/dev/shm, /run) spares the disk
  /// their writing back, and they are of no use after a crash of the machine anyway.
  std::filesystem::path image_folder;
  /// What is damaged on disk is set aside (and said in the log and in State), and open() goes on with what is
  /// left: a follower gets the rest from the centre. Else open() fails with "replica.damaged".
  bool heal = false;
  unsigned threads = 2;  ///< that verify signatures at a start
  std::string boot;      ///< for tests: in the place of the kernel's id of this boot
};

class Replica {
 public:
  /// Opens what is on disk. forbidden "replica.signature", conflict "replica.damaged" with what to do next,
  /// unavailable "replica.disk". A missing folder is an empty replica.
  static Result<std::unique_ptr<Replica>> open(const ReplicaOptions& options, const ServiceTable& services);
  virtual ~Replica() = default;

  // --- under the edge's lock
  // ---------------------------------------------------------------------------------
  /// `out` becomes the grants of the subscription that are in force at `now`, in the feed's order. What is in
  /// it points into the replica: it is good while the lock is held.
  /// @return false if the subscription isn't known (it then has no grants)
  virtual bool find(SubscriptionKey key, Instant now, std::vector<GrantInForce>& out) const = 0;
  [[nodiscard]] virtual const Measure* measure(MeasureNumber number) const = 0;
  /// Fetches the cache lines that find() will need.
  virtual void prefetch(SubscriptionKey key) const = 0;

  // --- following; one thread
  // ---------------------------------------------------------------------------------
  /// Called under the lock with what changed: a subscription's grants, or a measure's definition.
  struct Observer {
    std::function<void(SubscriptionKey)> subscription_changed;
    std::function<void(MeasureNumber)> measure_changed;
    std::function<void()> all_changed;  ///< a snapshot took the place of what was known
  };
  virtual void observe(Observer observer) = 0;
  /// Applies signed blocks of changes: verified and written (fdatasync) without the lock, installed under it
  /// in steps of at most a block. forbidden "replica.signature", conflict "replica.gap", "replica.replay",
  /// invalid_input (feed::decode's), forbidden "replica.operator". Blocks before the bad one are applied.
  virtual Result<void> apply(BytesView blocks, std::mutex& lock) = 0;
  /// A snapshot: its pages in order, then take it; apply() may go on in between, so that changes don't wait.
  /// conflict "replica.older" if it ends before what is known,
  /// "replica.pages" if a page is missing, repeated or of an older number than the first.
  virtual Result<void> snapshot_begin(std::uint32_t pages) = 0;
  virtual Result<void> snapshot_page(BytesView block) = 0;
  virtual Result<void> snapshot_take(std::mutex& lock) = 0;
  /// What comes from now on must be signed by one of these.
  virtual void trust(std::vector<crypto::PublicKey> /*centre_keys*/) {}

  /// For status, pages and metrics; any thread.
  struct State {
    std::uint64_t sequence = 0;       ///< the last number applied
    Instant said = instant_min;       ///< when the centre said it
    std::uint64_t subscriptions = 0;  ///< with grants
    std::uint64_t lists = 0;
    std::uint64_t measures = 0;
    std::uint64_t bytes = 0;  ///< of memory for all of it
    bool from_image = false;  ///< the last start took the table over
    bool has_snapshot = false;
    std::uint64_t snapshot_bytes = 0;  ///< on disk
    std::uint64_t change_bytes = 0;    ///< on disk, since the snapshot
    std::uint64_t change_blocks = 0;   ///< each is a signature that a start may have to verify
    std::string set_aside;             ///< what was damaged at the last start; empty: nothing
  };
  [[nodiscard]] virtual State state() const = 0;
};

}  // namespace dayaq::edge
