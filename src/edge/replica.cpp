#include "edge/replica.hpp"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "base/file.hpp"
#include "base/log.hpp"
#include "edge/replica_load.hpp"

namespace dayaq::edge {
namespace {

constexpr std::size_t lines_in_step = 1024;  // installed under the lock at once
constexpr std::size_t ahead = 8;

/// A block whose lists have their numbers: installing it can't fail.
struct Ready {
  feed::Block block;
  std::vector<ListNumber> lists;
};

/// A snapshot whose pages are coming in. Changes after its number that are applied meanwhile are applied to
/// it as well: so when it is taken, each line of it is as of what is known then, or newer.
struct Building {
  std::unique_ptr<Image> image;
  std::map<MeasureNumber, feed::Definition> definitions;
  std::uint32_t pages = 0;
  std::uint32_t page = 0;
  std::uint64_t number = 0;
  std::uint64_t bytes = 0;
  Instant created = instant_min;
  bool older = false;  ///< than what is known: the centre was restored
  std::uint64_t blocks_since = 0;
};

class ReplicaOnDisk final : public Replica {
 public:
  ReplicaOnDisk(ReplicaOptions options, FileLock lock, ReplicaDisk disk, Known known)
      : options_(std::move(options)),
        folder_lock_(std::move(lock)),
        disk_(std::move(disk)),
        known_(std::move(known)) {
    say_state();
  }

  bool find(SubscriptionKey key, Instant now, std::vector<GrantInForce>& out) const override {
    out.clear();
    const ListNumber list = known_.image->list_of(key);
    if (list == no_list || list == empty_list) return false;
    known_.image->each_grant(list, [&](MeasureNumber number, Instant until) {
      const Measure* measure = known_.measures.find(number);
      if (measure == nullptr || until <= now || !measure->period.contains(now)) return;
      out.push_back({.measure = measure, .until = std::min(until, measure->period.until)});
    });
    return true;
  }
  const Measure* measure(MeasureNumber number) const override { return known_.measures.find(number); }
  void prefetch(SubscriptionKey key) const override { known_.image->prefetch(key); }
  void observe(Observer observer) override { observer_ = std::move(observer); }

  Result<void> apply(BytesView blocks, std::mutex& lock) override;
  Result<void> snapshot_begin(std::uint32_t pages) override;
  Result<void> snapshot_page(BytesView block) override;
  Result<void> snapshot_take(std::mutex& lock) override;
  void trust(std::vector<crypto::PublicKey> centre_keys) override {
    options_.centre_keys = std::move(centre_keys);
  }

  State state() const override {
    const std::lock_guard guard(state_mutex_);
    return state_;
  }

 private:
  Result<void> make_room(std::uint64_t lines, std::mutex& lock);
  Result<Ready> ready(feed::Block&& block);
  void define(const std::vector<feed::Definition>& definitions, std::mutex& lock);
  void save_measures();
  void install(const Ready& next, std::mutex& lock);
  void keep_up(const feed::Block& block);
  void say_state();

