// A list of employees as an employer writes it: CSV with a header, one person a row.
//
//   national_id,workplace,job
//   5ABC12D,Bazar 1,satıcı
//
// Columns are named by the service's form: a field's code, or its question in any of the three languages;
// the column of the national id also as "FIN". Commas or semicolons, as the program that wrote it has them.
// Every row is kept, good or at fault: nothing is lost, and each fault names its line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "registry/country_pack.hpp"
#include "services/types.hpp"

namespace dayaq::services {

inline constexpr std::size_t employees_max = 20'000;           ///< rows of a list
inline constexpr std::size_t employees_bytes_max = 4u << 20u;  ///< of a file

/// What is wrong with a row. What isn't told of a person is why they aren't entitled.
enum class RowFault : std::uint8_t {
  none,
  unreadable,   ///< broken quotes, not UTF-8, far too long
  columns,      ///< more values than the header has columns
  national_id,  ///< not of the country's form
  duplicate,    ///< the person stands on an earlier line
  unknown,      ///< nobody is registered with it
  answer,       ///< a value that the form doesn't take; `field` says which
  not_given,    ///< no permit is given to this person by a list: they may apply themself
  limit,        ///< has as many as one may have
  closed,       ///< the service is suspended, or the regime that it belongs to isn't in force
};
[[nodiscard]] std::string_view to_string(RowFault fault);  ///< "national_id"
[[nodiscard]] RowFault parse_row_fault(std::string_view code);

struct EmployeeRow {
  std::uint64_t line = 0;   ///< of the file, from 1
  std::string national_id;  ///< as written, at most 40 bytes
  PersonId person;          ///< 0 while nobody has looked
  Answers answers;          ///< by field, as written
  RowFault fault = RowFault::none;
  std::string field;          ///< column at fault
  std::uint64_t earlier = 0;  ///< duplicate: the line where the person stands first
};

/// Reads the whole file.
///   - invalid_input "employees.header"   no column of the national id, or one that the form doesn't have
///   - invalid_input "employees.empty"    no row
///   - limit "employees.rows"             more than employees_max
[[nodiscard]] Result<std::vector<EmployeeRow>> read_employees(std::string_view text, const Service& service,
                                                              const registry::CountryPack& country);

}  // namespace dayaq::services
