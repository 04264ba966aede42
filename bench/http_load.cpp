#include "http_load.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace dayaq::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// Log-linear buckets of nanoseconds: 64 to each power of two, so that a percentile is right to 1.6 %.
class Histogram {
 public:
  void add(std::uint64_t ns) {
    ++counts_[bucket(ns)];
    ++total_;
    max_ = std::max(max_, ns);
  }
  [[nodiscard]] double percentile_us(double share) const {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > wanted) return static_cast<double>(std::min(upper(i), max_)) / 1e3;
    }
    return max_us();
  }
  [[nodiscard]] double max_us() const { return static_cast<double>(max_) / 1e3; }

 private:
  static constexpr unsigned sub_bits = 6;
  static std::size_t bucket(std::uint64_t ns) {
    if (ns < (1u << sub_bits)) return ns;
    const unsigned shift = static_cast<unsigned>(std::bit_width(ns)) - 1 - sub_bits;
    return (static_cast<std::size_t>(shift) << sub_bits) + (ns >> shift);
  }
  static std::uint64_t upper(std::size_t index) {
    if (index < (1u << sub_bits)) return index;
    const std::size_t shift = (index >> sub_bits) - 1;
    return ((index & ((1u << sub_bits) - 1)) + (1u << sub_bits) + 1) << shift;
  }

  std::array<std::uint64_t, (64 - sub_bits + 1) << sub_bits> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

struct Answer {
  int status = 0;
  std::string_view head, body;
  std::size_t size = 0;  ///< of head and body
};

/// nullopt when more must come; a malformed head is an error.
Result<std::optional<Answer>> read_answer(std::string_view bytes) {
  const auto malformed = [&] {
    return fail(ErrorKind::internal, "load.malformed",
                "The server's answer is not HTTP/1.1 with a Content-Length.",
                std::string(bytes.substr(0, 200)));
  };
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::optional<Answer>();
  if (!bytes.starts_with("HTTP/1.1 ") || end < 12) return malformed();
  Answer answer;
  std::from_chars(bytes.data() + 9, bytes.data() + 12, answer.status);
  constexpr std::string_view name = "\r\ncontent-length:";
  std::size_t length = 0;
  bool known = answer.status == 204 || answer.status == 304;
  for (std::size_t at = bytes.find("\r\n"); at < end; at = bytes.find("\r\n", at + 2)) {
    if (strncasecmp(bytes.data() + at, name.data(), name.size()) != 0) continue;
    const char* digits = bytes.data() + at + name.size();
    while (*digits == ' ') ++digits;
    known = std::from_chars(digits, bytes.data() + end, length).ec == std::errc();
    break;
  }
  if (!known) return malformed();
  answer.size = end + 4 + length;
  if (bytes.size() < answer.size) return std::optional<Answer>();
  answer.head = bytes.substr(0, end);
  answer.body = bytes.substr(end + 4, length);
  return std::optional<Answer>(answer);
}

struct Caller {
  int fd = -1;
  std::uint64_t number = 0;
  Clock::time_point sent_at;
  std::string out;
  std::size_t sent = 0;
  std::string in;
};

class Load {
 public:
  Load(const LoadOptions& options, const NextRequest& next_request, const OnAnswer& on_answer)
      : options_(options),
        next_request_(next_request),
        on_answer_(on_answer),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        callers_(static_cast<std::size_t>(options.connections)) {}
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() {
    for (const Caller& caller : callers_) {
      if (caller.fd >= 0) ::close(caller.fd);
    }
    ::close(epoll_);
  }

  Result<LoadReport> run() {
    for (std::size_t i = 0; i < callers_.size(); ++i) DAYAQ_TRY_OK(open(i));
    counting_from_ = Clock::now() + options_.warm_up;
    const Clock::time_point end = counting_from_ + options_.duration;
    for (std::size_t i = 0; i < callers_.size(); ++i) DAYAQ_TRY_OK(send_next(i));
    std::array<epoll_event, 256> events{};
    while (now_ < end && report_.answered < options_.requests_max) {
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
      now_ = Clock::now();
      for (int i = 0; i < count; ++i) DAYAQ_TRY_OK(handle(events[static_cast<std::size_t>(i)].data.u64));
    }
    finish();
    return report_;
  }

