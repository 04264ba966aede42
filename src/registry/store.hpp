// All of the registry's SQL on persons, attestations and subscriptions.
#pragma once

#include <functional>
#include <span>

#include "registry/catalogue.hpp"
#include "store/database.hpp"

namespace dayaq::registry {

[[nodiscard]] std::span<const store::Migration> migrations();

/// A person's row: what stands besides their residence history.
struct PersonRecord {
  Person person;
  Instant place_since;  ///< when the present residence began
};

/// What a person's row holds for writing. Views live until the call returns.
struct PersonRow {
  PersonId id;
  std::string_view national_id;
  std::string_view family_name;
  std::string_view given_name;
  Sex sex = Sex::female;
  Date birth;
  std::optional<Date> death;
  PlaceIndex place = 0;
};
[[nodiscard]] PersonRow row_of(const Person& person);

/// Narrow rows for in-memory indexes: no text, no allocation.
struct PersonCore {
  PersonId id;
  Sex sex = Sex::female;
  Date birth;
  std::optional<Date> death;
  PlaceIndex place = 0;
  Instant place_since;
};
struct SubscriptionView {
  SubscriptionKind kind = SubscriptionKind::mobile;
  OrganisationIndex provider = 0;
  std::string_view number;  ///< valid inside the callback
  PersonId holder;
  Period valid;
};

/// Plain statements over one session, which the caller's transaction owns. All persons' rows carry their
/// bucket. Errors are the session's own.
class RegistryStore {
 public:
  explicit RegistryStore(const Catalogue& catalogue) : catalogue_(catalogue) {}

  // -- persons

  /// False if a person with this id exists (then nothing is written).
  Result<bool> insert_person(store::Session& session, const PersonRow& row, Instant since) const;
  Result<void> update_person(store::Session& session, const PersonRow& row, Instant since) const;
  Result<std::optional<PersonRecord>> person(store::Session& session, PersonId id) const;
  Result<bool> has_person(store::Session& session, PersonId id) const;
  Result<void> insert_past_residence(store::Session& session, PersonId id, const Residence& past) const;
  Result<std::vector<Residence>> past_residences(store::Session& session, PersonId id) const;

  // -- attestations

  /// The one read of the hot path: nullopt if the person isn't known, else their standing attestations of
  /// this status by this issuer, and the one with `id`, whatever it is.
  struct AttestationContext {
    std::optional<Date> death;
    std::vector<Attestation> standing;
    std::optional<Attestation> same_id;
  };
  Result<std::optional<AttestationContext>> attestation_context(store::Session& session, PersonId person,
                                                                AttestationId id, StatusIndex status,
                                                                OrganisationIndex issuer) const;
  /// False if the person has an attestation with this id (then nothing is written).
  Result<bool> insert_attestation_if_new(store::Session& session, const Attestation& attestation) const;
  Result<void> insert_attestation(store::Session& session, const Attestation& attestation) const;
  Result<void> end_attestation(store::Session& session, PersonId person, AttestationId id,
                               Instant ended) const;
  Result<std::optional<Attestation>> attestation(store::Session& session, PersonId person,
                                                 AttestationId id) const;
  Result<std::vector<Attestation>> attestations_of(store::Session& session, PersonId person) const;

  // -- subscriptions

  /// The latest subscriptions of a number, one for each operator that ever had it; live ones and ended ones.
  struct NumberHolder {
    OrganisationIndex provider = 0;
    PersonId holder;
    Period valid;
  };
  Result<std::vector<NumberHolder>> holders_of(store::Session& session, SubscriptionKind kind,
                                               std::string_view number) const;
  /// Makes this one the latest of its number and operator.
  Result<void> set_holder(store::Session& session, const SubscriptionView& subscription) const;
  /// False if the holder has a subscription of this number and beginning (then nothing is written).
  Result<bool> insert_subscription(store::Session& session, const SubscriptionView& subscription) const;
  Result<bool> has_subscription(store::Session& session, const SubscriptionView& subscription) const;
  /// Sets the end of the subscription with this holder, number and beginning.
  Result<void> end_subscription(store::Session& session, const SubscriptionView& subscription) const;
  Result<std::vector<Subscription>> subscriptions_of(store::Session& session, PersonId person) const;

  // -- streams, in key order (bucket, then person), over the buckets [from, until)

  struct BucketRange {
    std::int64_t from = 0;
    std::int64_t until = buckets;
  };
  Result<void> each_person_core(store::Session& session, BucketRange range,
                                const std::function<void(const PersonCore&)>& visit) const;
  Result<void> each_person(store::Session& session, BucketRange range,
                           const std::function<Result<bool>(const PersonRow&, Instant since)>& visit) const;
  /// Attestations that stand at `at` or end later: neither revoked nor expired by then.
  Result<void> each_attestation(store::Session& session, BucketRange range, Instant at,
                                const std::function<void(const Attestation&)>& visit) const;
  /// All attestations ever, ended ones too.
  Result<void> each_attestation_ever(store::Session& session, BucketRange range,
                                     const std::function<void(const Attestation&)>& visit) const;
  /// Subscriptions without end or ending after `at`.
  Result<void> each_subscription(store::Session& session, BucketRange range, Instant at,
                                 const std::function<void(const SubscriptionView&)>& visit) const;
  /// Attestations that haven't been ended, with the national id of their person; for exports.
  Result<void> each_attestation_named(
      store::Session& session,
      const std::function<Result<bool>(std::string_view national_id, const Attestation&)>& visit) const;
  /// All subscriptions ever, with the national id of their holder; for exports.
  Result<void> each_subscription_named(
      store::Session& session,
      const std::function<Result<bool>(std::string_view national_id, const SubscriptionView&)>& visit) const;
  Result<std::int64_t> count_persons(store::Session& session) const;

  // -- settings

  static Result<std::optional<std::string>> setting(store::Session& session, std::string_view name);
  static Result<void> set_setting(store::Session& session, std::string_view name, std::string_view value);

 private:
  [[nodiscard]] Attestation attestation_from(const store::Row& row, int first) const;

  const Catalogue& catalogue_;
};

/// An instant as it is stored: NULL for "without end".
[[nodiscard]] inline store::Param end_param(Instant t) {
  if (t == instant_max) return nullptr;
  return to_micros(t);
}
[[nodiscard]] inline Instant end_from(const store::Row& row, int column) {
  return row.is_null(column) ? instant_max : from_micros(row.integer(column));
}

}  // namespace dayaq::registry
