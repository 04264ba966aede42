// The HTTP/1.1 server: Boost.Beast's parser under a thin connection loop.
//
// Each I/O thread has its own event loop; a connection lives on one of them from its first byte to its last.
// The first accepts and hands over in turn. How a connection lives is described in connection.ipp.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "http/metrics.hpp"
#include "http/router.hpp"

namespace dayaq::http {

class Spool;

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;  ///< 0 lets the kernel choose
  int io_threads = 1;
  int workers = 8;
  int connections_max = 20000;  ///< further ones are answered 503 and closed
  int held_max = 10000;         ///< connections that gates hold; further ones are answered and closed
  int queue_max = 1024;         ///< requests waiting for a worker; beyond that 503 with Retry-After
  std::chrono::milliseconds queue_age_max{500};  ///< the same once the oldest of them has waited this long
  std::size_t header_max = 16 << 10;
  std::chrono::milliseconds header_timeout{
      10'000};  ///< for a whole head, from its first byte; and for a TLS handshake
  std::chrono::milliseconds body_timeout{30'000};  ///< for each 64 KiB of a body, read or written
  /// Where bodies of Spool::body_min and more go while they come; null: they stay in memory, each up to its
  /// route's body_max. Must outlive the server.
  const Spool* spool = nullptr;
  std::chrono::milliseconds idle_timeout{60'000};
  std::chrono::milliseconds request_timeout{30'000};   ///< a handler's answer; then 503
  std::chrono::milliseconds shutdown_timeout{10'000};  ///< running requests get this long
  std::string tls_certificate;                         ///< PEM files; both empty: cleartext. TLS 1.3 only
  std::string tls_key;
  /// PEM file of the authorities of identity cards: callers are asked for a certificate, may have none, and
  /// are refused with one that these authorities didn't issue, that has expired, or isn't for TLS clients.
  /// Who has one is in Request::client_certificate. Empty: nobody is asked.
  std::string tls_client_authorities;
  /// Whichever certificate's key a caller proves to hold is taken, and whoever serves judges it: so that a
  /// person is told what is wrong with theirs, instead of a failed connection. Nothing of
  /// Request::client_certificate is verified then but that its key is the caller's.
  bool tls_client_any = false;
  /// A listening socket that the process before handed over (upgrade in place), taken instead of address and
  /// port; -1: none.
  int inherited_listener = -1;
  std::vector<int> inherited_connections;  ///< those it had open, each between two requests
};

class Server {
 public:
  /// Binds, listens and serves. Raises the process's soft limit of open files to what connections_max needs;
  /// where the hard limit is lower, fewer connections are taken.
  ///
  /// @param router         must outlive the server, unchanged
  /// @param authenticator  null: every route that asks for a scope is refused; must outlive the server
  /// @param metrics        null: nothing is recorded; must outlive the server, and belongs to one server
  /// @return the running server, or
  ///   - unavailable "http.bind"          the address or port can't be had; the text names them
  ///   - invalid_input "http.certificate" the certificate or key can't be read, or they don't belong together
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, const Router& router,
                                               const Authenticator* authenticator,
                                               Metrics* metrics = nullptr);
  /// Stops accepting, closes idle connections, lets running requests end within shutdown_timeout, then closes
  /// all. Returns when every thread has ended; a handler that still blocks a worker is waited for.
  /// Idempotent; the destructor calls it.
  virtual void stop() = 0;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  /// Another descriptor of the listening socket, to be handed to the next process before stop(): connections
  /// that come meanwhile wait in the kernel for it. -1 if there is none.
  [[nodiscard]] virtual int duplicate_listener() const = 0;
  struct Sockets {
    int listener = -1;
    std::vector<int> connections;
  };
  /// Stops as stop() does, but keeps the listener and every connection for the next process, each once its
  /// running requests are answered; what their callers send meanwhile waits in the kernel. TLS connections
  /// can't be kept: they end as in stop().
  virtual Sockets hand_over() = 0;
  virtual ~Server() = default;
};

}  // namespace dayaq::http
