// Bit sets over the population and the loops over their words that previews are made of.
//
// Each loop exists three times: for AVX-512 with VPOPCNTDQ, for AVX2, and portable. The best that the
// processor has is chosen once at the first call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "regime/population_array.hpp"

namespace dayaq::regime {

using Word = std::uint64_t;
inline constexpr std::size_t word_bits = 64;

/// A set of ordinals below a fixed bound, one bit each.
class Bits {
 public:
  Bits() = default;
  explicit Bits(std::size_t words) : words_(Array<Word>::zeroed(words)) {}
  [[nodiscard]] bool test(std::size_t i) const { return (words_[i / word_bits] >> (i % word_bits) & 1) != 0; }
  void set(std::size_t i) { words_[i / word_bits] |= Word(1) << (i % word_bits); }
  void clear(std::size_t i) { words_[i / word_bits] &= ~(Word(1) << (i % word_bits)); }
  void put(std::size_t i, bool value) { value ? set(i) : clear(i); }
  /// Sets [begin, end).
  void set_range(std::size_t begin, std::size_t end);
  [[nodiscard]] std::size_t words() const { return words_.size(); }
  [[nodiscard]] Word* data() { return words_.data(); }
  [[nodiscard]] const Word* data() const { return words_.data(); }
  [[nodiscard]] Array<Word>& array() { return words_; }
  [[nodiscard]] const Array<Word>& array() const { return words_; }
  [[nodiscard]] std::uint64_t count() const;
  [[nodiscard]] Bits copy() const;

 private:
  Array<Word> words_;
};

namespace bits {

enum class Engine : std::uint8_t { portable, avx2, avx512 };
[[nodiscard]] std::string_view to_string(Engine engine);
/// What is in use.
[[nodiscard]] Engine engine();
/// Uses another, if the processor has it (false if not). For tests; not while other threads count.
bool use(Engine engine);

/// Bits set in a[0..n).
[[nodiscard]] std::uint64_t count(const Word* a, std::size_t n);
/// Bits set in a & b.
[[nodiscard]] std::uint64_t count_and(const Word* a, const Word* b, std::size_t n);
/// Bits set in a & ~b.
[[nodiscard]] std::uint64_t count_and_not(const Word* a, const Word* b, std::size_t n);
/// out = a & b, a | b, ~a; out may be a or b.
void both(Word* out, const Word* a, const Word* b, std::size_t n);
void either(Word* out, const Word* a, const Word* b, std::size_t n);
void negate(Word* out, const Word* a, std::size_t n);
/// Sets or clears [begin, end), in bits, of a span of words.
void fill(Word* words, std::size_t begin, std::size_t end, bool value);

}  // namespace bits
}  // namespace dayaq::regime
