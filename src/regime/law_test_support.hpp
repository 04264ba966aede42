// What the tests of the law share: the real country pack, and contexts made of it.
#pragma once

#include <filesystem>
#include <string>

#include "regime/file.hpp"
#include "regime/rule.hpp"

namespace dayaq::regime::test {

/// The country pack country/az, read once for the process. Organisations have the indexes of their order in it.
struct Country {
  registry::CountryPack pack;
  TrafficCatalogue traffic;
  Zone zone;

  [[nodiscard]] FileContext file_context() const;
  [[nodiscard]] CivilContext civil() const { return {.zone = zone, .places = pack.places()}; }
  /// "2026-11-21" or "2026-11-21T08:00" in the country's zone. Ends the program if it is neither.
  [[nodiscard]] Instant moment(const std::string& text) const;
};

[[nodiscard]] const Country& azerbaijan();
/// The repository's root.
[[nodiscard]] std::filesystem::path source_folder();
/// A file of the repository. Ends the program if it can't be read.
[[nodiscard]] std::string repository_file(const std::string& path);

}  // namespace dayaq::regime::test
