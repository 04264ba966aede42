#include "registry/api.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/log.hpp"

namespace dayaq::registry {

void add_routes(http::Router& router, const ApiContext& context) {
  add_person_routes(router, context);
  add_organisation_routes(router, context);
  add_attestation_routes(router, context);
  add_subscription_routes(router, context);
  add_import_routes(router, context);
  add_key_routes(router, context);
  router.add_schema("Recorded", R"json({"type":"object","required":["recorded"],"properties":{
    "recorded":{"type":"string","enum":["new","changed","unchanged"]},
    "audit":{"type":"integer",
      "description":"Index of the audit log's entry; absent if nothing changed."}}})json");
}

Result<OrganisationIndex> caller_of(const http::Request& request, const Registry& registry) {
  const auto index = registry.organisations.find(request.principal.organisation.value());
  if (index) return *index;
  return fail(ErrorKind::forbidden, "registry.no_organisation", "This needs the key of an organisation.");
}

PersonId person_of(const http::Principal& principal) {
  return principal.acting_for == PersonId() ? principal.person : principal.acting_for;
}

Result<PersonFacts> read_for_client(const http::Request& request, store::Database& db,
                                    const Registry& registry, std::string_view what) {
  const PersonId person = person_of(request.principal);
  if (person == PersonId()) {
    return fail(ErrorKind::forbidden, "registry.no_person", "This needs a token that a person let you have.");
  }
  const std::string actor = request.principal.actor();
  // One transaction: nobody sees a record whose reading isn't on record.
  return db.write([&](store::Session& session) -> Result<PersonFacts> {
    DAYAQ_TRY(PersonFacts all, facts(session, RegistryStore(registry.catalogue), person));
    DAYAQ_TRY_OK(note_read(session, registry, person, what, "consent: me:read", actor));
    return all;
  });
}

http::Response refuse(const Error& error) {
  if (error.kind == ErrorKind::internal) log::error("registry.request", "a request failed", error);
  return http::problem(error);
}

std::string_view to_string(Recorded recorded) {
  switch (recorded) {
    case Recorded::fresh:
      return "new";
    case Recorded::changed:
      return "changed";
    case Recorded::unchanged:
      return "unchanged";
  }
  return "";
}

std::string attestation_name(PersonId person, AttestationId id) {
  return fmt::format("{:016x}-{:016x}", person.value(), id.value());
}

Result<AttestationName> parse_attestation_name(std::string_view text) {
  const auto half = [&](std::size_t at, std::uint64_t& value) {
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 16, value, 16);
    return error == std::errc() && end == text.data() + at + 16;
  };
  std::uint64_t person = 0;
  std::uint64_t id = 0;
  if (text.size() == 33 && text[16] == '-' && half(0, person) && half(17, id)) {
    return AttestationName{PersonId(person), AttestationId(id)};
  }
  return fail(ErrorKind::invalid_input, "registry.attestation_name",
              "An attestation is named as the answer to its recording names it.");
}

}  // namespace dayaq::registry
