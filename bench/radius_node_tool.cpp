// links: dayaq::edge_radius dayaq::edge_engine dayaq::edge_replica dayaq::feed
// radius_node_tool REPLICA DATA [name=value ...]: RADIUS over a replica folder of edge_replica_tool, for
// tests and benchmarks of this protocol alone.
//
//   client=ADDRESS,SECRET[,old][,coa=ADDRESS:PORT]    old: Message-Authenticator isn't required
//   profile=SERVICE:Name=value;Name=value             SERVICE: all, or a traffic class
//   limited=Name=value;...  normal=Name=value;...  unpaid=TEXT  accept=1  interim=S  pace=N  copy=1
//   proxy_auth= proxy_acct= proxy_secret= proxy_old=1  operator's server; old: it sends no
//   Message-Authenticator
//   auth_port= acct_port= radsec_port= radsec_name= radsec_changes= certificate= key= authority=
//   durable=0  nothing is written
//
// Prints one JSON line with its ports, then answers each line of standard input with one line of JSON:
//   counts | grant NUMBER MEASURE,... | all | lease ORIGIN SESSION | dictionary | quit
#include <fmt/format.h>

#include <atomic>
#include <iostream>
#include <sstream>
#include <thread>

#include "base/file.hpp"
#include "edge/radius/dictionary.hpp"
#include "edge/radius/server.hpp"

using namespace dayaq;
using namespace dayaq::edge;

namespace {

[[noreturn]] void die(const Error& error) {
  fmt::print(stderr, "{}: {} {}\n", error.code, error.public_text, error.detail);
  std::exit(1);
}
template <class T>
T must(Result<T> result) {
  if (!result) die(result.error());
  return std::move(*result);
}

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, by);) out.push_back(part);
  return out;
}

struct Setup {
  radius::ServerOptions radius;
  ServiceTable services;
  bool durable = true;
};

ServiceIndex service(Setup& setup, const std::string& name) {
  return must(setup.services.add({.kind = feed::Benefit::data, .traffic_class = name}));
}

void set(Setup& setup, const std::string& name, const std::string& value) {
  radius::ServerOptions& o = setup.radius;
  const auto number = [&] { return std::stoi(value); };
  if (name == "client") {
    const auto parts = split(value, ',');
    radius::ClientOptions client{.address = parts.at(0), .secret = parts.at(1), .coa_address = {}};
    for (std::size_t i = 2; i < parts.size(); ++i) {
      if (parts[i] == "old") client.require_message_authenticator = false;
      if (parts[i].starts_with("coa=")) client.coa_address = parts[i].substr(4);
    }
    o.clients.push_back(client);
  } else if (name == "profile") {
    const std::size_t colon = value.find(':');
    o.profiles.push_back({.service = service(setup, value.substr(0, colon)),
                          .attributes = split(value.substr(colon + 1), ';')});
  } else if (name == "limited") {
    o.limited = split(value, ';');
  } else if (name == "normal") {
    o.normal = split(value, ';');
  } else if (name == "unpaid") {
    o.unpaid_reply = value;
  } else if (name == "accept") {
    o.accept_without_password = value == "1";
  } else if (name == "copy") {
    o.copy_accounting = value == "1";
  } else if (name == "interim") {
    o.interim = std::chrono::seconds(number());
  } else if (name == "pace") {
    o.coa_per_second_per_nas = number();
  } else if (name == "proxy_auth") {
    o.proxy_auth = value;
  } else if (name == "proxy_acct") {
    o.proxy_acct = value;
  } else if (name == "proxy_secret") {
    o.proxy_secret = value;
  } else if (name == "proxy_old") {
    o.proxy_require_message_authenticator = value != "1";
  } else if (name == "auth_port") {
    o.auth_port = std::uint16_t(number());
  } else if (name == "acct_port") {
    o.acct_port = std::uint16_t(number());
  } else if (name == "radsec_port") {
    o.radsec_port = std::uint16_t(number());
  } else if (name == "radsec_changes") {
    o.radsec_changes = number() != 0;
  } else if (name == "radsec_name") {
    o.radsec_names.push_back(value);
  } else if (name == "certificate") {
    o.tls_certificate = value;
  } else if (name == "key") {
    o.tls_key = value;
  } else if (name == "authority") {
    o.tls_authority = value;
  } else if (name == "durable") {
    setup.durable = value != "0";
  } else {
    fmt::print(stderr, "unknown option {}\n", name);
    std::exit(2);
  }
}

