// An official: somebody signed in who represents an organisation by a recorded relation. What they do is done
// in the organisation's name, and stands in the log under the relation's number.
#pragma once

#include <string>
#include <vector>

#include "identity/account/types.hpp"
#include "identity/web/visit.hpp"
#include "registry/types.hpp"

namespace dayaq::identity::web {

struct Official {
  Relation relation;
  registry::OrganisationIndex organisation = 0;
  /// "org:CODE/official:ID", as the audit log names them.
  [[nodiscard]] std::string actor() const;
};

/// The relations by which whoever is signed in represents organisations now.
[[nodiscard]] Result<std::vector<Relation>> representations(const Visit& visit);
/// For which organisation: the one that the form or the address names (`organisation`), or the first.
/// forbidden "web.not_official"; also while they act for another person.
[[nodiscard]] Result<Official> official(const Visit& visit);
/// The same, of a public body: a firm's or an operator's representative looks nobody up.
[[nodiscard]] Result<Official> public_official(const Visit& visit);
/// Of an organisation that identifies persons (CountryPack::identifies). forbidden "web.not_counter".
[[nodiscard]] Result<Official> identifying_official(const Visit& visit);

}  // namespace dayaq::identity::web
