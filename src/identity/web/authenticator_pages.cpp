// My authenticators: add, name, remove. What is being added lies sealed in the form, bound to the session.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "http/encoding.hpp"
#include "identity/account/enrolment.hpp"
#include "identity/account/recovery.hpp"
#include "identity/oidc/phone.hpp"
#include "identity/web/visit.hpp"
#include "identity/webauthn_json.hpp"
#include "portal/qr.hpp"

namespace dayaq::identity::web {
namespace {

using http::Method;
using http::Response;

constexpr std::chrono::minutes adding_life{10};
constexpr std::size_t totp_secret_size = 20;  // RFC 4226 section 4, R6
constexpr std::string_view page_path = "/my/authenticators";

/// challenge or secret | session id (8) | expiry (8), sealed under the master key for one purpose.
std::string seal(const Visit& visit, std::string_view purpose, BytesView what) {
  Bytes plain(what.begin(), what.end());
  put_le(plain, visit.session->id.value());
  put_le(plain, static_cast<std::uint64_t>(to_micros(visit.now + adding_life)));
  const Accounts& accounts = visit.web.accounts;
  return to_base64url(accounts.master.seal(plain, as_bytes(purpose), accounts.random));
}

Result<Bytes> unseal(const Visit& visit, std::string_view purpose, std::string_view sealed,
                     std::size_t size) {
  const auto refused = [] {
    return fail(ErrorKind::invalid_input, "signin.expired",
                "That took too long. Open the page again and start anew.");
  };
  const auto bytes = from_base64url(sealed);
  if (!bytes) return refused();
  const auto opened = visit.web.accounts.master.open(*bytes, as_bytes(purpose));
  if (!opened || opened->view().size() != size + 16) return refused();
  BytesView rest = opened->view().subspan(size);
  std::uint64_t session = 0;
  std::uint64_t expires = 0;
  if (!take_le(rest, session) || !take_le(rest, expires)) return refused();
  const bool ours = session == visit.session->id.value();
  if (!ours || visit.now >= from_micros(static_cast<std::int64_t>(expires))) return refused();
  const BytesView what = opened->view().first(size);
  return Bytes(what.begin(), what.end());
}

constexpr std::string_view passkey_purpose = "dayaq page: add a passkey";
constexpr std::string_view totp_purpose = "dayaq page: add an app";
constexpr std::string_view card_purpose = "dayaq page: add a card";

bool is_fresh(const Visit& visit) {
  return visit.now - visit.session->authenticated < fresh_for && visit.session->acting_for.value() == 0;
}

Response prove_again(const Visit& visit) {
  return visit.redirect(fmt::format("/sign-in?fresh=1&then={}", page_path));
}

/// What a change said: to prove oneself again first, or the error itself.
Result<Response> changed(const Visit& visit, const Result<void>& done) {
  if (done) return visit.redirect(std::string(page_path));
  if (done.error().code == "authenticator.fresh") return prove_again(visit);
  return std::unexpected(done.error());
}

Result<Response> add(Visit& visit, Material material) {
  const Accounts& accounts = visit.web.accounts;
  const NewAuthenticator added{.id = AuthenticatorId(accounts.random.next_id()),
                               .name = visit.form("name"),
                               .material = std::move(material)};
  const auto done = visit.web.db.write([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY_OK(add_authenticator(db, accounts, *visit.session, added, visit.now));
    return {};
  });
  return changed(visit, done);
}

struct Own {
  std::vector<Authenticator> all;
  std::vector<webauthn::Credential> passkeys;
  std::vector<std::string> numbers;
  std::string name, national_id;
};

Result<Own> own_of(const Visit& visit) {
  const PersonId person = visit.session->person;
  const Accounts& accounts = visit.web.accounts;
  return visit.web.db.read([&](store::Session& db) -> Result<Own> {
    Own own;
    DAYAQ_TRY(own.all, authenticators_of(db, person));
    DAYAQ_TRY(own.passkeys, passkeys_of(db, person));
    DAYAQ_TRY(own.numbers, numbers_of(db, accounts.persons, person, visit.now));
    DAYAQ_TRY(const auto record, accounts.persons.person(db, person));
    if (record) {
      own.name = fmt::format("{} {}", record->person.given_name, record->person.family_name);
      own.national_id = record->person.national_id;
    }
    return own;
  });
}

void add_row(Visit& visit, portal::View& view, const Authenticator& one) {
  const portal::Format& format = visit.page.format();
  portal::View& row = view.add("AUTHENTICATOR");
  row.set("ID", fmt::format("{}", one.id));
  row.set("KIND", visit.text(authenticator_kind_key(one.kind)));
  row.set("NAME", one.name == to_string(one.kind) ? visit.text(authenticator_kind_key(one.kind)) : one.name);
  row.set("LEVEL", visit.text(assurance_key(one.worth_at(visit.now))));
  row.set("ADDED", format.date_time(one.added));
  row.set("USED", one.used == instant_min ? visit.text("my_auth_never") : format.date_time(one.used));
  if (visit.now < one.active_from) {
    row.add("WAITS").set("WORDS", visit.fill("my_auth_waits", {{"time", format.date_time(one.active_from)}}));
  }
  if (one.ends != instant_max) {
    row.add("WAITS").set("WORDS", visit.fill("my_auth_ends", {{"time", format.date_time(one.ends)}}));
  }
  if (is_fresh(visit)) row.show("CHANGE");
}

Result<Response> list(Visit& visit) {
  DAYAQ_TRY(const Own own, own_of(visit));
  portal::View& view = visit.my_content("my_authenticators.html");
  if (const auto refused = card_note_key(visit); !refused.empty())
    view.add("NOTE").set("WORDS", visit.text(refused));
  if (own.all.empty()) view.show("FIRST");
  for (const Authenticator& one : own.all) add_row(visit, view, one);
  if (!is_fresh(visit)) {
    view.add("PROVE").set("HREF", fmt::format("/sign-in?fresh=1&then={}", page_path));
    return visit.html("my_nav_authenticators");
  }
  portal::View& adding = view.add("ADD");
  const webauthn::Challenge challenge = webauthn::make_challenge(visit.web.accounts.random);
  webauthn::CreationOptions options{.party = visit.web.party,
                                    .user_handle = user_handle(visit.session->person),
                                    .user_name = own.national_id,
                                    .display_name = own.name,
                                    .challenge = challenge};
  for (const webauthn::Credential& known : own.passkeys)
    options.exclude.push_back({known.id, known.transports});
  adding.set("OPTIONS", webauthn::to_json(options));
  adding.set("STATE", seal(visit, passkey_purpose, challenge));
  if (portal::View* card = add_card_form(visit, adding, "/my/authenticators/card"); card != nullptr) {
    card->set("STATE", seal(visit, card_purpose, {}));
  }
  visit.add_script(view);
  if (!own.numbers.empty()) {
    portal::View& sms = adding.add("SMS");
    for (std::size_t i = 0; i < own.numbers.size(); ++i) {
      portal::View& choice = sms.add("NUMBER");
      choice.set("INDEX", fmt::format("{}", i));
      choice.set("MASKED", masked_number(visit.web.accounts.registry.country.calling_code(), own.numbers[i]));
    }
  }
  return visit.html("my_nav_authenticators");
}

Result<Response> add_passkey(Visit& visit) {
  if (!is_fresh(visit)) return prove_again(visit);
  webauthn::RegistrationExpectation expected{.party = visit.web.party, .challenge = {}, .now = visit.now};
  DAYAQ_TRY(const Bytes challenge,
            unseal(visit, passkey_purpose, visit.form("state"), expected.challenge.size()));
  std::ranges::copy(challenge, expected.challenge.begin());
  DAYAQ_TRY(const auto response, webauthn::parse_registration(visit.form("response")));
  DAYAQ_TRY(webauthn::Credential credential, webauthn::verify_registration(response, expected));
  return add(visit, std::move(credential));
}

Result<Response> totp_page(Visit& visit, BytesView secret, bool wrong) {
  DAYAQ_TRY(const Own own, own_of(visit));
  portal::View& view = visit.my_content("my_totp.html");
  if (wrong) view.show("WRONG");
  view.set("SECRET", in_groups(to_base32(secret)));
  view.set("ACCOUNT", own.national_id);
  const std::string uri = totp_uri(secret, visit.web.party.name, own.national_id);
  view.set("URI", uri);
  DAYAQ_TRY(const portal::QrCode code, portal::QrCode::create(uri));
  view.set("QR", code.svg(visit.text("my_totp_qr")));
  view.set("STATE", seal(visit, totp_purpose, secret));
  return visit.html("my_totp_title");
}

/// The code that a phone's program scans: see docs/phone.md.
Result<Response> show_phone(Visit& visit) {
  if (!is_fresh(visit)) return prove_again(visit);
  portal::View& view = visit.my_content("my_phone.html");
  const std::string uri =
      fmt::format("dayaq-phone:?issuer={}&code={}", http::percent_encode(visit.web.provider.issuer),
                  oidc::phone_code(visit.web.provider, *visit.session, visit.now));
  view.set("URI", uri);
  DAYAQ_TRY(const portal::QrCode code, portal::QrCode::create(uri));
  view.set("QR", code.svg(visit.text("my_phone_qr")));
  return visit.html("my_phone_title");
}

Result<Response> show_totp(Visit& visit) {
  if (!is_fresh(visit)) return prove_again(visit);
  Bytes secret(totp_secret_size);
  visit.web.accounts.random.fill(secret);
  return totp_page(visit, secret, false);
}

Result<Response> add_totp(Visit& visit) {
  if (!is_fresh(visit)) return prove_again(visit);
  DAYAQ_TRY(const Bytes secret, unseal(visit, totp_purpose, visit.form("state"), totp_secret_size));
  const auto check = check_totp(secret, {}, visit.form("code"), visit.now);
  if (check.verdict != CodeVerdict::accepted) return totp_page(visit, secret, true);
  return add(visit, TotpSecret{.secret = secret, .last_step = check.next.last_step});
}

Result<Response> add_sms(Visit& visit) {
  DAYAQ_TRY(const Own own, own_of(visit));
  const std::string chosen = visit.form("number");
  for (std::size_t i = 0; i < own.numbers.size(); ++i) {
    if (fmt::format("{}", i) == chosen) return add(visit, SmsNumber{.number = own.numbers[i]});
  }
  return fail_field("web.number", "number", "Choose one of your numbers.");
}

/// The authenticator that a form names, if it is theirs.
Result<AuthenticatorId> named(const Visit& visit) {
  const std::string id = visit.form("id");
  DAYAQ_TRY(const Own own, own_of(visit));
  const auto found = std::ranges::find_if(
      own.all, [&](const Authenticator& one) { return fmt::format("{}", one.id) == id; });
  if (found == own.all.end()) {
    return fail(ErrorKind::not_found, "authenticator.unknown", "You have no such authenticator.");
  }
  return found->id;
}

Result<Response> rename(Visit& visit) {
  DAYAQ_TRY(const AuthenticatorId id, named(visit));
  return changed(visit, visit.web.db.write([&](store::Session& db) {
    return rename_authenticator(db, visit.web.accounts, *visit.session, id, visit.form("name"), visit.now);
  }));
}

Result<Response> remove(Visit& visit) {
  DAYAQ_TRY(const AuthenticatorId id, named(visit));
  const bool even_the_last = visit.form("last") == "1";
  const auto done = visit.web.db.write([&](store::Session& db) {
    return remove_authenticator(db, visit.web.accounts, *visit.session, id, even_the_last, visit.now);
  });
  if (done || done.error().code != "authenticator.last") return changed(visit, done);
  portal::View& view = visit.my_content("my_remove_last.html");
  view.set("ID", fmt::format("{}", id));
  return visit.html("my_remove_last_title");
}

Result<Response> declare_as_lost(Visit& visit) {
  DAYAQ_TRY(const AuthenticatorId id, named(visit));
  const Accounts& accounts = visit.web.accounts;
  const UndoToken undo = draw_undo_token(accounts.random, visit.session->person);
  return changed(visit, visit.web.db.write([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY_OK(declare_lost(db, accounts, *visit.session, id, undo, visit.now));
    return {};
  }));
}

/// A code from a letter or a counter, shown by somebody who is signed in: their digital ID counts for more.
Result<Response> raise(Visit& visit) {
  const Accounts& accounts = visit.web.accounts;
  const auto normal = normal_activation_code(visit.form("code"));
  if (!normal)
    return fail_field("enrol.slip", "code", "There is a slip in the code: check it letter by letter.");
  DAYAQ_TRY(const Own own, own_of(visit));
  DAYAQ_TRY(const auto id, accounts.registry.country.national_id_rule().parse(own.national_id));
  // Counting a wrong code must stay, so it is a transaction of its own.
  DAYAQ_TRY(const TypedCode typed, visit.web.db.write([&](store::Session& db) {
    return check_typed(db, accounts, id, *normal, visit.now);
  }));
  if (!typed.proof) {
    return fail(typed.verdict == TypedCode::Verdict::limit ? ErrorKind::limit : ErrorKind::forbidden,
                typed.verdict == TypedCode::Verdict::limit ? "activation.limit" : "enrol.refused",
                "The code doesn't fit, or its time is over.");
  }
  return changed(visit, visit.web.db.write([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY_OK(raise_assurance(db, accounts, *visit.session, *typed.proof, visit.now));
    return {};
  }));
}

}  // namespace

Result<void> check_adding_card(const Visit& visit) {
  DAYAQ_TRY_OK(unseal(visit, card_purpose, visit.form("state"), 0));
  return {};
}

void add_authenticator_pages(http::Router& router, const Web& web) {
  constexpr auto pages = std::to_array<SignedInPage>({
      {Method::get, "/my/authenticators", "page_my_authenticators", "My authenticators.", list},
      {Method::post, "/my/authenticators/passkey", "page_my_add_passkey", "Adds a passkey.", add_passkey},
      {Method::get, "/my/authenticators/phone", "page_my_phone", "A code for a phone's program.", show_phone},
      {Method::get, "/my/authenticators/totp", "page_my_totp", "A secret for an app.", show_totp},
      {Method::post, "/my/authenticators/totp", "page_my_add_totp", "Adds an app.", add_totp},
      {Method::post, "/my/authenticators/sms", "page_my_add_sms", "Adds a mobile number.", add_sms},
      {Method::post, "/my/authenticators/rename", "page_my_rename", "Names one.", rename},
      {Method::post, "/my/authenticators/lost", "page_my_lost", "Declares one lost.", declare_as_lost},
      {Method::post, "/my/authenticators/raise", "page_my_raise", "Shows a surer proof.", raise},
      {Method::post, "/my/authenticators/remove", "page_my_remove", "Removes one.", remove},
  });
  add_signed_in_pages(router, web, Assurance::low, pages);
}

}  // namespace dayaq::identity::web
