// links: dayaq_node dayaq::services_surge dayaq::http
// A node whose applications can be sent past the gate (POST /open) and behind it (POST /apply), as pages send
// them: on a worker, answered when the case is durable.
//
//   overload_node_tool DATA COUNTRY RATE_MAX     prints its port; ends with its standard input
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "base/file.hpp"
#include "base/log.hpp"
#include "http/local_call.hpp"
#include "http/server.hpp"
#include "node.hpp"
#include "services/surge/surge.hpp"

using namespace dayaq;

namespace {

Result<int> serve(const std::filesystem::path& data, const std::filesystem::path& country, double rate_max) {
  node::NodeOptions options;
  options.data = data;
  options.country = country;
  DAYAQ_TRY(const auto node, node::Node::open(options));
  http::Router api;
  node->add_api_routes(api);
  DAYAQ_TRY_OK(node->start_timers());
  DAYAQ_TRY(std::string key, read_file(data / "keys" / "admin.key", 4096));
  key.erase(key.find_last_not_of(" \n") + 1);
  SystemRandom random;
  const SystemClock clock;
  services::surge::Options admission;
  admission.rate_max = rate_max;
  DAYAQ_TRY(const auto surge, services::surge::Surge::open(data, random, clock, false, admission));
  const auto submit = [&](const http::Request& request) {
    return http::call(api, &node->authenticator(), http::Method::post, "/v1/cases", request.body,
                      "application/json", key);
  };
  http::Router router;
  http::Route open;
  open.method = http::Method::post;
  open.pattern = "/open";
  open.open = "a benchmark's";
  open.operation = "open";
  http::Route apply = open;
  apply.pattern = "/apply";
  apply.operation = "apply";
  router.add(open, submit);
  router.add(surge->guard().guarded(apply), submit);
  http::ServerOptions server_options;
  server_options.port = 0;
  DAYAQ_TRY(const auto server, http::Server::start(server_options, router, nullptr));
  fmt::print("{}\n", server->port());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    fmt::print("{:.0f} {}\n", surge->admission().rate(), surge->admission().waiting());
    std::fflush(stdout);
  }
  server->stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  (void)log::set_level("error");
  const auto done = serve(argv[1], argv[2], std::stod(argv[3]));
  if (!done) fmt::print(stderr, "{} {}\n", done.error().public_text, done.error().detail);
  return done ? *done : 1;
}
