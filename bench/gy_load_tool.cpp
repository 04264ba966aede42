// links: dayaq::base
// gy_load_tool --ports P[,P...] [--mode closed|open|storm] [options]: a packet gateway's side of Gy, for
// load.
//
// Opens --sessions sessions (CCR-I), measures updates, ends the sessions where --terminate 1.
//   closed  --in-flight N requests are always under way
//   open    --rate R requests a second are offered; latency counts from when each was due
//   storm   waits for a Re-Auth-Request to each session, answers it and asks with an update
// A connection that is lost hands what it had under way to the next one, with the T bit, and is tried again.
// On standard output: "ready" once the sessions are open, then one JSON object. --pid P: whose CPU is told
// too.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <utility>

#include "gy_load.hpp"

using namespace dayaq::bench::gy;
using namespace std::chrono_literals;

namespace {

struct Options {
  std::vector<std::uint16_t> ports;
  std::string mode = "closed";
  std::size_t in_flight = 64, sessions = 10'000, subscribers = 10'000;
  std::uint64_t first = 0;
  double rate = 10'000, seconds = 5, warm_up = 1;
  bool terminate = false, same_origin = false;
  std::vector<int> pids;
  Profile profile;
};

struct Session {
  std::uint32_t number = 0;
  bool open = false, busy = false, told = false;
};

struct Slot {
  Clock::time_point due;
  std::uint64_t session = 0;
  std::uint32_t end_to_end = 0, number = 0;
  std::uint16_t connection = 0;
  Kind kind = Kind::initial;
  bool used = false, moved = false;
};

struct Connection {
  int fd = -1;
  std::uint16_t port = 0;
  std::vector<std::uint8_t> in, out;
  std::size_t in_end = 0, out_sent = 0;
  Clock::time_point again{};
};

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options),
        templates_{Template(options.profile, Kind::initial), Template(options.profile, Kind::update),
                   Template(options.profile, Kind::termination)},
        sessions_(options.sessions),
        epoll_(::epoll_create1(0)) {
    for (const std::uint16_t port : options.ports) connections_.push_back({.port = port});
    end_to_end_ = std::uint32_t(Clock::now().time_since_epoch().count());
  }

  bool connect_all() {
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      if (!connect(i)) return false;
    }
    return true;
  }
  /// Every session gets this request once, as fast as it goes.
  void everybody(Kind kind) {
    std::size_t next = 0;
    const std::size_t window = std::max<std::size_t>(options_.in_flight, 256);
    while (next < sessions_.size() || under_way_ > 0) {
      while (next < sessions_.size() && under_way_ < window) ask(next++, kind, Clock::now());
      if (!turn(100ms)) return;
    }
  }
  void closed(double seconds) {
    const auto until = Clock::now() + std::chrono::duration<double>(seconds);
    while (Clock::now() < until) {
      const auto now = Clock::now();
      while (under_way_ < options_.in_flight) ask(pick(), Kind::update, now);
      if (!turn(100ms)) return;
    }
  }
  void open(double seconds) {
    const auto begin = Clock::now();
    const auto interval = std::chrono::duration<double>(1 / options_.rate);
    const auto count = std::uint64_t(seconds * options_.rate);
    for (std::uint64_t i = 0; i < count;) {
      const auto due = [&](std::uint64_t n) {
        return begin + std::chrono::duration_cast<Clock::duration>(interval * double(n));
      };
      for (const auto now = Clock::now(); i < count && due(i) <= now; ++i) ask(pick(), Kind::update, due(i));
      const auto left = i < count ? due(i) - Clock::now() : Clock::duration(0);
      if (!turn(std::max(left, Clock::duration(0)))) return;
    }
  }
  /// Until every session was told and has asked.
  void storm(double seconds) {
    const auto until = Clock::now() + std::chrono::duration<double>(seconds);
    while (Clock::now() < until && (told_ < sessions_.size() || under_way_ > 0)) {
      if (!turn(100ms)) return;
    }
  }
  void drain(std::chrono::seconds wait) {
    const auto until = Clock::now() + wait;
    while (under_way_ > 0 && Clock::now() < until) {
      if (!turn(10ms)) return;
    }
  }
  void count_from_here() {
    latency_ = {};
    answered_ = sent_ = 0;
    results_.clear();
  }
  void say_goodbye();
  void print(double seconds, double server_cpu) const;
  [[nodiscard]] std::uint64_t answered() const { return answered_; }

 private:
  bool connect(std::size_t index);
  void lost(std::size_t index);
  std::size_t pick() {
    while (true) {
      cursor_ = cursor_ + 1 == sessions_.size() ? 0 : cursor_ + 1;
      if (!sessions_[cursor_].busy && sessions_[cursor_].open) return cursor_;
      if (under_way_ >= sessions_.size()) {
        fmt::print(stderr, "more in flight than sessions\n");
        std::exit(1);
      }
    }
  }
  std::size_t connection_for(std::uint64_t session) {
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      const std::size_t index = (session + i) % connections_.size();
      if (connections_[index].fd >= 0) return index;
    }
    return npos;
  }
  void ask(std::uint64_t session, Kind kind, Clock::time_point due);
  void transmit(std::uint32_t slot);
  bool turn(Clock::duration wait);
  void receive(std::size_t index);
  void on_message(std::size_t index, const std::uint8_t* message, std::size_t size);
  void on_request(std::size_t index, const std::uint8_t* message, std::size_t size);
  void flush(std::size_t index);

  static constexpr std::size_t npos = std::size_t(-1);
  const Options options_;
  std::array<Template, 3> templates_;
  std::vector<Session> sessions_;
  std::vector<Connection> connections_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> stranded_;  ///< nobody was there to send them to
  int epoll_;
  std::uint32_t end_to_end_ = 0;
  std::size_t cursor_ = 0, under_way_ = 0, told_ = 0;
  std::uint64_t sent_ = 0, answered_ = 0, drops_ = 0, resent_ = 0, stray_ = 0, reported_ = 0, rars_ = 0;
  std::map<std::uint32_t, std::uint64_t> results_;
  Histogram latency_;
  Clock::time_point first_rar_{}, last_answer_{};
};

