#include "http/client.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/beast/http/basic_parser.hpp>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <optional>

#include "http/encoding.hpp"

namespace dayaq::http {
namespace {

namespace beast = boost::beast;
using ErrorCode = beast::error_code;
using SteadyClock = std::chrono::steady_clock;

struct Address {
  bool tls = false;
  std::string host;
  std::string port;
  std::string authority;  ///< for the Host header
};

Result<Address> parse_url(std::string_view url) {
  Address out;
  const auto bad = [] {
    return fail(ErrorKind::invalid_input, "client.url",
                "Give a URL like http://127.0.0.1:8080 or https://host.");
  };
  if (url.starts_with("https://")) {
    out.tls = true;
    url.remove_prefix(8);
  } else if (url.starts_with("http://")) {
    url.remove_prefix(7);
  } else {
    return bad();
  }
  if (url.ends_with('/')) url.remove_suffix(1);
  if (url.empty() || url.find_first_of("/?#@ \r\n") != std::string_view::npos) return bad();
  out.authority = url;
  std::size_t colon = url.rfind(':');
  if (url.front() == '[') {
    const std::size_t end = url.find(']');
    if (end == std::string_view::npos) return bad();
    out.host = url.substr(1, end - 1);
    colon = end + 1 < url.size() ? end + 1 : std::string_view::npos;
  } else {
    out.host = url.substr(0, colon);
  }
  out.port = colon == std::string_view::npos ? (out.tls ? "443" : "80") : std::string(url.substr(colon + 1));
  std::uint16_t number = 0;
  const auto parsed = std::from_chars(out.port.data(), out.port.data() + out.port.size(), number);
  if (out.host.empty() || parsed.ec != std::errc() || parsed.ptr != out.port.data() + out.port.size())
    return bad();
  return out;
}

class ResponseReader final : public beast::http::basic_parser<false> {
 public:
  ResponseReader(bool head_only, std::size_t body_max) : body_max_(body_max) {
    body_limit(boost::none);
    header_limit(64 << 10);
    eager(true);
    skip(head_only);
  }
  ClientResponse response;

 private:
  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int, ErrorCode&) override {}
  void on_response_impl(int status, beast::string_view, int, ErrorCode&) override {
    response.status = status;
  }
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     ErrorCode&) override {
    response.headers.emplace_back(std::string(name), std::string(value));
  }
  void on_header_impl(ErrorCode&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, ErrorCode&) override {}
  std::size_t append(beast::string_view piece, ErrorCode& error) {
    if (piece.size() > body_max_ - response.body.size()) {
      error = beast::http::error::body_limit;
      return 0;
    }
    response.body.append(piece.data(), piece.size());
    return piece.size();
  }
  std::size_t on_body_impl(beast::string_view piece, ErrorCode& error) override {
    return append(piece, error);
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view piece, ErrorCode& error) override {
    return append(piece, error);
  }
  void on_finish_impl(ErrorCode&) override {}

  std::size_t body_max_;
};

struct SslDelete {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

/// OpenSSL writes with write(), which sends SIGPIPE to a thread whose peer has gone: held back, and taken,
/// here.
class SigpipeHeldBack {
 public:
  SigpipeHeldBack() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  SigpipeHeldBack(const SigpipeHeldBack&) = delete;
  SigpipeHeldBack& operator=(const SigpipeHeldBack&) = delete;
  ~SigpipeHeldBack() {
    if (sigismember(&before_, SIGPIPE) == 1) return;
    const timespec now{};
    while (sigtimedwait(&pipe_, nullptr, &now) == SIGPIPE) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{};
  sigset_t before_{};
};

Result<std::string> write_head(const Address& address, const ClientOptions& options, Method method,
                               std::string_view target, std::string_view body,
                               const Client::Headers& headers) {
  const auto bad = [](std::string_view what) {
    return fail(
        ErrorKind::invalid_input, "client.request",
        fmt::format("The request's {} has characters that can't be sent. Percent-encode them.", what));
  };
  if (!is_header_value(target) || !target.starts_with('/') || target.find(' ') != std::string_view::npos) {
    return bad("target");
  }
  std::string out =
      fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", to_string(method), target, address.authority);
  bool typed = false;
  for (const auto& [name, value] : headers) {
    if (!is_token(name) || !is_header_value(value)) return bad("headers");
    typed = typed || equals_ignoring_case(name, "content-type");
    out.append(name).append(": ").append(value).append("\r\n");
  }
  if (!options.bearer_token.empty()) {
    if (!is_header_value(options.bearer_token)) return bad("token");
    out.append("Authorization: Bearer ").append(options.bearer_token).append("\r\n");
  }
  const bool sends_body =
      method == Method::post || method == Method::put || method == Method::patch || !body.empty();
  if (sends_body) {
    if (!typed) out += "Content-Type: application/json\r\n";
    out += fmt::format("Content-Length: {}\r\n", body.size());
  }
  out += "\r\n";
  out += body;
  return out;
}

std::unexpected<Error> timed_out() {
  return fail(ErrorKind::unavailable, "client.timeout", "The server did not answer in time. Try again.");
}

std::unexpected<Error> closed(std::string detail) {
  return fail(ErrorKind::unavailable, "client.closed", "The server closed the connection. Try again.",
              std::move(detail));
}

}  // namespace

std::string_view ClientResponse::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (equals_ignoring_case(key, name)) return value;
  }
  return {};
}

