#include "edge/replica_image.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace dayaq::edge {
namespace {

constexpr std::array<char, 8> table_magic{'D', 'Y', 'Q', 'R', 'T', 'B', 'L', '1'};
constexpr std::array<char, 8> lists_magic{'D', 'Y', 'Q', 'R', 'L', 'S', 'T', '1'};
constexpr std::size_t header_bytes = 4096;
constexpr std::size_t boot_max = 48;
constexpr std::uint64_t capacity_min = 1024;
constexpr std::size_t lists_reserve = std::size_t(8) << 30;  // what a list's number reaches; addresses only
constexpr std::uint64_t lists_step = 1u << 20;
constexpr std::uint64_t units_slack = 1u << 19;  // lists that may lie unused without being looked for

// Load: made for 0.65, so that probes are short; made anew beyond 0.8.
std::uint64_t capacity_for(std::uint64_t subscriptions) {
  return std::max(capacity_min, subscriptions + subscriptions * 54 / 100);
}
bool too_full(std::uint64_t occupied, std::uint64_t capacity) {
  return occupied > capacity / 10 * 8;
}

/// Until it has its name.
std::filesystem::path table_path(const std::filesystem::path& folder, std::uint64_t generation) {
  return folder / fmt::format("replica.table.{}", generation);
}
std::filesystem::path lists_path(const std::filesystem::path& folder, std::uint64_t generation) {
  return folder / fmt::format("replica.lists.{}", generation);
}

std::size_t hash_of(BytesView list) {
  return std::hash<std::string_view>()(as_text(list));
}

template <class T>
void append(std::byte*& at, T value) {
  std::memcpy(at, &value, sizeof value);
  at += sizeof value;
}

}  // namespace

struct Image::TableHeader {
  std::array<char, 8> magic;
  char boot[boot_max];
  std::uint64_t trust;
  std::uint64_t snapshot_number;
  std::int64_t snapshot_created;
  std::uint64_t generation;
  std::uint64_t capacity;
  std::uint64_t mark;
  std::int64_t said;
};

struct Image::ListsHeader {
  std::array<char, 8> magic;
  std::uint64_t units;  ///< used; raised after a list is written
  std::uint64_t count;
};

Image::TableHeader& Image::table_header() const {
  return *reinterpret_cast<TableHeader*>(table_.data());
}
Image::ListsHeader& Image::lists_header() const {
  return *reinterpret_cast<ListsHeader*>(arena_.data());
}

Image::~Image() {
  if (published_) return;
  std::error_code ignored;
  std::filesystem::remove(lists_path(folder_, generation_), ignored);
  std::filesystem::remove(table_path(folder_, generation_), ignored);
}

Result<std::unique_ptr<Image>> Image::create(const std::filesystem::path& folder,
                                             const ImageIdentity& identity, std::uint64_t subscriptions) {
  auto image = std::make_unique<Image>();
  image->folder_ = folder;
  for (image->generation_ = 1; std::filesystem::exists(lists_path(folder, image->generation_));) {
    ++image->generation_;
  }
  image->capacity_ = capacity_for(subscriptions);
  const std::size_t bytes = header_bytes + image->capacity_ * sizeof(Slot);
  DAYAQ_TRY(image->table_, MappedFile::create(table_path(folder, image->generation_), bytes, bytes));
  DAYAQ_TRY(image->arena_, MappedFile::create(lists_path(folder, image->generation_),
                                              header_bytes + lists_step, lists_reserve));
  image->slots_ = reinterpret_cast<Slot*>(image->table_.data() + header_bytes);
  image->lists_ = image->arena_.data() + header_bytes;
  image->lists_header() = {
      .magic = lists_magic, .units = empty_list + 1, .count = 1};  // the empty list is zeros
  image->table_header().magic = table_magic;
  image->table_header().generation = image->generation_;
  image->table_header().capacity = image->capacity_;
  image->table_header().said = to_micros(instant_min);
  image->identify(identity);
  image->index_lists();
  return image;
}

std::unique_ptr<Image> Image::take_over(const std::filesystem::path& folder, const ImageIdentity& identity) {
  auto image = std::make_unique<Image>();
  image->folder_ = folder;
  image->published_ = true;  // what is there stays there, whoever it belongs to
  auto table = MappedFile::open(folder / "replica.table", 0);
  if (!table || table->size() < header_bytes) return nullptr;
  image->table_ = std::move(*table);
  const TableHeader& header = image->table_header();
  const ImageIdentity found{.boot = std::string(header.boot, ::strnlen(header.boot, boot_max)),
                            .trust = header.trust,
                            .snapshot_number = header.snapshot_number,
                            .snapshot_created = header.snapshot_created};
  if (header.magic != table_magic || found != identity || identity.boot.empty()) return nullptr;
  image->capacity_ = header.capacity;
  image->generation_ = header.generation;
  if (image->capacity_ == 0 || image->capacity_ > (image->table_.size() - header_bytes) / sizeof(Slot))
    return nullptr;
  auto lists = MappedFile::open(lists_path(folder, image->generation_), lists_reserve);
  if (!lists || lists->size() < header_bytes) return nullptr;
  image->arena_ = std::move(*lists);
  image->slots_ = reinterpret_cast<Slot*>(image->table_.data() + header_bytes);
  image->lists_ = image->arena_.data() + header_bytes;
  return image->whole() ? std::move(image) : nullptr;
}

