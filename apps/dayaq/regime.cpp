// dayaq regime: check, preview, submit, approve, amend, end, list, show.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/file.hpp"
#include "command.hpp"
#include "http/encoding.hpp"

namespace dayaq::cli {
namespace {

namespace json = boost::json;
using http::Method;

constexpr std::string_view yaml = "application/yaml";

struct RegimeArguments {
  std::string file;
  std::string code;
  int version = 0;
  std::string at;
};

std::string text_at(const json::value& value, std::string_view pointer) {
  boost::system::error_code missing;
  const json::value* found = value.find_pointer(pointer, missing);
  if (found == nullptr) return {};
  return found->is_string() ? std::string(found->get_string()) : json::serialize(*found);
}

void print_version(const json::value& version) {
  fmt::print("{} version {}: {}, {}\n", text_at(version, "/code"), text_at(version, "/version"),
             text_at(version, "/standing"), text_at(version, "/title/en"));
  fmt::print("  law from {} until {}\n", text_at(version, "/in_force/from"),
             text_at(version, "/in_force/until"));
}

void print_checked(const json::value& answer) {
  boost::system::error_code missing;
  if (const json::value* regime = answer.find_pointer("/regime", missing)) print_version(*regime);
  if (const json::value* notices = answer.find_pointer("/notices", missing);
      notices != nullptr && notices->is_array()) {
    for (const json::value& notice : notices->get_array()) {
      if (notice.is_string()) fmt::print("  note: {}\n", std::string_view(notice.get_string()));
    }
  }
}

void print_list(const json::value& answer) {
  boost::system::error_code missing;
  if (const json::value* regimes = answer.find_pointer("/regimes", missing);
      regimes != nullptr && regimes->is_array()) {
    for (const json::value& version : regimes->get_array()) print_version(version);
  }
}

std::int64_t number_at(const json::value& value, std::string_view pointer) {
  boost::system::error_code missing;
  const json::value* found = value.find_pointer(pointer, missing);
  return found != nullptr && found->is_number() ? found->to_number<std::int64_t>() : 0;
}

void print_reach(std::string_view name, const json::value& reach) {
  fmt::print("{:<44} {:>14} {:>14} {:>20} {:>13} {:>13}\n", name, number(number_at(reach, "/persons")),
             number(number_at(reach, "/lines")), money(number_at(reach, "/cost_qepik")),
             "+" + number(number_at(reach, "/gained")), "-" + number(number_at(reach, "/lost")));
}

void print_preview(const json::value& preview) {
  fmt::print("as of {}; nothing is stored\n", text_at(preview, "/at"));
  fmt::print("{:<44} {:>14} {:>14} {:>20} {:>13} {:>13}\n", "measure", "persons", "lines", "AZN a month",
             "gained", "lost");
  boost::system::error_code missing;
  if (const json::value* measures = preview.find_pointer("/measures", missing);
      measures && measures->is_array()) {
    for (const json::value& measure : measures->get_array()) {
      if (const json::value* total = measure.find_pointer("/total", missing))
        print_reach(text_at(measure, "/code"), *total);
    }
  }
  if (const json::value* any = preview.find_pointer("/any", missing)) print_reach("anything at all", *any);
}

Result<Exit> send_file(const Settings& settings, const std::string& target, const std::string& file,
                       void (*print)(const json::value&)) {
  DAYAQ_TRY(const std::string text, read_file(file, 1 << 20));
  return run_call(settings, Method::post, target, text, yaml, print, file);
}

/// The newest version that waits for approval.
Result<int> waiting_version(const Settings& settings, const std::string& code) {
  DAYAQ_TRY(const auto transport, connect(settings));
  DAYAQ_TRY(const Reply reply,
            transport->call(Method::get, "/v1/regimes/" + http::percent_encode(code) + "/versions"));
  boost::system::error_code failed;
  const json::value answer = json::parse(reply.body, failed);
  int newest = 0;
  if (reply.ok() && !failed) {
    boost::system::error_code missing;
    const json::value* regimes = answer.find_pointer("/regimes", missing);
    for (const json::value& version : regimes != nullptr ? regimes->as_array() : json::array()) {
      if (text_at(version, "/standing") == "submitted")
        newest = static_cast<int>(number_at(version, "/version"));
    }
  }
  if (newest == 0) {
    return fail(
        ErrorKind::not_found, "cli.nothing_waits",
        fmt::format("Nothing of {} waits for approval. Look at: dayaq regime versions {}", code, code));
  }
  return newest;
}

Result<Exit> approve(const Settings& given, const RegimeArguments& arguments) {
  const Settings settings = given.with_key("@official-2");
  int version = arguments.version;
  if (version == 0) {
    DAYAQ_TRY(version, waiting_version(settings, arguments.code));
  }
  return run_call(settings, Method::post, "/v1/regimes/" + http::percent_encode(arguments.code) + "/approve",
                  fmt::format(R"({{"version":{}}})", version), "application/json", print_version);
}

Result<Exit> amend(const Settings& settings, const RegimeArguments& arguments) {
  DAYAQ_TRY(const std::string text, read_file(arguments.file, 1 << 20));
  return run_call(settings.with_key("@official-1"), Method::post,
                  "/v1/regimes/" + http::percent_encode(arguments.code) + "/amend", text, yaml, print_checked,
                  arguments.file);
}

Result<Exit> end(const Settings& settings, const RegimeArguments& arguments) {
  const std::string body =
      arguments.at.empty() ? "{}" : fmt::format(R"({{"at":{}}})", http::json_string(arguments.at));
  return run_call(settings.with_key("@official-1"), Method::post,
                  "/v1/regimes/" + http::percent_encode(arguments.code) + "/end", body, "application/json",
                  print_version);
}

using Do = Result<Exit> (*)(const Settings&, const RegimeArguments&);

}  // namespace

void add_regime(Commands& commands) {
  CLI::App* regime =
      commands.app.add_subcommand("regime", "Regimes: check, preview, submit, approve, amend, end");
  regime->require_subcommand(1);
  auto arguments = std::make_shared<RegimeArguments>();
  const auto add = [&](const char* name, const char* what, const char* example, Do run) {
    CLI::App* command = regime->add_subcommand(name, what);
    command->footer(std::string("Example:\n  dayaq regime ") + example);
    command->callback([&commands, arguments, run] {
      commands.chosen = [arguments, run](const Settings& settings) { return run(settings, *arguments); };
    });
    return command;
  };
  const auto file = [&](CLI::App* command) {
    command->add_option("file", arguments->file, "The regime file (YAML)")->required();
  };
  const auto code = [&](CLI::App* command) {
    command->add_option("code", arguments->code, "The regime's code")->required();
  };

  file(add("check", "Checks a file: every error with line, column and field", "check special-quarantine.yaml",
           [](const Settings& s, const RegimeArguments& a) {
             return send_file(s, "/v1/regimes/check", a.file, print_checked);
           }));
  file(add("preview", "Whom a draft would reach and what it would cost, beside what is in force",
           "preview special-quarantine.yaml", [](const Settings& s, const RegimeArguments& a) {
             return send_file(s, "/v1/previews", a.file, print_preview);
           }));
  file(add("submit", "Submits a new regime for approval by a second official",
           "submit special-quarantine.yaml", [](const Settings& s, const RegimeArguments& a) {
             return send_file(s.with_key("@official-1"), "/v1/regimes", a.file, print_checked);
           }));
  CLI::App* approve_command = add("approve", "Approves what another official submitted",
                                  "approve special-quarantine --key @official-2", approve);
  code(approve_command);
  approve_command->add_option("--version", arguments->version, "The version (the one that waits)");
  CLI::App* amend_command =
      add("amend", "Submits a new version of a regime", "amend special-quarantine changed.yaml", amend);
  code(amend_command);
  file(amend_command);
  CLI::App* end_command = add("end", "Ends a regime, now or at a moment to come",
                              "end special-quarantine --at 2026-12-31T20:00:00Z", end);
  code(end_command);
  end_command->add_option("--at", arguments->at, "When (now)");
  add("list", "All regimes that are, were or will be law", "list",
      [](const Settings& s, const RegimeArguments&) {
        return run_call(s, Method::get, "/v1/regimes", {}, {}, print_list);
      });
  code(add("versions", "All versions of a regime, those that wait too", "versions special-quarantine",
           [](const Settings& s, const RegimeArguments& a) {
             return run_call(s, Method::get, "/v1/regimes/" + http::percent_encode(a.code) + "/versions", {},
                             {}, print_list);
           }));
}

}  // namespace dayaq::cli
