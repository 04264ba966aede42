// What a condition says of answers and of who applies.
#include <algorithm>

#include "registry/country_pack.hpp"
#include "services/form.hpp"

namespace dayaq::services {
namespace {

/// An answer of several choices has its codes separated by a space.
bool has_one_of(std::string_view answer, const std::vector<std::string>& values) {
  for (;;) {
    const std::size_t blank = answer.find(' ');
    if (std::ranges::find(values, answer.substr(0, blank)) != values.end()) return true;
    if (blank == std::string_view::npos) return false;
    answer.remove_prefix(blank + 1);
  }
}

bool answered(const Condition& condition, const Answers& answers) {
  const auto found = answers.find(condition.field);
  if (found == answers.end() || found->second.empty()) return false;
  return condition.values.empty() || has_one_of(found->second, condition.values);
}

bool lives_in_kind(const Condition& condition, const Applicant& applicant) {
  const PlaceIndex place = applicant.facts.place_at(applicant.now);
  if (place >= applicant.country.places().size()) return false;
  const std::string_view kind = registry::to_string(applicant.country.place(place).kind);
  return std::ranges::find(condition.values, kind) != condition.values.end();
}

}  // namespace

bool condition_holds(const Condition& condition, const Answers& answers, const Applicant& applicant) {
  const auto holds = [&](const Condition& child) { return condition_holds(child, answers, applicant); };
  switch (condition.kind) {
    case Condition::Kind::all:
      return std::ranges::all_of(condition.children, holds);
    case Condition::Kind::any:
      return std::ranges::any_of(condition.children, holds);
    case Condition::Kind::negation:
      return std::ranges::none_of(condition.children, holds);
    case Condition::Kind::answer:
      return answered(condition, answers);
    case Condition::Kind::rule:
      return regime::holds(condition.rule, applicant.facts, applicant.now, applicant.civil());
    case Condition::Kind::place_kind:
      return lives_in_kind(condition, applicant);
  }
  return false;
}

}  // namespace dayaq::services
