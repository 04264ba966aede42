#include "registry/country_pack.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <type_traits>

#include "base/file.hpp"
#include "registry/csv.hpp"

namespace dayaq::registry {
namespace {

template <class Enum, std::size_t N>
using Names = std::array<std::pair<Enum, std::string_view>, N>;

constexpr Names<OrganisationKind, 8> organisation_kinds{
    {{OrganisationKind::agency, "agency"},
     {OrganisationKind::hospital, "hospital"},
     {OrganisationKind::school, "school"},
     {OrganisationKind::university, "university"},
     {OrganisationKind::mobile_operator, "mobile_operator"},
     {OrganisationKind::internet_provider, "internet_provider"},
     {OrganisationKind::tv_operator, "tv_operator"},
     {OrganisationKind::business, "business"}}};
constexpr Names<SubscriptionKind, 3> subscription_kinds{
    {{SubscriptionKind::mobile, "mobile"}, {SubscriptionKind::fixed, "fixed"}, {SubscriptionKind::tv, "tv"}}};
constexpr Names<PlaceKind, 4> place_kinds{{{PlaceKind::district, "district"},
                                           {PlaceKind::city, "city"},
                                           {PlaceKind::town, "town"},
                                           {PlaceKind::village, "village"}}};
constexpr Names<Sex, 2> sexes{{{Sex::female, "female"}, {Sex::male, "male"}}};

template <class Enum, std::size_t N>
std::string_view name_of(const Names<Enum, N>& names, Enum value) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  return "";
}

template <class Enum, std::size_t N>
Result<Enum> value_of(const Names<Enum, N>& names, std::string_view text, std::string_view code) {
  for (const auto& [value, name] : names) {
    if (name == text) return value;
  }
  std::string all;
  for (const auto& [value, name] : names) all += fmt::format("{}{}", all.empty() ? "" : ", ", name);
  return fail(ErrorKind::invalid_input, code, fmt::format("It must be one of: {}.", all));
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

NationalIdRule::NationalIdRule(std::string_view alphabet, std::size_t length)
    : alphabet_(alphabet), length_(length) {
  for (const char c : alphabet_) allowed_[static_cast<unsigned char>(c)] = true;
}

Result<NationalId> NationalIdRule::parse(std::string_view text) const {
  NationalId id;
  id.text_.assign(text);
  bool fits = text.size() == length_;
  for (char& c : id.text_) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    fits = fits && allowed_[static_cast<unsigned char>(c)];
  }
  if (!fits) {
    return fail(ErrorKind::invalid_input, "registry.national_id",
                fmt::format("A national id has {} characters out of {}.", length_, alphabet_));
  }
  return id;
}

PersonId derive_person_id(const SipKey& secret, std::string_view country, const NationalId& id) {
  std::array<char, 64> message{};
  const std::size_t size = country.size() + 1 + id.text().size();
  DAYAQ_ASSERT(size <= message.size());
  char* at = std::copy(country.begin(), country.end(), message.data());
  *at++ = '|';
  std::copy(id.text().begin(), id.text().end(), at);
  const std::uint64_t hash = siphash(secret, std::string_view(message.data(), size)) >> 1;
  return PersonId(hash == 0 ? 1 : hash);
}

/// Reads one pack; each step returns the first error with its file and line.
class CountryPackReader {
 public:
  explicit CountryPackReader(const std::filesystem::path& folder) { pack_.folder_ = folder; }

  Result<CountryPack> read() {
    try {
      DAYAQ_TRY_OK(read_country());
      DAYAQ_TRY_OK(read_statuses());
      DAYAQ_TRY_OK(read_organisations());
      DAYAQ_TRY_OK(read_places());
    } catch (const YAML::Exception& e) {
      return error(e.mark.line + 1, fmt::format("Not readable as YAML: {}.", e.msg));
    }
    DAYAQ_TRY(pack_.districts_geojson_, content("territory/districts.geojson"));
    return std::move(pack_);
  }

