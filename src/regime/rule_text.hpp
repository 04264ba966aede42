// Rules as sentences in three languages: "health workers or pensioners who live in Baku".
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "regime/types.hpp"
#include "registry/country_pack.hpp"

namespace dayaq::regime {

/// The country pack's text/statuses.yaml: how statuses stand in sentences.
class StatusWording {
 public:
  struct Forms {
    LocalizedText people;  ///< "health workers"
    LocalizedText you;     ///< "you are a health worker"
    LocalizedText they;    ///< "the person is a health worker"
  };
  StatusWording() = default;
  /// Of several findings the first is returned, with the file in `detail`: file.*, "regime.unknown_status".
  static Result<StatusWording> load(const registry::CountryPack& country);
  /// What is missing is made of the status's name in quotation marks.
  [[nodiscard]] Forms forms(StatusIndex status, const registry::CountryPack& country) const;

 private:
  std::map<StatusIndex, Forms> forms_;
};

/// Whom a rule means, as a noun phrase without capital and stop: "everyone", "pupils or students",
/// "health workers who live in Bakı", "people who are 65 or older; or pensioners".
[[nodiscard]] std::string describe(const Rule& rule, Language language, const registry::CountryPack& country,
                                   const StatusWording& wording);

/// A range of ages as it is asked for: "65 or older", "under 18", "18 to 64".
[[nodiscard]] std::string age_text(int age_from, int age_under, Language language);

}  // namespace dayaq::regime
