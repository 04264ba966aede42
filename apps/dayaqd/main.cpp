// dayaqd: the national node's server.
#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>

#include "base/file.hpp"
#include "base/log.hpp"
#include "http/server.hpp"
#include "node.hpp"
#include "registry/api_key.hpp"

namespace dayaq {
namespace {

struct Arguments {
  std::filesystem::path data = "data";
  std::filesystem::path country = "country/az";
  std::filesystem::path web = "web";
  std::string log_level = "info";
  http::ServerOptions server;
  bool welcome = false;
};

/// SIGINT and SIGTERM are taken by this thread alone, so that a stop is an ordinary return.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  return set;
}

void welcome(const std::string& url) {
  fmt::print(
      "Dayaq serves on {}\n"
      "  {}/regimes/special-quarantine   a regime in force: whom it helps, where, and what it costs\n"
      "  {}/drafts/new                   check and preview a regime file of your own\n"
      "  {}/v1/openapi.json              the API; keys are in the data folder's keys/. Ctrl-C stops.\n",
      url, url, url, url);
  std::fflush(stdout);
}

Result<void> serve(const Arguments& arguments, const sigset_t& signals) {
  DAYAQ_TRY(const auto node, node::Node::open({.data = arguments.data, .country = arguments.country}));
  http::Router router;
  http::Metrics metrics;
  node->add_api_routes(router);
  DAYAQ_TRY_OK(node->add_page_routes(router, metrics, arguments.web));
  node->start_timers();
  DAYAQ_TRY(const auto server,
            http::Server::start(arguments.server, router, &node->authenticator(), &metrics));
  const std::string url = fmt::format(
      "{}://{}:{}", arguments.server.tls_certificate.empty() ? "http" : "https",
      arguments.server.address == "127.0.0.1" ? "localhost" : arguments.server.address, server->port());
  DAYAQ_TRY_OK(write_file_atomically(arguments.data / "dayaqd.url", as_bytes(url + "\n")));
  log::info("dayaqd.serving", "serving", {{"url", url}});
  if (arguments.welcome) welcome(url);
  int signal = 0;
  sigwait(&signals, &signal);
  log::info("dayaqd.stopping", "stopping", {{"signal", signal}});
  node->let_waiting_go();
  server->stop();
  std::error_code gone;
  std::filesystem::remove(arguments.data / "dayaqd.url", gone);
  return node->save_index();
}

int run(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("the server of a Dayaq node");
  app.add_option("--data", arguments.data, "The data folder, made by `dayaq init` (data)");
  app.add_option("--country", arguments.country, "The country pack (country/az)");
  app.add_option("--web", arguments.web, "Templates, texts and styles of the pages (web)");
  app.add_option("--address", arguments.server.address, "Where to listen (127.0.0.1)");
  app.add_option("--port", arguments.server.port, "0 lets the system choose (8080)");
  app.add_option("--io-threads", arguments.server.io_threads, "Threads for connections (1)")
      ->check(CLI::Range(1, 64));
  app.add_option("--workers", arguments.server.workers, "Threads for requests that wait on the database (8)")
      ->check(CLI::Range(1, 256));
  app.add_option("--tls-certificate", arguments.server.tls_certificate, "PEM file; TLS 1.3 only")
      ->check(CLI::ExistingFile);
  app.add_option("--tls-key", arguments.server.tls_key, "PEM file")->check(CLI::ExistingFile);
  app.add_option("--log-level", arguments.log_level, "debug, info, warning, error, off (info)");
  app.add_flag("--welcome", arguments.welcome, "Say on standard output what to look at");
  app.footer(
      "Example:\n  dayaqd --data /srv/dayaq --address 0.0.0.0 --port 8443 --tls-certificate c.pem --tls-key "
      "k.pem");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    return app.exit(stop) == 0 ? 0 : 2;
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
