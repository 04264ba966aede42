#include "services/machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/replace.hpp"
#include "base/siphash.hpp"

namespace dayaq::services {
namespace {

using Kind = Step::Kind;

/// What a review has if its file names no time: an office without a deadline would be one that nobody
/// notices.
constexpr std::chrono::days review_within_usual{3};
/// After an appointment's time, for the office to say that somebody came.
constexpr std::chrono::days came_within{1};

bool wordless(const LocalizedText& text) {
  return text.az.empty() && text.en.empty() && text.ru.empty();
}

LocalizedText same_in_all(std::string text) {
  return {.az = text, .en = text, .ru = text};
}

std::unexpected<Error> wrong_state(std::string_view what) {
  return fail(ErrorKind::conflict, "case.state",
              fmt::format("The application isn't where this can be done ({}). Read it again.", what));
}

/// Puts `value` in for each `{name}` of a text.
void put_in(std::string& text, std::string_view name, std::string_view value) {
  replace_all(text, fmt::format("{{{}}}", name), value);
}

/// An answer as people read it.
LocalizedText shown(const Field& field, const std::string& answer) {
  if (field.kind != FieldKind::choice && field.kind != FieldKind::choices) return same_in_all(answer);
  LocalizedText out;
  for (std::string_view rest = answer; !rest.empty();) {
    const std::string_view code = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(code.size() + 1, rest.size()));
    const auto choice = std::ranges::find(field.choices, code, &Choice::code);
    const LocalizedText title =
        choice == field.choices.end() ? same_in_all(std::string(code)) : choice->title;
    for (const auto part : {&LocalizedText::az, &LocalizedText::en, &LocalizedText::ru}) {
      if (!(out.*part).empty()) out.*part += ", ";
      out.*part += title.*part;
    }
  }
  return out;
}

/// One transition in the making.
class Walk {
 public:
  Walk(const Case& before, const Setting& setting)
      : with_(setting), transition_{.after = before, .effects = {}} {}

  [[nodiscard]] Case& now() { return transition_.after; }
  [[nodiscard]] Effects& effects() { return transition_.effects; }
  [[nodiscard]] Instant at() const { return with_.applicant.now; }
  [[nodiscard]] const Service& service() const { return with_.service; }
  [[nodiscard]] const std::string& actor() const { return with_.actor; }
  [[nodiscard]] Barred barred() const { return with_.barred; }
  Transition take() { return std::move(transition_); }

  void event(std::string_view what, LocalizedText note = {}) {
    effects().events.push_back({.number = with_.events + int(effects().events.size()) + 1,
                                .at = at(),
                                .what = std::string(what),
                                .actor = effects().events.empty() ? with_.actor : std::string(rules_actor),
                                .note = std::move(note)});
  }

  /// Takes the case off whoever has it, as it leaves the step.
  void leave() {
    Case& c = now();
    c.due = instant_max;
    c.office = std::nullopt;
    c.claimed_by.clear();
    c.escalated = false;
  }

  void wait_for_review(OrganisationIndex office, std::chrono::seconds within) {
    leave();
    now().state = CaseState::in_review;
    now().office = office;
    now().due = at() + within;
  }

  /// How long an office has at the step where the case is.
  [[nodiscard]] std::chrono::seconds review_within() const {
    const Step* step = here();
    if (step != nullptr && step->kind == Kind::review && step->within > std::chrono::seconds(0)) {
      return step->within;
    }
    return service().promised > std::chrono::seconds(0) ? service().promised : review_within_usual;
  }
  [[nodiscard]] const Step* here() const {
    const auto index = std::size_t(transition_.after.step);
    return index < service().steps.size() ? &service().steps[index] : nullptr;
  }

  /// The steps from `step` on, until one waits or nothing is left.
  void run(std::size_t step) {
    const std::vector<Step>& steps = service().steps;
    for (; step < steps.size(); ++step) {
      now().step = int(step);
      switch (steps[step].kind) {
        case Kind::decide:
          if (!decide(step)) return;
          break;
        case Kind::review:
          return review(steps[step]);
        case Kind::payment:
          if (service().fee_qepik == 0) break;
          return wait(CaseState::payment, steps[step], "payment_due");
        case Kind::appointment:
          return wait(CaseState::appointment, steps[step], "appointment_due");
        case Kind::issue:
          if (!issue(steps[step])) return;
          break;
        case Kind::notify:
          notify(steps[step]);
          break;
      }
    }
    finish(CaseState::granted, {});
  }
  /// On from here after somebody decided for it: reviews that follow directly were about the same question.
  void decided() { run(past_reviews(std::size_t(now().step) + 1)); }

