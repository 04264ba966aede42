#include "edge/radius/radsec.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <unordered_map>

#include "base/log.hpp"

namespace dayaq::edge::radius {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds handshake_time{10};
constexpr std::chrono::seconds packet_time{30};  // from a packet's first byte to its last

Address to_address(const asio::ip::address& address) {
  Address out;
  const auto v6 =
      address.is_v4() ? asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4()) : address.to_v6();
  std::ranges::copy(v6.to_bytes(), out.bytes.begin());
  return out;
}

Result<void> configure(asio::ssl::context& tls, const ServerOptions& options) {
  const auto bad = [](const std::string& file, const error_code& error) {
    return fail(
        ErrorKind::invalid_input, "radius.tls",
        fmt::format("The RadSec certificate, key or authority in {} can't be used: give PEM files.", file),
        error.message());
  };
  error_code error;
  tls.set_options(asio::ssl::context::no_sslv2 | asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                  asio::ssl::context::no_tlsv1_1);
  tls.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
  tls.use_certificate_chain_file(options.tls_certificate, error);
  if (error) return bad(options.tls_certificate, error);
  tls.use_private_key_file(options.tls_key, asio::ssl::context::pem, error);
  if (error) return bad(options.tls_key, error);
  tls.load_verify_file(options.tls_authority, error);
  if (error) return bad(options.tls_authority, error);
  return {};
}

/// Whether the certificate that the other side showed is of one of `names`. @see RFC 6614 section 2.3
bool certified(SSL* ssl, const std::vector<std::string>& names) {
  if (names.empty()) return true;
  const X509* const certificate = SSL_get0_peer_certificate(ssl);
  return certificate != nullptr && std::ranges::any_of(names, [&](const std::string& name) {
           return X509_check_host(const_cast<X509*>(certificate), name.data(), name.size(),
                                  X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) == 1;
         });
}

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, asio::ssl::context& tls, const std::vector<std::string>& names,
             Endpoint from, const RadSec::OnPackets& on_packets, RadSec::OnEnd on_end)
      : stream_(std::move(socket), tls),
        names_(names),
        deadline_(stream_.get_executor()),
        from_(from),
        on_packets_(on_packets),
        on_end_(std::move(on_end)) {}

  void start() {
    expire_in(handshake_time);
    const auto self = shared_from_this();
    stream_.async_handshake(asio::ssl::stream_base::server, [self](const error_code& error) {
      if (error) return self->end();
      if (!certified(self->stream_.native_handle(), self->names_)) {
        log::warning("radius.certificate", "a RadSec client's certificate has none of the names in the file",
                     {{"address", to_string(self->from_.address)}});
        return self->end();
      }
      self->deadline_.cancel();
      self->read();
    });
  }

  void send(Bytes packet) {
    if (ended_) return;
    unsent_ += packet.size();
    if (unsent_ > RadSec::unread_max) return end();
    queue_.push_back(std::move(packet));
    if (queue_.size() == 1) write();
  }

  void end() {
    if (ended_) return;
    ended_ = true;
    error_code ignored;
    deadline_.cancel();
    stream_.lowest_layer().close(ignored);
    on_end_(from_);
  }

 private:
  void expire_in(std::chrono::seconds time) {
    deadline_.expires_after(time);
    const auto self = shared_from_this();
    deadline_.async_wait([self](const error_code& error) {
      if (!error) self->end();
    });
  }

  void read() {
    const auto self = shared_from_this();
    const auto room = asio::buffer(buffer_.data() + held_, buffer_.size() - held_);
    stream_.async_read_some(room, [self](const error_code& error, std::size_t bytes) {
      if (error || self->ended_) return self->end();
      self->held_ += bytes;
      self->take_packets();
    });
  }

  void take_packets() {
    BytesView rest = BytesView(buffer_).first(held_);
    std::vector<Incoming> batch;
    while (rest.size() >= 4) {
      const std::size_t length = std::size_t(rest[2]) << 8 | std::size_t(rest[3]);
      if (length < header_bytes || length > packet_bytes_max) return end();
      if (length > rest.size()) break;
      batch.push_back({.from = from_, .bytes = rest.first(length)});
      rest = rest.subspan(length);
    }
    if (!batch.empty()) on_packets_(batch);
    if (ended_) return;
    std::memmove(buffer_.data(), rest.data(), rest.size());
    const bool begun = held_ != 0 && batch.empty() && waiting_;
    held_ = rest.size();
    // A packet that has begun must end in time, however slowly its bytes come; between packets a peer may
    // rest.
    if (held_ == 0) {
      deadline_.cancel();
    } else if (!begun) {
      expire_in(packet_time);
    }
    waiting_ = held_ != 0;
    read();
  }

  void write() {
    const auto self = shared_from_this();
    asio::async_write(stream_, asio::buffer(queue_.front()), [self](const error_code& error, std::size_t) {
      if (error || self->ended_) return self->end();
      self->unsent_ -= self->queue_.front().size();
      self->queue_.pop_front();
      if (!self->queue_.empty()) self->write();
    });
  }

  asio::ssl::stream<tcp::socket> stream_;
  const std::vector<std::string>& names_;
  asio::steady_timer deadline_;
  const Endpoint from_;
  const RadSec::OnPackets& on_packets_;
  RadSec::OnEnd on_end_;
  std::array<std::byte, 4 * packet_bytes_max> buffer_{};
  std::size_t held_ = 0, unsent_ = 0;
  std::deque<Bytes> queue_;
  bool ended_ = false, waiting_ = false;
};

