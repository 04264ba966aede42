// links: dayaq_node dayaq::services_surge dayaq::http
// A node whose applications can be sent past the gate (/open) and behind it (/apply), as pages send them: GET
// gives a form, POST is taken on a worker and answered when the case is durable. Messages come by the SMS
// door, as everywhere.
//
//   overload_node_tool DATA COUNTRY RATE_MAX     prints its port; ends with its standard input. A line there
//   is
//                                                answered with the rate, how many wait, and how many are held
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>

#include "base/file.hpp"
#include "base/log.hpp"
#include "http/local_call.hpp"
#include "http/metrics.hpp"
#include "http/server.hpp"
#include "node.hpp"
#include "services/surge/surge.hpp"

using namespace dayaq;

namespace {

http::Route route_of(http::Method method, std::string_view name) {
  http::Route out;
  out.method = method;
  out.pattern = fmt::format("/{}", name);
  out.open = "a benchmark's";
  out.operation = fmt::format("{}_{}", http::to_string(method), name);
  return out;
}

std::string_view held_in(std::string_view metrics) {
  constexpr std::string_view name = "\ndayaq_http_held_connections ";
  const std::size_t at = metrics.find(name);
  if (at == std::string_view::npos) return "?";
  metrics.remove_prefix(at + name.size());
  return metrics.substr(0, metrics.find('\n'));
}

Result<int> serve(const std::filesystem::path& data, const std::filesystem::path& country, double rate_max) {
  node::NodeOptions options;
  options.data = data;
  options.country = country;
  DAYAQ_TRY(const auto node, node::Node::open(options));
  http::Router router;
  node->add_api_routes(router);
  DAYAQ_TRY_OK(node->start_timers());
  DAYAQ_TRY(std::string key, read_file(data / "keys" / "admin.key", 4096));
  key.erase(key.find_last_not_of(" \n") + 1);
  SystemRandom random;
  const SystemClock clock;
  services::surge::Options admission;
  admission.rate_max = rate_max;
  DAYAQ_TRY(const auto surge, services::surge::Surge::open(data, random, clock, false, admission));
  const auto submit = [&](const http::Request& request) {
    return http::call(router, &node->authenticator(), http::Method::post, "/v1/cases", request.body,
                      "application/json", key);
  };
  const auto form = [](const http::Request&) { return http::Response::html(std::string(2000, '.')); };
  router.add(route_of(http::Method::post, "open"), submit);
  router.add(route_of(http::Method::get, "open"), form);
  router.add(surge->guard().guarded(route_of(http::Method::post, "apply")), submit);
  router.add(surge->guard().guarded(route_of(http::Method::get, "apply")), form);
  http::Metrics metrics;
  http::ServerOptions server_options;
  server_options.port = 0;
  DAYAQ_TRY(const auto server, http::Server::start(server_options, router, &node->authenticator(), &metrics));
  fmt::print("{}\n", server->port());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    fmt::print("{:.0f} {} {}\n", surge->admission().rate(), surge->admission().waiting(),
               held_in(metrics.expose()));
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
