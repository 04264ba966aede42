// A form's answers: what is asked of somebody, what they may answer, what the state knows already.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "regime/rule.hpp"
#include "registry/country_pack.hpp"
#include "services/types.hpp"

namespace dayaq::services {

/// Who applies, and when: what conditions and answers are judged by. Views; the owner must outlive it.
struct Applicant {
  const registry::PersonFacts& facts;
  const registry::CountryPack& country;
  Instant now;
  [[nodiscard]] regime::CivilContext civil() const {
    return {.zone = country.zone(), .places = country.places()};
  }
};

[[nodiscard]] bool condition_holds(const Condition& condition, const Answers& answers,
                                   const Applicant& applicant);

/// The fields that are asked, in order: those whose condition holds and that the state doesn't know.
[[nodiscard]] std::vector<const Field*> asked(const Service& service, const Answers& answers,
                                              const Applicant& applicant);

/// What the state knows for the form's fields; a field of which it knows nothing isn't there.
[[nodiscard]] Answers known_answers(const Service& service, const Applicant& applicant);

/// What is wrong with an answer: the field's code, a sentence in English, and the `key` of the text in
/// web/text/*.forms.yaml that says the same in the reader's language with `low` and `high` put in:
///   answer_missing, answer_encoding, answer_text_short, answer_text_long, answer_number,
///   answer_number_range, answer_choice, answer_yes_no, answer_date, answer_date_range, answer_place,
///   answer_place_several, answer_national_id, answer_phone, answer_document
struct BadAnswer {
  std::string field;
  std::string_view key;
  std::string sentence;
  std::string low = {};   ///< what the text names in {low}: "18", "2026-11-21", "0123..." of a national id
  std::string high = {};  ///< and in {high}
};
/// One answer in the form that its kind says: white space trimmed, a choice by its code, its words or its
/// title, digits of a phone alone with the calling code, a date from "21.11.2026" or ISO, a place by its code
/// or its name. Reading what was read gives the same.
[[nodiscard]] std::expected<std::string, BadAnswer> read_answer(const Field& field, std::string_view given,
                                                                const Applicant& applicant);

/// All of a form: answers that weren't asked are dropped, known ones put in. Every field at fault is named.
/// An answer of nothing but white space is none.
[[nodiscard]] std::expected<Answers, std::vector<BadAnswer>> read_answers(const Service& service,
                                                                          const Answers& given,
                                                                          const Applicant& applicant);

/// The first field that is asked and has no answer; null if the form is complete. An empty answer says that a
/// field which isn't required was passed over.
[[nodiscard]] const Field* next_question(const Service& service, const Answers& answers,
                                         const Applicant& applicant);

/// Answers as canonical JSON and back (for the store). internal "service.answers" for what isn't ours.
[[nodiscard]] std::string answers_json(const Answers& answers);
[[nodiscard]] Result<Answers> parse_answers(std::string_view json);

}  // namespace dayaq::services
