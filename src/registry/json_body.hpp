// JSON bodies of requests, read strictly and without copying: an object of strings, numbers, literals, lists
// of strings, and objects of those, one level deep. @see RFC 8259
//
// A body is refused whole for an unknown or repeated field, so that a misspelt one isn't silently ignored.
#pragma once

#include <deque>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace dayaq::registry {

class JsonBody {
 public:
  /// `known` are the paths that may be there: "status", "name.az" for a field of an object, "issues[]" for a
  /// list. `text` must outlive the body.
  ///   - invalid_input "json.syntax"    not such a JSON text, or not UTF-8; with line and column
  ///   - invalid_input "json.unknown", "json.repeated"   names the field
  static Result<JsonBody> parse(std::string_view text, std::initializer_list<std::string_view> known);

  JsonBody(JsonBody&&) = default;
  JsonBody& operator=(JsonBody&&) = default;

  /// A string; nullopt if absent or null. invalid_input "json.type" if it is something else.
  [[nodiscard]] Result<std::optional<std::string_view>> text(std::string_view path) const;
  /// A string that must be there: else invalid_input "json.missing".
  [[nodiscard]] Result<std::string_view> required(std::string_view path) const;
  /// A whole number >= 0; nullopt if absent or null. invalid_input "json.type".
  [[nodiscard]] Result<std::optional<std::uint64_t>> number(std::string_view path) const;
  /// The strings of a list; empty if absent. `path` ends with "[]".
  [[nodiscard]] Result<std::vector<std::string_view>> list(std::string_view path) const;

 private:
  friend class JsonReader;
  enum class Kind : std::uint8_t { string, number, literal, null };
  struct Leaf {
    std::string_view path;  ///< one of `known`
    Kind kind = Kind::null;
    std::string_view text;
  };
  JsonBody() = default;
  [[nodiscard]] const Leaf* find(std::string_view path) const;

  std::vector<Leaf> leaves_;
  std::deque<std::string> unescaped_;  ///< strings that held escapes
};

}  // namespace dayaq::registry