  ReplicaOptions options_;
  FileLock folder_lock_;
  ReplicaDisk disk_;
  Known known_;
  Observer observer_;
  std::optional<Building> building_;
  mutable std::mutex state_mutex_;
  State state_;
};

Result<void> ReplicaOnDisk::apply(BytesView blocks, std::mutex& lock) {
  std::vector<feed::Block> good;
  std::optional<Error> bad;
  BytesView rest = blocks;
  std::size_t good_bytes = 0;
  std::uint64_t sequence = known_.sequence;
  std::uint64_t lines = 0;
  while (!rest.empty() && !bad) {
    auto block = decode_signed(rest, options_.centre_keys);
    const auto checked = block ? check_changes(*block, options_, sequence) : std::unexpected(block.error());
    if (!checked) {
      bad = checked.error();
      break;
    }
    good_bytes = blocks.size() - rest.size();
    sequence = block->last_sequence();
    lines += block->lines.size();
    good.push_back(std::move(*block));
  }
  if (!good.empty()) {
    DAYAQ_TRY_OK(make_room(lines, lock));
    const std::uint64_t first = good.front().first_sequence;
    std::vector<Ready> next;
    for (feed::Block& block : good) {
      DAYAQ_TRY(auto one, ready(std::move(block)));
      next.push_back(std::move(one));
    }
    DAYAQ_TRY_OK(disk_.append(first, blocks.first(good_bytes)));
    known_.change_bytes += good_bytes;
    for (const Ready& one : next) {
      install(one, lock);
      keep_up(one.block);
    }
    say_state();
  }
  if (bad) return std::unexpected(std::move(*bad));
  return {};
}

/// Made anew beside what answers, which is changed by this thread alone; only the exchange is under the lock.
Result<void> ReplicaOnDisk::make_room(std::uint64_t lines, std::mutex& lock) {
  if (known_.image->has_room(lines)) return {};
  DAYAQ_TRY(auto image, known_.image->remade(lines));
  DAYAQ_TRY_OK(image->publish(known_.image.get()));
  const std::lock_guard guard(lock);
  std::swap(known_.image, image);
  return {};
}

Result<Ready> ReplicaOnDisk::ready(feed::Block&& block) {
  Ready out{.block = std::move(block), .lists = {}};
  out.lists.reserve(out.block.lists.size());
  for (const feed::GrantList& list : out.block.lists) {
    DAYAQ_TRY(const ListNumber number, known_.image->intern(list));
    out.lists.push_back(number);
  }
  return out;
}

void ReplicaOnDisk::define(const std::vector<feed::Definition>& definitions, std::mutex& lock) {
  auto news = known_.measures.news(definitions);
  if (news.empty()) return;
  known_.measures.keep(definitions);
  {
    const std::lock_guard guard(lock);
    for (Measure& measure : news) {
      const MeasureNumber number = measure.number;
      known_.measures.put(std::move(measure));
      if (observer_.measure_changed) observer_.measure_changed(number);
    }
  }
  save_measures();
}

/// Before the image says that the definitions are in. Without the file the image isn't taken over, that is
/// all.
void ReplicaOnDisk::save_measures() {
  if (const auto saved = known_.measures.save(measures_path(options_)); !saved) {
    log::error("replica.measures", "the measures can't be kept for a quick start", saved.error());
    std::error_code ignored;
    std::filesystem::remove(measures_path(options_), ignored);
  }
}

void ReplicaOnDisk::install(const Ready& next, std::mutex& lock) {
  define(next.block.definitions, lock);
  Image& image = *known_.image;
  const std::span<const feed::SubscriptionLine> lines = next.block.lines;
  for (std::size_t begin = 0; begin < lines.size(); begin += lines_in_step) {
    const auto step = lines.subspan(begin, std::min(lines_in_step, lines.size() - begin));
    for (std::size_t i = 0; i < step.size(); ++i) {
      if (i + ahead < step.size()) image.prefetch(step[i + ahead].key);
      image.touch(step[i].key);
    }
    const std::lock_guard guard(lock);
    for (const feed::SubscriptionLine& line : step) {
      if (image.set(line.key, next.lists[line.list]) && observer_.subscription_changed) {
        observer_.subscription_changed(line.key);
      }
    }
  }
  known_.sequence = next.block.last_sequence();
  known_.said = next.block.created;
  ++known_.change_blocks;
  image.mark(known_.sequence, known_.said);
}

void ReplicaOnDisk::keep_up(const feed::Block& block) {
  // Changes up to its number are in its pages: they would put a line back to what it was, and what changed it
  // since then might not come any more.
  if (!building_ || building_->page == 0 || building_->older || block.last_sequence() <= building_->number)
    return;
  ++building_->blocks_since;
  for (const feed::Definition& definition : block.definitions) {
    building_->definitions[definition.measure] = definition;
  }
  if (!edge::fill(building_->image, block)) building_.reset();  // whoever brings the next page is told
}

Result<void> ReplicaOnDisk::snapshot_begin(std::uint32_t pages) {
  building_.reset();
  if (pages == 0) return fail(ErrorKind::conflict, "replica.pages", "A snapshot has at least one page.");
  DAYAQ_TRY_OK(disk_.snapshot_begin());
  building_.emplace();
  building_->pages = pages;
  return {};
}

Result<void> ReplicaOnDisk::snapshot_page(BytesView bytes) {
  if (!building_) return fail(ErrorKind::conflict, "replica.pages", "No snapshot has been begun.");
  Building& to = *building_;
  BytesView rest = bytes;
  DAYAQ_TRY(const feed::Block block, decode_signed(rest, options_.centre_keys));
  if (!rest.empty()) {
    return fail(ErrorKind::conflict, "replica.pages", "More than one page came at once.");
  }
  DAYAQ_TRY_OK(check_page(block, options_, to.page, to.pages, to.number));
  if (to.page == 0) {
    const std::uint64_t least = std::max(known_.sequence, disk_.floor());
    to.older = block.first_sequence < known_.sequence;
    if (block.first_sequence < least && !options_.accept_older) {
      return fail(
          ErrorKind::conflict, "replica.older",
          "This snapshot ends before what is known here: somebody sends an old one, or the centre was "
          "restored. If it was, start the edge once with --accept-restored.",
          fmt::format("{} before {}", block.first_sequence, least));
    }
    DAYAQ_TRY(const feed::Header first, feed::decode_header(bytes));
    to.number = block.first_sequence;
    to.created = block.created;
    const std::uint64_t expected = std::uint64_t(block.lines.size()) * to.pages;
    DAYAQ_TRY(to.image, Image::create(image_folder(options_), identity_of(options_, first),
                                      std::min<std::uint64_t>(expected + expected / 64, 1u << 26)));
  }
  DAYAQ_TRY_OK(disk_.snapshot_write(bytes));
  to.bytes += bytes.size();
  DAYAQ_TRY_OK(fill(to.image, block));
  for (const feed::Definition& definition : block.definitions)
    to.definitions[definition.measure] = definition;
  ++to.page;
  return {};
}

Result<void> ReplicaOnDisk::snapshot_take(std::mutex& lock) {
  if (!building_ || building_->page < building_->pages) {
    building_.reset();
    disk_.snapshot_drop();
    return fail(ErrorKind::conflict, "replica.pages", "Pages of the snapshot are missing.");
  }
  Building taken = std::move(*building_);
  building_.reset();
  DAYAQ_TRY_OK(disk_.snapshot_flush());
  // Changes beyond an older snapshot would be a gap behind it.
  if (taken.older) DAYAQ_TRY_OK(disk_.drop_changes(~std::uint64_t(0)));
  DAYAQ_TRY_OK(disk_.snapshot_switch());
  std::vector<feed::Definition> definitions;
  for (auto& [number, definition] : taken.definitions) definitions.push_back(std::move(definition));
  define(definitions, lock);
  const bool kept_up = !taken.older && known_.sequence > taken.number;
  const std::uint64_t sequence = kept_up ? known_.sequence : taken.number;
  const Instant said = kept_up ? known_.said : taken.created;
  taken.image->mark(sequence, said);
  DAYAQ_TRY_OK(taken.image->publish(known_.image.get()));
  {
    const std::lock_guard guard(lock);
    std::swap(known_.image, taken.image);
    known_.sequence = sequence;
    known_.said = said;
    if (observer_.all_changed) observer_.all_changed();
  }
  known_.has_snapshot = true;
  known_.snapshot_bytes = taken.bytes;
  known_.change_blocks = taken.blocks_since;
  known_.set_aside.clear();
  const auto dropped = disk_.drop_changes(taken.number);
  known_.change_bytes = disk_.change_bytes();
  say_state();
  return dropped;
}

void ReplicaOnDisk::say_state() {
  const State next{.sequence = known_.sequence,
                   .said = known_.said,
                   .subscriptions = known_.image->subscriptions(),
                   .lists = known_.image->list_count(),
                   .measures = known_.measures.size(),
                   .bytes = known_.image->bytes(),
                   .from_image = known_.from_image,
                   .has_snapshot = known_.has_snapshot,
                   .snapshot_bytes = known_.snapshot_bytes,
                   .change_bytes = known_.change_bytes,
                   .change_blocks = known_.change_blocks,
                   .set_aside = known_.set_aside};
  const std::lock_guard guard(state_mutex_);
  state_ = next;
}

}  // namespace

Result<std::unique_ptr<Replica>> Replica::open(const ReplicaOptions& options, const ServiceTable& services) {
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  if (error) return disk_failed("make", options.folder, error.value());
  DAYAQ_TRY(FileLock lock, FileLock::acquire(options.folder / "replica.lock"));
  DAYAQ_TRY(ReplicaDisk disk, ReplicaDisk::open(options.folder));
  Known known(services);
  DAYAQ_TRY_OK(load(options, disk, known));
  return std::make_unique<ReplicaOnDisk>(options, std::move(lock), std::move(disk), std::move(known));
}

}  // namespace dayaq::edge
