#include "regime/law_test_support.hpp"

#include "base/file.hpp"

namespace dayaq::regime::test {
namespace {

template <class T>
T must(Result<T> result) {
  if (!result) assertion_failed(result.error().public_text.c_str(), result.error().detail.c_str(), 0);
  return std::move(*result);
}

}  // namespace

std::filesystem::path source_folder() { return DAYAQ_SOURCE_DIR; }

const Country& azerbaijan() {
  static const Country country{.pack = must(registry::CountryPack::load(source_folder() / "country/az")),
                               .traffic = must(TrafficCatalogue::load(source_folder() / "country/az")),
                               .zone = must(Zone::create("Asia/Baku"))};
  return country;
}

FileContext Country::file_context() const {
  return {.country = pack, .traffic = traffic, .zone = zone, .providers = {
    .find = [this](std::string_view code) -> std::optional<ProviderNames::Provider> {
      for (std::size_t i = 0; i < pack.organisations().size(); ++i) {
        const auto& organisation = pack.organisations()[i];
        if (organisation.code.value() != code) continue;
        return ProviderNames::Provider{organisation.code, static_cast<OrganisationIndex>(i), organisation.kind};
      }
      return std::nullopt;
    },
    .codes = [this] {
      std::vector<std::string> codes;
      for (const auto& organisation : pack.organisations()) codes.push_back(organisation.code.value());
      return codes;
    }}};
}

Instant Country::moment(const std::string& text) const { return must(zone.parse_local(text)); }

std::string repository_file(const std::string& path) { return must(read_file(source_folder() / path)); }

}  // namespace dayaq::regime::test
