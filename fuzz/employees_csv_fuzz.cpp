// links: dayaq::services_cases
// A list of employees: whatever it holds, each row has its line, what is stored of it is short and UTF-8,
// nobody stands in it twice without a fault.
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>

#include "base/text.hpp"
#include "services/cases/bulk_file.hpp"
#include "services_country.hpp"

namespace {

dayaq::services::Service make_service() {
  dayaq::services::Service service;
  service.form.resize(2);
  service.form[0].code = "job";
  service.form[0].title = {.az = "Vəzifə", .en = "Position", .ru = "Должность"};
  service.form[1].code = "place";
  service.form[1].title = {.az = "İş yeri", .en = "Workplace", .ru = "Место"};
  return service;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq::services;
  static const Service service = make_service();
  const auto rows =
      read_employees({reinterpret_cast<const char*>(data), size}, service, dayaq::fuzz::country().pack);
  if (!rows) return 0;
  std::uint64_t line = 1;
  std::set<std::string> good;
  if (rows->empty() || rows->size() > employees_max) std::abort();
  for (const EmployeeRow& row : *rows) {
    if (row.line <= line || row.national_id.size() > 40 || !dayaq::is_utf8(row.national_id)) std::abort();
    line = row.line;
    for (const auto& [field, answer] : row.answers) {
      if ((field != "job" && field != "place") || !dayaq::is_utf8(answer)) std::abort();
    }
    if (row.fault == RowFault::none && !good.insert(row.national_id).second) std::abort();
  }
  return 0;
}