bool Load::connect(std::size_t index) {
  Connection& c = connections_[index];
  c = {.port = c.port, .again = Clock::now() + 100ms};
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(c.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Builder cer(0x80, 257, 0);
  const std::string host = options_.same_origin ? options_.profile.origin_host
                                                : fmt::format("c{}.{}", index, options_.profile.origin_host);
  cer.text(264, host);
  cer.text(296, options_.profile.origin_realm);
  const std::array<std::uint8_t, 6> ip{0, 1, 127, 0, 0, 1};
  cer.avp(257, ip.data(), ip.size());
  cer.u32(266, 0);
  cer.text(269, "gy_load_tool", false);
  cer.u32(258, 4);
  const auto bytes = cer.finish();
  std::array<std::uint8_t, 4096> answer{};
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != ssize_t(bytes.size())) {
    ::close(fd);
    return false;
  }
  const ssize_t got = ::recv(fd, answer.data(), answer.size(), 0);
  if (got < 20 || result_of(answer.data(), std::size_t(got), nullptr) != 2001) {
    ::close(fd);
    return false;
  }
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  c.fd = fd;
  c.in.resize(1u << 18);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = index}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  return true;
}

/// What it had under way goes to another, as a network fails over.
void Load::lost(std::size_t index) {
  Connection& c = connections_[index];
  if (c.fd < 0) return;
  ::close(c.fd);
  c.fd = -1;
  c.again = Clock::now() + 100ms;
  ++drops_;
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (!slots_[slot].used || slots_[slot].connection != index) continue;
    slots_[slot].moved = true;
    ++resent_;
    transmit(slot);
  }
}

