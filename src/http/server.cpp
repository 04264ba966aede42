#include "http/server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ssl/context.hpp>
#include <future>
#include <optional>

#include "http/connection.ipp"

namespace dayaq::http {
namespace {

constexpr int refusals_max = 256;  ///< connections over the limit that are told so at a time

/// As often as the shortest timeout asks for, and at most once a second.
std::chrono::milliseconds tick_of(const ServerOptions& options) {
  const auto shortest = std::min({options.header_timeout, options.body_timeout, options.idle_timeout,
                                  options.request_timeout, std::chrono::milliseconds(4000)});
  return std::max(shortest / 4, std::chrono::milliseconds(10));
}

/// Raises the soft limit of open files to what connections_max needs; where the hard limit forbids that,
/// lowers connections_max to what fits, so that the server refuses with an answer and not for want of
/// descriptors.
void fit_open_files(ServerOptions& options) {
  constexpr rlim_t others = 512;  // databases, logs, outgoing connections
  rlimit limit{};
  const rlim_t wanted = static_cast<rlim_t>(options.connections_max) + refusals_max + others;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= wanted) return;
  const rlim_t fitting = limit.rlim_cur > 2 * (refusals_max + others) ? limit.rlim_cur - refusals_max - others
                                                                      : limit.rlim_cur / 2;
  options.connections_max = static_cast<int>(fitting);
  log::info("http.connections_max", "fewer connections than configured fit the hard limit of open files",
            {{"open_files", limit.rlim_cur}, {"connections_max", options.connections_max}});
}

int choose_http_1_1(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                    unsigned in_size, void*) {
  static constexpr unsigned char protocols[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, protocols, sizeof protocols - 1, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

/// Callers may show a certificate of these authorities. @see RFC 8446 section 4.3.2
Result<void> ask_for_certificates(SSL_CTX* native, const std::string& authorities, bool any) {
  if (authorities.empty()) return {};
  STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(authorities.c_str());
  if (names == nullptr || SSL_CTX_load_verify_locations(native, authorities.c_str(), nullptr) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return fail(
        ErrorKind::invalid_input, "http.certificate",
        fmt::format("The authorities of identity cards in {} can't be read. Give a PEM file.", authorities));
  }
  SSL_CTX_set_client_CA_list(native, names);  // takes them over
  const auto take_any = [](int, X509_STORE_CTX* context) {
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
  };
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER, any ? +take_any : nullptr);
  // Without a resumption that nobody checked: a card that was taken out is asked for again.
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(native, 0);
  return {};
}

Result<void> configure_tls(asio::ssl::context& tls, const ServerOptions& options) {
  const auto bad = [](const std::string& file, const error_code& error) {
    return fail(
        ErrorKind::invalid_input, "http.certificate",
        fmt::format("The certificate or key in {} can't be used. Give PEM files that belong together.", file),
        error.message());
  };
  SSL_CTX* const native = tls.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_3_VERSION);
  SSL_CTX_set_alpn_select_cb(native, choose_http_1_1, nullptr);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);  // idle connections keep no record buffers
  error_code error;
  tls.use_certificate_chain_file(options.tls_certificate, error);
  if (error) return bad(options.tls_certificate, error);
  tls.use_private_key_file(options.tls_key, asio::ssl::context::pem, error);
  if (error) return bad(options.tls_key, error);
  return ask_for_certificates(native, options.tls_client_authorities, options.tls_client_any);
}

class ServerOfThreads final : public Server {
 public:
  ServerOfThreads(const ServerOptions& options, const Router& router, const Authenticator* authenticator,
                  std::shared_ptr<Metrics::RequestMeter> meter)
      : shared_(std::make_shared<Shared>(options, router, authenticator, std::move(meter))) {
    const int count = std::max(options.io_threads, 1);
    for (int i = 0; i < count; ++i) {
      threads_.push_back(std::make_shared<IoThread>(static_cast<std::size_t>(i), tick_of(options)));
    }
    acceptor_.emplace(threads_.front()->context);
    retry_.emplace(threads_.front()->context);
  }

  ~ServerOfThreads() override { stop(); }

