// links: dayaq::edge_diameter
// gy_node_tool --replica FOLDER --data FOLDER [options]: the Diameter side of an edge and nothing else, for
// benchmarks and for tests beside programs of others.
//
//   --port P (0: any)  --durable 0|1  --edge N --edges N  --origin HOST  --realm R  --watchdog MS
//   --charging HOST=ADDRESS:PORT[,...]   charging systems, in order of preference
//   --inherit FD   a unix socket that the process before sends its connections over
//   --settle FOLDER[,FOLDER...]  alone: what journals hold together, each request once
//
// Rating group 10 is data of class "education", 20 to 29 are the charging system's, every other is data of
// class "all"; 32260@3gpp.org is voice. Reads commands from standard input: "measure N" re-authorises
// everybody under a measure, "counts" prints the counts, "upgrade" starts the program again and gives it all
// connections, "quit" (or the end of the input) stops. Prints {"serving":PORT,...} when it serves.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <thread>

#include "base/file.hpp"
#include "edge/diameter/node.hpp"

using namespace dayaq;
using namespace dayaq::edge;

namespace {

struct Options {
  std::filesystem::path replica, data;
  std::string origin = "edge1.mobile.example", realm = "mobile.example";
  std::vector<diameter::PeerOptions> charging;
  std::uint16_t port = 0;
  bool durable = true;
  std::uint8_t edge = 1, edges = 1;
  int watchdog_ms = 30000, inherit = -1;
};

[[noreturn]] void give_up(std::string_view what, const Error& error) {
  fmt::print(stderr, "{}: {} {}\n", what, error.code, error.detail);
  std::exit(1);
}

template <class T>
T must(std::string_view what, Result<T> result) {
  if (!result) give_up(what, result.error());
  return std::move(*result);
}

std::string first_line(const std::filesystem::path& path) {
  const std::string text = must("key", read_file(path));
  return text.substr(0, text.find('\n'));
}

class Edge {
 public:
  Edge(const Options& options, diameter::Inheritance inherited) : options_(options) {
    ServiceTable services;
    const ServiceIndex education = must("service", services.add({feed::Benefit::data, "education"}));
    const ServiceIndex all = must("service", services.add({feed::Benefit::data, "all"}));
    const ServiceIndex voice = must("service", services.add({feed::Benefit::voice, ""}));
    const Instant now = clock_.now();
    const Bytes key = must("feed key", from_base64(first_line(options.replica / "feed.key")));
    const Bytes centre = must("centre key", from_base64(first_line(options.replica / "centre.pub")));
    crypto::PublicKey centre_key{};
    std::copy_n(centre.begin(), std::min(centre.size(), centre_key.size()), centre_key.begin());
    services_ = services;
    replica_ = must(
        "replica",
        Replica::open({.folder = options.replica, .operator_code = "azercell", .centre_keys = {centre_key}},
                      services_));
    std::filesystem::create_directories(options.data);
    const bool recovered = std::filesystem::exists(options.data / "journal");
    journal_ =
        must("journal", Journal::open({.folder = options.data / "journal", .durable = options.durable}));
    engine_ =
        must("engine",
             Engine::open({.folder = options.data / "accounts", .edge = options.edge, .edges = options.edges},
                          services_, *replica_, *journal_, now));
    const std::uint32_t state = must("origin state", diameter::origin_state_id(options.data, recovered, now));
    std::array<std::byte, 16> feed_key{};
    std::copy_n(key.begin(), std::min<std::size_t>(key.size(), 16), feed_key.begin());
    credit_control_.emplace(
        diameter::CreditControlOptions{
            .origin_host = options.origin,
            .origin_realm = options.realm,
            .origin_state_id = state,
            .feed_key = sip_key(feed_key),
            .services = {{.context = "32260@3gpp.org", .service = voice, .kind = feed::Benefit::voice},
                         {.rating_groups = {20, 21, 22, 23, 24, 25, 26, 27, 28, 29}},
                         {.rating_groups = {10}, .service = education},
                         {.service = all}},
            .relays = !options.charging.empty()},
        *engine_);
    node_ = must("node", diameter::Node::start({.origin_host = options.origin,
                                                .origin_realm = options.realm,
                                                .port = options.port,
                                                .clients = {{.origin_host = "*"}},
                                                .charging_systems = options.charging,
                                                .realms = {"ims.example", "localdomain"},
                                                .origin_state_id = state,
                                                .watchdog = std::chrono::milliseconds(options.watchdog_ms),
                                                .reconnect = std::chrono::milliseconds(1000),
                                                .inherited = std::move(inherited)},
                                               *credit_control_, *engine_, *journal_, clock_));
    ticker_ = std::thread([this] { tick(); });
    fmt::print("{{\"serving\":{},\"pid\":{}}}\n", node_->port(), ::getpid());
    std::fflush(stdout);
  }
  ~Edge() {
    node_.reset();
    stop_ticking();
  }

