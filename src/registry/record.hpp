// The use-cases: what may be recorded about persons, and what follows from it.
//
// Each is a plain function that runs inside one write transaction (store::Database::write or submit) on the
// writer thread: it checks, writes its rows, adds its audit entry, and tells the observer, all or nothing.
#pragma once

#include "audit/log.hpp"
#include "registry/observer.hpp"
#include "registry/organisations.hpp"
#include "registry/store.hpp"

namespace dayaq::registry {

/// What the use-cases work with, besides a session. All of it outlives them.
struct Registry {
  const CountryPack& country;
  const Catalogue& catalogue;
  OrganisationDirectory& organisations;
  audit::Log& log;
  ChangeObserver* observer;  ///< may be null: nobody follows (an import while the node is down)
  const Clock& clock;
  SipKey secret;  ///< makes person ids; see derive_person_id

  [[nodiscard]] PersonId person_id(const NationalId& id) const {
    return derive_person_id(secret, country.code(), id);
  }
};

/// Refuses a database whose person ids were made with another secret, and remembers the secret's print in a
/// new one. conflict "registry.secret": the right key file must be put back.
Result<void> check_secret(store::Session& session, const SipKey& secret);

// -- persons

enum class Recorded : std::uint8_t { fresh, changed, unchanged };

struct PersonOutcome {
  Recorded recorded = Recorded::fresh;
  std::uint64_t audit_index = 0;  ///< 0 and meaningless if unchanged
};

/// Records a person: new, moved, corrected or deceased. The same content again changes nothing.
///   - invalid_input "registry.birth"      birth in the future or before 1880
///   - invalid_input "registry.death"      death before birth or in the future
///   - invalid_input "registry.name"       a name empty, longer than 100 bytes, or with control characters
///   - invalid_input "registry.place"      the place is a district, not a settlement
///   - internal "registry.id_collision"    another national id has the same person id
Result<PersonOutcome> record_person(store::Session& session, const Registry& registry, const Person& person,
                                    const std::string& actor);
/// The same checks without a database: for forms and imports. `today` is the civil day in the country's zone.
[[nodiscard]] std::optional<Error> check_person(const PersonRow& row, const CountryPack& country, Date today);

/// The rows and the observer, without an audit entry: imports write one entry for many.
Result<Recorded> put_person(store::Session& session, const Registry& registry, const PersonRow& row,
                            Instant now);

/// All that is known of a person, ever. not_found "registry.person".
Result<PersonFacts> facts(store::Session& session, const RegistryStore& store, PersonId person);

/// Writes that somebody looked at a person's record, and why: the person can see it. invalid_input
/// "registry.reason" unless the reason has 3 to 200 bytes. `what` is catalogued: "record", "grants".
Result<std::uint64_t> note_read(store::Session& session, const Registry& registry, PersonId person,
                                std::string_view what, std::string_view reason, const std::string& actor);

// -- organisations

/// Adds an organisation, or changes its name, kind or statuses. invalid_input "registry.code",
/// "registry.name", "registry.status" (one that the country pack doesn't have).
Result<OrganisationIndex> record_organisation(store::Session& session, const Registry& registry,
                                              const Organisation& organisation, const std::string& actor);
/// Adds those of the country pack that are missing.
Result<void> seed_organisations(store::Session& session, const Registry& registry);

// -- attestations

struct AttestRequest {
  AttestationId id;  ///< chosen by the caller, so that a retry is the same attestation
  PersonId person;
  StatusIndex status = 0;
  OrganisationIndex issuer = 0;
  Period valid;
};
struct AttestOutcome {
  Attestation attestation;
  Recorded recorded = Recorded::fresh;  ///< unchanged: it was there already
  std::uint64_t audit_index = 0;
};

/// Records that `issuer` attests `status`. One that this issuer has for the same status and an overlapping
/// period is superseded. The same id again with the same content changes nothing.
///   - forbidden "registry.may_not_issue"    the organisation doesn't issue this status
///   - invalid_input "registry.period"       empty, or longer than the status allows
///   - not_found "registry.person"           nobody has this id
///   - invalid_input "registry.deceased"     the person died before the period begins
///   - conflict "registry.attestation_id"    the id stands for another attestation of this person
Result<AttestOutcome> attest(store::Session& session, const Registry& registry, const AttestRequest& request,
                             const std::string& actor);

/// Ends an attestation now, before its time.
///   - not_found "registry.attestation"
///   - forbidden "registry.not_yours"        another organisation issued it
/// One that has ended already is returned as it is.
Result<AttestOutcome> revoke(store::Session& session, const Registry& registry, PersonId person,
                             AttestationId id, OrganisationIndex by, const std::string& actor);

[[nodiscard]] std::optional<Error> check_attestation(const AttestRequest& request, const Registry& registry);
/// Rows and observer without an audit entry, the request having passed check_attestation.
Result<AttestOutcome> put_attestation(store::Session& session, const Registry& registry,
                                      const AttestRequest& request, Instant now);

// -- subscriptions

struct SubscriptionOutcome {
  Recorded recorded = Recorded::fresh;
  std::uint64_t audit_index = 0;
};

/// Records a line or account from `subscription.valid.from` on. A mobile number that is live with another
/// operator (number portability), or any number that another person holds, ends there first.
///   - invalid_input "registry.number"       mobile: calling code and 9 digits; others 1 to 32 of
///   [0-9A-Za-z._-]
///   - invalid_input "registry.provider"     the operator has no such subscriptions
///   - invalid_input "registry.period"       empty, or it begins before the number's present subscription
///   - not_found "registry.person"
Result<SubscriptionOutcome> record_subscription(store::Session& session, const Registry& registry,
                                                const Subscription& subscription, const std::string& actor);
/// Ends the live subscription of a number at `until`, which may lie ahead. not_found "registry.subscription",
/// invalid_input "registry.period" if it would end before it began.
Result<SubscriptionOutcome> end_subscription(store::Session& session, const Registry& registry,
                                             SubscriptionKind kind, OrganisationIndex provider,
                                             std::string_view number, Instant until,
                                             const std::string& actor);
/// Who holds a number with an operator at `at`, by its latest subscription; nullopt if it isn't live.
Result<std::optional<PersonId>> find_holder(store::Session& session, const RegistryStore& store,
                                            SubscriptionKind kind, OrganisationIndex provider,
                                            std::string_view number, Instant at);

[[nodiscard]] std::optional<Error> check_subscription(const SubscriptionView& subscription,
                                                      const Registry& registry);
Result<Recorded> put_subscription(store::Session& session, const Registry& registry,
                                  const SubscriptionView& subscription);

}  // namespace dayaq::registry
