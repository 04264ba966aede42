// Logging out: at the request of a client (RP-initiated), and telling every other client (back-channel).
//
//   browser ── /oauth/logout ── logout() ──> Done | Confirm ── decide_logout() ──> Done
//   session ends, for whatever reason ── on_session_ended ── rows ── commit ──> sender ── logout token ──>
//   clients
//
// @see OpenID Connect RP-Initiated Logout 1.0, OpenID Connect Back-Channel Logout 1.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "http/client.hpp"
#include "http/message.hpp"
#include "identity/oidc/provider.hpp"

namespace dayaq::identity::oidc {

/// The `sid` of a session as this client sees it, in ID tokens and logout tokens: clients can't tell by it
/// that they serve the same browser. @see OpenID Connect Back-Channel Logout 1.0 section 2.1
[[nodiscard]] std::string sid_of(const Provider& provider, const Client& client, SessionId session);

/// Logged out (the session, if there was one, has ended): clear the cookie, and go to `location`, or show a
/// page that says so if it is empty.
struct LoggedOut {
  std::string location;
};
/// Ask the person first: the request came without a fitting id_token_hint. `request` goes to decide_logout().
struct ConfirmLogout {
  std::string request;                   ///< sealed, for the form; bound to the session
  std::shared_ptr<const Client> client;  ///< who asks; null if unknown
};
/// The post_logout_redirect_uri isn't registered, or the hint is another's: told to the person.
struct LogoutRefused {
  Error error;
};
using LogoutNext = std::variant<LogoutRefused, LoggedOut, ConfirmLogout>;

/// GET or POST /oauth/logout. Worker thread.
LogoutNext logout(const Provider& provider, const http::Request& request,
                  const std::optional<Session>& session, Instant now);
/// The person's answer: `yes` false leaves them signed in, and goes nowhere.
LogoutNext decide_logout(const Provider& provider, std::string_view sealed,
                         const std::optional<Session>& session, bool yes, Instant now);

/// Remembers that a client had tokens in this session, so that it is told when that ends. Part of the
/// transaction that issues the code; nothing is written for clients that don't want to be told.
Result<void> note_client_of_session(store::Session& db, const Client& client, const Session& session);

/// What is sent to clients from behind: logout tokens when a session ends, and CIBA pings. Rows are written
/// in the transaction that causes them and sent by a few threads after its commit, so that a slow client
/// holds up no other; what fails is tried again, ever more slowly, until its time is over. A crash between
/// sending and deleting sends again.
class BackChannel final : public SessionObserver, public store::CommitHook {
 public:
  struct Options {
    std::chrono::milliseconds first_retry{1'000};  ///< then twice as long each time, at most 5 minutes
    std::chrono::seconds give_up{3600};            ///< after this the row is dropped
    int workers = 8;                               ///< clients that are told at the same time
    http::ClientOptions http{
        .connect_timeout = std::chrono::milliseconds(3'000),
        .answer_timeout = std::chrono::milliseconds(5'000),
        .body_max = 64 << 10,
        .tls_authority = {},
        .bearer_token = {},
    };
  };
  BackChannel(const Provider& provider, Options options);
  ~BackChannel() override;
  /// Reads what a stop or a crash left, and begins to send. After hooks were added.
  Result<void> start();
  /// Ends the threads; what is unsent stays. Before the database closes. Twice is once.
  void stop();

  /// Back-Channel Logout section 2.5: a row for each client that had tokens in the session.
  Result<void> on_session_ended(store::Session& db, const Session& session) override;

  void begin_transaction() override {}
  void discard_transaction() override {}
  Result<void> before_commit(store::Session&) override { return {}; }
  void after_commit() noexcept override;
  void after_rollback() noexcept override {}

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Deletes what has expired (pushed requests, device and CIBA requests, consents, notes of sessions), at most
/// `limit` rows of each; called by a timer inside a transaction. Returns how many.
Result<int> sweep_authorization(store::Session& db, Instant now, int limit);

}  // namespace dayaq::identity::oidc
