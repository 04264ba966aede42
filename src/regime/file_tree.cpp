#include "regime/file_tree.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <map>
#include <sstream>

#include "base/text.hpp"

namespace dayaq::regime {
namespace {

struct StopReading : std::exception {};  // thrown through yaml-cpp when going on would be useless or unsafe

/// yaml-cpp counts columns in bytes; people count letters.
class PlaceFinder {
 public:
  explicit PlaceFinder(std::string_view text) : text_(text) {
    starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') starts_.push_back(i + 1);
    }
  }
  [[nodiscard]] TreePlace place(const YAML::Mark& mark) const {
    if (mark.line < 0) return {};
    const auto line = static_cast<std::size_t>(mark.line);
    std::uint32_t column = 1;
    if (line < starts_.size()) {
      const std::size_t end = std::min(text_.size(), starts_[line] + static_cast<std::size_t>(mark.column));
      for (std::size_t i = starts_[line]; i < end; ++i) column += (text_[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return {.line = static_cast<std::uint32_t>(line) + 1, .column = column};
  }

 private:
  std::string_view text_;
  std::vector<std::size_t> starts_;
};

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, const TreeLimits& limits) : finder_(text), limits_(limits) {}

  TreeNode root;
  Errors errors;

  void note(std::string_view code, TreePlace place, std::string text) {
    errors.push_back({ErrorKind::invalid_input, code, std::move(text), {}, path(), place.line, place.column});
  }
  [[nodiscard]] TreePlace place(const YAML::Mark& mark) const { return finder_.place(mark); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    add({.kind = TreeNode::Kind::nothing, .place = place(mark)});
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const bool inside_itself = std::ranges::any_of(
        open_, [&](const Open& open) { return open.anchor != 0 && open.anchor == anchor; });
    if (inside_itself) {
      note("file.cycle", place(mark),
           "This refers to the part of the file that it stands in: a cycle. Write it out.");
    } else {
      note("file.alias", place(mark),
           "References (* and &) aren't allowed here. Write the thing out, or name a "
           "group of persons under `groups`.");
    }
    add({.kind = TreeNode::Kind::refused, .place = place(mark)});
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    add({.kind = TreeNode::Kind::scalar, .place = place(mark), .text = value, .quoted = tag == "!"});
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    start(mark, tag, anchor, TreeNode::Kind::list);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    start(mark, tag, anchor, TreeNode::Kind::map);
  }
  void OnMapEnd() override { end(); }

 private:
  struct Open {
    TreeNode node;
    YAML::anchor_t anchor = 0;
    bool key_next = true;                        // map: the next node is a key
    std::map<std::string, TreePlace> seen = {};  // map: its keys so far
  };

  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor == 0) return;
    note("file.alias", place(mark),
         "References (* and &) aren't allowed here. Write the thing out, or name a "
         "group of persons under `groups`.");
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    note("file.tag", place(mark), "Tags (!) aren't allowed here. Leave the tag out.");
  }

  void start(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, TreeNode::Kind kind) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (static_cast<int>(open_.size()) >= limits_.depth_max) {
      note("file.depth", place(mark),
           fmt::format("The file is nested more than {} levels deep. Write it flatter.", limits_.depth_max));
      throw StopReading();
    }
    open_.push_back({.node = {.kind = kind, .place = place(mark)}, .anchor = anchor});
  }

  void end() {
    TreeNode node = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(node));
  }

  void add(TreeNode node) {
    if (++nodes_ > limits_.nodes_max) {
      note("file.size", node.place, "The file has too many parts. Split it into several regimes.");
      throw StopReading();
    }
    if (open_.empty()) {
      root = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == TreeNode::Kind::list) {
      parent.node.children.push_back(std::move(node));
    } else if (parent.key_next) {
      add_key(parent, std::move(node));
    } else {
      parent.node.children.push_back(std::move(node));
      parent.key_next = true;
    }
  }

  void add_key(Open& parent, TreeNode key) {
    if (key.kind != TreeNode::Kind::scalar) {
      note("file.key", key.place, "A name is expected before the colon.");
      key = {.kind = TreeNode::Kind::scalar, .place = key.place};
    }
    const auto [first, is_new] = parent.seen.emplace(key.text, key.place);
    parent.node.keys.push_back(key);
    parent.key_next = false;
    if (!is_new) {
      note("file.duplicate_key", key.place,
           fmt::format("`{}` stands here a second time; the first is in line {}. Keep one of them.", key.text,
                       first->second.line));
    }
  }

  /// The field that is being read: "measures[2].who".
  [[nodiscard]] std::string path() const {
    std::string out;
    for (const Open& open : open_) {
      if (open.node.kind == TreeNode::Kind::list) {
        out += fmt::format("[{}]", open.node.children.size());
      } else if (!open.key_next && !open.node.keys.empty()) {
        out += fmt::format("{}{}", out.empty() ? "" : ".", open.node.keys.back().text);
      }
    }
    return out;
  }

  PlaceFinder finder_;
  TreeLimits limits_;
  std::size_t nodes_ = 0;
  std::vector<Open> open_;
};

