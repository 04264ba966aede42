// dayaq feed rotate-key: another key signs the feed to the operators' edges.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/random.hpp"
#include "base/time.hpp"
#include "command.hpp"
#include "feed_key.hpp"

namespace dayaq::cli {
namespace {

Result<Exit> rotate_key(const Settings& settings) {
  SystemRandom random;
  DAYAQ_TRY(const crypto::PublicKey key, node::rotate_feed_key(settings.data, random, SystemClock().now()));
  fmt::print("{}\n", to_hex(key));
  fmt::print(stderr,
             "The old key has announced this one and is gone. dayaqd signs by it from its next start on; "
             "edges learn "
             "of it by themselves.\n");
  return Exit::done;
}

}  // namespace

void add_feed(Commands& commands) {
  CLI::App* command = commands.app.add_subcommand("feed", "The feed to the operators' edges");
  command->require_subcommand(1);
  CLI::App* rotate = command->add_subcommand(
      "rotate-key", "Gives the feed another signing key, which the old one announces to the edges");
  rotate->footer(
      "Works on the data folder, without a node; what was interrupted it finishes. Restart dayaqd "
      "afterwards.\n\n"
      "Example:\n  dayaq feed rotate-key --data /srv/dayaq && systemctl restart dayaqd");
  rotate->callback(
      [&commands] { commands.chosen = [](const Settings& settings) { return rotate_key(settings); }; });
}

}  // namespace dayaq::cli
