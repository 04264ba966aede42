#include "audit/tiles.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace dayaq::audit {
namespace {

Hash leaf(std::uint64_t i) {
  return crypto::leaf_hash(as_bytes(std::to_string(i)));
}

// A tree of a little more than two levels of tiles, built once.
struct Grown {
  explicit Grown(std::uint64_t size) {
    std::vector<FullTile> filled;
    for (std::uint64_t i = 0; i < size; ++i) {
      leaves.push_back(leaf(i));
      tiles.push(leaves.back(), filled);
    }
    for (FullTile& tile : filled) full[{tile.id.level, tile.id.index}] = std::move(tile.hashes);
  }
  TreeTiles tiles;
  std::vector<Hash> leaves;
  std::map<std::pair<unsigned, std::uint64_t>, std::vector<Hash>> full;
};

TEST(TreeTiles, AreAsManyAsTheSpecificationSays) {
  // The example of c2sp.org/tlog-tiles: 70,000 entries.
  const Grown tree(70'000);
  std::map<unsigned, int> full_at;
  for (const auto& [id, hashes] : tree.full) {
    EXPECT_EQ(hashes.size(), tile_width);
    ++full_at[id.first];
  }
  EXPECT_EQ(full_at, (std::map<unsigned, int>{{0, 273}, {1, 1}}));
  EXPECT_EQ(tree.tiles.unfinished(0).size(), 112u);
  EXPECT_EQ(tree.tiles.unfinished(1).size(), 17u);
  EXPECT_EQ(tree.tiles.unfinished(2).size(), 1u);
  EXPECT_EQ(tree.tiles.unfinished(3).size(), 0u);
}

TEST(TreeTiles, HoldTheRootsOfTheTilesBelow) {
  const Grown tree(70'000);
  const auto& top = tree.full.at({1, 0});
  for (std::uint64_t i = 0; i < tile_width; ++i) {
    ASSERT_EQ(top[i], crypto::complete_root(tree.full.at({0, i})));
    ASSERT_EQ(tree.full.at({0, i})[3], leaf(i * tile_width + 3));
  }
  EXPECT_EQ(tree.tiles.unfinished(2)[0], crypto::complete_root(top));
}

TEST(TreeTiles, KnowEveryNodeInMemoryOrInAFullTile) {
  const Grown tree(66'000);
  for (unsigned level = 0; level <= 16; ++level) {
    for (std::uint64_t i = 0; i < std::uint64_t{66'000} >> level; i += level < 8 ? 97 : 1) {
      const std::uint64_t count = std::uint64_t{1} << level;
      const Hash expected = crypto::complete_root(std::span(tree.leaves).subspan(i << level, count));
      const TilePart part = part_of({level, i});
      const auto in_memory = tree.tiles.node({level, i});
      const auto stored = tree.full.find({part.tile.level, part.tile.index});
      ASSERT_NE(in_memory.has_value(), stored != tree.full.end()) << level << "/" << i;
      const Hash found =
          in_memory ? *in_memory
                    : crypto::complete_root(std::span(stored->second).subspan(part.first, part.count));
      ASSERT_EQ(found, expected) << level << "/" << i;
    }
  }
  EXPECT_FALSE(tree.tiles.node({0, 66'000}));
  EXPECT_FALSE(tree.tiles.node({16, 1}));
}

TEST(TreeTiles, GoOnAfterLoadingAsIfTheyHadStayed) {
  for (const std::uint64_t size :
       {0u, 1u, 2u, 255u, 256u, 257u, 511u, 512u, 1000u, 65'535u, 65'536u, 65'537u}) {
    Grown tree(size);
    std::array<std::vector<Hash>, tile_levels> unfinished;
    for (unsigned level = 0; level < tile_levels; ++level) {
      unfinished[level].assign(tree.tiles.unfinished(level).begin(), tree.tiles.unfinished(level).end());
    }
    auto loaded = TreeTiles::load(size, unfinished);
    ASSERT_TRUE(loaded) << size;
    EXPECT_EQ(loaded->size(), size);
    std::vector<FullTile> full;
    for (std::uint64_t i = size; i < size + 300; ++i) {
      EXPECT_EQ(loaded->root(), tree.tiles.root()) << i;
      loaded->push(leaf(i), full);
      tree.tiles.push(leaf(i), full);
    }
    EXPECT_FALSE(TreeTiles::load(size + 1, unfinished));
  }
}

TEST(Hashes, AreStoredOneAfterAnother) {
  const std::vector<Hash> hashes{leaf(1), leaf(2)};
  EXPECT_EQ(hashes_from(as_stored(hashes)), hashes);
  EXPECT_EQ(hashes_from({}), std::vector<Hash>{});
  EXPECT_EQ(hashes_from(as_stored(hashes).first(63)), std::nullopt);
}

}  // namespace
}  // namespace dayaq::audit