/// Counts, and makes sure that nothing leads outside.
bool Image::whole() {
  const ListsHeader& header = lists_header();
  units_when_made_ = header.units;
  if (header.magic != lists_magic || header.units > (arena_.size() - header_bytes) / unit) return false;
  for (std::uint64_t i = 0; i < capacity_; ++i) {
    const ListNumber list = slots_[i].list;
    if (list == no_list) continue;
    ++occupied_;
    if (list == empty_list) continue;
    ++granted_;
    if (list >= header.units || list_bytes(list).size() > (header.units - list) * unit) return false;
  }
  return occupied_ < capacity_;
}

Result<std::unique_ptr<Image>> Image::remade(std::uint64_t more) const {
  const TableHeader& header = table_header();
  const ImageIdentity identity{.boot = std::string(header.boot, ::strnlen(header.boot, boot_max)),
                               .trust = header.trust,
                               .snapshot_number = header.snapshot_number,
                               .snapshot_created = header.snapshot_created};
  DAYAQ_TRY(auto image, create(folder_, identity, granted_ + more));
  // Most subscriptions share a few lists: their new numbers are remembered.
  std::vector<std::pair<ListNumber, ListNumber>> known(4096);
  for (std::uint64_t i = 0; i < capacity_; ++i) {
    const Slot& slot = slots_[i];
    if (slot.list == no_list || slot.list == empty_list) continue;
    auto& [from, to] = known[slot.list % known.size()];
    if (from != slot.list) {
      DAYAQ_TRY(to, image->intern_bytes(list_bytes(slot.list)));
      from = slot.list;
    }
    image->set(std::uint64_t(slot.high) << 32 | slot.low, to);
  }
  image->units_when_made_ = image->lists_header().units;
  image->mark(header.mark, from_micros(header.said));
  return image;
}

Result<void> Image::publish(const Image* before) {
  units_when_made_ = lists_header().units;
  const auto path = folder_ / "replica.table";
  if (::rename(table_path(folder_, generation_).c_str(), path.c_str()) != 0)
    return disk_failed("rename", path, errno);
  published_ = true;
  if (before != nullptr) ::unlink(lists_path(folder_, before->generation_).c_str());
  return {};
}

void Image::remove_others(const std::filesystem::path& folder, const Image* kept) {
  std::error_code ignored;
  std::vector<std::filesystem::path> others;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with("replica.lists.") && !name.starts_with("replica.table")) continue;
    if (kept != nullptr && name == "replica.table") continue;
    if (kept != nullptr && entry.path() == lists_path(folder, kept->generation_)) continue;
    others.push_back(entry.path());
  }
  for (const auto& path : others) std::filesystem::remove(path, ignored);
}

BytesView Image::list_bytes(ListNumber list) const {
  const std::byte* at = lists_ + std::size_t(list) * unit;
  std::uint16_t head = 0;
  std::memcpy(&head, at, sizeof head);
  return {at, unit + std::size_t(head & 0xff) * ((head & wide) != 0 ? 12 : 8)};
}

Result<ListNumber> Image::intern(const feed::GrantList& grants) {
  if (grants.empty()) return empty_list;
  DAYAQ_ASSERT(grants.size() <= feed::grants_max);
  const auto seconds = [](const feed::GrantLine& grant) {
    return std::uint64_t(to_micros(grant.until) / 1'000'000);
  };
  const bool is_wide = std::ranges::any_of(grants, [&](const feed::GrantLine& grant) {
    if (grant.measure > 0xffffff) return true;
    if (grant.until == instant_max) return false;
    return to_micros(grant.until) < 0 || to_micros(grant.until) % 1'000'000 != 0 ||
           seconds(grant) >= without_end;
  });
  std::array<std::byte, unit + feed::grants_max * 12> bytes;
  std::byte* at = bytes.data();
  append(at, std::uint16_t(grants.size() | (is_wide ? wide : 0)));
  for (const feed::GrantLine& grant : grants) {
    if (is_wide) {
      append(at, std::uint32_t(grant.measure));
      append(at, to_micros(grant.until));
    } else {
      append(at, grant.measure | (grant.until == instant_max ? without_end : seconds(grant)) << 24);
    }
  }
  return intern_bytes({bytes.data(), std::size_t(at - bytes.data())});
}

