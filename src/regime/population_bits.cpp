#include "regime/population_bits.hpp"

#include <atomic>
#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace dayaq::regime {
namespace bits {
namespace {

struct Loops {
  Engine engine;
  std::uint64_t (*count)(const Word*, std::size_t);
  std::uint64_t (*count_and)(const Word*, const Word*, std::size_t);
  std::uint64_t (*count_and_not)(const Word*, const Word*, std::size_t);
  void (*both)(Word*, const Word*, const Word*, std::size_t);
  void (*either)(Word*, const Word*, const Word*, std::size_t);
  void (*negate)(Word*, const Word*, std::size_t);
};

// The plain loops, compiled once for each instruction set: the compiler vectorises them for it.
#define DAYAQ_PLAIN_LOOPS(suffix, attributes)                                                    \
  attributes std::uint64_t count_##suffix(const Word* a, std::size_t n) {                        \
    std::uint64_t sum = 0;                                                                       \
    for (std::size_t i = 0; i < n; ++i) sum += std::uint64_t(std::popcount(a[i]));               \
    return sum;                                                                                  \
  }                                                                                              \
  attributes std::uint64_t count_and_##suffix(const Word* a, const Word* b, std::size_t n) {     \
    std::uint64_t sum = 0;                                                                       \
    for (std::size_t i = 0; i < n; ++i) sum += std::uint64_t(std::popcount(a[i] & b[i]));        \
    return sum;                                                                                  \
  }                                                                                              \
  attributes std::uint64_t count_and_not_##suffix(const Word* a, const Word* b, std::size_t n) { \
    std::uint64_t sum = 0;                                                                       \
    for (std::size_t i = 0; i < n; ++i) sum += std::uint64_t(std::popcount(a[i] & ~b[i]));       \
    return sum;                                                                                  \
  }                                                                                              \
  attributes void both_##suffix(Word* out, const Word* a, const Word* b, std::size_t n) {        \
    for (std::size_t i = 0; i < n; ++i) out[i] = a[i] & b[i];                                    \
  }                                                                                              \
  attributes void either_##suffix(Word* out, const Word* a, const Word* b, std::size_t n) {      \
    for (std::size_t i = 0; i < n; ++i) out[i] = a[i] | b[i];                                    \
  }                                                                                              \
  attributes void negate_##suffix(Word* out, const Word* a, std::size_t n) {                     \
    for (std::size_t i = 0; i < n; ++i) out[i] = ~a[i];                                          \
  }

DAYAQ_PLAIN_LOOPS(portable, )
constexpr Loops portable_loops{Engine::portable, count_portable,  count_and_portable, count_and_not_portable,
                               both_portable,    either_portable, negate_portable};

#if defined(__x86_64__)
DAYAQ_PLAIN_LOOPS(avx2, __attribute__((target("avx2,popcnt"))))
constexpr Loops avx2_loops{Engine::avx2, count_avx2,  count_and_avx2, count_and_not_avx2,
                           both_avx2,    either_avx2, negate_avx2};

#define DAYAQ_AVX512 __attribute__((target("avx512f,avx512vl,avx512vpopcntdq,popcnt")))

// Neither compiler makes the vpopcntq loop that keeps two sums in flight and masks the rest, so it stands
// here.
template <class Combine>
DAYAQ_AVX512 inline std::uint64_t sum_avx512(std::size_t n, Combine combine) {
  __m512i first = _mm512_setzero_si512();
  __m512i second = _mm512_setzero_si512();
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    first = _mm512_add_epi64(first, _mm512_popcnt_epi64(combine(i, __mmask8(0xff))));
    second = _mm512_add_epi64(second, _mm512_popcnt_epi64(combine(i + 8, __mmask8(0xff))));
  }
  for (; i < n; i += 8) {
    const auto mask = n - i >= 8 ? __mmask8(0xff) : __mmask8((1u << (n - i)) - 1);
    first = _mm512_add_epi64(first, _mm512_popcnt_epi64(combine(i, mask)));
  }
  return std::uint64_t(_mm512_reduce_add_epi64(_mm512_add_epi64(first, second)));
}

