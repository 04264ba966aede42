// Requests and responses as the rooms see them: plain values, no Beast.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "http/principal.hpp"

namespace dayaq::http {

enum class Method : std::uint8_t { get, head, post, put, patch, del, options };
[[nodiscard]] std::string_view to_string(Method method);

/// One request. Views point into the connection's buffers; they live as long as the Request, which a handler
/// that answers later holds until it has answered.
struct Request {
  Method method = Method::get;
  std::string_view path;   ///< percent-decoded only in its parameters; "/v1/persons/5ABC123"
  std::string_view query;  ///< after '?', undecoded
  std::string_view body;
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::vector<std::pair<std::string_view, std::string>> parameters;  ///< from the route's pattern, decoded
  Principal principal;  ///< who is calling; anonymous unless the route asks for a scope
  Language language = Language::az;
  std::string remote_address;
  /// DER of the certificate that the caller proved to hold (ServerOptions::tls_client_authorities); null
  /// without one. Verified: its chain, its dates, its purpose; not whether it was revoked. With
  /// ServerOptions::tls_client_any nothing of it is.
  std::shared_ptr<const Bytes> client_certificate;
  /// A cookie (a whole Set-Cookie value) that the route's gate wants set with the answer; "" for none.
  std::string gate_cookie;
  bool gate_refused = false;  ///< the gate was asked by a worker, and refused
  bool gate_let_in = false;   ///< the gate's note: it let this one in, and counts on Gate::answered()
  /// The gate's word on a caller who asks before their time, beside its refusal: the connection is neither
  /// answered nor read for so long; then the gate is asked again. 0: answered at once.
  std::chrono::milliseconds gate_hold{0};
  std::chrono::milliseconds gate_held{0};  ///< how long this request has been held
  /// The gate's note for the next requests of this connection: who was told last not to ask before when.
  /// Behind a proxy many share a connection, so it holds for nobody else.
  std::uint64_t gate_number = 0;
  Instant gate_due = instant_min;

  [[nodiscard]] std::string_view header(
      std::string_view name) const;  ///< "" if absent; name case-insensitive
  [[nodiscard]] const std::string& parameter(std::string_view name) const;  ///< a parameter of the pattern
  /// A query or form value, decoded (+ and %XX); nullopt if absent. The first of several.
  [[nodiscard]] std::optional<std::string> query_value(std::string_view name) const;
  [[nodiscard]] std::optional<std::string> form_value(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;

  static Response json(std::string body, int status = 200);
  static Response html(std::string body, int status = 200);
  static Response text(std::string body, int status = 200);
  static Response redirect(std::string location);  ///< 303
  static Response no_content();                    ///< 204
};

/// RFC 9457 problem details:
/// {"type":"https://dayaq.example/problems/<code>","title","status","code","detail",
/// "field","line","column"}. `detail` is the error's public text, never its log detail.
[[nodiscard]] Response problem(const Error& error);
/// Several findings: the first's kind gives the status unless `status` says another, all stand in "errors".
[[nodiscard]] Response problem(const Errors& errors, std::optional<int> status = {});
/// For answers of HTTP itself that no ErrorKind stands for: 405, 408, 413, 417, 431, 501.
[[nodiscard]] Response problem(int status, std::string_view code, std::string_view title,
                               std::string_view detail);
[[nodiscard]] int status_of(ErrorKind kind);

/// Where an answer goes. The server's connection is one; tests may write another.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  /// Called at most once for each `request`, from any thread.
  virtual void answer(std::uint64_t request, Response response) = 0;
  /// False once nobody waits for the answer any more: it was too late, or the server has stopped.
  [[nodiscard]] virtual bool wanted(std::uint64_t) const { return true; }
};

/// Answers one request, once, from any thread. Dropping it unused answers 500.
class Responder {
 public:
  explicit Responder(std::function<void(Response)> send);
  /// Shared, since the connection must outlive a handler that answers after the caller has gone.
  Responder(std::shared_ptr<ResponseSink> sink, std::uint64_t request)
      : sink_(std::move(sink)), request_(request) {}
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&& other) noexcept;
  ~Responder();
  void operator()(Response response);
  /// A long-running handler may ask whether its answer still matters.
  [[nodiscard]] bool wanted() const { return sink_ && sink_->wanted(request_); }

 private:
  std::shared_ptr<ResponseSink> sink_;
  std::uint64_t request_ = 0;
};

}  // namespace dayaq::http
