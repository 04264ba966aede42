// dayaq permit: verify, list, keys, rotate, withdraw.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>

#include "base/file.hpp"
#include "command.hpp"
#include "http/encoding.hpp"
#include "registry/country_pack.hpp"
#include "services/inspector/inspector.hpp"

namespace dayaq::cli {
namespace {

namespace inspector = services::inspector;
namespace json = boost::json;
namespace permit = services::permit;

constexpr std::size_t input_max = 8 << 20;

constexpr std::string_view zone_otherwise = "Asia/Baku";

struct PermitArguments {
  std::string text;  ///< "-": from standard input
  std::string list;  ///< file; "": of the node
  std::string keys;  ///< file with trusted keys
  std::string at;    ///< RFC 3339; "": now
  std::string zone;  ///< "": of the country pack
  std::string save;
  std::string key, reason;
};

/// One key a line: 64 hexadecimal digits, Ed25519. Empty lines and what follows # are passed over.
Result<permit::Keys> read_keys(const std::string& path) {
  permit::Keys keys;
  if (path.empty()) return keys;
  DAYAQ_TRY(const std::string text, read_file(path, 64 << 10));
  std::uint32_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    ++number;
    line = line.substr(0, line.find('#'));
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
    while (!line.empty() && blank(line.front())) line.remove_prefix(1);
    while (!line.empty() && blank(line.back())) line.remove_suffix(1);
    if (line.empty()) continue;
    const auto bytes = from_hex(line);
    auto key = bytes ? crypto::CoseKey::from_ed25519(*bytes)
                     : Result<crypto::CoseKey>(fail(ErrorKind::invalid_input, "cose.key", ""));
    if (!key) {
      auto error =
          fail(ErrorKind::invalid_input, "cli.permit_key",
               fmt::format("Line {} of {} is not a public key of 64 hexadecimal digits.", number, path));
      error.error().line = number;
      return error;
    }
    keys.add(std::move(*key));
  }
  if (keys.all().empty()) {
    return fail(ErrorKind::invalid_input, "cli.permit_key", fmt::format("There is no key in {}.", path));
  }
  return keys;
}

Result<std::string> list_bytes(const Settings& settings, const PermitArguments& arguments) {
  if (!arguments.list.empty()) return read_file(arguments.list, input_max);
  DAYAQ_TRY(const auto transport, connect(settings));
  DAYAQ_TRY(Reply reply, transport->call(http::Method::get, "/v1/permits/list"));
  if (!reply.ok()) {
    print_problem(reply);
    return fail(ErrorKind::unavailable, "cli.permit_list", "The node gave no list of permits.");
  }
  return std::move(reply.body);
}

Result<permit::List> read_list(const Settings& settings, const PermitArguments& arguments,
                               std::string* bytes) {
  DAYAQ_TRY(const permit::Keys trusted, read_keys(arguments.keys));
  DAYAQ_TRY(std::string content, list_bytes(settings, arguments));
  DAYAQ_TRY(permit::List list, permit::parse_list(as_bytes(content), trusted));
  if (bytes != nullptr) *bytes = std::move(content);
  return list;
}

/// A text that begins with DP1 starts a permit; lines that don't go on with the one before.
std::vector<std::string> permits_in(const std::string& text) {
  std::vector<std::string> permits;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string_view word = line.substr(line.find_first_not_of(" \t\r"));
    const bool begins = word.starts_with("DP1") || word.starts_with("dp1") || permits.empty();
    if (begins) permits.emplace_back();
    permits.back().append(line).append("\n");
  }
  return permits;
}

void print_inspection(const Settings& settings, const inspector::Inspection& found,
                      const permit::List& list) {
  const permit::Claims& claims = found.claims;
  const bool read = found.finding < inspector::Finding::unknown_key;
  const permit::Kind* kind = list.kind(claims.kind);
  const std::string name = kind != nullptr ? kind->name.in(Language::en) : std::string();
  if (settings.json) {
    fmt::print(R"({{"finding":"{}")", inspector::to_string(found.finding));
    if (read) {
      fmt::print(
          R"(,"subject":{},"id":"{:016x}","kind":{},"kind_name":{},"detail":{},"from":"{}","until":"{}")",
          http::json_string(claims.subject), claims.id, claims.kind, http::json_string(name),
          http::json_string(claims.detail), format_instant(claims.valid.from),
          format_instant(claims.valid.until));
    }
    fmt::print("}}\n");
    return;
  }
  fmt::print("{}", inspector::to_string(found.finding));
  if (read) {
    fmt::print("  {}  {}{}{}  {} to {}", claims.subject,
               name.empty() ? fmt::format("kind {}", claims.kind) : name, claims.detail.empty() ? "" : ": ",
               claims.detail, format_instant(claims.valid.from), format_instant(claims.valid.until));
  }
  fmt::print("\n");
}

