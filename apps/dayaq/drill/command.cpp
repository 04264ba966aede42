// dayaq drill: plays a crisis against a system of its own and writes a readiness report.
#include "command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/file.hpp"
#include "drill.hpp"

namespace dayaq::cli {
namespace {

constexpr double visitors_max = 50'000;

struct DrillArguments {
  std::filesystem::path file, copy_of, web = "web", out = ".";
};

/// One line on a terminal; nothing elsewhere.
void show(double share, std::string_view what) {
  if (::isatty(STDERR_FILENO) != 1) return;
  constexpr std::size_t width = 30;
  const auto filled = std::size_t(std::clamp(share, 0.0, 1.0) * double(width));
  fmt::print(stderr, "\r[{}{}] {:3.0f} %  {}\033[K", std::string(filled, '='),
             std::string(width - filled, ' '), share * 100, what);
}

Result<Exit> run_drill(const Settings& settings, const DrillArguments& arguments) {
  DAYAQ_TRY(const std::string text, read_file(arguments.file, 1 << 20));
  DAYAQ_TRY(const drill::Scenario scenario, drill::parse_scenario(text, arguments.file.stem().string()));
  std::string messages;
  if (scenario.sms > 0) {
    DAYAQ_TRY(messages, read_file(arguments.file.parent_path() / scenario.messages, 16 << 20));
  }
  DAYAQ_TRY_OK(drill::start_guardian());
  std::error_code error;
  std::filesystem::create_directories(arguments.out, error);
  // Those of the play, and as many for the ramp; whoever is left comes again as somebody who was there.
  const auto visitors =
      std::size_t(std::min(2 * scenario.web * scenario.expected_requests() + 1, visitors_max)) *
      (scenario.web > 0 ? 1 : 0);
  DAYAQ_TRY(const auto world, drill::World::make({.copy_of = arguments.copy_of,
                                                  .country = settings.country,
                                                  .web = arguments.web,
                                                  .persons = scenario.persons,
                                                  .database = scenario.database,
                                                  .edge = scenario.strikes(drill::Fault::Whom::edge),
                                                  .visitors = visitors,
                                                  .admitted_a_second = scenario.admitted_a_second},
                                                 [](std::string_view what) { show(0, what); }));
  DAYAQ_TRY(const drill::Outcome outcome, drill::play(*world, scenario, messages, show));
  if (::isatty(STDERR_FILENO) == 1) fmt::print(stderr, "\r\033[K");
  const std::string json = drill::to_json(outcome);
  const auto html = arguments.out / (scenario.name + ".html");
  DAYAQ_TRY_OK(write_file_atomically(arguments.out / (scenario.name + ".json"), as_bytes(json)));
  DAYAQ_TRY_OK(write_file_atomically(html, as_bytes(drill::to_html(outcome))));
  if (settings.json) {
    fmt::print("{}", json);
  } else {
    for (const auto& [sentence, holds] : outcome.verdicts) {
      fmt::print("{} {}\n", holds ? "  ok " : "  NO ", sentence);
    }
    if (outcome.held_to > 0) {
      fmt::print("Held up to {:.0f} requests a second; what breaks first: {}. {}\n", outcome.held_to,
                 outcome.breaks_first, outcome.why);
    }
    fmt::print("{}: {}\n", outcome.ready() ? "Ready" : "Not ready", html.string());
  }
  return outcome.ready() ? Exit::done : Exit::refused;
}

}  // namespace

void add_drill(Commands& commands) {
  auto arguments = std::make_shared<DrillArguments>();
  CLI::App* command =
      commands.app.add_subcommand("drill", "Plays a crisis from a file and reports what held");
  command->add_option("file", arguments->file, "country/az/drills/NAME.yaml")->required();
  command->add_option(
      "--copy", arguments->copy_of,
      "A data folder that stands still: the drill plays on a copy of it, not on fresh persons");
  command->add_option("--web", arguments->web, "Templates, texts and styles of the pages (web)");
  command->add_option("--out", arguments->out, "Where NAME.json and NAME.html are written (.)");
  command->footer(
      "Nothing that runs is touched: the drill starts a dayaqd of its own on a port of its own and ends it.\n"
      "Exit code 1: something that the file promises did not hold.\n\n"
      "Example:\n  dayaq drill country/az/drills/2020-replay.yaml --out /tmp/drill");
  command->callback([&commands, arguments] {
    commands.chosen = [arguments](const Settings& settings) { return run_drill(settings, *arguments); };
  });
}

}  // namespace dayaq::cli