struct One {
  const Word* a;
  DAYAQ_AVX512 __m512i operator()(std::size_t i, __mmask8 mask) const {
    return _mm512_maskz_loadu_epi64(mask, a + i);
  }
};
struct And {
  const Word* a;
  const Word* b;
  DAYAQ_AVX512 __m512i operator()(std::size_t i, __mmask8 mask) const {
    return _mm512_and_si512(_mm512_maskz_loadu_epi64(mask, a + i), _mm512_maskz_loadu_epi64(mask, b + i));
  }
};
struct AndNot {
  const Word* a;
  const Word* b;
  DAYAQ_AVX512 __m512i operator()(std::size_t i, __mmask8 mask) const {
    return _mm512_andnot_si512(_mm512_maskz_loadu_epi64(mask, b + i), _mm512_maskz_loadu_epi64(mask, a + i));
  }
};

DAYAQ_AVX512 std::uint64_t count_avx512(const Word* a, std::size_t n) {
  return sum_avx512(n, One{a});
}
DAYAQ_AVX512 std::uint64_t count_and_avx512(const Word* a, const Word* b, std::size_t n) {
  return sum_avx512(n, And{a, b});
}
DAYAQ_AVX512 std::uint64_t count_and_not_avx512(const Word* a, const Word* b, std::size_t n) {
  return sum_avx512(n, AndNot{a, b});
}
// Boolean loops are bound by loads and stores: AVX2's are as fast.
constexpr Loops avx512_loops{Engine::avx512, count_avx512, count_and_avx512, count_and_not_avx512,
                             both_avx2,      either_avx2,  negate_avx2};
#endif

bool has(Engine engine) {
#if defined(__x86_64__)
  if (engine == Engine::avx2)
    return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("popcnt") != 0;
  if (engine == Engine::avx512) {
    return has(Engine::avx2) && __builtin_cpu_supports("avx512f") != 0 &&
           __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512vpopcntdq") != 0;
  }
#endif
  return engine == Engine::portable;
}

const Loops* loops_of(Engine engine) {
#if defined(__x86_64__)
  if (engine == Engine::avx512) return &avx512_loops;
  if (engine == Engine::avx2) return &avx2_loops;
#endif
  return &portable_loops;
}

std::atomic<const Loops*>& chosen() {
  static std::atomic<const Loops*> loops = [] {
    if (has(Engine::avx512)) return loops_of(Engine::avx512);
    return loops_of(has(Engine::avx2) ? Engine::avx2 : Engine::portable);
  }();
  return loops;
}

const Loops& loops() {
  return *chosen().load(std::memory_order_relaxed);
}

}  // namespace

std::string_view to_string(Engine engine) {
  switch (engine) {
    case Engine::portable:
      return "portable";
    case Engine::avx2:
      return "avx2";
    case Engine::avx512:
      return "avx512";
  }
  return "";
}

Engine engine() {
  return loops().engine;
}

bool use(Engine engine) {
  if (!has(engine)) return false;
  chosen().store(loops_of(engine));
  return true;
}

std::uint64_t count(const Word* a, std::size_t n) {
  return loops().count(a, n);
}
std::uint64_t count_and(const Word* a, const Word* b, std::size_t n) {
  return loops().count_and(a, b, n);
}
std::uint64_t count_and_not(const Word* a, const Word* b, std::size_t n) {
  return loops().count_and_not(a, b, n);
}
void both(Word* out, const Word* a, const Word* b, std::size_t n) {
  loops().both(out, a, b, n);
}
void either(Word* out, const Word* a, const Word* b, std::size_t n) {
  loops().either(out, a, b, n);
}
void negate(Word* out, const Word* a, std::size_t n) {
  loops().negate(out, a, n);
}

void fill(Word* words, std::size_t begin, std::size_t end, bool value) {
  if (begin >= end) return;
  const std::size_t first = begin / word_bits;
  const std::size_t last = (end - 1) / word_bits;
  const Word head = ~Word(0) << (begin % word_bits);
  const Word tail = ~Word(0) >> (word_bits - 1 - (end - 1) % word_bits);
  const auto put = [&](std::size_t i, Word mask) { words[i] = value ? words[i] | mask : words[i] & ~mask; };
  if (first == last) {
    put(first, head & tail);
    return;
  }
  put(first, head);
  for (std::size_t i = first + 1; i < last; ++i) words[i] = value ? ~Word(0) : 0;
  put(last, tail);
}

}  // namespace bits

void Bits::set_range(std::size_t begin, std::size_t end) {
  bits::fill(words_.data(), begin, end, true);
}

std::uint64_t Bits::count() const {
  return bits::count(words_.data(), words_.size());
}

Bits Bits::copy() const {
  Bits out;
  out.words_ = words_.copy();
  return out;
}

}  // namespace dayaq::regime
