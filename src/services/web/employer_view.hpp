// An employer's lists as pages.
#pragma once

#include <string>
#include <string_view>

#include "services/cases/bulk.hpp"
#include "services/web/official.hpp"
#include "services/web/web.hpp"

namespace dayaq::services::web {

/// What is said at the top of a page that answers a form.
struct Said {
  std::string_view key;
  bool bad = false;
};

/// All lists of the organisation, and the form that sends one.
Result<http::Response> lists_page(Visit& visit, const ServicesWeb& services, const Official& who, Said said);
/// One list: as it is checked, submitted, live.
Result<http::Response> list_page(Visit& visit, const ServicesWeb& services, const Official& who,
                                 const EmployeeList& list, Said said);
/// Its live permits, some to a sheet.
Result<http::Response> print_page(Visit& visit, const ServicesWeb& services, const Official& who,
                                  const EmployeeList& list);
/// An answer of each asked field, in one line.
[[nodiscard]] std::string answers_line(const Visit& visit, const Service* service, const Answers& answers);
/// The published service of a list; null if it isn't there any more.
[[nodiscard]] ServiceHandle service_of(const ServicesWeb& services, const EmployeeList& list);

}  // namespace dayaq::services::web
