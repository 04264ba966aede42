#include "regime/preview_count.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <thread>

#include "base/result.hpp"
#include "regime/preview_program.hpp"

namespace dayaq::regime {
namespace {

std::vector<Block> blocks_of(const Population& population, Territory territory,
                             std::vector<PlaceIndex>& places) {
  std::vector<Block> blocks;
  const auto ranges = population.ranges();
  for (std::size_t r = 0; r < ranges.size();) {
    std::size_t last = r + 1;
    while (territory == Territory::district && last < ranges.size() &&
           ranges[last].district == ranges[r].district) {
      ++last;
    }
    const std::size_t end =
        last < ranges.size() ? ranges[last].begin / word_bits : population.sorted_end() / word_bits;
    std::size_t first_range = r;
    for (std::size_t word = ranges[r].begin / word_bits; word < end; word += block_words) {
      const std::size_t words = std::min(block_words, end - word);
      while (ranges[first_range].end <= word * word_bits && first_range + 1 < last) ++first_range;
      std::size_t last_range = first_range + 1;
      while (last_range < last && ranges[last_range].begin < (word + words) * word_bits) ++last_range;
      blocks.push_back({.word = word,
                        .words = words,
                        .territory = places.size(),
                        .first_range = first_range,
                        .last_range = last_range});
    }
    places.push_back(territory == Territory::district ? ranges[r].district : ranges[r].place);
    r = last;
  }
  const std::size_t tail_end = (population.end() + word_bits - 1) / word_bits;
  for (std::size_t word = population.sorted_end() / word_bits; word < tail_end; word += block_words) {
    blocks.push_back({.word = word, .words = std::min(block_words, tail_end - word), .tail = true});
  }
  return blocks;
}

/// One thread's share of the work and its own sums.
class Counter {
 public:
  Counter(const PopulationAt& at, std::span<const RuleProgram> programs, std::span<const CountedRule> rules,
          std::span<const CountedUnion> unions, const std::vector<std::size_t>& territory_of_place,
          std::size_t places)
      : at_(at),
        programs_(programs),
        rules_(rules),
        unions_(unions),
        territory_of_place_(territory_of_place),
        places_(places),
        layer_count_(at.layers().size()),
        persons_((rules.size() + unions.size()) * places, 0),
        lines_(rules.size() * layer_count_ * places, 0),
        results_(rules.size()),
        buffers_(rules.size()),
        scratch_(RuleProgram::scratch_buffers) {}

  void count(const Block& block) {
    for (std::size_t i = 0; i < programs_.size(); ++i)
      results_[i] = programs_[i].run(block, buffers_[i], scratch_);
    if (block.tail) {
      for (std::size_t i = 0; i < rules_.size(); ++i) count_tail(block, i);
    } else {
      for (std::size_t i = 0; i < rules_.size(); ++i) count_rule(block, i);
    }
    for (std::size_t i = 0; i < unions_.size(); ++i) count_union(block, i);
  }

  void add_to(Counts& counts) const {
    for (std::size_t i = 0; i < persons_.size(); ++i) counts.persons[i] += persons_[i];
    for (std::size_t i = 0; i < lines_.size(); ++i) counts.lines[i] += lines_[i];
  }

 private:
  std::uint32_t& persons(std::size_t rule, std::size_t place) { return persons_[rule * places_ + place]; }
  std::uint32_t& lines(std::size_t rule, std::size_t layer, std::size_t place) {
    return lines_[(rule * layer_count_ + layer) * places_ + place];
  }

  void count_rule(const Block& block, std::size_t rule) {
    const Word* result = results_[rule];
    if (result == nullptr) return;
    const std::uint64_t holders = bits::count(result, block.words);
    if (holders == 0) return;
    persons(rule, block.territory) += std::uint32_t(holders);
    for (const std::size_t layer : rules_[rule].layers) {
      std::uint64_t sum = 0;
      const auto& digits = at_.layers()[layer].digits;
      for (std::size_t k = 0; k < digits.size(); ++k) {
        sum += bits::count_and(result, digits[k].data() + block.word, block.words) << k;
      }
      lines(rule, layer, block.territory) += std::uint32_t(sum);
    }
  }

  template <class F>
  void each_holder(const Block& block, const Word* result, F&& f) {
    for (std::size_t w = 0; w < block.words; ++w) {
      for (Word word = result[w]; word != 0; word &= word - 1) {
        f(Ordinal((block.word + w) * word_bits + std::size_t(std::countr_zero(word))));
      }
    }
  }

  // In the tail persons of all places are mixed: each is told apart.
  void count_tail(const Block& block, std::size_t rule) {
    if (results_[rule] == nullptr) return;
    each_holder(block, results_[rule], [&](Ordinal person) {
      const std::size_t territory = territory_of_place_[at_.population().place(person)];
      ++persons(rule, territory);
      for (const std::size_t layer : rules_[rule].layers) {
        const auto& digits = at_.layers()[layer].digits;
        std::uint32_t sum = 0;
        for (std::size_t k = 0; k < digits.size(); ++k) sum += std::uint32_t(digits[k].test(person)) << k;
        lines(rule, layer, territory) += sum;
      }
    });
  }

