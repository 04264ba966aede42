#include "regime/rule_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/file.hpp"
#include "regime/file_reader.hpp"
#include "regime/law_grammar.hpp"
#include "regime/rule.hpp"

namespace dayaq::regime {
namespace {

using Kind = Rule::Kind;

constexpr std::size_t form_max = 200;
constexpr int age_end = 200;

std::size_t at(Language language) {
  return static_cast<std::size_t>(language);
}

LocalizedText quoted(const LocalizedText& name, std::string_view az, std::string_view en,
                     std::string_view ru) {
  return {.az = fmt::format(fmt::runtime(az), name.in(Language::az)),
          .en = fmt::format(fmt::runtime(en), name.in(Language::en)),
          .ru = fmt::format(fmt::runtime(ru), name.in(Language::ru))};
}

/// Conditions as clauses that stand with a plural noun: en "live in Baku", az "Bakıda yaşayan", ru "живущие в
/// Баку".
class RulePrinter {
 public:
  RulePrinter(Language language, const registry::CountryPack& country, const StatusWording& wording)
      : language_(language), country_(country), wording_(wording) {}

  std::string print(const Rule& rule) const {
    if (rule.kind != Kind::any) return group(rule);
    std::vector<std::string> groups;
    for (const Rule& child : rule.children) groups.push_back(group(child));
    constexpr std::array<std::string_view, 3> joints{"; və ya ", "; or ", "; или "};
    std::string out;
    for (const std::string& each : groups)
      out += out.empty() ? each : std::string(joints[at(language_)]) + each;
    return out;
  }

 private:
  /// A noun phrase of persons who meet one set of conditions.
  std::string group(const Rule& rule) const {
    if (rule.kind == Kind::everyone) return pick("hamı", "everyone", "все");
    if (rule.kind == Kind::negation && rule.children.front().kind == Kind::everyone) {
      return pick("heç kim", "nobody", "никто");
    }
    std::span<const Rule> conditions(&rule, 1);
    if (rule.kind == Kind::all) conditions = rule.children;
    std::string noun;
    std::vector<std::string> clauses;
    for (const Rule& condition : conditions) {
      if (noun.empty() && condition.kind == Kind::status) {
        std::vector<std::string> people;
        for (const StatusIndex s : condition.statuses) people.push_back(forms(s).people.in(language_));
        noun = or_list(people, language_);
      } else {
        clauses.push_back(clause(condition));
      }
    }
    if (noun.empty()) noun = pick("şəxslər", "people", "лица");
    if (clauses.empty()) return noun;
    const std::string all = and_list(clauses, language_);
    switch (language_) {
      case Language::az:
        return fmt::format("{} {}", all, noun);
      case Language::en:
        return fmt::format("{} who {}", noun, all);
      case Language::ru:
        return fmt::format("{}, {}", noun, all);
    }
    return noun;
  }

  std::string clause(const Rule& rule) const {
    switch (rule.kind) {
      case Kind::status:
        return status_clause(rule, true);
      case Kind::age:
        return age_clause(rule, true);
      case Kind::residence:
        return residence_clause(rule, true);
      case Kind::subscription:
        return subscription_clause(rule, true);
      case Kind::negation:
        return negated_clause(rule.children.front());
      case Kind::any:
      case Kind::all: {
        std::vector<std::string> parts;
        for (const Rule& child : rule.children) parts.push_back(clause(child));
        return fmt::format("({})",
                           rule.kind == Kind::any ? or_list(parts, language_) : and_list(parts, language_));
      }
      case Kind::everyone:
        break;  // simplified() leaves none inside of a rule
    }
    return {};
  }

  std::string negated_clause(const Rule& rule) const {
    switch (rule.kind) {
      case Kind::status:
        return status_clause(rule, false);
      case Kind::age:
        return age_clause(rule, false);
      case Kind::residence:
        return residence_clause(rule, false);
      case Kind::subscription:
        return subscription_clause(rule, false);
      default:
        return {};  // simplified() leaves negations right before conditions only
    }
  }

  std::string status_clause(const Rule& rule, bool positive) const {
    std::vector<std::string> names;
    const bool en = language_ == Language::en;
    for (const StatusIndex s : rule.statuses) {
      names.push_back(fmt::format(fmt::runtime(en ? "“{}”" : "«{}»"), country_.status(s).name.in(language_)));
    }
    const std::string list = or_list(names, language_);
    switch (language_) {
      case Language::az:
        return fmt::format("{} statusu {}", list, positive ? "olan" : "olmayan");
      case Language::en:
        return fmt::format("{} the status {}", positive ? "have" : "do not have", list);
      case Language::ru:
        return fmt::format("{} {}", positive ? "имеющие статус" : "не имеющие статуса", list);
    }
    return list;
  }

  std::string age_clause(const Rule& rule, bool positive) const {
    const std::string range = age_text(rule.age_from, rule.age_under, language_);
    switch (language_) {
      case Language::az:
        return fmt::format("yaşı {} {}", range, positive ? "olan" : "olmayan");
      case Language::en:
        return fmt::format("{} {}", positive ? "are" : "are not", range);
      case Language::ru:
        return fmt::format("{}в возрасте {}", positive ? "" : "не ", range);
    }
    return range;
  }

