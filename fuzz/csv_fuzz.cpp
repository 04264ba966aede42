// links: dayaq::registry
// The CSV reader gives the same rows however its bytes arrive, and never more than its bounds.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "registry/csv.hpp"

namespace {

constexpr dayaq::registry::CsvOptions options{.line_max = 200, .field_max = 50, .fields_max = 8};

std::string read(std::string_view bytes, std::size_t piece) {
  std::string seen;
  dayaq::registry::CsvReader reader(options);
  std::uint64_t line = 0;
  const auto drain = [&] {
    while (const auto row = reader.next()) {
      if (row->line <= line || row->text.size() > options.line_max || row->end > bytes.size()) std::abort();
      line = row->line;
      seen += std::to_string(row->line) + (row->error ? std::string(row->error->code) : "");
      for (const auto field : row->fields) {
        if (field.size() > options.field_max) std::abort();
        seen.append("|").append(field);
      }
      seen += '\n';
    }
  };
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.feed(bytes.substr(at, piece));
    drain();
  }
  reader.finish();
  drain();
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (read(bytes, size + 1) != read(bytes, 3)) std::abort();
  return 0;
}
