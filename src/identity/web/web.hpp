// The digital ID's pages: sign in, enrol, recover, my page, consent, the officials' console.
//
//   GET  /sign-in, POST /sign-in/{step}      by passkey, or by national id and another authenticator
//   GET  /enrol, /recover and their POSTs    with an activation code; without the lost phone
//   POST /sign-in/card, /enrol/card          with an identity card, at the door that asks for it (card_pages.cpp)
//   POST /sign-out                           this browser's session ends
//   GET  /my                                 what I am entitled to and why
//        /my/authenticators, /my/sessions, /my/consents, /my/relations, /my/access, /my/data,
//        /my/confirmations                   each with its forms
//   GET  /oauth/authorize, /oauth/continue, POST /oauth/consent, /device, /signed-out
//   GET  /office ...                         an official's console, for their organisation
//   GET  /demo/outbox                        messages to made-up persons; on a synthetic node alone
//
// Rendered on the server; one small script passes passkeys between the browser and a form. Every page works
// without it but for passkeys. Every form carries a token of its session, and what the browser says of its
// origin is checked (forms.hpp).
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "audit/log.hpp"
#include "http/router.hpp"
#include "identity/account/accounts.hpp"
#include "identity/account/enrolment_flow.hpp"
#include "identity/account/sign_in.hpp"
#include "identity/oidc/authorize.hpp"
#include "identity/web/forms.hpp"
#include "portal/site.hpp"
#include "regime/explain.hpp"
#include "regime/keeper.hpp"

namespace dayaq::identity::web {

/// Where browsers show identity cards.
struct CardDoor {
  /// "https://id.example.az:8444": of a listener of ours that asks for certificates, or of a TLS terminator that does.
  std::string origin;
  /// Addresses of terminators whose header Client-Cert is believed. They must drop a caller's own. @see RFC 9440
  std::vector<std::string> proxies;
};

/// Who comes in while more come than can be served; null: everybody. What is begun is never stopped.
struct Doors {
  http::Gate* sign_in = nullptr;  ///< before signing in, enrolling, recovering
  http::Gate* clients = nullptr;  ///< before the authorization endpoint
};

/// What the pages stand on; all of it outlives them.
struct Web {
  const portal::Site& site;
  store::Database& db;
  Accounts& accounts;
  SignIn& sign_in;
  Enrolling& enrolling;
  const oidc::Provider& provider;
  const webauthn::RelyingParty& party;
  const regime::ExplainContext& explain;
  std::function<std::shared_ptr<const regime::NumberedLaw>()> law;
  PublicUrl url;
  const CardDoor* cards = nullptr;  ///< null: no identity cards here
  /// Where messages are dropped (FileDrop), shown at /demo/outbox; empty: no such page.
  std::filesystem::path outbox;
  Doors doors = {};
};

class Pages {
 public:
  explicit Pages(Web web);
  ~Pages();
  /// The routes refer to the pages, which must outlive them.
  void add_routes(http::Router& router);
  /// Those of a listener that asks for identity cards, and nothing else.
  void add_card_routes(http::Router& router);

 private:
  Web web_;
};

}  // namespace dayaq::identity::web
