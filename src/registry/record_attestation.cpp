#include <fmt/format.h>

#include "registry/record.hpp"

namespace dayaq::registry {
namespace {

std::string end_text(Instant t) {
  return t == instant_max ? "" : format_instant(t);
}

/// Codes need no escaping.
std::string personal_json(const Attestation& a, const Registry& registry) {
  return fmt::format(R"({{"attestation":"{:x}","from":"{}","status":"{}","until":"{}"}})", a.id.value(),
                     format_instant(a.valid.from), registry.country.status(a.status).code,
                     end_text(a.valid.until));
}

std::string issuer_json(OrganisationIndex issuer, const Registry& registry) {
  return fmt::format(R"({{"issuer":"{}"}})", registry.organisations.at(issuer)->code);
}

Result<void> tell(store::Session& session, const Registry& registry, const Change& change) {
  if (registry.observer == nullptr) return {};
  return registry.observer->on_change(session, change);
}

}  // namespace

std::optional<Error> check_attestation(const AttestRequest& request, const Registry& registry) {
  if (!registry.organisations.may_issue(request.issuer, request.status)) {
    return Error{ErrorKind::forbidden,
                 "registry.may_not_issue",
                 "This organisation doesn't issue this status. Ask for it to be added to what it issues.",
                 {},
                 "status",
                 0,
                 0};
  }
  const StatusDefinition& status = registry.country.status(request.status);
  const Period& valid = request.valid;
  if (valid.empty() || valid.from == instant_min) {
    return Error{
        ErrorKind::invalid_input, "registry.period", "The period ends before it begins.", {}, "until", 0, 0};
  }
  if (status.days_max &&
      (valid.until == instant_max || valid.until - valid.from > std::chrono::days(*status.days_max))) {
    return Error{ErrorKind::invalid_input,
                 "registry.period",
                 fmt::format("This status is attested for {} days at most; renew it then.", *status.days_max),
                 {},
                 "until",
                 0,
                 0};
  }
  return std::nullopt;
}

Result<AttestOutcome> put_attestation(store::Session& session, const Registry& registry,
                                      const AttestRequest& request, Instant now) {
  const RegistryStore store(registry.catalogue);
  DAYAQ_TRY(const auto context,
            store.attestation_context(session, request.person, request.id, request.status, request.issuer));
  if (!context) return fail(ErrorKind::not_found, "registry.person", "Nobody has this id.");
  if (context->same_id) {
    const Attestation& known = *context->same_id;
    if (known.status == request.status && known.issuer == request.issuer && known.valid == request.valid) {
      return AttestOutcome{known, Recorded::unchanged, 0};
    }
    return fail(ErrorKind::conflict, "registry.attestation_id",
                "This id stands for another attestation. Choose a new one.");
  }
  if (context->death && Instant(*context->death) < request.valid.from) {
    return fail_field("registry.deceased", "from", "The person died before this period begins.");
  }
  for (const Attestation& before : context->standing) {
    if (before.valid == request.valid) return AttestOutcome{before, Recorded::unchanged, 0};
  }
  for (Attestation before : context->standing) {
    if (!before.valid.overlaps(request.valid)) continue;
    before.ended = now;
    DAYAQ_TRY_OK(store.end_attestation(session, before.person, before.id, now));
    DAYAQ_TRY_OK(tell(session, registry, AttestationEnded{before}));
  }
  const Attestation attestation{request.id, request.person, request.status, request.issuer, request.valid,
                                now,        instant_max};
  DAYAQ_TRY_OK(store.insert_attestation(session, attestation));
  DAYAQ_TRY_OK(tell(session, registry, AttestationRecorded{attestation}));
  return AttestOutcome{attestation, Recorded::fresh, 0};
}

Result<AttestOutcome> attest(store::Session& session, const Registry& registry, const AttestRequest& request,
                             const std::string& actor) {
  if (auto error = check_attestation(request, registry)) return std::unexpected(*std::move(error));
  DAYAQ_TRY(AttestOutcome outcome, put_attestation(session, registry, request, registry.clock.now()));
  if (outcome.recorded == Recorded::unchanged) return outcome;
  DAYAQ_TRY(outcome.audit_index,
            registry.log.append(session, {.action = "attestation.record",
                                          .actor = actor,
                                          .subject = request.person,
                                          .data = issuer_json(request.issuer, registry),
                                          .personal = personal_json(outcome.attestation, registry)}));
  return outcome;
}

Result<AttestOutcome> revoke(store::Session& session, const Registry& registry, PersonId person,
                             AttestationId id, OrganisationIndex by, const std::string& actor) {
  const RegistryStore store(registry.catalogue);
  DAYAQ_TRY(auto found, store.attestation(session, person, id));
  if (!found) return fail(ErrorKind::not_found, "registry.attestation", "There is no such attestation.");
  if (found->issuer != by) {
    return fail(ErrorKind::forbidden, "registry.not_yours",
                "Another organisation issued this attestation; only that one can revoke it.");
  }
  if (found->ended != instant_max) return AttestOutcome{*found, Recorded::unchanged, 0};
  found->ended = registry.clock.now();
  DAYAQ_TRY_OK(store.end_attestation(session, person, id, found->ended));
  DAYAQ_TRY_OK(tell(session, registry, AttestationEnded{*found}));
  AttestOutcome outcome{*found, Recorded::changed, 0};
  DAYAQ_TRY(outcome.audit_index, registry.log.append(session, {.action = "attestation.revoke",
                                                               .actor = actor,
                                                               .subject = person,
                                                               .data = issuer_json(by, registry),
                                                               .personal = personal_json(*found, registry)}));
  return outcome;
}

}  // namespace dayaq::registry
