#include <fmt/format.h>

#include "base/text.hpp"
#include "http/encoding.hpp"
#include "registry/record.hpp"

namespace dayaq::registry {
namespace {

std::optional<Error> check(const Organisation& organisation, const CountryPack& country) {
  if (!is_code(organisation.code.value())) {
    return fail_field("registry.code", "code",
                      "A code has 1 to 64 of a-z, 0-9, _ and -, and starts with a letter or digit.")
        .error();
  }
  for (const Language language : languages) {
    const std::string& name = organisation.name.in(language);
    if (name.empty() || name.size() > 300 || !is_utf8(name)) {
      return fail_field("registry.name", "name", "A name has 1 to 300 bytes of UTF-8.").error();
    }
  }
  for (const StatusCode& status : organisation.issues) {
    if (!country.find_status(status.value())) {
      return fail_field("registry.status", "issues", fmt::format("There is no status `{}`.", status.value()))
          .error();
    }
  }
  return std::nullopt;
}

}  // namespace

Result<OrganisationIndex> record_organisation(store::Session& session, const Registry& registry,
                                              const Organisation& organisation, const std::string& actor) {
  if (auto error = check(organisation, registry.country)) return std::unexpected(*std::move(error));
  DAYAQ_TRY(const auto put, registry.organisations.put(session, organisation));
  if (!put.changed) return put.index;
  std::string issues;
  for (const StatusCode& status : organisation.issues) {
    issues.append(issues.empty() ? "" : ",").append(http::json_string(status.value()));
  }
  DAYAQ_TRY_OK(registry.log.append(
      session, {.action = "organisation.record",
                .actor = actor,
                .subject = std::nullopt,
                .data = fmt::format(R"({{"code":{},"issues":[{}],"kind":"{}","name":{}}})",
                                    http::json_string(organisation.code.value()), issues,
                                    to_string(organisation.kind), http::json_string(organisation.name.az)),
                .personal = ""}));
  return put.index;
}

Result<void> seed_organisations(store::Session& session, const Registry& registry) {
  for (const Organisation& organisation : registry.country.organisations()) {
    if (registry.organisations.find(organisation.code.value())) continue;
    DAYAQ_TRY_OK(record_organisation(session, registry, organisation, "system"));
  }
  return {};
}

}  // namespace dayaq::registry
