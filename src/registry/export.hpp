// Exports: the registry as CSV files that an import takes back.
#pragma once

#include <functional>

#include "registry/import_check.hpp"
#include "registry/organisations.hpp"

namespace dayaq::registry {

/// Takes the next bytes of the file; an error stops the export.
using WriteBytes = std::function<Result<void>(std::string_view)>;

/// Writes the header and all rows of a kind, in key order, from one snapshot; memory is bounded. Attestations
/// are those that haven't been ended; subscriptions are all there ever were. Returns the number of rows.
Result<std::uint64_t> export_rows(store::Session& session, const CountryPack& country,
                                  const OrganisationDirectory& organisations, const RegistryStore& store,
                                  ImportKind kind, const WriteBytes& write);

/// One line each, as export_rows writes them.
void append_person(std::string& out, const PersonRow& row, const CountryPack& country);
void append_attestation(std::string& out, std::string_view national_id, const Attestation& attestation,
                        const CountryPack& country, const OrganisationDirectory& organisations);
void append_subscription(std::string& out, std::string_view national_id, const SubscriptionView& subscription,
                         const OrganisationDirectory& organisations);
void append_header(std::string& out, ImportKind kind);

}  // namespace dayaq::registry