Errors one_error(std::string_view code, TreePlace place, std::string text) {
  return {Error{ErrorKind::invalid_input, code, std::move(text), {}, {}, place.line, place.column}};
}

/// What a text file can't have, if it has it.
Errors check_bytes(std::string_view text, const TreeLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return one_error("file.size", {},
                     fmt::format("The file is larger than {} KB. Split it.", limits.bytes_max / 1024));
  }
  std::uint32_t line = 1;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] != '\n') {
      const auto byte = static_cast<unsigned char>(text[i]);
      const bool control = (byte < 0x20 && byte != '\t' && byte != '\r') || byte == 0x7f;
      if (!control) continue;
      return one_error("file.encoding", {line, static_cast<std::uint32_t>(i - start) + 1},
                       "There is a control character here. Save the file as plain UTF-8 text.");
    }
    if (!is_utf8(text.substr(start, i - start))) {
      return one_error("file.encoding", {line, 1}, "This line isn't UTF-8. Save the file as UTF-8.");
    }
    ++line;
    start = i + 1;
  }
  return {};
}

}  // namespace

const TreeNode* TreeNode::find(std::string_view key) const {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].text == key) return &children[i];
  }
  return nullptr;
}

Tree read_tree(std::string_view text, const TreeLimits& limits) {
  const TreeNode nothing_read{.kind = TreeNode::Kind::refused};
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (Errors bad = check_bytes(text, limits); !bad.empty()) return {nothing_read, std::move(bad)};
  TreeBuilder builder(text, limits);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      return {nothing_read, one_error("file.empty", {1, 1}, "The file is empty.")};
    }
    TreeBuilder second(text, limits);
    if (parser.HandleNextDocument(second)) {
      builder.note("file.documents", second.root.place,
                   "A second document (---) starts here. Put each regime into a file of its own.");
    }
  } catch (const StopReading&) {
    return {nothing_read, std::move(builder.errors)};
  } catch (const YAML::Exception& e) {
    builder.note(
        "file.syntax", builder.place(e.mark),
        fmt::format("This isn't valid YAML ({}). Look at the indentation, colons and quotes here.", e.msg));
    return {nothing_read, std::move(builder.errors)};
  }
  return {std::move(builder.root), std::move(builder.errors)};
}

std::string nearest_word(std::string_view word, const std::vector<std::string>& candidates) {
  const std::size_t allowed = word.size() <= 4 ? 1 : word.size() <= 8 ? 2 : 3;
  std::size_t best = allowed + 1;
  std::string found;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > 64 || word.size() > 64) continue;
    std::vector<std::size_t> row(candidate.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j < row.size(); ++j) {
        const std::size_t above = row[j];
        row[j] =
            std::min({row[j] + 1, row[j - 1] + 1, diagonal + (word[i - 1] == candidate[j - 1] ? 0u : 1u)});
        diagonal = above;
      }
    }
    if (row.back() < best) {
      best = row.back();
      found = candidate;
    }
  }
  return found;
}

}  // namespace dayaq::regime
