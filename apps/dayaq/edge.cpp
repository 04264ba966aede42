// dayaq edge: enrol, list, end.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/file.hpp"
#include "command.hpp"
#include "crypto/sign.hpp"
#include "edge_file.hpp"
#include "feed/edge_client.hpp"
#include "http/encoding.hpp"

namespace dayaq::cli {
namespace {

namespace json = boost::json;
using http::Method;

constexpr auto owner_only = std::filesystem::perms(0600);

struct EdgeArguments {
  std::string provider;
  std::string name;
  std::filesystem::path out;
  std::string line = "mobile";
  std::string centre;
  std::string url;
  int number = 0;
  int port = 8090;
};

std::string text_at(const json::value& value, std::string_view name) {
  const json::value* found = value.is_object() ? value.get_object().if_contains(name) : nullptr;
  if (found == nullptr || found->is_null()) return {};
  return found->is_string() ? std::string(found->get_string()) : json::serialize(*found);
}
int number_at(const json::value& value, std::string_view name) {
  const json::value* found = value.is_object() ? value.get_object().if_contains(name) : nullptr;
  return found != nullptr && found->is_int64() ? static_cast<int>(found->get_int64()) : 0;
}
const json::array& list_at(const json::value& value, std::string_view name) {
  static const json::array none;
  const json::value* found = value.is_object() ? value.get_object().if_contains(name) : nullptr;
  return found != nullptr && found->is_array() ? found->get_array() : none;
}

Result<json::value> parse_answer(const Reply& reply) {
  boost::system::error_code failed;
  json::value answer = json::parse(reply.body, failed);
  if (!failed) return answer;
  return fail(ErrorKind::unavailable, "cli.answer", "The server's answer can't be read.", failed.message());
}

/// The folder, with a fresh key in it. An edge's key is never written over: its settlements hang on it.
Result<crypto::SigningKey> make_key(const std::filesystem::path& folder) {
  if (std::filesystem::exists(folder / "edge.key")) {
    return fail(ErrorKind::conflict, "cli.edge_exists",
                fmt::format("There is an edge in {} already. Choose another folder.", folder.string()));
  }
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) {
    return fail(ErrorKind::unavailable, "file.write",
                fmt::format("The folder {} can't be made: {}.", folder.string(), failed.message()));
  }
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failed);
  SystemRandom random;
  crypto::SigningKey key = crypto::SigningKey::generate(random);
  DAYAQ_TRY_OK(write_file_atomically(folder / "edge.key", as_bytes(key.to_pem()), owner_only));
  return key;
}

/// Where the centre is for an edge, if nobody said: the address of the dayaqd that serves the data folder.
std::string centre_url(const Settings& settings, const EdgeArguments& arguments) {
  if (!arguments.centre.empty()) return arguments.centre;
  if (!settings.server.empty()) return settings.server;
  auto url = read_file(settings.data / "dayaqd.url", 4096);
  if (!url) return "http://localhost:8080";
  while (!url->empty() && url->back() == '\n') url->pop_back();
  return std::move(*url);
}

/// What one operator's edges show each other: all have the feed key, and nobody else has.
std::string sibling_token(const Bytes& feed_key) {
  return to_hex(crypto::sha256(as_bytes("dayaq siblings of one operator\n"), feed_key));
}

