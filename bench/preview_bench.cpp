// links: dayaq::regime
// preview_10m: the ten measures of the special quarantine over ten million persons by district, against
// DuckDB (bench/duckdb/preview.mjs) answering the same question from the same data, and against the memory's
// own speed.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "base/file.hpp"
#include "people.hpp"
#include "regime/file.hpp"
#include "regime/preview.hpp"
#include "support.hpp"

using namespace dayaq;
using namespace dayaq::regime;

namespace {

Regime load_regime(const registry::CountryPack& country, const TrafficCatalogue& traffic, const Zone& zone) {
  const auto text = read_file(std::string(DAYAQ_SOURCE_DIR) + "/country/az/regimes/special-quarantine.yaml");
  const auto find = [&](std::string_view code) -> std::optional<ProviderNames::Provider> {
    for (std::size_t i = 0; i < country.organisations().size(); ++i) {
      const auto& organisation = country.organisations()[i];
      if (organisation.code.value() == code) {
        return ProviderNames::Provider{organisation.code, OrganisationIndex(i), organisation.kind};
      }
    }
    return std::nullopt;
  };
  const auto codes = [&] {
    std::vector<std::string> out;
    for (const auto& organisation : country.organisations()) out.push_back(organisation.code.value());
    return out;
  };
  auto regime =
      parse_regime(*text, {.country = country, .traffic = traffic, .zone = zone, .providers = {find, codes}});
  if (!regime) {
    fmt::print(stderr, "{}", format_errors(regime.error(), "special-quarantine.yaml", *text));
    std::exit(1);
  }
  return std::move(*regime);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000'000;
  const auto country = registry::CountryPack::load(std::string(DAYAQ_SOURCE_DIR) + "/country/az");
  const auto traffic = TrafficCatalogue::load(std::string(DAYAQ_SOURCE_DIR) + "/country/az");
  const Zone zone = country->zone();
  const Instant now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + std::chrono::hours(8);
  const Regime regime = load_regime(*country, *traffic, zone);
  double built = bench::seconds_of([&] {});
  std::optional<Population> population;
  built = bench::seconds_of([&] { population.emplace(bench::people_index(*country, count, now)); });
  fmt::print(stderr, "{} persons, {} lines indexed in {:.1f} s, {} MB\n", population->persons(),
             population->lines().size(), built, population->bytes() >> 20);
  for (int threads : {1, 2}) {
    for (const Territory territory : {Territory::district, Territory::settlement}) {
      Preview preview;
      const double seconds = bench::median_seconds(21, [&] {
        const PopulationAt at(*population, now, statuses_of(regime, Law()));
        preview = preview_draft(at, regime, Law(), {.territory = territory, .threads = threads});
      });
      fmt::print(stderr, "{} threads, {} territories: {:.2f} ms, {} MB, {:.1f} GB/s; any {} persons\n",
                 threads, preview.places.size(), seconds * 1e3, preview.bytes >> 20,
                 double(preview.bytes) / seconds / 1e9, preview.any.persons);
    }
  }
  fmt::print(stderr, "memory reads at {:.1f} GB/s\n", bench::read_bandwidth() / 1e9);
}
