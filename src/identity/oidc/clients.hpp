// Registered clients, in memory, following commits.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "audit/log.hpp"
#include "base/random.hpp"
#include "identity/oidc/types.hpp"
#include "registry/record.hpp"
#include "store/database.hpp"

namespace dayaq::identity::oidc {

class Clients final : public store::CommitHook {
 public:
  Clients();
  ~Clients() override;
  Result<void> load(store::Session& session);
  /// null if there is none, or it has ended. Any thread.
  [[nodiscard]] std::shared_ptr<const Client> find(std::string_view id) const;
  [[nodiscard]] std::vector<std::shared_ptr<const Client>> all() const;
  void stage(Client client);  ///< by the use-cases below, on the writer thread

  void begin_transaction() override;
  void discard_transaction() override;
  Result<void> before_commit(store::Session&) override { return {}; }
  void after_commit() noexcept override;
  void after_rollback() noexcept override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A client's JSON (RFC 7591 names, plus organisation, purpose, legal_ground, least_assurance), strictly
/// read. invalid_input "client.*" with the field.
[[nodiscard]] Result<Client> parse_client(std::string_view json);
[[nodiscard]] std::string to_json(const Client& client);  ///< without the secret

/// 32 random bytes as text, shown once.
[[nodiscard]] std::string draw_client_secret(Random& random);

/// Registers, or changes, a client of an organisation. Part of a transaction, with an audit entry.
///   - invalid_input "client.redirect_uri", "client.scopes", "client.keys", ...
///   - forbidden "client.not_yours"  another organisation has this client_id
Result<void> record_client(store::Session& db, const registry::Registry& registry, Clients& clients,
                           Client client, const std::string& actor);
/// Ends it and all its grants. not_found "client.unknown".
Result<void> end_client(store::Session& db, const registry::Registry& registry, Clients& clients,
                        std::string_view id, const std::string& actor);

}  // namespace dayaq::identity::oidc
