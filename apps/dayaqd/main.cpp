// dayaqd: the national node's server.
#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/file.hpp"
#include "base/hand_over.hpp"
#include "base/log.hpp"
#include "http/server.hpp"
#include "http/spool.hpp"
#include "http/static_files.hpp"
#include "node.hpp"
#include "registry/api_key.hpp"
#include "registry/country_pack.hpp"

namespace dayaq {
namespace {

constexpr std::uint64_t spool_bytes_max = std::uint64_t{2} << 30;  // of all large bodies under way

struct Arguments {
  std::filesystem::path data = "data";
  std::filesystem::path country = "country/az";
  std::filesystem::path web = "web";
  std::string log_level = "info";
  std::string url;
  http::ServerOptions server;
  int card_port = -1;  ///< of the listener that asks for identity cards; -1: none
  bool welcome = false;
  int inherit = -1;                ///< a socket to the process before
  std::vector<std::string> words;  ///< as this process was started, for the next one
};

/// Signals are taken by this thread alone, so that a stop is an ordinary return.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR2}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  return set;
}

void welcome(const std::string& url, const std::vector<node::DemoPerson>& persons) {
  fmt::print(
      "Dayaq serves on {}\n"
      "  {}/regimes/special-quarantine   a regime in force: whom it helps, where, and what it costs\n"
      "  {}/drafts/new                   check and preview a regime file of your own\n"
      "  {}/v1/openapi.json              the API; keys are in the data folder's keys/. Ctrl-C stops.\n",
      url, url, url, url);
  if (!persons.empty()) fmt::print("  {}/enrol   make a digital ID for a made-up person:\n", url);
  for (const node::DemoPerson& person : persons) {
    fmt::print("      FIN {}  {}  {}{}\n", person.national_id,
               person.code.empty() ? "has one: sign in" : "activation code " + person.code, person.name,
               person.official.empty() ? "" : ", official of " + person.official + " (/office)");
  }
  if (!persons.empty()) fmt::print("  {}/demo/outbox   their SMS and letters\n", url);
  std::fflush(stdout);
}

constexpr std::string_view sockets_magic = "dayaqd 1";

/// What goes over to the next process: how many connections, then the listener and the connections.
Result<void> give(const Successor& next, const http::Server::Sockets& sockets) {
  Bytes state;
  put_le(state, std::uint32_t(sockets.connections.size()));
  const BytesView magic = as_bytes(sockets_magic);
  state.insert(state.end(), magic.begin(), magic.end());
  std::vector<int> descriptors{sockets.listener};
  descriptors.insert(descriptors.end(), sockets.connections.begin(), sockets.connections.end());
  auto sent = send_block(next.socket(), state);
  if (sent) sent = send_descriptors(next.socket(), descriptors);
  close_descriptors(descriptors);
  return sent;
}

/// Waits for what the process before gives: it has let go of the data folder then.
Result<void> take(int socket, http::ServerOptions& options) {
  DAYAQ_TRY_OK(tell_predecessor_ready(socket));
  DAYAQ_TRY(const Bytes state, receive_block(socket));
  BytesView rest = state;
  std::uint32_t connections = 0;
  if (!take_le(rest, connections) || as_text(rest) != sockets_magic) {
    return fail(ErrorKind::unavailable, "upgrade.sockets",
                "What was handed over can't be read: it is of another version.");
  }
  DAYAQ_TRY(std::vector<int> descriptors, receive_descriptors(socket, connections + std::size_t(1)));
  ::close(socket);
  options.inherited_listener = descriptors.front();
  options.inherited_connections.assign(descriptors.begin() + 1, descriptors.end());
  return {};
}

/// The listener that asks for identity cards, at the same address and with the same certificate. Null without
/// one.
Result<std::unique_ptr<http::Server>> start_card_door(const Arguments& arguments, const node::Node& node,
                                                      const http::Router& router) {
  if (arguments.card_port < 0) return std::unique_ptr<http::Server>();
  const auto authorities = node.card_authorities();
  if (arguments.server.tls_certificate.empty() || authorities.empty()) {
    return fail(ErrorKind::invalid_input, "dayaqd.card_port",
                "--card-port needs --tls-certificate, and `cards` in dayaq.yaml.");
  }
  http::ServerOptions options = arguments.server;
  options.port = static_cast<std::uint16_t>(arguments.card_port);
  options.workers = std::min(options.workers, 4);
  options.connections_max = std::min(options.connections_max, 2000);
  options.tls_client_authorities = authorities.string();
  options.tls_client_any = true;  // the page says what is wrong with a card
  options.inherited_listener = -1;
  options.inherited_connections.clear();
  return http::Server::start(options, router, nullptr);
}

/// Opens the data folder and serves, until it is told to stop or has given its sockets to the next process.
Result<void> serve(Arguments arguments, const sigset_t& signals) {
  if (arguments.inherit >= 0) {
    // What it would stumble over, it stumbles over before the process before lets go.
    DAYAQ_TRY_OK(registry::CountryPack::load(arguments.country));
    DAYAQ_TRY_OK(http::StaticFiles::load(arguments.web / "static"));
    DAYAQ_TRY_OK(take(arguments.inherit, arguments.server));
  }
  const std::string_view scheme = arguments.server.tls_certificate.empty() ? "http" : "https";
  DAYAQ_TRY(
      auto node,
      node::Node::open({.data = arguments.data,
                        .country = arguments.country,
                        .url = arguments.url,
                        .otherwise_url = fmt::format("{}://localhost:{}", scheme, arguments.server.port)}));
  auto metrics = std::make_unique<http::Metrics>();
  auto router = std::make_unique<http::Router>();
  node->add_api_routes(*router);
  DAYAQ_TRY_OK(node->add_page_routes(*router, *metrics, arguments.web));
  DAYAQ_TRY_OK(node->start_timers());
  DAYAQ_TRY(const auto spool, http::Spool::open(arguments.data / "spool", spool_bytes_max));
  arguments.server.spool = spool.get();
  node->adopt_bodies_of(*spool);
  auto card_router = std::make_unique<http::Router>();
  (void)node->add_card_routes(*card_router);
  DAYAQ_TRY(auto card_door, start_card_door(arguments, *node, *card_router));
  DAYAQ_TRY(auto server,
            http::Server::start(arguments.server, *router, &node->authenticator(), metrics.get()));
  const std::string url = fmt::format(
      "{}://{}:{}", arguments.server.tls_certificate.empty() ? "http" : "https",
      arguments.server.address == "127.0.0.1" ? "localhost" : arguments.server.address, server->port());
  DAYAQ_TRY_OK(write_file_atomically(arguments.data / "dayaqd.url", as_bytes(url + "\n")));
  DAYAQ_TRY_OK(
      write_file_atomically(arguments.data / "dayaqd.pid", as_bytes(fmt::format("{}\n", ::getpid()))));
  log::info("dayaqd.serving", "serving", {{"url", url}});
  tell_systemd(fmt::format("READY=1\nMAINPID={}\n", ::getpid()));
  ::malloc_trim(0);  // the start read files and built tables, and freed most of what that took
  if (arguments.welcome) {
    DAYAQ_TRY(const auto persons, node->demo_persons());
    welcome(url, persons);
  }
  while (true) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal != SIGUSR2) {
      log::info("dayaqd.stopping", "stopping", {{"signal", signal}});
      tell_systemd("STOPPING=1\n");
      node->let_waiting_go();
      if (card_door) card_door->stop();
      server->stop();
      std::error_code gone;
      std::filesystem::remove(arguments.data / "dayaqd.url", gone);
      std::filesystem::remove(arguments.data / "dayaqd.pid", gone);
      return node->save_index();
    }
    const auto next = Successor::start(arguments.words);
    if (!next) {
      log::error("dayaqd.upgrade", "the next process can't be started; this one goes on", next.error());
      continue;
    }
    log::info("dayaqd.upgrading", "handing over", {{"pid", next->pid()}});
    node->let_waiting_go();
    card_door.reset();  // TLS can't be handed over: the next process opens it anew
    const http::Server::Sockets sockets = server->hand_over();
    const auto saved = node->save_index();  // so that the next process is quick
    server.reset();
    router.reset();
    card_router.reset();
    metrics.reset();
    node.reset();  // lets go of the data folder, which the next process waits for
    DAYAQ_TRY_OK(give(*next, sockets));
    return saved;
  }
}

