// One message read as an application for one service. @see grammar.hpp for what is forgiven.
//
// First each token is taken for what it is as a whole. Only if that leaves something unexplained are tokens
// taken apart ("15ABC123": reason and id) and together ("5AB C123"), in all ways that there are: one way that
// explains everything is the answer, two are a question.
#pragma once

#include <vector>

#include "services/sms/grammar.hpp"
#include "services/sms/script.hpp"

namespace dayaq::services::sms {

[[nodiscard]] std::variant<Requests, Question> read_application(const Grammar::Entry& service,
                                                                const registry::NationalIdRule& rule,
                                                                const std::vector<Token>& tokens);

}  // namespace dayaq::services::sms
