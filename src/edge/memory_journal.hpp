// A journal in memory that outlives the engine over it, for tests of many small histories.
#pragma once

#include <algorithm>
#include <atomic>

#include "edge/journal.hpp"

namespace dayaq::edge {

class MemoryJournal final : public Journal {
 public:
  std::uint64_t append(const Record& record) override { return append_all({&record, 1}); }
  std::uint64_t append_all(std::span<const Record> records) override {
    if (waiting_max_reached) return 0;
    for (const Record& record : records) records_.push_back(record);
    last_ = dropped_ + records_.size();
    return last_;
  }
  [[nodiscard]] std::uint64_t last() const override { return dropped_ + records_.size(); }
  [[nodiscard]] std::uint64_t durable() const noexcept override {
    return std::min(last_.load(), durable_max.load());
  }
  void add_waker(std::function<void()>) override {}
  [[nodiscard]] Health health() const noexcept override { return now_; }
  Result<void> read(std::uint64_t after,
                    const std::function<bool(std::uint64_t, const Record&)>& on_record) const override {
    for (std::uint64_t i = after; i < last(); ++i) {
      if (i < dropped_) continue;
      const Record record = records_[std::size_t(i - dropped_)];
      if (!on_record(i + 1, record)) break;
    }
    return {};
  }
  [[nodiscard]] std::uint64_t first_kept() const override { return dropped_ + 1; }
  void drop_through(std::uint64_t number) override {
    if (number <= dropped_) return;
    records_.erase(records_.begin(), records_.begin() + std::ptrdiff_t(number - dropped_));
    dropped_ = number;
  }
  void set_health(Health health) { now_ = health; }
  bool waiting_max_reached = false;
  std::atomic<std::uint64_t> durable_max = ~std::uint64_t(0);  ///< a disk that takes no more than this

 private:
  std::vector<Record> records_;
  std::uint64_t dropped_ = 0;
  std::atomic<std::uint64_t> last_ = 0;
  Health now_ = Health::ok;
};

}  // namespace dayaq::edge
