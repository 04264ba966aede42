// Reading signed blocks fast: this thread cuts files into blocks and takes the results in order; helpers, and
// this thread while the next one isn't ready, verify and decode.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/file.hpp"
#include "edge/replica_disk.hpp"

namespace dayaq::edge {
namespace {

constexpr std::size_t window = 64;  // blocks ahead of the one that is taken
constexpr std::size_t file_bytes_max = std::size_t(1) << 30;

struct Job {
  std::shared_ptr<const std::string> file;  // shared by the blocks of one file
  BlockPlace place;
  Result<feed::Block> block;
  bool done = false;
};

class Verifiers {
 public:
  Verifiers(std::span<const crypto::PublicKey> keys, unsigned threads) : keys_(keys) {
    for (unsigned i = 1; i < threads; ++i) threads_.emplace_back([this] { help(); });
  }
  Verifiers(const Verifiers&) = delete;
  Verifiers& operator=(const Verifiers&) = delete;
  ~Verifiers() {
    {
      const std::lock_guard guard(mutex_);
      stopping_ = true;
    }
    more_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  void add(Job&& job) {
    {
      const std::lock_guard guard(mutex_);
      jobs_.push_back(std::make_unique<Job>(std::move(job)));
    }
    more_.notify_one();
  }
  [[nodiscard]] std::size_t size() const { return jobs_.size(); }  // changed by this thread alone

  /// The oldest, verified here if nobody has begun it.
  std::unique_ptr<Job> take() {
    std::unique_lock lock(mutex_);
    while (!jobs_.front()->done) {
      if (claimed_ < jobs_.size()) {
        work(lock);
      } else {
        done_.wait(lock);
      }
    }
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    --claimed_;
    return job;
  }

 private:
  void help() {
    std::unique_lock lock(mutex_);
    while (true) {
      more_.wait(lock, [&] { return stopping_ || claimed_ < jobs_.size(); });
      if (stopping_) return;
      work(lock);
    }
  }
  void work(std::unique_lock<std::mutex>& lock) {
    Job& job = *jobs_[claimed_++];
    lock.unlock();
    BytesView bytes = as_bytes(*job.file).subspan(job.place.offset, job.place.bytes);
    job.block = feed::decode(bytes, keys_);
    lock.lock();
    job.done = true;
    done_.notify_one();
  }

  std::span<const crypto::PublicKey> keys_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::condition_variable done_;
  std::deque<std::unique_ptr<Job>> jobs_;
  std::size_t claimed_ = 0;  // the first so many of them
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

/// Cuts the files into blocks.
class Cutter {
 public:
  Cutter(const std::vector<std::filesystem::path>& files, std::uint64_t skip_through)
      : files_(files), skip_through_(skip_through) {}

  /// The next block; nothing at the end.
  Result<std::optional<Job>> next() {
    while (true) {
      if (!text_) {
        if (file_ == files_.size()) return std::optional<Job>();
        auto text = read_file(files_[file_], file_bytes_max);
        if (!text) {
          return fail(ErrorKind::unavailable, "replica.disk", "The replica's files can't be read.",
                      text.error().detail);
        }
        text_ = std::make_shared<const std::string>(std::move(*text));
        offset_ = 0;
      }
      const BytesView rest = as_bytes(*text_).subspan(offset_);
      if (rest.empty()) {
        text_.reset();
        ++file_;
        continue;
      }
      Job job{.file = text_, .place = {.file = file_, .offset = offset_, .bytes = rest.size()}};
      const auto header = feed::decode_header(rest);
      if (!header || header->bytes > rest.size() || header->bytes == 0) {
        // Its decoding will say what is wrong; nothing behind it can be found.
        offset_ += rest.size();
        return std::optional<Job>(std::move(job));
      }
      job.place.bytes = header->bytes;
      offset_ += header->bytes;
      if (header->kind == feed::BlockKind::changes) {
        const std::uint64_t last = header->first_sequence + header->definitions + header->lines - 1;
        if (last <= skip_through_) continue;
      }
      return std::optional<Job>(std::move(job));
    }
  }

 private:
  const std::vector<std::filesystem::path>& files_;
  std::uint64_t skip_through_;
  std::size_t file_ = 0;
  std::shared_ptr<const std::string> text_;
  std::size_t offset_ = 0;
};

}  // namespace

Result<void> read_blocks(const std::vector<std::filesystem::path>& files,
                         std::span<const crypto::PublicKey> keys, unsigned threads,
                         std::uint64_t skip_through,
                         const std::function<bool(const BlockPlace&, Result<feed::Block>&&)>& sink) {
  Cutter cutter(files, skip_through);
  Verifiers verifiers(keys, threads);
  bool more = true;
  while (true) {
    while (more && verifiers.size() < window) {
      DAYAQ_TRY(auto job, cutter.next());
      more = job.has_value();
      if (job) verifiers.add(std::move(*job));
    }
    if (verifiers.size() == 0) return {};
    auto job = verifiers.take();
    if (!sink(job->place, std::move(job->block))) return {};
  }
}

}  // namespace dayaq::edge