void Load::ask(std::uint64_t session, Kind kind, Clock::time_point due) {
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = std::uint32_t(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Session& s = sessions_[session];
  s.busy = true;
  slots_[slot] = {.due = due,
                  .session = session,
                  .end_to_end = end_to_end_++,
                  .number = s.number++,
                  .kind = kind,
                  .used = true};
  ++under_way_;
  ++sent_;
  transmit(slot);
}

void Load::transmit(std::uint32_t slot) {
  Slot& s = slots_[slot];
  const std::size_t index = connection_for(s.session);
  if (index == npos) {
    stranded_.push_back(slot);
    return;
  }
  s.connection = std::uint16_t(index);
  const std::uint64_t subscriber = (options_.first + s.session * 9'999'991) % options_.subscribers;
  templates_[std::size_t(s.kind) - 1].append(connections_[index].out, slot, s.end_to_end, s.session,
                                             subscriber, s.number, s.moved);
}

void Load::flush(std::size_t index) {
  Connection& c = connections_[index];
  if (c.fd < 0 || c.out.empty()) return;
  const ssize_t count = ::send(c.fd, c.out.data() + c.out_sent, c.out.size() - c.out_sent, MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN) return lost(index);
  c.out_sent += std::size_t(std::max<ssize_t>(count, 0));
  const bool all = c.out_sent == c.out.size();
  if (all) {
    c.out.clear();
    c.out_sent = 0;
  }
  epoll_event event{.events = all ? EPOLLIN : EPOLLIN | EPOLLOUT, .data = {.u64 = index}};
  if (!all || count < 0) ::epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
}

/// Sends what was asked, waits for something to happen, takes what came. False if nobody is there any more
/// for ten seconds.
bool Load::turn(Clock::duration wait) {
  for (std::size_t i = 0; i < connections_.size(); ++i) flush(i);
  const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(wait).count();
  const timespec time{.tv_sec = nanoseconds / 1'000'000'000, .tv_nsec = nanoseconds % 1'000'000'000};
  std::array<epoll_event, 64> events{};
  const int count = ::epoll_pwait2(epoll_, events.data(), int(events.size()), &time, nullptr);
  for (int i = 0; i < count; ++i) {
    const std::size_t index = events[std::size_t(i)].data.u64;
    if ((events[std::size_t(i)].events & EPOLLOUT) != 0) {
      epoll_event event{.events = EPOLLIN, .data = {.u64 = index}};
      ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connections_[index].fd, &event);
    }
    if ((events[std::size_t(i)].events & ~unsigned(EPOLLOUT)) != 0) receive(index);
  }
  bool any = false;
  const auto now = Clock::now();
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    Connection& c = connections_[i];
    if (c.fd < 0 && now > c.again) (void)connect(i);
    any = any || c.fd >= 0;
  }
  if (any && !stranded_.empty()) {
    for (const std::uint32_t slot : std::exchange(stranded_, {})) transmit(slot);
  }
  if (any) last_answer_ = std::max(last_answer_, now);
  return any || now - last_answer_ < 10s;
}

