// links: dayaq::base
// tv_load_tool PORT CONNECTIONS WARM_UP SECONDS RATE LINES CHANNELS
//
// Viewers of HLS channels: GET /hls/cJ/1.ts with the header X-Line-Id of line I (99477 and 7 digits), lines
// and channels in a mixed order, over keep-alive connections on one thread. RATE 0: closed loop, as fast as
// it goes. RATE N: open loop, N a second by the clock, whatever has been answered; a request that finds no
// idle connection waits, and its latency counts from when it was due. A cookie that a line is given it sends
// from then on. Prints one JSON object.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Connection {
  int fd = -1;
  Clock::time_point due;
  std::string in;
  std::uint64_t line = 0;
};

struct Load {
  std::uint16_t port = 0;
  int connections = 64, warm_up = 1, seconds = 3;
  double rate = 0;
  std::uint64_t lines = 1000, channels = 5;

  std::vector<Connection> all;
  std::vector<int> idle;
  int epoll = -1;
  std::uint64_t sent = 0;
  std::vector<double> latencies_us;
  std::map<int, std::uint64_t> by_status;
  std::vector<std::string> cookies;  ///< of each line, as a header

  void connect() {
    epoll = ::epoll_create1(0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < connections; ++i) {
      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
      const int one = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        std::perror("connect");
        std::exit(1);
      }
      epoll_event event{.events = EPOLLIN, .data = {.u32 = std::uint32_t(i)}};
      ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
      all.push_back({.fd = fd, .due = {}, .in = {}, .line = 0});
      idle.push_back(i);
    }
  }

  void send(int number, Clock::time_point due) {
    // Lines and channels in an order that repeats only after all of them.
    const std::uint64_t line = sent * 7919 % lines, channel = line % channels;
    ++sent;
    const std::string request =
        fmt::format("GET /hls/c{}/1.ts HTTP/1.1\r\nHost: tv\r\nX-Line-Id: 99477{:07d}\r\n{}\r\n", channel,
                    line, cookies[line]);
    all[std::size_t(number)].due = due;
    all[std::size_t(number)].line = line;
    if (::send(all[std::size_t(number)].fd, request.data(), request.size(), MSG_NOSIGNAL) !=
        ssize_t(request.size())) {
      std::fputs("a request could not be sent\n", stderr);
      std::exit(1);
    }
  }

  /// Reads what has come; true if the answer is whole.
  bool read(Connection& c) {
    char buffer[16 << 10];
    const ssize_t n = ::recv(c.fd, buffer, sizeof buffer, 0);
    if (n <= 0) {
      std::fputs("the server closed a connection\n", stderr);
      std::exit(1);
    }
    c.in.append(buffer, std::size_t(n));
    const std::size_t head = c.in.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    std::size_t length = 0;
    if (const std::size_t at = c.in.find("Content-Length: "); at < head) {
      std::from_chars(c.in.data() + at + 16, c.in.data() + head, length);
    }
    if (c.in.size() < head + 4 + length) return false;
    if (const std::size_t at = c.in.find("Set-Cookie: "); at < head) {
      cookies[c.line] =
          fmt::format("Cookie: {}\r\n", c.in.substr(at + 12, c.in.find_first_of(";\r", at) - at - 12));
    }
    int status = 0;
    std::from_chars(c.in.data() + 9, c.in.data() + 12, status);
    ++by_status[status];
    c.in.clear();
    return true;
  }

  void run() {
    const auto begin = Clock::now(), warm = begin + std::chrono::seconds(warm_up);
    const auto end = warm + std::chrono::seconds(seconds);
    std::deque<Clock::time_point> waiting;
    std::uint64_t scheduled = 0;
    std::vector<epoll_event> events(256);
    for (auto now = begin; now < end; now = Clock::now()) {
      if (rate > 0) {
        const auto elapsed = std::chrono::duration<double>(now - begin).count();
        for (; double(scheduled) < elapsed * rate; ++scheduled) {
          waiting.push_back(begin + std::chrono::nanoseconds(std::int64_t(double(scheduled) / rate * 1e9)));
        }
      } else {
        while (waiting.size() < idle.size()) waiting.push_back(now);
      }
      for (; !waiting.empty() && !idle.empty(); waiting.pop_front()) {
        send(idle.back(), waiting.front());
        idle.pop_back();
      }
      const int n = ::epoll_wait(epoll, events.data(), int(events.size()), rate > 0 ? 0 : 100);
      const auto arrived = Clock::now();
      for (int i = 0; i < n; ++i) {
        const int number = int(events[std::size_t(i)].data.u32);
        Connection& c = all[std::size_t(number)];
        if (!read(c)) continue;
        if (c.due >= warm && arrived < end) {
          latencies_us.push_back(std::chrono::duration<double, std::micro>(arrived - c.due).count());
        }
        idle.push_back(number);
      }
    }
  }

  void print() {
    std::ranges::sort(latencies_us);
    const auto at = [&](double share) {
      return latencies_us.empty() ? 0.0 : latencies_us[std::size_t(share * double(latencies_us.size() - 1))];
    };
    std::string statuses;
    for (const auto& [status, count] : by_status) {
      statuses += fmt::format("{}\"{}\":{}", statuses.empty() ? "" : ",", status, count);
    }
    fmt::print(R"({{"per_second":{:.0f},"p50_us":{:.1f},"p99_us":{:.1f},"p999_us":{:.1f},"status":{{{}}}}})"
               "\n",
               double(latencies_us.size()) / seconds, at(0.5), at(0.99), at(0.999), statuses);
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) {
    std::fputs("usage: tv_load_tool PORT CONNECTIONS WARM_UP SECONDS RATE LINES CHANNELS\n", stderr);
    return 2;
  }
  Load load;
  load.port = std::uint16_t(std::strtoul(argv[1], nullptr, 10));
  load.connections = int(std::strtol(argv[2], nullptr, 10));
  load.warm_up = int(std::strtol(argv[3], nullptr, 10));
  load.seconds = int(std::strtol(argv[4], nullptr, 10));
  load.rate = std::strtod(argv[5], nullptr);
  load.lines = std::strtoull(argv[6], nullptr, 10);
  load.channels = std::strtoull(argv[7], nullptr, 10);
  load.cookies.resize(load.lines);
  load.connect();
  load.run();
  load.print();
  return 0;
}