  Result<void> listen() {
    const ServerOptions& options = shared_->options;
    if (!options.tls_certificate.empty() || !options.tls_key.empty()) {
      tls_.emplace(asio::ssl::context::tls_server);
      DAYAQ_TRY_OK(configure_tls(*tls_, options));
    }
    const auto failed = [&](const error_code& error) {
      return fail(
          ErrorKind::unavailable, "http.bind",
          fmt::format(
              "The address {} port {} can't be served: {}. Choose another port, or stop what uses it.",
              options.address, options.port, error.message()),
          error.message());
    };
    error_code error;
    if (options.inherited_listener >= 0) {
      sockaddr_storage bound{};
      socklen_t size = sizeof bound;
      if (::getsockname(options.inherited_listener, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
        return failed(error_code(errno, boost::system::system_category()));
      }
      acceptor_->assign(bound.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), options.inherited_listener,
                        error);
      if (error) return failed(error);
      return listening();
    }
    const auto address = asio::ip::make_address(options.address, error);
    if (error) return failed(error);
    const tcp::endpoint endpoint(address, options.port);
    acceptor_->open(endpoint.protocol(), error);
    if (!error) acceptor_->set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_->bind(endpoint, error);
    if (!error) acceptor_->listen(4096, error);
    if (error) return failed(error);
    return listening();
  }

  Result<void> listening() {
    error_code ignored;
    port_ = acceptor_->local_endpoint(ignored).port();
    listener_ = acceptor_->native_handle();
    return {};
  }

  void serve() {
    asio::post(threads_.front()->context, [this] { accept_next(); });
    for (const int descriptor : shared_->options.inherited_connections) take_inherited(descriptor);
    for (const auto& thread : threads_) thread->start();
    serving_ = true;
  }

  void observe(Metrics& metrics) {
    const std::shared_ptr<Shared> shared = shared_;
    metrics.gauge("dayaq_http_connections", "Open connections.",
                  [shared] { return static_cast<double>(shared->connections.load()); });
    metrics.gauge("dayaq_http_held_connections", "Connections that asked before their time, and wait for it.",
                  [shared] { return static_cast<double>(shared->held.load()); });
    metrics.gauge("dayaq_http_queue_length", "Requests that wait for a worker.",
                  [shared] { return static_cast<double>(shared->pool.waiting()); });
    metrics.counter_from("dayaq_http_overloaded_total",
                         "Requests and connections refused with 503 at arrival.",
                         [shared] { return static_cast<double>(shared->overloaded.load()); });
  }

  [[nodiscard]] std::uint16_t port() const override { return port_; }
  [[nodiscard]] int duplicate_listener() const override { return ::fcntl(listener_, F_DUPFD_CLOEXEC, 3); }

  Sockets hand_over() override {
    Sockets out{.listener = duplicate_listener(), .connections = {}};
    shared_->giving = true;
    stop();
    const std::scoped_lock lock(shared_->mutex);
    out.connections.swap(shared_->given);
    return out;
  }

  void stop() override {
    if (!serving_) return;
    serving_ = false;
    shared_->stopping = true;
    stop_accepting();
    // Again and again: a connection falls idle or lingers while others run, and after the deadline it may
    // need several pushes, the 503 and then its write.
    const TimePoint deadline = SteadyClock::now() + shared_->options.shutdown_timeout;
    while (!none_left()) {
      const bool patient = SteadyClock::now() < deadline;
      on_each_connection([patient, giving = shared_->giving.load()](ConnectionBase& connection) {
        if (patient && giving) {
          connection.give_if_idle();
        } else if (patient) {
          connection.stop_if_idle();
        } else {
          connection.abort();
        }
      });
      std::unique_lock lock(shared_->mutex);
      shared_->changed.wait_for(lock, std::chrono::milliseconds(20), [this] { return none_left(); });
    }
    shared_->pool.stop();
    for (const auto& thread : threads_) thread->join();
  }

 private:
  [[nodiscard]] bool none_left() const { return shared_->connections.load() == 0; }

