#include "transport.hpp"

#include <fmt/format.h>

#include "base/file.hpp"
#include "http/client.hpp"
#include "http/local_call.hpp"
#include "node.hpp"

namespace dayaq::cli {
namespace {

class RemoteTransport final : public Transport {
 public:
  explicit RemoteTransport(http::Client client) : client_(std::move(client)) {}

  Result<Reply> call(http::Method method, std::string_view target, std::string_view body,
                     std::string_view content_type) override {
    auto answer = client_.request(method, target, body, {{"Content-Type", std::string(content_type)}});
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
  http::Client client_;
};

class LocalTransport final : public Transport {
 public:
  LocalTransport(std::unique_ptr<node::Node> node, std::string key)
      : node_(std::move(node)), key_(std::move(key)) {
    node_->add_api_routes(router_);
  }

  Result<Reply> call(http::Method method, std::string_view target, std::string_view body,
                     std::string_view content_type) override {
    const http::Response response =
        http::call(router_, &node_->authenticator(), method, target, body, content_type, key_);
    return Reply{.status = response.status, .content_type = response.content_type, .body = response.body};
  }
  [[nodiscard]] bool local() const override { return true; }
  Result<void> finish() override { return node_->save_index(); }

 private:
  std::unique_ptr<node::Node> node_;
  http::Router router_;
  std::string key_;
};

}  // namespace

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
  options.bearer_token = std::move(key);
  options.answer_timeout = std::chrono::minutes(5);
  DAYAQ_TRY(http::Client client, http::Client::create(server, std::move(options)));
  return std::make_unique<RemoteTransport>(std::move(client));
}

}  // namespace dayaq::cli
