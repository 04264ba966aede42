#include "http/router.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "http/encoding.hpp"
#include "http/openapi.hpp"

namespace dayaq::http {
namespace {

constexpr std::size_t methods = 7;
constexpr std::size_t no_route = static_cast<std::size_t>(-1);
constexpr std::size_t segments_max = 16;  ///< of a path; bounds the search and the recursion

struct Node {
  std::vector<std::pair<std::string, std::unique_ptr<Node>>> literals;
  std::unique_ptr<Node> parameter;
  std::array<std::size_t, methods> routes;
  Node() { routes.fill(no_route); }

  [[nodiscard]] bool ends_here() const {
    return std::ranges::any_of(routes, [](std::size_t route) { return route != no_route; });
  }
  [[nodiscard]] Node* literal(std::string_view segment) const {
    for (const auto& [text, node] : literals) {
      if (text == segment) return node.get();
    }
    return nullptr;
  }
};

/// A path cut at its slashes, with escapes decoded only where there are any.
struct Path {
  std::array<std::string_view, segments_max> segments;
  std::size_t count = 0;
  std::vector<std::string> decoded;  ///< owns the segments that had escapes
};

bool is_plain_text(std::string_view text) {
  return is_utf8(text) && std::ranges::none_of(text, [](char c) {
           const auto byte = static_cast<std::uint8_t>(c);
           return byte < 0x20 || byte == 0x7f;
         });
}

enum class Cut { good, bad, unknown };

Cut cut(std::string_view path, Path& out) {
  if (path.empty() || path.front() != '/') return Cut::bad;
  if (path.size() == 1) return Cut::good;
  const bool escaped = path.find('%') != std::string_view::npos;
  if (escaped) out.decoded.reserve(segments_max);  // views into it must stay
  std::string_view rest = path.substr(1);
  for (bool more = true; more;) {
    const std::size_t slash = rest.find('/');
    more = slash != std::string_view::npos;
    std::string_view segment = rest.substr(0, slash);
    if (more) rest.remove_prefix(slash + 1);
    if (out.count == segments_max) return Cut::unknown;
    if (escaped && segment.find('%') != std::string_view::npos) {
      auto decoded = percent_decode(segment);
      if (!decoded || !is_plain_text(*decoded)) return Cut::bad;
      segment = out.decoded.emplace_back(std::move(*decoded));
    }
    if (segment == "." || segment == "..") return Cut::bad;
    out.segments[out.count++] = segment;
  }
  return Cut::good;
}

/// Depth first, literals before parameters. `taken` collects the values of the parameters on the way.
const Node* find(const Node& node, const Path& path, std::size_t depth,
                 std::vector<std::string_view>& taken) {
  if (depth == path.count) return node.ends_here() ? &node : nullptr;
  const std::string_view segment = path.segments[depth];
  if (const Node* next = node.literal(segment)) {
    if (const Node* found = find(*next, path, depth + 1, taken)) return found;
  }
  if (node.parameter && !segment.empty()) {
    taken.push_back(segment);
    if (const Node* found = find(*node.parameter, path, depth + 1, taken)) return found;
    taken.pop_back();
  }
  return nullptr;
}

/// The names of a pattern's parameters, in order; adds its nodes to the trie and returns the last.
Node& grow(Node& root, std::string_view pattern, std::vector<std::string>& names) {
  DAYAQ_ASSERT(!pattern.empty() && pattern.front() == '/');
  Node* node = &root;
  std::string_view rest = pattern.substr(1);
  while (!rest.empty()) {
    const std::size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    DAYAQ_ASSERT(!segment.empty() && (slash == std::string_view::npos || !rest.empty()));
    if (segment.front() == '{') {
      DAYAQ_ASSERT(segment.size() > 2 && segment.back() == '}');
      names.emplace_back(segment.substr(1, segment.size() - 2));
      if (!node->parameter) node->parameter = std::make_unique<Node>();
      node = node->parameter.get();
    } else if (Node* known = node->literal(segment)) {
      node = known;
    } else {
      node = node->literals.emplace_back(std::string(segment), std::make_unique<Node>()).second.get();
    }
  }
  return *node;
}

std::string allowed(const Node& node) {
  std::string out;
  for (std::size_t m = 0; m < methods; ++m) {
    if (node.routes[m] == no_route) continue;
    out += to_string(static_cast<Method>(m));
    out += ", ";
    if (static_cast<Method>(m) == Method::get) out += "HEAD, ";
  }
  return out + "OPTIONS";
}

}  // namespace

struct Router::State {
  Node root;
  std::vector<Route> routes;
  std::vector<AsyncHandler> handlers;
  std::vector<std::vector<std::string>> parameter_names;
  std::map<std::string, std::string> schemas;
  ErrorPage error_page;
};

Router::Router() : state_(std::make_unique<State>()) {}
Router::~Router() = default;

void Router::add(Route route, Handler handler) {
  add_async(std::move(route),
            [handler = std::move(handler)](const std::shared_ptr<const Request>& request, Responder respond) {
              respond(handler(*request));
            });
}

void Router::add_async(Route route, AsyncHandler handler) {
  DAYAQ_ASSERT(route.method != Method::head && route.method != Method::options);  // answered by the server
  std::vector<std::string> names;
  Node& node = grow(state_->root, route.pattern, names);
  std::size_t& slot = node.routes[static_cast<std::size_t>(route.method)];
  DAYAQ_ASSERT(slot == no_route);
  slot = state_->routes.size();
  state_->routes.push_back(std::move(route));
  state_->handlers.push_back(std::move(handler));
  state_->parameter_names.push_back(std::move(names));
}

void Router::add_schema(std::string name, std::string json_schema) {
  const bool added = state_->schemas.emplace(std::move(name), std::move(json_schema)).second;
  DAYAQ_ASSERT(added);
}

void Router::set_error_page(ErrorPage page) {
  state_->error_page = std::move(page);
}

const ErrorPage& Router::error_page() const {
  return state_->error_page;
}

Router::Match Router::match(Method method, std::string_view path) const {
  Match match;
  Path parts;
  const Cut result = cut(path, parts);
  match.bad_path = result == Cut::bad;
  if (result != Cut::good) return match;
  std::vector<std::string_view> taken;
  const Node* node = find(state_->root, parts, 0, taken);
  if (node == nullptr) return match;
  match.path_exists = true;
  const Method wanted = method == Method::head ? Method::get : method;
  const std::size_t index = node->routes[static_cast<std::size_t>(wanted)];
  if (index == no_route) {
    match.allow = allowed(*node);
    match.cross_origin = std::ranges::any_of(node->routes, [&](std::size_t route) {
      return route != no_route && state_->routes[route].cross_origin;
    });
    return match;
  }
  match.route = &state_->routes[index];
  match.handler = &state_->handlers[index];
  match.index = index;
  const auto& names = state_->parameter_names[index];
  match.parameters.reserve(taken.size());
  for (std::size_t i = 0; i < taken.size(); ++i)
    match.parameters.emplace_back(names[i], std::string(taken[i]));
  return match;
}

const std::vector<Route>& Router::routes() const {
  return state_->routes;
}

std::string Router::declarations() const {
  std::string out = R"({"routes":[)";
  for (const Route& route : state_->routes) {
    out += fmt::format(
        R"({}{{"method":"{}","pattern":{},"operation":{},"tag":{},"scope":"{}","signed_in":"{}","open":{}}})",
        out.back() == '[' ? "" : ",", to_string(route.method), json_string(route.pattern),
        json_string(route.operation), json_string(route.tag), to_string(route.scope),
        to_string(route.signed_in), json_string(route.open));
  }
  return out + "]}";
}

std::string Router::openapi(std::string_view title, std::string_view version) const {
  return openapi_document(state_->routes, state_->schemas, title, version);
}

}  // namespace dayaq::http
