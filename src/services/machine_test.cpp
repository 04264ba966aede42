#include "services/machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "services/machine_test_support.hpp"

namespace dayaq::services {
namespace {

using namespace std::chrono_literals;
using namespace test;

std::string code_of(const Result<Transition>& result) {
  return result ? std::string(to_string(result->after.state)) : std::string(result.error().code);
}

std::vector<std::string> whats(const Transition& done) {
  std::vector<std::string> out;
  for (const CaseEvent& event : done.effects.events) out.push_back(event.what);
  return out;
}

struct Machine : testing::Test, Judging {
  /// A case that came here by the way that cases come.
  Case in(CaseState state) {
    Case c = begin(fresh()).after;
    const auto go = [&](const Action& action) { c = apply(c, action).value().after; };
    switch (state) {
      case CaseState::in_review:
        go(Claim{});
        break;
      case CaseState::more_asked:
        go(Ask{words("Which bread?")});
        break;
      case CaseState::payment:
        go(Grant{});
        break;
      case CaseState::appointment:
        go(Grant{});
        go(Paid{"1", fee});
        break;
      case CaseState::granted:
        go(Grant{});
        go(Paid{"1", fee});
        go(Came{});
        break;
      case CaseState::refused:
        go(Refuse{words("No flour.")});
        break;
      case CaseState::withdrawn:
        go(Withdraw{});
        break;
      case CaseState::expired:
        go(Grant{});
        now += 100h;
        go(Due{});
        now = noon;
        break;
    }
    EXPECT_EQ(c.state, state);
    return c;
  }
};

constexpr std::array states{CaseState::in_review,   CaseState::more_asked, CaseState::payment,
                            CaseState::appointment, CaseState::granted,    CaseState::refused,
                            CaseState::withdrawn,   CaseState::expired};

TEST_F(Machine, EveryEdgeLeadsWhereItIsSaidToLead) {
  const Period slot{.from = noon + 24h, .until = noon + 25h};
  const std::vector<Action> actions{Claim{},
                                    Release{},
                                    Grant{},
                                    Refuse{words("No.")},
                                    Ask{words("Why?")},
                                    Reply{.answers = {}, .text = "So."},
                                    Paid{"ref", fee},
                                    Booked{slot},
                                    Came{},
                                    Withdraw{},
                                    Appeal{words("Not so.")},
                                    Due{},
                                    Move{.version = 2, .answers = {{"what", "bread"}}, .step = 0}};
  // Whatever isn't listed is refused with case.state.
  const std::map<std::pair<CaseState, std::string>, CaseState> edges{
      {{CaseState::in_review, "claim"}, CaseState::in_review},
      {{CaseState::in_review, "release"}, CaseState::in_review},
      {{CaseState::in_review, "grant"}, CaseState::payment},
      {{CaseState::in_review, "refuse"}, CaseState::refused},
      {{CaseState::in_review, "ask"}, CaseState::more_asked},
      {{CaseState::in_review, "withdraw"}, CaseState::withdrawn},
      {{CaseState::in_review, "deadline"}, CaseState::in_review},
      {{CaseState::in_review, "move"}, CaseState::in_review},
      {{CaseState::more_asked, "reply"}, CaseState::in_review},
      {{CaseState::more_asked, "withdraw"}, CaseState::withdrawn},
      {{CaseState::more_asked, "deadline"}, CaseState::expired},
      {{CaseState::more_asked, "move"}, CaseState::more_asked},
      {{CaseState::payment, "pay"}, CaseState::appointment},
      {{CaseState::payment, "withdraw"}, CaseState::withdrawn},
      {{CaseState::payment, "deadline"}, CaseState::expired},
      {{CaseState::payment, "move"}, CaseState::payment},
      {{CaseState::appointment, "book"}, CaseState::appointment},
      {{CaseState::appointment, "come"}, CaseState::granted},
      {{CaseState::appointment, "withdraw"}, CaseState::withdrawn},
      {{CaseState::appointment, "deadline"}, CaseState::expired},
      {{CaseState::appointment, "move"}, CaseState::appointment},
      {{CaseState::refused, "appeal"}, CaseState::in_review},
  };
  std::size_t walked = 0;
  for (const CaseState state : states) {
    const Case before = in(state);
    for (Action action : actions) {
      const std::string name(name_of(action));
      if (auto* move = std::get_if<Move>(&action)) {
        move->step = before.step;
        service.version = 2;
      }
      now = noon;
      if (std::holds_alternative<Due>(action) && before.due != instant_max) now = before.due;
      const auto after = apply(before, action, 7);
      now = noon;
      service.version = 1;
      const auto edge = edges.find({state, name});
      const std::string expected = edge == edges.end() ? "case.state" : std::string(to_string(edge->second));
      EXPECT_EQ(code_of(after), expected) << to_string(state) << " + " << name;
      if (!after) continue;
      ++walked;
      EXPECT_EQ(after->after.revision, before.revision + 1) << name;
      ASSERT_FALSE(after->effects.events.empty()) << name;
      for (int number = 8; const CaseEvent& event : after->effects.events) EXPECT_EQ(event.number, number++);
      EXPECT_EQ(after->after.due == instant_max, !is_open(after->after.state)) << name;
      EXPECT_EQ(after->after.decided == instant_max, is_open(after->after.state)) << name;
    }
  }
  EXPECT_EQ(walked, edges.size());
}

TEST_F(Machine, ADecisionAtOnceIssuesAndTells) {
  service.steps = {{.kind = Step::Kind::decide, .code = "d"}, service.steps[3], service.steps[4]};
  const Transition done = begin(fresh());
  EXPECT_EQ(done.after.state, CaseState::granted);
  EXPECT_EQ(whats(done), (std::vector<std::string>{"submitted", "issued", "granted"}));
  ASSERT_TRUE(done.effects.permit);
  EXPECT_EQ(done.effects.permit->valid, (Period{.from = noon, .until = noon + 3h}));
  EXPECT_EQ(done.after.permit, permit_id(fresh(), 1));
  ASSERT_EQ(done.effects.notices.size(), 1u);
  EXPECT_EQ(done.effects.notices[0].text.az, case_number(CaseId(77)) + ": çörək 2026-11-21 15:00 {permit}");
  EXPECT_EQ(done.effects.notices[0].text.en, case_number(CaseId(77)) + ": bread 2026-11-21 15:00 {permit}");
}

TEST_F(Machine, TheFirstVerdictThatHoldsDecides) {
  const Condition bread{
      .kind = Condition::Kind::answer, .children = {}, .field = "what", .values = {"bread"}, .rule = {}};
  Step decide{.kind = Step::Kind::decide, .code = "d"};
  const auto outcome = [&](Outcome first) {
    decide.verdicts = {{.when = bread, .outcome = first, .reason = words("Because.")},
                       {.when = {}, .outcome = Outcome::refuse, .reason = words("Never reached.")}};
    Service whole = long_service();
    whole.steps.insert(whole.steps.begin(), decide);
    service = whole;
    return begin(fresh());
  };
  const Transition refused = outcome(Outcome::refuse);
  EXPECT_EQ(refused.after.state, CaseState::refused);
  EXPECT_EQ(refused.after.reason, words("Because."));
  EXPECT_EQ(outcome(Outcome::review).after.state, CaseState::in_review);
  EXPECT_EQ(outcome(Outcome::grant).after.state, CaseState::payment)
      << "a grant goes past the review of the same";
  decide.verdicts = {};
  service = long_service();
  service.steps.insert(service.steps.begin(), decide);
  EXPECT_EQ(begin(fresh()).after.state, CaseState::in_review) << "nothing held: the steps go on";
  service.steps = {decide};
  EXPECT_EQ(begin(fresh()).after.state, CaseState::granted);
}

TEST_F(Machine, AReviewThatTheFileGivesNobodyIsTheProviders) {
  service.steps = {{.kind = Step::Kind::decide,
                    .code = "d",
                    .verdicts = {{.when = {}, .outcome = Outcome::review, .reason = {}}}}};
  const Case waiting = begin(fresh()).after;
  EXPECT_EQ(waiting.office, provider);
  EXPECT_EQ(waiting.due, noon + service.promised);
  EXPECT_EQ(apply(waiting, Grant{}).value().after.state, CaseState::granted);
}

TEST_F(Machine, WhatOneOfficialHasNobodyElseTouches) {
  const Case claimed = in(CaseState::in_review);
  actor = "org:digital-agency/key:2";
  for (const Action& action :
       std::vector<Action>{Claim{}, Release{}, Grant{}, Refuse{words("No.")}, Ask{words("?")}}) {
    EXPECT_EQ(code_of(apply(claimed, action)), "case.claimed") << name_of(action);
  }
  EXPECT_EQ(code_of(apply(claimed, Withdraw{})), "withdrawn") << "who applied may";
}

TEST_F(Machine, ALateReviewGoesUpOnceAndIsRemindedOfAfterwards) {
  Case c = in(CaseState::in_review);
  EXPECT_EQ(c.due, noon + 48h);
  now = c.due - 1us;
  EXPECT_EQ(code_of(apply(c, Due{})), "case.state") << "it isn't late yet";
  now = c.due;
  c = apply(c, Due{}).value().after;
  EXPECT_TRUE(c.escalated);
  EXPECT_EQ(c.office, head_office);
  EXPECT_EQ(c.claimed_by, "");
  EXPECT_EQ(c.due, now + 48h);
  now = c.due;
  const Transition again = apply(c, Due{}).value();
  EXPECT_EQ(whats(again), std::vector<std::string>{"reminded"});
  EXPECT_EQ(again.after.office, head_office);
  const Case decided = apply(again.after, Grant{}).value().after;
  EXPECT_FALSE(decided.escalated) << "the next step isn't late";
}

TEST_F(Machine, WordsAndSumsAreChecked) {
  const Case review = in(CaseState::in_review);
  EXPECT_EQ(code_of(apply(review, Refuse{})), "case.reason");
  EXPECT_EQ(code_of(apply(review, Ask{})), "case.reason");
  EXPECT_EQ(code_of(apply(in(CaseState::more_asked), Reply{})), "case.reason");
  EXPECT_EQ(code_of(apply(in(CaseState::refused), Appeal{})), "case.reason");
  EXPECT_EQ(code_of(apply(in(CaseState::payment), Paid{"x", fee - 1})), "case.amount");
  EXPECT_EQ(code_of(apply(in(CaseState::appointment), Booked{{.from = noon - 2h, .until = noon - 1h}})),
            "case.state");
}

TEST_F(Machine, ARefusalIsAppealedOnceAndInTime) {
  Case c = in(CaseState::refused);
  now = c.decided + service.appeal_within;
  EXPECT_EQ(code_of(apply(c, Appeal{words("Late.")})), "case.appealed");
  now = noon + 1h;
  service.appeal = false;
  EXPECT_EQ(code_of(apply(c, Appeal{words("None.")})), "case.appealed");
  service.appeal = true;
  c = apply(c, Appeal{words("Look again.")}).value().after;
  EXPECT_EQ(c.office, provider);
  EXPECT_EQ(c.decided, instant_max);
  EXPECT_EQ(apply(c, Grant{}).value().after.state, CaseState::payment) << "it goes on where it was refused";
  c = apply(c, Refuse{words("Still no flour.")}).value().after;
  EXPECT_EQ(code_of(apply(c, Appeal{words("Again.")})), "case.appealed");
}

TEST_F(Machine, WhoDecidedBeforeAnAppealOrAppliedNeitherClaimsNorDecides) {
  const Case c = apply(in(CaseState::refused), Appeal{words("Look again.")}).value().after;
  for (const auto& [why, code] :
       {std::pair(Barred::decided_before, "case.decided_before"), std::pair(Barred::own, "case.own")}) {
    barred = why;
    for (const Action& action :
         std::vector<Action>{Claim{}, Release{}, Grant{}, Refuse{words("No.")}, Ask{words("?")}}) {
      EXPECT_EQ(code_of(apply(c, action)), code) << name_of(action);
    }
  }
  EXPECT_EQ(code_of(apply(c, Withdraw{})), "withdrawn") << "who applied may";
  barred = Barred::no;
  EXPECT_EQ(apply(c, Claim{}).value().after.claimed_by, actor);
}

TEST_F(Machine, WhatFollowsFromAnActionIsCreditedToTheRules) {
  const auto actors = [](const Transition& done) {
    std::string out;
    for (const CaseEvent& event : done.effects.events) out += event.what + " " + event.actor + "; ";
    return out;
  };
  actor = "self";
  const Transition sent = begin(fresh());
  EXPECT_EQ(actors(sent), "submitted self; to_review system; ");
  actor = "org:digital-agency/key:1";
  EXPECT_EQ(actors(apply(sent.after, Refuse{words("No.")}).value()), "refused " + actor + "; ");
  EXPECT_EQ(actors(apply(sent.after, Grant{}).value()), "approved " + actor + "; payment_due system; ");
  const Case late = in(CaseState::appointment);
  EXPECT_EQ(actors(apply(late, Came{}).value()), "came " + actor + "; issued system; granted system; ");
  service.steps = {{.kind = Step::Kind::decide,
                    .code = "d",
                    .verdicts = {{.when = {}, .outcome = Outcome::refuse, .reason = words("No.")}}}};
  actor = "self";
  EXPECT_EQ(actors(begin(fresh())), "submitted self; refused system; ");
}

TEST_F(Machine, ALaterRefusalTakesThePermitBack) {
  service.steps = {long_service().steps[3], long_service().steps[0]};
  const Transition issued = begin(fresh());
  ASSERT_TRUE(issued.effects.permit);
  EXPECT_EQ(issued.after.state, CaseState::in_review);
  const Transition refused = apply(issued.after, Refuse{words("No.")}).value();
  EXPECT_TRUE(refused.effects.revoke_permit);
  const Case appealed = apply(refused.after, Appeal{words("Please.")}).value().after;
  EXPECT_EQ(appealed.permit, PermitId());

  service.steps = {long_service().steps[3],
                   {.kind = Step::Kind::decide,
                    .code = "d",
                    .verdicts = {{.when = {}, .outcome = Outcome::refuse, .reason = words("No.")}}}};
  const Transition never = begin(fresh());
  EXPECT_FALSE(never.effects.permit) << "it was never handed out";
  EXPECT_FALSE(never.effects.revoke_permit);
  EXPECT_EQ(whats(never), (std::vector<std::string>{"submitted", "refused"}));
  EXPECT_EQ(never.effects.events.back().number, 2);
}

TEST_F(Machine, PermitsEndByTheirRuleAndWithTheirRegime) {
  const auto ends = [&](PermitEnd end, std::chrono::seconds lasts) {
    service.steps = {long_service().steps[3]};
    service.steps[0].ends = {{.when = {}, .end = end, .lasts = lasts}};
    return begin(fresh());
  };
  now = noon + 500ms;
  EXPECT_EQ(ends(PermitEnd::lasts, 2h).effects.permit->valid.until, noon + 2h) << "whole seconds";
  EXPECT_EQ(ends(PermitEnd::day, 0s).effects.permit->valid.until,
            Instant(Date(std::chrono::year(2026) / 11 / 21)) + 20h)
      << "midnight in Baku";
  service.ends_with = "quarantine";
  regime_end = noon + 1h;
  EXPECT_EQ(ends(PermitEnd::lasts, 2h).effects.permit->valid.until, noon + 1h);
  EXPECT_EQ(ends(PermitEnd::regime, 0s).effects.permit->valid.until, noon + 1h);
  EXPECT_EQ(ends(PermitEnd::regime, 30min).effects.permit->valid.until, noon + 30min);
  regime_end = instant_min;
  const Transition over = ends(PermitEnd::lasts, 2h);
  EXPECT_EQ(over.after.state, CaseState::expired);
  EXPECT_FALSE(over.effects.permit);
  EXPECT_NE(over.after.reason.az, "");
}

TEST_F(Machine, ACaseMovesToAStepOfItsKindAlone) {
  const Case c = in(CaseState::payment);
  service.version = 2;
  EXPECT_EQ(code_of(apply(c, Move{.version = 2, .answers = {}, .step = 0})), "case.state") << "a review";
  EXPECT_EQ(code_of(apply(c, Move{.version = 2, .answers = {}, .step = 9})), "case.state");
  EXPECT_EQ(code_of(apply(c, Move{.version = 3, .answers = {}, .step = 1})), "case.state");
  const Case moved = apply(c, Move{.version = 2, .answers = {{"new", "x"}}, .step = 1}).value().after;
  EXPECT_EQ(moved.version, 2);
  EXPECT_EQ(moved.answers, (Answers{{"new", "x"}}));
  EXPECT_EQ(moved.due, c.due);
}

}  // namespace
}  // namespace dayaq::services
