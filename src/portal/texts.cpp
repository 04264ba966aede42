#include "portal/texts.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <set>

#include "base/file.hpp"

namespace dayaq::portal {
namespace {

std::unexpected<Error> broken(Language language, std::string_view what) {
  return fail(ErrorKind::invalid_input, "portal.texts",
              fmt::format("The texts of the pages, {}.yaml: {}.", to_string(language), what));
}

/// What stands in braces: "{from} to {until}" gives from, until.
std::set<std::string> names_in(std::string_view text) {
  std::set<std::string> names;
  for (std::size_t open = text.find('{'); open != std::string_view::npos; open = text.find('{', open + 1)) {
    const std::size_t close = text.find('}', open);
    if (close == std::string_view::npos) break;
    names.emplace(text.substr(open + 1, close - open - 1));
  }
  return names;
}

std::vector<Plural> plurals_of(Language language) {
  if (language == Language::ru) return {Plural::one, Plural::few, Plural::many};
  return {Plural::one, Plural::other};
}

std::string filled(std::string_view text, Texts::Names names) {
  std::string out;
  out.reserve(text.size() + 32);
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    out += text.substr(0, open);
    if (open == std::string_view::npos) break;
    text.remove_prefix(open);
    const std::size_t close = text.find('}');
    DAYAQ_ASSERT(close != std::string_view::npos);
    const std::string_view name = text.substr(1, close - 1);
    const auto* found = std::ranges::find(names, name, [](const auto& pair) { return pair.first; });
    DAYAQ_ASSERT(found != names.end());  // the caller must fill in what the text names
    out += found->second;
    text.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace

Plural plural_of(std::int64_t number, Language language) {
  const std::int64_t n = number < 0 ? -number : number;
  if (language != Language::ru) return n == 1 ? Plural::one : Plural::other;
  const std::int64_t last = n % 10;
  const std::int64_t last_two = n % 100;
  if (last == 1 && last_two != 11) return Plural::one;
  if (last >= 2 && last <= 4 && (last_two < 12 || last_two > 14)) return Plural::few;
  return Plural::many;
}

std::string_view to_string(Plural plural) {
  constexpr std::string_view words[]{"one", "few", "many", "other"};
  return words[static_cast<std::size_t>(plural)];
}

Result<Texts::Catalogue> Texts::read(std::string_view yaml, Language language) {
  Catalogue catalogue;
  try {
    for (const auto& item : YAML::Load(std::string(yaml))) {
      const auto key = item.first.as<std::string>();
      Entry entry;
      if (item.second.IsScalar()) {
        entry.other = item.second.as<std::string>();
        entry.plain = names_in(entry.other).empty();
      } else if (item.second.IsMap()) {
        entry.plain = false;
        for (const Plural plural : plurals_of(language)) {
          const auto form = item.second[std::string(to_string(plural))];
          if (!form) return broken(language, fmt::format("`{}` lacks the form `{}`", key, to_string(plural)));
          entry.forms.emplace_back(plural, form.as<std::string>());
        }
        if (item.second.size() != entry.forms.size())
          return broken(language, fmt::format("`{}` has a form too many", key));
      } else {
        return broken(language, fmt::format("`{}` is no text", key));
      }
      if (!catalogue.emplace(key, std::move(entry)).second) {
        return broken(language, fmt::format("`{}` stands there twice", key));
      }
    }
  } catch (const YAML::Exception& e) {
    return broken(language, e.what());
  }
  return catalogue;
}

Result<Texts> Texts::parse(std::string_view az, std::string_view en, std::string_view ru) {
  std::array<Catalogue, languages.size()> catalogues;
  const std::string_view files[]{az, en, ru};
  for (const Language language : languages) {
    const auto index = static_cast<std::size_t>(language);
    DAYAQ_TRY(catalogues[index], read(files[index], language));
  }
  const auto names_of = [](const Entry& entry) {
    std::set<std::string> names = names_in(entry.other);
    for (const auto& [plural, form] : entry.forms) names.merge(names_in(form));
    names.erase("count");
    names.erase("n");
    return names;
  };
  for (const Language language : languages) {
    for (const auto& [key, entry] : catalogues[0]) {
      const auto& other = catalogues[static_cast<std::size_t>(language)];
      const auto found = other.find(key);
      if (found == other.end()) return broken(language, fmt::format("`{}` is missing", key));
      if (names_of(found->second) != names_of(entry)) {
        return broken(language, fmt::format("`{}` doesn't name the same in braces as in az.yaml", key));
      }
    }
    for (const auto& [key, entry] : catalogues[static_cast<std::size_t>(language)]) {
      if (!catalogues[0].contains(key)) return broken(language, fmt::format("`{}` isn't in az.yaml", key));
    }
  }
  // Copied close together: what was read lies scattered among what the parser has freed.
  Texts texts;
  for (const auto& [key, entry] : catalogues[0]) texts.keys_.push_back(key);
  for (std::size_t i = 0; i < catalogues.size(); ++i) {
    texts.entries_[i].reserve(catalogues[i].size());
    for (const auto& [key, entry] : catalogues[i]) texts.entries_[i].push_back(entry);
  }
  return texts;
}

Result<Texts> Texts::load(const std::filesystem::path& folder) {
  std::array<std::string, languages.size()> all;
  for (const Language language : languages) {
    const std::string prefix = fmt::format("{}.", to_string(language));
    std::vector<std::filesystem::path> files;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(prefix) && name.ends_with(".yaml")) files.push_back(entry.path());
    }
    std::ranges::sort(files);
    if (files.empty()) files.push_back(folder / (prefix + "yaml"));  // says that it is missing
    for (const auto& file : files) {
      DAYAQ_TRY(const std::string text, read_file(file));
      all[static_cast<std::size_t>(language)] += text + "\n";
    }
  }
  return parse(all[0], all[1], all[2]);
}

const Texts::Entry& Texts::entry(std::string_view key, Language language) const {
  const auto found = std::ranges::lower_bound(keys_, key);
  DAYAQ_ASSERT(found != keys_.end() && *found == key);
  return entries_[static_cast<std::size_t>(language)][static_cast<std::size_t>(found - keys_.begin())];
}

const std::string& Texts::text(std::string_view key, Language language) const {
  const Entry& found = entry(key, language);
  DAYAQ_ASSERT(found.plain);
  return found.other;
}

std::string Texts::fill(std::string_view key, Language language, Names names) const {
  return filled(entry(key, language).other, names);
}

std::string Texts::count(std::string_view key, Language language, std::int64_t number) const {
  const Entry& found = entry(key, language);
  const auto form =
      std::ranges::find(found.forms, plural_of(number, language), [](const auto& f) { return f.first; });
  const std::string grouped = group_digits(number);
  const std::string digits = fmt::format("{}", number);
  return filled(form == found.forms.end() ? found.other : form->second, {{"n", grouped}, {"count", digits}});
}

void Texts::each_plain(Language language,
                       const std::function<void(const std::string&, const std::string&)>& f) const {
  const std::vector<Entry>& entries = entries_[static_cast<std::size_t>(language)];
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (entries[i].plain) f(keys_[i], entries[i].other);
  }
}

}  // namespace dayaq::portal
