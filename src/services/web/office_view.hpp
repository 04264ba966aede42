// What the office's, the ministry's and the employer's pages share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "services/web/official.hpp"
#include "services/web/web.hpp"

namespace dayaq::services::web {

/// ORGANISATION and CODE: whose page it is.
void set_organisation(const Visit& visit, portal::View& view, const Official& who);
/// NOTE with WORDS and its tone under `tone_name`; nothing for an empty key.
void add_note(const Visit& visit, portal::View& view, std::string_view key, bool bad,
              const char* tone_name = "TONE");
/// A row of a list of facts, at `section`: NAME and VALUE.
void add_fact(portal::View& view, const char* section, const std::string& name, const std::string& value);
/// A page's address with the organisation: "/office/cases?organisation=tabib".
[[nodiscard]] std::string office_path(std::string_view path, const Official& who);
/// The text that an official is told of an error; "" if the page can't go on with it.
[[nodiscard]] std::string_view office_error_key(const Error& error);
/// What a user sees of a case's state, and in which tone.
[[nodiscard]] std::string_view office_state_key(CaseState state);
[[nodiscard]] std::string_view office_state_tone(CaseState state);
[[nodiscard]] std::string_view channel_key(Channel channel);
/// The service's title; its code if that version isn't there.
[[nodiscard]] std::string service_title(const Visit& visit, const ServiceBook& book, const ServiceCode& code,
                                        int version);
/// An answer as its reader sees it: a choice's title, "yes", a date, a place's name. Not for documents.
[[nodiscard]] std::string answer_text(const Visit& visit, const Field& field, const std::string& answer);
/// "You", "somebody else of this organisation", "the system", another organisation's name.
[[nodiscard]] std::string actor_text(const Visit& visit, const Official& who, const std::string& actor);

/// Reasons to choose from, in three languages: those of the service's own rules, and general ones.
struct Suggestion {
  std::string value;
  LocalizedText text;
};
[[nodiscard]] std::vector<Suggestion> suggestions(const Visit& visit, const Service& service);
/// What the form says: its own words, or the suggestion that was chosen.
[[nodiscard]] LocalizedText stated_reason(const Visit& visit, const Service* service);

}  // namespace dayaq::services::web
