// dayaq grants: what a person is granted, and why.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "command.hpp"
#include "http/encoding.hpp"

namespace dayaq::cli {
namespace {

namespace json = boost::json;

struct GrantsArguments {
  std::string person;
  std::string at;
  std::string reason;
  std::string language = "en";
};

std::string text_at(const json::value& value, std::string_view pointer) {
  boost::system::error_code missing;
  const json::value* found = value.find_pointer(pointer, missing);
  if (found == nullptr || found->is_null()) return {};
  return found->is_string() ? std::string(found->get_string()) : json::serialize(*found);
}

void print_grants(const json::value& answer) {
  boost::system::error_code missing;
  const json::value* measures = answer.find_pointer("/measures", missing);
  for (const json::value& measure : measures != nullptr ? measures->as_array() : json::array()) {
    const bool granted = text_at(measure, "/granted") == "true";
    fmt::print("{} {:<40} {}\n", granted ? "yes" : "no ", text_at(measure, "/measure"),
               text_at(measure, "/explanation"));
  }
}

Result<Exit> grants(const Settings& settings, const GrantsArguments& arguments) {
  std::string target =
      fmt::format("/v1/persons/{}/grants?lang={}&reason={}", http::percent_encode(arguments.person),
                  arguments.language, http::percent_encode(arguments.reason));
  if (!arguments.at.empty()) target += "&at=" + http::percent_encode(arguments.at);
  return run_call(settings, http::Method::get, target, {}, {}, print_grants);
}

}  // namespace

void add_grants(Commands& commands) {
  auto arguments = std::make_shared<GrantsArguments>();
  CLI::App* command = commands.app.add_subcommand(
      "grants",
      "What a person is granted and why, now or at a past moment; the reading is entered in the log");
  command->add_option("person", arguments->person, "The national id")->required();
  command->add_option("--at", arguments->at, "A date or moment (now)");
  command->add_option("--reason", arguments->reason, "Why you look; the person can see it")->required();
  command->add_option("--lang", arguments->language, "az, en or ru (en)")
      ->check(CLI::IsMember({"az", "en", "ru"}));
  command->footer("Example:\n  dayaq grants 0AB12CD --at 2026-05-01 --reason 'complaint 1234'");
  command->callback([&commands, arguments] {
    commands.chosen = [arguments](const Settings& settings) { return grants(settings, *arguments); };
  });
}

}  // namespace dayaq::cli
