#include "transport.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/bytes.hpp"
#include "base/file.hpp"
#include "http/client.hpp"
#include "http/encoding.hpp"
#include "http/local_call.hpp"
#include "node.hpp"

namespace dayaq::cli {
namespace {

/// Calls with an access token that it fetches with the API key, anew before it expires. A server that gives
/// none (an older one) gets the key itself.
class RemoteTransport final : public Transport {
 public:
  RemoteTransport(http::Client client, std::string key) : client_(std::move(client)), key_(std::move(key)) {}

  Result<Reply> call(http::Method method, std::string_view target, std::string_view body,
                     std::string_view content_type) override {
    if (std::chrono::steady_clock::now() >= token_until_) renew();
    auto answer = client_.request(method, target, body,
                                  {{"Content-Type", std::string(content_type)},
                                   {"Authorization", "Bearer " + (token_.empty() ? key_ : token_)}});
    if (!answer) {
      return fail(ErrorKind::unavailable, "cli.server",
                  "The server can't be reached: " + answer.error().public_text, answer.error().detail);
    }
    Reply reply{
        .status = answer->status, .content_type = std::string(answer->header("content-type")), .body = {}};
    reply.body = std::move(answer->body);
    return reply;
  }
  [[nodiscard]] bool local() const override { return false; }

 private:
  void renew() {
    const auto fetched = fetch_token(client_, key_client_id(key_), key_, {});
    token_ = fetched ? fetched->text : std::string();
    const auto life = fetched ? fetched->life : std::chrono::seconds(60);
    token_until_ = std::chrono::steady_clock::now() + life - life / 5;
  }

  http::Client client_;
  std::string key_;
  std::string token_;
  std::chrono::steady_clock::time_point token_until_ = std::chrono::steady_clock::time_point::min();
};

/// The token in an answer of the token endpoint. unauthenticated "cli.token".
Result<FetchedToken> token_in(int status, std::string_view body) {
  boost::system::error_code failed;
  const auto document = boost::json::parse(body, failed);
  const auto* object = failed ? nullptr : document.if_object();
  const auto* text = object == nullptr ? nullptr : object->if_contains("access_token");
  const auto* life = object == nullptr ? nullptr : object->if_contains("expires_in");
  if (status != 200 || text == nullptr || !text->is_string()) {
    return fail(ErrorKind::unauthenticated, "cli.token",
                "The server gives no token for this client. Check its id, its secret and its scopes.",
                std::string(body.substr(0, 300)));
  }
  return FetchedToken{
      .text = std::string(text->get_string()),
      .life = std::chrono::seconds(life != nullptr && life->is_int64() ? life->get_int64() : 60)};
}

class LocalTransport final : public Transport {
 public:
  LocalTransport(std::unique_ptr<node::Node> node, std::string key)
      : node_(std::move(node)), key_(std::move(key)) {
    node_->add_api_routes(router_);
  }

  Result<Reply> call(http::Method method, std::string_view target, std::string_view body,
                     std::string_view content_type) override {
    if (std::chrono::steady_clock::now() >= token_until_) renew();
    const http::Response response = http::call(router_, &node_->authenticator(), method, target, body,
                                               content_type, token_.empty() ? key_ : token_);
    return Reply{.status = response.status, .content_type = response.content_type, .body = response.body};
  }
  [[nodiscard]] bool local() const override { return true; }
  Result<void> finish() override { return node_->save_index(); }

 private:
  /// As over the network: the key fetches a token. A node that gives none is shown the key, and says why.
  void renew() {
    const std::string form =
        fmt::format("grant_type=client_credentials&client_id={}&client_secret={}",
                    http::percent_encode(key_client_id(key_)), http::percent_encode(key_));
    const http::Response answer = http::call(router_, &node_->authenticator(), http::Method::post,
                                             "/oauth/token", form, "application/x-www-form-urlencoded", {});
    const auto fetched = token_in(answer.status, answer.body);
    token_ = fetched ? fetched->text : std::string();
    const auto life = fetched ? fetched->life : std::chrono::seconds(60);
    token_until_ = std::chrono::steady_clock::now() + life - life / 5;
  }

  std::unique_ptr<node::Node> node_;
  http::Router router_;
  std::string key_;
  std::string token_;
  std::chrono::steady_clock::time_point token_until_ = std::chrono::steady_clock::time_point::min();
};

}  // namespace

std::string key_client_id(std::string_view key) {
  constexpr std::string_view prefix = "dyq_";
  if (!key.starts_with(prefix)) return {};
  key.remove_prefix(prefix.size());
  return fmt::format("key-{}", key.substr(0, key.find('_')));
}

Result<FetchedToken> fetch_token(http::Client& client, std::string_view id, std::string_view secret,
                                 std::string_view scopes) {
  std::string form = "grant_type=client_credentials";
  if (!scopes.empty()) form += "&scope=" + http::percent_encode(scopes);
  // RFC 6749 section 2.3.1: both are form-encoded before they are joined.
  const std::string pair = http::percent_encode(id) + ":" + http::percent_encode(secret);
  DAYAQ_TRY(const auto answer, client.request(http::Method::post, "/oauth/token", form,
                                              {{"Content-Type", "application/x-www-form-urlencoded"},
                                               {"Authorization", "Basic " + to_base64(as_bytes(pair))}}));
  return token_in(answer.status, answer.body);
}

Result<std::string> server_url(const Settings& settings) {
  if (!settings.server.empty()) return settings.server;
  auto url = read_file(settings.data / "dayaqd.url", 4096);
  if (!url) {
    return fail(ErrorKind::unavailable, "cli.server",
                "No dayaqd serves this data folder. Start it, or name one with --server.");
  }
  while (!url->empty() && url->back() == '\n') url->pop_back();
  return std::move(*url);
}

Result<std::string> key_text(const Settings& settings) {
  const std::string name = settings.key.empty() ? "@admin" : settings.key;
  if (!name.starts_with('@')) return name;
  const auto path = settings.data / "keys" / (name.substr(1) + ".key");
  auto text = read_file(path, 4096);
  if (!text) {
    return fail(ErrorKind::not_found, "cli.key",
                fmt::format("There is no key in {}. Name one with --key, or make one with: dayaq key create",
                            path.string()));
  }
  while (!text->empty() && (text->back() == '\n' || text->back() == ' ')) text->pop_back();
  return std::move(*text);
}

Result<std::unique_ptr<Transport>> connect(const Settings& settings) {
  DAYAQ_TRY(std::string key, key_text(settings));
  std::string server = settings.server;
  if (server.empty()) {
    auto node = node::Node::open({.data = settings.data, .country = settings.country});
    if (node) return std::make_unique<LocalTransport>(std::move(*node), std::move(key));
    if (node.error().code != "file.locked") return std::unexpected(node.error());
    auto url = read_file(settings.data / "dayaqd.url", 4096);
    if (!url) return std::unexpected(node.error());
    server = std::move(*url);
    while (!server.empty() && server.back() == '\n') server.pop_back();
  }
  http::ClientOptions options;
  options.answer_timeout = std::chrono::minutes(5);
  DAYAQ_TRY(http::Client client, http::Client::create(server, std::move(options)));
  return std::make_unique<RemoteTransport>(std::move(client), std::move(key));
}

}  // namespace dayaq::cli
