// dayaq-edge: answers an operator's network from the grants that the centre has told.
#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>

#include "base/file.hpp"
#include "base/log.hpp"
#include "edge.hpp"
#include "edge/centre_access.hpp"
#include "http/client.hpp"
#include "upgrade.hpp"

namespace dayaq::edge {
namespace {

struct Arguments {
  std::filesystem::path config;
  std::string log_level = "info";
  bool check = false, print_default = false, accept_restored = false, rotate_key = false;
  int inherit = -1;  ///< a socket to the process before
};

/// Signals are taken by the main thread alone, so that a stop is an ordinary return.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR2}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  return set;
}

void print_findings(const std::filesystem::path& file, const Errors& errors) {
  for (const Error& error : errors) {
    fmt::print(stderr, "{}{}{}: {}{} [{}]\n", file.string(),
               error.line == 0 ? "" : fmt::format(":{}", error.line),
               error.column == 0 ? "" : fmt::format(":{}", error.column),
               error.field.empty() ? "" : error.field + ": ", error.public_text, error.code);
  }
}

struct Loaded {
  web::Configuration configuration;
  web::Keys keys;
};

/// The file and the keys that it names; what is wrong with them is printed.
std::optional<Loaded> load(const std::filesystem::path& file) {
  const auto text = read_file(file, 1u << 20);
  if (!text) {
    print_findings(file, {text.error()});
    return std::nullopt;
  }
  std::error_code error;
  const auto folder = std::filesystem::absolute(file, error).parent_path();
  auto configuration = web::parse_configuration(*text, folder);
  if (!configuration) {
    print_findings(file, configuration.error());
    return std::nullopt;
  }
  auto keys = web::load_keys(*configuration);
  if (!keys) {
    print_findings(file, {keys.error()});
    return std::nullopt;
  }
  return Loaded{std::move(*configuration), std::move(*keys)};
}

/// Serves until it is told to stop or has given itself to the next process.
Result<void> serve(const Arguments& arguments, Loaded loaded, const sigset_t& signals, char** argv) {
  const SystemClock clock;
  DAYAQ_TRY(Inherited inherited, arguments.inherit < 0 ? Inherited() : take_inheritance(arguments.inherit));
  DAYAQ_TRY(auto edge, Edge::start(std::move(loaded.configuration), std::move(loaded.keys), clock,
                                   std::move(inherited)));
  const Edge::Ports ports = edge->ports();
  log::info("edge.serving", "serving",
            {{"http", ports.http},
             {"diameter", ports.diameter},
             {"radius_auth", ports.radius_auth},
             {"radius_acct", ports.radius_acct}});
  tell_systemd(fmt::format("READY=1\nMAINPID={}\n", ::getpid()));
  while (true) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal == SIGHUP) {
      if (auto again = load(arguments.config)) {
        edge->reload(again->configuration, std::move(again->keys));
      } else {
        log::warning("edge.reload_refused", "the file has faults; what was read before stays in force");
      }
      continue;
    }
    if (signal == SIGUSR2) {
      auto next = Successor::start(
          {argv[0], "--config", arguments.config.string(), "--log-level", arguments.log_level});
      if (!next) {
        log::error("edge.upgrade", "the next process can't be started; this one goes on", next.error());
        continue;
      }
      log::info("edge.upgrading", "handing over", {{"pid", next->pid()}});
      Inherited sockets = edge->hand_over();
      edge.reset();  // lets go of the data folder, which the next process waits for
      return give(*next, std::move(sockets));
    }
    log::info("edge.stopping", "stopping", {{"signal", signal}});
    tell_systemd("STOPPING=1\n");
    edge->stop();
    return {};
  }
}

/// Gives this edge's client another key, at the centre and in its file. A running edge goes on with it.
Result<void> rotate_key(const Loaded& loaded) {
  const web::CentreOptions& centre = loaded.configuration.centre;
  const auto client_file =
      centre.client_file.empty() ? centre.token_file.parent_path() / "client.jwk" : centre.client_file;
  SystemRandom random;
  const SystemClock clock;
  DAYAQ_TRY(auto client, http::Client::create(centre.url, {.tls_authority = centre.tls_authority}));
  DAYAQ_TRY_OK(change_client_key(
      client, {.client_file = centre.client_file, .token = loaded.keys.centre_token}, client_file,
      loaded.configuration.operator_code, loaded.configuration.name, random, clock));
  DAYAQ_TRY(const auto now, feed::EdgeClient::read(client_file));
  fmt::print("{}\n", now.id);
  if (centre.client_file.empty()) {
    fmt::print(
        stderr,
        "Write `client_file: {}` in place of token_file in edge.yaml, restart the edge, and end its API key: "
        "dayaq key revoke.\n",
        client_file.string());
  }
  return {};
}

int run(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("an operator's edge: answers the network from the grants that the centre has told");
  auto* config = app.add_option("--config", arguments.config, "The edge's file (edge.yaml)");
  app.add_flag("--check", arguments.check, "Only check the file and the keys that it names");
  app.add_flag("--print-default", arguments.print_default, "Write a commented example to standard output");
  app.add_flag("--rotate-key", arguments.rotate_key,
               "Give this edge's client another key, also while it runs: the one before ends at once");
  app.add_option("--log-level", arguments.log_level, "debug, info, warning, error, off (info)");
  app.add_flag("--accept-restored", arguments.accept_restored,
               "The centre was restored from a backup: begin with what it says now, whatever is known here");
  app.add_option("--inherit", arguments.inherit, "Used by an upgrade in place alone")->group("");
  app.footer(
      "Signals: SIGTERM stops, SIGHUP reads the file again, SIGUSR2 starts the program that is installed "
      "now\n"
      "and hands its sockets over.\n\nExample:\n  dayaq-edge --config /etc/dayaq/edge.yaml --check");
  try {
    app.parse(argc, argv);
    if (!arguments.print_default && config->count() == 0) throw CLI::RequiredError("--config");
  } catch (const CLI::ParseError& stop) {
    return app.exit(stop) == 0 ? 0 : 2;
  }
  if (arguments.print_default) {
    fmt::print("{}", web::example_configuration());
    return 0;
  }
  const sigset_t signals = block_signals();
  auto loaded = load(arguments.config);
  if (!loaded) return 2;
  if (arguments.check) {
    fmt::print("{}: nothing to say against it\n", arguments.config.string());
    return 0;
  }
  loaded->configuration.accept_restored = arguments.accept_restored;
  const auto level = log::set_level(arguments.log_level);
  const auto served = !level                 ? level
                      : arguments.rotate_key ? rotate_key(*loaded)
                                             : serve(arguments, std::move(*loaded), signals, argv);
  if (served) return 0;
  fmt::print(stderr, "dayaq-edge: {}{} [{}]\n", served.error().public_text,
             served.error().detail.empty() ? "" : " (" + served.error().detail + ")", served.error().code);
  return 1;
}

}  // namespace
}  // namespace dayaq::edge

int main(int argc, char** argv) {
  return dayaq::edge::run(argc, argv);
}
