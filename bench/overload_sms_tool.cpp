// links: dayaq::base
// Messages at a node's SMS door, each when it is due, and the gateway that takes the answers
// (overload_bench.py).
//
//   overload_sms_tool PORT SECRET IDS SECONDS SINK_PORT A_SECOND
//
// An open loop: a message that had to wait for its connection counts from when it was due. Prints one JSON
// object: door_* from then to the door's answer, whole_* to the answer at the gateway. The first three
// seconds aren't timed.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void stop(const std::string& what) {
  fmt::print(stderr, "overload_sms_tool: {}\n", what);
  std::exit(1);
}

int number_of(std::string_view text) {
  int out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

sockaddr_in local(std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

struct Book {
  std::mutex mutex;
  std::map<int, Clock::time_point> due;  ///< messages whose answer hasn't come, by their sender
  std::vector<double> door, whole;       ///< milliseconds
  std::uint64_t sent = 0, accepted = 0, answered = 0, broken = 0;
  Clock::time_point timed_from;

  void add(std::vector<double>& to, Clock::time_point from) const {
    if (from < timed_from) return;
    to.push_back(std::chrono::duration<double, std::milli>(Clock::now() - from).count());
  }
};

/// One connection of the node's sender: a request at a time, answered as smsbox does.
void serve(int connection, Book& book) {
  constexpr std::string_view answer =
      "HTTP/1.1 202 OK\r\nContent-Length: 24\r\nContent-type: text/html\r\n\r\n0: Accepted for delivery";
  std::string held;
  std::vector<char> buffer(65536);
  for (ssize_t n = 0; (n = ::recv(connection, buffer.data(), buffer.size(), 0)) > 0;) {
    held.append(buffer.data(), std::size_t(n));
    for (auto end = held.find("\r\n\r\n"); end != std::string::npos; end = held.find("\r\n\r\n")) {
      const std::size_t at = held.find("99450");  // in the receiver's number
      const int sender = at < end ? number_of(std::string_view(held).substr(at + 5, 8)) : -1;
      {
        const std::lock_guard lock(book.mutex);
        if (const auto found = book.due.find(sender); found != book.due.end()) {
          ++book.answered;
          book.add(book.whole, found->second);
          book.due.erase(found);
        }
      }
      held.erase(0, end + 4);
      if (::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
    }
  }
  ::close(connection);
}

void listen_on(std::uint16_t port, Book& book) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const int yes = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const sockaddr_in address = local(port);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 64) != 0) {
    stop("the gateway's port is taken");
  }
  std::thread([listener, &book] {
    for (;;) {
      const int connection = ::accept(listener, nullptr, nullptr);
      if (connection < 0) return;
      const int on = 1;
      ::setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      std::thread(serve, connection, std::ref(book)).detach();
    }
  }).detach();
}

int connect_to(std::uint16_t port) {
  const int out = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = local(port);
  const int on = 1;
  ::setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(out, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) stop("no door there");
  return out;
}

/// True if the door took it.
bool say(int connection, const std::string& request) {
  if (::send(connection, request.data(), request.size(), MSG_NOSIGNAL) < 0) return false;
  std::string in;
  char buffer[4096];
  while (in.find("\r\n\r\n") == std::string::npos) {
    const ssize_t n = ::recv(connection, buffer, sizeof buffer, 0);
    if (n <= 0) return false;
    in.append(buffer, std::size_t(n));
  }
  return in.starts_with("HTTP/1.1 200");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) stop("PORT SECRET IDS SECONDS SINK_PORT A_SECOND");
  const auto port = std::uint16_t(number_of(argv[1]));
  std::vector<std::string> ids;
  std::ifstream in(argv[3]);
  for (std::string line; std::getline(in, line);) ids.push_back(line);
  const double a_second = number_of(argv[6]);
  const auto warm_up = std::chrono::seconds(3);
  const auto every = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / a_second));
  const auto began = Clock::now();
  const auto end = began + warm_up + std::chrono::seconds(number_of(argv[4]));
  // Other numbers and ids than whoever has asked before: the same message again would be the same.
  const int run = int(::getpid() % 90);
  const int first = (10 + run) * 1'000'000;
  Book book;
  book.timed_from = began + warm_up;
  listen_on(std::uint16_t(number_of(argv[5])), book);
  constexpr int callers = 16;
  std::vector<std::thread> threads;
  for (int caller = 0; caller < callers; ++caller) {
    threads.emplace_back([&, caller] {
      int connection = connect_to(port);
      for (int number = caller;; number += callers) {
        const auto due = began + number * every;
        if (due >= end || std::size_t(number) >= ids.size()) break;
        std::this_thread::sleep_until(due);
        {
          const std::lock_guard lock(book.mutex);
          book.due[first + number] = due;
          ++book.sent;
        }
        const bool taken =
            say(connection, fmt::format("GET /sms/inbound?secret={}&from=99450{:08}&to=8103&id=o{}-{}"
                                        "&coding=0&charset=UTF-8&text=2+{} HTTP/1.1\r\nHost: node\r\n\r\n",
                                        argv[2], first + number, run, number, ids[std::size_t(number)]));
        const std::lock_guard lock(book.mutex);
        if (taken) {
          ++book.accepted;
          book.add(book.door, due);
        } else {
          ++book.broken;
          ::close(connection);
          connection = connect_to(port);
        }
      }
      ::close(connection);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto patient_until =
      Clock::now() + std::chrono::seconds(60);  // what was taken is answered, whatever it takes
  const auto left = [&] {
    const std::lock_guard lock(book.mutex);
    return book.answered < book.accepted;
  };
  while (left() && Clock::now() < patient_until) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const std::lock_guard lock(book.mutex);
  const auto at = [](std::vector<double>& all, double share) {
    std::sort(all.begin(), all.end());
    return all.empty() ? 0 : all[std::size_t(share * double(all.size() - 1))];
  };
  fmt::print(
      R"({{"came":{},"accepted":{},"answered":{},"broken":{},"door_p50_ms":{:.2f},"door_p99_ms":{:.2f},)"
      R"("whole_p50_ms":{:.2f},"whole_p99_ms":{:.2f}}})"
      "\n",
      book.sent, book.accepted, book.answered, book.broken, at(book.door, 0.5), at(book.door, 0.99),
      at(book.whole, 0.5), at(book.whole, 0.99));
  std::fflush(stdout);
  std::_Exit(0);  // the gateway's threads wait for connections for ever
}
