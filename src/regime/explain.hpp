// Why a measure is granted to a person at a moment, or why not and what would change it.
//
// The explanation is a structure first: the smallest set of conditions that decide. Granted: those that are
// enough. Not granted: those that would all have to change, as few as there are ways. Sentences are made of
// it in three languages, to the person ("you") or about them.
//
// Sensitive statuses are named to the person, and to an organisation that attested them or may attest them.
// To everybody else such a condition is `hidden`: that it decides is said, what it is isn't.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "regime/law.hpp"
#include "regime/rule.hpp"
#include "regime/rule_text.hpp"
#include "registry/country_pack.hpp"

namespace dayaq::regime {

/// Who gets to read the explanation.
struct Audience {
  bool the_person = false;                        ///< the person themself
  std::optional<OrganisationIndex> organisation;  ///< or this organisation's official or program
};

/// What sentences need to know of the node: its country and its organisations. Views; the owner must outlive
/// it.
struct ExplainContext {
  const registry::CountryPack& country;
  const StatusWording& wording;
  const Zone& zone;
  std::function<LocalizedText(OrganisationIndex)> organisation_name;
  std::function<std::vector<OrganisationIndex>(StatusIndex)> issuers;  ///< who may attest a status
  [[nodiscard]] CivilContext civil() const { return {.zone = zone, .places = country.places()}; }
};

/// One condition that decides, and the fact that it meets.
struct Reason {
  Rule condition;  ///< status, age, residence, subscription, a negation of one, or everyone
  bool holds = false;
  bool hidden = false;  ///< sensitive, and not for this audience: only `holds` may be told
  std::optional<registry::Attestation> attestation;    ///< status: the one that counts, or the last that did
  std::optional<registry::Subscription> subscription;  ///< subscription: the one that is held
  std::optional<Instant> changes;  ///< when this condition becomes the other way, on what is known at t
};

struct Explanation {
  enum class Outcome : std::uint8_t {
    granted,
    rule_fails,    ///< the measure is law, the person doesn't meet its rule
    not_in_force,  ///< the measure isn't law at t
    not_alive,     ///< before birth or after death
  };
  Outcome outcome = Outcome::rule_fails;
  RegimeCode regime;
  int version = 1;
  MeasureCode measure;
  Period measure_period;  ///< in which the measure is law
  /// Granted: the longest around t in which rule and law hold on what is known at t; not told if a reason is
  /// hidden.
  std::optional<Period> period;
  std::optional<Instant> starts;  ///< not granted: when it will be, on what is known at t; not told likewise
  std::vector<Reason> reasons;
  std::vector<SubscriptionKind>
      missing_lines;  ///< granted, but no line of these kinds to deliver it on, and no other
};

/// Decides and explains. `facts` may hold more than was known at t; only what was known counts.
[[nodiscard]] Explanation explain(const LawfulMeasure& measure, const registry::PersonFacts& facts, Instant t,
                                  const ExplainContext& context, const Audience& audience);

/// The sentences of an explanation.
struct ExplanationText {
  std::string headline;               ///< "You have this right until 30 December 2026 inclusive."
  std::vector<std::string> reasons;   ///< one for each Reason
  std::vector<std::string> remedies;  ///< what would change it; empty if granted
};
[[nodiscard]] ExplanationText explanation_text(const Explanation& explanation,
                                               const registry::PersonFacts& facts, Instant t,
                                               const ExplainContext& context, const Audience& audience,
                                               Language language);

/// All of it as a JSON object: outcome, period, reasons with their facts, and the sentences in the language.
[[nodiscard]] std::string explanation_json(const Explanation& explanation, const ExplanationText& text,
                                           const ExplainContext& context);

}  // namespace dayaq::regime