struct Client::State {
  Address address;
  ClientOptions options;
  std::unique_ptr<SSL_CTX, SslDelete> tls;
  std::unique_ptr<SSL, SslDelete> session;
  int fd = -1;
  SteadyClock::time_point deadline;

  ~State() { close(); }

  void close() {
    session.reset();
    if (fd >= 0) ::close(fd);
    fd = -1;
  }

  /// Until the socket is ready; false when the deadline has passed, or the caller doesn't want to wait.
  bool wait(short events) const {
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now()).count();
      if (left <= 0) return false;
      std::array<pollfd, 2> both{
          {{.fd = fd, .events = events, .revents = 0},
           {.fd = options.cancel_fd, .events = POLLIN, .revents = 0}}};  // poll ignores a negative one
      const int ready =
          ::poll(both.data(), both.size(), static_cast<int>(std::min<std::int64_t>(left, 3'600'000)));
      if (ready > 0) return both[1].revents == 0;
      if (ready < 0 && errno != EINTR) return false;
    }
  }

  Result<void> connect() {
    deadline = SteadyClock::now() + options.connect_timeout;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const auto failed = [&](std::string detail) {
      return fail(
          ErrorKind::unavailable, "client.connect",
          fmt::format("No connection to {}. Check the address and that the server runs.", address.authority),
          std::move(detail));
    };
    if (const int error = ::getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found);
        error != 0) {
      return failed(::gai_strerror(error));
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
    int error = ECONNREFUSED;
    for (const addrinfo* one = found; one != nullptr && fd < 0; one = one->ai_next) error = open(*one);
    if (fd < 0) return failed(std::strerror(error));
    if (!address.tls) return {};
    if (auto shaken = handshake(); !shaken) {
      close();
      return failed(shaken.error().detail);
    }
    return {};
  }

  /// 0 or errno; sets fd on success.
  int open(const addrinfo& one) {
    fd = ::socket(one.ai_family, one.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, one.ai_protocol);
    if (fd < 0) return errno;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int error = ::connect(fd, one.ai_addr, one.ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      socklen_t size = sizeof error;
      if (!wait(POLLOUT)) {
        error = ETIMEDOUT;
      } else {
        ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
      }
    }
    if (error != 0) close();
    return error;
  }

  Result<void> handshake() {
    const SigpipeHeldBack guard;
    const auto failed = [](std::string detail) {
      return fail(ErrorKind::unavailable, "client.tls", "TLS failed.", std::move(detail));
    };
    if (!tls) {
      tls.reset(SSL_CTX_new(TLS_client_method()));
      SSL_CTX_set_min_proto_version(tls.get(), TLS1_2_VERSION);
      SSL_CTX_set_verify(tls.get(), SSL_VERIFY_PEER, nullptr);
      const bool loaded =
          options.tls_authority.empty()
              ? SSL_CTX_set_default_verify_paths(tls.get()) == 1
              : SSL_CTX_load_verify_locations(tls.get(), options.tls_authority.c_str(), nullptr) == 1;
      if (!loaded) return failed("the authorities' certificates can't be read");
    }
    session.reset(SSL_new(tls.get()));
    SSL_set_fd(session.get(), fd);
    SSL_set_tlsext_host_name(session.get(), address.host.c_str());
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session.get()), address.host.c_str()) != 1) {
      SSL_set1_host(session.get(), address.host.c_str());
    }
    while (true) {
      const int result = SSL_connect(session.get());
      if (result == 1) return {};
      if (!wait_for_tls(result)) {
        std::string text(256, '\0');
        ERR_error_string_n(ERR_get_error(), text.data(), text.size());
        ERR_clear_error();
        return failed(text.c_str());
      }
    }
  }

  bool wait_for_tls(int result) const {
    switch (SSL_get_error(session.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return wait(POLLIN);
      case SSL_ERROR_WANT_WRITE:
        return wait(POLLOUT);
      default:
        return false;
    }
  }

  Result<void> send(std::string_view bytes) {
    while (!bytes.empty()) {
      if (session) {
        const SigpipeHeldBack guard;
        const std::size_t piece = std::min<std::size_t>(bytes.size(), 1 << 20);
        const int n = SSL_write(session.get(), bytes.data(), static_cast<int>(piece));
        if (n > 0) {
          bytes.remove_prefix(static_cast<std::size_t>(n));
        } else if (!wait_for_tls(n)) {
          ERR_clear_error();
          return SteadyClock::now() >= deadline ? timed_out() : closed("TLS write");
        }
        continue;
      }
      const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(n));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        if (!wait(POLLOUT)) return timed_out();
      } else if (errno != EINTR) {
        return closed(std::strerror(errno));
      }
    }
    return {};
  }

  /// 0 at the end of the stream.
  Result<std::size_t> receive(char* to, std::size_t size) {
    while (true) {
      if (session) {
        const SigpipeHeldBack guard;  // a renegotiated key may have to be written
        const int n = SSL_read(session.get(), to, static_cast<int>(size));
        if (n > 0) return static_cast<std::size_t>(n);
        if (SSL_get_error(session.get(), n) == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
        if (!wait_for_tls(n)) {
          ERR_clear_error();
          if (SteadyClock::now() >= deadline) return timed_out();
          return closed("TLS read");
        }
        continue;
      }
      const ssize_t n = ::recv(fd, to, size, 0);
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        if (!wait(POLLIN)) return timed_out();
      } else if (errno != EINTR) {
        return closed(std::strerror(errno));
      }
    }
  }

  /// The server has closed the idle connection, or said something that nobody asked for.
  [[nodiscard]] bool ended() const {
    char byte = 0;
    const ssize_t n = ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0 && session) return false;  // TLS has things of its own to say
    return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
  }

  Result<ClientResponse> read_response(bool head_only, bool& answered);
};

