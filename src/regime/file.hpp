// The regime file: a legal mode as a lawyer writes it and a program can check it. @see docs/regime-file.md
// and the JSON Schema docs/regime.schema.json, which is served at /schemas/regime.json.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "regime/traffic.hpp"
#include "regime/types.hpp"
#include "registry/country_pack.hpp"

namespace dayaq::regime {

/// The organisations that a file may name under `from`. Wired to the registry's directory.
struct ProviderNames {
  struct Provider {
    OrganisationCode code;
    OrganisationIndex index = 0;
    registry::OrganisationKind kind = registry::OrganisationKind::agency;
  };
  std::function<std::optional<Provider>(std::string_view code)> find;
  std::function<std::vector<std::string>()> codes;  ///< all, for "did you mean"
};

/// What a file is read against. Views; the owner must outlive it.
struct FileContext {
  const registry::CountryPack& country;
  const TrafficCatalogue& traffic;
  const Zone& zone;
  ProviderNames providers;
};

/// Reads a regime file whole, or says all that is wrong with it, ordered by place. `version` of the result is
/// 1, `source` the text. Errors are of invalid_input with line, column and field; their codes are file.* (see
/// file_tree.hpp, file_reader.hpp) and
///   regime.format             `format` isn't 1
///   regime.unknown_status, regime.unknown_place, regime.unknown_organisation, regime.unknown_traffic,
///   regime.unknown_group, regime.unknown_operator, regime.unknown_benefit, regime.unknown_subscription
///   regime.cycle              a group is defined by itself
///   regime.rule               a rule with no or several operators, or larger than rule_nodes_max
///   regime.age                `from` and `under` in the wrong order
///   regime.date, regime.period   no moment; a period that is empty or outside of its regime's
///   regime.overlap            two measures of the same code in force at the same time
///   regime.quantity, regime.negative, regime.unit, regime.range   see file_quantity.hpp; a unit that doesn't
///   fit regime.benefit            keys that don't fit the kind of benefit regime.provider           an
///   organisation of a kind that can't deliver the measure
[[nodiscard]] std::expected<Regime, Errors> parse_regime(std::string_view text, const FileContext& context);

/// Reads a rule alone, as it stands under `who`. The same errors; for services and for tests.
[[nodiscard]] std::expected<Rule, Errors> parse_rule(std::string_view text, const FileContext& context);

/// The findings for a terminal: "file:line:column: field: sentence", the line itself, and a caret under the
/// place.
[[nodiscard]] std::string format_errors(const Errors& errors, std::string_view file_name,
                                        std::string_view text);

/// "voice", "messages", ... as files and the API write them.
[[nodiscard]] std::string_view to_string(BenefitKind kind);
[[nodiscard]] std::string_view to_string(QuotaPeriod period);
[[nodiscard]] std::string_view to_string(Unit unit);
[[nodiscard]] std::string_view to_string(WhenUsedUp what);
[[nodiscard]] std::string_view to_string(WhenSilent what);
[[nodiscard]] std::string_view to_string(RegimeState state);
[[nodiscard]] std::optional<RegimeState> parse_regime_state(std::string_view text);

}  // namespace dayaq::regime