  void finish(CaseState state, LocalizedText reason) {
    leave();
    Case& c = now();
    c.state = state;
    c.decided = at();
    if (state != CaseState::granted || !wordless(reason)) c.reason = std::move(reason);
    if (state != CaseState::granted) take_back_permit();
    event(to_string(state), c.reason);
  }

 private:
  [[nodiscard]] std::size_t past_reviews(std::size_t step) const {
    const std::vector<Step>& steps = service().steps;
    while (step < steps.size() && steps[step].kind == Kind::review) ++step;
    return step;
  }

  /// False if the case waits or has ended. Leaves `step` at the last one that is done.
  bool decide(std::size_t& step) {
    for (const Verdict& verdict : service().steps[step].verdicts) {
      if (!condition_holds(verdict.when, now().answers, with_.applicant)) continue;
      switch (verdict.outcome) {
        case Outcome::refuse:
          finish(CaseState::refused, verdict.reason);
          return false;
        case Outcome::grant:
          now().reason = verdict.reason;
          step = past_reviews(step + 1) - 1;
          return true;
        case Outcome::review: {
          now().reason = verdict.reason;
          const std::vector<Step>& steps = service().steps;
          const auto next = std::find_if(steps.begin() + std::ptrdiff_t(step) + 1, steps.end(),
                                         [](const Step& s) { return s.kind == Kind::review; });
          if (next != steps.end()) {
            now().step = int(next - steps.begin());
            review(*next);
          } else {  // the file names nobody: the provider's office
            wait_for_review(service().provider, review_within());
            event("to_review");
          }
          return false;
        }
      }
    }
    return true;
  }

  void review(const Step& step) {
    wait_for_review(step.office.value_or(service().provider), review_within());
    event("to_review");
  }

  void wait(CaseState state, const Step& step, std::string_view what) {
    leave();
    now().state = state;
    now().due = at() + std::max<std::chrono::seconds>(step.within, std::chrono::hours(1));
    event(what);
  }

  [[nodiscard]] Period permit_period(const Step& step) const {
    const auto rule = std::ranges::find_if(step.ends, [&](const PermitRule& r) {
      return condition_holds(r.when, transition_.after.answers, with_.applicant);
    });
    const Instant from = std::chrono::floor<std::chrono::seconds>(at());
    Instant until = from;
    if (rule != step.ends.end()) {
      const Zone& zone = with_.applicant.country.zone();
      switch (rule->end) {
        case PermitEnd::lasts:
          until = from + rule->lasts;
          break;
        case PermitEnd::day:
          until = zone.start_of(zone.day_of(from) + std::chrono::days(1));
          break;
        case PermitEnd::regime:
          until = rule->lasts > std::chrono::seconds(0) ? from + rule->lasts : with_.regime_end;
          break;
      }
    }
    if (!service().ends_with.empty()) until = std::min(until, with_.regime_end);
    if (until <= from)
      return {.from = from, .until = from};  // it may be instant_min, which has no whole second
    if (until < instant_max) until = std::chrono::floor<std::chrono::seconds>(until);
    return {.from = from, .until = until};
  }

  /// False if there is nothing left to permit: what it would end with has ended.
  bool issue(const Step& step) {
    if (now().permit != PermitId()) return true;
    const Period valid = permit_period(step);
    if (valid.empty()) {
      finish(CaseState::expired, {.az = "Bu xidmətin aid olduğu rejim bitib.",
                                  .en = "The regime that this service belongs to has ended.",
                                  .ru = "Режим, к которому относится эта услуга, закончился."});
      return false;
    }
    now().permit = permit_id(now(), now().step);
    effects().permit = IssuePermit{.step = &step, .valid = valid};
    event("issued");
    return true;
  }

  void take_back_permit() {
    if (now().permit == PermitId()) return;
    if (effects().permit) {  // not issued yet: never was
      effects().permit.reset();
      std::erase_if(effects().events, [](const CaseEvent& e) { return e.what == "issued"; });
      for (int number = with_.events; CaseEvent & e : effects().events) e.number = ++number;
      now().permit = PermitId();
    } else {
      effects().revoke_permit = true;
    }
  }

  void notify(const Step& step) {
    LocalizedText text = step.text;
    const Case& c = transition_.after;
    const Instant until = effects().permit ? effects().permit->valid.until : c.promised;
    const Zone& zone = with_.applicant.country.zone();
    const std::string when = until == instant_max ? std::string() : zone.format_local(until);
    for (const auto part : {&LocalizedText::az, &LocalizedText::en, &LocalizedText::ru}) {
      std::string& one = text.*part;
      if (!one.contains('{')) continue;
      put_in(one, "number", case_number(c.id));
      put_in(one, "until", when);
      for (const auto& [code, answer] : c.answers) {
        const Field* field = service().find(code);
        put_in(one, code, field == nullptr ? answer : shown(*field, answer).*part);
      }
    }
    effects().notices.push_back({std::move(text)});
  }