/// In whose days "from another day" is meant. An inspector's machine may have no country pack.
Result<Zone> zone_of(const Settings& settings, const PermitArguments& arguments) {
  if (!arguments.zone.empty()) return Zone::create(arguments.zone);
  if (!std::filesystem::exists(settings.country / "country.yaml")) return Zone::create(zone_otherwise);
  DAYAQ_TRY(const registry::CountryPack country, registry::CountryPack::load(settings.country));
  return country.zone();
}

Result<Exit> verify(const Settings& settings, const PermitArguments& arguments) {
  DAYAQ_TRY(const permit::List list, read_list(settings, arguments, nullptr));
  Instant now = SystemClock().now();
  if (!arguments.at.empty()) {
    DAYAQ_TRY(now, parse_instant(arguments.at));
  }
  std::string text = arguments.text;
  if (text == "-") text.assign(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  if (text.size() > input_max) {
    return fail(ErrorKind::invalid_input, "cli.permit_input",
                "That is more than 8 MB of permits: give fewer at a time.");
  }
  if (now > list.next) {
    fmt::print(stderr, "The list is of {}: what was revoked since then isn't known.\n",
               format_instant(list.made));
  }
  DAYAQ_TRY(const Zone zone, zone_of(settings, arguments));
  const std::vector<std::string> permits = permits_in(text);
  bool good = !permits.empty();
  for (const std::string& one : permits) {
    const inspector::Inspection found = inspector::inspect(one, list, zone, now);
    print_inspection(settings, found, list);
    good = good && found.finding == inspector::Finding::valid;
  }
  if (permits.empty()) print_inspection(settings, {}, list);
  return good ? Exit::done : Exit::refused;
}

Result<Exit> show_list(const Settings& settings, const PermitArguments& arguments) {
  std::string bytes;
  DAYAQ_TRY(const permit::List list, read_list(settings, arguments, &bytes));
  if (!arguments.save.empty()) DAYAQ_TRY_OK(write_file_atomically(arguments.save, as_bytes(bytes)));
  if (settings.json) {
    fmt::print(R"({{"made":"{}","next":"{}","revoked":{},"bytes":{},"keys":{},"kinds":{}}})"
               "\n",
               format_instant(list.made), format_instant(list.next), list.revoked.size(), bytes.size(),
               list.keys.all().size(), list.kinds.size());
    return Exit::done;
  }
  fmt::print("made {}, to be renewed by {}; {} revoked, {} bytes\n", format_instant(list.made),
             format_instant(list.next), number(std::int64_t(list.revoked.size())),
             number(std::int64_t(bytes.size())));
  for (const auto& [id, key] : list.keys.all())
    fmt::print("key {}  {}\n", to_hex(id), to_hex(permit::raw_key(key)));
  for (const Bytes& id : list.keys.withdrawn()) fmt::print("key {}  withdrawn\n", to_hex(id));
  for (const permit::Kind& kind : list.kinds) {
    fmt::print(
        "kind {}  {}{}\n", kind.number, kind.name.in(Language::en),
        kind.void_before == instant_min ? "" : "; void if begun before " + format_instant(kind.void_before));
  }
  return Exit::done;
}

std::string text_at(const json::value& value, std::string_view name) {
  const json::value* found = value.is_object() ? value.get_object().if_contains(name) : nullptr;
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

void print_key(const json::value& key) {
  const std::string state = text_at(key, "state");
  std::string when;
  if (state == "scheduled") when = "signs from " + text_at(key, "active_from");
  if (state == "current") when = "since " + text_at(key, "active_from");
  if (state == "standby") when = "announced since " + text_at(key, "created");
  if (state == "withdrawn") when = "on " + text_at(key, "withdrawn");
  if (state == "retired" || state == "past") {
    const std::string last = text_at(key, "last_permit_ends");
    when = last.empty() ? "on " + text_at(key, "retired") : "its last permit ends " + last;
  }
  fmt::print("{}  {:<9}  {}  {}\n", text_at(key, "key"), state, text_at(key, "public_key"), when);
}

Result<Exit> show_keys(const Settings& settings, const PermitArguments&) {
  return run_call(settings, http::Method::get, "/v1/permits/keys", {}, {}, [](const json::value& answer) {
    const json::value* keys = answer.is_object() ? answer.get_object().if_contains("keys") : nullptr;
    for (const json::value& key : keys != nullptr ? keys->as_array() : json::array()) print_key(key);
    const std::string next = text_at(answer, "next_rotation");
    const json::value* days = answer.is_object() ? answer.get_object().if_contains("rotation_days") : nullptr;
    const bool by_itself = days != nullptr && days->is_number() && days->to_number<double>() > 0;
    if (by_itself) fmt::print("a key signs for {:g} days; ", days->to_number<double>());
    fmt::print("{}\n",
               next.empty() ? "the next one signs when somebody rotates" : "the next one signs from " + next);
  });
}

Result<Exit> rotate_key(const Settings& settings, const PermitArguments&) {
  return run_call(settings, http::Method::post, "/v1/permits/keys/rotate", "{}", "application/json",
                  print_key);
}

Result<Exit> withdraw_key(const Settings& settings, const PermitArguments& arguments) {
  return run_call(settings, http::Method::post, fmt::format("/v1/permits/keys/{}/withdraw", arguments.key),
                  json::serialize(json::object{{"reason", arguments.reason}}), "application/json", print_key);
}

/// The keys' own commands.
void add_key_commands(Commands& commands, CLI::App& permit_command,
                      const std::shared_ptr<PermitArguments>& arguments) {
  using Do = Result<Exit> (*)(const Settings&, const PermitArguments&);
  const auto add = [&](const char* name, const char* what, const char* footer, Do run) {
    CLI::App* command = permit_command.add_subcommand(name, what);
    command->footer(footer);
    command->callback([&commands, arguments, run] {
      commands.chosen = [arguments, run](const Settings& settings) { return run(settings, *arguments); };
    });
    return command;
  };
  add("keys", "The keys that sign permits: standing by, current, retired, withdrawn",
      "Example:\n  dayaq permit keys", show_keys);
  add("rotate", "The standby key signs permits as soon as inspectors' devices know it",
      "A node does so by itself once a year, or as often as dayaq.yaml says (permit_keys: {rotate_days: "
      "365}; "
      "0: never).\nA key is in the list of keys for 48 hours before it signs, so that devices which are "
      "offline know it. "
      "The one "
      "before it\nstays in the list until the last permit that it signed has ended.\n\n"
      "Example:\n  dayaq permit rotate",
      rotate_key);
  CLI::App* withdraw =
      add("withdraw", "What a key has signed counts for nothing from here on",
          "For a key that may be in wrong hands. The next one signs at once; live permits are signed again "
          "by it, "
          "and whoever\nhas one is told. Devices learn of it with their next list.\n\n"
          "Example:\n  dayaq permit withdraw 21fe31df --reason 'a copy of the backup was found in the open'",
          withdraw_key);
  withdraw->add_option("key", arguments->key, "The key's id: 8 hexadecimal digits")->required();
  withdraw->add_option("--reason", arguments->reason, "Why, in words; kept in the audit log")->required();
}

}  // namespace

void add_permit(Commands& commands) {
  CLI::App* permit_command = commands.app.add_subcommand("permit", "Permits as inspectors see them");
  permit_command->require_subcommand(1);
  auto arguments = std::make_shared<PermitArguments>();
  const auto add_common = [&](CLI::App* command) {
    command->add_option("--list", arguments->list,
                        "A file with the list of keys and revoked permits, instead of asking the node");
    command->add_option("--keys", arguments->keys,
                        "A file with the keys that may sign the list, one a line; without it the list's own");
  };

  CLI::App* verify_command = permit_command->add_subcommand("verify", "Says whether permits are valid");
  verify_command->add_option("text", arguments->text, "The text of a permit, or - for many on standard input")
      ->required();
  add_common(verify_command);
  verify_command->add_option("--at", arguments->at, "At that time instead of now: 2026-11-21T08:00:00Z");
  verify_command->add_option(
      "--zone", arguments->zone,
      fmt::format("The country's time zone, for what is from another day (that of --country, else {})",
                  zone_otherwise));
  verify_command->footer(
      "Examples:\n  dayaq permit verify DP1.If4x36UC...\n  dayaq permit verify --list permits.list - < "
      "texts\n\n"
      "Exit codes: 0 all are valid, 1 one isn't (or the list isn't good), 2 wrong command line, 3 server not "
      "reached.");
  verify_command->callback([&commands, arguments] {
    commands.chosen = [arguments](const Settings& settings) { return verify(settings, *arguments); };
  });

  CLI::App* list_command = permit_command->add_subcommand("list", "Shows the list, or keeps it for later");
  add_common(list_command);
  list_command->add_option("--save", arguments->save,
                           "Writes the list to a file, for --list without a network");
  list_command->footer("Example:\n  dayaq permit list --save permits.list");
  list_command->callback([&commands, arguments] {
    commands.chosen = [arguments](const Settings& settings) { return show_list(settings, *arguments); };
  });
  add_key_commands(commands, *permit_command, arguments);
}

}  // namespace dayaq::cli