 private:
  std::unexpected<Error> error(int line, std::string text) const {
    Error e{ErrorKind::invalid_input,
            "country.file",
            std::move(text),
            {},
            file_,
            static_cast<std::uint32_t>(std::max(line, 0)),
            0};
    return std::unexpected(std::move(e));
  }
  std::unexpected<Error> error(const YAML::Node& node, std::string text) const {
    return error(node.Mark().line + 1, std::move(text));
  }

  Result<std::string> content(const std::string& file) {
    file_ = file;
    auto text = read_file(pack_.folder_ / file);
    if (text) return text;
    return fail(ErrorKind::not_found, "country.missing",
                fmt::format("The country pack lacks {}. Point to a folder like country/az.", file),
                (pack_.folder_ / file).string());
  }

  Result<YAML::Node> yaml(const std::string& file) {
    DAYAQ_TRY(const std::string text, content(file));
    return YAML::Load(text);
  }

  /// A scalar that must be there.
  Result<std::string> text(const YAML::Node& node, const char* key) const {
    const YAML::Node value = node[key];
    if (!value || !value.IsScalar() || value.Scalar().empty()) {
      return error(node, fmt::format("`{}` is missing.", key));
    }
    return value.Scalar();
  }

  Result<LocalizedText> localized(const YAML::Node& node, const char* key) const {
    const YAML::Node value = node[key];
    if (!value || !value.IsMap()) return error(node, fmt::format("`{}` needs az, en and ru.", key));
    LocalizedText out;
    DAYAQ_TRY(out.az, text(value, "az"));
    DAYAQ_TRY(out.en, text(value, "en"));
    DAYAQ_TRY(out.ru, text(value, "ru"));
    return out;
  }

  Result<void> only(const YAML::Node& node, std::initializer_list<std::string_view> keys) const {
    for (const auto& entry : node) {
      if (std::find(keys.begin(), keys.end(), entry.first.Scalar()) == keys.end()) {
        return error(entry.first, fmt::format("`{}` isn't known here.", entry.first.Scalar()));
      }
    }
    return {};
  }

  Result<void> read_country() {
    DAYAQ_TRY(const YAML::Node node, yaml("country.yaml"));
    DAYAQ_TRY_OK(
        only(node, {"code", "name", "zone", "currency", "calling_code", "national_id", "identifies"}));
    DAYAQ_TRY(pack_.code_, text(node, "code"));
    DAYAQ_TRY(pack_.name_, localized(node, "name"));
    DAYAQ_TRY(const std::string zone, text(node, "zone"));
    auto known_zone = Zone::create(zone);
    if (!known_zone) return error(node, fmt::format("`zone`: {} isn't a zone of the IANA database.", zone));
    pack_.zone_ = *std::move(known_zone);
    DAYAQ_TRY(pack_.currency_, text(node, "currency"));
    DAYAQ_TRY(pack_.calling_code_, text(node, "calling_code"));
    const YAML::Node id = node["national_id"];
    if (!id || !id.IsMap()) return error(node, "`national_id` is missing.");
    DAYAQ_TRY_OK(only(id, {"name", "length", "alphabet"}));
    DAYAQ_TRY(pack_.national_id_name_, localized(id, "name"));
    DAYAQ_TRY(const std::string alphabet, text(id, "alphabet"));
    const auto length = id["length"].as<std::size_t>();
    if (length < 1 || length > 32) return error(id, "`length` is 1 to 32 characters.");
    pack_.national_id_rule_ = NationalIdRule(alphabet, length);
    if (const YAML::Node listed = node["identifies"]; listed) {
      if (!listed.IsSequence()) return error(listed, "`identifies` is a list of organisations' codes.");
      for (const YAML::Node& one : listed) pack_.identifies_.push_back(one.as<std::string>());
    }
    return {};
  }

