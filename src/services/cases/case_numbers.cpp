#include "services/cases/case_numbers.hpp"

#include <algorithm>
#include <array>

namespace dayaq::services {
namespace {

// A Feistel network over two halves of 27 bits; eight rounds are more than any number of cases needs
// (Luby and Rackoff: four make a strong pseudo-random permutation of few queries).
constexpr unsigned half = 27, rounds = 8;
constexpr std::uint64_t mask = (1ull << half) - 1, range = 1ull << (2 * half);

std::uint64_t scrambled(const SipKey& key, unsigned round, std::uint64_t part) {
  const std::array<std::uint64_t, 1> message{std::uint64_t(round) << 32 | part};
  return siphash(key, std::as_bytes(std::span(message))) & mask;
}

std::uint64_t permuted(const SipKey& key, std::uint64_t value) {
  std::uint64_t left = value >> half, right = value & mask;
  for (unsigned round = 0; round < rounds; ++round) {
    const std::uint64_t next = left ^ scrambled(key, round, right);
    left = right;
    right = next;
  }
  return left << half | right;
}

std::uint64_t permuted_back(const SipKey& key, std::uint64_t value) {
  std::uint64_t left = value >> half, right = value & mask;
  for (unsigned round = rounds; round-- > 0;) {
    const std::uint64_t before = right ^ scrambled(key, round, left);
    right = left;
    left = before;
  }
  return left << half | right;
}

constexpr Instant beginning = Instant(Date(std::chrono::year(2020) / 1 / 1));

std::uint64_t moment(Instant now) {
  return std::uint64_t(std::max<std::int64_t>(to_micros(now) - to_micros(beginning), 1));
}

}  // namespace

CaseId CaseNumbers::draw(Instant now) {
  for (;;) {
    std::uint64_t last = last_.load(std::memory_order_relaxed), next = 0;
    do {
      next = std::max(moment(now), last + 1);
    } while (!last_.compare_exchange_weak(last, next, std::memory_order_relaxed));
    const std::uint64_t drawn = permuted(key_, next % range);
    if (drawn != 0) return CaseId(drawn);  // 0 is nobody's number
  }
}

std::int64_t CaseNumbers::order(CaseId id) const {
  return std::int64_t(id.value() < range ? permuted_back(key_, id.value()) : id.value());
}

std::optional<std::int64_t> CaseNumbers::order(CaseId id, Instant now) const {
  const std::int64_t at = order(id);
  const auto latest = std::int64_t(moment(now + std::chrono::hours(1)));
  const auto earliest = std::int64_t(moment(now - std::chrono::days(400)));
  if (id.value() >= range || at < earliest || at > latest) return std::nullopt;
  return at;
}

}  // namespace dayaq::services
