// Answers kept for a while, so that a request that is sent again gets the same bytes.
//
// A ring of bytes, the oldest overwritten first, and a table of positions in it. What is no longer here is
// decided again: the engine counts nothing twice, but the bytes may then differ.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"

namespace dayaq::edge::diameter {

class KeptAnswers {
 public:
  explicit KeptAnswers(std::size_t bytes_max);

  struct Kept {
    BytesView message;  ///< valid until the next keep()
    std::uint64_t sequence = 0;
  };
  [[nodiscard]] std::optional<Kept> find(std::uint64_t key) const;
  void keep(std::uint64_t key, BytesView message, std::uint64_t sequence);

 private:
  struct Entry {
    std::uint64_t key = 0;
    std::uint64_t sequence = 0;
    std::uint64_t bytes = 0;
  };
  std::vector<std::byte> ring_;
  std::vector<std::uint64_t> table_;  ///< where an entry is, by key; 0: none
  std::uint64_t written_ = 0;         ///< bytes ever; the ring holds the last of them
};

}  // namespace dayaq::edge::diameter
