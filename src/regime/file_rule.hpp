// Reads rules and named groups out of a regime file's tree.
#pragma once

#include <map>
#include <string>

#include "regime/file.hpp"
#include "regime/file_reader.hpp"

namespace dayaq::regime {

/// Groups are rules with a name, defined once under `groups` and used as `group: NAME`. They are put in where
/// they are used, so that nothing behind the file's reader knows of them.
class RuleReader {
 public:
  RuleReader(Errors& errors, const FileContext& context) : reader_(errors), context_(context) {}

  /// Remembers the groups of a file; they are read where they are used first.
  void groups(const At& at);
  /// Reads all groups that no rule has used, so that their errors are found too.
  void read_unused_groups();
  /// Reads one rule. What can't be read becomes `everyone`; the errors say that the result is of no use.
  Rule read(const At& at);
  /// Reads places: `AZ-BA` or a list.
  std::vector<PlaceIndex> places(const At& at);

 private:
  struct Group {
    At at;
    enum class State : std::uint8_t { unread, reading, read } state = State::unread;
    Rule rule;
    std::size_t nodes = 0;
  };
  bool has_room(const At& at, std::size_t nodes, int depth);
  Rule read_node(const At& at, int depth);
  Rule read_list(const At& at, Rule::Kind kind, int depth);
  Rule read_negation(const At& at, int depth);
  Rule read_status(const At& at);
  Rule read_age(const At& at);
  Rule read_residence(const At& at);
  Rule read_subscription(const At& at);
  Rule read_everyone(const At& at);
  Rule read_group(const At& at, int depth);
  Rule read_definition(Group& group, int depth);

  TreeReader reader_;
  const FileContext& context_;
  std::map<std::string, Group, std::less<>> groups_;
  std::size_t nodes_ = 0;  // in the rule being read, groups included
  bool too_large_ = false;
};

}  // namespace dayaq::regime
