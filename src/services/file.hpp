// The service file: an e-service as a ministry writes it. @see docs/service-file.md and the JSON Schema
// docs/service.schema.json, which is served at /schemas/service.json.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "regime/file.hpp"
#include "services/types.hpp"

namespace dayaq::services {

/// What a file names that stands neither in it nor in the country pack: codes of all there are, also of what
/// waits for approval. An empty function: nobody knows, and it isn't asked.
struct NamedElsewhere {
  std::function<std::vector<std::string>()> regimes;    ///< of `ends_with`: "service.unknown_regime"
  std::function<std::vector<std::string>()> calendars;  ///< of `resource`: "service.unknown_calendar"
};

/// Reads a service file whole, or says all that is wrong with it, ordered by place. `version` of the result
/// is 1, `source` the text. Errors are of invalid_input with line, column and field; their codes are file.*,
/// regime.unknown_* (what is named isn't there) and service.* (catalogued in docs/errors.md).
[[nodiscard]] std::expected<Service, Errors> parse_service(std::string_view text,
                                                           const regime::FileContext& context,
                                                           const NamedElsewhere& elsewhere = {});

/// What a writer should look at though it isn't wrong: long sentences, abbreviations that nobody explains,
/// texts that lack a language, questions without help. Each with line, column and field.
[[nodiscard]] Errors review_texts(std::string_view text, const Service& service);

}  // namespace dayaq::services
