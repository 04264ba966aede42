// Any actions in any order: a case never loses its deadline, its count of events, or its one outcome.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "services/machine_test_support.hpp"

namespace dayaq::services {
namespace {

using namespace std::chrono_literals;
using namespace test;

Action any_action(Instant now) {
  const auto text = *rc::gen::element<std::string>("", "words");
  switch (*rc::gen::inRange(0, 12)) {
    case 0:
      return Claim{};
    case 1:
      return Release{};
    case 2:
      return Grant{words(text)};
    case 3:
      return Refuse{words(text)};
    case 4:
      return Ask{words(text)};
    case 5:
      return Reply{.answers = {}, .text = text};
    case 6:
      return Paid{text, fee + *rc::gen::inRange<std::uint64_t>(0, 2)};
    case 7:
      return Booked{{.from = now + 1h, .until = now + 2h}};
    case 8:
      return Came{};
    case 9:
      return Withdraw{};
    case 10:
      return Appeal{words(text)};
    default:
      return Due{};
  }
}

void check(const Case& c) {
  RC_ASSERT((c.due != instant_max) == is_open(c.state));
  RC_ASSERT((c.decided == instant_max) == is_open(c.state));
  RC_ASSERT(c.office.has_value() == (c.state == CaseState::in_review || c.state == CaseState::more_asked));
  RC_ASSERT(c.claimed_by.empty() || c.office.has_value());
  RC_ASSERT(c.appeals <= 1);
  RC_ASSERT((c.state == CaseState::granted) <= (c.permit != PermitId()));
}

TEST(MachineModel, AnyActionsInAnyOrderKeepACaseWhole) {
  const auto holds = rc::check([] {
    Judging node;
    const bool short_way = *rc::gen::arbitrary<bool>();
    if (short_way) std::swap(node.service.steps[0], node.service.steps[2]);  // appointment, payment, review
    Transition first = node.begin(Judging::fresh());
    Case c = first.after;
    int events = int(first.effects.events.size());
    int outcomes = is_open(c.state) ? 0 : 1, permits = 0, appeals = 0;
    check(c);
    const int length = *rc::gen::inRange(1, 40);
    for (int i = 0; i < length; ++i) {
      if (*rc::gen::inRange(0, 3) == 0) node.now += std::chrono::hours(*rc::gen::inRange(0, 100));
      node.actor = *rc::gen::element<std::string>("org:a/key:1", "org:a/key:2", "self");
      const Action action = any_action(node.now);
      const Case before = c;
      auto done = node.apply(c, action, events);
      if (!done) {
        RC_ASSERT(done.error().kind != ErrorKind::internal);
        continue;
      }
      c = done->after;
      check(c);
      RC_ASSERT(c.revision == before.revision + 1);
      RC_ASSERT(c.id == before.id && c.person == before.person && c.submitted == before.submitted);
      RC_ASSERT(!done->effects.events.empty());
      for (const CaseEvent& event : done->effects.events) RC_ASSERT(event.number == ++events);
      if (std::holds_alternative<Appeal>(action)) {
        ++appeals;
        RC_ASSERT(before.state == CaseState::refused);
      }
      if (is_open(before.state) && !is_open(c.state)) ++outcomes;
      if (!is_open(before.state)) RC_ASSERT(std::holds_alternative<Appeal>(action));
      if (done->effects.permit) ++permits;
      RC_ASSERT(permits <= 1);
      RC_ASSERT(appeals <= 1);
      RC_ASSERT(outcomes <= 1 + appeals);
    }
  });
  EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace dayaq::services
