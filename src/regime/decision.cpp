#include "regime/decision.hpp"

#include <thread>

namespace dayaq::regime {

NumberedLaw::NumberedLaw(Law l, std::vector<MeasureNumber> n) : law(std::move(l)), numbers(std::move(n)) {
  for (std::size_t i = 0; i < numbers.size(); ++i) by_number_.emplace(numbers[i], i);
}

const LawfulMeasure* NumberedLaw::find(MeasureNumber number) const {
  const auto found = by_number_.find(number);
  return found == by_number_.end() ? nullptr : &law.measures()[found->second];
}

void ReadersFirstLock::wait_for_writer() {
  state_.fetch_sub(1, std::memory_order_relaxed);
  while ((state_.load(std::memory_order_relaxed) & (writing | wanted)) != 0) std::this_thread::yield();
}

bool ReadersFirstLock::try_lock(std::uint32_t from) {
  return state_.compare_exchange_weak(from, writing, std::memory_order_acquire, std::memory_order_relaxed);
}

void ReadersFirstLock::lock() {
  constexpr int quick_tries = 64;
  constexpr int patient_tries = 100;
  constexpr std::chrono::microseconds pause{20};
  for (int tries = 0; tries < quick_tries + patient_tries; ++tries) {
    if (try_lock(0)) return;
    if (tries < quick_tries)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(pause);
  }
  state_.fetch_or(wanted, std::memory_order_relaxed);
  while (!try_lock(wanted)) std::this_thread::yield();
}

void LiveState::derive_now(const Line& line, Instant t, std::vector<LineGrant>& out) const {
  PersonDerivation derivation(population);
  const Period valid = population.line_period(line.key);
  if (t < active.until) {
    derivation.decide(line.person, active, t);
    derivation.grants(line.kind, line.provider, valid, active, t, out);
    return;
  }
  const ActiveLaw then(law->law, law->numbers, t);
  derivation.decide(line.person, then, t);
  derivation.grants(line.kind, line.provider, valid, then, t, out);
}

}  // namespace dayaq::regime
