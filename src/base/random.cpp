#include "base/random.hpp"

#include <sys/random.h>

#include <algorithm>
#include <cstring>

namespace dayaq {

std::uint64_t Random::next_id() {
  std::uint64_t id = 0;
  do {
    fill(std::as_writable_bytes(std::span(&id, 1)));
    id &= 0x7fff'ffff'ffff'ffff;
  } while (id == 0);
  return id;
}

void SystemRandom::fill(std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), std::min<std::size_t>(out.size(), 256), 0);
    DAYAQ_ASSERT(got > 0 || errno == EINTR);
    if (got > 0) out = out.subspan(static_cast<std::size_t>(got));
  }
}

std::uint64_t SeededRandom::next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

void SeededRandom::fill(std::span<std::byte> out) {
  while (!out.empty()) {
    const std::uint64_t value = next();
    const std::size_t n = std::min(out.size(), sizeof value);
    std::memcpy(out.data(), &value, n);
    out = out.subspan(n);
  }
}

std::uint64_t SeededRandom::below(std::uint64_t bound) {
  DAYAQ_ASSERT(bound > 0);
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((Wide(next()) * bound) >> 64);
}

double SeededRandom::unit() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

}  // namespace dayaq
