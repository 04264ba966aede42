// links: dayaq::services dayaq::base
// A crowd that applies to leave home, and what it is told.
//
//   overload_load_tool calm  PORT PATH PERSONS.txt FIRST CALLERS  SECONDS RECEIPTS.txt
//   overload_load_tool storm PORT PATH PERSONS.txt FIRST VISITORS SECONDS RECEIPTS.txt ASKS_A_SECOND POLITE
//
// calm   callers who send an application, each on a connection of its own, and when they have the receipt the
//        next: as much as the server can do, its capacity.
// storm  an open loop: visitors with open connections send ASKS_A_SECOND requests in all, each in turn,
// whether
//        or not the ones before were answered; nobody heeds Retry-After. Whoever has a receipt goes, and
//        somebody else comes on a new connection, without a ticket. Beside them POLITE ones do what they are
//        told: ask for the form (GET), come again after Retry-After, and apply with their pass, on the same
//        connection. What an application takes once its sender is admitted is measured on these.
//
// FIRST: number of the first application, whose person and case follow from it. Prints one JSON object, in
// which
//   offered    requests written to a socket (of the crowd)      full     not written: the socket took no more
//   refused    answered 503                                     unread   without an answer when their visitor
//   left first_*    from a visitor's first request to its answer     polite_* from sending an application to
//   its receipt
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <map>
#include <queue>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/types.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

[[noreturn]] void stop(const std::string& what) {
  fmt::print(stderr, "overload_load_tool: {}\n", what);
  std::exit(1);
}

struct Plan {
  bool storm = false;
  std::uint16_t port = 0;
  std::string path;
  std::vector<std::string> persons;
  std::uint64_t next = 0;  ///< application
  std::size_t visitors = 0, polite = 0;
  int seconds = 0;
  std::string receipts;
  double asks_a_second = 0;
};

struct Visitor {
  int fd = -1;
  bool polite = false, has_pass = false;
  std::uint64_t number = 0;      ///< of the application
  std::uint64_t connection = 0;  ///< which it has; 0 none
  std::string cookie, request, unsent, in;
  std::uint64_t waiting = 0;  ///< requests that were written and not answered
  Clock::time_point first_sent, sent;
  bool seen = false;  ///< was answered once
};

struct Answer {
  int status = 0;
  std::string_view head, body;
  std::size_t size = 0;
};

std::string_view header(std::string_view head, std::string_view name) {
  const std::size_t at = head.find(name);
  if (at == std::string_view::npos) return {};
  head.remove_prefix(at + name.size());
  return head.substr(0, head.find("\r\n"));
}

int number_in(std::string_view text) {
  int out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

/// False: more must come.
bool read_answer(std::string_view bytes, Answer& out) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return false;
  out.head = bytes.substr(0, end + 2);
  out.status = number_in(bytes.substr(9, 3));
  const auto length = std::size_t(number_in(header(out.head, "\r\nContent-Length: ")));
  out.size = end + 4 + length;
  if (bytes.size() < out.size) return false;
  out.body = bytes.substr(end + 4, length);
  return true;
}

class Times {
 public:
  void add(Clock::duration took) { all_.push_back(std::chrono::duration<double, std::milli>(took).count()); }
  [[nodiscard]] double at(double share) {
    if (all_.empty()) return 0;
    const auto nth = all_.begin() + std::ptrdiff_t(share * double(all_.size() - 1));
    std::nth_element(all_.begin(), nth, all_.end());
    return *nth;
  }
  [[nodiscard]] std::size_t count() const { return all_.size(); }

 private:
  std::vector<double> all_;
};

class Crowd {
 public:
  explicit Crowd(const Plan& plan)
      : plan_(plan),
        next_(plan.next),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        all_(plan.visitors + plan.polite),
        receipts_(plan.receipts, std::ios::app) {}

  void run() {
    const auto warm_up = milliseconds(3000);
    began_ = now_ = Clock::now();
    counting_from_ = began_ + warm_up;
    const auto end = counting_from_ + std::chrono::seconds(plan_.seconds);
    for (std::size_t i = 0; i < all_.size(); ++i) {
      all_[i].polite = i >= plan_.visitors;
      if (!plan_.storm) begin(i);
      // They come within the first three seconds: a crowd, not a wall.
      if (all_[i].polite) later_.push({now_ + warm_up * int(i - plan_.visitors) / int(plan_.polite), i});
    }
    std::array<epoll_event, 512> events{};
    while (now_ < end) {
      // Answers first, and all of them: a crowd that is late with its requests still sees what it is told.
      int count = 0;
      do {
        count = ::epoll_wait(epoll_, events.data(), int(events.size()), late_ ? 0 : plan_.storm ? 1 : 100);
        now_ = Clock::now();
        for (int i = 0; i < count; ++i) handle(std::size_t(events[std::size_t(i)].data.u64));
      } while (count == int(events.size()));
      if (plan_.storm) ask_in_turn();
      for (; !later_.empty() && later_.top().first <= now_; later_.pop()) begin(later_.top().second);
    }
  }

