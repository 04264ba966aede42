// Settlement: tells the centre what was used, once, whatever happens in between.
//
//   journal ──► sums ──► settlement/NNN.batch (signed, on disk) ──► POST /v1/settlements ──► confirmed
//
// 1. A batch holds the records from the one after the last batch's to its own last. It is on disk before it
// is
//    sent and never changes: after kill -9 either the file is there, and goes out as it is, or its records
//    are read again from the journal. So nothing is settled twice, and nothing is lost.
// 2. Batches go out in their order, the next when the one before is confirmed; a lost answer means the same
//    bytes again, which the centre answers as before.
// 3. Without the centre batches wait on disk, for as long as it takes: some kilobytes each. The journal's
//    files may go as soon as their batch is on disk, so that it stays small meanwhile.
// 4. A centre that was restored from an older state says which number it wants: confirmed batches are kept
// for
//    `keep` and sent again from there.
//
// The batch's bytes are feed/settlement.hpp's; docs/settlement.md tells the whole.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "edge/engine.hpp"
#include "edge/settler_folder.hpp"
#include "edge/settler_sums.hpp"
#include "http/client.hpp"

namespace dayaq::edge {

/// Where batches go.
class SettlementCentre {
 public:
  struct Answer {
    enum class What : std::uint8_t {
      confirmed,  ///< this batch is stored, now or before
      away,       ///< not reached, or it can't just now: again later
      gap,        ///< it wants batch number `next` first
      refused,    ///< it won't take this batch as it is: for a person to look at
    };
    What what = What::away;
    std::uint64_t next = 0;
    std::string why;  ///< for the log and the status page
  };
  virtual ~SettlementCentre() = default;
  /// Blocks until answered; one thread.
  virtual Answer send(BytesView batch) = 0;
};

class CentreAccess;

struct HttpCentreOptions {
  std::string url;                 ///< "https://centre.example"
  std::string token;               ///< without `access`: shown as it is
  std::string tls_authority;       ///< PEM file; empty: the system's
  CentreAccess* access = nullptr;  ///< gives the tokens to call with; outlives the centre
};
/// POST /v1/settlements. invalid_input "client.url".
[[nodiscard]] Result<std::unique_ptr<SettlementCentre>> http_settlement_centre(
    const HttpCentreOptions& options);

/// What the settler needs of the engine: its lock, and whom to tell how far the journal is settled.
struct SettlerEngine {
  std::mutex& mutex;
  std::function<void(std::uint64_t)> settled_through;  ///< called with the lock held
  SettlerEngine(Engine& engine)  // NOLINT(google-explicit-constructor): an engine is one
      : mutex(engine.mutex()),
        settled_through([&engine](std::uint64_t number) { engine.settled_through(number); }) {}
  SettlerEngine(std::mutex& lock, std::function<void(std::uint64_t)> tell)
      : mutex(lock), settled_through(std::move(tell)) {}
};

struct SettlerOptions {
  std::filesystem::path folder;  ///< the edge's; batches go to its subfolder settlement/
  std::string operator_code;
  std::string edge;  ///< its name, as enrolled
  std::string zone = "Asia/Baku";
  std::chrono::seconds batch_every{60};
  std::uint64_t batch_records = 5'000'000;  ///< of the journal, in one batch
  std::chrono::seconds retry_first{1};      ///< doubled each time, up to
  std::chrono::seconds retry_most{300};
  std::chrono::days keep{30};                     ///< confirmed batches
  std::function<std::uint32_t()> resources = {};  ///< the version of the zero-rated resources in use; null: 0
};

class Settler {
 public:
  struct Parts {
    const Journal& journal;
    SettlerEngine engine;
    const Replica& replica;
    const ServiceTable& services;
    SettlementCentre& centre;
    const Clock& clock;
  };
  /// What `parts` refer to must outlive the settler. Errors of SettlementFolder::open, and conflict
  /// "settler.journal" if the journal ends before what was settled, or begins after it: it is not the one
  /// that the batches were made of.
  static Result<std::unique_ptr<Settler>> open(const SettlerOptions& options, crypto::SigningKey key,
                                               const Parts& parts);
  ~Settler();  ///< stops; what is open is made a batch of after the next start

  /// Begins to work on a thread of its own, about once a second.
  void start();
  /// Returns when the thread has ended: at once, or when the centre has answered what was just sent.
  void stop();

  /// One turn: adds up what is new, closes a batch that is due, sends what waits. The thread's work, for
  /// tests and tools to do themselves. Not while the thread runs.
  void step();
  /// Makes a batch of what is open, if anything is, though it isn't due. As step().
  void close();

  /// For status pages and metrics; any thread.
  struct State {
    std::uint64_t number = 0;     ///< of the last batch made; 0: none
    std::uint64_t confirmed = 0;  ///< of the last batch that the centre has
    std::uint64_t waiting = 0;
    Instant waiting_since = instant_max;   ///< when the first that waits was made
    std::uint64_t record = 0;              ///< the journal's last that is in a batch
    Instant last_confirmed = instant_min;  ///< since this start
    std::uint64_t failures = 0;            ///< since the last that went well
    std::uint64_t implausible = 0;         ///< records that were not counted, since this start
    std::string trouble;                   ///< what keeps it from settling; empty: nothing
  };
  [[nodiscard]] State state() const;

 private:
  Settler(const SettlerOptions& options, crypto::SigningKey key, const Parts& parts, Zone zone,
          SettlementFolder folder);
  void run();
  void collect(Instant now);
  bool due(Instant now);
  [[nodiscard]] std::uint32_t listed() const;
  bool make_batch(Instant now);
  void send_waiting(Instant now);
  bool take_answer(const SettlementCentre::Answer& answer, std::uint64_t number, Instant now);
  bool go_back(const SettlementCentre::Answer& answer, std::uint64_t number, Instant now);
  void put_off(Instant now, std::string why, bool alarm);
  void publish(std::string trouble);
  [[nodiscard]] bool stopping() const;

  SettlerOptions options_;
  crypto::SigningKey key_;
  Parts parts_;
  Zone zone_;
  DayFinder days_;
  SettlementFolder folder_;

  // Of the open batch.
  SettlementSums sums_;
  std::uint64_t read_ = 0;       ///< the last record looked at
  std::uint64_t base_ = 0;       ///< `read_` when there was nothing in it
  bool full_ = false;            ///< must be closed before more is added
  std::uint32_t resources_ = 0;  ///< the list that it counts by
  Instant opened_ = instant_max;

  Instant next_try_ = instant_min;
  std::chrono::seconds pause_{0};
  bool went_back_ = false;  ///< in this turn: the centre that says so again is at fault itself
  std::string alarmed_;     ///< the last trouble that was logged

  mutable std::mutex mutex_;  ///< guards what follows
  State state_;
  bool stopping_ = false;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace dayaq::edge