  void count_union(const Block& block, std::size_t index) {
    const CountedUnion& wanted = unions_[index];
    const std::size_t row = rules_.size() + index;
    std::vector<const Word*>& any = present(wanted.any, any_);
    if (any.empty()) return;
    std::vector<const Word*>& none = present(wanted.none, none_);
    if (!block.tail && any.size() == 1 && none.size() <= 1) {
      persons(row, block.territory) +=
          std::uint32_t(none.empty() ? bits::count(any[0], block.words)
                                     : bits::count_and_not(any[0], none[0], block.words));
      return;
    }
    std::copy_n(any[0], block.words, union_.data());
    for (std::size_t i = 1; i < any.size(); ++i)
      bits::either(union_.data(), union_.data(), any[i], block.words);
    for (const Word* words : none) {
      for (std::size_t w = 0; w < block.words; ++w) union_[w] &= ~words[w];
    }
    if (!block.tail) {
      persons(row, block.territory) += std::uint32_t(bits::count(union_.data(), block.words));
      return;
    }
    each_holder(block, union_.data(),
                [&](Ordinal person) { ++persons(row, territory_of_place_[at_.population().place(person)]); });
  }

  /// The results of those rules that hold for anybody in the block, each once.
  std::vector<const Word*>& present(const std::vector<std::size_t>& rules,
                                    std::vector<const Word*>& out) const {
    out.clear();
    for (const std::size_t rule : rules) {
      const Word* result = results_[rule];
      if (result != nullptr && std::ranges::find(out, result) == out.end()) out.push_back(result);
    }
    return out;
  }

  const PopulationAt& at_;
  std::span<const RuleProgram> programs_;
  std::span<const CountedRule> rules_;
  std::span<const CountedUnion> unions_;
  const std::vector<std::size_t>& territory_of_place_;
  std::size_t places_;
  std::size_t layer_count_;
  std::vector<std::uint32_t> persons_;
  std::vector<std::uint32_t> lines_;
  std::vector<const Word*> results_;
  std::vector<BlockBuffer> buffers_;
  RuleProgram::Scratch scratch_;
  BlockBuffer union_{};
  std::vector<const Word*> any_;
  std::vector<const Word*> none_;
};

/// The territory of each place. Somebody in the tail may live where nobody lived before: that adds one.
std::vector<std::size_t> territories(const Population& population, Territory territory,
                                     std::vector<PlaceIndex>& places) {
  constexpr std::size_t unknown = ~std::size_t(0);
  const auto districts = population.districts();
  std::vector<std::size_t> out(districts.size(), unknown);
  const auto find = [&](PlaceIndex place) {
    const PlaceIndex name = territory == Territory::district ? districts[place] : place;
    const auto found = std::ranges::find(places, name);
    if (found == places.end()) places.push_back(name);
    return std::size_t(std::ranges::find(places, name) - places.begin());
  };
  for (const PlaceRange& range : population.ranges()) out[range.place] = find(range.place);
  for (Ordinal person = population.sorted_end(); person < population.end(); ++person) {
    const PlaceIndex place = population.place(person);
    if (out[place] == unknown && population.id(person).value() != 0) out[place] = find(place);
  }
  return out;
}

void collect_statuses(const Rule& rule, std::vector<StatusIndex>& out) {
  out.insert(out.end(), rule.statuses.begin(), rule.statuses.end());
  for (const Rule& child : rule.children) collect_statuses(child, out);
}

/// What one pass reads of the population: every set that is used, once.
std::uint64_t bytes_read(const PopulationAt& at, std::span<const CountedRule> rules) {
  std::vector<StatusIndex> statuses;
  std::vector<std::size_t> layers;
  for (const CountedRule& rule : rules) {
    collect_statuses(rule.rule, statuses);
    layers.insert(layers.end(), rule.layers.begin(), rule.layers.end());
  }
  std::ranges::sort(statuses);
  std::ranges::sort(layers);
  std::size_t sets = 1 + std::size_t(std::ranges::unique(statuses).begin() - statuses.begin());
  const auto end = std::ranges::unique(layers).begin();
  for (auto layer = layers.begin(); layer != end; ++layer) sets += at.layers()[*layer].digits.size();
  return sets * at.population().end() / 8;
}

}  // namespace

Counts count_rules(const PopulationAt& at, std::span<const CountedRule> rules,
                   std::span<const CountedUnion> unions, Territory territory, int threads) {
  Counts counts;
  const Population& population = at.population();
  const std::vector<Block> blocks = blocks_of(population, territory, counts.places);
  const std::vector<std::size_t> territory_of_place = territories(population, territory, counts.places);
  counts.layer_count = at.layers().size();
  counts.persons.resize((rules.size() + unions.size()) * counts.places.size());
  counts.lines.resize(rules.size() * counts.layer_count * counts.places.size());
  counts.bytes = bytes_read(at, rules);
  std::vector<RuleProgram> programs;
  for (const CountedRule& rule : rules) programs.emplace_back(rule.rule, at);

  std::vector<Counter> counters;
  for (int i = 0; i < std::max(threads, 1); ++i) {
    counters.emplace_back(at, programs, rules, unions, territory_of_place, counts.places.size());
  }
  std::atomic<std::size_t> next{0};
  constexpr std::size_t share = 4;  // blocks taken at a time
  const auto work = [&](Counter& counter) {
    for (std::size_t i = next.fetch_add(share); i < blocks.size(); i = next.fetch_add(share)) {
      for (std::size_t k = i; k < std::min(i + share, blocks.size()); ++k) counter.count(blocks[k]);
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < counters.size(); ++i) others.emplace_back([&, i] { work(counters[i]); });
    work(counters.front());
  }
  for (const Counter& counter : counters) counter.add_to(counts);
  return counts;
}

Bits holders(const PopulationAt& at, const Rule& rule) {
  Bits out(at.population().words());
  std::vector<PlaceIndex> places;
  const RuleProgram program(rule, at);
  RuleProgram::Scratch scratch(RuleProgram::scratch_buffers);
  BlockBuffer buffer;
  for (const Block& block : blocks_of(at.population(), Territory::district, places)) {
    const Word* words = program.run(block, buffer, scratch);
    if (words != nullptr) std::copy_n(words, block.words, out.data() + block.word);
  }
  return out;
}

}  // namespace dayaq::regime