  /// When it returns, every connection that was accepted is counted, and no other comes.
  void stop_accepting() {
    std::promise<void> done;
    asio::io_context& context = threads_.front()->context;
    asio::post(context, [&] {
      error_code ignored;
      acceptor_->close(ignored);
      retry_->cancel();
      // An accept that had succeeded before the close may stand behind this in the queue: go behind it.
      asio::post(context, [&done] { done.set_value(); });
    });
    done.get_future().wait();
  }

  template <class Action>
  void on_each_connection(Action action) {
    for (const auto& thread : threads_) {
      asio::post(thread->context, [thread = thread.get(), action] { thread->for_each(action); });
    }
  }

  void accept_next() {
    const std::shared_ptr<IoThread>& target = threads_[turn_++ % threads_.size()];
    acceptor_->async_accept(target->context, peer_, [this, target](error_code error, tcp::socket socket) {
      if (error && shared_->stopping) return;
      if (error) return pause_accepting(error);
      take(target, std::move(socket), peer_);
      if (!shared_->stopping) accept_next();
    });
  }

  /// Without free descriptors accept fails at once, again and again: wait for connections to end.
  void pause_accepting(error_code error) {
    log::warning("http.accept", "no connection can be accepted; trying again", {{"error", error.message()}});
    retry_->expires_after(std::chrono::milliseconds(50));
    retry_->async_wait([this](error_code cancelled) {
      if (!cancelled && !shared_->stopping) accept_next();
    });
  }

  /// A connection of the process before.
  void take_inherited(int descriptor) {
    const std::shared_ptr<IoThread>& target = threads_[turn_++ % threads_.size()];
    error_code error;
    tcp::socket socket(target->context);
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
      ::close(descriptor);
      return;  // its caller has gone
    }
    socket.assign(peer.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), descriptor, error);
    if (error) {
      ::close(descriptor);
      return;
    }
    const tcp::endpoint from = socket.remote_endpoint(error);
    take(target, std::move(socket), from);
  }

  void take(const std::shared_ptr<IoThread>& target, tcp::socket socket, const tcp::endpoint& from) {
    const int before = shared_->connections.fetch_add(1);
    const int connections_max = shared_->options.connections_max;
    if (before >= connections_max + refusals_max)
      return shared_->connection_ended();  // closed without a word
    const bool refused = before >= connections_max;
    std::string remote = from.address().to_string();
    if (tls_) {
      begin(target, std::make_shared<Connection<TlsStream>>(
                        target, *shared_, TlsStream(std::move(socket), *tls_), std::move(remote), refused));
    } else {
      begin(target, std::make_shared<Connection<tcp::socket>>(target, *shared_, std::move(socket),
                                                              std::move(remote), refused));
    }
  }

  template <class Stream>
  void begin(const std::shared_ptr<IoThread>& target, std::shared_ptr<Connection<Stream>> connection) {
    if (target->is_current()) return connection->start();
    asio::post(target->context, [connection = std::move(connection)] { connection->start(); });
  }

  std::shared_ptr<Shared>
      shared_;  ///< shared with the registry's gauges, which may be read after the server's end
  std::optional<asio::ssl::context> tls_;
  std::vector<std::shared_ptr<IoThread>> threads_;
  std::optional<tcp::acceptor> acceptor_;
  std::optional<asio::steady_timer> retry_;
  tcp::endpoint peer_;
  std::size_t turn_ = 0;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  bool serving_ = false;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, const Router& router,
                                              const Authenticator* authenticator, Metrics* metrics) {
  ServerOptions fitted = options;
  fit_open_files(fitted);
  std::shared_ptr<Metrics::RequestMeter> meter;
  if (metrics != nullptr) {
    std::vector<std::string> operations;
    for (const Route& route : router.routes()) operations.push_back(route.operation);
    meter = metrics->request_meter(operations, static_cast<std::size_t>(std::max(options.io_threads, 1)));
  }
  auto server = std::make_unique<ServerOfThreads>(fitted, router, authenticator, std::move(meter));
  DAYAQ_TRY_OK(server->listen());
  server->serve();
  if (metrics != nullptr) server->observe(*metrics);
  return server;
}

}  // namespace dayaq::http
