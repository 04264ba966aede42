// What the sources of cases share among themselves.
#pragma once

#include "services/cases/cases_rows.hpp"

namespace dayaq::services {

/// What a step is judged with, owned: Applicant and Setting are views.
struct Cases::Judged {
  registry::PersonFacts facts;
  Instant regime_end = instant_max;
};

[[nodiscard]] inline bool asks_who_it_is(const Service& service) {
  for (const Field& field : service.form) {
    if (field.known != Known::none) return true;
  }
  return false;
}

}  // namespace dayaq::services
