// Whose a number became: whoever waited without being signed in gets a pass that is nobody's yet, and the
// first person who signs in with it has it. Copies of it are nobody else's. Two bytes a number, for as long
// as passes of it may be shown. Plain values; time comes in.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <utility>

#include "base/time.hpp"

namespace dayaq::services::surge {

class Bindings {
 public:
  /// @param from  numbers below aren't known: whoever shows one has it
  Bindings(std::uint64_t from, std::chrono::seconds kept) : from_(from), kept_(kept) {}

  /// False: it is another's. A number that has come up; `holder` isn't 0.
  [[nodiscard]] bool take(std::uint64_t number, std::uint64_t holder) {
    if (number < from_) return true;
    const auto at = std::size_t(number - from_);
    if (at >= of_.size()) of_.resize(at + 1);
    const auto short_tag = std::uint16_t(holder % 0xffff + 1);  // one of 65,535 strangers passes
    if (of_[at] == 0) of_[at] = short_tag;
    return of_[at] == short_tag;
  }

  /// Numbers below `horizon` have come up by now.
  void forget(std::uint64_t horizon, Instant now) {
    if (marks_.empty() || now - marks_.back().first >= std::chrono::minutes(1))
      marks_.emplace_back(now, horizon);
    while (!marks_.empty() && now - marks_.front().first >= kept_) {
      for (; from_ < marks_.front().second && !of_.empty(); ++from_) of_.pop_front();
      from_ = std::max(from_, marks_.front().second);
      marks_.pop_front();
    }
  }

 private:
  std::uint64_t from_;
  std::chrono::seconds kept_;
  std::deque<std::uint16_t> of_;
  std::deque<std::pair<Instant, std::uint64_t>> marks_;
};

}  // namespace dayaq::services::surge