Result<void> write_files(const std::filesystem::path& folder, const json::value& enrolled, EdgeFile file) {
  DAYAQ_TRY(const Bytes feed_key, from_base64(text_at(enrolled, "feed_key")));
  DAYAQ_TRY(const Bytes centre_key, from_base64(text_at(enrolled, "centre_key")));
  std::array<std::byte, 32> own{};
  SystemRandom().fill(own);
  const std::string siblings = sibling_token(feed_key);
  const std::pair<const char*, std::string> secrets[] = {
      {"feed.key", to_hex(feed_key) + "\n"},
      {"siblings.token", siblings + "\n"},
      {"http.token", to_base64url(own) + "\n" + siblings + "\n"}};
  for (const auto& [name, text] : secrets) {
    DAYAQ_TRY_OK(write_file_atomically(folder / name, as_bytes(text), owner_only));
  }
  DAYAQ_TRY_OK(write_file_atomically(folder / "centre.pub", as_bytes(to_hex(centre_key) + "\n")));
  file.operator_code = text_at(enrolled, "operator");
  file.name = text_at(enrolled, "name");
  file.number = number_at(enrolled, "number");
  file.zone = text_at(enrolled, "zone");
  for (const json::value& each : list_at(enrolled, "siblings")) {
    file.siblings.push_back(
        {.name = text_at(each, "name"), .number = number_at(each, "number"), .url = text_at(each, "url")});
  }
  return write_file_atomically(folder / "edge.yaml", as_bytes(edge_yaml(file)));
}

Result<void> read_classes(Transport& transport, EdgeFile& file) {
  DAYAQ_TRY(const Reply reply, transport.call(Method::get, "/v1/traffic-classes"));
  DAYAQ_TRY(const json::value answer, parse_answer(reply));
  for (const json::value& each : list_at(answer, "traffic_classes")) {
    const bool tv = each.is_object() && each.get_object().contains("channels");
    if (tv)
      file.packages.push_back(text_at(each, "code"));
    else if (text_at(each, "everything") != "true")
      file.traffic_classes.push_back(text_at(each, "code"));
  }
  return {};
}

Result<Exit> enrol(const Settings& settings, const EdgeArguments& arguments) {
  EdgeFile file{.line = arguments.line,
                .centre_url = centre_url(settings, arguments),
                .http_port = arguments.port,
                .traffic_classes = {},
                .packages = {},
                .siblings = {}};
  DAYAQ_TRY(const auto transport, connect(settings));
  DAYAQ_TRY_OK(read_classes(*transport, file));
  DAYAQ_TRY(const crypto::SigningKey key, make_key(arguments.out));
  auto client = feed::EdgeClient::make(arguments.provider, arguments.name);
  json::object body{{"operator", arguments.provider},
                    {"name", arguments.name},
                    {"public_key", to_base64(key.public_key())},
                    {"client_key", to_base64(client.public_key())}};
  if (!arguments.url.empty()) body["url"] = arguments.url;
  if (arguments.number != 0) body["number"] = arguments.number;
  const auto reply = transport->call(Method::post, "/v1/edges", json::serialize(body));
  if (!reply || !reply->ok()) {
    std::error_code gone;
    std::filesystem::remove(arguments.out / "edge.key", gone);  // nobody knows of it
    if (!reply) return std::unexpected(reply.error());
    print_problem(*reply);
    return Exit::refused;
  }
  DAYAQ_TRY(const json::value enrolled, parse_answer(*reply));
  const std::size_t siblings = list_at(enrolled, "siblings").size();
  client.id = text_at(enrolled, "client_id");
  auto written = client.write(arguments.out / "client.jwk");
  if (written) written = write_files(arguments.out, enrolled, std::move(file));
  if (!written) {
    fmt::print(stderr,
               "The edge is enrolled, but its files are not all there. End it and enrol another: dayaq edge "
               "end --operator {} {}\n",
               arguments.provider, arguments.name);
    return std::unexpected(written.error());
  }
  if (settings.json) {
    json::object shown = enrolled.as_object();
    shown.erase("feed_key");  // it is in its file
    fmt::print("{}\n", json::serialize(shown));
  } else {
    fmt::print("{} is edge {} of {}. Its keys and edge.yaml are in {}.\n", arguments.name,
               number_at(enrolled, "number"), arguments.provider, arguments.out.string());
  }
  fmt::print(stderr, "Look through {0}, then: dayaq-edge --config {0}\n",
             (arguments.out / "edge.yaml").string());
  if (siblings > 0) {
    fmt::print(stderr,
               "List {} under `siblings` in the other {} edges' files too, and set `edges: {}` there.\n",
               arguments.name, siblings, siblings + 1);
  }
  return Exit::done;
}

