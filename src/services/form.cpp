#include "services/form.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "registry/country_pack.hpp"

namespace dayaq::services {
namespace {

/// The one mobile number that somebody has now; "" for none and for several: which of them isn't known.
std::string only_phone(const Applicant& applicant) {
  std::string found;
  for (const registry::Subscription& line : applicant.facts.subscriptions) {
    if (line.kind != registry::SubscriptionKind::mobile || !line.valid.contains(applicant.now)) continue;
    if (!found.empty() && found != line.number) return {};
    found = line.number;
  }
  return found;
}

std::string name_of(const registry::Person& person) {
  if (person.given_name.empty() || person.family_name.empty()) return person.given_name + person.family_name;
  return person.given_name + " " + person.family_name;
}

std::string what_is_known(Known known, const Applicant& applicant) {
  const registry::Person& person = applicant.facts.person;
  switch (known) {
    case Known::none:
      break;
    case Known::national_id:
      return person.national_id;
    case Known::name:
      return name_of(person);
    case Known::birth:
      return format_date(person.birth);
    case Known::residence: {
      const PlaceIndex place = applicant.facts.place_at(applicant.now);
      if (place < applicant.country.places().size()) return applicant.country.place(place).code.value();
      break;
    }
    case Known::phone:
      return only_phone(applicant);
  }
  return {};
}

/// Goes through the form as somebody who answers it: what a field's condition sees is what was known or asked
/// before it, so that an answer to a question which isn't asked any more decides nothing. `visit` gets each
/// field that is asked, and gives its answer if it has one.
template <class Visit>
Answers walk(const Service& service, const Applicant& applicant, Visit&& visit) {
  Answers seen;
  for (const Field& field : service.form) {
    if (field.when && !condition_holds(*field.when, seen, applicant)) continue;
    std::string answer = what_is_known(field.known, applicant);
    if (answer.empty()) answer = visit(field);
    if (!answer.empty()) seen.insert_or_assign(field.code, std::move(answer));
  }
  return seen;
}

std::string given_for(const Field& field, const Answers& answers) {
  const auto found = answers.find(field.code);
  return found == answers.end() ? std::string() : found->second;
}

}  // namespace

std::vector<const Field*> asked(const Service& service, const Answers& answers, const Applicant& applicant) {
  std::vector<const Field*> out;
  walk(service, applicant, [&](const Field& field) {
    out.push_back(&field);
    return given_for(field, answers);
  });
  return out;
}

Answers known_answers(const Service& service, const Applicant& applicant) {
  Answers out;
  for (const Field& field : service.form) {
    std::string answer = what_is_known(field.known, applicant);
    if (!answer.empty()) out.insert_or_assign(field.code, std::move(answer));
  }
  return out;
}

std::expected<Answers, std::vector<BadAnswer>> read_answers(const Service& service, const Answers& given,
                                                            const Applicant& applicant) {
  std::vector<BadAnswer> faults;
  Answers answers = walk(service, applicant, [&](const Field& field) -> std::string {
    auto answer = read_answer(field, given_for(field, given), applicant);
    if (answer) return std::move(*answer);
    const bool passed_over = !field.required && answer.error().key == "answer_missing";
    if (!passed_over) faults.push_back(std::move(answer).error());
    return {};
  });
  if (!faults.empty()) return std::unexpected(std::move(faults));
  return answers;
}

const Field* next_question(const Service& service, const Answers& answers, const Applicant& applicant) {
  const Field* next = nullptr;
  walk(service, applicant, [&](const Field& field) {
    const auto found = answers.find(field.code);
    const bool has_answer = found != answers.end() && (!found->second.empty() || !field.required);
    if (!has_answer && next == nullptr) next = &field;
    return given_for(field, answers);
  });
  return next;
}

}  // namespace dayaq::services
