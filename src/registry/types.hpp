// The registry's nouns: persons, organisations, statuses and attestations, subscriptions, places.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "base/time.hpp"

namespace dayaq::registry {

/// Dense numbers of catalogued things, the same in one process's life only; codes are what is stored and
/// spoken.
using StatusIndex = std::uint8_t;         ///< into CountryPack::statuses
using PlaceIndex = std::uint16_t;         ///< into CountryPack::places
using OrganisationIndex = std::uint16_t;  ///< into the OrganisationDirectory

/// A national id that passed the country pack's check (Azerbaijan: the 7-character FIN, [0-9A-HJ-NP-Z]: no I,
/// no O).
class NationalId {
 public:
  [[nodiscard]] const std::string& text() const { return text_; }
  friend bool operator==(const NationalId&, const NationalId&) = default;

 private:
  friend class NationalIdRule;
  std::string text_;
};

enum class Sex : std::uint8_t { female, male };

struct Person {
  PersonId id;  ///< keyed hash of the national id, so that an import repeated is the same person
  std::string national_id;
  std::string family_name;
  std::string given_name;
  Sex sex = Sex::female;
  Date birth;
  std::optional<Date> death;
  PlaceIndex place = 0;  ///< residence: a settlement
};

enum class OrganisationKind : std::uint8_t {
  agency,
  hospital,
  school,
  university,
  mobile_operator,
  internet_provider,
  tv_operator,
  business
};

struct Organisation {
  OrganisationCode code;
  LocalizedText name;
  OrganisationKind kind = OrganisationKind::agency;
  std::vector<StatusCode> issues;  ///< the statuses it may attest
};

enum class SubscriptionKind : std::uint8_t { mobile, fixed, tv };

/// A line or account that a person holds with an operator. `number` is unique within (kind, operator):
/// an MSISDN as digits with country code for mobile, the operator's account for fixed and tv.
struct Subscription {
  SubscriptionKind kind = SubscriptionKind::mobile;
  OrganisationIndex provider = 0;
  std::string number;
  PersonId holder;
  Period valid;
};

using AttestationId = Id64<struct AttestationTag>;

/// A fact that an organisation attests about a person for a period. Never edited: superseded or revoked.
struct Attestation {
  AttestationId id;
  PersonId person;
  StatusIndex status = 0;
  OrganisationIndex issuer = 0;
  Period valid;
  Instant recorded;
  Instant ended = instant_max;  ///< revoked or superseded at; instant_max while it stands
  /// True at t, as known at t: what the law of that moment goes by.
  [[nodiscard]] bool stands_at(Instant t) const { return recorded <= t && t < ended && valid.contains(t); }
};

struct Residence {
  PlaceIndex place = 0;
  Period period;
};

/// All that is known of a person, ever: what rules are decided by, now and for any past moment.
struct PersonFacts {
  Person person;
  std::vector<Residence> residences;        ///< oldest first; the last is the person's present place
  std::vector<Attestation> attestations;    ///< ended ones too
  std::vector<Subscription> subscriptions;  ///< ended ones too
  [[nodiscard]] PlaceIndex place_at(Instant t) const;
};

/// What happened to a person's record, told to observers inside the transaction that records it.
struct PersonRecorded {
  Person person;
  bool is_new = true;
};  ///< new, moved, corrected or deceased
struct AttestationRecorded {
  Attestation attestation;
};
struct AttestationEnded {
  Attestation attestation;
};  ///< revoked or superseded; `ended` is set
struct SubscriptionRecorded {
  Subscription subscription;
};
struct SubscriptionEnded {
  Subscription subscription;
};  ///< `valid.until` is set
using Change = std::variant<PersonRecorded, AttestationRecorded, AttestationEnded, SubscriptionRecorded,
                            SubscriptionEnded>;

struct StatusDefinition {
  StatusCode code;
  LocalizedText name;
  LocalizedText meaning;
  bool sensitive = false;       ///< never leaves the centre, never a claim
  std::optional<int> days_max;  ///< an attestation may not last longer
};

enum class PlaceKind : std::uint8_t { district, city, town, village };

/// A district (ISO 3166-2 code, parent empty) or a settlement in one.
struct Place {
  PlaceCode code;           ///< "AZ-BA"; settlements "AZ-BA-586523" (GeoNames id) or "AZ-QBA-rural"
  PlaceIndex district = 0;  ///< its district's index; its own for a district
  PlaceKind kind = PlaceKind::district;
  LocalizedText name;
  std::int64_t population = 0;  ///< of the settlement; for a district the sum
  double latitude = 0;
  double longitude = 0;
};

}  // namespace dayaq::registry
