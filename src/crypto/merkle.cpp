#include "crypto/merkle.hpp"

#include <algorithm>
#include <cstring>

namespace dayaq::crypto {
namespace {

// The largest power of two smaller than n (n > 1): where RFC 6962 splits a tree.
std::uint64_t split(std::uint64_t n) {
  return std::bit_floor(n - 1);
}

// MTH(D[begin : begin + count]), where `begin` is a multiple of the smallest power of two that covers
// `count`.
Result<Sha256> range_root(std::uint64_t begin, std::uint64_t count, const ReadNode& read) {
  if (std::has_single_bit(count)) {
    const auto level = static_cast<unsigned>(std::countr_zero(count));
    return read(TreeNode{level, begin >> level});
  }
  const std::uint64_t left_count = split(count);
  DAYAQ_TRY(const Sha256 left, range_root(begin, left_count, read));
  DAYAQ_TRY(const Sha256 right, range_root(begin + left_count, count - left_count, read));
  return node_hash(left, right);
}

}  // namespace

Sha256 leaf_hash(BytesView entry) {
  static constexpr std::byte prefix[]{std::byte{0}};
  return sha256(prefix, entry);
}

Sha256 node_hash(const Sha256& left, const Sha256& right) {
  std::array<std::byte, 65> message;
  message[0] = std::byte{1};
  std::memcpy(message.data() + 1, left.data(), left.size());
  std::memcpy(message.data() + 33, right.data(), right.size());
  return sha256(message);
}

Sha256 empty_root() {
  return sha256({});
}

Sha256 TreeEdge::root() const {
  if (size_ == 0) return empty_root();
  auto level = static_cast<unsigned>(std::countr_zero(size_));
  Sha256 hash = nodes_[level];
  for (++level; (size_ >> level) != 0; ++level) {
    if ((size_ >> level & 1) != 0) hash = node_hash(nodes_[level], hash);
  }
  return hash;
}

Result<TreeEdge> TreeEdge::load(std::uint64_t size, const ReadNode& read) {
  DAYAQ_ASSERT(size <= tree_size_max);
  TreeEdge edge;
  edge.size_ = size;
  for (unsigned level = 0; (size >> level) != 0; ++level) {
    if ((size >> level & 1) == 0) continue;
    DAYAQ_TRY(edge.nodes_[level], read(TreeNode{level, (size >> level) - 1}));
  }
  return edge;
}

Sha256 complete_root(std::span<const Sha256> leaves) {
  DAYAQ_ASSERT(std::has_single_bit(leaves.size()));
  std::vector<Sha256> row(leaves.begin(), leaves.end());
  for (std::size_t count = row.size(); count > 1; count /= 2) {
    for (std::size_t i = 0; i < count / 2; ++i) row[i] = node_hash(row[2 * i], row[2 * i + 1]);
  }
  return row.front();
}

Result<std::vector<Sha256>> inclusion_proof(std::uint64_t index, std::uint64_t size, const ReadNode& read) {
  DAYAQ_ASSERT(index < size && size <= tree_size_max);
  std::vector<Sha256> proof;
  std::uint64_t begin = 0;
  // PATH goes down from the root to the leaf; the proof lists the siblings from the leaf up.
  for (std::uint64_t count = size; count > 1;) {
    const std::uint64_t left = split(count);
    const bool in_left = index - begin < left;
    DAYAQ_TRY(const Sha256 sibling,
              in_left ? range_root(begin + left, count - left, read) : range_root(begin, left, read));
    proof.push_back(sibling);
    begin += in_left ? 0 : left;
    count = in_left ? left : count - left;
  }
  std::ranges::reverse(proof);
  return proof;
}

Result<std::vector<Sha256>> consistency_proof(std::uint64_t from, std::uint64_t to, const ReadNode& read) {
  DAYAQ_ASSERT(0 < from && from <= to && to <= tree_size_max);
  std::vector<Sha256> proof;
  std::uint64_t begin = 0;
  bool old_root_known = true;  // SUBPROOF's b: the subtree at hand is the whole old tree
  // SUBPROOF(m, D[n], b) with m = from - begin and n = count, from the root down.
  std::uint64_t count = to;
  while (from - begin != count) {
    const std::uint64_t left = split(count);
    if (from - begin <= left) {
      DAYAQ_TRY(const Sha256 right, range_root(begin + left, count - left, read));
      proof.push_back(right);
      count = left;
    } else {
      DAYAQ_TRY(const Sha256 whole, range_root(begin, left, read));
      proof.push_back(whole);
      begin += left;
      count -= left;
      old_root_known = false;
    }
  }
  if (!old_root_known) {
    DAYAQ_TRY(const Sha256 rest, range_root(begin, count, read));
    proof.push_back(rest);
  }
  std::ranges::reverse(proof);
  return proof;
}

bool verify_inclusion(const Sha256& leaf, std::uint64_t index, std::uint64_t size,
                      std::span<const Sha256> proof, const Sha256& root) {
  // 1. leaf_index must be less than tree_size.
  if (index >= size) return false;
  // 2., 3. fn = leaf_index, sn = tree_size - 1, r = hash.
  std::uint64_t fn = index;
  std::uint64_t sn = size - 1;
  Sha256 r = leaf;
  // 4. For each value p in the inclusion_path:
  for (const Sha256& p : proof) {
    if (sn == 0) return false;        // a. the path is too long
    if ((fn & 1) != 0 || fn == sn) {  // b. p is a left sibling
      r = node_hash(p, r);
      while ((fn & 1) == 0 && fn != 0) {  //    skip levels where the last node has no sibling
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      r = node_hash(r, p);
    }
    fn >>= 1;  // c.
    sn >>= 1;
  }
  // 5. The path must have been long enough and lead to the root.
  return sn == 0 && r == root;
}

bool verify_consistency(const TreeHead& from, const TreeHead& to, std::span<const Sha256> proof) {
  if (from.size > to.size) return false;
  if (from.size == to.size) return proof.empty() && from.root == to.root;
  if (from.size == 0) return proof.empty() && from.root == empty_root();
  // 1. An empty path fails.
  if (proof.empty()) return false;
  // 2. If first is an exact power of two, first_hash comes first.
  const bool prepend = std::has_single_bit(from.size);
  const Sha256& seed = prepend ? from.root : proof.front();
  const auto path = prepend ? proof : proof.subspan(1);
  // 3., 4. fn = first - 1, sn = second - 1, shifted equally until the lowest bit of fn isn't set.
  std::uint64_t fn = from.size - 1;
  std::uint64_t sn = to.size - 1;
  while ((fn & 1) != 0) {
    fn >>= 1;
    sn >>= 1;
  }
  // 5. fr and sr start with the first value of the path.
  Sha256 fr = seed;
  Sha256 sr = seed;
  // 6. For each later value c:
  for (const Sha256& c : path) {
    if (sn == 0) return false;        // a.
    if ((fn & 1) != 0 || fn == sn) {  // b.
      fr = node_hash(c, fr);
      sr = node_hash(c, sr);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      sr = node_hash(sr, c);
    }
    fn >>= 1;  // c.
    sn >>= 1;
  }
  // 7. Both roots come out and nothing is left.
  return sn == 0 && fr == from.root && sr == to.root;
}

}  // namespace dayaq::crypto
