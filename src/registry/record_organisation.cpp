#include <fmt/format.h>

#include "base/text.hpp"
#include "http/encoding.hpp"
#include "registry/record.hpp"

namespace dayaq::registry {
namespace {

std::optional<Error> check(const Organisation& organisation, const CountryPack& country) {
  const auto refused = [](std::string_view code, std::string field, std::string text) {
    return Error{ErrorKind::invalid_input, code, std::move(text), {}, std::move(field), 0, 0};
  };
  if (!is_code(organisation.code.value())) {
    return refused("registry.code", "code",
                   "A code has 1 to 64 of a-z, 0-9, _ and -, and starts with a letter or digit.");
  }
  for (const Language language : languages) {
    const std::string& name = organisation.name.in(language);
    if (name.empty() || name.size() > 300 || !is_utf8(name)) {
      return refused("registry.name", "name", "A name has 1 to 300 bytes of UTF-8.");
    }
  }
  for (const StatusCode& status : organisation.issues) {
    if (!country.find_status(status.value())) {
      return refused("registry.status", "issues", fmt::format("There is no status `{}`.", status.value()));
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
