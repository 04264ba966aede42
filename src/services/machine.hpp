// A case's way through its service's steps, as a plain function: what stands, what somebody does, what
// follows.
//
//   begin ──► step 0 ──► step 1 ──► ... ──► granted
//               │ a verdict or an official refuses       ├─► refused ──appeal──► in_review (the provider's
//               office) │ who applied withdraws                   ├─► withdrawn └ a deadline passes └─►
//               expired, or escalated (a review)
//
// A step that waits (review, payment, appointment) leaves the case open; decide, issue and notify run at
// once, one after another. Every state that waits has a deadline. A test walks every edge.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "services/form.hpp"
#include "services/types.hpp"

namespace dayaq::services {

// What somebody does with a case.
struct Claim {};    ///< an official takes it from the queue
struct Release {};  ///< and gives it back
struct Grant {
  LocalizedText reason;
};  ///< an official; the reason may be empty
struct Refuse {
  LocalizedText reason;
};  ///< needs a reason
struct Ask {
  LocalizedText question;
};  ///< more information of who applied
struct Reply {
  Answers answers;
  std::string text;
};  ///< theirs: changed answers, or words
struct Paid {
  std::string reference;
  std::uint64_t qepik = 0;
};
struct Booked {
  Period when;
};  ///< an appointment was chosen
struct Came {};  ///< and kept
struct Withdraw {};
struct Appeal {
  LocalizedText reason;
};
struct Due {};  ///< time: its deadline has passed
struct Move {
  int version = 1;
  Answers answers;
  int step = 0;  ///< where it waits by that version: of the kind at which it waits now
};  ///< to another version of its service
using Action =
    std::variant<Claim, Release, Grant, Refuse, Ask, Reply, Paid, Booked, Came, Withdraw, Appeal, Due, Move>;
[[nodiscard]] std::string_view name_of(const Action& action);  ///< "claim"

// What follows besides the case as it stands then.
struct IssuePermit {
  const Step* step = nullptr;
  Period valid;
};
struct Notify {
  LocalizedText text;
};  ///< placeholders filled, but for {permit}, {code}, which the caller fills
struct Effects {
  std::vector<CaseEvent> events;  ///< numbered on from the case's last
  std::optional<IssuePermit> permit;
  std::vector<Notify> notices;
  bool revoke_permit = false;  ///< an appeal or an end takes back what was issued
};

struct Transition {
  Case after;
  Effects effects;
};

/// Why an official has no say in a case.
enum class Barred : std::uint8_t {
  no,
  decided_before,  ///< they decided it before it was appealed
  own,             ///< they applied themselves
};

/// What a step is judged with.
struct Setting {
  const Service& service;  ///< the case's version (Move: the version it moves to)
  const Applicant& applicant;
  const std::string& actor;
  int events = 0;                    ///< how many the case has
  Instant regime_end = instant_max;  ///< of service.ends_with; instant_min: it isn't in force
  Barred barred = Barred::no;        ///< the actor, as an official
};

/// How long who applied has for an answer to what an office asks.
inline constexpr std::chrono::days asked_within{14};

/// A permit's id follows from its case and step, so that whoever draws it again draws the same.
[[nodiscard]] PermitId permit_id(const Case& of, int step);

/// A new case, with answers that read_answers() passed: runs its first steps. `at` a moment in the civil day.
[[nodiscard]] Transition begin(const Case& fresh, const Setting& setting);

/// Of what the rules do by themselves.
inline constexpr std::string_view rules_actor = "system";

/// What follows from an action. Its first event is the actor's; what follows from that is the rules'.
///   - conflict "case.state"        the case isn't in a state in which that is done
///   - conflict "case.claimed"      another official has it
///   - forbidden "case.decided_before"  it was appealed: whoever decided it before neither claims nor decides
///   it
///   - forbidden "case.own"         nor does whoever applied
///   - invalid_input "case.reason"  a refusal or a question without words
///   - conflict "case.appealed"     once was enough, or the time for it is over
///   - forbidden "case.amount"      paid something else than the fee
[[nodiscard]] Result<Transition> apply(const Case& before, const Action& action, const Setting& setting);

}  // namespace dayaq::services
