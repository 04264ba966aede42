// The authorization endpoint: what a client asks, checked; what must happen before it is answered.
//
//   request (query, form, PAR, signed request object) ── check ──> next()
//     refuse_page   the client or its redirect_uri isn't right: told to the person, never redirected
//     redirect      an answer for the client: a code, or an error (RFC 6749 section 4.1.2, RFC 9207 `iss`)
//     sign_in       somebody must sign in first, at a level, perhaps freshly
//     consent       a signed-in person is asked for their consent
//
// A request under way is a sealed text (`request`), so that it survives sign-in, consent and a restart
// without rows.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "http/router.hpp"
#include "identity/account/sign_in.hpp"
#include "identity/oidc/provider.hpp"

namespace dayaq::identity::oidc {

struct RefusePage {
  Error error;
};
struct Redirect {
  std::string location;
  /// response_mode=form_post: a page with these hidden fields, posted to `location` by a button (the page's
  /// Content-Security-Policy must allow form-action to it). Empty: an ordinary redirect (303).
  std::vector<std::pair<std::string, std::string>> form;
};
/// Go to the sign-in page with this wish; its `then` leads back to /oauth/continue?request=...
struct NeedSignIn {
  SignInWish wish;
  std::string client;
  std::optional<Language> language;  ///< the client's wish (ui_locales)
};
/// What the consent page shows; the answer goes to decide().
struct NeedConsent {
  std::string request;  ///< sealed, for the form
  std::shared_ptr<const Client> client;
  std::vector<std::string> scopes;    ///< that are asked for
  std::vector<Claim> claims;          ///< what the client would learn, with the values
  bool offline = false;               ///< it asks to be let in while the person is away
  std::vector<std::string> optional;  ///< names among claims that the person may leave out
  std::optional<Language> language;   ///< the client's wish (ui_locales)
};
using Next = std::variant<RefusePage, Redirect, NeedSignIn, NeedConsent>;

/// GET or POST /oauth/authorize. `session`: who is signed in in this browser. Worker thread.
Next authorize(const Provider& provider, const http::Request& request, const std::optional<Session>& session,
               Instant now);
/// GET /oauth/continue?request=...: after signing in.
Next resume(const Provider& provider, std::string_view sealed, const std::optional<Session>& session,
            Instant now);
/// The person's answer. `granted` false: access_denied to the client. `left_out`: optional claims refused.
Next decide(const Provider& provider, std::string_view sealed, const Session& session, bool granted,
            const std::vector<std::string>& left_out, Instant now);

/// What a sign-in for a request leads to at once where nothing else has to be asked: the code, issued in the
/// very transaction that makes the session, which saves a redirect and a commit. It asks what resume() asks.
class CodeAtSignIn {
 public:
  /// `then`: where the sign-in leads, NeedSignIn's or any other path.
  CodeAtSignIn(const Provider& provider, std::string_view then, Instant now);
  ~CodeAtSignIn();
  CodeAtSignIn(const CodeAtSignIn&) = delete;
  CodeAtSignIn& operator=(const CodeAtSignIn&) = delete;
  /// Part of the transaction in which `session` was written; may run more than once. Issues nothing where the
  /// person has to be asked or refused something: that takes the long way.
  Result<void> issue(store::Session& db, const Session& session);
  /// After the commit: to the client with its code. nullopt: on to `then`.
  [[nodiscard]] std::optional<Redirect> redirect() const;

 private:
  struct Request;
  const Provider& provider_;
  Instant now_;
  std::unique_ptr<Request> request_;  ///< null: `then` isn't of a request that can be answered at once
};

/// "Don't sign in, go back to the service": access_denied to the client. `sealed`: the request of
/// NeedSignIn's `then`.
Next cancel(const Provider& provider, std::string_view sealed, Instant now);

[[nodiscard]] std::span<const store::Migration> authorization_migrations();

// -- consents: once, for a purpose and a period; may be withdrawn (which ends the client's grants)

struct Consent {
  std::string client;
  PersonId person;
  std::vector<std::string> scopes;
  std::vector<std::string> claims;
  std::vector<std::string>
      left_out;         ///< optional ones that the person refused, so that they aren't asked anew
  PersonId acting_for;  ///< 0: themselves
  Instant given;
  Instant until;
};
Result<std::vector<Consent>> consents_of(store::Session& db, PersonId person, Instant now);
/// Ends the client's grants too. not_found "consent.unknown".
Result<void> withdraw(store::Session& db, const Provider& provider, PersonId person, std::string_view client,
                      Instant now);

// -- the device flow (RFC 8628) and CIBA as a person sees them

struct DeviceRequest {
  std::string user_code;  ///< "WDJB-MJHT"
  std::shared_ptr<const Client> client;
  std::vector<std::string> scopes;
};
/// not_found "oauth.user_code" (unknown, ended, decided); limit "signin.limit" for guessing.
Result<DeviceRequest> device_request(const Provider& provider, std::string_view user_code,
                                     const Caller& caller, Instant now);
Result<void> decide_device(const Provider& provider, std::string_view user_code, const Session& session,
                           bool granted, Instant now);

/// What waits for a person's confirmation on their phone or page: from CIBA, or from a sign-in elsewhere.
struct CibaRequest {
  std::string id;
  std::shared_ptr<const Client> client;
  std::vector<std::string> scopes;
  std::string binding_message;
  Instant expires;
};
Result<std::vector<CibaRequest>> ciba_requests_of(const Provider& provider, PersonId person, Instant now);
Result<void> decide_ciba(const Provider& provider, std::string_view id, const Session& session, bool granted,
                         Instant now);

/// Routes that programs call: PAR, device_authorization, bc-authorize, logout (RP-initiated).
void add_authorization_routes(http::Router& router, const Provider& provider);

}  // namespace dayaq::identity::oidc
