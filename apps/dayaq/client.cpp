// dayaq client: add, list, rotate, end. dayaq token: an access token for a program or a script.
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

constexpr std::size_t file_max = 64 << 10;

struct ClientArguments {
  std::string organisation, id, name, purpose, legal_ground, method = "client_secret_basic", keys_file;
  std::vector<std::string> scopes, redirects, grants;
  bool fapi = false;
  std::string secret_file;
};

std::string text_at(const json::value& value, std::string_view name) {
  const json::value* found = value.is_object() ? value.get_object().if_contains(name) : nullptr;
  if (found == nullptr || found->is_null()) return {};
  return found->is_string() ? std::string(found->get_string()) : json::serialize(*found);
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

void print_made(const json::value& client) {
  const std::string secret = text_at(client, "client_secret");
  if (secret.empty()) {
    fmt::print("{}\n", text_at(client, "client_id"));
    return;
  }
  fmt::print("{}\n", secret);
  fmt::print(stderr, "This is the secret of {}. It is shown only now: keep it where nobody else reads it.\n",
             text_at(client, "client_id"));
}

Result<Exit> add(const Settings& settings, const ClientArguments& arguments) {
  json::object body{{"organisation", arguments.organisation},
                    {"client_id", arguments.id},
                    {"client_name", arguments.name},
                    {"token_endpoint_auth_method", arguments.method},
                    {"scope", joined(arguments.scopes)}};
  if (!arguments.purpose.empty()) body["purpose"] = arguments.purpose;
  if (!arguments.legal_ground.empty()) body["legal_ground"] = arguments.legal_ground;
  if (!arguments.redirects.empty())
    body["redirect_uris"] = json::array(arguments.redirects.begin(), arguments.redirects.end());
  std::vector<std::string> grants = arguments.grants;
  if (grants.empty()) {
    grants.push_back(arguments.redirects.empty() ? "client_credentials" : "authorization_code");
    if (!arguments.redirects.empty()) grants.emplace_back("refresh_token");
  }
  body["grant_types"] = json::array(grants.begin(), grants.end());
  if (arguments.fapi) body["fapi"] = true;
  if (!arguments.keys_file.empty()) {
    DAYAQ_TRY(const std::string keys, read_file(arguments.keys_file, file_max));
    boost::system::error_code failed;
    body["jwks"] = json::parse(keys, failed);
    if (failed)
      return fail_field("cli.jwks", "--jwks", "This file isn't JSON. Give a JWK set of public keys.");
  }
  return run_call(settings, Method::post, "/v1/clients", json::serialize(body), "application/json",
                  print_made);
}

Result<Exit> list(const Settings& settings, const ClientArguments&) {
  return run_call(settings, Method::get, "/v1/clients", {}, {}, [](const json::value& answer) {
    fmt::print("{:<28} {:<24} {:<28} {}\n", "id", "organisation", "authentication", "scopes");
    const json::value* clients = answer.is_object() ? answer.get_object().if_contains("clients") : nullptr;
    for (const json::value& client : clients != nullptr ? clients->as_array() : json::array()) {
      fmt::print("{:<28} {:<24} {:<28} {}\n", text_at(client, "client_id"), text_at(client, "organisation"),
                 text_at(client, "token_endpoint_auth_method"), text_at(client, "scope"));
    }
  });
}

Result<Exit> rotate(const Settings& settings, const ClientArguments& arguments) {
  return run_call(settings, Method::post,
                  fmt::format("/v1/clients/{}/secret", http::percent_encode(arguments.id)), "{}",
                  "application/json", print_made);
}

Result<Exit> end(const Settings& settings, const ClientArguments& arguments) {
  return run_call(
      settings, Method::post, fmt::format("/v1/clients/{}/end", http::percent_encode(arguments.id)), "{}",
      "application/json", [&](const json::value&) { fmt::print("Client {} has ended.\n", arguments.id); });
}

Result<Exit> token(const Settings& settings, const ClientArguments& arguments) {
  std::string id = arguments.id, secret;
  if (arguments.secret_file.empty()) {
    DAYAQ_TRY(secret, key_text(settings));
    if (id.empty()) id = key_client_id(secret);
  } else {
    DAYAQ_TRY(secret, read_file(arguments.secret_file, file_max));
    while (!secret.empty() && (secret.back() == '\n' || secret.back() == ' ')) secret.pop_back();
  }
  if (id.empty())
    return fail_field("cli.client", "--client", "Name the client with --client, and its secret's file.");
  DAYAQ_TRY(const std::string server, server_url(settings));
  DAYAQ_TRY(http::Client client, http::Client::create(server));
  DAYAQ_TRY(const FetchedToken fetched, fetch_token(client, id, secret, joined(arguments.scopes)));
  fmt::print("{}\n", fetched.text);
  return Exit::done;
}

}  // namespace

