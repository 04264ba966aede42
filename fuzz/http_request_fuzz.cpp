// links: dayaq::http
// A request's bytes, from head to decoded body, and what the server does with them before a handler runs.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/answers.hpp"
#include "http/parse.hpp"
#include "http/router.hpp"

namespace {

using namespace dayaq;
using namespace dayaq::http;

void require(bool holds) {
  if (!holds) std::abort();
}

bool within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

const Router& router() {
  static const Router* const filled = [] {
    auto* made = new Router();
    const auto handler = [](const Request&) { return Response::no_content(); };
    made->add({.pattern = "/", .operation = "home"}, handler);
    made->add({.pattern = "/v1/persons/{person}/grants", .scope = Scope::grants_read, .operation = "grants"},
              handler);
    made->add({.method = Method::post, .pattern = "/v1/{kind}", .body_max = 100, .operation = "add"},
              handler);
    return made;
  }();
  return *filled;
}

/// Whatever is accepted keeps the promises that handlers build on.
void check(Request& request, std::string_view bytes, std::string_view storage) {
  require(request.path == "*" || request.path.starts_with('/'));
  require(within(request.path, bytes) || request.path == "/");
  require(within(request.query, bytes));
  require(within(request.body, bytes) || within(request.body, storage));
  for (const auto& [name, value] : request.headers) {
    require(within(name, bytes) && within(value, bytes));
    require(value.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos);
  }
  auto match = router().match(request.method, request.path);
  for (const auto& [name, value] : match.parameters) {
    require(is_utf8(value) && value.find('\0') == std::string::npos && value != "..");
  }
  Framing framing;
  framing.authorization = request.header("authorization");
  const Admission admission = admit_by_head(match, request, framing, nullptr);
  require(admission.refusal.has_value() || match.route != nullptr);
  require(!admission.ask_on_worker);  // without an authenticator there is nobody to ask
  require(request.principal.anonymous());
  (void)request.query_value("lang");
  (void)request.form_value("name");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string storage;
  auto whole = parse_request(bytes, 4096, storage);
  if (whole) {
    check(*whole, bytes, storage);
    require(whole->body.size() <= 4096);
  }

  // Arriving in two pieces changes nothing.
  if (size == 0) return 0;
  const std::size_t cut = data[size - 1] % size;
  Request request;
  Framing framing;
  Refusal refusal;
  std::size_t searched = 0;
  HeadStatus status = parse_head(bytes.substr(0, cut), {}, searched, request, framing, refusal);
  if (status == HeadStatus::incomplete) status = parse_head(bytes, {}, searched, request, framing, refusal);
  if (whole) require(status == HeadStatus::complete);
  return 0;
}