std::string line_of(const std::filesystem::path& path) {
  std::string text = must(read_file(path));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

struct Node {
  Setup setup;
  SystemClock clock;
  SipKey feed_key;
  std::optional<crypto::SigningKey> centre;
  std::string operator_code = "azercell";
  std::unique_ptr<Replica> replica;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<radius::Server> server;

  /// Says of a fixed line what the centre would say: signed, numbered, applied.
  void grant(const std::string& number, const std::string& measures) {
    feed::Block block{.kind = feed::BlockKind::changes,
                      .operator_code = operator_code,
                      .first_sequence = replica->state().sequence + 1,
                      .created = clock.now()};
    block.lists.emplace_back();
    for (const std::string& measure : split(measures, ',')) {
      if (measure != "-") block.lists[0].push_back({.measure = MeasureNumber(std::stoul(measure))});
    }
    block.lines.push_back({.key = feed::pseudonym(feed_key, "fixed", number), .list = 0});
    const auto applied = replica->apply(feed::encode(block, *centre), engine->mutex());
    if (!applied) die(applied.error());
    fmt::print("{{\"sequence\":{}}}\n", replica->state().sequence);
  }

  void print_counts() {
    const auto c = server->counts();
    Engine::Counts e;
    {
      const std::scoped_lock lock(engine->mutex());
      e = engine->counts();
    }
    fmt::print(
        R"({{"access":{},"accepted":{},"rejected":{},"accounting":{},"proxied":{},"dropped":{},"coa_sent":{},)"
        R"("coa_waiting":{},"sessions":{},"malformed":{},"unknown_client":{},"bad_authenticator":{},)"
        R"("operator_silent":{},"coa_acknowledged":{},"coa_refused":{},"coa_unanswered":{},"foreign_class":{},)"
        R"("octets":{},"leases":{},"durable":{}}})"
        "\n",
        c.access, c.accepted, c.rejected, c.accounting, c.proxied, c.dropped, c.coa_sent, c.coa_waiting,
        c.sessions, c.malformed, c.unknown_client, c.bad_authenticator, c.operator_silent, c.coa_acknowledged,
        c.coa_refused, c.coa_unanswered, c.foreign_class, e.used[std::size_t(feed::Benefit::data)], e.leases,
        journal->durable());
  }

  void print_lease(const std::string& origin, const std::string& session) {
    const std::scoped_lock lock(engine->mutex());
    const auto view = engine->lease(lease_id(origin, session));
    if (!view) {
      fmt::print("{{\"known\":false}}\n");
    } else {
      fmt::print(R"({{"known":true,"cumulative":{},"measure":{},"ended":{}}})"
                 "\n",
                 view->cumulative, view->measure, view->ended);
    }
  }
};

void print_dictionary() {
  std::string out;
  for (const auto& named : radius::dictionary()) {
    out += fmt::format(R"({}{{"name":"{}","vendor":{},"type":{},"syntax":{}}})", out.empty() ? "" : ",",
                       named.name, named.vendor, named.type, int(named.syntax));
  }
  fmt::print("[{}]\n", out);
}

/// Answers one line; false at the end.
bool answer(Node& node, const std::string& line) {
  const auto words = split(line, ' ');
  if (words.empty() || words[0] == "quit") return false;
  if (words[0] == "counts") {
    node.print_counts();
  } else if (words[0] == "grant") {
    node.grant(words.at(1), words.at(2));
  } else if (words[0] == "all") {
    node.server->re_authorise_all();
    fmt::print("{{}}\n");
  } else if (words[0] == "lease") {
    node.print_lease(words.at(1), words.at(2));
  } else if (words[0] == "dictionary") {
    print_dictionary();
  } else {
    fmt::print("{{\"error\":\"what?\"}}\n");
  }
  std::fflush(stdout);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "radius_node_tool REPLICA DATA [name=value ...]\n");
    return 2;
  }
  const std::filesystem::path replica = argv[1], data = argv[2];
  Node node;
  node.setup.radius.auth_port = node.setup.radius.acct_port = 0;
  node.setup.radius.service = service(node.setup, "all");
  for (int i = 3; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::size_t equals = argument.find('=');
    set(node.setup, argument.substr(0, equals), equals == argument.npos ? "" : argument.substr(equals + 1));
  }
  const Bytes feed_key = must(from_base64(line_of(replica / "feed.key")));
  node.feed_key = sip_key(std::span<const std::byte, 16>(feed_key));
  node.setup.radius.feed_key = node.feed_key;
  const Bytes centre = must(from_base64(line_of(replica / "centre.pub")));
  crypto::PublicKey centre_key;
  std::ranges::copy(centre, centre_key.begin());
  node.centre.emplace(must(crypto::SigningKey::from_pem(must(read_file(replica / "centre.pem")))));

  node.replica = must(
      Replica::open({.folder = replica, .operator_code = node.operator_code, .centre_keys = {centre_key}},
                    node.setup.services));
  node.journal = must(Journal::open({.folder = data / "journal", .durable = node.setup.durable}));
  node.engine = must(
      Engine::open({.folder = data}, node.setup.services, *node.replica, *node.journal, node.clock.now()));
  node.server = must(radius::Server::start(node.setup.radius, *node.engine, *node.journal, node.clock));
  node.replica->observe({.subscription_changed = [&](SubscriptionKey key) { node.server->re_authorise(key); },
                         .measure_changed = [&](MeasureNumber) { node.server->re_authorise_all(); },
                         .all_changed = [&] { node.server->re_authorise_all(); }});
  std::atomic<bool> stopping{false};
  std::thread ticker([&] {
    for (int i = 0; !stopping; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      if (i % 10 != 0) continue;
      const std::scoped_lock lock(node.engine->mutex());
      node.engine->tick(node.clock.now());
    }
  });
  fmt::print("{{\"auth_port\":{},\"acct_port\":{},\"radsec_port\":{}}}\n", node.server->auth_port(),
             node.server->acct_port(), node.server->radsec_port());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line) && answer(node, line);) {
  }
  stopping = true;
  ticker.join();
  node.server->stop();
  return 0;
}