void Load::receive(std::size_t index) {
  Connection& c = connections_[index];
  if (c.fd < 0) return;
  const ssize_t got = ::recv(c.fd, c.in.data() + c.in_end, c.in.size() - c.in_end, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return lost(index);
  c.in_end += std::size_t(got);
  std::size_t at = 0;
  while (c.in_end - at >= 20 && c.fd >= 0) {
    const std::size_t size = get32(&c.in[at]) & 0xffffff;
    if (size < 20 || size > 65536) {
      fmt::print(stderr, "a message of {} bytes came\n", size);
      std::exit(1);
    }
    if (c.in_end - at < size) break;
    on_message(index, &c.in[at], size);
    at += size;
  }
  std::memmove(c.in.data(), c.in.data() + at, c.in_end - at);
  c.in_end -= at;
}

void Load::on_message(std::size_t index, const std::uint8_t* message, std::size_t size) {
  if ((message[4] & 0x80) != 0) return on_request(index, message, size);
  if ((get32(message + 4) & 0xffffff) != 272) return;
  const std::uint32_t slot = get32(message + 12);
  if (slot >= slots_.size() || !slots_[slot].used || slots_[slot].end_to_end != get32(message + 16)) {
    ++stray_;
    return;
  }
  Slot& s = slots_[slot];
  latency_.add(Clock::now() - s.due);
  const std::uint32_t result = result_of(message, size, nullptr);
  ++results_[result];
  ++answered_;
  --under_way_;
  Session& session = sessions_[s.session];
  session.busy = false;
  if (result == 2001) {
    session.open = s.kind != Kind::termination;
    if (s.kind != Kind::initial) reported_ += options_.profile.used;
  }
  s.used = false;
  free_.push_back(slot);
}

void Load::on_request(std::size_t index, const std::uint8_t* message, std::size_t size) {
  const std::uint32_t command = get32(message + 4) & 0xffffff;
  std::string_view session;
  (void)result_of(message, size, &session);
  Builder answer(std::uint8_t(message[4] & 0x40), command, get32(message + 8));
  put32(&answer.bytes[12], get32(message + 12));
  put32(&answer.bytes[16], get32(message + 16));
  if (!session.empty()) answer.text(263, session);
  answer.u32(268, command == 258 ? 2002 : 2001);
  answer.text(264, options_.profile.origin_host);
  answer.text(296, options_.profile.origin_realm);
  const auto bytes = answer.finish();
  Connection& c = connections_[index];
  c.out.insert(c.out.end(), bytes.begin(), bytes.end());
  if (command != 258 || session.size() < 10) return;
  if (rars_++ == 0) first_rar_ = Clock::now();
  std::uint64_t number = 0;
  std::from_chars(session.data() + session.size() - 10, session.data() + session.size(), number);
  if (number >= sessions_.size()) return;
  if (!std::exchange(sessions_[number].told, true)) ++told_;
  if (!sessions_[number].busy) ask(number, Kind::update, Clock::now());
}

void Load::say_goodbye() {
  Builder dpr(0x80, 282, 0);
  dpr.text(264, options_.profile.origin_host);
  dpr.text(296, options_.profile.origin_realm);
  dpr.u32(273, 2);
  const auto bytes = dpr.finish();
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    connections_[i].out.insert(connections_[i].out.end(), bytes.begin(), bytes.end());
    flush(i);
  }
  const auto until = Clock::now() + 50ms;
  while (Clock::now() < until) {
    if (!turn(10ms)) return;
  }
}

void Load::print(double seconds, double server_cpu) const {
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  std::string results;
  for (const auto& [code, count] : results_) {
    results += fmt::format("{}\"{}\":{}", results.empty() ? "" : ",", code, count);
  }
  const auto storm = std::chrono::duration<double>(last_answer_ - first_rar_).count();
  fmt::print(
      R"({{"sent":{},"answered":{},"results":{{{}}},"seconds":{:.3f},"per_second":{:.0f},"p50_us":{:.1f},)"
      R"("p99_us":{:.1f},"p999_us":{:.1f},"max_us":{:.1f},"unanswered":{},"drops":{},"resent":{},"stray":{},)"
      R"("reported":{},"re_auth":{},"told":{},"storm_s":{:.3f},"server_cpu_s":{:.3f},"own_cpu_s":{:.3f}}})"
      "\n",
      sent_, answered_, results, seconds, double(answered_) / seconds, latency_.quantile_us(0.5),
      latency_.quantile_us(0.99), latency_.quantile_us(0.999), latency_.max_us(), under_way_, drops_, resent_,
      stray_, reported_, rars_, told_, rars_ == 0 ? 0 : storm, server_cpu,
      double(own.ru_utime.tv_sec + own.ru_stime.tv_sec) +
          double(own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6);
}

/// User and system time of processes, in seconds.
double cpu_of(const std::vector<int>& pids) {
  double sum = 0;
  for (const int pid : pids) {
    std::ifstream stat(fmt::format("/proc/{}/stat", pid));
    std::string line;
    std::getline(stat, line);
    const std::size_t after = line.rfind(')');
    if (after == std::string::npos) continue;
    unsigned long user = 0, system = 0;
    if (std::sscanf(line.c_str() + after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                    &system) == 2) {
      sum += double(user + system) / double(::sysconf(_SC_CLK_TCK));
    }
  }
  return sum;
}

template <class Number>
std::vector<Number> list_of(std::string_view text) {
  std::vector<Number> out;
  while (!text.empty()) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) break;
    out.push_back(value);
    text.remove_prefix(std::min(text.size(), std::size_t(end - text.data()) + 1));
  }
  return out;
}

