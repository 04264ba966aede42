// Large arrays of plain values: on huge pages where the kernel gives them, not initialised unless asked for.
//
// A population is a few hundred megabytes that are read at random or streamed: with 4 KB pages every random
// read would miss the TLB too, and std::vector would write each byte once before it is read from a file.
#pragma once

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace dayaq::regime {

__extension__ using Wide = unsigned __int128;  // both compilers have it, the standard doesn't

/// Spreads evenly distributed hashes over any number of slots: the high half of hash x slots.
[[nodiscard]] inline std::size_t slot_of(std::uint64_t hash, std::size_t slots) {
  return static_cast<std::size_t>((static_cast<Wide>(hash) * slots) >> 64);
}
/// The same for ids, which may have their entropy anywhere.
[[nodiscard]] inline std::size_t slot_of_id(std::uint64_t id, std::size_t slots) {
  return slot_of(id * 0x9e3779b97f4a7c15u, slots);
}

template <class T>
class Array {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  Array() = default;
  /// `size` elements of unknown content; the program ends (bad_alloc) without memory.
  explicit Array(std::size_t size) : size_(size) {
    if (size == 0) return;
    const std::size_t align = size * sizeof(T) >= huge_page ? huge_page : 64;
    const std::size_t bytes = (size * sizeof(T) + align - 1) / align * align;
    data_ = static_cast<T*>(std::aligned_alloc(align, bytes));
    if (data_ == nullptr) throw std::bad_alloc();
    if (align == huge_page) ::madvise(data_, bytes, MADV_HUGEPAGE);
  }
  static Array zeroed(std::size_t size) {
    Array array(size);
    if (size != 0) std::memset(static_cast<void*>(array.data_), 0, size * sizeof(T));
    return array;
  }
  [[nodiscard]] Array copy() const {
    Array array(size_);
    if (size_ != 0) std::memcpy(static_cast<void*>(array.data_), data_, bytes());
    return array;
  }
  Array(Array&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Array& operator=(Array&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Array() { std::free(data_); }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return size_ * sizeof(T); }
  [[nodiscard]] T* data() { return data_; }
  [[nodiscard]] const T* data() const { return data_; }
  // Not checked even with library assertions: this is the innermost loop of previews and decisions.
  [[nodiscard]] T& operator[](std::size_t i) { return data_[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const { return data_[i]; }
  [[nodiscard]] std::span<T> span() { return {data_, size_}; }
  [[nodiscard]] std::span<const T> span() const { return {data_, size_}; }

 private:
  static constexpr std::size_t huge_page = std::size_t(2) << 20;
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace dayaq::regime
