// YAML as a bounded tree with the place of every word, for files that people write and may write wrongly.
//
// Anchors, aliases, tags and several documents in one file are refused: a legal text is read from top to
// bottom, and a file without references can't hide a cycle or grow when it is read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace dayaq::regime {

struct TreePlace {
  std::uint32_t line = 0;    ///< from 1
  std::uint32_t column = 0;  ///< from 1, in characters, not bytes
};

struct TreeNode {
  /// `refused` stands where the tree's reader has already said what is wrong.
  enum class Kind : std::uint8_t { nothing, scalar, list, map, refused };
  Kind kind = Kind::nothing;
  TreePlace place;
  std::string text;                ///< scalar
  bool quoted = false;             ///< scalar: written in quotes
  std::vector<TreeNode> children;  ///< list: its items; map: its values
  std::vector<TreeNode> keys;      ///< map: its keys (scalars), in step with `children`

  /// A map's value; null if there is none or this is no map.
  [[nodiscard]] const TreeNode* find(std::string_view key) const;
};

struct TreeLimits {
  std::size_t bytes_max = 256 << 10;
  std::size_t nodes_max = 20000;
  int depth_max = 40;
};

struct Tree {
  TreeNode root;  ///< `refused` if nothing could be read
  Errors errors;  ///< empty for a good file
};

/// Reads one YAML 1.2 document as far as it can be read, and says all that is wrong with it, with line and
/// column. All errors are of invalid_input: "file.size", "file.encoding", "file.syntax", "file.depth",
/// "file.alias", "file.cycle", "file.tag", "file.duplicate_key", "file.key", "file.documents", "file.empty".
[[nodiscard]] Tree read_tree(std::string_view text, const TreeLimits& limits = {});

/// The candidate most like `word`, empty if none is near: for "did you mean".
[[nodiscard]] std::string nearest_word(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace dayaq::regime
