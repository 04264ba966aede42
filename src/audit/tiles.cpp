#include "audit/tiles.hpp"

#include <cstring>

namespace dayaq::audit {

std::optional<std::vector<Hash>> hashes_from(BytesView stored) {
  if (stored.size() % sizeof(Hash) != 0) return std::nullopt;
  std::vector<Hash> hashes(stored.size() / sizeof(Hash));
  if (!stored.empty()) std::memcpy(hashes.data(), stored.data(), stored.size());
  return hashes;
}

TilePart part_of(crypto::TreeNode node) {
  const unsigned level = node.level / tile_height;
  const unsigned height = node.level % tile_height;
  const std::uint64_t first = node.index << height;
  return {
      {level, first / tile_width}, static_cast<std::size_t>(first % tile_width), std::size_t{1} << height};
}

void TreeTiles::push(const Hash& leaf, std::vector<FullTile>& full) {
  edge_.push(leaf, [&](crypto::TreeNode node, const Hash& hash) {
    if (node.level % tile_height != 0) return;
    const unsigned level = node.level / tile_height;
    std::vector<Hash>& tile = tiles_[level];
    tile.push_back(hash);
    if (tile.size() == tile_width) {
      full.push_back({{level, node.index / tile_width}, std::move(tile)});
      tile.clear();
    }
  });
}

std::optional<Hash> TreeTiles::node(crypto::TreeNode node) const {
  const TilePart part = part_of(node);
  const std::vector<Hash>& tile = tiles_[part.tile.level];
  if (part.tile.index != hashes_at(part.tile.level, size()) / tile_width) return std::nullopt;
  if (part.first + part.count > tile.size()) return std::nullopt;
  return crypto::complete_root(std::span(tile).subspan(part.first, part.count));
}

std::optional<TreeTiles> TreeTiles::load(std::uint64_t size,
                                         std::array<std::vector<Hash>, tile_levels> unfinished) {
  for (unsigned level = 0; level < tile_levels; ++level) {
    if (unfinished[level].size() != hashes_at(level, size) % tile_width) return std::nullopt;
  }
  TreeTiles loaded;
  loaded.tiles_ = std::move(unfinished);
  // Every node of the right edge lies in an unfinished tile: it is the last of its height.
  auto edge = crypto::TreeEdge::load(size, [&](crypto::TreeNode node) -> Result<Hash> {
    const TilePart part = part_of(node);
    return crypto::complete_root(std::span(loaded.tiles_[part.tile.level]).subspan(part.first, part.count));
  });
  DAYAQ_ASSERT(edge.has_value());
  loaded.edge_ = *edge;
  return loaded;
}

}  // namespace dayaq::audit
