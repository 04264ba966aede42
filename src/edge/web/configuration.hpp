// An edge's file: who it is, where its centre is, what its network asks for. docs/edge/configuration.md has
// every field; `dayaq-edge --print-default` writes a commented example.
#pragma once

#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crypto/sign.hpp"
#include "edge/diameter/credit_control.hpp"
#include "edge/diameter/node.hpp"
#include "edge/engine.hpp"
#include "edge/radius/server.hpp"
#include "edge/tv/options.hpp"

namespace dayaq::edge::web {

struct CentreOptions {
  std::string url;                    ///< "https://centre.example"
  std::filesystem::path client_file;  ///< this edge's OAuth client (feed/edge_client.hpp), or
  std::filesystem::path token_file;   ///< its API key: one of the two is empty
  std::filesystem::path key_file;
  std::string tls_authority;  ///< PEM file; empty: the system's authorities
};

struct HttpOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8090;  ///< 0 lets the kernel choose
  int io_threads = 1;
  std::filesystem::path token_file;  ///< one bearer token a line; whose holders may ask, count and follow
  std::string tls_certificate, tls_key;
};

/// Another edge of the same operator.
struct SiblingOptions {
  std::string name;
  std::uint8_t number = 0;
  std::string url;
  std::filesystem::path token_file;
};

struct Configuration {
  bool accept_restored = false;  ///< of the command line: see FollowerOptions
  std::string operator_code;
  EngineOptions engine;  ///< number, edges, zone, slices, disk policy
  std::string name;      ///< as enrolled
  CentreOptions centre;
  std::filesystem::path feed_key_file, signing_key_file, data;
  LineKind line = LineKind::mobile;
  ServiceTable services;
  std::chrono::seconds settle_every{60};
  std::uint32_t resources_version = 0;       ///< of networks without Gx
  std::chrono::seconds resources_every{60};  ///< how often the centre is asked for a newer list
  bool gx = true;                            ///< with diameter
  std::optional<diameter::NodeOptions> diameter;
  diameter::CreditControlOptions credit_control;
  std::optional<radius::ServerOptions> radius;
  std::optional<tv::Options> tv;
  std::filesystem::path tv_token_key_file, tv_secure_link_file;
  HttpOptions http;
  std::vector<SiblingOptions> siblings;
  /// Each part of the file as text, without what a reload changes: for needs_restart().
  std::map<std::string, std::string> written;
};

/// Reads the file's text. Relative paths are of `folder`. All findings, by line: "edge.file.syntax",
/// "edge.file.type", "edge.file.missing", "edge.file.unknown_key", "edge.file.value"; "edge.services".
[[nodiscard]] std::expected<Configuration, Errors> parse_configuration(std::string_view text,
                                                                       const std::filesystem::path& folder);

/// What the files named in a configuration hold.
struct Keys {
  SipKey feed_key;
  std::vector<crypto::PublicKey> centre_keys;
  std::string centre_token;  ///< "" with a client file
  std::optional<crypto::SigningKey> signing;
  std::vector<std::string> http_tokens;
  std::vector<std::string> sibling_tokens;  ///< in step with Configuration::siblings
};

/// Reads the key and token files, and puts the feed key and the TV keys where the parts look for them.
/// "edge.key" names the file and what it must hold; base's errors of reading.
[[nodiscard]] Result<Keys> load_keys(Configuration& configuration);

/// A commented example: what --print-default writes. It parses.
[[nodiscard]] std::string_view example_configuration();

/// What differs between two configurations, as the names of parts ("services", "diameter"), that a reload
/// can't change: those hold from the next start on. A reload changes the tokens of `http` and the clients of
/// `diameter` and `radius`.
[[nodiscard]] std::vector<std::string> needs_restart(const Configuration& before, const Configuration& after);

}  // namespace dayaq::edge::web