  const Setting& with_;
  Transition transition_;
};

std::optional<Error> taken(const Case& c, const std::string& actor) {
  if (c.claimed_by.empty() || c.claimed_by == actor) return std::nullopt;
  return Error{ErrorKind::conflict,
               "case.claimed",
               "Another official has this application. Ask them to give it back.",
               {},
               {},
               0,
               0};
}

std::optional<Error> without_words(const LocalizedText& text) {
  if (!wordless(text)) return std::nullopt;
  return Error{ErrorKind::invalid_input,
               "case.reason",
               "Say why, in words: who applied reads it.",
               {},
               "reason",
               0,
               0};
}

/// An official acts on a case that waits for a review.
std::optional<Error> cannot_review(Walk& walk) {
  const Case& c = walk.now();
  if (c.state != CaseState::in_review) return wrong_state("it isn't in review").error();
  if (walk.barred() == Barred::own) {
    return fail(ErrorKind::forbidden, "case.own",
                "This application is your own. Another official decides it.")
        .error();
  }
  if (walk.barred() == Barred::decided_before) {
    return fail(ErrorKind::forbidden, "case.decided_before",
                "You decided this application before it was appealed. Another official decides it now.")
        .error();
  }
  return taken(c, walk.actor());
}

Result<void> act(Walk& walk, const Claim&) {
  if (auto no = cannot_review(walk)) return std::unexpected(*std::move(no));
  walk.now().claimed_by = walk.actor();
  walk.event("claimed");
  return {};
}

Result<void> act(Walk& walk, const Release&) {
  if (auto no = cannot_review(walk)) return std::unexpected(*std::move(no));
  if (walk.now().claimed_by.empty()) return wrong_state("nobody has it");
  walk.now().claimed_by.clear();
  walk.event("released");
  return {};
}

Result<void> act(Walk& walk, const Grant& grant) {
  if (auto no = cannot_review(walk)) return std::unexpected(*std::move(no));
  walk.leave();
  walk.now().reason = grant.reason;
  walk.event("approved", grant.reason);
  walk.decided();
  return {};
}

Result<void> act(Walk& walk, const Refuse& refuse) {
  if (auto no = cannot_review(walk)) return std::unexpected(*std::move(no));
  if (auto no = without_words(refuse.reason)) return std::unexpected(*std::move(no));
  walk.finish(CaseState::refused, refuse.reason);
  return {};
}

Result<void> act(Walk& walk, const Ask& ask) {
  if (auto no = cannot_review(walk)) return std::unexpected(*std::move(no));
  if (auto no = without_words(ask.question)) return std::unexpected(*std::move(no));
  Case& c = walk.now();  // the office keeps it, and who asked keeps it too
  c.state = CaseState::more_asked;
  c.reason = ask.question;
  c.due = walk.at() + asked_within;
  walk.event("asked", ask.question);
  walk.effects().notices.push_back({ask.question});
  return {};
}

Result<void> act(Walk& walk, const Reply& reply) {
  Case& c = walk.now();
  if (c.state != CaseState::more_asked) return wrong_state("nothing is asked");
  if (reply.answers.empty() && reply.text.empty()) {
    return std::unexpected(*without_words({}));
  }
  for (const auto& [field, answer] : reply.answers) c.answers[field] = answer;
  c.state = CaseState::in_review;
  c.reason = {};
  c.due = walk.at() + walk.review_within();
  walk.event("replied", same_in_all(reply.text));
  return {};
}

Result<void> act(Walk& walk, const Paid& paid) {
  if (walk.now().state != CaseState::payment) return wrong_state("nothing is to be paid");
  if (paid.qepik != walk.service().fee_qepik) {
    return fail(ErrorKind::forbidden, "case.amount",
                fmt::format("The fee is {}.{:02} AZN; another sum was paid.", walk.service().fee_qepik / 100,
                            walk.service().fee_qepik % 100));
  }
  walk.leave();
  walk.event("paid", same_in_all(paid.reference));
  walk.run(std::size_t(walk.now().step) + 1);
  return {};
}

Result<void> act(Walk& walk, const Booked& booked) {
  Case& c = walk.now();
  if (c.state != CaseState::appointment) return wrong_state("no appointment is to be made");
  if (booked.when.empty() || booked.when.until == instant_max || booked.when.until <= walk.at()) {
    return wrong_state("this time is over");
  }
  c.due = booked.when.until + came_within;
  walk.event("booked", same_in_all(format_instant(booked.when.from)));
  return {};
}

Result<void> act(Walk& walk, const Came&) {
  if (walk.now().state != CaseState::appointment) return wrong_state("nobody is expected");
  walk.leave();
  walk.event("came");
  walk.run(std::size_t(walk.now().step) + 1);
  return {};
}

Result<void> act(Walk& walk, const Withdraw&) {
  if (!is_open(walk.now().state)) return wrong_state("it is decided");
  walk.finish(CaseState::withdrawn, {});
  return {};
}

Result<void> act(Walk& walk, const Appeal& appeal) {
  Case& c = walk.now();
  const Service& service = walk.service();
  if (c.state != CaseState::refused) return wrong_state("it wasn't refused");
  if (!service.appeal || c.appeals > 0 || walk.at() >= c.decided + service.appeal_within) {
    return fail(ErrorKind::conflict, "case.appealed",
                "This decision can't be appealed here: once was enough, or the time for it is over.");
  }
  if (auto no = without_words(appeal.reason)) return std::unexpected(*std::move(no));
  c.appeals = 1;
  c.reason = {};
  c.decided = instant_max;
  c.promised = walk.at() + service.promised;
  c.permit = PermitId();  // what the refusal took back stays revoked; a new one may follow
  walk.wait_for_review(service.provider, walk.review_within());
  walk.event("appealed", appeal.reason);
  return {};
}

Result<void> act(Walk& walk, const Due&) {
  Case& c = walk.now();
  if (!is_open(c.state) || walk.at() < c.due) return wrong_state("its deadline hasn't passed");
  if (c.state != CaseState::in_review) {
    walk.finish(CaseState::expired, {});
    return {};
  }
  c.due = walk.at() + walk.review_within();
  if (c.escalated) {
    walk.event("reminded");
    return {};
  }
  c.escalated = true;
  const Step* step = walk.here();
  if (step != nullptr && step->kind == Kind::review && step->escalates && c.office != step->escalates) {
    c.office = step->escalates;
    c.claimed_by.clear();
  }
  walk.event("escalated");
  return {};
}

/// Whether a case in this state may wait at a step of this kind.
bool waits_at(CaseState state, Kind kind) {
  switch (state) {
    case CaseState::in_review:
    case CaseState::more_asked:
      return kind == Kind::review || kind == Kind::decide;
    case CaseState::payment:
      return kind == Kind::payment;
    case CaseState::appointment:
      return kind == Kind::appointment;
    default:
      return false;
  }
}

Result<void> act(Walk& walk, const Move& move) {
  Case& c = walk.now();
  const auto step = std::size_t(move.step);
  if (!is_open(c.state) || move.version == c.version || move.version != walk.service().version ||
      move.step < 0 || step >= walk.service().steps.size() ||
      !waits_at(c.state, walk.service().steps[step].kind)) {
    return wrong_state("that version has no such step");
  }
  walk.event("moved", same_in_all(fmt::format("{} -> {}", c.version, move.version)));
  c.version = move.version;
  c.answers = move.answers;
  c.step = move.step;
  return {};
}

}  // namespace

