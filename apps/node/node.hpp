// The wiring of a national node, by hand and in order: what dayaqd serves and dayaq works on.
//
// A data folder holds
//   dayaq.yaml         which database, the log's origin; written by `dayaq init`
//   lock               held by the process that has the node open
//   dayaqd.url         where a running dayaqd listens
//   keys/audit.pem     signs the audit log's checkpoints
//   keys/feed.pem      signs the feed to the operators' edges
//   keys/permits.pem   the first key that signs permits, until the first start has put it into the database
//   keys/registry.hex  makes person ids and the pseudonyms of lines; without it the data can't be used
//   keys/master.hex    encrypts secrets at rest, and the keys in keys/oidc/, which sign what the digital ID
//   issues outbox/            messages to persons, for whatever sends them keys/NAME.key      API keys that
//   init made dayaq.db           the embedded database, unless dayaq.yaml names PostgreSQL index.snapshot the
//   index in memory as of a moment: may be deleted, is made again
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "demo.hpp"
#include "http/metrics.hpp"
#include "http/router.hpp"
#include "store/database.hpp"

namespace dayaq::registry {
class Catalogue;
class CountryPack;
class KeyRing;
class OrganisationDirectory;
struct Registry;
}  // namespace dayaq::registry
namespace dayaq::audit {
class Log;
}
namespace dayaq::http {
class Spool;
}
namespace dayaq::regime {
class Lawbook;
class GrantKeeper;
struct FileContext;
}  // namespace dayaq::regime

namespace dayaq::node {

struct NodeOptions {
  std::filesystem::path data;
  std::filesystem::path country;
  /// Without the index: for imports while nothing is served. Grants are neither derived nor put on the feed
  /// until the node is opened with it, which then derives them all.
  bool index = true;
  /// The public address: the OpenID Provider's issuer, and its host what passkeys are bound to. "": as
  /// dayaq.yaml has it, else `otherwise_url`.
  std::string url;
  std::string otherwise_url = "http://localhost:8080";
  /// Says what takes long at the start, for a terminal: "loading the index", 0.4.
  std::function<void(std::string_view what, double share)> on_progress;
};

struct CreateOptions {
  std::filesystem::path data;
  std::filesystem::path country;
  std::string database;  ///< "" for SQLite in the folder, or postgresql://...
  std::string origin = "dayaq.local/audit";
  bool synthetic = false;  ///< pages say that the population is made up
};

class Node {
 public:
  /// Makes a data folder: keys, configuration, schema, the country pack's organisations.
  /// conflict "node.exists" if there is one.
  static Result<void> create(const CreateOptions& options);
  /// Opens it for writing. conflict "file.locked" if another process has it open; not_found "node.missing".
  static Result<std::unique_ptr<Node>> open(const NodeOptions& options);
  ~Node();

  [[nodiscard]] store::Database& database();
  [[nodiscard]] const registry::Registry& registry() const;
  [[nodiscard]] registry::KeyRing& keys();
  [[nodiscard]] const http::Authenticator& authenticator() const;
  [[nodiscard]] audit::Log& log();
  [[nodiscard]] regime::Lawbook& lawbook();
  [[nodiscard]] regime::GrantKeeper& keeper();
  [[nodiscard]] const regime::FileContext& files() const;
  [[nodiscard]] const std::filesystem::path& data() const;
  [[nodiscard]] bool synthetic() const;

  /// Makes an API key and writes it to keys/NAME.key.
  Result<void> make_key(const std::string& name, const OrganisationCode& organisation,
                        const std::vector<http::Scope>& scopes);

  /// The routes under /v1 and /schemas. `router` must not outlive the node.
  void add_api_routes(http::Router& router);
  /// Pages, static files, health and metrics. `web` is the folder with templates, texts and styles.
  Result<void> add_page_routes(http::Router& router, http::Metrics& metrics,
                               const std::filesystem::path& web);
  /// What a listener that asks for identity cards serves. After add_page_routes. False: dayaq.yaml names no cards.
  bool add_card_routes(http::Router& router);
  /// PEM file of the authorities of identity cards; empty without cards.
  [[nodiscard]] std::filesystem::path card_authorities() const;
  /// Documents that people send are kept in the spool's files where that is possible. Before anything is served;
  /// `spool` outlives the server, and is called by its handlers alone.
  void adopt_bodies_of(const http::Spool& spool);
  /// Two made-up persons for whoever tries the demonstration, with the codes of their digital IDs; empty on a
  /// node whose persons are real.
  Result<std::vector<DemoPerson>> demo_persons();
  /// Begins what time alone moves: grants that begin or end, snapshots of the index, messages, what expires.
  /// Ends with the node.
  Result<void> start_timers();
  /// Answers the edges that wait for news, so that a stop needn't wait for them. Before the server stops.
  void let_waiting_go();
  /// Saves the index, so that the next start is quick.
  Result<void> save_index();

 private:
  struct State;
  explicit Node(std::unique_ptr<State> state);
  static Result<void> open_digital_id(State& state, const NodeOptions& options);
  std::unique_ptr<State> state_;
};

/// A data folder read without its lock, beside a running dayaqd: for exports and for verifying the log.
class Reader {
 public:
  static Result<std::unique_ptr<Reader>> open(const std::filesystem::path& data,
                                              const std::filesystem::path& country);
  ~Reader();
  [[nodiscard]] store::Database& database();
  [[nodiscard]] const registry::CountryPack& country() const;
  [[nodiscard]] const registry::OrganisationDirectory& organisations() const;
  [[nodiscard]] const registry::Catalogue& catalogue() const;
  /// The key that checkpoints are verified with, as the node's own key file says.
  [[nodiscard]] std::string audit_verifier() const;

 private:
  struct State;
  explicit Reader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::node
