// What several pages of e-services say in the same words.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "portal/site.hpp"
#include "services/cases/book.hpp"
#include "services/form.hpp"
#include "services/types.hpp"
#include "services/web/web.hpp"

namespace dayaq::services::web {

/// "at once", "within 3 hours".
[[nodiscard]] std::string promise_words(const portal::Format& format, std::chrono::seconds promised);
/// Who may apply, as a sentence.
[[nodiscard]] std::string who_words(const Visit& visit, const Service& service);
/// "free", "12,50 ₼".
[[nodiscard]] std::string fee_words(const portal::Format& format, std::uint64_t qepik);
/// "at most 1 a day".
[[nodiscard]] std::string limit_words(const portal::Format& format, const Limit& limit);
/// An answer as people read it: titles for codes, names for places.
[[nodiscard]] std::string answer_words(const portal::Format& format, const registry::CountryPack& country,
                                       const Field& field, std::string_view answer);
/// "name", "place of residence": what the state knows.
[[nodiscard]] std::string_view known_key(Known known);
/// The text and tone (a class of .tag and .note) of where a case stands.
[[nodiscard]] std::string_view state_key(CaseState state);
[[nodiscard]] std::string_view state_tone(CaseState state);
/// What a receipt says first.
[[nodiscard]] std::string_view sent_key(CaseState state);
/// Adds services.css to the page.
portal::View& service_content(Visit& visit, std::string file);

/// The page that says why something can't be done, in the reader's language.
[[nodiscard]] http::Response refuse(Visit& visit, const Error& error);
/// Why one may not apply once more, and from when one may.
[[nodiscard]] std::string limit_reached_words(const Visit& visit, const LimitReached& reached);
/// The text of an error of services and cases; "" if the digital ID's pages have one or nobody has.
[[nodiscard]] std::string service_error_words(const Visit& visit, const Error& error);

/// Whose applications the pages are about, and in which role: "self", or "representative" of somebody else.
struct Subject {
  PersonId person;
  std::string actor = "self";
};
[[nodiscard]] Subject subject_of(const Visit& visit);
/// All that is known of them. Of somebody else the reading goes on record.
Result<registry::PersonFacts> facts_of(Visit& visit, const ServicesWeb& services, const Subject& subject);

/// Why a service can't be begun now; nothing of it holds if it can.
struct Closed {
  bool suspended = false;
  bool no_regime = false;
  bool not_entitled = false;
  [[nodiscard]] bool any() const { return suspended || no_regime || not_entitled; }
};
/// `facts` null: nobody is signed in.
[[nodiscard]] Closed closed_for(const ServicesWeb& services, const ServiceVersion& version,
                                const registry::PersonFacts* facts, Instant now);
/// A regime's title, or its code if it isn't law.
[[nodiscard]] std::string regime_title(const Visit& visit, std::string_view code);

}  // namespace dayaq::services::web
