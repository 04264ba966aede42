#include "regime/derive_days.hpp"

namespace dayaq::regime {
namespace {

using namespace std::chrono;
constexpr sys_days first_day = 1850y / January / 1;
constexpr sys_days last_day = 2299y / December / 31;
constexpr std::int64_t unknown = std::numeric_limits<std::int64_t>::min();

}  // namespace

DayStarts::DayStarts(const Zone& zone) : zone_(zone) {
  const auto count = std::size_t((last_day - first_day).count() + 1);
  starts_ = std::make_unique<std::atomic<std::int64_t>[]>(count);
  for (std::size_t i = 0; i < count; ++i) starts_[i].store(unknown, std::memory_order_relaxed);
}

Instant DayStarts::start_of(Date day) const {
  if (day < first_day || day > last_day) return zone_.start_of(day);
  auto& start = starts_[std::size_t((day - first_day).count())];
  std::int64_t micros = start.load(std::memory_order_relaxed);
  if (micros == unknown) {
    micros = to_micros(zone_.start_of(day));
    start.store(micros, std::memory_order_relaxed);
  }
  return from_micros(micros);
}

}  // namespace dayaq::regime
