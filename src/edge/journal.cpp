// One thread writes: it takes what has been collected, seals it as a group, writes it and waits for the disk,
// while the next group is being collected. Under load groups grow, so that the disk's rate of flushes doesn't
// bound the rate of records.
#include "edge/journal.hpp"

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <thread>

#include "base/log.hpp"
#include "edge/journal_files.hpp"

namespace dayaq::edge {
namespace {

class DiskJournal final : public Journal {
 public:
  DiskJournal(JournalOptions options, std::unique_ptr<JournalFiles> files)
      : options_(std::move(options)), files_(std::move(files)) {
    next_ = files_ ? files_->next() : 1;
    durable_ = next_ - 1;
    writer_ = std::thread([this] { write_groups(); });
  }

  ~DiskJournal() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    collected_.notify_all();
    writer_.join();
  }

  std::uint64_t append(const Record& record) override { return append_all({&record, 1}); }

  std::uint64_t append_all(std::span<const Record> records) override {
    bool wake = false;
    std::uint64_t last = 0;
    {
      const std::lock_guard lock(mutex_);
      if (!files_) {  // nothing to write: done as soon as it is counted, and nobody has to be woken
        next_ += records.size();
        durable_.store(next_ - 1, std::memory_order_release);
        return next_ - 1;
      }
      if (health_.load(std::memory_order_relaxed) != Health::ok &&
          buffer_.size() + records.size() * record_bytes > options_.waiting_max) {
        return 0;
      }
      if (buffer_.empty()) buffer_.resize(group_header_bytes);
      const std::size_t at = buffer_.size();
      buffer_.resize(at + records.size() * record_bytes);
      for (std::size_t i = 0; i < records.size(); ++i) {
        encode_record(records[i], std::span(buffer_).subspan(at + i * record_bytes).first<record_bytes>());
      }
      next_ += records.size();
      last = next_ - 1;
      wake = idle_;
      idle_ = false;
    }
    if (wake) collected_.notify_one();
    return last;
  }

  [[nodiscard]] std::uint64_t last() const override {
    const std::lock_guard lock(mutex_);
    return next_ - 1;
  }
  [[nodiscard]] std::uint64_t durable() const noexcept override {
    return durable_.load(std::memory_order_acquire);
  }
  void add_waker(std::function<void()> waker) override {
    const std::lock_guard lock(wakers_mutex_);
    wakers_.push_back(std::move(waker));
  }
  [[nodiscard]] Health health() const noexcept override { return health_.load(std::memory_order_acquire); }

  Result<void> read(std::uint64_t after,
                    const std::function<bool(std::uint64_t, const Record&)>& on_record) const override {
    if (!files_) return {};
    return files_->read(after, durable(), on_record);
  }
  [[nodiscard]] std::uint64_t first_kept() const override { return files_ ? files_->first_kept() : 1; }
  void drop_through(std::uint64_t number) override {
    if (files_) files_->drop_through(number);
  }

 private:
  void write_groups() {
    Bytes group;
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        idle_ = buffer_.empty();
        collected_.wait(lock, [&] { return !buffer_.empty() || stopping_; });
        idle_ = false;
        if (buffer_.empty()) return;
        group.clear();
        std::swap(group, buffer_);
      }
      const auto count = std::uint32_t((group.size() - group_header_bytes) / record_bytes);
      const std::uint64_t first = durable_.load(std::memory_order_relaxed) + 1;
      if (files_) {
        seal_group(group, first);
        if (!write_until_done(group, first, count)) return;
      }
      durable_.store(first + count - 1, std::memory_order_release);
      wake();
    }
  }

  /// False if the journal ends here: the disk failed for good, or it is full and the program stops.
  bool write_until_done(BytesView group, std::uint64_t first, std::uint32_t count) {
    for (;;) {
      const int code = files_->write(group, first, count);
      if (code == 0) {
        if (health_.exchange(Health::ok) != Health::ok) {
          log::info("edge.journal_writable", "the usage journal has space again");
        }
        return true;
      }
      const bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
      const Health now = full ? Health::full : Health::failed;
      if (health_.exchange(now) != now) {
        log::error("edge.journal_not_writable", "usage can't be written to the journal",
                   {{"reason", std::strerror(code)}, {"waiting", count}});
        wake();
      }
      // After a failed flush the kernel may have thrown the pages away: what it says later proves nothing.
      if (!full) return false;
      std::unique_lock lock(mutex_);
      if (collected_.wait_for(lock, std::chrono::seconds(1), [&] { return stopping_; })) {
        log::error("edge.journal_lost", "the program ends with usage that the full disk did not take",
                   {{"records", count}});
        return false;
      }
    }
  }

  void wake() {
    const std::lock_guard lock(wakers_mutex_);
    for (const auto& waker : wakers_) waker();
  }

  JournalOptions options_;
  std::unique_ptr<JournalFiles> files_;  ///< null: not durable
  mutable std::mutex mutex_;             ///< of the next four
  std::condition_variable collected_;
  Bytes buffer_;  ///< room for a group's header, then records
  std::uint64_t next_ = 1;
  bool idle_ = false;  ///< the writer waits
  bool stopping_ = false;
  std::atomic<std::uint64_t> durable_{0};
  std::atomic<Health> health_{Health::ok};
  std::mutex wakers_mutex_;
  std::vector<std::function<void()>> wakers_;
  std::thread writer_;
};

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(const JournalOptions& options) {
  std::unique_ptr<JournalFiles> files;
  if (options.durable) {
    DAYAQ_TRY(files, JournalFiles::open(options.folder / "journal", options.segment_bytes));
  }
  return std::make_unique<DiskJournal>(options, std::move(files));
}

}  // namespace dayaq::edge
