// What kinds of organisations have in common.
#pragma once

#include "registry/types.hpp"

namespace dayaq::registry {

/// Serves the public, and may know persons for it: an agency, a hospital, a school, a university.
[[nodiscard]] constexpr bool is_public_body(OrganisationKind kind) {
  using enum OrganisationKind;
  return kind == agency || kind == hospital || kind == school || kind == university;
}

/// Has lines: of mobile phones, of the internet, of television.
[[nodiscard]] constexpr bool is_operator(OrganisationKind kind) {
  using enum OrganisationKind;
  return kind == mobile_operator || kind == internet_provider || kind == tv_operator;
}

}  // namespace dayaq::registry
