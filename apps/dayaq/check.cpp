// dayaq check: do the grants in memory equal a derivation from nothing?
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "node.hpp"
#include "regime/keeper.hpp"

namespace dayaq::cli {
namespace {

Result<Exit> check(const Settings& settings) {
  DAYAQ_TRY(const auto node, node::Node::open({.data = settings.data, .country = settings.country}));
  DAYAQ_TRY(const regime::KeeperCheck found,
            node->database().read([&](store::Session& session) { return node->keeper().check(session); }));
  if (settings.json) {
    fmt::print(R"({{"lines":{},"different":{}}})"
               "\n",
               found.lines, found.different);
  } else if (found.different == 0) {
    fmt::print("The grants of all {} lines are what the records and the law give.\n",
               number(static_cast<std::int64_t>(found.lines)));
  } else {
    fmt::print("{} of {} lines differ from what the records and the law give. The first: {}\n",
               number(static_cast<std::int64_t>(found.different)),
               number(static_cast<std::int64_t>(found.lines)), found.first);
  }
  return found.different == 0 ? Exit::done : Exit::refused;
}

}  // namespace

void add_check(Commands& commands) {
  CLI::App* command = commands.app.add_subcommand(
      "check",
      "Derives everybody's grants from the records and compares them with the index; while no dayaqd runs");
  command->footer("Example:\n  dayaq check --data /srv/dayaq");
  command->callback([&commands] { commands.chosen = check; });
}

}  // namespace dayaq::cli