  Result<void> read_statuses() {
    DAYAQ_TRY(const YAML::Node nodes, yaml("statuses.yaml"));
    if (!nodes.IsSequence() || nodes.size() == 0 || nodes.size() > 255) {
      return error(nodes, "A list of 1 to 255 statuses is expected.");
    }
    for (const YAML::Node& node : nodes) {
      DAYAQ_TRY_OK(only(node, {"code", "name", "meaning", "sensitive", "days_max"}));
      StatusDefinition status;
      DAYAQ_TRY(const std::string code, text(node, "code"));
      if (!is_code(code)) return error(node, fmt::format("`{}` isn't a code.", code));
      status.code = StatusCode(code);
      DAYAQ_TRY(status.name, localized(node, "name"));
      DAYAQ_TRY(status.meaning, localized(node, "meaning"));
      if (node["sensitive"]) status.sensitive = node["sensitive"].as<bool>();
      if (node["days_max"]) {
        const int days = node["days_max"].as<int>();
        if (days < 1) return error(node, "`days_max` is at least one day.");
        status.days_max = days;
      }
      const auto index = static_cast<StatusIndex>(pack_.statuses_.size());
      if (!pack_.status_by_code_.emplace(code, index).second) {
        return error(node, fmt::format("The status `{}` is there twice.", code));
      }
      pack_.statuses_.push_back(std::move(status));
    }
    return {};
  }

  Result<void> read_organisations() {
    DAYAQ_TRY(const YAML::Node nodes, yaml("organisations.yaml"));
    if (!nodes.IsSequence()) return error(nodes, "A list of organisations is expected.");
    for (const YAML::Node& node : nodes) {
      DAYAQ_TRY_OK(only(node, {"code", "name", "kind", "issues"}));
      Organisation organisation;
      DAYAQ_TRY(const std::string code, text(node, "code"));
      if (!is_code(code)) return error(node, fmt::format("`{}` isn't a code.", code));
      organisation.code = OrganisationCode(code);
      DAYAQ_TRY(organisation.name, localized(node, "name"));
      DAYAQ_TRY(const std::string kind, text(node, "kind"));
      const auto known = parse_organisation_kind(kind);
      if (!known) return error(node, fmt::format("`kind`: {}", known.error().public_text));
      organisation.kind = *known;
      for (const YAML::Node& status : node["issues"]) {
        if (!pack_.find_status(status.Scalar())) {
          return error(status, fmt::format("The status `{}` isn't in statuses.yaml.", status.Scalar()));
        }
        organisation.issues.emplace_back(status.Scalar());
      }
      for (const Organisation& other : pack_.organisations_) {
        if (other.code == organisation.code) {
          return error(node, fmt::format("The organisation `{}` is there twice.", code));
        }
      }
      pack_.organisations_.push_back(std::move(organisation));
    }
    for (const std::string& code : pack_.identifies_) {
      if (std::ranges::none_of(pack_.organisations_,
                               [&](const Organisation& one) { return one.code.value() == code; })) {
        return error(nodes, fmt::format("country.yaml's `identifies` names {}, which isn't here.", code));
      }
    }
    return {};
  }

  // code,district,kind,name_az,name_en,name_ru,population,latitude,longitude,source
  Result<void> read_places() {
    DAYAQ_TRY(const std::string bytes, content("territory/places.csv"));
    CsvReader reader;
    reader.feed(bytes);
    reader.finish();
    bool header = true;
    while (const auto row = reader.next()) {
      const int line = static_cast<int>(row->line);
      if (row->error) return error(line, row->error->public_text);
      if (std::exchange(header, false)) continue;
      DAYAQ_TRY_OK(read_place(row->fields, line));
    }
    if (pack_.settlements_.empty()) return error(0, "There is no district.");
    for (std::size_t i = 0; i < pack_.district_count(); ++i) {
      Place& district = pack_.places_[i];
      for (const PlaceIndex index : pack_.settlements_[i])
        district.population += pack_.places_[index].population;
    }
    return {};
  }