std::string_view name_of(const Action& action) {
  static constexpr std::array<std::string_view, 13> names{"claim",  "release",  "grant", "refuse", "ask",
                                                          "reply",  "pay",      "book",  "come",   "withdraw",
                                                          "appeal", "deadline", "move"};
  static_assert(names.size() == std::variant_size_v<Action>);
  return names[action.index()];
}

PermitId permit_id(const Case& of, int step) {
  const std::string drawn_from =
      fmt::format("permit|{}|{}|{}|{}", of.person.value(), of.id.value(), step, of.appeals);
  // Not a secret: a permit's number proves nothing. 55 bits, as a case's, so that both are written alike.
  const std::uint64_t drawn = siphash(SipKey{0x6461796171, 0x7065726d6974}, drawn_from) >> 9;
  return PermitId(std::max<std::uint64_t>(drawn, 1));
}

Transition begin(const Case& fresh, const Setting& setting) {
  Walk walk(fresh, setting);
  Case& c = walk.now();
  c.state = CaseState::in_review;
  c.version = setting.service.version;
  c.revision = 1;
  c.submitted = walk.at();
  c.promised = walk.at() + setting.service.promised;
  c.decided = instant_max;
  c.due = instant_max;
  walk.event("submitted");
  walk.run(0);
  return walk.take();
}

Result<Transition> apply(const Case& before, const Action& action, const Setting& setting) {
  Walk walk(before, setting);
  DAYAQ_TRY_OK(std::visit([&](const auto& one) { return act(walk, one); }, action));
  ++walk.now().revision;
  return walk.take();
}

}  // namespace dayaq::services
