// Applying, one question a page: by the person, or by an official with the person beside them. The state is
// the person's draft in the store; where the pages lie and who is recorded differ.
//
//   BASE/apply           the next question, or the page that checks
//   BASE/apply/{field}   a question; POST answers it (BASE/upload/{field} one that asks for a file)
//   BASE/check           all answers, each to be changed; POST BASE/send sends, POST BASE/drop deletes
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "services/form.hpp"
#include "services/web/web.hpp"
#include "services/web/words.hpp"

namespace dayaq::services::web {

struct Applying {
  ServiceHandle handle;
  PersonId person;
  registry::PersonFacts facts;
  CaseId id;                     ///< that the case will have; 0 until the first answer is stored
  Answers answers;               ///< the draft's
  std::string base;              ///< "/services/leave-home"
  std::string leave;             ///< where the first question's way back leads
  std::string after;             ///< where a case's number is put behind, for the receipt
  std::string after_query = {};  ///< and what comes behind it
  std::string dropped;           ///< where one is after deleting the draft
  std::string sent;              ///< where those that were sent are listed
  Channel channel = Channel::web;
  std::string actor = "self";
  std::string banner = {};  ///< said on each page: for whom an official fills in
  [[nodiscard]] const Service& service() const { return handle->service; }
};

/// Reads the draft, if there is one.
Result<void> load_draft(const ServicesWeb& services, Applying& applying);

Result<http::Response> go_on(Visit& visit, const ServicesWeb& services, const Applying& applying);
Result<http::Response> show_question(Visit& visit, const ServicesWeb& services, const Applying& applying);
Result<http::Response> take_answer(Visit& visit, const ServicesWeb& services, Applying& applying);
Result<http::Response> take_file(Visit& visit, const ServicesWeb& services, Applying& applying);
Result<http::Response> show_check(Visit& visit, const ServicesWeb& services, const Applying& applying,
                                  const std::string& wrong = {});
Result<http::Response> send(Visit& visit, const ServicesWeb& services, const Applying& applying);
Result<http::Response> drop(Visit& visit, const ServicesWeb& services, const Applying& applying);

/// An answer as people read it; of a document its name.
Result<std::string> shown_answer(const Visit& visit, const ServicesWeb& services, PersonId person,
                                 const Field& field, const std::string& answer);

/// What is said beside a question that was answered badly, and the places to choose from if several fit.
struct Wrong {
  std::string words;
  std::string typed;
  std::vector<registry::PlaceIndex> places = {};
};
/// Of a document: "PDF, PNG", and the megabytes that it may have at most.
[[nodiscard]] std::string file_kinds(const Field& field);
[[nodiscard]] std::string file_size_words(const Visit& visit, const Field& field);
/// Fills "apply_question.html" with one question. (apply_view.cpp)
Result<void> fill_question(Visit& visit, const ServicesWeb& services, const Applying& applying,
                           portal::View& view, const Field& field, const std::string& value,
                           const std::optional<Wrong>& wrong);
/// The settlements whose name begins with what was typed, whatever its case and diacritics, the larger first;
/// those with just that name before all others.
[[nodiscard]] std::vector<registry::PlaceIndex> places_like(const registry::CountryPack& country,
                                                            std::string_view typed, std::size_t most);

}  // namespace dayaq::services::web
