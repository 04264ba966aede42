// Log lines: a stable id, constant text and key-values, as JSON lines on standard error.
// Ids are catalogued in docs/log.md with what an operator should do. Logs carry ids, never names or numbers.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace dayaq::log {

struct Field {
  std::string_view key;
  std::string value;
  template <class T>
  Field(std::string_view k, const T& v) : key(k), value(fmt::format("{}", v)) {}
};

enum class Level { debug, info, warning, error };

/// `id` is dotted and catalogued, as in `log::write(Level::info, ID, "constant text", {{"key", value}})`.
void write(Level level, std::string_view id, std::string_view text, std::initializer_list<Field> fields = {});
inline void info(std::string_view id, std::string_view text, std::initializer_list<Field> fields = {}) {
  write(Level::info, id, text, fields);
}
inline void warning(std::string_view id, std::string_view text, std::initializer_list<Field> fields = {}) {
  write(Level::warning, id, text, fields);
}
inline void error(std::string_view id, std::string_view text, std::initializer_list<Field> fields = {}) {
  write(Level::error, id, text, fields);
}
/// Logs an Error with its code and detail.
void error(std::string_view id, std::string_view text, const Error& what);

/// "debug", "info", "warning", "error", "off"; the default is info. invalid_input "log.level".
[[nodiscard]] Result<void> set_level(std::string_view level);

}  // namespace dayaq::log
