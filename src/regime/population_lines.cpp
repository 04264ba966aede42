#include "regime/population_lines.hpp"

#include <algorithm>

#include "base/result.hpp"

namespace dayaq::regime {
namespace {

constexpr std::size_t slots_min = 64;
// A new table is two thirds full at its expected size and grows at four fifths: about 34 bytes a line, 2.5
// probes.
constexpr std::size_t slots_for(std::size_t lines) {
  return std::max(slots_min, lines + lines / 2);
}
constexpr std::size_t full_at(std::size_t slots) {
  return slots / 5 * 4;
}

}  // namespace

Second second_of(Instant t) {
  if (t == instant_max) return second_never;
  const std::int64_t seconds = std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
  return Second(std::clamp<std::int64_t>(seconds, 0, second_never));
}

Lines::Lines(std::size_t expected)
    : slots_(Array<Line>::zeroed(slots_for(expected))), full_(full_at(slots_.size())) {}

Lines Lines::copy() const {
  Lines out;
  out.slots_ = slots_.copy();
  out.size_ = size_;
  out.full_ = full_;
  return out;
}

void Lines::place(const Line& line) {
  std::size_t i = home(line.key);
  while (slots_[i].key != 0) {
    DAYAQ_ASSERT(slots_[i].key != line.key);
    i = next(i);
  }
  slots_[i] = line;
}

void Lines::insert(const Line& line) {
  DAYAQ_ASSERT(line.key != 0);
  if (size_ + 1 > full_) grow();
  place(line);
  ++size_;
}

void Lines::grow() {
  Lines larger(size_ + size_ / 2 + 1);
  for (const Line& line : slots_.span()) {
    if (line.key != 0) larger.place(line);
  }
  larger.size_ = size_;
  *this = std::move(larger);
}

bool Lines::erase(LineKey key) {
  Line* found = find(key);
  if (found == nullptr) return false;
  // Lines that were displaced past the hole move back, so that no search ends at it too early.
  std::size_t hole = std::size_t(found - slots_.data());
  for (std::size_t i = next(hole); slots_[i].key != 0; i = next(i)) {
    const std::size_t wanted = home(slots_[i].key);
    const bool stays = hole <= i ? hole < wanted && wanted <= i : hole < wanted || wanted <= i;
    if (stays) continue;
    slots_[hole] = slots_[i];
    hole = i;
  }
  slots_[hole] = Line{};
  slots_[hole].key = 0;
  --size_;
  return true;
}

}  // namespace dayaq::regime
