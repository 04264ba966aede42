#include "services/cases/bulk_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "registry/csv.hpp"

namespace dayaq::services {
namespace {

constexpr std::array<std::string_view, 10> fault_codes{"none",      "unreadable", "columns", "national_id",
                                                       "duplicate", "unknown",    "answer",  "not_given",
                                                       "limit",     "closed"};
constexpr std::array<std::string_view, 6> national_id_names{"national_id", "national id", "fin",
                                                            "fin kod",     "fin code",    "фин"};
constexpr std::size_t shown_max = 40;
constexpr registry::CsvOptions csv_options{.line_max = 4096, .field_max = 1024, .fields_max = 64};

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\u00a0";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Whichever of the two the first line has more of: spreadsheets of our languages write semicolons.
char delimiter_of(std::string_view text) {
  const std::string_view header = text.substr(0, text.find_first_of("\r\n"));
  return std::ranges::count(header, ';') > std::ranges::count(header, ',') ? ';' : ',';
}

/// "" the national id; nullopt: no such column.
std::optional<std::string> column(std::string_view name, const Service& service) {
  const std::string wanted = fold_for_search(trim(name));
  if (std::ranges::find(national_id_names, wanted) != national_id_names.end()) return std::string();
  for (const Field& field : service.form) {
    const std::array<std::string_view, 4> names{field.code, field.title.az, field.title.en, field.title.ru};
    const bool fits = std::ranges::any_of(
        names, [&](std::string_view one) { return !one.empty() && fold_for_search(one) == wanted; });
    if (!fits) continue;
    return field.kind == FieldKind::national_id && field.known == Known::national_id ? std::string()
                                                                                     : field.code;
  }
  return std::nullopt;
}

Result<std::vector<std::string>> columns(const registry::CsvRow& header, const Service& service) {
  std::vector<std::string> out;
  for (const std::string_view name : header.fields) {
    auto code = column(name, service);
    if (!code) {
      return fail_field("employees.header", std::string(trim(name).substr(0, shown_max)),
                        "The list has a column that the service doesn't ask for. Take it out, or name it "
                        "as the service does.");
    }
    if (std::ranges::find(out, *code) != out.end()) {
      return fail_field("employees.header", std::string(trim(name).substr(0, shown_max)),
                        "The list has this column twice.");
    }
    out.push_back(std::move(*code));
  }
  if (std::ranges::find(out, std::string()) == out.end()) {
    return fail_field("employees.header", "national_id",
                      "The first line must name the columns, one of them national_id.");
  }
  return out;
}

/// As much of a text as is kept to show, cut at a whole character.
std::string shown(std::string_view text) {
  if (text.size() > shown_max) {
    text = text.substr(0, shown_max);
    while (!text.empty() && !is_utf8(text)) text.remove_suffix(1);
  }
  return is_utf8(text) ? std::string(text) : std::string();
}

EmployeeRow row_from(const registry::CsvRow& read, const std::vector<std::string>& names) {
  EmployeeRow row;
  row.line = read.line;
  if (read.error) {
    row.fault = RowFault::unreadable;
    return row;
  }
  for (std::size_t i = 0; i < read.fields.size(); ++i) {
    const std::string_view value = trim(read.fields[i]);
    if (i >= names.size()) {
      if (!value.empty()) row.fault = RowFault::columns;
    } else if (names[i].empty()) {
      row.national_id = value;
    } else if (!value.empty()) {
      row.answers.emplace(names[i], value);
    }
  }
  return row;
}

}  // namespace

std::string_view to_string(RowFault fault) {
  return fault_codes[static_cast<std::size_t>(fault)];
}

RowFault parse_row_fault(std::string_view code) {
  const auto found = std::ranges::find(fault_codes, code);
  return found == fault_codes.end() ? RowFault::none : static_cast<RowFault>(found - fault_codes.begin());
}

Result<std::vector<EmployeeRow>> read_employees(std::string_view text, const Service& service,
                                                const registry::CountryPack& country) {
  registry::CsvOptions options = csv_options;
  options.delimiter = delimiter_of(text);
  registry::CsvReader reader(options);
  reader.feed(text);
  reader.finish();
  std::vector<EmployeeRow> rows;
  const auto header = reader.next();
  if (!header) return fail(ErrorKind::invalid_input, "employees.empty", "The list has no rows.");
  if (header->error) return std::unexpected(*header->error);
  DAYAQ_TRY(const auto names, columns(*header, service));
  std::map<std::string, std::uint64_t, std::less<>> first_lines;
  while (const auto read = reader.next()) {
    const bool blank = !read->error && std::ranges::all_of(read->fields, [](std::string_view value) {
      return trim(value).empty();
    });
    if (blank) continue;  // spreadsheets leave ";;;" behind
    if (rows.size() == employees_max) {
      return fail(ErrorKind::limit, "employees.rows",
                  fmt::format("A list has at most {} rows. Send several.", employees_max));
    }
    EmployeeRow row = row_from(*read, names);
    const auto id = country.national_id_rule().parse(row.national_id);
    if (row.fault == RowFault::none) {
      if (!id) {
        row.fault = RowFault::national_id;
      } else if (const auto [at, fresh] = first_lines.emplace(id->text(), row.line); !fresh) {
        row.fault = RowFault::duplicate;
        row.earlier = at->second;
      }
    }
    row.national_id = id ? id->text() : shown(row.national_id);
    rows.push_back(std::move(row));
  }
  if (rows.empty()) return fail(ErrorKind::invalid_input, "employees.empty", "The list has no rows.");
  return rows;
}

}  // namespace dayaq::services