namespace {

Result<void> check(const ErrorCode& error) {
  if (!error || error == beast::http::error::need_more) return {};
  if (error == beast::http::error::body_limit) {
    return fail(ErrorKind::limit, "client.body_size", "The answer is too long. Ask for less.");
  }
  return fail(ErrorKind::internal, "client.malformed", "The answer is not HTTP/1.1. Check the address.",
              error.message());
}

}  // namespace

/// `answered` becomes true with the first byte: from then on the request must not be sent again.
Result<ClientResponse> Client::State::read_response(bool head_only, bool& answered) {
  std::optional<ResponseReader> reader(std::in_place, head_only, options.body_max);
  std::string buffer;
  std::size_t piece = 4 << 10;  // most answers are short, and a large buffer costs more than they do
  while (true) {
    const std::size_t kept = buffer.size();
    buffer.resize(kept + piece);
    auto received = receive(buffer.data() + kept, piece);
    if (!received) return std::unexpected(std::move(received).error());
    buffer.resize(kept + *received);
    piece = 64 << 10;
    ErrorCode error;
    if (*received == 0) {
      if (!answered || !reader->got_some()) return closed("before the answer");
      reader->put_eof(error);
      if (error) return closed("within the answer");
      close();
      return std::move(reader->response);
    }
    answered = true;
    while (!buffer.empty()) {
      const std::size_t taken = reader->put(boost::asio::const_buffer(buffer.data(), buffer.size()), error);
      DAYAQ_TRY_OK(check(error));
      buffer.erase(0, taken);
      if (reader->is_done() &&
          reader->response.status / 100 == 1) {  // 100 Continue: the answer is still to come
        reader.emplace(head_only, options.body_max);
        continue;
      }
      if (error || reader->is_done()) break;
    }
    if (reader->is_done()) {
      if (!reader->keep_alive() || !buffer.empty()) close();
      return std::move(reader->response);
    }
  }
}

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::create(std::string_view base_url, ClientOptions options) {
  auto state = std::make_unique<State>();
  DAYAQ_TRY(state->address, parse_url(base_url));
  state->options = std::move(options);
  return Client(std::move(state));
}

Result<ClientResponse> Client::request(Method method, std::string_view target, std::string_view body,
                                       const Headers& headers) {
  DAYAQ_TRY(const std::string bytes,
            write_head(state_->address, state_->options, method, target, body, headers));
  const bool reused = state_->fd >= 0;
  if (!reused) DAYAQ_TRY_OK(state_->connect());
  state_->deadline = SteadyClock::now() + state_->options.answer_timeout;
  bool answered = false;
  const auto exchange = [&]() -> Result<ClientResponse> {
    // A server may refuse a body before it has read it: its answer counts, not the failed write.
    auto sent = state_->send(bytes);
    if (!sent && sent.error().code == "client.timeout") return std::unexpected(std::move(sent).error());
    return state_->read_response(method == Method::head, answered);
  };
  auto response = exchange();
  if (!response) state_->close();
  // The server had closed an idle connection: nothing was answered, and what is safe to repeat is sent once
  // more.
  const bool repeatable = method != Method::post && method != Method::patch;
  if (!response && reused && !answered && repeatable && response.error().code == "client.closed") {
    DAYAQ_TRY_OK(state_->connect());
    state_->deadline = SteadyClock::now() + state_->options.answer_timeout;
    response = exchange();
    if (!response) state_->close();
  }
  return response;
}

Result<void> Client::begin(std::string_view target) {
  DAYAQ_TRY(const std::string bytes,
            write_head(state_->address, state_->options, Method::get, target, {}, {}));
  if (state_->fd >= 0 && state_->ended()) state_->close();
  if (state_->fd < 0) DAYAQ_TRY_OK(state_->connect());
  state_->deadline = SteadyClock::now() + state_->options.answer_timeout;
  auto sent = state_->send(bytes);
  if (!sent) state_->close();
  return sent;
}

Result<ClientResponse> Client::finish() {
  if (state_->fd < 0) return closed("nothing was begun");
  bool answered = false;
  auto response = state_->read_response(false, answered);
  if (!response) state_->close();
  return response;
}

}  // namespace dayaq::http
