// What the tests of the law share: the real country pack, and contexts made of it.
#pragma once

#include <filesystem>
#include <string>

#include "regime/explain.hpp"
#include "regime/file.hpp"
#include "regime/file_tree.hpp"
#include "regime/rule.hpp"
#include "regime/rule_text.hpp"

namespace dayaq::regime::test {

/// The country pack country/az, read once for the process. Organisations have the indexes of their order in
/// it.
struct Country {
  registry::CountryPack pack;
  TrafficCatalogue traffic;
  StatusWording wording;
  Zone zone;

  [[nodiscard]] FileContext file_context() const;
  [[nodiscard]] ExplainContext explain_context() const;
  [[nodiscard]] std::optional<OrganisationIndex> organisation(std::string_view code) const;
  [[nodiscard]] CivilContext civil() const { return {.zone = zone, .places = pack.places()}; }
  /// "2026-11-21" or "2026-11-21T08:00" in the country's zone. Ends the program if it is neither.
  [[nodiscard]] Instant moment(const std::string& text) const;
};

[[nodiscard]] const Country& azerbaijan();
/// The repository's root.
[[nodiscard]] std::filesystem::path source_folder();
/// A file of the repository. Ends the program if it can't be read.
[[nodiscard]] std::string repository_file(const std::string& path);

/// The cases of src/regime/cases/NAME. Ends the program if the file can't be read.
[[nodiscard]] std::vector<TreeNode> cases(const std::string& name);
/// A scalar of a case, "" if it isn't there.
[[nodiscard]] std::string scalar(const TreeNode& node, std::string_view key);
/// The rule of a case. Ends the program if it is none.
[[nodiscard]] Rule rule_of(const TreeNode& node);
/// The person of a case: born, died, lives, attested, lines.
[[nodiscard]] registry::PersonFacts person_of(const TreeNode& node);

}  // namespace dayaq::regime::test
