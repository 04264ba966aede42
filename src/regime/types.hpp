// The regime room's nouns: rules, benefits, measures, regimes, grants.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "registry/types.hpp"

namespace dayaq::regime {

using registry::OrganisationIndex;
using registry::PlaceIndex;
using registry::StatusIndex;
using registry::SubscriptionKind;

/// A predicate over a person: statuses, age, residence and subscriptions. In YAML:
///   all: [ {status: pensioner}, {not: {residence: AZ-BA}}, {age: {from: 18, under: 65}} ]
///   any: [...]    status: CODE or [CODES]    residence: CODE or [CODES]    subscription: mobile|fixed|tv
///   everyone: true
struct Rule {
  enum class Kind : std::uint8_t { all, any, negation, status, age, residence, subscription, everyone };
  Kind kind = Kind::everyone;
  std::vector<Rule> children;         ///< all, any: one or more; negation: one
  std::vector<StatusIndex> statuses;  ///< status: any of these stands
  std::vector<PlaceIndex> places;     ///< residence: in any of these districts or settlements
  int age_from = 0;                   ///< age: age_from <= completed years < age_under, in the country's zone
  int age_under = 200;
  SubscriptionKind subscription = SubscriptionKind::mobile;
  friend bool operator==(const Rule&, const Rule&) = default;
};

enum class BenefitKind : std::uint8_t { voice, messages, data, tv, deferral, discount, room };
enum class Unit : std::uint8_t { none, seconds, messages, octets, qepik, percent };
enum class QuotaPeriod : std::uint8_t { day, week, month, regime };
/// What follows a quota that is used up: the operator's own charging, or limited service without a cut-off.
enum class WhenUsedUp : std::uint8_t { charge, limited };
/// What an operator's edge does when it can't know how much is left: nothing beyond what is certain, or go on
/// up to a bound.
enum class WhenSilent : std::uint8_t { close, open };

/// What a measure gives. A quota of nullopt is "without limit". In YAML quantities carry units: `300 min`, `2
/// GB`.
struct Benefit {
  BenefitKind kind = BenefitKind::voice;
  TrafficClassCode traffic_class;      ///< data: a class of traffic.yaml; tv: a package of it; else empty
  std::optional<std::uint64_t> quota;  ///< in `unit`, per subscription (room, discount, deferral: per person)
  Unit unit = Unit::none;              ///< voice seconds, messages messages, data octets, tv none, ...
  QuotaPeriod quota_period = QuotaPeriod::month;
  std::uint8_t delivered_on = 0;  ///< bit set by SubscriptionKind; 0: to the person (room, discount)
  int percent = 100;              ///< of the price that the measure takes over: 100 is free
  WhenUsedUp when_used_up = WhenUsedUp::charge;
  WhenSilent when_silent = WhenSilent::open;
  std::uint64_t open_bound = 0;  ///< in `unit`, per subscription, quota period and edge; close, tv, ...: 0
  /// What the state pays: qepik (1/100 manat) per `cost_per` units (per minute, MB, month of tv...), and how
  /// much an average beneficiary uses a month, so that a preview can say what it would cost.
  std::uint64_t cost_qepik = 0;
  std::uint64_t cost_per = 1;      ///< in `unit`; for unit none: per month
  std::uint64_t expected_use = 0;  ///< units per beneficiary and month; 0: as much as the quota
  LocalizedText assumption;        ///< where cost and expected use come from, for who reads the preview
};

/// *Who* gets *what* from *whom*, how much, how long.
struct Measure {
  MeasureCode code;
  LocalizedText title;
  LocalizedText legal_basis;
  Rule who;
  std::vector<Benefit> benefits;  ///< one or more
  std::vector<OrganisationIndex>
      providers;  ///< from whom: operators or providers; empty: all of the fitting kind
  Period period;  ///< within the regime's
};

enum class RegimeState : std::uint8_t { draft, submitted, approved, ended };

/// A declared legal mode. One version of it; an amendment is a new version, the old one is kept.
struct Regime {
  RegimeCode code;
  int version = 1;
  LocalizedText title;
  LocalizedText summary;
  std::vector<PlaceIndex> territory;  ///< districts or settlements; empty: the whole country
  Period period;
  std::vector<Measure> measures;
  std::string source;  ///< the file as it was uploaded
};

/// A version's way through the offices. It is law from its approval or its own start, whichever is later,
/// until `superseded`.
struct RegimeVersion {
  Regime regime;
  RegimeState state = RegimeState::draft;
  std::string submitted_by;  ///< actor
  Instant submitted;
  std::string approved_by;  ///< another actor
  Instant approved = instant_max;
  Instant superseded = instant_max;  ///< when the next version becomes law, or it is ended or withdrawn
  std::string ended_by;              ///< actor, if it was ended before its time
  Instant ended = instant_max;       ///< when they decided so
  /// In which this version is law; empty for one that never was.
  [[nodiscard]] Period in_force() const {
    return {.from = std::max(approved, regime.period.from),
            .until = std::min(superseded, regime.period.until)};
  }
};

/// One measure in force for one person or subscription: derived, never typed in.
struct Grant {
  RegimeCode regime;
  int version = 1;
  MeasureCode measure;
  Period period;  ///< the longest around t in which rule and law hold on what is known at t
};

/// On which kinds of subscription a benefit is delivered unless its file says otherwise (`lines: [mobile]`),
/// as a bit set: voice and messages on mobile, data on mobile and fixed, tv on tv, deferral on all three,
/// room and discount 0.
[[nodiscard]] std::uint8_t usual_delivery(BenefitKind kind);

/// How far an edge goes on in silence unless the file says otherwise, in the kind's unit: 10 minutes, 10
/// messages, 100 MB; 0 for what edges don't count.
[[nodiscard]] std::uint64_t usual_open_bound(BenefitKind kind);

}  // namespace dayaq::regime
