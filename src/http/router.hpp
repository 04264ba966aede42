// Routes: each declares its pattern, the scope it needs, how it runs, and its part of the OpenAPI document.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"

namespace dayaq::http {

/// Where a handler runs.
enum class Run : std::uint8_t {
  inline_,  ///< on the I/O thread: only for handlers that never block (in-memory answers, submit())
  worker,   ///< on the worker pool: may block on the store
};

/// Who may come in at all while more come than can be served: asked on the I/O thread, before a request takes
/// a worker or its body is read; where only a worker could say who is calling, after that. Any thread; must
/// not block.
class Gate {
 public:
  virtual ~Gate() = default;
  /// nullopt: let in. May set request.gate_cookie and request.gate_due. With a refusal it may ask for the
  /// request to be held (request.gate_hold); it is asked again at the end of that. Whoever hangs up while
  /// held has gone; whoever sends more behind a refused or held request is answered that one, and the
  /// connection ends.
  virtual std::optional<Response> refuse(Request& request) = 0;
  /// Of a held request, when its time is over: how much longer; 0: refuse() is asked. Called for everybody
  /// who is held, about once a second: it must cost next to nothing.
  [[nodiscard]] virtual std::chrono::milliseconds hold_on(const Request&) {
    return std::chrono::milliseconds(0);
  }
  /// A request that was let in was answered, so long after its head had come; or refused for want of workers.
  virtual void answered(int status, std::chrono::microseconds took) noexcept = 0;
};

struct Route {
  Method method = Method::get;
  std::string pattern;  ///< "/v1/persons/{person}/grants"; a parameter is one whole segment
  Scope scope = Scope::none;
  /// Asks for a person who is signed in by the cookie of their digital ID, at least at this level. A browser
  /// without one is sent to the sign-in page; a level too low leads there too, to prove more.
  /// With a scope, it is the least assurance that the token's person must have signed in with (RFC 9470).
  Assurance signed_in = Assurance::none;
  /// Why anybody may call it. Each route declares what it needs: a scope, a person, or this.
  std::string_view open = {};
  /// Scripts of other sites may call it from a browser (CORS). For answers that don't go by cookies.
  bool cross_origin = false;
  Run run = Run::worker;
  Gate* gate = nullptr;             ///< null: everybody comes in. Must outlive the server
  bool yields = false;              ///< on a worker: behind all that doesn't yield, and never on all of them
  std::size_t body_max = 64 << 10;  ///< bytes; larger is refused with 413 before it is read
  std::string operation;            ///< OpenAPI operationId: "get_person_grants"
  std::string summary;              ///< one sentence
  std::string request_schema;       ///< name of a component schema for the body; "" if none
  std::string request_media = "application/json";
  std::string response_schema;  ///< name of a component schema of the 2xx answer; "" if none
  std::string tag;              ///< room: "registry", "regime", ...; "pages" stay out of OpenAPI
  std::vector<std::pair<std::string, std::string>> query_parameters;  ///< name, description
};

/// What went wrong, for the page that tells a person.
struct ProblemText {
  int status = 500;
  std::string code;    ///< "http.path_unknown"
  std::string detail;  ///< a sentence in English that says what to do next
};
/// Renders the page in the request's language. Runs on an I/O thread: it must not block.
using ErrorPage = std::function<Response(const Request&, const ProblemText&)>;

using Handler = std::function<Response(const Request&)>;
/// For handlers that answer later. The Request lives until the Responder has answered.
using AsyncHandler = std::function<void(std::shared_ptr<const Request>, Responder)>;

/// Filled once, before the server starts; then read by all threads. A pattern that is malformed, or added
/// twice for one method, is a defect of the program and ends it.
class Router {
 public:
  Router();
  ~Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  void add(Route route, Handler handler);
  void add_async(Route route, AsyncHandler handler);
  /// A named JSON Schema (a JSON object as text) for the OpenAPI document's components.
  void add_schema(std::string name, std::string json_schema);

  /// Shows problems as a page to callers who accept text/html, outside /v1/; programs still get problem
  /// details. The page keeps the problem's status and headers.
  void set_error_page(ErrorPage page);
  [[nodiscard]] const ErrorPage& error_page() const;

  struct Match {
    const Route* route = nullptr;
    const AsyncHandler* handler = nullptr;
    std::size_t index = 0;  ///< of the route in routes()
    std::vector<std::pair<std::string_view, std::string>> parameters;
    bool cross_origin = false;  ///< of a method that isn't served: one of the path's routes is
    bool path_exists = false;   ///< the path is known: without a route, 405 and Allow
    bool bad_path = false;      ///< a broken escape, a dot segment, or bytes that aren't UTF-8 text: 400
    std::string allow;          ///< "GET, HEAD, OPTIONS", set when the path is known and the method isn't
  };
  /// HEAD finds the route of GET. A literal segment goes before a parameter.
  [[nodiscard]] Match match(Method method, std::string_view path) const;
  [[nodiscard]] const std::vector<Route>& routes() const;
  /// All routes, pages too, each with what it needs:
  /// {"routes":[{"method","pattern","operation","tag","scope", "signed_in","open"}]}. For whoever proves that
  /// none is open by mistake.
  [[nodiscard]] std::string declarations() const;
  /// The OpenAPI 3.1 document of all routes but pages.
  [[nodiscard]] std::string openapi(std::string_view title, std::string_view version) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::http
