// A service with a step of each kind that waits, and cases in every state of it.
#pragma once

#include <string>

#include "regime/law_test_support.hpp"
#include "services/machine.hpp"

namespace dayaq::services::test {

using namespace std::chrono_literals;

inline constexpr Instant noon = Instant(Date(std::chrono::year(2026) / 11 / 21)) + 8h;
inline constexpr OrganisationIndex provider = 3, head_office = 5;
inline constexpr std::uint64_t fee = 500;

[[nodiscard]] inline LocalizedText words(const std::string& text) {
  return {.az = text, .en = text, .ru = text};
}

/// review, payment, appointment, issue, notify.
[[nodiscard]] inline Service long_service() {
  Service out;
  out.code = ServiceCode("long");
  out.provider = provider;
  out.promised = 10 * 24h;
  out.fee_qepik = fee;
  out.appeal = true;
  out.appeal_within = 20 * 24h;
  out.form.push_back({.code = "what",
                      .kind = FieldKind::choice,
                      .choices = {{.code = "bread", .title = {"çörək", "bread", "хлеб"}, .words = {}}}});
  out.steps.push_back({.kind = Step::Kind::review, .code = "look", .within = 48h, .escalates = head_office});
  out.steps.push_back({.kind = Step::Kind::payment, .code = "fee", .within = 72h});
  out.steps.push_back({.kind = Step::Kind::appointment, .code = "come", .within = 96h, .resource = "r"});
  out.steps.push_back({.kind = Step::Kind::issue,
                       .code = "permit",
                       .permit = "pass",
                       .ends = {{.when = {}, .end = PermitEnd::lasts, .lasts = 3h}},
                       .shows = {"what"}});
  out.steps.push_back(
      {.kind = Step::Kind::notify, .code = "tell", .text = words("{number}: {what} {until} {permit}")});
  return out;
}

/// What transitions of these tests are judged with.
struct Judging {
  Judging() {
    facts.person.birth = Date(std::chrono::year(1985) / 3 / 14);
    facts.person.place = *country.find_place("AZ-BA-587084");
    facts.residences.push_back({.place = facts.person.place, .period = {}});
  }
  [[nodiscard]] Applicant applicant() const { return {.facts = facts, .country = country, .now = now}; }
  Result<Transition> apply(const Case& before, const Action& action, int events = 1) {
    const Applicant who = applicant();
    return services::apply(before, action,
                           {.service = service,
                            .applicant = who,
                            .actor = actor,
                            .events = events,
                            .regime_end = regime_end,
                            .barred = barred});
  }
  Transition begin(const Case& fresh) {
    const Applicant who = applicant();
    return services::begin(
        fresh, {.service = service, .applicant = who, .actor = actor, .events = 0, .regime_end = regime_end});
  }
  [[nodiscard]] static Case fresh() {
    Case out;
    out.id = CaseId(77);
    out.person = PersonId(9);
    out.service = ServiceCode("long");
    out.answers = {{"what", "bread"}};
    return out;
  }

  const registry::CountryPack& country = regime::test::azerbaijan().pack;
  registry::PersonFacts facts;
  Service service = long_service();
  std::string actor = "org:digital-agency/key:1";
  Instant now = noon;
  Instant regime_end = instant_max;
  Barred barred = Barred::no;
};

}  // namespace dayaq::services::test
