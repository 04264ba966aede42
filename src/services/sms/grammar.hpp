// What a message asks for: a forgiving grammar that never guesses.
//
//   message = [words] reason id | id reason | several of either | STATUS number | CANCEL number | HELP
//
// Forgiven: order, spaces, missing and odd separators, case, script (Latin, Cyrillic, Azerbaijani without its
// letters), look-alikes in an id (Cyrillic letters, O for 0, I for 1), wide and circled digits, pictures,
// quotes, greetings, endings of words and one slip in a long one, a digit pressed twice, an id written in
// pieces or glued to its reason. Not forgiven: an id that is too short or too long, a message that can be
// read in two ways. Then the one thing that is missing is asked for: a wrong permit is worse than a question.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/text.hpp"
#include "base/time.hpp"
#include "registry/country_pack.hpp"
#include "services/types.hpp"

namespace dayaq::services::sms {

inline constexpr std::size_t persons_max = 8;           ///< in one message
inline constexpr std::size_t message_bytes_max = 2048;  ///< what is longer isn't read

/// One application: for whom, and what they answer.
struct Request {
  registry::NationalId person;
  Answers answers;
};
struct Requests {
  ServiceCode service;
  std::vector<Request> of;
};

/// The one thing that is missing or wrong.
struct Question {
  enum class What : std::uint8_t {
    empty,           ///< nothing that means anything: how it is done
    service,         ///< which of several services
    person,          ///< no national id
    person_length,   ///< something like an id, of `count` characters
    person_unclear,  ///< a character of the id in `shown` may be two
    person_which,    ///< several that may be ids, or words
    answer,          ///< nothing for `field`
    answer_unknown,  ///< `shown` isn't one of `field`'s choices
    answer_several,  ///< more than one choice for one person
    separate,        ///< can be read in two ways: put spaces
    pairing,         ///< several persons and several answers: whose is which
    too_many,        ///< persons in one message
    negated,         ///< "not": what is wanted then
    number,          ///< STATUS or CANCEL without a case's number
  };
  What what = What::empty;
  ServiceCode service = {};  ///< if it is known
  std::string field = {};
  std::string shown = {};  ///< of the message, at most 16 ASCII characters: safe to say back
  int count = 0;
};
[[nodiscard]] std::string_view to_string(Question::What what);

struct Command {
  enum class What : std::uint8_t { help, status, cancel };
  What what = What::help;
  std::string number;  ///< a case's number as written; "" without one
};

struct Reading {
  Language language = Language::az;
  std::variant<Requests, Question, Command> says;
};

/// Words of the services that are offered on SMS, made once a publication; parse() is thread-safe.
class Grammar {
 public:
  /// `services`: those that are published; others than of Channel::sms are left out. Copied.
  Grammar(const std::vector<const Service*>& services, const registry::NationalIdRule& rule);
  /// Whatever the bytes are: never fails. At most some microseconds a message, a hundred for the oddest.
  /// `today`, in the country's zone, is for dates without a year.
  [[nodiscard]] Reading parse(std::string_view utf8, std::optional<Date> today = std::nullopt) const;

  struct ChoiceField {
    std::string code;
    bool required = true;
    std::map<std::string, std::string, std::less<>> words;  ///< by sound: the choice; "" if two share it
  };
  /// A question that isn't a choice. @see form_reading.hpp
  struct OpenField {
    enum class Kind : std::uint8_t { date, number, yes_no, text };
    std::string code;
    Kind kind = Kind::text;
    bool required = true;
    std::int64_t min = 0, max = 0;  ///< as the form has them
  };
  struct Entry {
    ServiceCode code;
    std::vector<std::string> words;  ///< by sound
    std::vector<ChoiceField> fields;
    std::vector<OpenField> open;     ///< empty: the message is read by reading.hpp
    std::vector<std::string> order;  ///< of all these questions, as the file has them
  };
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] const registry::NationalIdRule& rule() const { return rule_; }

 private:
  std::vector<Entry> entries_;
  registry::NationalIdRule rule_;
};

}  // namespace dayaq::services::sms
