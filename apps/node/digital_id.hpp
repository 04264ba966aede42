// The wiring of the digital ID: accounts, sessions, signing in, the OpenID Provider, its keys and pages.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "core.hpp"
#include "http/router.hpp"
#include "identity/account/life.hpp"
#include "identity/web/web.hpp"
#include "regime/edges.hpp"
#include "registry/api_key.hpp"

namespace dayaq::node {

struct DigitalIdOptions {
  std::filesystem::path data;
  std::string url;  ///< the public address: issuer, and its host the WebAuthn RP id
};

class DigitalId {
 public:
  /// Reads what is kept in memory, and adds the hooks: before the audit log's, and before the first write.
  ///   - invalid_input "node.url"; errors of the keys (crypto/key_store.hpp) and of the store
  static Result<std::unique_ptr<DigitalId>> open(Core& core, registry::KeyRing& keys,
                                                 const regime::EdgeBook& edges,
                                                 const DigitalIdOptions& options);
  ~DigitalId();

  [[nodiscard]] identity::Accounts& accounts();
  [[nodiscard]] identity::oidc::Provider& provider();
  [[nodiscard]] const identity::web::PublicUrl& url() const;
  /// Says who calls: by token, by API key, by the session's cookie.
  [[nodiscard]] const http::Authenticator& authenticator() const;
  /// Follows the registry (deaths), then tells `next`.
  [[nodiscard]] registry::ChangeObserver& follow_registry(registry::ChangeObserver* next);

  /// Endpoints that programs call. They refer to this.
  void add_api_routes(http::Router& router);
  /// What people see; `site` and `explain` outlive the router.
  void add_page_routes(http::Router& router, const portal::Site& site, const regime::ExplainContext& explain,
                       std::function<std::shared_ptr<const regime::NumberedLaw>()> law,
                       const identity::web::Doors& doors);

  /// Where identity cards are shown: the routes of a listener that asks for them. False: dayaq.yaml names no
  /// cards.
  bool add_card_routes(http::Router& router);

  /// What its pages stand on, for those of other rooms. After add_page_routes.
  [[nodiscard]] const identity::web::Web& pages() const;

  /// Begins to send messages and to tell clients of ended sessions. After all hooks were added.
  Result<void> start();
  /// Background work, once a second: what has expired goes, keys are rotated in time.
  void tick();
  /// Before the database closes.
  void stop();

 private:
  struct State;
  explicit DigitalId(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::node
