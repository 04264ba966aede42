// All that is particular to a country, as data: the folder country/az.
//
//   country.yaml         code, names, zone, currency, the rule of the national id
//   statuses.yaml        the statuses that organisations attest
//   organisations.yaml   the organisations a new node starts with
//   territory/places.csv, territory/districts.geojson   made by territory/build.mjs
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/siphash.hpp"
#include "base/time.hpp"
#include "registry/types.hpp"

namespace dayaq::registry {

/// How a country writes its national id: a fixed length over an alphabet of upper-case ASCII.
class NationalIdRule {
 public:
  NationalIdRule() = default;
  NationalIdRule(std::string_view alphabet, std::size_t length);
  /// Lower-case letters are raised (ASCII only: "i" is never "İ"). No white space is forgiven.
  /// invalid_input "registry.national_id" says the length and the alphabet.
  [[nodiscard]] Result<NationalId> parse(std::string_view text) const;
  [[nodiscard]] std::size_t length() const { return length_; }
  [[nodiscard]] const std::string& alphabet() const { return alphabet_; }

 private:
  std::string alphabet_;
  std::size_t length_ = 0;
  bool allowed_[256] = {};
};

/// Shards of person-keyed tables. @see docs/design: a table whose rows belong to a person starts with
/// `bucket`.
inline constexpr std::int64_t buckets = 256;
[[nodiscard]] constexpr std::int64_t bucket_of(std::uint64_t person) {
  return static_cast<std::int64_t>(person % static_cast<std::uint64_t>(buckets));
}
[[nodiscard]] inline std::int64_t bucket_of(PersonId person) {
  return bucket_of(person.value());
}

/// The pseudonym of a national id: SipHash-2-4 of "country|national id" under the registry's secret, 1 ..
/// 2^63-1. Who doesn't hold the secret can't find the person behind it by trying all ids.
[[nodiscard]] PersonId derive_person_id(const SipKey& secret, std::string_view country, const NationalId& id);

class CountryPack {
 public:
  /// Reads the folder. not_found "country.missing" or invalid_input "country.*" with the file in `field`, the
  /// line and what to correct.
  static Result<CountryPack> load(const std::filesystem::path& folder);

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] const std::string& code() const { return code_; }  ///< "az"; ISO 3166-1, lower case
  [[nodiscard]] const LocalizedText& name() const { return name_; }
  [[nodiscard]] const Zone& zone() const { return *zone_; }                ///< "Asia/Baku"
  [[nodiscard]] const std::string& currency() const { return currency_; }  ///< ISO 4217: "AZN"
  [[nodiscard]] const LocalizedText& national_id_name() const { return national_id_name_; }
  [[nodiscard]] const NationalIdRule& national_id_rule() const { return national_id_rule_; }
  /// What every mobile number starts with: "994".
  [[nodiscard]] const std::string& calling_code() const { return calling_code_; }

  [[nodiscard]] std::span<const StatusDefinition> statuses() const { return statuses_; }
  [[nodiscard]] const StatusDefinition& status(StatusIndex index) const { return statuses_.at(index); }
  [[nodiscard]] std::optional<StatusIndex> find_status(std::string_view code) const;

  /// Districts first, by code; then the settlements, those of one district side by side.
  [[nodiscard]] std::span<const Place> places() const { return places_; }
  [[nodiscard]] const Place& place(PlaceIndex index) const { return places_.at(index); }
  [[nodiscard]] std::optional<PlaceIndex> find_place(std::string_view code) const;
  [[nodiscard]] std::size_t district_count() const { return settlements_.size(); }  ///< places()[0 .. this)
  /// The settlements of a district; empty for a settlement.
  [[nodiscard]] std::span<const PlaceIndex> settlements_of(PlaceIndex district) const;
  /// True if `place` is `area` or lies in it.
  [[nodiscard]] bool within(PlaceIndex place, PlaceIndex area) const {
    return place == area || places_.at(place).district == area;
  }
  [[nodiscard]] std::int64_t population() const;  ///< of all districts

  /// The organisations a new node starts with; a running node's are in its OrganisationDirectory.
  [[nodiscard]] std::span<const Organisation> organisations() const { return organisations_; }

  /// True for an organisation whose officials see persons and their documents: they hand out codes for
  /// digital IDs of high assurance, suspend a digital ID and take that back. country.yaml: `identifies:
  /// [digital-agency]`.
  [[nodiscard]] bool identifies(std::string_view organisation) const;

  /// The districts' borders: a GeoJSON FeatureCollection, properties.code as in places(). @see RFC 7946
  [[nodiscard]] const std::string& districts_geojson() const { return districts_geojson_; }

 private:
  friend class CountryPackReader;
  std::filesystem::path folder_;
  std::string code_, currency_, calling_code_;
  std::optional<Zone> zone_;
  LocalizedText name_, national_id_name_;
  NationalIdRule national_id_rule_;
  std::vector<StatusDefinition> statuses_;
  std::vector<Place> places_;
  std::vector<std::vector<PlaceIndex>> settlements_;
  std::vector<Organisation> organisations_;
  std::vector<std::string> identifies_;
  std::string districts_geojson_;
  std::map<std::string, StatusIndex, std::less<>> status_by_code_;
  std::map<std::string, PlaceIndex, std::less<>> place_by_code_;
};

/// "mobile_operator" and back. invalid_input "registry.organisation_kind".
[[nodiscard]] std::string_view to_string(OrganisationKind kind);
[[nodiscard]] Result<OrganisationKind> parse_organisation_kind(std::string_view text);
/// "mobile", "fixed", "tv". invalid_input "registry.subscription_kind".
[[nodiscard]] std::string_view to_string(SubscriptionKind kind);
[[nodiscard]] Result<SubscriptionKind> parse_subscription_kind(std::string_view text);
/// "district", "city", "town", "village". invalid_input "registry.place_kind".
[[nodiscard]] std::string_view to_string(PlaceKind kind);
[[nodiscard]] Result<PlaceKind> parse_place_kind(std::string_view text);
/// "female", "male". invalid_input "registry.sex".
[[nodiscard]] std::string_view to_string(Sex sex);
[[nodiscard]] Result<Sex> parse_sex(std::string_view text);

}  // namespace dayaq::registry
