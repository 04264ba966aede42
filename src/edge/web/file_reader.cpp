#include "edge/web/file_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <span>

#include "base/text.hpp"

namespace dayaq::edge::web {
namespace {

using std::chrono::milliseconds;

std::size_t slips(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t corner = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, corner + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      corner = above;
    }
  }
  return row.back();
}

struct Scale {
  std::string_view unit;
  std::uint64_t factor;
};

/// A whole number, white space, a unit of the list.
bool scaled(std::string_view text, std::span<const Scale> scales, std::uint64_t& out) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return false;
  std::string_view unit = text.substr(std::size_t(end - text.data()));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  const auto scale = std::ranges::find(scales, unit, &Scale::unit);
  return scale != scales.end() && !__builtin_mul_overflow(value, scale->factor, &out) &&
         out <= std::uint64_t(std::numeric_limits<std::int64_t>::max());
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t least = 3;
  for (const std::string& candidate : candidates) {
    if (const std::size_t apart = slips(word, candidate); apart < least && apart < word.size()) {
      least = apart;
      best = candidate;
    }
  }
  return best;
}

Result<milliseconds> parse_duration(std::string_view text) {
  static constexpr Scale scales[] = {{"", 1000},      {"ms", 1},       {"s", 1000},
                                     {"min", 60'000}, {"h", 3600'000}, {"d", 86'400'000}};
  std::uint64_t value = 0;
  if (!scaled(text, scales, value)) {
    return fail(ErrorKind::invalid_input, "edge.file.value",
                "Write a time as a number and ms, s, min, h or d: 5s, 10min.");
  }
  return milliseconds(std::int64_t(value));
}

