// One message read as an application for a service that asks for more than choices: dates, numbers, yes or
// no, a short text, besides who it is for.
//
//   message = [words] id, and in whatever order the answers: a date by its form, choices by their words,
//   digits in the
//             order of the service's file, and what is left is the text
//
// One person a message. What can't be told apart is asked for: one thing at a time, the first that is missing
// in the order of the file.
#pragma once

#include <optional>
#include <vector>

#include "base/time.hpp"
#include "services/sms/grammar.hpp"
#include "services/sms/script.hpp"

namespace dayaq::services::sms {

/// `today`, in the country's zone: of dates without a year, and of "tomorrow"; without it these are asked
/// for.
[[nodiscard]] std::variant<Requests, Question> read_form(const Grammar::Entry& service,
                                                         const registry::NationalIdRule& rule,
                                                         const std::vector<Token>& tokens,
                                                         std::optional<Date> today);

}  // namespace dayaq::services::sms