Result<ListNumber> Image::intern_bytes(BytesView list) {
  if (index_.empty()) index_lists();
  std::size_t i = hash_of(list) & (index_.size() - 1);
  for (; index_[i] != no_list; i = (i + 1) & (index_.size() - 1)) {
    const BytesView known = list_bytes(index_[i]);
    if (known.size() == list.size() && std::memcmp(known.data(), list.data(), list.size()) == 0)
      return index_[i];
  }
  ListsHeader& header = lists_header();
  const std::size_t end = header_bytes + header.units * unit + list.size();
  if (end > arena_.size()) {
    // In growing steps, but never much more than there is.
    DAYAQ_TRY_OK(
        arena_.grow(std::max(end, arena_.size() + std::max<std::size_t>(lists_step, arena_.size() / 8))));
  }
  const std::uint64_t number = header.units;
  std::memcpy(lists_ + number * unit, list.data(), list.size());
  // Killed before this, the bytes are written over by the next list; after it, the list is whole.
  std::atomic_ref(header.units).store(number + list.size() / unit, std::memory_order_release);
  ++header.count;
  index_[i] = ListNumber(number);
  if (++indexed_ > index_.size() / 4 * 3) index_grow();
  return ListNumber(number);
}

void Image::index_lists() {
  index_.assign(1024, no_list);
  indexed_ = 0;
  ListsHeader& header = lists_header();
  header.count = 1;
  for (std::uint64_t at = empty_list + 1; at < header.units;) {
    const BytesView list = list_bytes(ListNumber(at));
    std::size_t i = hash_of(list) & (index_.size() - 1);
    while (index_[i] != no_list) i = (i + 1) & (index_.size() - 1);
    index_[i] = ListNumber(at);
    ++header.count;
    if (++indexed_ > index_.size() / 4 * 3) index_grow();
    at += list.size() / unit;
  }
}

void Image::index_grow() {
  std::vector<ListNumber> larger(index_.size() * 2, no_list);
  for (const ListNumber list : index_) {
    if (list == no_list) continue;
    std::size_t i = hash_of(list_bytes(list)) & (larger.size() - 1);
    while (larger[i] != no_list) i = (i + 1) & (larger.size() - 1);
    larger[i] = list;
  }
  index_ = std::move(larger);
}

bool Image::has_room(std::uint64_t more) const {
  return !too_full(occupied_ + more, capacity_) && lists_header().units <= 2 * units_when_made_ + units_slack;
}

void Image::touch(SubscriptionKey key) {
  std::atomic_ref list(slots_[home(key)].list);
  ListNumber now = list.load(std::memory_order_relaxed);
  list.compare_exchange_strong(now, now, std::memory_order_relaxed);
}

bool Image::set(SubscriptionKey key, ListNumber list) {
  std::uint64_t i = home(key);
  for (;; i = next(i)) {
    Slot& slot = slots_[i];
    if (slot.list == no_list) break;
    if (slot.low != std::uint32_t(key) || slot.high != std::uint32_t(key >> 32)) continue;
    if (slot.list == list) return false;
    granted_ = granted_ - (slot.list != empty_list ? 1 : 0) + (list != empty_list ? 1 : 0);
    std::atomic_ref(slot.list).store(list, std::memory_order_release);
    return true;
  }
  if (list == empty_list) return false;
  DAYAQ_ASSERT(occupied_ + 1 < capacity_);
  Slot& slot = slots_[i];
  slot.low = std::uint32_t(key);
  slot.high = std::uint32_t(key >> 32);
  std::atomic_ref(slot.list).store(list, std::memory_order_release);
  ++occupied_;
  ++granted_;
  return true;
}

std::uint64_t Image::mark() const {
  return table_header().mark;
}
Instant Image::said() const {
  return from_micros(table_header().said);
}

void Image::mark(std::uint64_t sequence, Instant said) {
  // A release store: no slot that was set before may come later.
  std::atomic_ref(table_header().said).store(to_micros(said), std::memory_order_release);
  std::atomic_ref(table_header().mark).store(sequence, std::memory_order_release);
}

void Image::identify(const ImageIdentity& identity) {
  TableHeader& header = table_header();
  std::memset(header.boot, 0, boot_max);
  std::memcpy(header.boot, identity.boot.data(), std::min(identity.boot.size(), boot_max));
  header.trust = identity.trust;
  header.snapshot_number = identity.snapshot_number;
  header.snapshot_created = identity.snapshot_created;
}

std::uint64_t Image::list_count() const {
  return lists_header().count;
}
std::uint64_t Image::bytes() const {
  return table_.size() + arena_.size() + index_.capacity() * sizeof(ListNumber);
}

}  // namespace dayaq::edge