  std::string residence_clause(const Rule& rule, bool positive) const {
    std::vector<std::string> places;
    for (const PlaceIndex index : rule.places) {
      const std::string& name = country_.place(index).name.in(language_);
      places.push_back(language_ == Language::az   ? azerbaijani_locative(name)
                       : language_ == Language::ru ? russian_locative(name)
                                                   : name);
    }
    const std::string list = or_list(places, language_);
    switch (language_) {
      case Language::az:
        return fmt::format("{} {}", list, positive ? "yaşayan" : "yaşamayan");
      case Language::en:
        return fmt::format("{} in {}", positive ? "live" : "do not live", list);
      case Language::ru:
        return fmt::format("{} {}", positive ? "живущие" : "не живущие", list);
    }
    return list;
  }

  std::string subscription_clause(const Rule& rule, bool positive) const {
    constexpr std::array<std::array<std::string_view, 3>, 3> with{{
        {"mobil nömrəsi olan", "have a mobile line", "имеющие мобильный номер"},
        {"sabit internet xətti olan", "have a fixed internet line", "имеющие линию фиксированного интернета"},
        {"TV abunəliyi olan", "have a TV subscription", "имеющие подписку на ТВ"},
    }};
    constexpr std::array<std::array<std::string_view, 3>, 3> without{{
        {"mobil nömrəsi olmayan", "have no mobile line", "не имеющие мобильного номера"},
        {"sabit internet xətti olmayan", "have no fixed internet line",
         "не имеющие линии фиксированного интернета"},
        {"TV abunəliyi olmayan", "have no TV subscription", "не имеющие подписки на ТВ"},
    }};
    return std::string(
        (positive ? with : without)[static_cast<std::size_t>(rule.subscription)][at(language_)]);
  }

  [[nodiscard]] StatusWording::Forms forms(StatusIndex status) const {
    return wording_.forms(status, country_);
  }
  [[nodiscard]] std::string pick(std::string_view az, std::string_view en, std::string_view ru) const {
    return std::string(language_ == Language::az ? az : language_ == Language::en ? en : ru);
  }

  Language language_;
  const registry::CountryPack& country_;
  const StatusWording& wording_;
};

/// Azerbaijani "-dan/-dən" as in "65-dən", by how the number is spoken.
std::string_view azerbaijani_ablative(int n) {
  const int spoken = n % 10 != 0 ? n % 10 : n % 100;
  for (const int back : {6, 9, 10, 30, 40, 60, 90}) {  // altı, doqquz, on, otuz, qırx, altmış, doxsan
    if (spoken == back) return "dan";
  }
  return "dən";
}

}  // namespace

std::string age_text(int age_from, int age_under, Language language) {
  const bool low = age_from <= 0;
  const bool high = age_under >= age_end;
  const int last = age_under - 1;
  switch (language) {
    case Language::az:
      if (high) return fmt::format("{} və yuxarı", age_from);
      return low ? fmt::format("{}-{} az", age_under, azerbaijani_ablative(age_under))
                 : fmt::format("{}–{}", age_from, last);
    case Language::en:
      if (high) return fmt::format("{} or older", age_from);
      return low ? fmt::format("under {}", age_under) : fmt::format("{} to {}", age_from, last);
    case Language::ru:
      if (high) return fmt::format("от {} {}", age_from, russian_plural(age_from, "года", "лет", "лет"));
      if (low) return fmt::format("младше {} {}", age_under, russian_plural(age_under, "года", "лет", "лет"));
      return fmt::format("от {} до {} {}", age_from, last, russian_plural(last, "года", "лет", "лет"));
  }
  return {};
}

Result<StatusWording> StatusWording::load(const registry::CountryPack& country) {
  const auto path = country.folder() / "text/statuses.yaml";
  DAYAQ_TRY(const std::string yaml, read_file(path));
  Tree tree = read_tree(yaml);
  StatusWording out;
  if (tree.root.kind != TreeNode::Kind::refused) {
    TreeReader reader(tree.errors);
    for (const At& item : reader.items({.node = &tree.root, .name = "statuses.yaml"})) {
      if (!reader.map(item, {"status", "people", "you", "they"})) continue;
      const auto code = reader.need(item, "status");
      const auto word = code ? reader.text(*code) : std::nullopt;
      const auto status = word ? country.find_status(*word) : std::nullopt;
      if (word && !status)
        reader.error(*code, "regime.unknown_status", fmt::format("There is no status `{}`.", *word));
      Forms forms;
      for (const auto& [key, into] : {std::pair{"people", &forms.people}, std::pair{"you", &forms.you},
                                      std::pair{"they", &forms.they}}) {
        if (const auto text = reader.need(item, key)) *into = reader.localized(*text, form_max);
      }
      if (status) out.forms_[*status] = std::move(forms);
    }
  }
  if (tree.errors.empty()) return out;
  sort_by_place(tree.errors);
  tree.errors.front().detail = path.string();
  return std::unexpected(std::move(tree.errors.front()));
}

StatusWording::Forms StatusWording::forms(StatusIndex status, const registry::CountryPack& country) const {
  if (const auto found = forms_.find(status); found != forms_.end()) return found->second;
  const LocalizedText& name = country.status(status).name;
  return {
      .people = quoted(name, "«{}» statusu olanlar", "people with the status “{}”", "лица со статусом «{}»"),
      .you = quoted(name, "«{}» statusunuz olduğunu", "you have the status “{}”", "у вас есть статус «{}»"),
      .they = quoted(name, "şəxsin «{}» statusu olduğunu", "the person has the status “{}”",
                     "у этого лица есть статус «{}»")};
}

std::string describe(const Rule& rule, Language language, const registry::CountryPack& country,
                     const StatusWording& wording) {
  return RulePrinter(language, country, wording).print(simplified(rule));
}

}  // namespace dayaq::regime
