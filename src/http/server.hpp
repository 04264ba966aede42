// The HTTP/1.1 server: Boost.Beast's parser under a thin connection loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "http/router.hpp"

namespace dayaq::http {

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;         ///< 0 lets the kernel choose
  int io_threads = 1;
  int workers = 8;
  int connections_max = 20000;       ///< further ones are answered 503 and closed
  int queue_max = 1024;              ///< requests waiting for a worker; beyond that 503 with Retry-After
  std::size_t header_max = 16 << 10;
  std::chrono::seconds header_timeout{10};  ///< for a whole head, from its first byte
  std::chrono::seconds body_timeout{30};
  std::chrono::seconds idle_timeout{60};
  std::chrono::seconds request_timeout{30};   ///< a handler's answer; then 503
  std::chrono::seconds shutdown_timeout{10};  ///< running requests get this long
  std::string tls_certificate;       ///< PEM files; both empty: cleartext. TLS 1.3 only
  std::string tls_key;
};

class Server {
 public:
  /// Binds and listens; unavailable "http.bind" names the port. `authenticator` may be null (all scopes refused).
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, const Router& router,
                                               const Authenticator* authenticator);
  /// Stops accepting, lets running requests end, closes. Idempotent; the destructor calls it.
  virtual void stop() = 0;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  virtual ~Server() = default;
};

}  // namespace dayaq::http