 private:
  Result<void> open(std::size_t index) {
    Caller& caller = callers_[index];
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    const bool parsed = ::inet_pton(AF_INET, options_.address.c_str(), &address.sin_addr) == 1;
    caller.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!parsed || caller.fd < 0 ||
        ::connect(caller.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      return fail(ErrorKind::unavailable, "load.connect",
                  "The server can't be reached. Check address and port.", std::strerror(errno));
    }
    const int on = 1;
    ::setsockopt(caller.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = index}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, caller.fd, &event);
    return {};
  }

  Result<void> send_next(std::size_t index) {
    Caller& caller = callers_[index];
    caller.out.clear();
    caller.in.clear();
    caller.sent = 0;
    caller.number = number_++;
    next_request_(static_cast<int>(index), caller.number, caller.out);
    caller.sent_at = Clock::now();
    return push(index);
  }

  /// Sends what is left; a body larger than the socket's buffer goes on when EPOLLOUT says so.
  Result<void> push(std::size_t index) {
    Caller& caller = callers_[index];
    const ssize_t n = ::send(caller.fd, caller.out.data() + caller.sent, caller.out.size() - caller.sent,
                             MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN) return reopen(index);
    const bool waited = caller.sent != 0 || n < 0;
    if (n > 0) caller.sent += static_cast<std::size_t>(n);
    const bool waits = caller.sent < caller.out.size();
    if (waits || waited) {
      epoll_event event{.events = waits ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.u64 = index}};
      ::epoll_ctl(epoll_, EPOLL_CTL_MOD, caller.fd, &event);
    }
    return {};
  }

  Result<void> reopen(std::size_t index) {
    if (now_ >= counting_from_) ++report_.broken;
    ::close(std::exchange(callers_[index].fd, -1));
    DAYAQ_TRY_OK(open(index));
    return send_next(index);
  }

  Result<void> handle(std::size_t index) {
    Caller& caller = callers_[index];
    if (caller.sent < caller.out.size()) DAYAQ_TRY_OK(push(index));
    const ssize_t n = ::recv(caller.fd, buffer_.get(), buffer_size, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return {};
    if (n <= 0) return reopen(index);
    std::string_view bytes(buffer_.get(), static_cast<std::size_t>(n));
    if (!caller.in.empty()) bytes = caller.in.append(bytes);
    DAYAQ_TRY(const auto answer, read_answer(bytes));
    if (!answer) {
      if (caller.in.empty()) caller.in = bytes;
      return {};
    }
    count(caller, *answer);
    if (options_.on_head) options_.on_head(static_cast<int>(index), answer->head);
    if (on_answer_) on_answer_(static_cast<int>(index), caller.number, answer->status, answer->body);
    return send_next(index);
  }

  void count(const Caller& caller, const Answer& answer) {
    if (now_ < counting_from_) return;
    ++report_.answered;
    ++report_.by_status[answer.status];
    if (answer.status / 100 != 2) return;
    ++succeeded_;
    latency_.add(static_cast<std::uint64_t>(std::max<std::int64_t>((now_ - caller.sent_at).count(), 0)));
  }

  void finish() {
    report_.seconds = std::chrono::duration<double>(now_ - counting_from_).count();
    if (report_.seconds > 0) report_.per_second = static_cast<double>(succeeded_) / report_.seconds;
    report_.p50_us = latency_.percentile_us(0.50);
    report_.p90_us = latency_.percentile_us(0.90);
    report_.p99_us = latency_.percentile_us(0.99);
    report_.p999_us = latency_.percentile_us(0.999);
    report_.max_us = latency_.max_us();
  }

  static constexpr std::size_t buffer_size = 256 << 10;
  const LoadOptions& options_;
  const NextRequest& next_request_;
  const OnAnswer& on_answer_;
  int epoll_;
  std::vector<Caller> callers_;
  std::unique_ptr<char[]> buffer_ = std::make_unique<char[]>(buffer_size);
  std::uint64_t number_ = 0;
  std::uint64_t succeeded_ = 0;
  Clock::time_point now_ = Clock::now();
  Clock::time_point counting_from_;
  Histogram latency_;
  LoadReport report_;
};

}  // namespace

bool LoadReport::all_succeeded() const {
  return answered != 0 && broken == 0 && std::all_of(by_status.begin(), by_status.end(), [](const auto& one) {
           return one.first / 100 == 2;
         });
}

Result<LoadReport> run_load(const LoadOptions& options, const NextRequest& next_request,
                            const OnAnswer& on_answer) {
  return Load(options, next_request, on_answer).run();
}

}  // namespace dayaq::bench
