#include "regime/file_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <tuple>

#include "base/ids.hpp"

namespace dayaq::regime {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += fmt::format("{}{}", out.empty() ? "" : ", ", word);
  return out;
}

std::string_view what_it_is(TreeNode::Kind kind) {
  switch (kind) {
    case TreeNode::Kind::nothing:
      return "nothing";
    case TreeNode::Kind::scalar:
      return "a single value";
    case TreeNode::Kind::list:
      return "a list";
    case TreeNode::Kind::map:
    case TreeNode::Kind::refused:
      break;
  }
  return "names with values";
}

bool refused(const At& at) {
  return at.node->kind == TreeNode::Kind::refused;
}

}  // namespace

void TreeReader::error(const At& at, std::string_view code, std::string text) {
  errors_.push_back({ErrorKind::invalid_input,
                     code,
                     std::move(text),
                     {},
                     at.path,
                     at.node->place.line,
                     at.node->place.column});
}

bool TreeReader::map(const At& at, std::initializer_list<std::string_view> known) {
  if (refused(at)) return false;
  const std::vector<std::string> names(known.begin(), known.end());
  if (at.node->kind != TreeNode::Kind::map) {
    error(at, "file.type",
          fmt::format("{} stands here, but names with values are expected: {}.", what_it_is(at.node->kind),
                      joined(names)));
    return false;
  }
  for (std::size_t i = 0; i < at.node->keys.size(); ++i) {
    const TreeNode& key = at.node->keys[i];
    if (std::ranges::find(names, key.text) != names.end()) continue;
    std::string hint = did_you_mean(key.text, names);
    if (hint.empty()) hint = fmt::format(" Known here: {}.", joined(names));
    const At place{.node = &key, .path = at.path.empty() ? key.text : at.path + "." + key.text};
    error(place, "file.unknown_key", fmt::format("`{}` isn't known here.{}", key.text, hint));
  }
  return true;
}

std::optional<At> TreeReader::find(const At& at, std::string_view key) const {
  for (std::size_t i = 0; i < at.node->keys.size(); ++i) {
    if (at.node->keys[i].text != key) continue;
    return At{.node = &at.node->children[i],
              .path = at.path.empty() ? std::string(key) : fmt::format("{}.{}", at.path, key),
              .name = std::string(key)};
  }
  return std::nullopt;
}

std::optional<At> TreeReader::need(const At& at, std::string_view key) {
  auto found = find(at, key);
  if (!found) {
    const At missing{.node = at.node,
                     .path = at.path.empty() ? std::string(key) : fmt::format("{}.{}", at.path, key)};
    error(missing, "file.missing", fmt::format("`{}` is missing here. Add it.", key));
  }
  return found;
}

std::vector<At> TreeReader::items(const At& at) {
  std::vector<At> out;
  if (refused(at)) return out;
  if (at.node->kind != TreeNode::Kind::list) {
    error(at, "file.type",
          fmt::format("`{}` must be a list, but {} stands here.", at.name, what_it_is(at.node->kind)));
    return out;
  }
  if (at.node->children.empty())
    error(at, "file.missing", fmt::format("The list `{}` is empty. Add to it.", at.name));
  for (std::size_t i = 0; i < at.node->children.size(); ++i) {
    const TreeNode& child = at.node->children[i];
    out.push_back({.node = &child, .path = fmt::format("{}[{}]", at.path, i), .name = at.name});
  }
  return out;
}

std::vector<At> TreeReader::one_or_more(const At& at) {
  if (at.node->kind == TreeNode::Kind::scalar) return {at};
  return items(at);
}

std::optional<std::string> TreeReader::text(const At& at) {
  if (refused(at)) return std::nullopt;
  if (at.node->kind == TreeNode::Kind::scalar) return at.node->text;
  error(at, "file.type",
        fmt::format("`{}` must be a single value, but {} stands here.", at.name, what_it_is(at.node->kind)));
  return std::nullopt;
}

std::optional<std::string> TreeReader::code(const At& at) {
  auto word = text(at);
  if (!word || is_code(*word)) return word;
  error(
      at, "file.code",
      fmt::format("`{}` must be a code of at most 64 lower-case letters a to z, digits, - and _.", at.name));
  return std::nullopt;
}

std::optional<std::int64_t> TreeReader::number(const At& at, std::int64_t min, std::int64_t max) {
  const auto word = text(at);
  if (!word) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, failed] = std::from_chars(word->data(), word->data() + word->size(), value);
  if (failed == std::errc{} && end == word->data() + word->size() && value >= min && value <= max)
    return value;
  error(at, "file.number", fmt::format("`{}` must be a whole number from {} to {}.", at.name, min, max));
  return std::nullopt;
}

std::optional<bool> TreeReader::truth(const At& at) {
  const auto word = text(at);
  if (!word) return std::nullopt;
  if (*word == "true" || *word == "false") return *word == "true";
  error(at, "file.type", fmt::format("`{}` must be true or false.", at.name));
  return std::nullopt;
}

LocalizedText TreeReader::localized(const At& at, std::size_t length_max) {
  LocalizedText out;
  if (!map(at, {"az", "en", "ru"})) return out;
  need(at, "az");
  for (const auto& [key, into] :
       {std::pair{"az", &out.az}, std::pair{"en", &out.en}, std::pair{"ru", &out.ru}}) {
    const auto found = find(at, key);
    if (!found) continue;
    auto words = text(*found);
    if (!words) continue;
    if (words->find_first_not_of(" \n") == std::string::npos || words->size() > length_max) {
      error(*found, "file.text", fmt::format("A text of 1 to {} bytes is expected here.", length_max));
      continue;
    }
    while (words->ends_with('\n')) words->pop_back();  // a folded block ends in one
    *into = std::move(*words);
  }
  return out;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string near = nearest_word(word, candidates);
  return near.empty() ? std::string() : fmt::format(" Did you mean `{}`?", near);
}

void sort_by_place(Errors& errors) {
  std::ranges::sort(errors, {}, [](const Error& e) {
    return std::tuple(e.line == 0 ? UINT32_MAX : e.line, e.column, e.code, e.field);
  });
}

}  // namespace dayaq::regime
