#include "identity/oidc/phone.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/cose.hpp"
#include "identity/account/sealed.hpp"
#include "identity/account/sign_in_rows.hpp"
#include "identity/oidc/provider.hpp"

namespace dayaq::identity::oidc {
namespace {

// Whoever shows the code is bound by it to a session, and no browser to it.
constexpr Seal code_seal{.purpose = "a phone's program", .bound_to = "any phone"};

std::unexpected<Error> bad_code(std::string detail) {
  return fail(
      ErrorKind::forbidden, "phone.code",
      "This code isn't one of this site's, or its time is over. Open the page again and scan the new one.",
      std::move(detail));
}
std::unexpected<Error> bad_signature(std::string detail) {
  return fail(ErrorKind::forbidden, "phone.signature", "This phone can't speak for this person.",
              std::move(detail));
}

bool signed_by(BytesView key_bytes, std::string_view statement, BytesView signature) {
  const auto key = crypto::CoseKey::parse(key_bytes);
  if (!key || key->algorithm() == crypto::CoseAlgorithm::rs256) return false;
  return key->verify(as_bytes(statement), signature, crypto::EcdsaForm::raw);
}

/// The phone, if it is theirs and counts. Any store session.
Result<MobileDevice> phone_of(store::Session& db, PersonId person, AuthenticatorId device, Instant now) {
  DAYAQ_TRY(auto devices, mobiles_of(db, person));
  const auto found =
      std::ranges::find_if(devices, [&](const MobileDevice& one) { return one.authenticator.id == device; });
  if (found == devices.end() || found->authenticator.worth_at(now) == Assurance::none) {
    return bad_signature("no such phone");
  }
  return std::move(*found);
}

}  // namespace

std::string phone_code(const Provider& provider, const Session& session, Instant now) {
  Bytes content;
  put_le(content, session.person.value());
  put_le(content, session.id.value());
  put_le(content, provider.random.next_id());
  return seal(provider.master, provider.random, code_seal, content, now + phone_code_life);
}

std::string phone_key_statement(std::string_view issuer, std::string_view code) {
  return fmt::format("dayaq-phone-key-1\n{}\n{}\n", issuer, code);
}
std::string phone_list_statement(std::string_view issuer, AuthenticatorId device, std::string_view time) {
  return fmt::format("dayaq-phone-list-1\n{}\n{}\n{}\n", issuer, device, time);
}
std::string phone_request_statement(std::string_view id, bool agreed) {
  return fmt::format("dayaq-phone-request-1\n{}\n{}\n", id, agreed ? "yes" : "no");
}

Result<Authenticator> register_phone(const Provider& provider, const PhoneKey& key, Instant now) {
  const auto opened = unseal(provider.master, code_seal, key.code, now);
  if (!opened) return bad_code(std::string(opened.error().code));
  BytesView content = opened->content;
  std::uint64_t person = 0, session_id = 0, device = 0;
  if (!take_le(content, person) || !take_le(content, session_id) || !take_le(content, device) ||
      !content.empty()) {
    return bad_code("not what phone_code() writes");
  }
  if (!signed_by(key.public_key, phone_key_statement(provider.issuer, key.code), key.signature)) {
    return bad_signature("of the key itself");
  }
  const NewAuthenticator added{.id = AuthenticatorId(device),
                               .name = key.name,
                               .material = MobileKey{.public_key = key.public_key, .address = key.address}};
  auto done = provider.db.write([&](store::Session& db) -> Result<Authenticator> {
    DAYAQ_TRY(const auto session, provider.sessions.get(db, PersonId(person), SessionId(session_id), now));
    if (!session) return bad_code("its session has ended");
    DAYAQ_TRY_OK(spend(db, PersonId(person), device, now + phone_code_life));
    return add_authenticator(db, provider.accounts, *session, added, now);
  });
  if (!done && done.error().code == "store.duplicate") return bad_code("used");
  return done;
}

Result<Waiting> waiting_for_phone(const Provider& provider, const PhoneAsks& asks, Instant now) {
  const auto time = parse_instant(asks.time);
  if (!time || *time < now - phone_clock_slack || *time > now + phone_clock_slack) {
    return bad_signature("not of now");
  }
  Waiting out;
  DAYAQ_TRY_OK(provider.db.read([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY(const MobileDevice phone, phone_of(db, asks.person, asks.device, now));
    const std::string statement = phone_list_statement(provider.issuer, asks.device, asks.time);
    if (!signed_by(phone.public_key, statement, asks.signature)) return bad_signature("of the list");
    DAYAQ_TRY_OK(account_in_force(db, asks.person));
    DAYAQ_TRY(out.browsers, confirmations_of(db, asks.person, now));
    return {};
  }));
  DAYAQ_TRY(out.clients, ciba_requests_of(provider, asks.person, now));
  return out;
}

Result<void> decide_ciba_by_phone(const Provider& provider, PersonId person, AuthenticatorId device,
                                  std::string_view id, bool agreed, BytesView signature, Instant now) {
  // It makes no session; for the decision it stands for one that would have been made with this phone now.
  Session proved{.id = SessionId(),
                 .person = person,
                 .acting_for = PersonId(),
                 .authenticated = now,
                 .expires = now,
                 .authenticator = device,
                 .methods = Methods(AuthenticatorKind::mobile)};
  DAYAQ_TRY_OK(provider.db.write([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY(const MobileDevice phone, phone_of(db, person, device, now));
    if (!signed_by(phone.public_key, phone_request_statement(id, agreed), signature)) {
      return bad_signature("of the decision");
    }
    DAYAQ_TRY(const Account account, account_in_force(db, person));
    proved.assurance = std::min(phone.authenticator.worth_at(now), assurance_of(account.enrolment));
    return note_used(db, provider.accounts, phone.authenticator, now);
  }));
  return decide_ciba(provider, id, proved, agreed, now);
}

}  // namespace dayaq::identity::oidc
