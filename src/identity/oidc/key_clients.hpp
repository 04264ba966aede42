// API keys as OAuth clients: each key is one, so that whoever has a key fetches tokens with it and sends the
// key itself no more.
//
//   key dyq_7_SECRET   is the client   key-7   with the secret   dyq_7_SECRET   (or SECRET alone)
//
// It may use client credentials alone, for the key's scopes, and ends when the key ends. There is nothing to
// carry over: the ring of keys is asked.
#pragma once

#include <string_view>

#include "identity/oidc/clients.hpp"
#include "registry/api_key.hpp"

namespace dayaq::identity::oidc {

inline constexpr std::string_view key_client_prefix = "key-";

/// For Clients::set_others(). Both outlive it.
[[nodiscard]] Clients::Others key_clients(const registry::KeyRing& keys,
                                          const registry::OrganisationDirectory& organisations);

/// Of a key's text, what is hashed.
[[nodiscard]] std::string_view key_secret(std::string_view text);

}  // namespace dayaq::identity::oidc
