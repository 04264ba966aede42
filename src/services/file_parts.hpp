// What the readers of a service file's parts share. @see file.hpp
#pragma once

#include <chrono>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "regime/file.hpp"
#include "regime/file_reader.hpp"
#include "regime/file_rule.hpp"
#include "services/file.hpp"
#include "services/types.hpp"

namespace dayaq::services {

using regime::At;

inline constexpr std::size_t title_max = 300, prose_max = 4000;  ///< bytes in one language
inline constexpr std::size_t fields_max = 60, choices_max = 100, steps_max = 30, verdicts_max = 30;

/// "30 min", "3 h", "5 days", "2 weeks": at most ten years. invalid_input "service.duration".
[[nodiscard]] Result<std::chrono::seconds> parse_duration(std::string_view text);

/// The names in braces in a text: "{number}" -> "number".
[[nodiscard]] std::vector<std::string> placeholders_in(std::string_view text);

/// One file being read: its findings, its groups, what it is read against.
class FileParts {
 public:
  FileParts(Errors& errors, const regime::FileContext& against, const NamedElsewhere& named)
      : reader(errors), rules(errors, against), context(against), elsewhere(named) {}

  /// A list that isn't longer than `most`: "file.size".
  std::vector<At> items(const At& at, std::size_t most);
  /// One of `words`, by its place in them: `code` and "did you mean" if it is none.
  std::optional<std::size_t> word(const At& at, const std::vector<std::string>& words, std::string_view code,
                                  std::string_view what);
  /// A duration of more than nothing.
  std::optional<std::chrono::seconds> duration(const At& at);
  /// An organisation by its code: "regime.unknown_organisation".
  std::optional<regime::ProviderNames::Provider> organisation(const At& at);
  /// A code of something that must be among those that `known` says; "" else.
  std::string named(const At& at, const std::function<std::vector<std::string>()>& known,
                    std::string_view code, std::string_view what);
  /// Says that a key doesn't fit, "service.key", for each of `keys` that is there.
  void refuse(const At& at, std::initializer_list<std::string_view> keys, std::string_view of);
  /// Reads a condition; what it says of answers is held to `fields`.
  Condition condition(const At& at, const std::vector<Field>& fields);

  regime::TreeReader reader;
  regime::RuleReader rules;
  const regime::FileContext& context;
  const NamedElsewhere& elsewhere;

 private:
  Condition condition_node(const At& at, const std::vector<Field>& fields, int depth);
  Condition answer(const At& at, const std::vector<Field>& fields);
  const Field* field_of(const At& at, std::string_view code, const std::vector<Field>& fields);
  std::size_t condition_nodes_ = 0;
};

[[nodiscard]] std::vector<Field> read_form(FileParts& parts, const At& at);
/// Steps with what they need of the service: its form, fee and what it ends with.
[[nodiscard]] std::vector<Step> read_steps(FileParts& parts, const At& at, const Service& service);
/// Words that begin a message, and the order of what stands in it.
void read_sms(FileParts& parts, const At& at, Service& service);

}  // namespace dayaq::services
