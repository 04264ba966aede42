// The services room's nouns: a service as its file defines it, a case, a permit.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "http/principal.hpp"
#include "regime/types.hpp"

namespace dayaq::services {

using ServiceCode = Code<struct ServiceTag>;
using CaseId =
    Id64<struct CaseTag>;  ///< 1 .. 2^55-1, chosen by who submits, so that a retry is the same case
using PermitId =
    Id64<struct PermitTag>;  ///< drawn from the case's id and the step's number: a retry draws it again
using registry::OrganisationIndex;
using registry::PlaceIndex;

/// Through which a case came, or what a service is offered on; also as a bit set.
enum class Channel : std::uint8_t { web, sms, counter, bulk };
[[nodiscard]] std::string_view to_string(Channel channel);  ///< "web"
[[nodiscard]] std::optional<Channel> parse_channel(std::string_view text);

// --- the form

enum class FieldKind : std::uint8_t {
  text,
  number,       ///< whole
  choice,       ///< one of `choices`
  choices,      ///< one or more of them; an answer is their codes, separated by a space
  yes_no,       ///< "yes" or "no"
  date,         ///< "2026-11-21"
  place,        ///< a settlement's code
  national_id,  ///< of anybody
  phone,        ///< digits with the country's calling code
  document,     ///< an attachment's id in hexadecimal
};

[[nodiscard]] std::string_view to_string(FieldKind kind);  ///< "yes_no"
[[nodiscard]] std::optional<FieldKind> parse_field_kind(std::string_view text);

/// What the state knows already of who applies: shown, and not asked again.
enum class Known : std::uint8_t { none, national_id, name, birth, residence, phone };
[[nodiscard]] std::string_view to_string(Known known);

struct Choice {
  std::string code;
  LocalizedText title;
  std::vector<std::string> words;  ///< what people write for it in a message: "1", "market", "bazar"
};

/// On earlier answers and on who applies.
struct Condition {
  enum class Kind : std::uint8_t {
    all,
    any,
    negation,
    answer,      ///< `field` has one of `values`; without values: is answered
    rule,        ///< the rule holds for who applies
    place_kind,  ///< their residence is of one of these kinds ("village", "town", "city")
  };
  Kind kind = Kind::all;            ///< `all` of nothing: always
  std::vector<Condition> children;  ///< all, any: some; negation: one
  std::string field;                ///< answer
  std::vector<std::string> values;  ///< answer, place_kind
  regime::Rule rule;                ///< rule
  friend bool operator==(const Condition&, const Condition&) = default;
};

struct Field {
  std::string code;
  FieldKind kind = FieldKind::text;
  LocalizedText title;  ///< the question
  LocalizedText help;   ///< beside it; may be empty
  bool required = true;
  std::optional<Condition> when;  ///< asked only then
  Known known = Known::none;
  std::vector<Choice> choices;
  std::int64_t min = 0;  ///< number: the value; text: characters; date: days from today (negative: before)
  std::int64_t max = 0;  ///< the same
  std::vector<std::string> types;  ///< document: "pdf", "jpeg", "png"
  std::uint64_t bytes_max = 0;     ///< document
};

/// By field code; text in the form that FieldKind says. A field without an answer isn't there.
using Answers = std::map<std::string, std::string, std::less<>>;

// --- the steps

enum class Outcome : std::uint8_t { grant, refuse, review };
[[nodiscard]] std::string_view to_string(Outcome outcome);

/// The first whose condition holds decides.
struct Verdict {
  Condition when;
  Outcome outcome = Outcome::grant;
  LocalizedText reason;  ///< in words, to who applied: "You must stay at home until ..."
};

enum class PermitEnd : std::uint8_t {
  lasts,   ///< `lasts` after it begins
  day,     ///< with the civil day
  regime,  ///< with `ends_with`; `lasts` at most
};

struct PermitRule {
  Condition when;  ///< the first that holds; a file's last has none
  PermitEnd end = PermitEnd::lasts;
  std::chrono::seconds lasts{0};
};

struct Step {
  enum class Kind : std::uint8_t {
    decide,       ///< by `verdicts`, at once
    review,       ///< an official of `office` decides, within `within`
    payment,      ///< of the service's fee
    appointment,  ///< at a resource of `resource`
    issue,        ///< a permit of `permit`
    notify,       ///< `text` to who applied
  };
  Kind kind = Kind::decide;
  std::string code;  ///< of the step within its service
  LocalizedText title;
  std::vector<Verdict> verdicts;            ///< decide; if none holds: grant
  std::optional<OrganisationIndex> office;  ///< review; none: the service's provider
  std::chrono::seconds within{0};  ///< review: then it escalates; payment, appointment: then it expires
  std::optional<OrganisationIndex> escalates;  ///< review: to whom; none: shown as late
  std::string resource;                        ///< appointment: code of the calendar
  std::string permit;                          ///< issue: code of the permit's kind
  std::vector<PermitRule> ends;                ///< issue
  std::vector<std::string> shows;              ///< issue: fields whose answers stand in the permit
  LocalizedText text;                          ///< notify: {number}, {until}, {permit}, {field} are put in
};
[[nodiscard]] std::string_view to_string(Step::Kind kind);  ///< "decide"

enum class Per : std::uint8_t { day, week, month, year, ever };
[[nodiscard]] std::string_view to_string(Per per);

/// How often somebody may be granted it. Days, weeks (from Monday) and months are the country's.
struct Limit {
  int at_most = 1;
  Per per = Per::day;
  bool open_only = false;  ///< counts cases that are open, whatever `per` says
};

/// One version of a service, as a file defines it.
struct Service {
  ServiceCode code;
  int version = 1;
  LocalizedText title;
  LocalizedText summary;
  LocalizedText legal_basis;
  OrganisationIndex provider = 0;
  regime::Rule who;                                  ///< who may apply
  LocalizedText who_text;                            ///< said to who may not; may be empty
  http::Assurance assurance = http::Assurance::low;  ///< that a session must have
  std::uint8_t channels = 0;                         ///< bit set by Channel
  std::chrono::seconds promised{0};                  ///< an answer within
  std::uint64_t fee_qepik = 0;
  std::vector<Limit> limits;
  std::string ends_with;  ///< a regime: with its end no case begins and permits end; "" for none
  bool for_employees =
      false;           ///< an organisation applies for many (bulk); permits end when the regime changes
  bool appeal = true;  ///< a refusal may be appealed, once
  std::chrono::seconds appeal_within{0};
  std::vector<Field> form;
  std::vector<Step> steps;
  std::vector<std::string>
      sms_words;  ///< what a message begins with; empty: the number alone chooses the service
  std::vector<std::string> sms_order;  ///< fields in the order of a message: national_id, reason, ...
  /// Fields of earlier versions by their name in this one; "" is dropped. A running case of a version that
  /// isn't named here finishes under its own.
  std::map<int, std::map<std::string, std::string>> moves;
  std::string source;  ///< the file as it was uploaded
  [[nodiscard]] bool on(Channel channel) const { return (channels >> unsigned(channel) & 1u) != 0; }
  [[nodiscard]] const Field* find(std::string_view field) const;
};

// --- a case

enum class CaseState : std::uint8_t {
  in_review,    ///< an office has it
  more_asked,   ///< who applied is asked something
  payment,      ///< it waits for money
  appointment,  ///< it waits for a time to be chosen or to come
  granted,
  refused,
  withdrawn,
  expired,  ///< nobody paid, came or answered in time
};
[[nodiscard]] std::string_view to_string(CaseState state);
[[nodiscard]] std::optional<CaseState> parse_case_state(std::string_view text);
[[nodiscard]] constexpr bool is_open(CaseState state) {
  return state < CaseState::granted;
}

/// One person's application for a service, as it stands.
struct Case {
  CaseId id;
  PersonId person;  ///< whom it is for
  ServiceCode service;
  int version = 1;
  Channel channel = Channel::web;
  CaseState state = CaseState::in_review;
  int step = 0;      ///< index of the step that it waits at, or ended at
  int revision = 1;  ///< counts changes; who acts names the one that they saw
  Instant submitted;
  Instant promised;  ///< by when an answer was promised
  Instant decided = instant_max;
  Instant due = instant_max;                ///< when its step escalates or expires
  std::optional<OrganisationIndex> office;  ///< whose queue it is in
  std::string claimed_by;                   ///< actor; "" while nobody has it
  bool escalated = false;
  int appeals = 0;
  Answers answers;
  LocalizedText reason;  ///< of its outcome or of what is asked
  PermitId permit;       ///< 0: none
};

/// What happened to a case, oldest first.
struct CaseEvent {
  int number = 1;
  Instant at;
  std::string what;   ///< "submitted", "granted", "claimed", "asked", ...: catalogued in docs/services.md
  std::string actor;  ///< as in the audit log
  LocalizedText note;
};

struct Permit {
  PermitId id;
  PersonId person;
  CaseId case_id;
  ServiceCode service;
  std::string kind;
  Period valid;
  Instant revoked = instant_max;
  std::string token;  ///< the signed CWT, its bytes; @see services/permit/token.hpp
};

/// A case's number as people read it: "K7M2-9QXF-3DR5": 12 letters of Crockford's alphabet, the last a check.
[[nodiscard]] std::string case_number(CaseId id);
/// Forgiving: case, spaces, dashes, O for 0, I and L for 1. nullopt if the check doesn't fit.
[[nodiscard]] std::optional<CaseId> parse_case_number(std::string_view text);

}  // namespace dayaq::services
