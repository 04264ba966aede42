// The usage journal: numbered records, appended in groups, each group on disk (fdatasync) before anybody
// whose record is in it is answered.
//
// Files `journal/NNNNNNNNNNNNNNNNNNNN.log` (number of the first record), preallocated, of groups: magic,
// first number, count, bytes, CRC-32C, records of fixed size. At open the last file's torn tail is cut off:
// what was acknowledged is never in it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "edge/types.hpp"

namespace dayaq::edge {

enum class RecordKind : std::uint8_t {
  lease = 1,     ///< one request: `used` is counted, `reserved` and `until` replace the lease's
  reversal = 2,  ///< takes back what this edge counted under (lease, number): a sibling had counted it
  closed = 3,    ///< supervision ended a lease that fell silent: the reservation is given back
  settled = 4,   ///< all records up to `used` are in settlement batch number `reserved`
};

struct Record {
  RecordKind kind = RecordKind::lease;
  Phase phase = Phase::start;
  Outcome outcome = Outcome::granted;
  std::uint8_t benefit = 0;  ///< of the measure
  ServiceIndex service = no_service;
  bool orphan = false;    ///< its beginning was not seen here
  std::uint8_t edge = 0;  ///< the edge that journaled it, 1..
  std::uint32_t number = 0;
  LeaseId lease;
  SubscriptionKey key = 0;
  MeasureNumber measure = 0;
  std::int32_t period_start = 0;  ///< the quota period's first civil day, days since 1970; 0 for `regime`
  std::uint64_t used = 0;
  std::uint64_t cumulative = 0;  ///< RADIUS: the lease's counter after this
  std::uint64_t reserved = 0;    ///< the slice granted with this
  Instant at;
  Instant until;  ///< when the slice lapses
  friend bool operator==(const Record&, const Record&) = default;
};

struct JournalOptions {
  std::filesystem::path folder;
  std::uint64_t segment_bytes = 64u << 20;
  bool durable = true;  ///< false: benchmarks of the work in memory only; says so in state()
};

class Journal {
 public:
  /// unavailable "journal.open"; conflict "journal.damaged" if anything but the tail is broken.
  static Result<std::unique_ptr<Journal>> open(const JournalOptions& options);
  virtual ~Journal() = default;  ///< what was appended is on disk first

  /// Appends to the group that is being collected; returns the record's number (1, 2, ...). Never blocks on
  /// the disk. Thread-safe.
  virtual std::uint64_t append(const Record& record) = 0;
  /// Records up to this number are on disk.
  [[nodiscard]] virtual std::uint64_t durable() const noexcept = 0;
  /// Called on the journal's thread after each group, and when it fails: post to your loop and answer all
  /// whose sequence durable() has reached.
  virtual void add_waker(std::function<void()> waker) = 0;

  enum class Health : std::uint8_t { ok, full, failed };  ///< full: no space; tried again each second
  [[nodiscard]] virtual Health health() const noexcept = 0;

  /// Durable records after `after`, in order, until `on_record` returns false. limit "journal.trimmed" if
  /// they are gone.
  virtual Result<void> read(
      std::uint64_t after,
      const std::function<bool(std::uint64_t number, const Record&)>& on_record) const = 0;
  [[nodiscard]] virtual std::uint64_t first_kept() const = 0;
  /// Whole files with nothing after `number` may go.
  virtual void drop_through(std::uint64_t number) = 0;
};

}  // namespace dayaq::edge