  void report() {
    const double seconds = std::chrono::duration<double>(now_ - counting_from_).count();
    std::string statuses;
    for (const auto& [status, count] : by_status_) {
      statuses += fmt::format(R"({}"{}":{})", statuses.empty() ? "" : ",", status, count);
    }
    std::uint64_t unanswered = 0;
    for (const Visitor& visitor : all_) unanswered += visitor.waiting;
    if (!example_.empty()) fmt::print(stderr, "{}\n", example_);
    fmt::print(
        R"({{"per_second":{:.1f},"offered_a_second":{:.1f},"refused_a_second":{:.1f},"full":{},"unread":{},)"
        R"("unanswered_at_end":{},"connections":{},"broken":{},"receipts":{},"repeated":{},"next":{},)"
        R"("p50_ms":{:.2f},"p99_ms":{:.2f},"first_p50_ms":{:.2f},"first_p99_ms":{:.2f},"polite":{},)"
        R"("polite_p50_ms":{:.2f},"polite_p99_ms":{:.2f},"by_status":{{{}}}}})"
        "\n",
        double(served_) / seconds, double(offered_) / seconds, double(by_status_[503]) / seconds, full_,
        unread_, unanswered, connections_, broken_, given_, twice_, next_, took_.at(0.5), took_.at(0.99),
        first_.at(0.5), first_.at(0.99), polite_.count(), polite_.at(0.5), polite_.at(0.99), statuses);
  }

 private:
  [[nodiscard]] bool counting() const { return now_ >= counting_from_; }

  void connect(Visitor& visitor, std::size_t index) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(plan_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    visitor.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (visitor.fd < 0 ||
        (::connect(visitor.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
         errno != EINPROGRESS)) {
      stop("the server can't be reached");
    }
    const int on = 1;
    ::setsockopt(visitor.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = index}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, visitor.fd, &event);
    visitor.connection = ++connections_;
  }

  void leave(Visitor& visitor) {
    if (visitor.fd >= 0) ::close(std::exchange(visitor.fd, -1));
    if (counting()) unread_ += visitor.waiting;
    visitor.waiting = visitor.connection = 0;
    visitor.in.clear();
    visitor.unsent.clear();
  }

  /// A visitor who comes, or a polite one who comes again.
  void begin(std::size_t index) {
    Visitor& visitor = all_[index];
    if (visitor.number == 0) {
      leave(visitor);
      visitor = {.polite = visitor.polite, .number = next_++};
      write_request(visitor);
    }
    if (visitor.fd < 0) connect(visitor, index);
    ask(visitor);
  }

