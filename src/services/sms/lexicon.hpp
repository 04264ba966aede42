// Words that stand in messages and mean nothing to the grammar but their language, and those that mean
// something whatever the service.
#pragma once

#include <optional>
#include <string_view>

#include "base/text.hpp"

namespace dayaq::services::sms {

enum class Meaning : unsigned char {
  filler,    ///< a greeting, "please", "for": nothing
  id_word,   ///< "FIN": what follows is one
  reason,    ///< "reason": what follows is one
  serial,    ///< "AZE": the serial of a card follows, which isn't asked for
  hour,      ///< a number beside it is a time
  address,   ///< a number after it is of a house
  phone,     ///< what follows is a telephone number
  negation,  ///< "not": whatever was understood may be its opposite
  ordinal,   ///< "-ci": the number before it is meant
  help,
  status,
  cancel,
};

struct KnownWord {
  Meaning meaning = Meaning::filler;
  std::optional<Language> language;  ///< that it gives away
};

/// By sound (script.hpp). nullopt for a word that isn't known.
[[nodiscard]] std::optional<KnownWord> known_word(std::string_view sound);

}  // namespace dayaq::services::sms