Result<std::uint64_t> parse_octets(std::string_view text) {
  static constexpr Scale scales[] = {{"", 1},           {"B", 1},           {"kB", 1000},
                                     {"MB", 1000'000},  {"GB", 1000000000}, {"KiB", 1u << 10},
                                     {"MiB", 1u << 20}, {"GiB", 1u << 30}};
  std::uint64_t value = 0;
  if (!scaled(text, scales, value)) {
    return fail(ErrorKind::invalid_input, "edge.file.value",
                "Write an amount of data as a number and kB, MB, GB, KiB, MiB or GiB: 100MiB.");
  }
  return value;
}

Fields::Fields(const YAML::Node& node, std::string path, Errors& errors)
    : node_(node), path_(std::move(path)), errors_(errors) {
  if (!node_.IsMap()) finding("edge.file.type", "", "Write fields here, one a line: `field: value`.");
}

std::string Fields::name(const std::string& key) const {
  if (path_.empty()) return key;
  return key.empty() ? path_ : path_ + "." + key;
}

void Fields::finding(std::string_view code, const std::string& key, std::string text) {
  Error error{.kind = ErrorKind::invalid_input,
              .code = code,
              .public_text = std::move(text),
              .detail = {},
              .field = name(key)};
  YAML::Mark mark = node_.Mark();
  if (node_.IsMap() && !key.empty()) {
    for (const auto& pair : node_) {
      if (pair.first.IsScalar() && pair.first.Scalar() == key) mark = pair.first.Mark();
    }
  }
  if (!mark.is_null()) {
    error.line = std::uint32_t(mark.line + 1);
    error.column = std::uint32_t(mark.column + 1);
  }
  errors_.push_back(std::move(error));
}

YAML::Node Fields::value(const std::string& key) {
  if (std::ranges::find(asked_, key) == asked_.end()) asked_.push_back(key);
  if (!node_.IsMap()) return YAML::Node(YAML::NodeType::Undefined);
  for (const auto& pair : node_) {
    if (pair.first.IsScalar() && pair.first.Scalar() == key) return pair.second;
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

bool Fields::has(const std::string& key) {
  const YAML::Node found = value(key);
  return found.IsDefined() && !found.IsNull();
}

Fields& Fields::need(const std::string& key) {
  if (node_.IsMap() && !has(key)) {
    finding("edge.file.missing", "", fmt::format("The field `{}` is missing here: add it.", key));
  }
  return *this;
}

bool Fields::scalar(const std::string& key, std::string& out) {
  const YAML::Node found = value(key);
  if (!found.IsDefined() || found.IsNull()) return false;
  if (!found.IsScalar()) {
    finding("edge.file.type", key, "Write one value here, not a list or further fields.");
    return false;
  }
  out = found.Scalar();
  return true;
}

void Fields::text(const std::string& key, std::string& out) {
  std::string found;
  if (!scalar(key, found)) return;
  if (found.empty())
    return finding("edge.file.value", key, "Write a text that isn't empty, or leave the field out.");
  out = std::move(found);
}

void Fields::path(const std::string& key, std::filesystem::path& out, const std::filesystem::path& folder) {
  std::string found;
  text(key, found);
  if (!found.empty()) out = folder / found;
}

void Fields::texts(const std::string& key, std::vector<std::string>& out) {
  const YAML::Node found = value(key);
  if (!found.IsDefined() || found.IsNull()) return;
  if (found.IsScalar()) {
    out = {found.Scalar()};
    return;
  }
  std::vector<std::string> all;
  for (const auto& item : found) {
    if (!item.IsScalar()) return finding("edge.file.type", key, "Write a list of texts here: [one, two].");
    all.push_back(item.Scalar());
  }
  out = std::move(all);
}

void Fields::numbers(const std::string& key, std::vector<std::uint32_t>& out) {
  std::vector<std::string> all;
  texts(key, all);
  for (const std::string& one : all) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(one.data(), one.data() + one.size(), number);
    if (error != std::errc() || end != one.data() + one.size()) {
      return finding("edge.file.value", key,
                     fmt::format("`{}` isn't a whole number of at most 32 bits.", one));
    }
    out.push_back(number);
  }
}

void Fields::truth(const std::string& key, bool& out) {
  std::string found;
  if (!scalar(key, found)) return;
  if (found != "true" && found != "false") return finding("edge.file.type", key, "Write true or false here.");
  out = found == "true";
}

void Fields::whole(const std::string& key, std::int64_t& out, std::int64_t min, std::int64_t max) {
  std::string found;
  if (!scalar(key, found)) return;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(found.data(), found.data() + found.size(), number);
  if (error != std::errc() || end != found.data() + found.size() || number < min || number > max) {
    return finding("edge.file.value", key, fmt::format("Write a whole number from {} to {} here.", min, max));
  }
  out = number;
}

void Fields::span(const std::string& key, milliseconds& out, milliseconds min, milliseconds max) {
  std::string found;
  if (!scalar(key, found)) return;
  const auto parsed = parse_duration(found);
  if (!parsed) return finding("edge.file.value", key, parsed.error().public_text);
  if (*parsed < min || *parsed > max) {
    return finding("edge.file.value", key,
                   fmt::format("Write a time from {} to {} ms here.", min.count(), max.count()));
  }
  out = *parsed;
}

void Fields::octets(const std::string& key, std::uint64_t& out) {
  std::string found;
  if (!scalar(key, found)) return;
  const auto parsed = parse_octets(found);
  if (!parsed) return finding("edge.file.value", key, parsed.error().public_text);
  out = *parsed;
}

void Fields::word(const std::string& key, const std::vector<std::string>& words,
                  const std::function<void(std::size_t)>& choose) {
  std::string found;
  if (!scalar(key, found)) return;
  const auto at = std::ranges::find(words, found);
  if (at == words.end()) {
    const std::string near = nearest(found, words);
    return finding("edge.file.value", key,
                   fmt::format("`{}` isn't known here{}. Known: {}.", found,
                               near.empty() ? "" : "; did you mean `" + near + "`?", fmt::join(words, ", ")));
  }
  choose(std::size_t(at - words.begin()));
}

void Fields::inside(const std::string& key, const std::function<void(Fields&)>& read) {
  const YAML::Node found = value(key);
  if (!found.IsDefined() || found.IsNull()) return;
  Fields fields(found, name(key), errors_);
  read(fields);
  fields.finish();
}

void Fields::each(const std::string& key, const std::function<void(Fields&)>& read) {
  const YAML::Node found = value(key);
  if (!found.IsDefined() || found.IsNull()) return;
  if (!found.IsSequence())
    return finding("edge.file.type", key, "Write a list here: each item begins with `- `.");
  std::size_t index = 0;
  for (const auto& item : found) {
    Fields fields(item, fmt::format("{}[{}]", name(key), index++), errors_);
    read(fields);
    fields.finish();
  }
}

void Fields::finish() {
  if (!node_.IsMap()) return;
  std::vector<std::string> seen;
  for (const auto& pair : node_) {
    const std::string key = pair.first.IsScalar() ? pair.first.Scalar() : "";
    if (std::ranges::find(seen, key) != seen.end()) {
      finding("edge.file.value", key, fmt::format("`{}` stands here twice: keep one.", key));
    }
    seen.push_back(key);
    if (std::ranges::find(asked_, key) != asked_.end()) continue;
    const std::string near = nearest(key, asked_);
    finding("edge.file.unknown_key", key,
            near.empty()
                ? fmt::format("There is no field `{}` here. Known: {}.", key, fmt::join(asked_, ", "))
                : fmt::format("There is no field `{}` here; did you mean `{}`?", key, near));
  }
}

}  // namespace dayaq::edge::web
