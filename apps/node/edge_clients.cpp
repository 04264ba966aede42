#include "edge_clients.hpp"

#include <fmt/format.h>

#include <map>
#include <mutex>

#include "feed/edge_client.hpp"

namespace dayaq::node {
namespace {

using identity::oidc::Client;
using ClientHandle = std::shared_ptr<const Client>;

/// Of each edge the client that was asked for last, since every request of an edge asks for it, and its key
/// is read by OpenSSL.
class EdgeClients {
 public:
  EdgeClients(const regime::EdgeBook& edges, const registry::OrganisationDirectory& organisations)
      : edges_(edges), organisations_(organisations) {}

  [[nodiscard]] ClientHandle find(std::string_view id) {
    const auto name = feed::parse_edge_client_id(id);
    const auto provider = name ? organisations_.find(name->operator_code) : std::nullopt;
    const auto edge = provider ? edges_.find(*provider, name->edge) : std::nullopt;
    if (!edge || !edge->live() || !edge->client_key) return nullptr;
    if (feed::edge_client_id(name->operator_code, name->edge, *edge->client_key) != id) return nullptr;
    const std::lock_guard lock(mutex_);
    ClientHandle& known = known_[{*provider, edge->name}];
    if (!known || known->id != id) known = client_of(id, name->operator_code, *edge);
    return known;
  }

 private:
  static ClientHandle client_of(std::string_view id, std::string_view operator_code,
                                const regime::Edge& edge) {
    auto key = feed::edge_client_jwk(*edge.client_key);
    if (!key) return nullptr;  // 32 bytes that are no key: nobody signs with it
    Client client;
    client.id = std::string(id);
    client.organisation = OrganisationCode(std::string(operator_code));
    client.name = LocalizedText{.az = regime::edge_key_name(edge.name), .en = {}, .ru = {}};
    client.authentication = identity::oidc::ClientAuthentication::private_key_jwt;
    client.keys = crypto::JwkSet({std::move(*key)});
    client.grants = std::uint8_t(1u << unsigned(identity::oidc::GrantType::client_credentials));
    for (std::size_t i = 1; i < http::scope_count; ++i) {
      if ((regime::edge_scopes() >> i & 1) != 0)
        client.scopes.emplace_back(http::to_string(static_cast<http::Scope>(i)));
    }
    client.sector = client.id;
    client.created = edge.enrolled;
    return std::make_shared<const Client>(std::move(client));
  }

  const regime::EdgeBook& edges_;
  const registry::OrganisationDirectory& organisations_;
  std::mutex mutex_;
  std::map<std::pair<registry::OrganisationIndex, std::string>, ClientHandle> known_;  // guarded by mutex_
};

}  // namespace

identity::oidc::Clients::Others edge_clients(const regime::EdgeBook& edges,
                                             const registry::OrganisationDirectory& organisations) {
  // Shared by the copies of the function.
  const auto clients = std::make_shared<EdgeClients>(edges, organisations);
  return [clients](std::string_view id) { return clients->find(id); };
}

}  // namespace dayaq::node
