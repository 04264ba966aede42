// The phone's program: its key is an authenticator of a person's (AuthenticatorKind::mobile), and what waits
// for them - a browser that wants to be signed in, a client that asks by CIBA - is confirmed or refused by
// its signature.
//
//   signed-in page ── shows a code (QR) ──> program ── POST /v1/phone/keys, signed ──> the key is theirs
//   program ── POST /v1/phone/confirmations, signed ──> what waits
//   program ── POST /v1/phone/decisions, signed ──> confirmed or denied
//
// The program holds no session and no token: each request is signed by its key, for one thing. What is signed
// is text, one line a value, so that any program can make it; a line says first what it is for. Who could
// replay a list within its minute would see what the person sees; a decision works once.
// @see docs/phone.md
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/router.hpp"
#include "identity/account/confirmation.hpp"
#include "identity/oidc/authorize.hpp"

namespace dayaq::identity::oidc {

inline constexpr std::chrono::minutes phone_code_life{5};
inline constexpr std::chrono::seconds phone_clock_slack{60};

/// What the page shows for the program to read: it adds one phone to the digital ID of whoever is signed in,
/// for five minutes and while the session lives. Bound to the session; a second phone by the same code is
/// refused.
[[nodiscard]] std::string phone_code(const Provider& provider, const Session& session, Instant now);

// What is signed, with ES256 (r || s) or EdDSA. A decision about a browser: confirmation_statement.
[[nodiscard]] std::string phone_key_statement(std::string_view issuer, std::string_view code);
[[nodiscard]] std::string phone_list_statement(std::string_view issuer, AuthenticatorId device,
                                               std::string_view time);
[[nodiscard]] std::string phone_request_statement(std::string_view id, bool agreed);

struct PhoneKey {
  std::string code;
  Bytes public_key;     ///< COSE_Key: ES256 or EdDSA
  std::string name;     ///< as the person calls it; "" for the kind's own
  std::string address;  ///< for messages that something waits; "" if it asks by itself
  Bytes signature;      ///< of phone_key_statement
};
/// The phone is one of theirs from here on, at the level that the session proved.
///   - forbidden "phone.code"      not one of ours, over, used, or its session has ended
///   - forbidden "phone.signature" not by this key
///   - and those of add_authenticator
Result<Authenticator> register_phone(const Provider& provider, const PhoneKey& key, Instant now);

struct PhoneAsks {
  PersonId person;
  AuthenticatorId device;
  std::string time;  ///< RFC 3339, of now: within a minute
  Bytes signature;   ///< of phone_list_statement
};
struct Waiting {
  std::vector<Confirmation> browsers;
  std::vector<CibaRequest> clients;
};
/// What waits for the person. forbidden "phone.signature": no such phone of theirs, not its signature, or not
/// of now.
Result<Waiting> waiting_for_phone(const Provider& provider, const PhoneAsks& asks, Instant now);

/// A client's request is granted or refused by the phone. What it proves is what the phone is worth, now.
///   - forbidden "phone.signature"; not_found "oauth.ciba_request"; forbidden "oauth.assurance"
Result<void> decide_ciba_by_phone(const Provider& provider, PersonId person, AuthenticatorId device,
                                  std::string_view id, bool agreed, BytesView signature, Instant now);

/// POST /v1/phone/keys, /v1/phone/confirmations, /v1/phone/decisions.
void add_phone_routes(http::Router& router, const Provider& provider);

}  // namespace dayaq::identity::oidc
