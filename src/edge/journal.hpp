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
#include <span>

#include "edge/types.hpp"

namespace dayaq::edge {

enum class RecordKind : std::uint8_t {
  lease = 1,     ///< one request: `used` is counted, `reserved` and `until` replace the lease's
  reversal = 2,  ///< takes back what this edge counted under (lease, number): a sibling had counted it
  closed = 3,    ///< supervision ended a lease that fell silent: the reservation is given back
  // The engine's own book-keeping: counts nothing, whoever settles passes over it.
  kept = 5,      ///< a lease as it stands, written again so that old files may go; `used`: its window
  want = 6,      ///< asks the siblings for rights to grant; `reserved`: what is left here
  transfer = 7,  ///< gives `used` units of the right to grant to edge number `reserved`
  credit = 8,    ///< a sibling refunded what this edge had debited: the account has `used` units again
};
/// Set in `kind` of what a sibling journaled, as this edge wrote it down when it learned of it: so that it is
/// known again after a crash. The sibling settles it, not this edge.
inline constexpr std::uint8_t sibling_copy = 0x80;

/// Set in `benefit` of the one record that a subscription and civil month have of a TV package that has no
/// unit, and so is paid by the month: `used` is 1. The rest of `benefit` is its place as ever.
inline constexpr std::uint8_t month_of_use = 0x80;

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
  std::uint64_t cumulative =
      0;  ///< RADIUS: the lease's counter after this; else, a sibling's copy: its window
  /// The slice granted with this. A refund: the edge that had debited it, whose account gets it back. The
  /// reversal of an event: how much of it a refund has given back already.
  std::uint64_t reserved = 0;
  Instant at;
  Instant until;             ///< when the slice lapses
  std::uint8_t verdict = 0;  ///< the rest of the verdict, for a repeated question (engine_state.hpp)
  /// Of a sibling's copy: its number in the sibling's journal. An own lease record: the lease's window after
  /// it (Lease::earlier), for a start that reads nothing before it. The reversal of an event: the edge that
  /// keeps it. kept: what is held; of an event, 1 if two edges had counted it.
  std::uint64_t origin = 0;
  [[nodiscard]] bool copied() const { return (std::uint8_t(kind) & sibling_copy) != 0; }
  /// What it is, whether of this edge or a copy of the sibling's.
  [[nodiscard]] RecordKind plain() const {
    return RecordKind(std::uint8_t(kind) & std::uint8_t(~sibling_copy));
  }
  /// Whether it belongs into a settlement: this edge's own usage, or what it takes back of it.
  [[nodiscard]] bool counts() const { return kind == RecordKind::lease || kind == RecordKind::reversal; }
  /// Whether `used` lessens what is settled: a refund, or a reversal of anything else.
  [[nodiscard]] bool gives_back() const { return (kind == RecordKind::reversal) != (phase == Phase::refund); }
  friend bool operator==(const Record&, const Record&) = default;
};

struct JournalOptions {
  std::filesystem::path folder;
  std::uint64_t segment_bytes = 64u << 20;
  bool durable = true;  ///< false: nothing is written: benchmarks of the work in memory only
  std::uint64_t waiting_max = 256u << 20;  ///< bytes held in memory while the disk is full
};

class Journal {
 public:
  /// unavailable "journal.open"; conflict "journal.damaged" if anything but the tail is broken.
  static Result<std::unique_ptr<Journal>> open(const JournalOptions& options);
  virtual ~Journal() = default;  ///< what was appended is on disk first

  /// Appends to the group that is being collected; returns the record's number (1, 2, ...). Never blocks on
  /// the disk. Thread-safe. 0: not appended, `waiting_max` bytes wait for a full or failed disk already.
  virtual std::uint64_t append(const Record& record) = 0;
  /// The same for several that are on disk together or not at all; the number of the last.
  virtual std::uint64_t append_all(std::span<const Record> records) = 0;
  /// The number of the last record appended; 0 if none.
  [[nodiscard]] virtual std::uint64_t last() const = 0;
  /// Records up to this number are on disk.
  [[nodiscard]] virtual std::uint64_t durable() const noexcept = 0;
  /// Called on the journal's thread after each group, and when it fails: post to your loop and answer all
  /// whose sequence durable() has reached.
  virtual void add_waker(std::function<void()> waker) = 0;

  enum class Health : std::uint8_t {
    ok,
    full,
    failed
  };  ///< full: no space; tried again each
      ///< second. failed: ends when started again
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
