#include "regime/preview_program.hpp"

#include <algorithm>

namespace dayaq::regime {
namespace {

using namespace std::chrono;
constexpr int age_end = 200;

std::int32_t day_number(Date day) {
  return std::int32_t(day.time_since_epoch().count());
}

}  // namespace

Date latest_birth(int years_old, Date day) {
  const year_month_day today(day);
  const year_month_day then(today.year() - years(years_old), today.month(), today.day());
  // 29 February stands for 1 March in common years and the other way round: start late, and go back.
  Date birth = (then.ok() ? sys_days(then) : sys_days(then.year() / March / 1)) + days(2);
  while (birthday(birth, years_old) > day) birth -= days(1);
  return birth;
}

RuleProgram::RuleProgram(const Rule& rule, const PopulationAt& population)
    : at_(&population),
      day_(population.population().days().zone().day_of(population.at())),
      root_(compile(rule)) {}

RuleProgram::Node RuleProgram::compile(const Rule& rule) const {
  Node node{.kind = rule.kind, .children = {}, .sets = {}, .bands = {}, .ranges = {}, .places = {}};
  for (const Rule& child : rule.children) node.children.push_back(compile(child));
  switch (rule.kind) {
    case Rule::Kind::status:
      for (const StatusIndex status : rule.statuses) node.sets.push_back(at_->status(status).data());
      break;
    case Rule::Kind::subscription:
      node.sets.push_back(at_->has_line(rule.subscription).data());
      break;
    case Rule::Kind::age:
      compile_age(rule, node);
      break;
    case Rule::Kind::residence:
      compile_residence(rule, node);
      break;
    case Rule::Kind::all:
    case Rule::Kind::any:
    case Rule::Kind::negation:
    case Rule::Kind::everyone:
      break;
  }
  return node;
}

void RuleProgram::compile_age(const Rule& rule, Node& node) const {
  node.birth_after = rule.age_under >= age_end ? std::numeric_limits<std::int32_t>::min()
                                               : day_number(latest_birth(rule.age_under, day_));
  node.birth_until = rule.age_from <= 0 ? std::numeric_limits<std::int32_t>::max()
                                        : day_number(latest_birth(rule.age_from, day_));
  const Population& p = at_->population();
  for (const PlaceRange& range : p.ranges()) {
    const std::int32_t* births = p.births();
    const auto first = std::upper_bound(births + range.begin, births + range.end, node.birth_after);
    const auto last = std::upper_bound(first, births + range.end, node.birth_until);
    node.bands.emplace_back(Ordinal(first - births), Ordinal(last - births));
  }
}

void RuleProgram::compile_residence(const Rule& rule, Node& node) const {
  const Population& p = at_->population();
  node.places.resize(p.districts().size());
  for (std::size_t place = 0; place < node.places.size(); ++place) {
    node.places[place] = std::ranges::any_of(
        rule.places, [&](PlaceIndex wanted) { return place == wanted || p.districts()[place] == wanted; });
  }
  for (const PlaceRange& range : p.ranges()) node.ranges.push_back(node.places[range.place]);
}

const Word* RuleProgram::run(const Block& block, BlockBuffer& out, Scratch& scratch) const {
  const Word* alive = at_->alive().data() + block.word;
  const Value value = evaluate(root_, block, scratch, 0);
  switch (value.kind) {
    case Value::Kind::none:
      return nullptr;
    case Value::Kind::all:
      return alive;
    case Value::Kind::some:
      break;
  }
  bits::both(out.data(), value.words, alive, block.words);
  return out.data();
}

RuleProgram::Value RuleProgram::evaluate(const Node& node, const Block& block, Scratch& scratch,
                                         std::size_t depth) const {
  BlockBuffer& out = scratch[depth];
  switch (node.kind) {
    case Rule::Kind::everyone:
      return {.kind = Value::Kind::all};
    case Rule::Kind::status:
    case Rule::Kind::subscription:
      return any_of_sets(node, block, out);
    case Rule::Kind::age:
      return age(node, block, out);
    case Rule::Kind::residence:
      return residence(node, block, out);
    case Rule::Kind::negation: {
      const Value value = evaluate(node.children.front(), block, scratch, depth);
      if (value.kind == Value::Kind::none) return {.kind = Value::Kind::all};
      if (value.kind == Value::Kind::all) return {.kind = Value::Kind::none};
      bits::negate(out.data(), value.words, block.words);
      return {.kind = Value::Kind::some, .words = out.data()};
    }
    case Rule::Kind::all:
    case Rule::Kind::any:
      return combine(node, block, scratch, depth);
  }
  return {};
}

RuleProgram::Value RuleProgram::combine(const Node& node, const Block& block, Scratch& scratch,
                                        std::size_t depth) const {
  const bool any = node.kind == Rule::Kind::any;
  const auto neutral = any ? Value::Kind::none : Value::Kind::all;
  Value sum{.kind = neutral};
  for (const Node& child : node.children) {
    // A sum that lies in this depth's buffer must not be written over by the next child.
    const bool here = sum.kind == Value::Kind::some && sum.words == scratch[depth].data();
    const Value value = evaluate(child, block, scratch, depth + (here ? 1 : 0));
    if (value.kind == neutral) continue;
    if (value.kind != Value::Kind::some) return value;
    if (sum.kind == neutral) {
      sum = value;
      continue;
    }
    Word* out = scratch[depth].data();
    any ? bits::either(out, sum.words, value.words, block.words)
        : bits::both(out, sum.words, value.words, block.words);
    sum.words = out;
  }
  return sum;
}

RuleProgram::Value RuleProgram::any_of_sets(const Node& node, const Block& block, BlockBuffer& out) const {
  const Word* sum = node.sets.front() + block.word;
  for (std::size_t i = 1; i < node.sets.size(); ++i) {
    bits::either(out.data(), sum, node.sets[i] + block.word, block.words);
    sum = out.data();
  }
  return {.kind = Value::Kind::some, .words = sum};
}

template <class F>
RuleProgram::Value RuleProgram::each_in_tail(const Block& block, BlockBuffer& out, F&& holds) const {
  const std::size_t first = block.word * word_bits;
  const std::size_t end = std::min<std::size_t>(first + block.words * word_bits, at_->population().end());
  std::fill_n(out.data(), block.words, Word(0));
  for (std::size_t i = first; i < end; ++i) {
    out[(i - first) / word_bits] |= Word(holds(Ordinal(i))) << (i % word_bits);
  }
  return {.kind = Value::Kind::some, .words = out.data()};
}

RuleProgram::Value RuleProgram::age(const Node& node, const Block& block, BlockBuffer& out) const {
  const Population& p = at_->population();
  if (block.tail) {
    return each_in_tail(block, out, [&](Ordinal person) {
      return node.birth_after < p.births()[person] && p.births()[person] <= node.birth_until;
    });
  }
  const auto first = Ordinal(block.word * word_bits);
  const auto end = Ordinal((block.word + block.words) * word_bits);
  bool all = true;
  bool none = true;
  for (std::size_t r = block.first_range; r < block.last_range; ++r) {
    const PlaceRange& range = p.ranges()[r];
    const auto [from, until] = node.bands[r];
    none = none && (until <= first || from >= end || from == until);
    all = all && from <= std::max(first, range.begin) && until >= std::min(end, range.end);
  }
  if (none) return {.kind = Value::Kind::none};
  if (all) return {.kind = Value::Kind::all};
  std::fill_n(out.data(), block.words, Word(0));
  for (std::size_t r = block.first_range; r < block.last_range; ++r) {
    const auto [from, until] = node.bands[r];
    const Ordinal low = std::max(from, first);
    const Ordinal high = std::min(until, end);
    if (low < high) bits::fill(out.data(), low - first, high - first, true);
  }
  return {.kind = Value::Kind::some, .words = out.data()};
}

RuleProgram::Value RuleProgram::residence(const Node& node, const Block& block, BlockBuffer& out) const {
  const Population& p = at_->population();
  if (block.tail)
    return each_in_tail(block, out, [&](Ordinal person) { return node.places[p.place(person)]; });
  std::size_t inside = 0;
  for (std::size_t r = block.first_range; r < block.last_range; ++r) inside += node.ranges[r] ? 1 : 0;
  if (inside == 0) return {.kind = Value::Kind::none};
  if (inside == block.last_range - block.first_range) return {.kind = Value::Kind::all};
  const auto first = Ordinal(block.word * word_bits);
  const auto end = Ordinal((block.word + block.words) * word_bits);
  std::fill_n(out.data(), block.words, Word(0));
  for (std::size_t r = block.first_range; r < block.last_range; ++r) {
    const PlaceRange& range = p.ranges()[r];
    const Ordinal low = std::max(range.begin, first);
    const Ordinal high = std::min(range.end, end);
    if (node.ranges[r] && low < high) bits::fill(out.data(), low - first, high - first, true);
  }
  return {.kind = Value::Kind::some, .words = out.data()};
}

}  // namespace dayaq::regime
