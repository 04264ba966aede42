// What each token of a message is, taken as a whole and by what stands beside it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "services/sms/grammar.hpp"
#include "services/sms/lexicon.hpp"
#include "services/sms/script.hpp"

namespace dayaq::services::sms {

struct Taken {
  enum class As : std::uint8_t {
    nothing,      ///< a known word, a time, a telephone number
    unknown,      ///< letters that aren't known
    unexplained,  ///< digits that mean nothing here
    person,       ///< a national id with letters and digits
    maybe,        ///< one of letters or digits alone: a word or a number may look so
    choice,
  };
  As as = As::nothing;
  int field = 0;       ///< choice: index of the service's field
  std::string choice;  ///< its code
  bool known = false;  ///< a word of the lexicon
  std::optional<Meaning> meaning;
};

/// The choice that a word stands for: exactly, with an ending, or (`slips`) with one slip in a long word.
struct Chosen {
  int field = 0;
  std::string choice;
};
[[nodiscard]] std::optional<Chosen> choice_of(const Grammar::Entry& service, std::string_view sound,
                                              bool slips);
/// The same of digits: also 01 for 1, and 11 for 1.
[[nodiscard]] std::optional<Chosen> choice_of_digits(const Grammar::Entry& service, std::string_view digits);

[[nodiscard]] std::vector<Taken> take(const Grammar::Entry& service, const registry::NationalIdRule& rule,
                                      const std::vector<Token>& tokens);

}  // namespace dayaq::services::sms
