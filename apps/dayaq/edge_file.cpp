#include "edge_file.hpp"

#include <fmt/format.h>

namespace dayaq::cli {
namespace {

constexpr const char* diameter_part = R"(
# Gy and Ro: fill in, and take the marks away. `dayaq-edge --print-default` shows more.
# diameter:
#   origin_host: {0}.{1}.example
#   origin_realm: {1}.example
#   address: 0.0.0.0
#   port: 3868
#   clients:                  # who may connect; "*" is anybody
#     - {{origin_host: pgw1.{1}.example}}
#   charging_systems:         # what no grant covers goes to the first that answers
#     - {{origin_host: ocs1.{1}.example, address: "10.1.2.3:3868"}}
)";

constexpr const char* radius_part = R"(
# RADIUS: fill in, and take the marks away. `dayaq-edge --print-default` shows more.
# radius:
#   address: 0.0.0.0
#   auth_port: 1812
#   acct_port: 1813
#   clients:
#     - {{address: 10.0.0.0/8, secret: change-me, coa_address: "10.0.0.1:3799"}}
#   service: "data:all"       # what a session of unmarked traffic is counted as
#   limited: ["Filter-Id=limited"]
)";

constexpr const char* tv_part = R"(
# TV: fill in, and take the marks away. `dayaq-edge --print-default` shows more.
# tv:
#   channels:
#     - {{name: news, prefix: /hls/news/, package: "tv:{0}"}}
#   line_header: X-Line-Id
)";

std::string services(const EdgeFile& edge) {
  std::string out;
  if (edge.line == "tv") {
    for (const std::string& package : edge.packages)
      out += fmt::format("  - {{service: \"tv:{}\"}}\n", package);
    return out;
  }
  if (edge.line == "fixed") {
    for (const std::string& each : edge.traffic_classes)
      out += fmt::format("  - {{service: \"data:{}\"}}\n", each);
    return out + "  - {service: voice}\n  - {service: \"data:all\"}\n";
  }
  out += "  - {service: voice, context: 32260@3gpp.org}\n  - {service: messages, context: 32274@3gpp.org}\n";
  int group = 101;
  for (const std::string& each : edge.traffic_classes) {
    out += fmt::format("  - {{service: \"data:{}\", context: 32251@3gpp.org, rating_groups: [{}]}}\n", each,
                       group++);
  }
  return out + "  - {service: \"data:all\", context: 32251@3gpp.org}\n";
}

std::string siblings(const EdgeFile& edge) {
  if (edge.siblings.empty()) {
    return "\n# The operator's other edges, once there are some: `edges` above counts them too.\n"
           "# siblings:\n"
           "#   - {name: other, number: 2, url: \"https://other.example:8090\", token_file: "
           "siblings.token}\n";
  }
  std::string out =
      "\n# The operator's other edges. Each lists all the others: add this one to their files.\nsiblings:\n";
  for (const EdgeFile::Sibling& each : edge.siblings) {
    out += fmt::format("  - {{name: {}, number: {}, url: \"{}\", token_file: siblings.token}}{}\n", each.name,
                       each.number, each.url.empty() ? "http://127.0.0.1:8090" : each.url,
                       each.url.empty() ? "  # correct the url" : "");
  }
  return out;
}

}  // namespace

std::string edge_yaml(const EdgeFile& edge) {
  std::string out = fmt::format(
      R"(# The edge {0} of {1}, as enrolled. `dayaq-edge --config edge.yaml --check` says what is wrong here.
# Paths without a leading slash are of this file's folder.

operator: {1}
name: {0}                     # for ever: settlements are numbered by it
number: {2}                   # of this edge among the operator's
edges: {3}                    # how many edges the operator runs
line: {4}                     # what the network's subscribers are
zone: {5}                     # quota periods are civil days, weeks and months here
data: data                    # replica, journal, accounts; a disk that keeps its word about fdatasync

centre:
  url: {6}
  client_file: client.jwk     # this edge's OAuth client, with its own Ed25519 key
  key_file: centre.pub        # verifies the feed

feed_key_file: feed.key       # makes subscribers' numbers into pseudonyms
signing_key_file: edge.key    # this edge's own Ed25519 key; signs settlements

# What the network can ask for. Of Diameter, the first line that fits holds: correct the rating groups.
services:
{7})",
      edge.name, edge.operator_code, edge.number, edge.siblings.size() + 1, edge.line, edge.zone,
      edge.centre_url, services(edge));
  if (edge.line == "mobile") out += fmt::format(diameter_part, edge.name, edge.operator_code);
  if (edge.line == "fixed") out += fmt::format(radius_part);
  if (edge.line == "tv") {
    out += fmt::format(tv_part, edge.packages.empty() ? "all" : edge.packages.front());
  }
  out += fmt::format(
      "\n# The decision API, the page, /metrics and /health/ready.\nhttp:\n  address: 127.0.0.1\n  port: {}\n"
      "  token_file: http.token      # the first is this edge's own; the second is what its siblings show\n",
      edge.http_port);
  return out + siblings(edge);
}

}  // namespace dayaq::cli
