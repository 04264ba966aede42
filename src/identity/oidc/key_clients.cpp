#include "identity/oidc/key_clients.hpp"

#include <fmt/format.h>

#include <charconv>

namespace dayaq::identity::oidc {
namespace {

constexpr std::string_view key_text_prefix = "dyq_";

std::shared_ptr<const Client> client_of(const registry::ApiKey& key,
                                        const registry::OrganisationDirectory& organisations) {
  Client client;
  client.id = fmt::format("{}{}", key_client_prefix, key.id);
  client.organisation = organisations.at(key.organisation)->code;
  client.name = LocalizedText{.az = key.name, .en = {}, .ru = {}};
  client.authentication = ClientAuthentication::secret_basic;
  client.secret = key.hash;
  client.grants = std::uint8_t(1u << unsigned(GrantType::client_credentials));
  for (std::size_t i = 1; i < http::scope_count; ++i) {
    if ((key.scopes >> i & 1) != 0) client.scopes.emplace_back(http::to_string(static_cast<http::Scope>(i)));
  }
  client.sector = client.id;
  client.api_key = key.id;
  client.created = key.created;
  return std::make_shared<const Client>(std::move(client));
}

}  // namespace

Clients::Others key_clients(const registry::KeyRing& keys,
                            const registry::OrganisationDirectory& organisations) {
  return [&keys, &organisations](std::string_view id) -> std::shared_ptr<const Client> {
    if (!id.starts_with(key_client_prefix)) return nullptr;
    id.remove_prefix(key_client_prefix.size());
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
    // One name for a key: no leading zeros.
    if (error != std::errc() || end != id.data() + id.size() || id.starts_with('0')) return nullptr;
    const auto key = keys.live(number);
    return key ? client_of(*key, organisations) : nullptr;
  };
}

std::string_view key_secret(std::string_view text) {
  if (!text.starts_with(key_text_prefix)) return text;
  const std::size_t end = text.find('_', key_text_prefix.size());
  return end == std::string_view::npos ? text : text.substr(end + 1);
}

}  // namespace dayaq::identity::oidc
