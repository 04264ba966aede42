// Expected failures as values, and what to do with broken invariants.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dayaq {

/// Says what the caller can do next, not which file failed. HTTP maps each kind to one status.
enum class ErrorKind : std::uint8_t {
  invalid_input,    ///< 400: correct the request and send it again.
  unauthenticated,  ///< 401: say who you are.
  forbidden,        ///< 403: this caller may not; another may.
  not_found,        ///< 404: the thing named isn't there.
  conflict,         ///< 409: the state has moved on; read it again.
  limit,            ///< 429: a bound is reached; later or less.
  unavailable,      ///< 503: safe to retry the same request.
  internal,         ///< 500: a defect; the log's detail says more.
};

[[nodiscard]] std::string_view to_string(ErrorKind kind);

/// One failure. `public_text` is for people, `detail` for the log: neither leaks into the other.
struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string_view code;     ///< Stable, dotted, static storage: "regime.unknown_status".
  std::string public_text;   ///< Safe to show: no identifiers, no internals; says what to do next.
  std::string detail;        ///< Never leaves the process except to the log.
  std::string field;         ///< The field at fault ("measures[2].who.status"), empty if none.
  std::uint32_t line = 0;    ///< 1-based line of the foreign text at fault; 0 if none.
  std::uint32_t column = 0;  ///< 1-based column; 0 if none.
};

using Errors = std::vector<Error>;  ///< For validators that collect all findings, not the first.

/// `std::expected` with `[[nodiscard]]`, which libstdc++ 12 forgot.
template <class T>
struct [[nodiscard]] Result : std::expected<T, Error> {
  using std::expected<T, Error>::expected;
};

[[nodiscard]] inline std::unexpected<Error> fail(ErrorKind kind, std::string_view code,
                                                 std::string public_text, std::string detail = {}) {
  return std::unexpected(Error{kind, code, std::move(public_text), std::move(detail), {}, 0, 0});
}

/// The same, naming the field at fault.
[[nodiscard]] inline std::unexpected<Error> fail_field(std::string_view code, std::string field,
                                                       std::string public_text) {
  return std::unexpected(
      Error{ErrorKind::invalid_input, code, std::move(public_text), {}, std::move(field), 0, 0});
}

[[noreturn]] void assertion_failed(const char* what, const char* file, int line) noexcept;

}  // namespace dayaq

/// A broken invariant ends the program, in release too.
#define DAYAQ_ASSERT(condition) \
  ((condition) ? void(0) : ::dayaq::assertion_failed(#condition, __FILE__, __LINE__))

#define DAYAQ_CONCAT_(a, b) a##b
#define DAYAQ_CONCAT(a, b) DAYAQ_CONCAT_(a, b)

/// `DAYAQ_TRY(auto x, f());` declares x from f's value, or returns f's error.
#define DAYAQ_TRY(declaration, ...) DAYAQ_TRY_(DAYAQ_CONCAT(dayaq_try_, __LINE__), declaration, __VA_ARGS__)
#define DAYAQ_TRY_(name, declaration, ...)           \
  auto&& name = (__VA_ARGS__);                       \
  if (!name) [[unlikely]]                            \
    return std::unexpected(std::move(name).error()); \
  declaration = std::move(*name)

/// `DAYAQ_TRY_OK(g());` returns g's error, if any. May hold another within a lambda: each has a name of its
/// own.
#define DAYAQ_TRY_OK(...) DAYAQ_TRY_OK_(DAYAQ_CONCAT(dayaq_result_, __COUNTER__), __VA_ARGS__)
#define DAYAQ_TRY_OK_(name, ...)                         \
  do {                                                   \
    if (auto&& name = (__VA_ARGS__); !name) [[unlikely]] \
      return std::unexpected(std::move(name).error());   \
  } while (false)
