// The authorization endpoint: the steps of OpenID Connect Core section 3.1.2, in order.
#include "identity/oidc/authorize.hpp"

#include <algorithm>
#include <utility>

#include "http/encoding.hpp"
#include "identity/oidc/authorize_seal.hpp"
#include "identity/oidc/ciba.hpp"
#include "identity/oidc/consent.hpp"
#include "identity/oidc/logout.hpp"
#include "identity/oidc/pushed.hpp"
#include "identity/oidc/request_object.hpp"

namespace dayaq::identity::oidc {
namespace {

RefusePage page(std::string_view code, std::string text) {
  return {Error{ErrorKind::invalid_input, code, std::move(text), {}, {}, 0, 0}};
}

Redirect answer(const Provider& provider, const AuthorizationRequest& request, const Error& error) {
  return respond_error(request.target, provider.issuer, error);
}

Redirect answer(const Provider& provider, const AuthorizationRequest& request, std::string_view code,
                std::string text) {
  return answer(provider, request, Error{ErrorKind::invalid_input, code, std::move(text), {}, {}, 0, 0});
}

constexpr std::string_view continue_path = "/oauth/continue?request=";

// -- who is signed in, and is it enough?

enum class Lack : std::uint8_t {
  nothing,
  person,     ///< nobody is signed in
  level,      ///< at a lower level than has to be
  freshness,  ///< prompt=login, select_account, max_age
  other,      ///< somebody else than the hint says
};

/// `essential_only`: a wish for a level (acr_values) that can't be met without asking isn't held against the
/// request, as OpenID Connect Core section 5.5.1.1 has it.
Lack lacks(const Provider& provider, const AuthorizationRequest& request, const Client& client,
           const std::optional<Session>& session, Instant now, bool essential_only) {
  if (!session || now >= session->expires) return Lack::person;
  const bool since_asked = session->authenticated >= request.asked;
  if ((request.prompt.login || request.prompt.select_account) && !since_asked) return Lack::freshness;
  // Section 3.1.2.1, max_age: "If the elapsed time is greater than this value, the OP MUST attempt to
  // actively re-authenticate". Who signed in for this very request is fresh, however long they read the next
  // page.
  if (request.max_age && !since_asked &&
      now - session->authenticated > std::chrono::seconds(*request.max_age)) {
    return Lack::freshness;
  }
  if (!request.subject.empty() && subject(provider, client, session->person) != request.subject) {
    return Lack::other;
  }
  if (session->assurance < client.least) return Lack::level;
  const bool counts = request.wanted_essential || !essential_only;
  return counts && session->assurance < request.wanted ? Lack::level : Lack::nothing;
}

NeedSignIn ask_sign_in(const Provider& provider, const AuthorizationRequest& request, const Client& client,
                       const std::optional<Session>& session, Lack lack) {
  const bool as_another = lack == Lack::other || request.prompt.select_account;
  SignInWish wish;
  wish.least = std::max({client.least, request.wanted, Assurance::low});
  if (!as_another) wish.present = session;
  wish.fresh = lack == Lack::freshness || lack == Lack::other;
  wish.login_hint = request.login_hint;
  wish.then = std::string(continue_path) + seal_text(provider, purpose_continue, SessionId(), encode(request),
                                                     request.asked + request_life);
  return {.wish = std::move(wish), .client = client.id, .language = request.language};
}

/// prompt=none: the answer when something would have to be asked. @see section 3.1.2.6
Redirect answer_lack(const Provider& provider, const AuthorizationRequest& request, Lack lack) {
  if (lack == Lack::level && request.wanted_essential) {
    return answer(provider, request, "oauth.unmet_authentication_requirements",
                  "The person is signed in at a lower level than the request needs.");
  }
  return answer(provider, request, "oauth.login_required", "The person has to sign in first.");
}

// -- answering with a code

CodeRequest code_request_for(const Provider& provider, const AuthorizationRequest& request,
                             const Client& client, const Session& session, Agreed agreed, Instant now) {
  CodeRequest out{.grant = grant_of(provider, client, session, std::move(agreed), now),
                  .redirect_uri = request.target.redirect_uri,
                  .code_challenge = request.code_challenge};
  out.grant.nonce = request.nonce;
  out.grant.jkt = request.jkt;
  return out;
}

/// The code, and who is to be told when the session ends. Part of the transaction that has seen the session
/// and the consent.
Result<void> write_code(store::Session& db, const Provider& provider, const Client& client,
                        const Session& session, const CodeRequest& code_request, std::string_view code,
                        Instant now) {
  DAYAQ_TRY_OK(note_client_of_session(db, client, session));
  DAYAQ_TRY_OK(note_subject(db, provider, client, session.person));
  return issue_code(db, provider, code_request, code, now);
}

/// All in one transaction: the session still stands, the consent still stands (or is given now), the code.
Result<std::string> store_code(const Provider& provider, const AuthorizationRequest& request,
                               const Client& client, const Session& session, const CodeRequest& code_request,
                               const std::optional<Consent>& given, Instant now) {
  const std::string code = draw_code(provider, code_request.grant);
  const auto stored = provider.db.write([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY(const auto live, provider.sessions.get(db, session.person, session.id, now));
    if (!live) {
      return refuse("oauth.login_required", "The person isn't signed in any more.");
    }
    if (given) {
      DAYAQ_TRY_OK(record_consent(db, provider, *given, now));
    } else if (!client.by_law || request.prompt.consent) {
      DAYAQ_TRY(const auto consent, consent_of(db, session.person, session.acting_for, client.id, now));
      if (!consent || !covers(*consent, request.scopes, request.claims)) {
        return refuse("oauth.consent_required", "The person has withdrawn their consent.");
      }
    }
    return write_code(db, provider, client, session, code_request, code, now);
  });
  if (!stored) return std::unexpected(stored.error());
  return code;
}

Next give_code(const Provider& provider, const AuthorizationRequest& request, const Client& client,
               const Session& session, Agreed agreed, const std::optional<Consent>& given, Instant now) {
  const CodeRequest code_request =
      code_request_for(provider, request, client, session, std::move(agreed), now);
  const auto code = store_code(provider, request, client, session, code_request, given, now);
  if (!code) return answer(provider, request, code.error());
  return respond(request.target, provider.issuer, {{"code", *code}});
}

// -- consent

/// What the client would learn, with the values, whether by ID token or UserInfo.
Result<std::vector<Claim>> shown_claims(const Provider& provider, const Grant& grant) {
  return provider.db.read([&](store::Session& db) -> Result<std::vector<Claim>> {
    DAYAQ_TRY(std::vector<Claim> out, claims_for(db, provider, grant, false));
    DAYAQ_TRY(const std::vector<Claim> more, claims_for(db, provider, grant, true));
    for (const Claim& claim : more) {
      const bool known = std::ranges::any_of(out, [&](const Claim& c) { return c.name == claim.name; });
      if (!known) out.push_back(claim);
    }
    return out;
  });
}

Next ask_consent(const Provider& provider, const AuthorizationRequest& request,
                 const std::shared_ptr<const Client>& client, const Session& session, Instant now) {
  const Grant grant =
      grant_of(provider, *client, session, {.scopes = request.scopes, .claims = request.claims}, now);
  auto claims = shown_claims(provider, grant);
  if (!claims) return answer(provider, request, claims.error());
  return NeedConsent{.request = seal_text(provider, purpose_consent, session.id, encode(request),
                                          request.asked + request_life),
                     .client = client,
                     .scopes = request.scopes,
                     .claims = std::move(*claims),
                     .offline = request.has_scope("offline_access"),
                     .optional = optional_claims(request.scopes, request.claims),
                     .language = request.language};
}

Next go_on_signed_in(const Provider& provider, const AuthorizationRequest& request,
                     const std::shared_ptr<const Client>& client, const Session& session, Instant now) {
  const bool ask = request.prompt.consent;
  if (client->by_law && !ask) {
    return give_code(provider, request, *client, session,
                     {.scopes = request.scopes, .claims = request.claims}, std::nullopt, now);
  }
  const auto consent = provider.db.read([&](store::Session& db) {
    return consent_of(db, session.person, session.acting_for, client->id, now);
  });
  if (!consent) return answer(provider, request, consent.error());
  if (!ask && *consent && covers(**consent, request.scopes, request.claims)) {
    return give_code(provider, request, *client, session,
                     without(request.scopes, request.claims, (*consent)->left_out), std::nullopt, now);
  }
  if (request.prompt.none) {
    return answer(provider, request, "oauth.consent_required", "The person has to agree first.");
  }
  return ask_consent(provider, request, client, session, now);
}

Next go_on(const Provider& provider, const AuthorizationRequest& request,
           const std::shared_ptr<const Client>& client, const std::optional<Session>& session, Instant now) {
  const Lack lack = lacks(provider, request, *client, session, now, request.prompt.none);
  if (lack == Lack::nothing) return go_on_signed_in(provider, request, client, *session, now);
  if (request.prompt.none) return answer_lack(provider, request, lack);
  // They signed in for this request, and are still somebody else: asking again leads nowhere.
  if (lack == Lack::other && session->authenticated >= request.asked) {
    return answer(provider, request, "oauth.login_required",
                  "Somebody else signed in than the request names.");
  }
  return ask_sign_in(provider, request, *client, session, lack);
}

/// The client of a request that is under way; what was registered may have changed meanwhile.
std::shared_ptr<const Client> client_still(const Provider& provider, const AuthorizationRequest& request) {
  auto client = provider.clients.find(request.client);
  if (client && !is_registered_redirect(*client, request.target.redirect_uri)) client.reset();
  return client;
}

Next gone() {
  return page("authorize.client", "The service is no longer registered here. Nothing was done.");
}

// -- reading a request

struct Read {
  std::shared_ptr<const Client> client;
  AuthorizationRequest request;
};

/// A request that came by the browser, plain or signed. Which of the errors the client is told is decided by
/// whether its address is known to be its own.
std::variant<Read, Next> read_front_channel(const Provider& provider, std::shared_ptr<const Client> client,
                                            const Parameters& outer, Instant now) {
  auto outer_target = parse_target(*client, outer);
  const auto refuse_at_target = [&](const Error& error) -> Next {
    if (!outer_target) return RefusePage{error};
    return respond_error(*outer_target, provider.issuer, error);
  };
  // FAPI 2.0 Security Profile section 5.3.2.2 point 3, RFC 9126 section 5: what must be pushed comes no other
  // way.
  if (client->fapi || client->pushed_only) {
    return refuse_at_target(Error{ErrorKind::invalid_input,
                                  "oauth.invalid_request",
                                  "This client has to push its requests (RFC 9126).",
                                  {},
                                  {},
                                  0,
                                  0});
  }
  if (outer.has("request_uri")) {
    return refuse_at_target(Error{ErrorKind::invalid_input,
                                  "oauth.request_uri_not_supported",
                                  "request_uri is taken from pushed requests alone.",
                                  {},
                                  {},
                                  0,
                                  0});
  }
  auto parameters = Result<Parameters>(outer);
  if (outer.has("request")) {
    parameters = open_request_object(provider, *client, outer, now);
    if (!parameters) return refuse_at_target(parameters.error());
  }
  auto target = parse_target(*client, *parameters);
  if (!target) return RefusePage{target.error()};
  auto request = parse_authorization_request(provider, *client, *parameters, *target, now);
  if (!request) return respond_error(*target, provider.issuer, request.error());
  return Read{.client = std::move(client), .request = std::move(*request)};
}

std::variant<Read, Next> read_request(const Provider& provider, const Parameters& outer, Instant now) {
  // RFC 6749 section 4.1.2.1: without one known client there is nobody to answer but the person.
  if (outer.is_repeated("client_id")) {
    return page("authorize.client", "The service named itself twice. Tell the service; nothing was done.");
  }
  auto client = provider.clients.find(outer.get("client_id"));
  if (!client) {
    return page("authorize.client", "The service isn't registered here. Nothing was done.");
  }
  if (!is_pushed_uri(outer.get("request_uri"))) {
    return read_front_channel(provider, std::move(client), outer, now);
  }
  // RFC 9101 section 5: a request has one of request and request_uri, never both.
  if (outer.is_repeated("request_uri") || outer.has("request")) {
    return page("authorize.request_uri", "The service's request is ambiguous. Go back and start again.");
  }
  auto request = take_pushed(provider, *client, outer.get("request_uri"), now);
  if (!request) return RefusePage{request.error()};
  if (!is_registered_redirect(*client, request->target.redirect_uri)) return gone();
  return Read{.client = std::move(client), .request = std::move(*request)};
}

}  // namespace

Next authorize(const Provider& provider, const http::Request& request, const std::optional<Session>& session,
               Instant now) {
  // Section 3.1.2.1: GET with a query, POST with a form; the other one's parameters don't count.
  const bool post = request.method == http::Method::post;
  auto parameters = Parameters::parse(post ? request.body : request.query);
  if (!parameters) return RefusePage{parameters.error()};
  auto read = read_request(provider, *parameters, now);
  if (auto* refused = std::get_if<Next>(&read)) return std::move(*refused);
  const Read& known = std::get<Read>(read);
  return go_on(provider, known.request, known.client, session, now);
}

Next resume(const Provider& provider, std::string_view sealed, const std::optional<Session>& session,
            Instant now) {
  const auto request = open_request(provider, purpose_continue, SessionId(), sealed, now);
  if (!request) return RefusePage{request.error()};
  const auto client = client_still(provider, *request);
  if (!client) return gone();
  return go_on(provider, *request, client, session, now);
}

struct CodeAtSignIn::Request {
  AuthorizationRequest asked;
  std::shared_ptr<const Client> client;
  std::string code;  ///< of the transaction's last run; empty: there is more to ask
};

CodeAtSignIn::CodeAtSignIn(const Provider& provider, std::string_view then, Instant now)
    : provider_(provider), now_(now) {
  if (!then.starts_with(continue_path)) return;
  auto asked = open_request(provider, purpose_continue, SessionId(), then.substr(continue_path.size()), now);
  if (!asked) return;  // the long way says what is wrong
  auto client = client_still(provider, *asked);
  if (!client || asked->prompt.consent) return;
  request_ =
      std::make_unique<Request>(Request{.asked = std::move(*asked), .client = std::move(client), .code = {}});
}

CodeAtSignIn::~CodeAtSignIn() = default;

Result<void> CodeAtSignIn::issue(store::Session& db, const Session& session) {
  if (!request_) return {};
  request_->code.clear();
  const AuthorizationRequest& asked = request_->asked;
  const Client& client = *request_->client;
  if (lacks(provider_, asked, client, session, now_, false) != Lack::nothing) return {};
  Agreed agreed{.scopes = asked.scopes, .claims = asked.claims};
  if (!client.by_law) {
    DAYAQ_TRY(const auto consent, consent_of(db, session.person, session.acting_for, client.id, now_));
    if (!consent || !covers(*consent, asked.scopes, asked.claims)) return {};
    agreed = without(asked.scopes, asked.claims, consent->left_out);
  }
  const CodeRequest code_request =
      code_request_for(provider_, asked, client, session, std::move(agreed), now_);
  request_->code = draw_code(provider_, code_request.grant);
  return write_code(db, provider_, client, session, code_request, request_->code, now_);
}

std::optional<Redirect> CodeAtSignIn::redirect() const {
  if (!request_ || request_->code.empty()) return std::nullopt;
  return respond(request_->asked.target, provider_.issuer, {{"code", request_->code}});
}

Next cancel(const Provider& provider, std::string_view sealed, Instant now) {
  const auto request = open_request(provider, purpose_continue, SessionId(), sealed, now);
  if (!request) return RefusePage{request.error()};
  if (!client_still(provider, *request)) return gone();
  return answer(provider, *request, "oauth.access_denied", "The person didn't sign in.");
}

Next decide(const Provider& provider, std::string_view sealed, const Session& session, bool granted,
            const std::vector<std::string>& left_out, Instant now) {
  // Sealed for this session: a form that another site or another person made doesn't open.
  const auto request = open_request(provider, purpose_consent, session.id, sealed, now);
  if (!request) return RefusePage{request.error()};
  const auto client = client_still(provider, *request);
  if (!client) return gone();
  if (!granted) {
    return answer(provider, *request, "oauth.access_denied", "The person didn't agree.");
  }
  const Lack lack = lacks(provider, *request, *client, session, now, false);
  if (lack != Lack::nothing) return ask_sign_in(provider, *request, *client, session, lack);
  // Only what is optional may be left out: the rest is agreed to or not as a whole.
  const std::vector<std::string> optional = optional_claims(request->scopes, request->claims);
  std::vector<std::string> refused;
  for (const std::string& name : left_out) {
    if (std::ranges::find(optional, name) != optional.end()) refused.push_back(name);
  }
  Agreed agreed = without(request->scopes, request->claims, refused);
  if (agreed.scopes.empty()) {
    return answer(provider, *request, "oauth.access_denied", "The person left out all that was asked for.");
  }
  Consent consent{.client = client->id,
                  .person = session.person,
                  .scopes = agreed.scopes,
                  .claims = {},
                  .left_out = std::move(refused),
                  .acting_for = session.acting_for,
                  .given = now,
                  .until = now};
  for (const ClaimWish& wish : agreed.claims) consent.claims.push_back(wish.name);
  return give_code(provider, *request, *client, session, std::move(agreed), consent, now);
}

}  // namespace dayaq::identity::oidc
