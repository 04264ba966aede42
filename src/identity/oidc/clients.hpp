// Registered clients, in memory, following commits.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "audit/log.hpp"
#include "base/random.hpp"
#include "crypto/key_store.hpp"
#include "identity/oidc/types.hpp"
#include "registry/record.hpp"
#include "store/database.hpp"

namespace dayaq::identity::oidc {

class Clients final : public store::CommitHook {
 public:
  Clients();
  ~Clients() override;
  Result<void> load(store::Session& session);
  /// Clients that are kept elsewhere: asked for ids that aren't here. Before anybody asks.
  using Others = std::function<std::shared_ptr<const Client>(std::string_view id)>;
  void set_others(Others others);
  /// null if there is none, or it has ended. Any thread.
  [[nodiscard]] std::shared_ptr<const Client> find(std::string_view id) const;
  [[nodiscard]] std::vector<std::shared_ptr<const Client>> all() const;
  /// As this group of writes has it, ended ones too; writer thread.
  [[nodiscard]] std::shared_ptr<const Client> newest(std::string_view id) const;
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
/// What Client::secret keeps of it. A secret of 256 random bits can't be guessed, so that a MAC loses nothing
/// beside a slow hash; and who reads the database can't try any.
[[nodiscard]] crypto::Sha256 client_secret_mac(const crypto::MasterKey& master, std::string_view secret);

/// Everything that a client alone can be checked for; called by record_client too. invalid_input "client.*"
/// with the field.
[[nodiscard]] Result<void> check_client(const Client& client);

/// An address as it may be registered for redirects: https, http on a loopback address, or a private scheme
/// with a dot (com.example.app:/callback); absolute, without fragment, user or wildcard. @see RFC 8252
/// sections 7, 8.4
[[nodiscard]] bool is_redirect_uri(std::string_view uri);
/// Whether a client registered what is asked: the same text, but for the port of a loopback address (RFC 8252
/// section 7.3).
[[nodiscard]] bool redirect_registered(const Client& client, std::string_view asked);
/// The host of an https or loopback address, "" of another.
[[nodiscard]] std::string_view host_of(std::string_view uri);

/// Scopes that a person grants: "openid", "profile", "phone", "age", "offline_access", "status:CODE",
/// "me:read".
[[nodiscard]] bool is_person_scope(std::string_view scope);
/// Scopes of programs: those of the API (http::Scope), and "introspect" (all clients' tokens).
[[nodiscard]] bool is_program_scope(std::string_view scope);

/// Whether it proves itself by a secret, and not by a key or not at all.
[[nodiscard]] bool has_secret(const Client& client);

/// Which scopes of programs somebody may give to a client.
using MayGive = std::function<bool(std::string_view scope)>;
/// Whether an organisation may register such a client by itself, or touch one that is there: a new secret or
/// key of a client is all that the client may do.
///   - forbidden "client.by_administrator"  in by law, or without PKCE
///   - forbidden "client.scope_not_yours"
[[nodiscard]] Result<void> check_own_registration(const Client& client, const MayGive& may_give);
/// The scopes of programs that an official gives on the console, where nobody holds scopes of their own: what
/// such a body does with its own persons, lines and cases. Everything else is the administrator's to give.
[[nodiscard]] bool is_organisation_scope(registry::OrganisationKind kind, std::string_view scope);

/// Registers, or changes, a client of an organisation. Part of a transaction, with an audit entry.
///   - invalid_input "client.redirect_uri", "client.scopes", "client.keys", ...
///   - forbidden "client.not_yours"  another organisation has this client_id
Result<void> record_client(store::Session& db, const registry::Registry& registry, Clients& clients,
                           Client client, const std::string& actor);
/// Ends it and all its grants. not_found "client.unknown".
Result<void> end_client(store::Session& db, const registry::Registry& registry, Clients& clients,
                        std::string_view id, const std::string& actor);

}  // namespace dayaq::identity::oidc