  diameter::Node& node() { return *node_; }
  diameter::Inheritance hand_over() {
    diameter::Inheritance out = node_->hand_over_all(std::chrono::seconds(2));
    node_.reset();
    stop_ticking();
    credit_control_.reset();
    engine_.reset();
    journal_.reset();
    replica_.reset();
    return out;
  }
  void print_counts() {
    const auto counts = node_->counts();
    std::string peers;
    for (const auto& [host, state] : counts.peers) {
      peers += fmt::format("{}\"{}\":\"{}\"", peers.empty() ? "" : ",", host, state);
    }
    const std::scoped_lock guard(engine_->mutex());
    const auto decided = engine_->counts();
    fmt::print(R"({{"requests":{},"answers":{},"relayed":{},"relay_failed":{},"busy":{},"malformed":{},)"
               R"("mismatched":{},"refused":{},"re_auth_sent":{},"re_auth_answered":{},"re_auth_waiting":{},)"
               R"("granted":{},"not_covered":{},"repeated":{},"orphans":{},"leases":{},"accounts":{},)"
               R"("used_octets":{},"used_seconds":{},"sessions":{},"records":{},"peers":{{{}}}}})"
               "\n",
               counts.requests, counts.answers, counts.relayed, counts.relay_failed, counts.busy,
               counts.malformed, counts.mismatched, counts.refused, counts.re_auth_sent,
               counts.re_auth_answered, counts.re_auth_waiting, decided.granted, decided.not_covered,
               decided.repeated, decided.orphans, decided.leases, decided.accounts,
               decided.used[std::size_t(feed::Benefit::data)],
               decided.used[std::size_t(feed::Benefit::voice)], credit_control_->session_count(),
               journal_->last(), peers);
    std::fflush(stdout);
  }

 private:
  void tick() {
    for (int i = 0; !stopping_; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      if (i % 50 != 0) continue;
      const std::scoped_lock guard(engine_->mutex());
      engine_->tick(clock_.now());
    }
  }
  void stop_ticking() {
    stopping_ = true;
    if (ticker_.joinable()) ticker_.join();
  }

  const Options options_;
  SystemClock clock_;
  ServiceTable services_;
  std::unique_ptr<Replica> replica_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Engine> engine_;
  std::optional<diameter::CreditControl> credit_control_;
  std::unique_ptr<diameter::Node> node_;
  std::atomic<bool> stopping_{false};
  std::thread ticker_;
};

std::vector<diameter::PeerOptions> charging_of(std::string_view text) {
  std::vector<diameter::PeerOptions> out;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const std::size_t equals = one.find('=');
    if (equals == std::string_view::npos) continue;
    out.push_back(
        {.origin_host = std::string(one.substr(0, equals)), .address = std::string(one.substr(equals + 1))});
  }
  return out;
}

