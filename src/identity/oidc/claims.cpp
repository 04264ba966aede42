#include "identity/oidc/claims.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "crypto/hmac.hpp"
#include "crypto/jwt_json.hpp"
#include "identity/oidc/token_state.hpp"

namespace dayaq::identity::oidc {
namespace {

constexpr std::string_view status_prefix = "status:";

struct Known {
  std::string_view claim;
  std::string_view scope;
};
// OpenID Connect Core sections 5.1 and 5.4; age_over_18 as ISO/IEC 18013-5 names it.
constexpr std::array<Known, 7> known{{{"age_over_18", "age"},
                                      {"birthdate", "profile"},
                                      {"family_name", "profile"},
                                      {"given_name", "profile"},
                                      {"name", "profile"},
                                      {"phone_number", "phone"},
                                      {"phone_number_verified", "phone"}}};
constexpr std::array<std::string_view, 7> names{known[0].claim, known[1].claim, known[2].claim,
                                                known[3].claim, known[4].claim, known[5].claim,
                                                known[6].claim};

bool contains(const std::vector<std::string>& list, std::string_view one) {
  return std::ranges::find(list, one) != list.end();
}

std::string json_text_of(std::string_view text) {
  std::string out;
  crypto::append_json_text(out, text);
  return out;
}

/// What the registry says of one person, read once and as late as possible.
class Facts {
 public:
  Facts(store::Session& db, const Accounts& accounts, PersonId person, Instant now)
      : db_(db), accounts_(accounts), person_(person), now_(now) {}

  /// Nothing: the registry doesn't know.
  Result<std::optional<std::string>> value(std::string_view claim) {
    if (claim.starts_with(status_prefix)) return status(claim.substr(status_prefix.size()));
    if (claim == "phone_number" || claim == "phone_number_verified") return phone(claim == "phone_number");
    if (!record_) {
      DAYAQ_TRY(record_, accounts_.persons.person(db_, person_));
    }
    if (!*record_) return std::optional<std::string>();
    const registry::Person& person = (*record_)->person;
    if (claim == "birthdate") return json_text_of(format_date(person.birth));
    if (claim == "family_name") return json_text_of(person.family_name);
    if (claim == "given_name") return json_text_of(person.given_name);
    if (claim == "name") return json_text_of(person.given_name + " " + person.family_name);
    if (claim != "age_over_18") return std::optional<std::string>();
    const Date today = accounts_.registry.country.zone().day_of(now_);
    return std::optional<std::string>(age_on(person.birth, today) >= 18 ? "true" : "false");
  }

 private:
  Result<std::optional<std::string>> status(std::string_view code) {
    const auto& country = accounts_.registry.country;
    const auto index = country.find_status(code);
    // Sensitive statuses are never claims, whatever was registered or asked.
    if (!index || country.status(*index).sensitive) return std::optional<std::string>();
    if (!attestations_) {
      DAYAQ_TRY(attestations_, accounts_.persons.attestations_of(db_, person_));
    }
    const bool stands = std::ranges::any_of(*attestations_, [&](const registry::Attestation& attestation) {
      return attestation.status == *index && attestation.stands_at(now_);
    });
    return std::optional<std::string>(stands ? "true" : "false");
  }

  Result<std::optional<std::string>> phone(bool number) {
    if (!numbers_) {
      DAYAQ_TRY(numbers_, numbers_of(db_, accounts_.persons, person_, now_));
    }
    if (numbers_->empty()) return std::optional<std::string>();
    // The registry knows it from the operator: nobody typed it in. E.164, OpenID Connect Core section 5.1.
    return std::optional<std::string>(number ? json_text_of("+" + numbers_->front()) : "true");
  }

  store::Session& db_;
  const Accounts& accounts_;
  PersonId person_;
  Instant now_;
  std::optional<std::optional<registry::PersonRecord>> record_;
  std::optional<std::vector<registry::Attestation>> attestations_;
  std::optional<std::vector<std::string>> numbers_;
};

/// Which claims a grant has, by name. A wish counts only for what the client's own scopes cover.
std::vector<std::string> wanted(const Client& client, const Grant& grant, bool for_id_token) {
  std::vector<std::string> out;
  if (!for_id_token) {
    for (const Known& one : known) {
      if (contains(grant.scopes, one.scope)) out.emplace_back(one.claim);
    }
    for (const std::string& scope : grant.scopes) {
      if (scope.starts_with(status_prefix)) out.push_back(scope);
    }
  }
  for (const ClaimWish& wish : grant.claims) {
    if (!(for_id_token ? wish.in_id_token : wish.in_userinfo) || contains(out, wish.name)) continue;
    const std::string_view scope = scope_of_claim(wish.name);
    if (!scope.empty() && contains(client.scopes, scope)) out.push_back(wish.name);
  }
  return out;
}

}  // namespace

std::string_view scope_of_claim(std::string_view claim) {
  if (claim.starts_with(status_prefix)) return claim;
  for (const Known& one : known) {
    if (one.claim == claim) return one.scope;
  }
  return {};
}

std::span<const std::string_view> known_claims() {
  return names;
}

bool releases_claims(const Grant& grant) {
  return !grant.claims.empty() || std::ranges::any_of(grant.scopes, [](const std::string& scope) {
    return scope == "profile" || scope == "phone" || scope == "age" || scope.starts_with(status_prefix);
  });
}

std::vector<std::string> amr_of(Methods methods) {
  std::vector<std::string> out;
  int factors = 0;
  const auto add = [&](AuthenticatorKind kind, std::string_view name) {
    if (!methods.has(kind)) return;
    ++factors;
    if (!contains(out, name)) out.emplace_back(name);
  };
  add(AuthenticatorKind::passkey, "pop");
  add(AuthenticatorKind::mobile, "pop");
  add(AuthenticatorKind::totp, "otp");
  add(AuthenticatorKind::sms, "sms");
  add(AuthenticatorKind::card, "sc");
  add(AuthenticatorKind::password, "pwd");
  if (factors > 1) out.emplace_back("mfa");
  return out;
}

std::string subject(const Provider& provider, const Client& client, PersonId person) {
  // Core section 8.1: one-way, and different for each sector. A public subject is the sector that all share;
  // no sector's name has a slash.
  const std::string_view sector =
      client.pairwise ? std::string_view(client.sector) : std::string_view("/public");
  Bytes message;
  put_le(message, person.value());
  const BytesView name = as_bytes(sector);
  message.insert(message.end(), name.begin(), name.end());
  const auto& key = provider.tokens->keys(provider.master).subjects;
  return to_base64url(crypto::hmac(crypto::HmacHash::sha256, key.view(), message));
}

Result<std::vector<Claim>> claims_for(store::Session& db, const Provider& provider, const Grant& grant,
                                      bool for_id_token) {
  std::vector<Claim> out;
  const auto client = provider.clients.find(grant.client);
  if (!client || !releases_claims(grant)) return out;
  Facts facts(db, provider.accounts, subject_of(grant), provider.clock.now());
  const auto names_wanted = wanted(*client, grant, for_id_token);
  for (const std::string& name : names_wanted) {
    DAYAQ_TRY(auto value, facts.value(name));
    if (value) out.push_back({name, std::move(*value)});
  }
  return out;
}

}  // namespace dayaq::identity::oidc
