// links: dayaq::base
// Messages at a node's door for sms_bench.py, and the gateway that takes its answers.
//
//   sms_load_tool echo PORT    a service that answers each request with a word
//   sms_load_tool PORT SECRET IDS SECONDS CONNECTIONS SINK_PORT
//
// Each line of the file IDS is asked for once, each from a number of its own, written as people write.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "http_load.hpp"

namespace {

std::atomic<std::uint64_t> taken = 0;

[[noreturn]] void stop(const std::string& what) {
  fmt::print(stderr, "sms_load_tool: {}\n", what);
  std::exit(1);
}

int number_of(std::string_view text) {
  int out = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), out).ec != std::errc())
    stop("a number is wanted");
  return out;
}

/// One connection of the node's sender: a request at a time, answered as smsbox does.
void serve(int connection, std::string_view answer) {
  std::string held;
  std::vector<char> buffer(65536);
  for (;;) {
    const ssize_t size = ::recv(connection, buffer.data(), buffer.size(), 0);
    if (size <= 0) break;
    held.append(buffer.data(), std::size_t(size));
    for (auto end = held.find("\r\n\r\n"); end != std::string::npos; end = held.find("\r\n\r\n")) {
      held.erase(0, end + 4);
      ++taken;
      if (::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
    }
  }
  ::close(connection);
}

constexpr std::string_view smsbox_says =
    "HTTP/1.1 202 OK\r\nServer: sink\r\nContent-Length: 24\r\nContent-type: text/html\r\n\r\n"
    "0: Accepted for delivery";

void listen_on(std::uint16_t port, std::string_view answer) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const int yes = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 64) != 0) {
    stop("the sink's port is taken");
  }
  std::thread([listener, answer] {
    for (;;) {
      const int connection = ::accept(listener, nullptr, nullptr);
      if (connection < 0) return;
      const int on = 1;
      ::setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      std::thread(serve, connection, answer).detach();
    }
  }).detach();
}

}  // namespace

int main(int argc, char** argv) {
  using namespace dayaq;
  if (argc == 3 && std::string_view(argv[1]) == "echo") {
    listen_on(std::uint16_t(number_of(argv[2])),
              "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-type: text/plain\r\n\r\nok");
    for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
  }
  if (argc != 7) stop("PORT SECRET IDS SECONDS CONNECTIONS SINK_PORT");
  const std::string secret = argv[2];
  std::vector<std::string> ids;
  std::ifstream in(argv[3]);
  for (std::string line; std::getline(in, line);) ids.push_back(line);
  listen_on(std::uint16_t(number_of(argv[6])), smsbox_says);
  const bench::LoadOptions options{.address = "127.0.0.1",
                                   .port = std::uint16_t(number_of(argv[1])),
                                   .connections = number_of(argv[5]),
                                   .duration = std::chrono::milliseconds(number_of(argv[4]) * 1000),
                                   .requests_max = ids.size()};
  // As people write: in order and not, with a greeting and without. Not in Russian, which is answered in two
  // parts: a request at the sink is an answer.
  constexpr std::string_view forms[]{"2+{}",
                                     "{}+2",
                                     "bazar+{}",
                                     "Salam%2C+icaz%C9%99+2+{}",
                                     "FIN+{}+s%C9%99b%C9%99b+2",
                                     "please%2C+pharmacy+{}"};
  const auto done = bench::run_load(options, [&](int, std::uint64_t number, std::string& out) {
    const std::string& id = ids[number % ids.size()];
    const std::string text = fmt::format(fmt::runtime(forms[number % std::size(forms)]), id);
    out = fmt::format(
        "GET /sms/inbound?secret={}&from=99450{:08}&to=8103&id=m{}&coding=0&charset=UTF-8&text={} "
        "HTTP/1.1\r\n"
        "Host: node\r\n\r\n",
        secret, number, id, text);
  });
  if (!done) stop(done.error().public_text);
  const std::uint64_t at_end = taken;
  // What was accepted is sent, whatever it takes.
  const auto ended = std::chrono::steady_clock::now();
  const std::uint64_t wanted = done->by_status.contains(200) ? done->by_status.at(200) : 0;
  while (taken < wanted && std::chrono::steady_clock::now() - ended < std::chrono::seconds(60)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const double lag = std::chrono::duration<double>(std::chrono::steady_clock::now() - ended).count();
  fmt::print(
      "{{\"accepted\":{},\"answered\":{},\"broken\":{},\"per_second\":{:.1f},\"p50_us\":{:.0f},\"p99_us\":{:."
      "0f},"
      "\"sent\":{},\"sent_at_end\":{},\"rest_s\":{:.3f},\"seconds\":{:.3f}}}\n",
      wanted, done->answered, done->broken, done->per_second, done->p50_us, done->p99_us, taken.load(),
      at_end, lag, done->seconds);
  return wanted == done->answered && done->broken == 0 ? 0 : 1;
}