class RadSecOnAsio final : public RadSec {
 public:
  RadSecOnAsio(asio::io_context& loop, OnPackets on_packets, OnEnd on_end)
      : loop_(loop),
        tls_(asio::ssl::context::tls_server),
        acceptor_(loop),
        on_packets_(std::move(on_packets)),
        on_end_(std::move(on_end)) {}

  Result<void> listen(const ServerOptions& options, int inherited) {
    DAYAQ_TRY_OK(configure(tls_, options));
    names_ = options.radsec_names;
    error_code error;
    const auto address = asio::ip::make_address(options.address, error);
    const tcp::endpoint endpoint(address, options.radsec_port);
    if (inherited >= 0) {
      acceptor_.assign(endpoint.protocol(), inherited, error);
    } else if (!error) {
      bind(endpoint, error);
    }
    if (error) {
      return fail(
          ErrorKind::unavailable, "radius.bind",
          fmt::format("The RADIUS address {} port {} can't be used: {}. Choose another port, or stop what "
                      "uses it.",
                      options.address, options.radsec_port, error.message()));
    }
    port_ = acceptor_.local_endpoint(error).port();
    accept();
    return {};
  }

  [[nodiscard]] std::uint16_t port() const override { return port_; }

  void send(std::uint32_t stream, Bytes packet) override {
    const auto found = connections_.find(stream);
    if (found == connections_.end()) return;
    const std::shared_ptr<Connection> connection = found->second;  // sending may end and erase it
    connection->send(std::move(packet));
  }

  [[nodiscard]] int duplicate_listener() const override {
    return ::fcntl(const_cast<tcp::acceptor&>(acceptor_).native_handle(), F_DUPFD_CLOEXEC, 0);
  }

  void stop() override {
    error_code ignored;
    acceptor_.close(ignored);
    const auto all = connections_;
    for (const auto& [number, connection] : all) connection->end();
  }

 private:
  void bind(const tcp::endpoint& endpoint, error_code& error) {
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(1024, error);
  }

  void accept() {
    acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
      if (!acceptor_.is_open()) return;
      if (!error && connections_.size() < connections_max) begin(std::move(socket));
      if (!error) return accept();
      pause_.expires_after(std::chrono::milliseconds(100));  // want of descriptors passes
      pause_.async_wait([this](const error_code& cancelled) {
        if (!cancelled && acceptor_.is_open()) accept();
      });
    });
  }

  void begin(tcp::socket socket) {
    error_code error;
    const auto peer = socket.remote_endpoint(error);
    if (error) return;
    socket.set_option(tcp::no_delay(true), error);
    socket.set_option(asio::socket_base::keep_alive(true), error);
    while (++last_ == 0 || connections_.contains(last_)) {
    }
    const Endpoint from{.address = to_address(peer.address()), .port = peer.port(), .stream = last_};
    const auto connection = std::make_shared<Connection>(std::move(socket), tls_, names_, from, on_packets_,
                                                         [this](const Endpoint& ended) {
                                                           connections_.erase(ended.stream);
                                                           on_end_(ended);
                                                         });
    connections_.emplace(last_, connection);
    connection->start();
  }

  asio::io_context& loop_;
  asio::ssl::context tls_;
  std::vector<std::string> names_;  ///< of which a client's certificate must have one
  tcp::acceptor acceptor_;
  asio::steady_timer pause_{loop_};
  const OnPackets on_packets_;
  const OnEnd on_end_;
  std::unordered_map<std::uint32_t, std::shared_ptr<Connection>> connections_;
  std::uint32_t last_ = 0;
  std::uint16_t port_ = 0;
};

}  // namespace

Result<std::unique_ptr<RadSec>> RadSec::start(asio::io_context& loop, const ServerOptions& options,
                                              OnPackets on_packets, OnEnd on_end, int inherited) {
  auto out = std::make_unique<RadSecOnAsio>(loop, std::move(on_packets), std::move(on_end));
  DAYAQ_TRY_OK(out->listen(options, inherited));
  return out;
}

}  // namespace dayaq::edge::radius
