#include "identity/account/confirmation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/cose.hpp"
#include "crypto/sign.hpp"
#include "identity/account/sign_in_rows.hpp"

namespace dayaq::identity {
namespace {

Result<Confirmation> waiting(store::Session& db, PersonId person, ConfirmationId id, Instant now) {
  DAYAQ_TRY(auto found, select_confirmation(db, person, id));
  if (!found || found->stage != Confirmation::Stage::waiting || now >= found->expires) {
    return fail(ErrorKind::not_found, "confirmation.unknown",
                "There is nothing to confirm any more. If you are signing in, start again.");
  }
  return std::move(*found);
}

Result<Confirmation::Stage> decide(store::Session& db, Confirmation confirmation, bool agreed,
                                   std::string_view number) {
  const bool right =
      agreed && crypto::equal_constant_time(as_bytes(number), as_bytes(number_text(confirmation)));
  confirmation.stage = right ? Confirmation::Stage::confirmed : Confirmation::Stage::denied;
  DAYAQ_TRY_OK(update_confirmation(db, confirmation));
  return confirmation.stage;
}

}  // namespace

std::string number_text(const Confirmation& confirmation) {
  return fmt::format("{:02}", confirmation.number);
}

std::array<std::string, 3> number_choices(const Confirmation& confirmation) {
  // Two others and the order come from the confirmation's id, so that a page that is reloaded shows the same.
  const std::uint64_t chance = confirmation.id.value();
  const unsigned right = confirmation.number;
  const unsigned second = 10 + (right - 10 + 1 + unsigned(chance % 44)) % 90;
  const unsigned third = 10 + (right - 10 + 46 + unsigned(chance / 44 % 44)) % 90;
  std::array<unsigned, 3> numbers{right, second, third};
  std::ranges::sort(numbers);
  std::array<std::string, 3> out;
  std::ranges::transform(numbers, out.begin(), [](unsigned number) { return fmt::format("{:02}", number); });
  return out;
}

Result<std::vector<Confirmation>> confirmations_of(store::Session& db, PersonId person, Instant now) {
  return select_confirmations(db, person, now);
}

Result<Confirmation::Stage> confirm_by_session(store::Session& db, const Accounts&, const Session& session,
                                               ConfirmationId id, bool agreed, std::string_view number,
                                               Instant now) {
  DAYAQ_TRY(Confirmation confirmation, waiting(db, session.person, id, now));
  if (agreed && (session.acting_for != PersonId() || now - session.authenticated > fresh_for)) {
    return fail(ErrorKind::forbidden, "confirmation.fresh", "Sign in again here before you confirm.");
  }
  confirmation.authenticator = session.authenticator;
  confirmation.assurance = session.assurance;
  confirmation.proved = session.authenticated;
  return decide(db, std::move(confirmation), agreed, number);
}

std::string confirmation_statement(ConfirmationId id, bool agreed, std::string_view number) {
  return fmt::format("dayaq-confirmation-1\n{}\n{}\n{}\n", id, agreed ? "yes" : "no", number);
}

Result<Confirmation::Stage> confirm_by_device(store::Session& db, const Accounts&, PersonId person,
                                              AuthenticatorId device, ConfirmationId id, bool agreed,
                                              std::string_view number, BytesView signature, Instant now) {
  DAYAQ_TRY(const auto devices, mobiles_of(db, person));
  const auto found =
      std::ranges::find_if(devices, [&](const MobileDevice& one) { return one.authenticator.id == device; });
  const auto refused = [] {
    return fail(ErrorKind::forbidden, "confirmation.device", "This phone can't confirm for this person.");
  };
  if (found == devices.end() || found->authenticator.worth_at(now) == Assurance::none) return refused();
  const auto key = crypto::CoseKey::parse(found->public_key);
  const std::string statement = confirmation_statement(id, agreed, number);
  if (!key || !key->verify(as_bytes(statement), signature, crypto::EcdsaForm::raw)) return refused();
  DAYAQ_TRY(Confirmation confirmation, waiting(db, person, id, now));
  confirmation.authenticator = device;
  confirmation.assurance = found->authenticator.worth_at(now);
  confirmation.proved = now;
  return decide(db, std::move(confirmation), agreed, number);
}

}  // namespace dayaq::identity
