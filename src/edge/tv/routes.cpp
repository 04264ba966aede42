#include "edge/tv/routes.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "edge/tv/token.hpp"
#include "http/encoding.hpp"

namespace dayaq::edge::tv {
namespace {

using http::Request;
using http::Response;
using What = Authorizer::Answer::What;

std::string_view word_of(const Authorizer::Answer& answer) {
  static constexpr std::string_view outcomes[] = {"granted", "not_covered", "used_up",
                                                  "limited", "unknown",     "refused"};
  switch (answer.what) {
    case What::allowed:
    case What::denied:
      return outcomes[std::size_t(answer.outcome)];
    case What::nobody:
      return "no_line";
    case What::elsewhere:
      return "no_channel";
  }
  return "";
}

/// Set-Cookie of who may watch until the answer runs out, for nginx to hand on.
std::string pass_cookie(const Options& options, const Authorizer::Answer& answer, std::string_view line,
                        Instant now) {
  const auto left = std::chrono::floor<std::chrono::seconds>(now + answer.cache) -
                    std::chrono::floor<std::chrono::seconds>(now);
  return fmt::format("dayaq={}; Max-Age={}; Path={}; HttpOnly",
                     make_pass(options.secure_link_secret, answer.prefix, line, now + answer.cache),
                     left.count(), answer.prefix);
}

Response authorize(const Request& request, Authorizer& authorizer, const Clock& clock) {
  const Options& options = authorizer.options();
  const Instant now = clock.now();
  const std::string_view line = request.header(options.line_header);
  const Authorizer::Answer answer = authorizer.on_request(request.header("x-original-uri"), line, now);
  Response response = Response::no_content();
  if (answer.what == What::nobody) response.status = 401;
  if (answer.what == What::denied || answer.what == What::elsewhere) response.status = 403;
  if (response.status == 401) response.headers.emplace_back("WWW-Authenticate", "Token");
  response.headers.emplace_back("X-Dayaq-Outcome", word_of(answer));
  if (!answer.channel.empty()) {
    response.headers.emplace_back("X-Dayaq-Channel", http::percent_encode(answer.channel));
  }
  if (answer.what == What::allowed) {
    response.headers.emplace_back("X-Dayaq-Measure", std::to_string(answer.measure));
    if (options.passes && !line.empty()) {
      response.headers.emplace_back("X-Dayaq-Pass", pass_cookie(options, answer, line, now));
    }
  }
  response.headers.emplace_back("Cache-Control", answer.cache.count() > 0
                                                     ? fmt::format("max-age={}", answer.cache.count())
                                                     : std::string("no-store"));
  return response;
}

Response token(const Request& request, Authorizer& authorizer, const Clock& clock) {
  std::error_code error;
  const boost::json::value body = boost::json::parse(request.body, error);
  const auto text = [&](std::string_view field) -> Result<std::string> {
    const boost::json::object* object = error ? nullptr : body.if_object();
    const boost::json::value* value = object == nullptr ? nullptr : object->if_contains(field);
    if (value == nullptr || !value->is_string() || value->as_string().empty()) {
      return fail_field("tv.request", std::string(field), "Name the line and the channel: two texts.");
    }
    return std::string(value->as_string());
  };
  const auto line = text("line");
  if (!line) return http::problem(line.error());
  const auto channel = text("channel");
  if (!channel) return http::problem(channel.error());
  const auto permit = authorizer.permit(*channel, *line, clock.now());
  if (!permit) return http::problem(permit.error());
  const auto& argument = authorizer.options().token_argument;
  std::string answer =
      fmt::format(R"({{"prefix":{},"token":{},"query":{},"expires":"{}")", http::json_string(permit->prefix),
                  http::json_string(permit->token), http::json_string(argument + "=" + permit->token),
                  format_instant(permit->expires));
  if (!permit->secure_link.empty()) {
    answer += fmt::format(
        R"(,"secure_link":"md5={}&expires={}&l={:016x}")", permit->secure_link,
        std::chrono::floor<std::chrono::seconds>(permit->expires).time_since_epoch().count(), permit->key);
  }
  Response response = Response::json(answer + "}");
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

}  // namespace

void add_routes(http::Router& router, std::shared_ptr<Authorizer> authorizer, const Clock& clock) {
  router.add_schema("TvTokenRequest", R"json({
    "type": "object", "required": ["line", "channel"],
    "properties": {
      "line": {"type": "string", "description": "The viewer's line, as in the header that nginx sends"},
      "channel": {"type": "string", "description": "Its name in the edge's file"}}})json");
  router.add_schema("TvToken", R"json({
    "type": "object", "required": ["prefix", "token", "query", "expires"],
    "properties": {
      "prefix": {"type": "string", "description": "The addresses that the token opens begin with this"},
      "token": {"type": "string"},
      "query": {"type": "string", "description": "To be added to the address after a question mark"},
      "expires": {"type": "string", "format": "date-time"},
      "secure_link": {"type": "string", "description": "The same for nginx's secure_link_md5"}}})json");
  router.add({.pattern = "/tv/authorize",
              .scope = http::Scope::grants_decide,
              .run = http::Run::inline_,
              .operation = "authorize_tv",
              .summary = "nginx's auth_request: may this line have this address? 204, 401 or 403.",
              .tag = "tv"},
             [authorizer, &clock](const Request& request) { return authorize(request, *authorizer, clock); });
  router.add({.method = http::Method::post,
              .pattern = "/v1/tv/tokens",
              .scope = http::Scope::grants_decide,
              .run = http::Run::inline_,
              .operation = "make_tv_token",
              .summary = "A short-lived signed address of a channel for a line that may watch it.",
              .request_schema = "TvTokenRequest",
              .response_schema = "TvToken",
              .tag = "tv"},
             [authorizer, &clock](const Request& request) { return token(request, *authorizer, clock); });
}

}  // namespace dayaq::edge::tv
