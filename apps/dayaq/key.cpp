// dayaq key: create, list, rotate, revoke.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "command.hpp"
#include "http/encoding.hpp"

namespace dayaq::cli {
namespace {

namespace json = boost::json;
using http::Method;

struct KeyArguments {
  std::string organisation;
  std::string name;
  std::vector<std::string> scopes;
  std::string expires;
  std::uint64_t id = 0;
  std::uint64_t grace_s = 3600;
};

std::string text_at(const json::value& value, std::string_view name) {
  const json::value* found = value.is_object() ? value.get_object().if_contains(name) : nullptr;
  if (found == nullptr || found->is_null()) return {};
  return found->is_string() ? std::string(found->get_string()) : json::serialize(*found);
}

void print_issued(const json::value& answer) {
  fmt::print("{}\n", text_at(answer, "token"));
  fmt::print(stderr, "This is key {}. It is shown only now: keep it where nobody else reads it.\n",
             text_at(answer, "key"));
}

Result<Exit> create(const Settings& settings, const KeyArguments& arguments) {
  json::object body{{"organisation", arguments.organisation}, {"name", arguments.name}};
  body["scopes"] = json::array(arguments.scopes.begin(), arguments.scopes.end());
  if (!arguments.expires.empty()) body["expires"] = arguments.expires;
  return run_call(settings, Method::post, "/v1/keys", json::serialize(body), "application/json",
                  print_issued);
}

Result<Exit> list(const Settings& settings, const KeyArguments&) {
  return run_call(settings, Method::get, "/v1/keys", {}, {}, [](const json::value& answer) {
    fmt::print("{:>6}  {:<24} {:<24} {:<10} {}\n", "id", "organisation", "name", "state", "scopes");
    const json::value* keys = answer.is_object() ? answer.get_object().if_contains("keys") : nullptr;
    for (const json::value& key : keys != nullptr ? keys->as_array() : json::array()) {
      const bool ended = !text_at(key, "revoked").empty();
      fmt::print("{:>6}  {:<24} {:<24} {:<10} {}\n", text_at(key, "key"), text_at(key, "organisation"),
                 text_at(key, "name"), ended ? "revoked" : "live", text_at(key, "scopes"));
    }
  });
}

Result<Exit> rotate(const Settings& settings, const KeyArguments& arguments) {
  return run_call(settings, Method::post, fmt::format("/v1/keys/{}/rotate", arguments.id),
                  fmt::format(R"({{"grace_s":{}}})", arguments.grace_s), "application/json", print_issued);
}

Result<Exit> revoke(const Settings& settings, const KeyArguments& arguments) {
  return run_call(settings, Method::post, fmt::format("/v1/keys/{}/revoke", arguments.id), "{}",
                  "application/json",
                  [&](const json::value&) { fmt::print("Key {} has ended.\n", arguments.id); });
}

}  // namespace

void add_key(Commands& commands) {
  CLI::App* key =
      commands.app.add_subcommand("key", "API keys of organisations: create, list, rotate, revoke");
  key->require_subcommand(1);
  auto arguments = std::make_shared<KeyArguments>();
  using Do = Result<Exit> (*)(const Settings&, const KeyArguments&);
  const auto add = [&](const char* name, const char* what, const char* example, Do run) {
    CLI::App* command = key->add_subcommand(name, what);
    command->footer(std::string("Example:\n  dayaq key ") + example);
    command->callback([&commands, arguments, run] {
      commands.chosen = [arguments, run](const Settings& settings) { return run(settings, *arguments); };
    });
    return command;
  };
  CLI::App* create_command =
      add("create", "Makes a key and prints it once",
          "create baku-city-hospital --name 'ward system' --scope attestations:write", create);
  create_command->add_option("organisation", arguments->organisation, "The organisation's code")->required();
  create_command->add_option("--name", arguments->name, "What it is for, for people")->required();
  create_command->add_option("--scope", arguments->scopes, "What it may do; several are allowed")->required();
  create_command->add_option("--expires", arguments->expires, "When it ends by itself (never)");
  add("list", "All keys, ended ones too", "list", list);
  CLI::App* rotate_command = add("rotate", "Makes a new key with the same rights; the old one ends",
                                 "rotate 7 --grace 86400", rotate);
  rotate_command->add_option("id", arguments->id, "The key's number")->required();
  rotate_command->add_option("--grace", arguments->grace_s,
                             "Seconds for which the old key still works (3600)");
  CLI::App* revoke_command = add("revoke", "Ends a key now", "revoke 7", revoke);
  revoke_command->add_option("id", arguments->id, "The key's number")->required();
}

}  // namespace dayaq::cli