Result<Exit> list(const Settings& settings, const EdgeArguments&) {
  return run_call(settings, Method::get, "/v1/edges", {}, {}, [](const json::value& answer) {
    fmt::print("{:<16} {:<16} {:>2}  {:<8} {:>12} {:>8} {:>10}  {}\n", "operator", "name", "no", "state",
               "applied", "behind", "seconds", "heard");
    for (const json::value& edge : list_at(answer, "edges")) {
      const bool ended = !text_at(edge, "ended").empty();
      const std::string heard = text_at(edge, "heard");
      const char* state = ended ? "ended" : text_at(edge, "silent") == "true" ? "silent" : "live";
      const json::value* seconds = edge.as_object().if_contains("seconds_behind");
      fmt::print("{:<16} {:<16} {:>2}  {:<8} {:>12} {:>8} {:>10.1f}  {}\n", text_at(edge, "operator"),
                 text_at(edge, "name"), text_at(edge, "number"), state, text_at(edge, "applied"),
                 text_at(edge, "lines_behind"), seconds == nullptr ? 0.0 : seconds->to_number<double>(),
                 heard.empty() ? "never" : heard);
    }
  });
}

Result<Exit> end(const Settings& settings, const EdgeArguments& arguments) {
  return run_call(settings, Method::post, "/v1/edges/" + http::percent_encode(arguments.name) + "/end",
                  json::serialize(json::object{{"operator", arguments.provider}}), "application/json",
                  [&](const json::value&) {
                    fmt::print("{} of {} has ended, and its client with it.\n", arguments.name,
                               arguments.provider);
                  });
}

}  // namespace

void add_edge(Commands& commands) {
  CLI::App* edge =
      commands.app.add_subcommand("edge", "The operators' edges: enrol, list with how far each is, end");
  edge->require_subcommand(1);
  auto arguments = std::make_shared<EdgeArguments>();
  using Do = Result<Exit> (*)(const Settings&, const EdgeArguments&);
  const auto add = [&](const char* name, const char* what, const char* example, Do run) {
    CLI::App* command = edge->add_subcommand(name, what);
    command->footer(std::string("Example:\n  dayaq edge ") + example);
    command->callback([&commands, arguments, run] {
      commands.chosen = [arguments, run](const Settings& settings) { return run(settings, *arguments); };
    });
    return command;
  };
  CLI::App* enrol_command = add(
      "enrol", "Makes an edge's keys, enrols it and writes its folder",
      "enrol --operator azercell --name baku-1 --out /etc/dayaq-edge --centre https://centre.example", enrol);
  enrol_command->add_option("--operator", arguments->provider, "The operator's code")->required();
  enrol_command->add_option("--name", arguments->name, "The edge's name, such as baku-1, never used before")
      ->required();
  enrol_command->add_option("--out", arguments->out, "The folder for its keys and edge.yaml")->required();
  enrol_command->add_option("--line", arguments->line, "What its subscribers are: mobile, fixed, tv (mobile)")
      ->check(CLI::IsMember({"mobile", "fixed", "tv"}));
  enrol_command->add_option("--centre", arguments->centre,
                            "Where the edge reaches the centre (the dayaqd that serves the data folder)");
  enrol_command->add_option("--url", arguments->url, "Where the operator's other edges reach this one");
  enrol_command->add_option("--number", arguments->number, "1 to 16 among the operator's (the lowest free)")
      ->check(CLI::Range(1, 16));
  enrol_command->add_option("--port", arguments->port, "Of its decision API and page (8090)")
      ->check(CLI::Range(0, 65535));
  add("list", "All edges, with what each has applied and when it was heard", "list", list);
  CLI::App* end_command =
      add("end", "Ends an edge and its client now", "end --operator azercell baku-1", end);
  end_command->add_option("--operator", arguments->provider, "The operator's code")->required();
  end_command->add_option("name", arguments->name, "The edge's name")->required();
}

}  // namespace dayaq::cli