int run(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("the server of a Dayaq node");
  app.add_option("--data", arguments.data, "The data folder, made by `dayaq init` (data)");
  app.add_option("--country", arguments.country, "The country pack (country/az)");
  app.add_option("--web", arguments.web, "Templates, texts and styles of the pages (web)");
  app.add_option("--url", arguments.url,
                 "The public address, https://id.example.az (dayaq.yaml's `url`, or this machine's)");
  app.add_option("--address", arguments.server.address, "Where to listen (127.0.0.1)");
  app.add_option("--port", arguments.server.port, "0 lets the system choose (8080)");
  app.add_option("--io-threads", arguments.server.io_threads, "Threads for connections (1)")
      ->check(CLI::Range(1, 64));
  app.add_option("--workers", arguments.server.workers,
                 "Requests that are worked on at a time, beside those that wait for a commit (8)")
      ->check(CLI::Range(1, 256));
  app.add_option("--tls-certificate", arguments.server.tls_certificate, "PEM file; TLS 1.3 only")
      ->check(CLI::ExistingFile);
  app.add_option("--tls-key", arguments.server.tls_key, "PEM file")->check(CLI::ExistingFile);
  app.add_option("--tls-client-authorities", arguments.server.tls_client_authorities,
                 "PEM file of the authorities of identity cards, which callers may show")
      ->check(CLI::ExistingFile);
  app.add_option("--card-port", arguments.card_port,
                 "Another port, where browsers are asked for identity cards (`cards` in dayaq.yaml)")
      ->check(CLI::Range(0, 65535));
  app.add_option("--inherit", arguments.inherit, "Used by an upgrade in place alone")->group("");
  app.add_option("--log-level", arguments.log_level, "debug, info, warning, error, off (info)");
  app.add_flag("--welcome", arguments.welcome, "Say on standard output what to look at");
  app.footer(
      "Signals: SIGTERM stops, SIGUSR2 starts the program that is installed now and hands its connections\n"
      "over.\n\nExample:\n  dayaqd --data /srv/dayaq --address 0.0.0.0 --port 8443 --tls-certificate c.pem "
      "--tls-key "
      "k.pem");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    return app.exit(stop) == 0 ? 0 : 2;
  }
  for (int i = 0; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--inherit") {
      ++i;
    } else {
      arguments.words.emplace_back(argv[i]);
    }
  }
  const sigset_t signals = block_signals();
  auto level =
      log::set_level(arguments.welcome && arguments.log_level == "info" ? "warning" : arguments.log_level);
  const auto served = level ? serve(arguments, signals) : level;
  if (served) return 0;
  fmt::print(stderr, "dayaqd: {}{} [{}]\n", served.error().public_text,
             served.error().detail.empty() ? "" : " (" + served.error().detail + ")", served.error().code);
  return 1;
}

}  // namespace
}  // namespace dayaq

int main(int argc, char** argv) {
  return dayaq::run(argc, argv);
}
