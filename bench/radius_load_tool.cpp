// links: dayaq::edge_radius
// radius_load_tool --port P --mode access|accounting [options]: the network's side of RADIUS, for load.
//
//   --secret S        testing123
//   --sources N       source ports, each with 256 identifiers (16)
//   --in-flight N     closed loop: so many requests are always under way (256)
//   --rate R          open loop instead: R requests a second are offered; latency counts from when each was
//   due
//   --seconds S       measured, after --warm-up S
//   --lines N         fixed lines "99412" + 7 digits, as edge_replica_tool makes them (1000)
//   --sessions N      accounting: each gets a Start first, then Interims with growing counters (5000)
//
// A request that isn't answered within two seconds is lost. Every 16th answer is proved. Prints one JSON
// object.
#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "base/random.hpp"
#include "edge/radius/authenticator.hpp"
#include "edge/radius/datagrams.hpp"

using namespace dayaq;
using namespace dayaq::edge::radius;
using Now = std::chrono::steady_clock;

namespace {

struct Options {
  std::uint16_t port = 1812;
  bool accounting = false;
  std::string secret = "testing123";
  std::size_t sources = 16, in_flight = 256, sessions = 5000;
  std::uint64_t lines = 1000;
  double rate = 0, seconds = 5, warm_up = 1;
};

struct Slot {
  bool busy = false;
  Now::time_point due, sent;
  Bytes request;
};

struct Source {
  explicit Source(DatagramSocket&& from) : socket(std::move(from)) {}
  DatagramSocket socket;
  std::array<Slot, 256> slots;
  std::size_t busy = 0;
  std::uint8_t next = 0;
  std::vector<Letter> letters;
};

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options), secret_(options.secret), octets_(options.sessions), epoll_(epoll_create1(0)) {
    const Endpoint to{.address = *parse_address("127.0.0.1"), .port = options.port};
    for (std::size_t i = 0; i < options.sources; ++i) {
      auto socket = DatagramSocket::connect(to);
      if (!socket) {
        fmt::print(stderr, "{}\n", socket.error().public_text);
        std::exit(1);
      }
      sources_.push_back(std::make_unique<Source>(std::move(*socket)));
      epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
      epoll_ctl(epoll_, EPOLL_CTL_ADD, sources_.back()->socket.descriptor(), &event);
    }
  }

  void run() {
    if (options_.accounting) {
      starting_ = options_.sessions;
      while ((starting_ > 0 || under_way_ > 0) && Now::now() - began_ < std::chrono::seconds(120)) {
        offer_closed(std::min<std::size_t>(options_.in_flight, 256));
        turn(std::chrono::milliseconds(10));
      }
      if (starting_ > 0 || lost_ > 0) fmt::print(stderr, "{} Starts were not answered\n", starting_ + lost_);
    }
    const auto begin = Now::now() + std::chrono::duration_cast<Now::duration>(
                                        std::chrono::duration<double>(options_.warm_up));
    const auto end =
        begin + std::chrono::duration_cast<Now::duration>(std::chrono::duration<double>(options_.seconds));
    measure_from_ = begin;
    next_due_ = Now::now();
    lost_ = answered_ = 0;
    while (Now::now() < end) {
      if (options_.rate > 0) {
        offer_open();
      } else {
        offer_closed(options_.in_flight);
      }
      turn(options_.rate > 0 ? std::chrono::milliseconds(0) : std::chrono::milliseconds(5));
    }
    report();
  }

 private:
  void offer_closed(std::size_t in_flight) {
    while (under_way_ < in_flight && send_one(Now::now())) {
    }
    post();
  }

  void offer_open() {
    const auto now = Now::now();
    const auto step =
        std::chrono::duration_cast<Now::duration>(std::chrono::duration<double>(1 / options_.rate));
    while (next_due_ <= now && send_one(next_due_)) next_due_ += step;
    post();
  }

  /// False when all identifiers are in use.
  bool send_one(Now::time_point due) {
    for (std::size_t tried = 0; tried < sources_.size(); ++tried) {
      Source& source = *sources_[turn_++ % sources_.size()];
      if (source.busy == source.slots.size()) continue;
      while (source.slots[source.next].busy) ++source.next;
      const std::uint8_t id = source.next++;
      Slot& slot = source.slots[id];
      slot.request = options_.accounting ? accounting(id) : access(id);
      slot.busy = true;
      slot.due = due;
      slot.sent = Now::now();
      ++source.busy;
      ++under_way_;
      source.letters.push_back({.to = {}, .bytes = slot.request});
      return true;
    }
    return false;
  }

  void post() {
    for (const auto& source : sources_) {
      if (!source->letters.empty()) send_all(source->socket, source->letters);
      source->letters.clear();
    }
  }

  Bytes access(std::uint8_t id) {
    Writer writer(Code::access_request, id);
    Authenticator authenticator;
    random_.fill(authenticator);
    writer.set_authenticator(authenticator);
    writer.add_message_authenticator();
    writer.add(type::user_name, std::string_view(line(random_.below(options_.lines))));
    Bytes password(16);
    std::ranges::copy(as_bytes("right"), password.begin());
    hide(password, authenticator, {}, secret_);
    writer.add(type::user_password, BytesView(password));
    writer.add(type::nas_identifier, std::string_view("load"));
    Bytes bytes = std::move(writer).take();
    sign_access_request(bytes, secret_);
    return bytes;
  }

  Bytes accounting(std::uint8_t id) {
    std::size_t session = 0;
    if (starting_ > 0) {
      session = --starting_;
    } else {
      session = random_.below(options_.sessions);
      octets_[session] += 100'000;
    }
    Writer writer(Code::accounting_request, id);
    writer.add(type::acct_status_type, std::uint32_t(octets_[session] == 0 ? 1 : 3));
    writer.add(type::user_name, std::string_view(line(session % options_.lines)));
    writer.add(type::nas_ip_address, 0x7f000001u);
    writer.add(type::nas_identifier, std::string_view("load"));
    writer.add(type::nas_port, std::uint32_t(session));
    writer.add(type::framed_ip_address, 0x0a000000u + std::uint32_t(session));
    writer.add(type::calling_station_id, std::string_view("02-00-00-00-00-01"));
    writer.add(type::acct_session_id, std::string_view(fmt::format("{:08x}", session)));
    writer.add(46, std::uint32_t(octets_[session] / 100'000));
    writer.add(type::acct_input_octets, std::uint32_t(octets_[session] / 4));
    writer.add(type::acct_output_octets, std::uint32_t(octets_[session] / 4 * 3));
    writer.add(type::acct_input_gigawords, std::uint32_t(0));
    writer.add(type::acct_output_gigawords, std::uint32_t(0));
    Bytes bytes = std::move(writer).take();
    sign_request(bytes, secret_);
    return bytes;
  }

  static std::string line(std::uint64_t number) { return fmt::format("99412{:07}", number); }

  void turn(std::chrono::milliseconds wait) {
    std::array<epoll_event, 64> events{};
    const int count = epoll_wait(epoll_, events.data(), int(events.size()), int(wait.count()));
    for (int i = 0; i < count; ++i) {
      Source& source = *sources_[events[std::size_t(i)].data.u64];
      for (const auto& datagram : inbox_.receive(source.socket)) answer(source, datagram.bytes);
    }
    const auto now = Now::now();
    if (now - swept_ < std::chrono::milliseconds(200)) return;
    swept_ = now;
    for (const auto& source : sources_) {
      for (Slot& slot : source->slots) {
        if (slot.busy && now - slot.sent > std::chrono::seconds(2)) {
          release(*source, slot);
          ++lost_;
        }
      }
    }
  }

  void answer(Source& source, BytesView bytes) {
    const auto packet = Packet::parse(bytes);
    if (!packet || !source.slots[packet->id()].busy) return;
    Slot& slot = source.slots[packet->id()];
    const auto now = Now::now();
    const Code wanted = options_.accounting ? Code::accounting_response : Code::access_accept;
    if (packet->code() != wanted) {
      ++refused_;
    } else if (++proved_ % 16 == 0 &&
               !check_reply_authenticator(*packet, std::span(slot.request).subspan<4, 16>(), secret_)) {
      ++wrong_;
    }
    release(source, slot);
    if (now < measure_from_) return;
    ++answered_;
    latencies_.push_back(
        std::uint32_t(std::chrono::duration_cast<std::chrono::microseconds>(now - slot.due).count()));
  }

  void release(Source& source, Slot& slot) {
    slot.busy = false;
    --source.busy;
    --under_way_;
  }

  void report() {
    std::ranges::sort(latencies_);
    const auto at = [&](double share) {
      return latencies_.empty() ? 0u
                                : latencies_[std::min(latencies_.size() - 1,
                                                      std::size_t(double(latencies_.size()) * share))];
    };
    fmt::print(
        R"({{"answered":{},"per_second":{:.0f},"lost":{},"refused":{},"wrong":{},"p50_us":{},"p99_us":{},"max_us":{}}})"
        "\n",
        answered_, double(answered_) / options_.seconds, lost_, refused_, wrong_, at(0.5), at(0.99), at(1.0));
  }

  const Options options_;
  const Secret secret_;
  std::vector<std::uint64_t> octets_;
  int epoll_;
  std::vector<std::unique_ptr<Source>> sources_;
  Inbox inbox_;
  SeededRandom random_{42};
  std::size_t turn_ = 0, under_way_ = 0, starting_ = 0;
  std::uint64_t answered_ = 0, lost_ = 0, refused_ = 0, wrong_ = 0, proved_ = 0;
  const Now::time_point began_ = Now::now();
  Now::time_point measure_from_ = Now::time_point::max(), next_due_, swept_{};
  std::vector<std::uint32_t> latencies_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--port") {
      options.port = std::uint16_t(std::stoi(value));
    } else if (name == "--mode") {
      options.accounting = value == "accounting";
    } else if (name == "--secret") {
      options.secret = value;
    } else if (name == "--sources") {
      options.sources = std::stoul(value);
    } else if (name == "--in-flight") {
      options.in_flight = std::stoul(value);
    } else if (name == "--rate") {
      options.rate = std::stod(value);
    } else if (name == "--seconds") {
      options.seconds = std::stod(value);
    } else if (name == "--warm-up") {
      options.warm_up = std::stod(value);
    } else if (name == "--lines") {
      options.lines = std::stoull(value);
    } else if (name == "--sessions") {
      options.sessions = std::stoul(value);
    } else {
      fmt::print(stderr, "unknown option {}\n", name);
      return 2;
    }
  }
  Load(options).run();
  return 0;
}
