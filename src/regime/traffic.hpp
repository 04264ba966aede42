// The country pack's traffic.yaml: traffic classes (named sets of network resources) and packages of TV
// channels, to which benefits of data and tv refer.
//
//   - code: education
//     name: {az: Təhsil resursları, en: Learning resources, ru: Образовательные ресурсы}
//     resources:
//       - domain: edu.az          # the name and all below it
//         note: ...               # what it is and where that is written
//       - prefix: 185.30.88.0/22  # IPv4 or IPv6, CIDR
//     rules: [GOV-EDU-ZR]         # names of rules that operators have loaded for it (3GPP TS 29.212)
//     bases: [GOV-EDU]            # names of groups of such rules
//   - code: all
//     everything: true
//   - code: home_tv
//     channels: all               # a TV package: `all`, or a list of channels' names
#pragma once

#include <expected>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/text.hpp"

namespace dayaq::regime {

struct NetworkResource {
  enum class Kind : std::uint8_t { domain, prefix };
  Kind kind = Kind::domain;
  std::string value;  ///< "edu.az" (lower case, no dot at either end) or "185.30.88.0/22"
  std::string note;
};

/// A traffic class, or a package of TV channels if `tv` is set.
struct TrafficClass {
  TrafficClassCode code;
  LocalizedText name;
  LocalizedText meaning;
  bool everything = false;  ///< all traffic, or all channels
  bool tv = false;
  std::vector<NetworkResource> resources;  ///< traffic class
  std::vector<std::string> rules;          ///< traffic class: Charging-Rule-Name
  std::vector<std::string> bases;          ///< traffic class: Charging-Rule-Base-Name
  std::vector<std::string> channels;       ///< tv package
};

class TrafficCatalogue {
 public:
  TrafficCatalogue() = default;
  /// All findings, with line, column and field: "traffic.domain", "traffic.prefix", "traffic.rule",
  /// "traffic.duplicate" (a class, or a rule's name in two places: whoever loses one class would lose the
  /// other's rule), "traffic.limit" (more than a list of resources holds) and file.*.
  static std::expected<TrafficCatalogue, Errors> parse(std::string_view yaml);
  /// Reads traffic.yaml of a country pack; of several findings the first is returned, with the file in
  /// `detail`.
  static Result<TrafficCatalogue> load(const std::filesystem::path& country_folder);

  [[nodiscard]] std::span<const TrafficClass> classes() const { return classes_; }
  [[nodiscard]] const TrafficClass* find(std::string_view code) const;  ///< null if there is none

 private:
  std::vector<TrafficClass> classes_;
};

}  // namespace dayaq::regime
