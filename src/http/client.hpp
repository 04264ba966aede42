// A small blocking HTTP/1.1 client: for tests, the command line and benchmarks.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "http/message.hpp"

namespace dayaq::http {

struct ClientOptions {
  std::chrono::milliseconds connect_timeout{5'000};  ///< with the TLS handshake
  std::chrono::milliseconds answer_timeout{30'000};  ///< from the first byte sent to the last byte received
  std::size_t body_max = 256u << 20;                 ///< a longer answer is limit "client.body_size"
  std::string tls_authority;  ///< PEM file of the authorities to trust; empty: the system's
  std::string bearer_token;   ///< sent with each request, if not empty
  int cancel_fd = -1;         ///< once it is readable (an eventfd), what waits ends as if its time were over
};

struct ClientResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  [[nodiscard]] std::string_view header(
      std::string_view name) const;  ///< "" if absent; name case-insensitive
};

/// One server; one connection, kept alive between requests and opened again when the server has closed it.
/// Redirects are not followed. Not thread-safe. Nothing throws.
class Client {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  /// @param base_url  "http://127.0.0.1:8080" or "https://host"; invalid_input "client.url" for anything else
  static Result<Client> create(std::string_view base_url, ClientOptions options = {});
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  /// @param target  path and query, percent-encoded: "/v1/persons?limit=10"
  /// @return the answer whatever its status, or
  ///   - unavailable "client.connect"  nobody listens, the name is unknown, or TLS failed (untrusted, too
  ///   old)
  ///   - unavailable "client.timeout"
  ///   - unavailable "client.closed"   the server closed before the whole answer came; the request may have
  ///   had effect
  ///   - internal    "client.malformed" the answer isn't HTTP/1.1
  ///   - limit       "client.body_size"
  [[nodiscard]] Result<ClientResponse> request(Method method, std::string_view target,
                                               std::string_view body = {}, const Headers& headers = {});
  [[nodiscard]] Result<ClientResponse> get(std::string_view target, const Headers& headers = {}) {
    return request(Method::get, target, {}, headers);
  }
  /// Sends application/json unless `headers` name another Content-Type.
  [[nodiscard]] Result<ClientResponse> post(std::string_view target, std::string_view body,
                                            const Headers& headers = {}) {
    return request(Method::post, target, body, headers);
  }

  /// A GET in two steps, so that one thread has several connections at work. begin() connects where that is
  /// needed and sends; finish() waits for the answer. Nothing is sent twice: after begin() the request may
  /// have had effect whatever finish() returns. An error of begin() with code "client.connect": it had none.
  [[nodiscard]] Result<void> begin(std::string_view target);
  [[nodiscard]] Result<ClientResponse> finish();

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::http
