#include "regime/file_rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "regime/rule.hpp"

namespace dayaq::regime {
namespace {

using Kind = Rule::Kind;

constexpr std::array<std::string_view, 9> operators{"all",       "any",          "not",      "status", "age",
                                                    "residence", "subscription", "everyone", "group"};
constexpr std::int64_t age_max = 150;

std::vector<std::string> operator_words() {
  return {operators.begin(), operators.end()};
}

}  // namespace

void RuleReader::groups(const At& at) {
  if (at.node->kind == TreeNode::Kind::refused) return;
  if (at.node->kind != TreeNode::Kind::map) {
    reader_.error(at, "file.type",
                  "`groups` must hold names with rules, such as `front_line: {status: health_worker}`.");
    return;
  }
  for (const TreeNode& key : at.node->keys) {
    const At name{.node = &key, .path = at.path + "." + key.text, .name = "groups"};
    if (!reader_.code(name)) continue;
    groups_.try_emplace(key.text, Group{.at = *reader_.find(at, key.text)});
  }
}

void RuleReader::read_unused_groups() {
  for (auto& [name, group] : groups_) {
    if (group.state != Group::State::unread) continue;
    nodes_ = 0;
    too_large_ = false;
    read_definition(group, 0);
  }
}

Rule RuleReader::read(const At& at) {
  nodes_ = 0;
  too_large_ = false;
  return read_node(at, 0);
}

bool RuleReader::has_room(const At& at, std::size_t nodes, int depth) {
  if (too_large_) return false;
  nodes_ += nodes;
  if (nodes_ <= static_cast<std::size_t>(rule_nodes_max) && depth <= rule_depth_max) return true;
  reader_.error(at, "regime.rule",
                fmt::format("A rule may have {} conditions and {} levels at most, groups included. "
                            "Make it simpler.",
                            rule_nodes_max, rule_depth_max));
  too_large_ = true;
  return false;
}

Rule RuleReader::read_node(const At& at, int depth) {
  if (at.node->kind == TreeNode::Kind::refused || !has_room(at, 1, depth)) return {};
  if (at.node->kind != TreeNode::Kind::map) {
    reader_.error(at, "file.type",
                  "A condition is expected here, such as `status: pensioner` or `all: [...]`.");
    return {};
  }
  for (const TreeNode& key : at.node->keys) {
    if (std::ranges::find(operators, key.text) != operators.end()) continue;
    std::string hint = did_you_mean(key.text, operator_words());
    if (hint.empty()) hint = " Known: all, any, not, status, age, residence, subscription, everyone, group.";
    reader_.error({.node = &key, .path = at.path + "." + key.text}, "regime.unknown_operator",
                  fmt::format("`{}` is no condition.{}", key.text, hint));
  }
  if (at.node->keys.size() != 1) {
    reader_.error(at, "regime.rule",
                  "Exactly one condition stands in one place. Join several with `all` or `any`.");
    return {};
  }
  const std::string& word = at.node->keys.front().text;
  const At value = *reader_.find(at, word);
  if (word == "all") return read_list(value, Kind::all, depth);
  if (word == "any") return read_list(value, Kind::any, depth);
  if (word == "not") return read_negation(value, depth);
  if (word == "status") return read_status(value);
  if (word == "age") return read_age(value);
  if (word == "residence") return read_residence(value);
  if (word == "subscription") return read_subscription(value);
  if (word == "everyone") return read_everyone(value);
  if (word == "group") return read_group(value, depth);
  return {};
}

Rule RuleReader::read_list(const At& at, Kind kind, int depth) {
  Rule rule{.kind = kind};
  for (const At& item : reader_.items(at)) rule.children.push_back(read_node(item, depth + 1));
  return rule;
}

Rule RuleReader::read_negation(const At& at, int depth) {
  Rule rule{.kind = Kind::negation};
  rule.children.push_back(read_node(at, depth + 1));
  return rule;
}

Rule RuleReader::read_status(const At& at) {
  Rule rule{.kind = Kind::status};
  for (const At& item : reader_.one_or_more(at)) {
    const auto code = reader_.text(item);
    if (!code) continue;
    if (const auto status = context_.country.find_status(*code)) {
      rule.statuses.push_back(*status);
      continue;
    }
    std::vector<std::string> known;
    for (const auto& status : context_.country.statuses()) known.push_back(status.code.value());
    std::string hint = did_you_mean(*code, known);
    if (hint.empty()) hint = " Statuses are listed in the country pack's statuses.yaml.";
    reader_.error(item, "regime.unknown_status", fmt::format("There is no status `{}`.{}", *code, hint));
  }
  return rule;
}

Rule RuleReader::read_age(const At& at) {
  Rule rule{.kind = Kind::age};
  if (!reader_.map(at, {"from", "under"})) return rule;
  const auto from = reader_.find(at, "from");
  const auto under = reader_.find(at, "under");
  if (!from && !under) {
    reader_.error(at, "file.missing", "Give `from` (years completed), `under`, or both.");
    return rule;
  }
  if (from) rule.age_from = static_cast<int>(reader_.number(*from, 0, age_max).value_or(0));
  if (under) rule.age_under = static_cast<int>(reader_.number(*under, 1, age_max).value_or(age_max));
  if (rule.age_from >= rule.age_under) {
    reader_.error(at, "regime.age",
                  fmt::format("Nobody is {} or older and under {}. Correct one of them.", rule.age_from,
                              rule.age_under));
  }
  return rule;
}

std::vector<PlaceIndex> RuleReader::places(const At& at) {
  std::vector<PlaceIndex> out;
  for (const At& item : reader_.one_or_more(at)) {
    const auto code = reader_.text(item);
    if (!code) continue;
    if (const auto place = context_.country.find_place(*code)) {
      out.push_back(*place);
      continue;
    }
    std::vector<std::string> districts;
    std::string hint;
    for (const auto& place : context_.country.places()) {
      if (place.kind == registry::PlaceKind::district) districts.push_back(place.code.value());
      const bool named = place.name.az == *code || place.name.en == *code || place.name.ru == *code;
      if (named && hint.empty()) hint = fmt::format(" Its code is `{}`.", place.code.value());
    }
    if (!hint.empty()) {
      hint = fmt::format("`{}` is a name; a place's code is expected.{}", *code, hint);
    } else {
      hint = fmt::format("There is no place `{}`.{}", *code, did_you_mean(*code, districts));
    }
    reader_.error(item, "regime.unknown_place", hint);
  }
  return out;
}

Rule RuleReader::read_residence(const At& at) {
  return {.kind = Kind::residence, .places = places(at)};
}

Rule RuleReader::read_subscription(const At& at) {
  Rule rule{.kind = Kind::subscription};
  const auto word = reader_.text(at);
  if (!word) return rule;
  if (const auto kind = registry::parse_subscription_kind(*word)) {
    rule.subscription = *kind;
  } else {
    reader_.error(at, "regime.unknown_subscription",
                  fmt::format("There is no subscription `{}`.{} Known: mobile, "
                              "fixed, tv.",
                              *word, did_you_mean(*word, {"mobile", "fixed", "tv"})));
  }
  return rule;
}

Rule RuleReader::read_everyone(const At& at) {
  if (const auto truth = reader_.truth(at); truth && !*truth) {
    reader_.error(at, "regime.rule",
                  "`everyone` can only be true. Leave the measure out if it is for nobody.");
  }
  return {};
}

Rule RuleReader::read_group(const At& at, int depth) {
  const auto name = reader_.text(at);
  if (!name) return {};
  const auto found = groups_.find(*name);
  if (found == groups_.end()) {
    std::vector<std::string> known;
    for (const auto& each : groups_) known.push_back(each.first);
    reader_.error(at, "regime.unknown_group",
                  fmt::format("There is no group `{}`.{} Define it under `groups`.", *name,
                              did_you_mean(*name, known)));
    return {};
  }
  Group& group = found->second;
  if (group.state == Group::State::reading) {
    reader_.error(at, "regime.cycle",
                  fmt::format("The group `{}` is defined by itself here: a cycle. Define it by "
                              "other conditions.",
                              *name));
    return {};
  }
  if (group.state == Group::State::unread) return read_definition(group, depth);
  return has_room(at, group.nodes, depth) ? group.rule : Rule{};
}

Rule RuleReader::read_definition(Group& group, int depth) {
  group.state = Group::State::reading;
  const std::size_t before = nodes_;
  group.rule = read_node(group.at, depth + 1);
  group.nodes = nodes_ - before;
  group.state = Group::State::read;
  return group.rule;
}

}  // namespace dayaq::regime
