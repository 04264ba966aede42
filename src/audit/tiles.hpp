// The log's tree cut into tiles of 256 hashes, of which only the unfinished ones are kept in memory.
//
// Tile (level, n) holds, for i in 0..255, the root of the entries [(n*256 + i) * 256^level, (n*256 + i + 1) *
// 256^level): level 0 are leaf hashes, each hash of a higher level is the root of a full tile below it.
// @see https://c2sp.org/tlog-tiles
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "crypto/merkle.hpp"

namespace dayaq::audit {

using Hash = crypto::Sha256;

inline constexpr unsigned tile_height = 8;
inline constexpr std::uint64_t tile_width = 256;
inline constexpr unsigned tile_levels = 8;  ///< enough for crypto::tree_size_max

struct TileId {
  unsigned level = 0;
  std::uint64_t index = 0;
  friend bool operator==(const TileId&, const TileId&) = default;
};

struct FullTile {
  TileId id;
  std::vector<Hash> hashes;  ///< tile_width of them
};

/// Hashes of a level in a tree of `size` entries.
[[nodiscard]] constexpr std::uint64_t hashes_at(unsigned level, std::uint64_t size) {
  return size >> (tile_height * level);
}

/// A hash list as it is stored: one after another.
[[nodiscard]] inline BytesView as_stored(std::span<const Hash> hashes) {
  return std::as_bytes(hashes);
}
/// nullopt if the bytes aren't a whole number of hashes.
[[nodiscard]] std::optional<std::vector<Hash>> hashes_from(BytesView stored);

/// Where a node of the tree stands in its tile: `count` hashes (a power of two) from `first`.
struct TilePart {
  TileId tile;
  std::size_t first = 0;
  std::size_t count = 0;
};
[[nodiscard]] TilePart part_of(crypto::TreeNode node);

/// The unfinished tiles of a growing tree. A value: copying costs at most 64 KiB, usually under 20.
class TreeTiles {
 public:
  [[nodiscard]] std::uint64_t size() const { return edge_.size(); }
  [[nodiscard]] Hash root() const { return edge_.root(); }
  /// Adds a leaf; appends the tiles it fills to `full`, lowest first.
  void push(const Hash& leaf, std::vector<FullTile>& full);
  /// A node whose tile is unfinished; nullopt if its tile is full (and so in the database) or not there yet.
  [[nodiscard]] std::optional<Hash> node(crypto::TreeNode node) const;
  /// The unfinished tile of a level: 0 to 255 hashes.
  [[nodiscard]] std::span<const Hash> unfinished(unsigned level) const { return tiles_[level]; }

  /// From the unfinished tiles of a tree of `size`; nullopt if their lengths aren't those of that size.
  [[nodiscard]] static std::optional<TreeTiles> load(std::uint64_t size,
                                                     std::array<std::vector<Hash>, tile_levels> unfinished);

 private:
  crypto::TreeEdge edge_;
  std::array<std::vector<Hash>, tile_levels> tiles_;
};

}  // namespace dayaq::audit
