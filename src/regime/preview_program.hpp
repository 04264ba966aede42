// A rule compiled for one population at one moment, and its evaluation on a block of words.
#pragma once

#include <array>
#include <vector>

#include "regime/preview_count.hpp"

namespace dayaq::regime {

inline constexpr std::size_t block_words = 512;
using BlockBuffer = std::array<Word, block_words>;

/// Some words of the population: either settlements side by side, or a piece of the tail.
struct Block {
  std::size_t word = 0;   ///< the first
  std::size_t words = 0;  ///< at most block_words
  std::size_t territory = 0;
  std::size_t first_range = 0;  ///< ranges that touch the block: [first, last)
  std::size_t last_range = 0;
  bool tail = false;
};

class RuleProgram {
 public:
  RuleProgram(const Rule& rule, const PopulationAt& population);

  /// Buffers for as deep a rule as a file may hold.
  using Scratch = std::vector<BlockBuffer>;
  static constexpr std::size_t scratch_buffers = 16;

  /// The words of those alive for whom the rule holds, or nullptr for nobody. Points into the population or
  /// to `out`.
  [[nodiscard]] const Word* run(const Block& block, BlockBuffer& out, Scratch& scratch) const;

 private:
  /// What a part of the rule gives for a block: nobody, everybody, or `words`.
  struct Value {
    enum class Kind : std::uint8_t { none, all, some } kind = Kind::none;
    const Word* words = nullptr;
  };
  struct Node {
    Rule::Kind kind = Rule::Kind::everyone;
    std::vector<Node> children;
    std::vector<const Word*> sets;                   // status, subscription: any of these
    std::vector<std::pair<Ordinal, Ordinal>> bands;  // age: of each range
    std::int32_t birth_after = 0, birth_until = 0;   // age: after < birth <= until, for the tail
    std::vector<bool> ranges;                        // residence: of each range
    std::vector<bool> places;                        // residence: of each place, for the tail
  };

  [[nodiscard]] Node compile(const Rule& rule) const;
  void compile_age(const Rule& rule, Node& node) const;
  void compile_residence(const Rule& rule, Node& node) const;
  Value evaluate(const Node& node, const Block& block, Scratch& scratch, std::size_t depth) const;
  Value combine(const Node& node, const Block& block, Scratch& scratch, std::size_t depth) const;
  Value any_of_sets(const Node& node, const Block& block, BlockBuffer& out) const;
  Value age(const Node& node, const Block& block, BlockBuffer& out) const;
  Value residence(const Node& node, const Block& block, BlockBuffer& out) const;
  template <class F>
  Value each_in_tail(const Block& block, BlockBuffer& out, F&& holds) const;

  const PopulationAt* at_;
  Date day_;
  Node root_;
};

}  // namespace dayaq::regime
