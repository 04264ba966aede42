#include "crypto/merkle.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <string>

namespace dayaq::crypto {
namespace {

using Hashes = std::vector<Sha256>;

Sha256 hash_of(std::string_view hex) {
  Sha256 hash;
  std::ranges::copy(*from_hex(hex), hash.begin());
  return hash;
}

// The definitions of RFC 6962 section 2.1, word for word and slow: what the fast ones are held to.
Sha256 naive_root(std::span<const Sha256> leaves) {
  if (leaves.empty()) return sha256({});
  if (leaves.size() == 1) return leaves[0];
  const std::size_t k = std::bit_floor(leaves.size() - 1);
  return node_hash(naive_root(leaves.first(k)), naive_root(leaves.subspan(k)));
}

Hashes naive_path(std::size_t m, std::span<const Sha256> leaves) {
  if (leaves.size() == 1) return {};
  const std::size_t k = std::bit_floor(leaves.size() - 1);
  Hashes path = m < k ? naive_path(m, leaves.first(k)) : naive_path(m - k, leaves.subspan(k));
  path.push_back(m < k ? naive_root(leaves.subspan(k)) : naive_root(leaves.first(k)));
  return path;
}

Hashes naive_subproof(std::size_t m, std::span<const Sha256> leaves, bool b) {
  if (m == leaves.size()) return b ? Hashes{} : Hashes{naive_root(leaves)};
  const std::size_t k = std::bit_floor(leaves.size() - 1);
  Hashes proof =
      m <= k ? naive_subproof(m, leaves.first(k), b) : naive_subproof(m - k, leaves.subspan(k), false);
  proof.push_back(m <= k ? naive_root(leaves.subspan(k)) : naive_root(leaves.first(k)));
  return proof;
}

Hashes some_leaves(std::size_t count) {
  Hashes leaves;
  for (std::size_t i = 0; i < count; ++i) leaves.push_back(leaf_hash(as_bytes("leaf " + std::to_string(i))));
  return leaves;
}

// Gives complete subtrees within `leaves`, and fails the test for anything else.
ReadNode reader(const Hashes& leaves) {
  return [&leaves](TreeNode node) -> Result<Sha256> {
    const std::uint64_t begin = node.index << node.level;
    const std::uint64_t count = std::uint64_t{1} << node.level;
    if (begin + count > leaves.size()) return fail(ErrorKind::internal, "test.node", "outside the tree");
    return naive_root(std::span(leaves).subspan(begin, count));
  };
}

// The test data of Certificate Transparency's reference implementation (merkletree/merkle_tree_test.cc).
const std::vector<std::string> ct_entries{"",
                                          std::string(1, '\0'),
                                          "\x10",
                                          "\x20\x21",
                                          "\x30\x31",
                                          "\x40\x41\x42\x43",
                                          "\x50\x51\x52\x53\x54\x55\x56\x57",
                                          "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"};
constexpr std::string_view ct_roots[]{"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                                      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                                      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                                      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                                      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                                      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                                      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                                      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

Hashes ct_leaves() {
  Hashes leaves;
  for (const std::string& entry : ct_entries) leaves.push_back(leaf_hash(as_bytes(entry)));
  return leaves;
}

TEST(TreeEdge, GivesTheRootsOfCertificateTransparency) {
  EXPECT_EQ(to_hex(empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  TreeEdge edge;
  EXPECT_EQ(edge.root(), empty_root());
  const Hashes leaves = ct_leaves();
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    edge.push(leaves[i]);
    EXPECT_EQ(to_hex(edge.root()), ct_roots[i]) << i + 1;
  }
}

TEST(ConsistencyProof, GivesTheVectorsOfCertificateTransparency) {
  const Hashes leaves = ct_leaves();
  const std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<std::string>> expected{
      {{1, 1}, {}},
      {{1, 8},
       {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
      {{6, 8},
       {"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
      {{2, 5},
       {"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}}};
  for (const auto& [sizes, hexes] : expected) {
    Hashes proof;
    for (const std::string& hex : hexes) proof.push_back(hash_of(hex));
    EXPECT_EQ(*consistency_proof(sizes.first, sizes.second, reader(leaves)), proof);
  }
}

TEST(TreeEdge, EqualsTheDefinitionForEverySize) {
  const Hashes leaves = some_leaves(300);
  TreeEdge edge;
  for (std::size_t size = 0; size <= leaves.size(); ++size) {
    EXPECT_EQ(edge.root(), naive_root(std::span(leaves).first(size))) << size;
    const auto loaded = TreeEdge::load(size, reader(leaves));
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->root(), edge.root()) << size;
    if (size < leaves.size()) edge.push(leaves[size]);
  }
}

TEST(TreeEdge, NamesEachSubtreeThatALeafCompletes) {
  const Hashes leaves = some_leaves(64);
  TreeEdge edge;
  std::size_t seen = 0;
  for (const Sha256& leaf : leaves) {
    edge.push(leaf, [&](TreeNode node, const Sha256& hash) {
      ++seen;
      EXPECT_EQ(hash, *reader(leaves)(node)) << node.level << "/" << node.index;
    });
  }
  EXPECT_EQ(seen, 127u);  // every node of a complete tree, once
}

TEST(InclusionProof, EqualsTheDefinitionAndVerifiesForEverySizeAndIndex) {
  const Hashes all = some_leaves(70);
  for (std::size_t size = 1; size <= all.size(); ++size) {
    const Hashes leaves(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size));
    const Sha256 root = naive_root(leaves);
    for (std::size_t index = 0; index < size; ++index) {
      const auto proof = inclusion_proof(index, size, reader(leaves));
      ASSERT_TRUE(proof);
      ASSERT_EQ(*proof, naive_path(index, leaves));
      ASSERT_TRUE(verify_inclusion(leaves[index], index, size, *proof, root)) << index << " in " << size;
      ASSERT_FALSE(verify_inclusion(leaves[index], size, size, *proof, root));
      if (index > 0) {
        ASSERT_FALSE(verify_inclusion(leaves[index], index - 1, size, *proof, root));
      }
    }
  }
}

TEST(ConsistencyProof, EqualsTheDefinitionAndVerifiesForEveryPairOfSizes) {
  const Hashes leaves = some_leaves(70);
  for (std::size_t to = 1; to <= leaves.size(); ++to) {
    const TreeHead new_head{to, naive_root(std::span(leaves).first(to))};
    EXPECT_TRUE(verify_consistency({0, empty_root()}, new_head, {}));
    for (std::size_t from = 1; from <= to; ++from) {
      const TreeHead old_head{from, naive_root(std::span(leaves).first(from))};
      const auto proof = consistency_proof(from, to, reader(leaves));
      ASSERT_TRUE(proof);
      ASSERT_EQ(*proof, naive_subproof(from, std::span(leaves).first(to), true));
      ASSERT_TRUE(verify_consistency(old_head, new_head, *proof)) << from << " to " << to;
      if (from < to) {
        ASSERT_FALSE(verify_consistency(new_head, old_head, *proof));
      }
    }
  }
}

// A changed hash, a missing or added one, another root: nothing of a proof is without meaning.
TEST(Proofs, AnyChangeOfOneIsRefused) {
  EXPECT_TRUE(rc::check([] {
    const auto size = *rc::gen::inRange<std::size_t>(2, 200);
    const auto index = *rc::gen::inRange<std::size_t>(0, size);
    const auto from = *rc::gen::inRange<std::size_t>(1, size);
    const auto bit = *rc::gen::inRange<std::size_t>(0, 256);
    const Hashes leaves = some_leaves(size);
    const Sha256 root = naive_root(leaves);
    const TreeHead old_head{from, naive_root(std::span(leaves).first(from))};
    const TreeHead new_head{size, root};
    const auto flip = [bit](Sha256 hash) {
      hash[bit / 8] ^= std::byte(1 << bit % 8);
      return hash;
    };
    const Hashes inclusion = *inclusion_proof(index, size, reader(leaves));
    const Hashes consistency = *consistency_proof(from, size, reader(leaves));
    const auto included = [&](const Hashes& proof) {
      return verify_inclusion(leaves[index], index, size, proof, root);
    };
    const auto consistent = [&](const Hashes& proof) {
      return verify_consistency(old_head, new_head, proof);
    };
    RC_ASSERT(included(inclusion));
    RC_ASSERT(consistent(consistency));
    const auto refuses_all_changes = [&](const Hashes& proof, const auto& holds) {
      for (std::size_t i = 0; i < proof.size(); ++i) {
        Hashes changed = proof;
        changed[i] = flip(changed[i]);
        RC_ASSERT_FALSE(holds(changed));
        changed = proof;
        changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
        RC_ASSERT_FALSE(holds(changed));
      }
      Hashes longer = proof;
      longer.push_back(root);
      RC_ASSERT_FALSE(holds(longer));
    };
    refuses_all_changes(inclusion, included);
    refuses_all_changes(consistency, consistent);
    RC_ASSERT_FALSE(verify_inclusion(flip(leaves[index]), index, size, inclusion, root));
    RC_ASSERT_FALSE(verify_inclusion(leaves[index], index, size, inclusion, flip(root)));
    RC_ASSERT_FALSE(verify_consistency({from, flip(old_head.root)}, new_head, consistency));
    RC_ASSERT_FALSE(verify_consistency(old_head, {size, flip(root)}, consistency));
  }));
}

TEST(Proofs, PassOnWhatTheReaderFailedWith) {
  const ReadNode broken = [](TreeNode) -> Result<Sha256> {
    return fail(ErrorKind::unavailable, "test.gone", "gone");
  };
  EXPECT_EQ(inclusion_proof(3, 7, broken).error().code, "test.gone");
  EXPECT_EQ(consistency_proof(3, 7, broken).error().code, "test.gone");
  EXPECT_EQ(TreeEdge::load(7, broken).error().code, "test.gone");
}

TEST(Proofs, ReachIntoTreesOfAnySize) {
  // Every complete subtree of this huge tree has the same made-up hash, so the proofs' lengths can be
  // checked.
  const ReadNode any = [](TreeNode node) -> Result<Sha256> {
    return leaf_hash(as_bytes(std::to_string(node.level)));
  };
  EXPECT_EQ(inclusion_proof(0, tree_size_max, any)->size(), 62u);
  EXPECT_EQ(inclusion_proof(tree_size_max - 2, tree_size_max - 1, any)->size(), 61u);
  EXPECT_EQ(consistency_proof(1, tree_size_max, any)->size(), 62u);
}

TEST(CompleteRoot, EqualsTheDefinition) {
  for (const std::size_t size : {1u, 2u, 4u, 64u, 256u}) {
    const Hashes leaves = some_leaves(size);
    EXPECT_EQ(complete_root(leaves), naive_root(leaves));
  }
}

}  // namespace
}  // namespace dayaq::crypto
