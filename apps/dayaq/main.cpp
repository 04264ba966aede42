// dayaq: administration of a node from a terminal.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/log.hpp"
#include "command.hpp"
#include "manual.hpp"

namespace dayaq::cli {
namespace {

void add_options(CLI::App& app, Settings& settings) {
  app.add_option("--data", settings.data, "The data folder (data)")->envname("DATA");
  app.add_option("--country", settings.country, "The country pack (country/az)");
  app.add_option("--server", settings.server,
                 "A dayaqd's address, if not the one that serves the data folder");
  app.add_option("--key", settings.key,
                 "An API key, or @NAME for DATA/keys/NAME.key (what init made for the command)")
      ->envname("DAYAQ_KEY");
  app.add_flag("--json", settings.json, "Print answers as JSON");
}

int run(int argc, char** argv) {
  CLI::App app("administration of a Dayaq node");
  app.require_subcommand(1);
  app.fallthrough();
  app.set_help_all_flag("--help-all", "Help of all commands");
  app.footer(
      "Examples:\n  dayaq init --persons 200000 --demo\n  dayaq regime preview "
      "country/az/regimes/special-quarantine.yaml\n"
      "  dayaq grants 0AB12CD --reason 'asked at the counter'\n  dayaq audit verify\n\n"
      "Exit codes: 0 done, 1 refused or failed, 2 wrong command line, 3 server not reached.");
  Settings settings;
  add_options(app, settings);
  Commands commands{.app = app, .settings = settings, .chosen = {}};
  add_init(commands);
  add_import(commands);
  add_regime(commands);
  add_service(commands);
  add_permit(commands);
  add_grants(commands);
  add_key(commands);
  add_client(commands);
  add_edge(commands);
  add_feed(commands);
  add_audit(commands);
  add_check(commands);
  add_settlement(commands);
  add_drill(commands);
  app.add_subcommand("completion", "Prints a completion script for bash")->callback([&] {
    commands.chosen = [&app](const Settings&) -> Result<Exit> {
      fmt::print("{}", bash_completion(app));
      return Exit::done;
    };
  });
  app.add_subcommand("man", "Prints the man page: dayaq man | man -l -")->callback([&] {
    commands.chosen = [&app](const Settings&) -> Result<Exit> {
      fmt::print("{}", man_page(app));
      return Exit::done;
    };
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    return app.exit(stop) == 0 ? 0 : static_cast<int>(Exit::usage);
  }
  const auto exit = commands.chosen(settings);
  if (exit) return static_cast<int>(*exit);
  print_error(exit.error());
  return static_cast<int>(exit.error().code == "cli.server" ? Exit::unreachable : Exit::refused);
}

}  // namespace
}  // namespace dayaq::cli

int main(int argc, char** argv) {
  (void)dayaq::log::set_level("warning");
  return dayaq::cli::run(argc, argv);
}