void add_client(Commands& commands) {
  CLI::App* client = commands.app.add_subcommand(
      "client", "OAuth clients: an organisation's programs, and services that people sign in to");
  client->require_subcommand(1);
  auto arguments = std::make_shared<ClientArguments>();
  using Do = Result<Exit> (*)(const Settings&, const ClientArguments&);
  const auto choose = [&](CLI::App* command, const char* example, Do run) {
    command->footer(std::string("Example:\n  dayaq ") + example);
    command->callback([&commands, arguments, run] {
      commands.chosen = [arguments, run](const Settings& settings) { return run(settings, *arguments); };
    });
    return command;
  };
  CLI::App* made =
      choose(client->add_subcommand("add", "Registers a client and prints its secret once"),
             "client add lab-sync --organisation tabib --name 'Laboratory' --scope persons:read", add);
  made->add_option("id", arguments->id, "client_id: small letters, digits and hyphens")->required();
  made->add_option("--organisation", arguments->organisation, "Whose it is")->required();
  made->add_option("--name", arguments->name, "As people are told")->required();
  made->add_option("--purpose", arguments->purpose, "What for, as the consent page says it");
  made->add_option("--legal-ground", arguments->legal_ground, "The law or contract it asks by");
  made->add_option("--scope", arguments->scopes, "What it may ask for; several are allowed")->required();
  made->add_option("--redirect-uri", arguments->redirects, "Where people come back to; several are allowed");
  made->add_option("--grant", arguments->grants,
                   "grant_types (client_credentials; with a redirect URI authorization_code, refresh_token)");
  made->add_option("--authentication", arguments->method,
                   "client_secret_basic, client_secret_post, private_key_jwt or none (client_secret_basic)");
  made->add_option("--jwks", arguments->keys_file, "Its public keys, a file with a JWK set");
  made->add_flag("--fapi", arguments->fapi, "FAPI 2.0: PAR, DPoP and private_key_jwt, no less");
  choose(client->add_subcommand("list", "The clients of the key's organisation; all with admin"),
         "client list", list);
  choose(client->add_subcommand("rotate", "A new secret; the old one ends now"), "client rotate lab-sync",
         rotate)
      ->add_option("id", arguments->id, "client_id")
      ->required();
  choose(client->add_subcommand("end", "Ends a client and all that it was granted"), "client end lab-sync",
         end)
      ->add_option("id", arguments->id, "client_id")
      ->required();
  CLI::App* fetched =
      choose(commands.app.add_subcommand("token", "Fetches an access token and prints it: for scripts"),
             "token --client lab-sync --secret-file lab.secret --scope persons:read", token);
  fetched->add_option("--client", arguments->id, "client_id (the API key's own, key-N)");
  fetched->add_option("--secret-file", arguments->secret_file, "The client's secret (the API key of --key)");
  fetched->add_option("--scope", arguments->scopes, "What it is for; all that the client may, if left out");
}

}  // namespace dayaq::cli