  void write_request(Visitor& visitor) {
    const std::string cookie = visitor.cookie.empty() ? "" : "Cookie: " + visitor.cookie + "\r\n";
    if (visitor.polite && !visitor.has_pass) {
      visitor.request = fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", plan_.path, cookie);
      return;
    }
    const std::string body = fmt::format(
        R"({{"person":"{}","service":"leaving-home","answers":{{"reason":"doctor"}},"id":"{}","notify":false}})",
        plan_.persons[visitor.number % plan_.persons.size()],
        dayaq::services::case_number(dayaq::services::CaseId(visitor.number)));
    visitor.request = fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: {}\r\n\r\n{}",
                                  plan_.path, cookie, body.size(), body);
  }

  void ask(Visitor& visitor) {
    const bool before = !visitor.unsent.empty();
    const std::string& bytes = before ? visitor.unsent : visitor.request;
    const ssize_t n = ::send(visitor.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
      if (counting()) ++full_;
      return;  // a closed connection is seen when it is read
    }
    if (std::size_t(n) < bytes.size()) {
      visitor.unsent = bytes.substr(std::size_t(n));
      return;
    }
    visitor.unsent.clear();
    visitor.sent = now_;
    if (!visitor.seen && visitor.waiting == 0) visitor.first_sent = now_;
    ++visitor.waiting;
    if (counting() && !visitor.polite) ++offered_;
  }

  /// The crowd's requests that are due by now, one visitor after the other.
  void ask_in_turn() {
    const double passed = std::chrono::duration<double>(now_ - began_).count();
    const auto due = std::uint64_t(passed * plan_.asks_a_second);
    constexpr std::uint64_t most = 512;  // at once
    for (const std::uint64_t until = std::min(due, asked_ + most); asked_ < until; ++asked_) {
      const std::size_t index = turn_++ % plan_.visitors;
      if (all_[index].fd < 0) {
        begin(index);
      } else {
        ask(all_[index]);
      }
    }
    late_ = asked_ < due;
  }

  void handle(std::size_t index) {
    Visitor& visitor = all_[index];
    if (visitor.fd < 0) return;
    const ssize_t n = ::recv(visitor.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      if (counting()) ++broken_;
      leave(visitor);  // with the place, comes again
      if (!plan_.storm || visitor.polite) begin(index);
      return;
    }
    visitor.in.append(buffer_.data(), std::size_t(n));
    const std::string bytes = std::exchange(visitor.in, {});
    const std::uint64_t connection = visitor.connection;
    Answer answer;
    std::string_view rest = bytes;
    while (visitor.connection == connection && read_answer(rest, answer)) {
      rest.remove_prefix(answer.size);
      answered(visitor, index, answer);
    }
    if (visitor.connection == connection) visitor.in = rest;
  }

  void answered(Visitor& visitor, std::size_t index, const Answer& answer) {
    if (visitor.waiting > 0) --visitor.waiting;
    if (counting()) ++by_status_[answer.status];
    if (!std::exchange(visitor.seen, true) && counting()) first_.add(now_ - visitor.first_sent);
    if (const auto set = header(answer.head, "\r\nSet-Cookie: "); !set.empty()) {
      visitor.cookie = set.substr(0, set.find(';'));
      write_request(visitor);
    }
    const bool closes = answer.head.find("\r\nConnection: close") != std::string_view::npos;
    const int again = number_in(header(answer.head, "\r\nRetry-After: "));
    if (answer.status == 503) {
      if (closes) leave(visitor);
      if (visitor.polite) later_.push({now_ + std::chrono::seconds(again), index});
      if (!plan_.storm) begin(index);
      return;
    }
    if (visitor.polite && !visitor.has_pass && answer.status == 200) {  // the form
      visitor.has_pass = true;
      write_request(visitor);
      if (closes) leave(visitor);
      return begin(index);
    }
    done(visitor, answer);
    leave(visitor);
    if (visitor.polite || !plan_.storm) begin(index);
  }

  void done(Visitor& visitor, const Answer& answer) {
    if (answer.status == 201 || answer.status == 200) {
      ++given_;
      if (answer.status == 200) ++twice_;  // the same again: a retry after a lost answer
      receipts_ << visitor.number << '\n';
      if (counting()) ++served_;
      if (counting()) (visitor.polite ? polite_ : took_).add(now_ - visitor.sent);
    } else if (example_.empty()) {
      example_ = answer.body;
    }
    visitor.number = 0;
  }

  using Later = std::pair<Clock::time_point, std::size_t>;
  const Plan& plan_;
  std::uint64_t next_;
  int epoll_;
  std::vector<Visitor> all_;
  std::ofstream receipts_;
  std::priority_queue<Later, std::vector<Later>, std::greater<>> later_;
  std::vector<char> buffer_ = std::vector<char>(256 << 10);
  Clock::time_point began_, now_, counting_from_;
  std::uint64_t asked_ = 0;
  std::size_t turn_ = 0;
  bool late_ = false;  ///< requests are due that weren't sent
  std::uint64_t offered_ = 0, full_ = 0, unread_ = 0, connections_ = 0, broken_ = 0, given_ = 0, twice_ = 0,
                served_ = 0;
  std::map<int, std::uint64_t> by_status_;
  Times took_, first_, polite_;
  std::string example_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> said(argv + 1, argv + argc);
  if (said.size() < 8)
    stop("calm|storm PORT PATH PERSONS FIRST VISITORS SECONDS RECEIPTS [ASKS_A_SECOND POLITE]");
  Plan plan;
  plan.storm = said[0] == "storm";
  if (plan.storm != (said.size() == 10)) stop("a storm has ASKS_A_SECOND and POLITE, a calm hasn't");
  plan.port = std::uint16_t(number_in(said[1]));
  plan.path = said[2];
  std::ifstream in(said[3]);
  for (std::string line; std::getline(in, line);) plan.persons.push_back(line);
  plan.next = std::stoull(said[4]);
  plan.visitors = std::stoul(said[5]);
  plan.seconds = number_in(said[6]);
  plan.receipts = said[7];
  if (plan.storm) {
    plan.asks_a_second = std::stod(said[8]);
    plan.polite = std::stoul(said[9]);
  }
  if (plan.persons.empty() || plan.visitors == 0) stop("somebody must come");
  Crowd crowd(plan);
  crowd.run();
  crowd.report();
}
