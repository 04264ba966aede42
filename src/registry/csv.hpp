// A streaming reader and writer of CSV.  @see RFC 4180
//
// Rows end with LF or CRLF; fields may be quoted, a quote inside is doubled. One thing differs from the RFC
// on purpose: a field holds no line break. No field of a registry needs one, and so a quote left open costs
// one row, never the good rows after it: reading goes on at the next line, and line numbers are those of any
// text editor.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace dayaq::registry {

struct CsvOptions {
  char delimiter = ',';
  std::size_t line_max = 16 << 10;  ///< bytes of a line; the rest of a longer one is skipped
  std::size_t field_max = 4 << 10;  ///< bytes of a field
  std::size_t fields_max = 64;
  /// Where the first byte fed stands in the whole input, for going on where a reader stopped.
  std::uint64_t first_line = 1;
  std::uint64_t first_offset = 0;
};

/// One line. Views are valid until the reader's next call.
struct CsvRow {
  std::uint64_t line = 0;                    ///< 1-based
  std::uint64_t end = 0;                     ///< offset of the byte after the row's line break
  std::span<const std::string_view> fields;  ///< unquoted; empty if there is an error
  std::string_view text;                     ///< the line as it stands, without its line break
  /// invalid_input "csv.quote" (broken quotes), "csv.encoding" (not UTF-8, or a control character),
  /// "csv.line_size", "csv.field_size", "csv.fields" (too long or too many); with line and column (in bytes).
  std::optional<Error> error;
};

/// Bytes go in as they come, rows come out. Memory is bounded by line_max and the size of one feed.
class CsvReader {
 public:
  explicit CsvReader(CsvOptions options = {});
  /// Adds bytes. Call next() until it has no more before feeding again.
  void feed(std::string_view bytes);
  /// No bytes come after those fed: a last line needs no line break.
  void finish() { finished_ = true; }
  /// The next row; nullopt when more bytes are needed or, after finish(), at the end. Empty lines are
  /// skipped. A byte order mark at the very beginning is skipped.
  std::optional<CsvRow> next();

 private:
  std::optional<CsvRow> parse(std::string_view line, std::uint64_t end);
  std::optional<Error> split(std::string_view line);
  [[nodiscard]] Error error_at(std::size_t column, std::string_view code, std::string text) const;

  CsvOptions options_;
  std::string buffer_;
  std::size_t at_ = 0;     ///< first byte of buffer_ not yet given out
  std::uint64_t offset_;   ///< of buffer_[at_] in the whole input
  std::uint64_t line_;     ///< number of the line that starts at at_
  bool skipping_ = false;  ///< inside a line that is too long
  bool finished_ = false;
  std::vector<std::string_view> fields_;
  std::string unquoted_;  ///< fields whose doubled quotes were undone
};

/// Appends a row with its LF; quotes what must be quoted.
void append_csv_row(std::string& out, std::span<const std::string_view> fields);
void append_csv_row(std::string& out, std::initializer_list<std::string_view> fields);

}  // namespace dayaq::registry
