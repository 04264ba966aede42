// Reading a tree into typed values, collecting every finding with its line, column and field.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "regime/file_tree.hpp"

namespace dayaq::regime {

/// A node and the way to it: "measures[2].who.status".
struct At {
  const TreeNode* node = nullptr;
  std::string path = {};
  std::string name = {};  ///< the last step of the path, for sentences
};

class TreeReader {
 public:
  explicit TreeReader(Errors& errors) : errors_(errors) {}

  /// Notes a finding at a node. `text` says what to do.
  void error(const At& at, std::string_view code, std::string text);

  /// A map with no keys but these: "file.type", "file.unknown_key" (with the nearest known one). False if no
  /// map.
  bool map(const At& at, std::initializer_list<std::string_view> known);
  /// A value in a map; nullopt if it isn't there.
  [[nodiscard]] std::optional<At> find(const At& at, std::string_view key) const;
  /// The same, and "file.missing" if it isn't there.
  std::optional<At> need(const At& at, std::string_view key);
  /// The items of a list: "file.type" if it is none, "file.missing" if it is empty.
  std::vector<At> items(const At& at);
  /// The items of a list, or the node itself if it is a scalar: `status: pensioner`, `status: [pupil,
  /// student]`.
  std::vector<At> one_or_more(const At& at);

  /// A scalar: "file.type".
  std::optional<std::string> text(const At& at);
  /// A code: "file.code" says how codes look.
  std::optional<std::string> code(const At& at);
  /// A whole number min..max: "file.number".
  std::optional<std::int64_t> number(const At& at, std::int64_t min, std::int64_t max);
  /// true or false: "file.type".
  std::optional<bool> truth(const At& at);
  /// {az: ..., en: ..., ru: ...}; az is required, the others may be missing. "file.missing", "file.text" if
  /// empty or longer than length_max bytes.
  LocalizedText localized(const At& at, std::size_t length_max);

 private:
  Errors& errors_;
};

/// ` Did you mean "x"?` or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

/// By line and column, those without a place last.
void sort_by_place(Errors& errors);

}  // namespace dayaq::regime
