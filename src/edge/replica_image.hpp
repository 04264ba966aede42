// The replica's memory: a table of (pseudonym, list) and the lists, each once, in two mapped files.
//
//   replica.table        a page of header, then slots of 12 bytes: key low, key high, list (little-endian)
//   replica.lists.G      a page of header, then lists; the table's header says which G is its own
//
// A slot is free while its list is 0. The key is written before the list, so that a slot is complete or free
// whenever the process is killed. The slot of a key is the high half of key x capacity (keys are hashes),
// with linear probing; nothing is ever removed: a subscription without grants has list 1, the empty one,
// until the table is made anew, which happens beside (another pair of files) while this one goes on
// answering.
//
// A list is named by its offset in units of 2 bytes. Its first unit is its length, plus 256 if its grants are
// of 12 bytes (measure, until in microseconds) and not of 8 (measure in 24 bits, until in whole seconds in
// 40, all ones for without end).
//
// Threads: one thread changes it. Others read slots and lists under the edge's lock, under which that thread
// calls set(); what else it does (new lists, touch) they can't see.
#pragma once

#include <atomic>
#include <cstring>
#include <memory>
#include <optional>

#include "edge/replica_map.hpp"
#include "edge/types.hpp"

namespace dayaq::edge {

using ListNumber = std::uint32_t;
inline constexpr ListNumber no_list = 0;
inline constexpr ListNumber empty_list = 1;

/// What an image was made from: it is taken over only by who has the same.
struct ImageIdentity {
  std::string boot;                   ///< boot_id()
  std::uint64_t trust = 0;            ///< hash of the operator's code and the centre's keys
  std::uint64_t snapshot_number = 0;  ///< of the snapshot on disk; 0: none
  std::int64_t snapshot_created = 0;
  friend bool operator==(const ImageIdentity&, const ImageIdentity&) = default;
};

class Image {
 public:
  /// An empty image with room for `subscriptions`, not yet under its name. unavailable "replica.disk".
  static Result<std::unique_ptr<Image>> create(const std::filesystem::path& folder,
                                               const ImageIdentity& identity, std::uint64_t subscriptions);
  /// The image that a process of this boot has left, if it is there, whole and of this identity.
  static std::unique_ptr<Image> take_over(const std::filesystem::path& folder, const ImageIdentity& identity);
  /// The same content in new files with room for `more` subscriptions, without what is unused. Not yet under
  /// its name.
  [[nodiscard]] Result<std::unique_ptr<Image>> remade(std::uint64_t more) const;
  /// Gives it its name, in the place of the one before, whose lists are removed.
  Result<void> publish(const Image* before);
  [[nodiscard]] bool published() const { return published_; }
  /// Removes the files of images but those of `kept` (null: all).
  static void remove_others(const std::filesystem::path& folder, const Image* kept);

  [[nodiscard]] ListNumber list_of(SubscriptionKey key) const {
    for (std::uint64_t i = home(key);; i = next(i)) {
      const Slot& slot = slots_[i];
      const ListNumber list = load(slot);
      if (list == no_list) return no_list;
      if (slot.low == std::uint32_t(key) && slot.high == std::uint32_t(key >> 32)) return list;
    }
  }
  /// Calls f(measure number, until) for each grant of a list.
  template <class F>
  void each_grant(ListNumber list, F&& f) const {
    const std::byte* at = lists_ + std::size_t(list) * unit;
    std::uint16_t head = 0;
    std::memcpy(&head, at, sizeof head);
    at += unit;
    const unsigned count = head & 0xff;
    if ((head & wide) == 0) [[likely]] {
      for (unsigned i = 0; i < count; ++i, at += 8) {
        std::uint64_t both = 0;
        std::memcpy(&both, at, sizeof both);
        const std::uint64_t seconds = both >> 24;
        f(MeasureNumber(both & 0xffffff),
          seconds == without_end ? instant_max : Instant(std::chrono::seconds(seconds)));
      }
      return;
    }
    for (unsigned i = 0; i < count; ++i, at += 12) {
      std::uint32_t measure = 0;
      std::int64_t until = 0;
      std::memcpy(&measure, at, sizeof measure);
      std::memcpy(&until, at + sizeof measure, sizeof until);
      f(measure, from_micros(until));
    }
  }
  /// The slot may straddle two cache lines.
  void prefetch(SubscriptionKey key) const {
    const auto* at = reinterpret_cast<const char*>(&slots_[home(key)]);
    __builtin_prefetch(at);
    __builtin_prefetch(at + sizeof(Slot) - 1);
  }

  /// The number of a list, which is added if it isn't there. unavailable "replica.disk".
  Result<ListNumber> intern(const feed::GrantList& grants);
  /// Whether `more` subscriptions fit, and unused lists haven't become half of all.
  [[nodiscard]] bool has_room(std::uint64_t more) const;
  /// Brings the slot's page in for writing, so that set() doesn't wait for it.
  void touch(SubscriptionKey key);
  /// There must be room. True if the subscription had another list.
  bool set(SubscriptionKey key, ListNumber list);

  /// The number up to which the feed is in, and when the centre said it: changed after the last set().
  [[nodiscard]] std::uint64_t mark() const;
  [[nodiscard]] Instant said() const;
  void mark(std::uint64_t sequence, Instant said);
  void identify(const ImageIdentity& identity);

  [[nodiscard]] std::uint64_t subscriptions() const { return granted_; }
  [[nodiscard]] std::uint64_t list_count() const;
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  struct Slot {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    std::uint32_t list = no_list;
  };
  static_assert(sizeof(Slot) == 12);
  struct TableHeader;
  struct ListsHeader;
  static constexpr std::size_t unit = 2;
  static constexpr std::uint16_t wide = 256;
  static constexpr std::uint64_t without_end = (std::uint64_t(1) << 40) - 1;

  static ListNumber load(const Slot& slot) {
    return std::atomic_ref(const_cast<std::uint32_t&>(slot.list)).load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint64_t home(SubscriptionKey key) const {
    __extension__ using Wide = unsigned __int128;
    return std::uint64_t((Wide(key) * capacity_) >> 64);
  }
  [[nodiscard]] std::uint64_t next(std::uint64_t i) const { return i + 1 == capacity_ ? 0 : i + 1; }
  [[nodiscard]] BytesView list_bytes(ListNumber list) const;
  [[nodiscard]] TableHeader& table_header() const;
  [[nodiscard]] ListsHeader& lists_header() const;
  [[nodiscard]] bool whole();
  Result<ListNumber> intern_bytes(BytesView list);
  void index_lists();
  void index_grow();

  std::filesystem::path folder_;
  std::uint64_t generation_ = 0;
  bool published_ = false;
  MappedFile table_;
  MappedFile arena_;
  Slot* slots_ = nullptr;
  std::byte* lists_ = nullptr;
  std::uint64_t capacity_ = 0;
  std::uint64_t occupied_ = 0;
  std::uint64_t granted_ = 0;
  std::uint64_t units_when_made_ = 0;
  std::vector<ListNumber> index_;  // open addressing by the list's bytes; filled when the first list comes
  std::uint64_t indexed_ = 0;

 public:
  Image() = default;
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
  ~Image();
};

}  // namespace dayaq::edge
