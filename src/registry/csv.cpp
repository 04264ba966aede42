#include "registry/csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/text.hpp"

namespace dayaq::registry {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// The first byte below 0x20 but tab, or 0x7F; npos if there is none. `ascii` says whether all bytes are
/// below 0x80.
std::size_t find_control(std::string_view line, bool& ascii) {
  unsigned char seen = 0;
  std::size_t found = std::string_view::npos;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto c = static_cast<unsigned char>(line[i]);
    seen |= c;
    if ((c < 0x20 && c != '\t') || c == 0x7f) {
      found = i;
      break;
    }
  }
  ascii = seen < 0x80;
  return found;
}

}  // namespace

CsvReader::CsvReader(CsvOptions options)
    : options_(options), offset_(options.first_offset), line_(options.first_line) {}

void CsvReader::feed(std::string_view bytes) {
  buffer_.erase(0, at_);
  at_ = 0;
  buffer_.append(bytes);
}

std::optional<CsvRow> CsvReader::next() {
  for (;;) {
    // A byte order mark may come in pieces: wait for three bytes at the very beginning.
    if (offset_ == 0 && !skipping_) {
      const std::string_view rest = std::string_view(buffer_).substr(at_);
      if (rest.size() < byte_order_mark.size() && !finished_) return std::nullopt;
      if (rest.starts_with(byte_order_mark)) {
        at_ += byte_order_mark.size();
        offset_ += byte_order_mark.size();
      }
    }
    const std::string_view rest = std::string_view(buffer_).substr(at_);
    const std::size_t line_feed = rest.find('\n');
    if (line_feed == std::string_view::npos && !finished_) {
      // Too long already: say so once, now, and forget the bytes until the line ends.
      if (rest.size() <= options_.line_max) return std::nullopt;
      at_ = buffer_.size();
      offset_ += rest.size();
      if (skipping_) continue;
      skipping_ = true;
      return CsvRow{line_,
                    offset_,
                    {},
                    rest.substr(0, options_.line_max),
                    error_at(options_.line_max, "csv.line_size", "The line is too long.")};
    }
    if (rest.empty()) return std::nullopt;
    const std::size_t taken = line_feed == std::string_view::npos ? rest.size() : line_feed + 1;
    std::string_view line = rest.substr(0, line_feed);
    at_ += taken;
    offset_ += taken;
    const bool was_skipping = std::exchange(skipping_, false);
    // Measured with its carriage return: the same however the bytes arrive.
    if (!was_skipping && line.size() <= options_.line_max && line.ends_with('\r')) line.remove_suffix(1);
    if (was_skipping || line.empty()) {
      ++line_;
      continue;
    }
    auto row = parse(line, offset_);
    ++line_;
    return row;
  }
}

std::optional<CsvRow> CsvReader::parse(std::string_view line, std::uint64_t end) {
  CsvRow row{line_, end, {}, line, std::nullopt};
  if (line.size() > options_.line_max) {
    row.text = line.substr(0, options_.line_max);
    row.error = error_at(options_.line_max, "csv.line_size", "The line is too long.");
    return row;
  }
  bool ascii = true;
  if (const std::size_t at = find_control(line, ascii); at != std::string_view::npos) {
    row.error =
        error_at(at, "csv.encoding", "The line holds a control character. Save the file as CSV in UTF-8.");
    return row;
  }
  if (!ascii && !is_utf8(line)) {
    row.error = error_at(0, "csv.encoding", "The line isn't UTF-8. Save the file as CSV in UTF-8.");
    return row;
  }
  row.error = split(line);
  if (!row.error) row.fields = fields_;
  return row;
}

std::optional<Error> CsvReader::split(std::string_view line) {
  fields_.clear();
  unquoted_.clear();
  unquoted_.reserve(line.size());  // views into it stay valid: it never grows beyond the line
  std::size_t at = 0;
  for (;;) {
    if (fields_.size() == options_.fields_max) {
      return error_at(at, "csv.fields",
                      fmt::format("The line has more than {} fields.", options_.fields_max));
    }
    std::string_view field;
    if (at < line.size() && line[at] == '"') {
      const std::size_t opened = at++;
      const std::size_t start = unquoted_.size();
      for (;;) {
        const std::size_t quote = line.find('"', at);
        if (quote == std::string_view::npos) {
          return error_at(opened, "csv.quote", "The quote isn't closed on its line.");
        }
        unquoted_.append(line, at, quote - at);
        at = quote + 1;
        if (at == line.size() || line[at] != '"') break;
        unquoted_.push_back('"');
        ++at;
      }
      if (at < line.size() && line[at] != options_.delimiter) {
        return error_at(at, "csv.quote", "Text follows a closing quote; a quote inside a field is doubled.");
      }
      field = std::string_view(unquoted_).substr(start);
    } else {
      const std::size_t end = std::min(line.find(options_.delimiter, at), line.size());
      field = line.substr(at, end - at);
      if (const std::size_t quote = field.find('"'); quote != std::string_view::npos) {
        return error_at(at + quote, "csv.quote", "A quote stands inside a field that isn't quoted.");
      }
      at = end;
    }
    if (field.size() > options_.field_max) {
      return error_at(at, "csv.field_size",
                      fmt::format("The field has more than {} bytes.", options_.field_max));
    }
    fields_.push_back(field);
    if (at == line.size()) return std::nullopt;
    ++at;  // the delimiter
  }
}

Error CsvReader::error_at(std::size_t column, std::string_view code, std::string text) const {
  return Error{ErrorKind::invalid_input,
               code,
               std::move(text),
               {},
               {},
               static_cast<std::uint32_t>(line_),
               static_cast<std::uint32_t>(column + 1)};
}

void append_csv_row(std::string& out, std::span<const std::string_view> fields) {
  bool first = true;
  for (const std::string_view field : fields) {
    if (!std::exchange(first, false)) out.push_back(',');
    if (field.find_first_of("\",;\r\n") == std::string_view::npos) {
      out.append(field);
      continue;
    }
    out.push_back('"');
    for (const char c : field) {
      if (c == '"') out.push_back('"');
      out.push_back(c);
    }
    out.push_back('"');
  }
  out.push_back('\n');
}

void append_csv_row(std::string& out, std::initializer_list<std::string_view> fields) {
  append_csv_row(out, std::span(fields.begin(), fields.size()));
}

}  // namespace dayaq::registry
