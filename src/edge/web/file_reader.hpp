// Reading a YAML file that an operator writes: typed fields, every finding with its line and field, unknown
// keys refused with the nearest known one. The file is configuration of this program by its operator, at most
// 1 MiB, without anchors and aliases.
#pragma once

#include <yaml-cpp/yaml.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace dayaq::edge::web {

/// The candidate most like `word` (at most two slips apart), empty if none is near.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// "250ms", "5s", "10min", "2h", "1d", or a bare number of seconds.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// "100MiB", "2 GB", "512KiB", or a bare number of octets.
[[nodiscard]] Result<std::uint64_t> parse_octets(std::string_view text);

/// One mapping of the file. Ask for its fields, then finish(). A field that is missing leaves `out` as it is,
/// unless it is `need`ed. Findings are "edge.file.syntax", "edge.file.type", "edge.file.missing",
/// "edge.file.unknown_key", "edge.file.value".
class Fields {
 public:
  Fields(const YAML::Node& node, std::string path, Errors& errors);

  [[nodiscard]] bool has(const std::string& key);
  Fields& need(const std::string& key);  ///< finding if it isn't there
  void text(const std::string& key, std::string& out);
  /// Relative to `folder` unless it begins with a slash.
  void path(const std::string& key, std::filesystem::path& out, const std::filesystem::path& folder);
  void texts(const std::string& key, std::vector<std::string>& out);  ///< a list, or one alone
  void truth(const std::string& key, bool& out);
  void octets(const std::string& key, std::uint64_t& out);
  void numbers(const std::string& key, std::vector<std::uint32_t>& out);
  /// A word of a fixed set; `choose` gets its place in `words`.
  void word(const std::string& key, const std::vector<std::string>& words,
            const std::function<void(std::size_t)>& choose);

  template <class Int>
  void number(const std::string& key, Int& out, std::int64_t min, std::int64_t max) {
    std::int64_t value = std::int64_t(out);
    whole(key, value, min, max);
    out = Int(value);
  }
  template <class Duration>
  void duration(const std::string& key, Duration& out, std::chrono::milliseconds min,
                std::chrono::milliseconds max) {
    auto value = std::chrono::duration_cast<std::chrono::milliseconds>(out);
    span(key, value, min, max);
    out = std::chrono::duration_cast<Duration>(value);
  }

  /// A mapping inside; `read` is called if it is there.
  void inside(const std::string& key, const std::function<void(Fields&)>& read);
  /// A list of mappings.
  void each(const std::string& key, const std::function<void(Fields&)>& read);
  /// The keys that were not asked for are findings.
  void finish();

  void finding(std::string_view code, const std::string& key, std::string text);
  [[nodiscard]] const std::string& where() const { return path_; }

 private:
  void whole(const std::string& key, std::int64_t& out, std::int64_t min, std::int64_t max);
  void span(const std::string& key, std::chrono::milliseconds& out, std::chrono::milliseconds min,
            std::chrono::milliseconds max);
  [[nodiscard]] YAML::Node value(const std::string& key);
  [[nodiscard]] bool scalar(const std::string& key, std::string& out);
  [[nodiscard]] std::string name(const std::string& key) const;

  YAML::Node node_;
  std::string path_;
  Errors& errors_;
  std::vector<std::string> asked_;
};

}  // namespace dayaq::edge::web
