#include "regime/law_test_support.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "regime/file_rule.hpp"

namespace dayaq::regime::test {
namespace {

template <class T>
T must(Result<T> result) {
  if (!result) assertion_failed(result.error().public_text.c_str(), result.error().detail.c_str(), 0);
  return std::move(*result);
}

}  // namespace

std::filesystem::path source_folder() {
  return DAYAQ_SOURCE_DIR;
}

const Country& azerbaijan() {
  static const Country country = [] {
    registry::CountryPack pack = must(registry::CountryPack::load(source_folder() / "country/az"));
    StatusWording wording = must(StatusWording::load(pack));
    return Country{.pack = std::move(pack),
                   .traffic = must(TrafficCatalogue::load(source_folder() / "country/az")),
                   .wording = std::move(wording),
                   .zone = must(Zone::create("Asia/Baku"))};
  }();
  return country;
}

std::optional<OrganisationIndex> Country::organisation(std::string_view code) const {
  for (std::size_t i = 0; i < pack.organisations().size(); ++i) {
    if (pack.organisations()[i].code.value() == code) return static_cast<OrganisationIndex>(i);
  }
  return std::nullopt;
}

ExplainContext Country::explain_context() const {
  return {.country = pack,
          .wording = wording,
          .zone = zone,
          .organisation_name = [this](OrganisationIndex index) { return pack.organisations()[index].name; },
          .issuers =
              [this](StatusIndex status) {
                std::vector<OrganisationIndex> out;
                for (std::size_t i = 0; i < pack.organisations().size(); ++i) {
                  const auto& issues = pack.organisations()[i].issues;
                  const bool may = std::ranges::find(issues, pack.status(status).code) != issues.end();
                  if (may) out.push_back(static_cast<OrganisationIndex>(i));
                }
                return out;
              }};
}

FileContext Country::file_context() const {
  return {.country = pack,
          .traffic = traffic,
          .zone = zone,
          .providers = {.find = [this](std::string_view code) -> std::optional<ProviderNames::Provider> {
                          const auto index = organisation(code);
                          if (!index) return std::nullopt;
                          const registry::Organisation& found = pack.organisations()[*index];
                          return ProviderNames::Provider{found.code, *index, found.kind};
                        },
                        .codes =
                            [this] {
                              std::vector<std::string> codes;
                              for (const auto& organisation : pack.organisations())
                                codes.push_back(organisation.code.value());
                              return codes;
                            }}};
}

Instant Country::moment(const std::string& text) const {
  return must(zone.parse_local(text));
}

std::string repository_file(const std::string& path) {
  return must(read_file(source_folder() / path));
}

std::vector<TreeNode> cases(const std::string& name) {
  Tree tree = read_tree(repository_file("src/regime/cases/" + name));
  DAYAQ_ASSERT(tree.errors.empty());
  return std::move(tree.root.children);
}

std::string scalar(const TreeNode& node, std::string_view key) {
  const TreeNode* found = node.find(key);
  return found == nullptr ? std::string() : found->text;
}

Rule rule_of(const TreeNode& node) {
  Errors errors;
  const FileContext context = azerbaijan().file_context();
  Rule rule = RuleReader(errors, context).read({.node = node.find("rule"), .path = "rule"});
  DAYAQ_ASSERT(errors.empty());
  return rule;
}

registry::PersonFacts person_of(const TreeNode& node) {
  const Country& country = azerbaijan();
  const auto& pack = country.pack;
  const auto each = [&](std::string_view key, auto&& visit) {
    if (const TreeNode* list = node.find(key)) std::ranges::for_each(list->children, visit);
  };
  const auto moment_or = [&](const TreeNode& one, std::string_view key, Instant otherwise) {
    const std::string text = scalar(one, key);
    return text.empty() ? otherwise : country.moment(text);
  };
  const auto period_of = [&](const TreeNode& one) {
    return Period{.from = moment_or(one, "from", instant_min), .until = moment_or(one, "until", instant_max)};
  };
  const auto organisation_of = [&](const TreeNode& one, std::string_view key) {
    return country.organisation(scalar(one, key)).value_or(0);
  };
  registry::PersonFacts facts;
  facts.person.birth = must(parse_date(scalar(node, "born")));
  if (!scalar(node, "died").empty()) facts.person.death = must(parse_date(scalar(node, "died")));
  each("lives", [&](const TreeNode& one) {
    facts.residences.push_back({.place = *pack.find_place(scalar(one, "in")), .period = period_of(one)});
  });
  if (facts.residences.empty())
    facts.residences.push_back({.place = *pack.find_place("AZ-BA"), .period = {}});
  facts.person.place = facts.residences.back().place;
  each("attested", [&](const TreeNode& one) {
    facts.attestations.push_back({.status = *pack.find_status(scalar(one, "status")),
                                  .issuer = organisation_of(one, "by"),
                                  .valid = period_of(one),
                                  .recorded = moment_or(one, "recorded", instant_min),
                                  .ended = moment_or(one, "ended", instant_max)});
  });
  each("lines", [&](const TreeNode& one) {
    facts.subscriptions.push_back({.kind = must(registry::parse_subscription_kind(scalar(one, "kind"))),
                                   .provider = organisation_of(one, "with"),
                                   .valid = period_of(one)});
  });
  return facts;
}

}  // namespace dayaq::regime::test
