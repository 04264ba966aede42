// Rows of what is sent to clients from behind, for those who cause it.
#pragma once

#include "identity/oidc/logout.hpp"

namespace dayaq::identity::oidc {

enum class BackChannelKind : std::uint8_t { logout = 0, ping = 1 };

struct BackChannelMessage {
  BackChannelKind kind = BackChannelKind::logout;
  std::string client;
  PersonId person;
  SessionId session;
  Bytes payload;  ///< of a ping: sealed with purpose_ping
};
/// Part of a transaction; sent after its commit, within a second.
Result<void> queue_back_channel(store::Session& db, const Provider& provider,
                                const BackChannelMessage& message, Instant now);

/// A row for each client that had tokens in the session (Back-Channel Logout section 2.5).
Result<void> queue_logout_tokens(store::Session& db, const Provider& provider, const Session& session,
                                 Instant now);

/// A logout token for this client, as it is sent. @see OpenID Connect Back-Channel Logout 1.0 section 2.4
[[nodiscard]] Result<std::string> make_logout_token(const Provider& provider, const Client& client,
                                                    PersonId person, SessionId session, Instant now);

/// "https://host:port" and "/path?query" of an address that was registered; nothing if it isn't http(s).
[[nodiscard]] std::optional<std::pair<std::string, std::string>> split_url(std::string_view url);

}  // namespace dayaq::identity::oidc
