// Large arrays of plain values: on huge pages where the kernel gives them, not initialised unless asked for.
//
// A population is a few hundred megabytes that are read at random or streamed: with 4 KB pages every random
// read would miss the TLB too, and std::vector would write each byte once before it is read from a file.
#pragma once

#include <sys/mman.h>

#include <cstddef>
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
    if (is_large()) {
      data_ = static_cast<T*>(map_large());
    } else {
      data_ = static_cast<T*>(
          std::aligned_alloc(small_align, (bytes() + small_align - 1) / small_align * small_align));
    }
    if (data_ == nullptr) throw std::bad_alloc();
  }
  static Array zeroed(std::size_t size) {
    Array array(size);
    // Pages from the kernel are zero already, and writing them now would only fetch them all.
    if (size != 0 && !array.is_large()) std::memset(static_cast<void*>(array.data_), 0, array.bytes());
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
  ~Array() {
    if (is_large())
      ::munmap(static_cast<void*>(data_), mapped_bytes());
    else
      std::free(data_);
  }

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
  static constexpr std::size_t small_align = 64;
  [[nodiscard]] bool is_large() const { return bytes() >= huge_page; }
  [[nodiscard]] std::size_t mapped_bytes() const { return (bytes() + huge_page - 1) / huge_page * huge_page; }
  [[nodiscard]] void* map_large() const {
    // One huge page more than needed, so that a part of it can begin on a huge page's boundary.
    const std::size_t wanted = mapped_bytes() + huge_page;
    void* mapped = ::mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return nullptr;
    auto* begin = static_cast<std::byte*>(mapped);
    const std::size_t head = (huge_page - reinterpret_cast<std::uintptr_t>(begin) % huge_page) % huge_page;
    if (head != 0) ::munmap(begin, head);
    ::munmap(begin + head + mapped_bytes(), huge_page - head);
    ::madvise(begin + head, mapped_bytes(), MADV_HUGEPAGE);
    return begin + head;
  }
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace dayaq::regime