  Result<void> read_place(std::span<const std::string_view> fields, int line) {
    if (fields.size() != 10) return error(line, "Ten fields are expected.");
    const auto kind = parse_place_kind(fields[2]);
    const auto population = parse_number(fields[6]);
    const auto latitude = parse_number(fields[7]);
    const auto longitude = parse_number(fields[8]);
    if (!kind || !population || *population < 0 || !latitude || !longitude) {
      return error(line, "kind, population, latitude or longitude isn't readable.");
    }
    const auto index = static_cast<PlaceIndex>(pack_.places_.size());
    Place place{PlaceCode(std::string(fields[0])),
                index,
                *kind,
                {std::string(fields[3]), std::string(fields[4]), std::string(fields[5])},
                static_cast<std::int64_t>(*population),
                *latitude,
                *longitude};
    if (*kind == PlaceKind::district) {
      if (pack_.settlements_.size() != pack_.places_.size()) {
        return error(line, "Districts stand before all settlements.");
      }
      place.population = 0;  // the sum of its settlements
      pack_.settlements_.emplace_back();
    } else {
      const auto district = pack_.find_place(fields[1]);
      if (!district || *district >= pack_.settlements_.size()) {
        return error(line, fmt::format("The district {} isn't known.", fields[1]));
      }
      const Place& before = pack_.places_.back();
      if (before.kind != PlaceKind::district && before.district > *district) {
        return error(line, "Settlements stand in order of district.");
      }
      place.district = *district;
      pack_.settlements_[*district].push_back(index);
    }
    if (pack_.places_.size() >= 65535) return error(line, "There are more than 65535 places.");
    if (!pack_.place_by_code_.emplace(place.code.value(), index).second) {
      return error(line, fmt::format("The place {} is there twice.", fields[0]));
    }
    pack_.places_.push_back(std::move(place));
    return {};
  }

  CountryPack pack_;
  std::string file_;
};

bool CountryPack::identifies(std::string_view organisation) const {
  return std::ranges::find(identifies_, organisation) != identifies_.end();
}

Result<CountryPack> CountryPack::load(const std::filesystem::path& folder) {
  return CountryPackReader(folder).read();
}

std::optional<StatusIndex> CountryPack::find_status(std::string_view code) const {
  const auto found = status_by_code_.find(code);
  if (found == status_by_code_.end()) return std::nullopt;
  return found->second;
}

std::optional<PlaceIndex> CountryPack::find_place(std::string_view code) const {
  const auto found = place_by_code_.find(code);
  if (found == place_by_code_.end()) return std::nullopt;
  return found->second;
}

std::span<const PlaceIndex> CountryPack::settlements_of(PlaceIndex district) const {
  if (district >= settlements_.size()) return {};
  return settlements_[district];
}

std::int64_t CountryPack::population() const {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < district_count(); ++i) sum += places_[i].population;
  return sum;
}

std::string_view to_string(OrganisationKind kind) {
  return name_of(organisation_kinds, kind);
}
Result<OrganisationKind> parse_organisation_kind(std::string_view text) {
  return value_of(organisation_kinds, text, "registry.organisation_kind");
}
std::string_view to_string(SubscriptionKind kind) {
  return name_of(subscription_kinds, kind);
}
Result<SubscriptionKind> parse_subscription_kind(std::string_view text) {
  return value_of(subscription_kinds, text, "registry.subscription_kind");
}
std::string_view to_string(PlaceKind kind) {
  return name_of(place_kinds, kind);
}
Result<PlaceKind> parse_place_kind(std::string_view text) {
  return value_of(place_kinds, text, "registry.place_kind");
}
std::string_view to_string(Sex sex) {
  return name_of(sexes, sex);
}
Result<Sex> parse_sex(std::string_view text) {
  return value_of(sexes, text, "registry.sex");
}

}  // namespace dayaq::registry
