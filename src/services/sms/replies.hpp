// What is answered, in the sender's language. Azerbaijani and English keep to the GSM alphabet, so that 160
// characters are one message; Russian is Cyrillic, 70 a message. A refusal says nothing of the person: the
// phone may be anybody's.
#pragma once

#include <string>
#include <string_view>

#include "base/text.hpp"
#include "services/sms/grammar.hpp"
#include "services/types.hpp"

namespace dayaq::services::sms {

/// Of the service, where it is known, for the example; null otherwise.
[[nodiscard]] std::string question_text(Language language, const Question& question, const Service* service);
[[nodiscard]] std::string help_text(Language language, const Service* service);

/// `answer`: what the permit is for, as short as people write it; `until` in the country's time.
[[nodiscard]] std::string granted_text(Language language, std::string_view person, std::string_view answer,
                                       std::string_view until, std::string_view number);
/// The same without a permit: a certificate, an appointment.
[[nodiscard]] std::string done_text(Language language, std::string_view person, std::string_view number);
[[nodiscard]] std::string waiting_text(Language language, std::string_view person, std::string_view number,
                                       std::string_view promised);
[[nodiscard]] std::string refused_text(Language language, std::string_view person);
/// `again`: from when a new one is possible; "" if nobody can say.
[[nodiscard]] std::string already_text(Language language, std::string_view person, std::string_view again);
[[nodiscard]] std::string unknown_person_text(Language language, std::string_view person);
[[nodiscard]] std::string not_in_force_text(Language language);
[[nodiscard]] std::string closed_text(Language language, const LocalizedText& because);
/// More is asked than a message can hold.
[[nodiscard]] std::string elsewhere_text(Language language, std::string_view person);
[[nodiscard]] std::string too_many_messages_text(Language language);
[[nodiscard]] std::string too_many_persons_text(Language language, std::string_view person);

[[nodiscard]] std::string status_text(Language language, const Case& stands, std::string_view number,
                                      std::string_view until);
[[nodiscard]] std::string unknown_number_text(Language language);
[[nodiscard]] std::string cancelled_text(Language language, std::string_view number);
[[nodiscard]] std::string too_late_to_cancel_text(Language language, std::string_view number);

/// "21.11 18:04" of Zone::format_local's "2026-11-21 18:04".
[[nodiscard]] std::string short_time(std::string_view local);

}  // namespace dayaq::services::sms
