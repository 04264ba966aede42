// The registry's HTTP routes under /v1: parse, call, render. Catalogued for integrators in the OpenAPI
// document.
#pragma once

#include "http/router.hpp"
#include "registry/api_key.hpp"

namespace dayaq::registry {

/// What the routes work with; all of it outlives the server.
struct ApiContext {
  store::Database& db;
  const Registry& registry;
  KeyRing& keys;
  Random& random;  ///< thread-safe: ids and keys
};

/// Adds all routes of this room and their schemas.
void add_routes(http::Router& router, const ApiContext& context);

// Its parts.
void add_person_routes(http::Router& router, const ApiContext& context);
void add_organisation_routes(http::Router& router, const ApiContext& context);
void add_attestation_routes(http::Router& router, const ApiContext& context);
void add_subscription_routes(http::Router& router, const ApiContext& context);
void add_import_routes(http::Router& router, const ApiContext& context);
void add_key_routes(http::Router& router, const ApiContext& context);

/// How an attestation is named outside: "<person's id>-<attestation's id>", two times 16 hexadecimal digits.
/// Both are needed to find it, and neither says who it is about.
[[nodiscard]] std::string attestation_name(PersonId person, AttestationId id);
struct AttestationName {
  PersonId person;
  AttestationId id;
};
/// invalid_input "registry.attestation_name".
[[nodiscard]] Result<AttestationName> parse_attestation_name(std::string_view text);

/// The body of an attestation, parsed: `now` and a drawn id stand in for what is left out.
[[nodiscard]] Result<AttestRequest> parse_attest_body(std::string_view body, const Registry& registry,
                                                      OrganisationIndex issuer, AttestationId drawn);

/// The caller's organisation. forbidden "registry.no_organisation" for a caller without one.
[[nodiscard]] Result<OrganisationIndex> caller_of(const http::Request& request, const Registry& registry);
/// Whose record a client with a person's token may read: theirs, or of whom they act for.
[[nodiscard]] PersonId person_of(const http::Principal& principal);
/// That person's facts, with the reading on record, where they see it. forbidden "registry.no_person" for a
/// caller without one.
[[nodiscard]] Result<PersonFacts> read_for_client(const http::Request& request, store::Database& db,
                                                  const Registry& registry, std::string_view what);
/// An error as an answer; internal ones are logged, since their detail goes nowhere else.
[[nodiscard]] http::Response refuse(const Error& error);
/// "new", "changed", "unchanged".
[[nodiscard]] std::string_view to_string(Recorded recorded);

}  // namespace dayaq::registry
