// dayaq service: check, preview, submit, publish, suspend, resume, list, versions.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <vector>

#include "base/file.hpp"
#include "command.hpp"
#include "http/encoding.hpp"

namespace dayaq::cli {
namespace {

namespace json = boost::json;
using http::Method;

constexpr std::string_view yaml = "application/yaml";
constexpr std::size_t file_max = 1 << 20;
constexpr std::size_t places_shown = 10;

struct ServiceArguments {
  std::string file;
  std::string code;
  int version = 0;
  std::string az, en, ru;
};

std::string text_at(const json::value& value, std::string_view pointer) {
  boost::system::error_code missing;
  const json::value* found = value.find_pointer(pointer, missing);
  if (found == nullptr) return {};
  return found->is_string() ? std::string(found->get_string()) : json::serialize(*found);
}

std::int64_t number_at(const json::value& value, std::string_view pointer) {
  boost::system::error_code missing;
  const json::value* found = value.find_pointer(pointer, missing);
  return found != nullptr && found->is_number() ? found->to_number<std::int64_t>() : 0;
}

json::array list_at(const json::value& value, std::string_view pointer) {
  boost::system::error_code missing;
  const json::value* found = value.find_pointer(pointer, missing);
  return found != nullptr && found->is_array() ? found->get_array() : json::array();
}

void print_version(const json::value& version) {
  std::string channels;
  for (const json::value& channel : list_at(version, "/channels")) {
    if (channel.is_string()) channels += fmt::format(" {}", std::string_view(channel.get_string()));
  }
  fmt::print("{} version {}: {}, {}\n", text_at(version, "/code"), text_at(version, "/version"),
             text_at(version, "/state"), text_at(version, "/title/en"));
  fmt::print("  of {}, by{}; an answer within {} s\n", text_at(version, "/provider"), channels,
             number_at(version, "/promised_seconds"));
  const std::string because = text_at(version, "/suspended_because/en");
  if (!because.empty()) fmt::print("  suspended: {}\n", because);
}

void print_list(const json::value& answer) {
  for (const json::value& version : list_at(answer, "/services")) print_version(version);
}

void print_notices(const json::value& answer, const std::string& file) {
  const json::array notices = list_at(answer, "/notices");
  for (const json::value& notice : notices) {
    fmt::print("{}:{}:{}: {}: {}\n", file, number_at(notice, "/line"), number_at(notice, "/column"),
               text_at(notice, "/field"), text_at(notice, "/text"));
  }
  if (!notices.empty()) fmt::print("{} to look at; the file is right as it is\n", notices.size());
}

void print_may_apply(const json::value& answer) {
  boost::system::error_code missing;
  const json::value* counted = answer.find_pointer("/may_apply", missing);
  if (counted == nullptr) return;
  fmt::print("{} of {} persons may apply as of {}; nothing is stored\n",
             number(number_at(*counted, "/persons")), number(number_at(*counted, "/living")),
             text_at(*counted, "/at"));
  json::array places = list_at(*counted, "/by_place");
  std::ranges::sort(places, [](const json::value& a, const json::value& b) {
    return number_at(a, "/persons") > number_at(b, "/persons");
  });
  for (std::size_t i = 0; i < std::min(places.size(), places_shown); ++i) {
    fmt::print("  {:<8} {:>12} of {:>12}\n", text_at(places[i], "/code"),
               number(number_at(places[i], "/persons")), number(number_at(places[i], "/living")));
  }
  if (places.size() > places_shown)
    fmt::print("  and {} more places (--json has them all)\n", places.size() - places_shown);
}

Result<Exit> send_file(const Settings& settings, const std::string& target, const std::string& file) {
  DAYAQ_TRY(const std::string text, read_file(file, file_max));
  return run_call(
      settings, Method::post, target, text, yaml,
      [&](const json::value& answer) {
        boost::system::error_code missing;
        if (const json::value* service = answer.find_pointer("/service", missing)) print_version(*service);
        print_may_apply(answer);
        print_notices(answer, file);
      },
      file);
}

std::string path_of(const ServiceArguments& arguments, std::string_view more) {
  return fmt::format("/v1/services/{}{}", http::percent_encode(arguments.code), more);
}

/// The version that waits for publication.
Result<int> waiting_version(const Settings& settings, const ServiceArguments& arguments) {
  DAYAQ_TRY(const auto transport, connect(settings));
  DAYAQ_TRY(const Reply reply, transport->call(Method::get, path_of(arguments, "/versions")));
  boost::system::error_code failed;
  const json::value answer = json::parse(reply.body, failed);
  int newest = 0;
  if (reply.ok() && !failed) {
    for (const json::value& version : list_at(answer, "/services")) {
      if (text_at(version, "/state") == "submitted")
        newest = static_cast<int>(number_at(version, "/version"));
    }
  }
  if (newest == 0) {
    return fail(ErrorKind::not_found, "cli.nothing_waits",
                fmt::format("Nothing of {0} waits for publication. Look at: dayaq service versions {0}",
                            arguments.code));
  }
  return newest;
}

Result<Exit> publish(const Settings& given, const ServiceArguments& arguments) {
  const Settings settings = given.with_key("@official-2");
  int version = arguments.version;
  if (version == 0) {
    DAYAQ_TRY(version, waiting_version(settings, arguments));
  }
  return run_call(settings, Method::post, path_of(arguments, fmt::format("/versions/{}/publish", version)),
                  "{}", "application/json", print_version);
}

Result<Exit> suspend(const Settings& settings, const ServiceArguments& arguments) {
  json::object because{{"az", arguments.az}};
  if (!arguments.en.empty()) because["en"] = arguments.en;
  if (!arguments.ru.empty()) because["ru"] = arguments.ru;
  const json::object body{{"because", std::move(because)}};
  return run_call(settings.with_key("@official-1"), Method::post, path_of(arguments, "/suspend"),
                  json::serialize(body), "application/json", print_version);
}

using Do = Result<Exit> (*)(const Settings&, const ServiceArguments&);

}  // namespace

void add_service(Commands& commands) {
  CLI::App* service = commands.app.add_subcommand(
      "service", "E-services: check, preview, submit, publish, suspend, resume, list");
  service->require_subcommand(1);
  auto arguments = std::make_shared<ServiceArguments>();
  const auto add = [&](const char* name, const char* what, const char* example, Do run) {
    CLI::App* command = service->add_subcommand(name, what);
    command->footer(std::string("Example:\n  dayaq service ") + example);
    command->callback([&commands, arguments, run] {
      commands.chosen = [arguments, run](const Settings& settings) { return run(settings, *arguments); };
    });
    return command;
  };
  const auto file = [&](CLI::App* command) {
    command->add_option("file", arguments->file, "The service file (YAML)")->required();
  };
  const auto code = [&](CLI::App* command) {
    command->add_option("code", arguments->code, "The service's code")->required();
  };

  file(add("check", "Checks a file: every error with line, column and field, and its language",
           "check leaving-home.yaml", [](const Settings& s, const ServiceArguments& a) {
             return send_file(s, "/v1/services/check", a.file);
           }));
  file(add("preview", "Checks a file, and counts who may apply", "preview leaving-home.yaml",
           [](const Settings& s, const ServiceArguments& a) {
             return send_file(s, "/v1/services/preview", a.file);
           }));
  file(add("submit", "Submits a file for publication by a second official of its provider",
           "submit leaving-home.yaml", [](const Settings& s, const ServiceArguments& a) {
             return send_file(s.with_key("@official-1"), "/v1/services", a.file);
           }));
  CLI::App* publish_command = add("publish", "Publishes what another official submitted",
                                  "publish leaving-home --key @official-2", publish);
  code(publish_command);
  publish_command->add_option("--version", arguments->version, "The version (the one that waits)");
  CLI::App* suspend_command = add(
      "suspend", "Nobody applies until it is taken up again; running cases go on",
      "suspend leaving-home --because-az 'Texniki işlər gedir.' --because-en 'Works are going on.'", suspend);
  code(suspend_command);
  suspend_command->add_option("--because-az", arguments->az, "Why, to who wants to apply")->required();
  suspend_command->add_option("--because-en", arguments->en, "The same in English");
  suspend_command->add_option("--because-ru", arguments->ru, "The same in Russian");
  code(add("resume", "Takes a suspended service up again", "resume leaving-home",
           [](const Settings& s, const ServiceArguments& a) {
             return run_call(s.with_key("@official-1"), Method::post, path_of(a, "/resume"), "{}",
                             "application/json", print_version);
           }));
  add("list", "All services that are published", "list", [](const Settings& s, const ServiceArguments&) {
    return run_call(s, Method::get, "/v1/services", {}, {}, print_list);
  });
  code(add("versions", "All versions of a service, those that wait too", "versions leaving-home",
           [](const Settings& s, const ServiceArguments& a) {
             return run_call(s, Method::get, path_of(a, "/versions"), {}, {}, print_list);
           }));
}

}  // namespace dayaq::cli
