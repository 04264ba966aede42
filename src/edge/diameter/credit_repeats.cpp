#include "edge/diameter/credit_repeats.hpp"

#include <bit>
#include <cstring>

namespace dayaq::edge::diameter {

namespace {
constexpr std::uint64_t typical_bytes = 256;
// A table entry: 48 bits of position + 1, 16 bits of the key, so that the ring is touched for what is there
// alone.
constexpr std::uint64_t position_mask = (std::uint64_t(1) << 48) - 1;
constexpr std::uint64_t aligned(std::uint64_t bytes) {
  return (bytes + 7) & ~std::uint64_t(7);
}
}  // namespace

KeptAnswers::KeptAnswers(std::size_t bytes_max)
    : ring_(aligned(bytes_max)), table_(std::bit_ceil(2 * (bytes_max / typical_bytes + 1))) {}

std::optional<KeptAnswers::Kept> KeptAnswers::find(std::uint64_t key) const {
  const std::uint64_t known = table_[key & (table_.size() - 1)];
  if (known == 0 || (known ^ key) >> 48 != 0) return std::nullopt;
  const std::uint64_t at = (known & position_mask) - 1;
  if (written_ - at > ring_.size()) return std::nullopt;  // overwritten since
  Entry entry;
  std::memcpy(&entry, ring_.data() + at % ring_.size(), sizeof entry);
  if (entry.key != key) return std::nullopt;
  return Kept{.message = BytesView(ring_).subspan(at % ring_.size() + sizeof entry, entry.bytes),
              .sequence = entry.sequence};
}

void KeptAnswers::keep(std::uint64_t key, BytesView message, std::uint64_t sequence) {
  const std::uint64_t needed = sizeof(Entry) + aligned(message.size());
  if (needed > ring_.size()) return;
  // An entry is in one piece: what is left at the ring's end is skipped.
  if (const std::uint64_t left = ring_.size() - written_ % ring_.size(); left < needed) written_ += left;
  const std::uint64_t at = written_;
  const Entry entry{.key = key, .sequence = sequence, .bytes = message.size()};
  std::memcpy(ring_.data() + at % ring_.size(), &entry, sizeof entry);
  std::memcpy(ring_.data() + at % ring_.size() + sizeof entry, message.data(), message.size());
  written_ += needed;
  table_[key & (table_.size() - 1)] = (key & ~position_mask) | (at + 1);
}

}  // namespace dayaq::edge::diameter
