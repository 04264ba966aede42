// How a command reaches a node: through a running dayaqd, or through the same routes inside this process.
//
// A command is always a request to the API, so that there is one way to do a thing. If a dayaqd serves the
// data folder (it holds the folder's lock and says its address in DATA/dayaqd.url), or --server names one,
// the request goes there; if not, the node is opened here and its router called without a socket.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "http/client.hpp"
#include "http/message.hpp"

namespace dayaq::cli {

struct Settings {
  std::filesystem::path data = "data";
  std::filesystem::path country = "country/az";
  std::string server;  ///< "" to find out
  std::string key;     ///< an API key, or "@NAME" for DATA/keys/NAME.key; "" for the command's usual one
  bool json = false;
  /// With the key that a command usually works with, unless another was given.
  [[nodiscard]] Settings with_key(std::string_view name) const {
    Settings out = *this;
    if (out.key.empty()) out.key = name;
    return out;
  }
};

struct Reply {
  int status = 0;
  std::string content_type;
  std::string body;
  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
};

class Transport {
 public:
  virtual ~Transport() = default;
  /// unavailable "cli.server" if the server can't be reached.
  virtual Result<Reply> call(http::Method method, std::string_view target, std::string_view body = {},
                             std::string_view content_type = "application/json") = 0;
  [[nodiscard]] virtual bool local() const = 0;
  /// After a long local change (an import): saves the index, so that the next start is quick.
  virtual Result<void> finish() { return {}; }
};

/// @return the transport, or not_found "cli.no_node" if the folder has no node and no server is named.
Result<std::unique_ptr<Transport>> connect(const Settings& settings);

/// An access token by client credentials (RFC 6749 section 4.4). unauthenticated "cli.token"; errors of the
/// client.
struct FetchedToken {
  std::string text;
  std::chrono::seconds life{};
};
Result<FetchedToken> fetch_token(http::Client& client, std::string_view id, std::string_view secret,
                                 std::string_view scopes);
/// The client that an API key is: "key-7". "" if it isn't one.
[[nodiscard]] std::string key_client_id(std::string_view key);
/// The address of the dayaqd that serves, or that settings name. unavailable "cli.server".
Result<std::string> server_url(const Settings& settings);

/// The key of settings as text: itself, or read from DATA/keys/. not_found "cli.key".
Result<std::string> key_text(const Settings& settings);

}  // namespace dayaq::cli
