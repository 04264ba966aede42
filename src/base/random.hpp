// Randomness comes in as a parameter.
#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.hpp"

namespace dayaq {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::byte> out) = 0;
  /// Uniform 1 .. 2^63-1: an id that fits a BIGINT.
  [[nodiscard]] std::uint64_t next_id();
};

/// The kernel's (getrandom). Thread-safe. Ends the program if the kernel has none.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) override;
};

/// splitmix64 from a seed: the same bytes on every machine. For tests and synthetic populations only.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(std::span<std::byte> out) override;
  [[nodiscard]] std::uint64_t next();
  /// Uniform in [0, bound), bound > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
  /// Uniform in [0, 1).
  [[nodiscard]] double unit();

 private:
  std::uint64_t state_;
};

}  // namespace dayaq