bool read_options(int argc, char** argv, Options& o) {
  const auto number = [](const char* text) { return std::strtoull(text, nullptr, 10); };
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* const value = argv[i + 1];
    if (name == "--ports")
      o.ports = list_of<std::uint16_t>(value);
    else if (name == "--pid")
      o.pids = list_of<int>(value);
    else if (name == "--mode")
      o.mode = value;
    else if (name == "--in-flight")
      o.in_flight = number(value);
    else if (name == "--sessions")
      o.sessions = number(value);
    else if (name == "--subscribers")
      o.subscribers = number(value);
    else if (name == "--first")
      o.first = number(value);
    else if (name == "--rate")
      o.rate = std::strtod(value, nullptr);
    else if (name == "--seconds")
      o.seconds = std::strtod(value, nullptr);
    else if (name == "--warm-up")
      o.warm_up = std::strtod(value, nullptr);
    else if (name == "--terminate")
      o.terminate = *value == '1';
    else if (name == "--same-origin")
      o.same_origin = *value == '1';
    else if (name == "--origin")
      o.profile.origin_host = value;
    else if (name == "--origin-realm")
      o.profile.origin_realm = value;
    else if (name == "--realm")
      o.profile.realm = value;
    else if (name == "--run")
      o.profile.run = value;
    else if (name == "--context")
      o.profile.context = value;
    else if (name == "--prefix")
      o.profile.prefix = value;
    else if (name == "--rating-group")
      o.profile.rating_group = std::uint32_t(number(value));
    else if (name == "--used")
      o.profile.used = number(value);
    else if (name == "--voice")
      o.profile.voice = *value == '1';
    else
      return false;
  }
  return argc % 2 == 1 && !o.ports.empty() && o.sessions > 0 && o.subscribers > 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!read_options(argc, argv, options)) {
    fmt::print(stderr,
               "gy_load_tool --ports P[,P...] [--mode closed|open|storm] [--in-flight N] [--rate R] ...\n");
    return 2;
  }
  ::prctl(PR_SET_TIMERSLACK, 1);
  Load load(options);
  if (!load.connect_all()) {
    fmt::print(stderr, "the edge doesn't take the connection\n");
    return 1;
  }
  load.everybody(Kind::initial);
  fmt::print("ready\n");
  std::fflush(stdout);
  if (options.mode == "closed") load.closed(options.warm_up);
  if (options.mode == "open") load.open(options.warm_up);
  load.count_from_here();
  const double cpu = cpu_of(options.pids);
  const auto begin = Clock::now();
  if (options.mode == "closed") load.closed(options.seconds);
  if (options.mode == "open") load.open(options.seconds);
  if (options.mode == "storm") load.storm(options.seconds);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const double server_cpu = cpu_of(options.pids) - cpu;
  load.drain(10s);
  if (options.terminate) load.everybody(Kind::termination);
  load.print(seconds, server_cpu);
  load.say_goodbye();
}
