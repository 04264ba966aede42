// Merkle trees as in Certificate Transparency: hashing, the root of a growing tree, and proofs.
//
// Nodes are named by level and index: node (level, i) is the root of the complete subtree over the leaves
// [i << level, (i + 1) << level); level 0 are leaf hashes.
//
//   size 7:          root
//                /         \          .
//            (2,0)          *         the right side of a tree whose size is no power of two has inner nodes
//           /     \        / \        that aren't complete subtrees (*): they are made from complete ones
//        (1,0)  (1,1)  (1,2) (0,6)
//
// @see RFC 6962 section 2.1; RFC 9162 section 2.1 for the verifiers
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "crypto/sign.hpp"

namespace dayaq::crypto {

[[nodiscard]] Sha256 leaf_hash(BytesView entry);                          ///< SHA-256(0x00 || entry)
[[nodiscard]] Sha256 node_hash(const Sha256& left, const Sha256& right);  ///< SHA-256(0x01 || left || right)
[[nodiscard]] Sha256 empty_root();                                        ///< SHA-256("")

struct TreeNode {
  unsigned level = 0;
  std::uint64_t index = 0;
  friend bool operator==(const TreeNode&, const TreeNode&) = default;
};

/// Gives the hash of a complete subtree that lies within the tree asked about.
using ReadNode = std::function<Result<Sha256>(TreeNode)>;

/// The right edge of a growing tree: one hash for each bit of its size, enough to add leaves and to give the
/// root. Adding costs one node hash on average, the root one for each bit that is set.
class TreeEdge {
 public:
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] Sha256 root() const;
  void push(const Sha256& leaf) {
    push(leaf, [](TreeNode, const Sha256&) {});
  }
  /// Also calls `on_node` for each subtree that this leaf completes: the leaf itself, then upwards.
  template <class OnNode>
  void push(const Sha256& leaf, OnNode&& on_node) {
    Sha256 hash = leaf;
    unsigned level = 0;
    on_node(TreeNode{0, size_}, hash);
    for (; (size_ >> level & 1) != 0; ++level) {
      hash = node_hash(nodes_[level], hash);
      on_node(TreeNode{level + 1, size_ >> (level + 1)}, hash);
    }
    nodes_[level] = hash;
    ++size_;
  }
  /// The edge of a tree of `size` leaves whose complete subtrees `read` knows.
  static Result<TreeEdge> load(std::uint64_t size, const ReadNode& read);

 private:
  std::uint64_t size_ = 0;
  std::array<Sha256, 63> nodes_{};  // [level] is in use if that bit of size_ is set
};

inline constexpr std::uint64_t tree_size_max = std::uint64_t{1} << 62;

/// The root of the complete subtree over `leaves`, whose number is a power of two.
[[nodiscard]] Sha256 complete_root(std::span<const Sha256> leaves);

/// RFC 6962 section 2.1.1. The caller has checked index < size <= tree_size_max. Errors are those of `read`.
[[nodiscard]] Result<std::vector<Sha256>> inclusion_proof(std::uint64_t index, std::uint64_t size,
                                                          const ReadNode& read);
/// RFC 6962 section 2.1.2. The caller has checked 0 < from <= to <= tree_size_max. Errors are those of
/// `read`.
[[nodiscard]] Result<std::vector<Sha256>> consistency_proof(std::uint64_t from, std::uint64_t to,
                                                            const ReadNode& read);

/// RFC 9162 section 2.1.3.2. Takes any foreign values.
[[nodiscard]] bool verify_inclusion(const Sha256& leaf, std::uint64_t index, std::uint64_t size,
                                    std::span<const Sha256> proof, const Sha256& root);

struct TreeHead {
  std::uint64_t size = 0;
  Sha256 root{};
  friend bool operator==(const TreeHead&, const TreeHead&) = default;
};

/// RFC 9162 section 2.1.4.2: `to` is `from` with leaves added. Takes any foreign values. Every tree continues
/// the empty one; equal sizes need equal roots; both with an empty proof.
[[nodiscard]] bool verify_consistency(const TreeHead& from, const TreeHead& to,
                                      std::span<const Sha256> proof);

}  // namespace dayaq::crypto