bool read_options(int argc, char** argv, Options& o) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* const value = argv[i + 1];
    const auto number = std::strtol(value, nullptr, 10);
    if (name == "--replica")
      o.replica = value;
    else if (name == "--data")
      o.data = value;
    else if (name == "--origin")
      o.origin = value;
    else if (name == "--realm")
      o.realm = value;
    else if (name == "--charging")
      o.charging = charging_of(value);
    else if (name == "--port")
      o.port = std::uint16_t(number);
    else if (name == "--durable")
      o.durable = number != 0;
    else if (name == "--edge")
      o.edge = std::uint8_t(number);
    else if (name == "--edges")
      o.edges = std::uint8_t(number);
    else if (name == "--watchdog")
      o.watchdog_ms = int(number);
    else if (name == "--inherit")
      o.inherit = int(number);
    else
      return false;
  }
  return argc % 2 == 1 && !o.replica.empty() && !o.data.empty();
}

/// Starts this program again; returns the socket that it waits at.
int start_successor(int argc, char** argv) {
  std::array<int, 2> way{};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, way.data()) != 0) std::exit(1);
  ::fcntl(way[0], F_SETFD, FD_CLOEXEC);
  if (::fork() == 0) {
    std::vector<std::string> arguments;
    for (int i = 0; i < argc; ++i) {
      if (std::string_view(argv[i]) == "--inherit") {
        ++i;
      } else {
        arguments.emplace_back(argv[i]);
      }
    }
    arguments.insert(arguments.end(), {"--inherit", std::to_string(way[1])});
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    ::execv("/proc/self/exe", pointers.data());
    std::_Exit(1);
  }
  ::close(way[1]);
  return way[0];
}

/// What the journals of these folders hold together, each (lease, number) counted once. Their edges have
/// ended.
int settle(std::string_view folders) {
  std::map<std::pair<LeaseId, std::uint32_t>, std::uint64_t> counted;
  std::uint64_t records = 0, used = 0, used_once = 0, twice = 0;
  while (!folders.empty()) {
    const std::string_view one = folders.substr(0, folders.find(','));
    folders.remove_prefix(std::min(folders.size(), one.size() + 1));
    const auto journal = must("journal", Journal::open({.folder = std::filesystem::path(one) / "journal"}));
    const auto read = journal->read(journal->first_kept() - 1, [&](std::uint64_t, const Record& record) {
      if (!record.counts() || record.copied()) return true;
      ++records;
      used += record.used;
      const bool fresh = counted.try_emplace({record.lease, record.number}, record.used).second;
      (fresh ? used_once : twice) += fresh ? record.used : 1;
      return true;
    });
    if (!read) give_up("journal", read.error());
  }
  fmt::print("{{\"records\":{},\"used\":{},\"used_once\":{},\"twice\":{}}}\n", records, used, used_once,
             twice);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--settle") return settle(argv[2]);
  Options options;
  if (!read_options(argc, argv, options)) {
    fmt::print(stderr, "gy_node_tool --replica FOLDER --data FOLDER [--port P] [--durable 0|1] ...\n");
    return 2;
  }
  diameter::Inheritance inherited;
  if (options.inherit >= 0) {
    inherited = must("inheritance", diameter::receive_inheritance(options.inherit));
    ::close(options.inherit);
  }
  Edge edge(options, std::move(inherited));
  std::string line;
  while (true) {
    line.clear();
    char byte = 0;
    ssize_t count = 0;
    while ((count = ::read(STDIN_FILENO, &byte, 1)) == 1 && byte != '\n') line.push_back(byte);
    if (count <= 0 || line == "quit") break;
    if (line == "counts") edge.print_counts();
    if (line.starts_with("measure ")) {
      edge.node().re_authorise_measure(MeasureNumber(std::strtoul(line.c_str() + 8, nullptr, 10)));
    }
    if (line == "upgrade") {
      const int socket = start_successor(argc, argv);
      const auto sent = diameter::send_inheritance(socket, edge.hand_over());
      if (!sent) give_up("upgrade", sent.error());
      return 0;
    }
  }
}
