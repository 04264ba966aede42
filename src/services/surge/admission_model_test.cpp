// Admission against a model: whatever comes in whatever order, nobody overtakes anybody who is still there.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "services/surge/admission.hpp"
#include "services/surge/surge_test_support.hpp"

namespace dayaq::services::surge {
namespace {

using namespace std::chrono_literals;

struct Person {
  std::string name, ticket;
  std::uint64_t number = 0;
  bool waits = false, gone = false;
  bool signed_in = false, bound = false;  ///< bound: when the ticket was given they were
  Instant seen_waiting;
};

class Model {
 public:
  Model() { restart({}); }

  void arrive(bool signed_in) {
    Person person{.name = "p" + std::to_string(people_.size()), .signed_in = signed_in, .bound = signed_in};
    const std::uint64_t waiting = admission_->waiting();
    const Place place = enter(person, "");
    person.ticket = place.ticket;
    person.waits = !place.admitted;
    person.number = place.number;
    if (place.admitted) {
      RC_ASSERT(admission_->waiting() == 0u);  // nobody goes in past those who wait
    } else {
      person.seen_waiting = now_;
      RC_ASSERT(place.number > last_number_);
      RC_ASSERT(place.ahead <= waiting + 1);
      last_number_ = place.number;
    }
    people_.push_back(std::move(person));
  }

  void come_again(std::size_t at) {
    if (people_.empty()) return;
    Person& person = people_[at % people_.size()];
    if (!person.waits || person.gone) return;
    if (at % 7 == 0) person.signed_in = true;  // between two looks: neither loses nor improves the place
    const Place place = enter(person, person.ticket);
    if (!place.admitted && place.ticket == person.ticket) {
      RC_ASSERT(place.number == person.number);
      RC_ASSERT(person.number > highest_admitted_);  // 1: whoever came before a person who is in, is in
      person.seen_waiting = now_;
      return;
    }
    person.waits = false;
    if (!place.admitted) {  // the patience has passed: a place at the end
      RC_ASSERT(place.number > last_number_);
      last_number_ = place.number;
      RC_ASSERT(now_ - person.seen_waiting >= options_.patience - 1s);
      person.seen_waiting = now_;
      person.waits = true;
      person.ticket = place.ticket;
      person.bound = person.signed_in;
      person.number = place.number;
      return;
    }
    // Too late, but nobody waits any more. Numbers that come up within a second are kept from its beginning
    // on.
    if (now_ - person.seen_waiting >= options_.patience - 1s) return;
    highest_admitted_ = std::max(highest_admitted_, person.number);
    // 3: the ticket again gives the same pass, and takes nothing from the budget
    const auto entered = admission_->admitted();
    const Place replayed = enter(person, person.ticket);
    RC_ASSERT(replayed.admitted);
    RC_ASSERT(replayed.ticket == place.ticket);
    RC_ASSERT(admission_->admitted() == entered);
  }

  void forge(std::size_t at, std::size_t place, char to) {
    if (people_.empty()) return;
    const Person& person = people_[at % people_.size()];
    std::string changed = person.ticket;
    char& one = changed[place % changed.size()];
    if (one == to) return;
    one = to;
    const auto seen = admission_->look(changed, person.name, now_);
    RC_ASSERT(!seen.has_value());
    if (person.bound) RC_ASSERT(!admission_->look(person.ticket, "thief", now_).has_value());
  }

  void leave(std::size_t at) {
    if (!people_.empty()) people_[at % people_.size()].gone = true;
  }
  void pass_time(std::chrono::milliseconds by) { now_ += by; }
  void answer(std::chrono::milliseconds took) { admission_->answered(took, now_); }
  void restart_after_crash() {
    if (saved_.issued == 0) return;
    restart(saved_);
    // What came up after the last save comes up once more.
    highest_admitted_ = std::min(highest_admitted_, saved_.horizon == 0 ? 0 : saved_.horizon - 1);
  }
  void save() {
    saved_ = admission_->save();
    RC_ASSERT(Saved::parse(saved_.to_text())->to_text() == saved_.to_text());
  }

  /// Whoever stays gets in, in time, and in order.
  void everybody_gets_in() {
    for (int second = 0; second < 3'000 && somebody_waits(); ++second) {
      for (std::size_t i = 0; i < people_.size(); ++i) come_again(i);
      admission_->answered(1ms, now_);
      now_ += 1s;
    }
    RC_ASSERT(!somebody_waits());
  }

 private:
  Place enter(const Person& person, std::string_view ticket) {
    Place place = admission_->enter(ticket, person.signed_in ? person.name : std::string(), now_);
    if (place.admitted) admission_->asked(now_);
    return place;
  }
  void restart(const Saved& saved) {
    admission_ = std::make_unique<Admission>(key(), options_, saved);
    saved_ = saved;
  }
  [[nodiscard]] bool somebody_waits() const {
    return std::any_of(people_.begin(), people_.end(), [](const Person& p) { return p.waits && !p.gone; });
  }

  Options options_{.rate_max = 40, .rate_min = 5, .pass = 60s, .patience = 120s, .grace = 5s, .reserve = 500};
  Instant now_ = from_micros(1'800'000'000'000'000);
  std::unique_ptr<Admission> admission_;
  Saved saved_;
  std::vector<Person> people_;
  std::uint64_t last_number_ = 0, highest_admitted_ = 0;
};

RC_GTEST_PROP(AdmissionModel, KeepsItsOrderWhateverComes, ()) {
  Model model;
  const int steps = *rc::gen::inRange(20, 400);
  for (int i = 0; i < steps; ++i) {
    const auto what = *rc::gen::inRange(0, 100);
    const auto at = *rc::gen::arbitrary<std::size_t>();
    if (what < 35) {
      model.arrive(at % 2 == 0);
    } else if (what < 65) {
      model.come_again(at);
    } else if (what < 80) {
      model.pass_time(std::chrono::milliseconds(*rc::gen::inRange(1, 1500)));
    } else if (what < 82) {
      model.pass_time(std::chrono::seconds(*rc::gen::inRange(1, 200)));
    } else if (what < 90) {
      model.answer(std::chrono::milliseconds(*rc::gen::inRange(1, 600)));
    } else if (what < 94) {
      model.forge(at, *rc::gen::arbitrary<std::size_t>(), *rc::gen::elementOf(std::string("Ab9_-")));
    } else if (what < 97) {
      model.leave(at);
    } else {
      model.save();
      if (what == 99) model.restart_after_crash();
    }
  }
  model.everybody_gets_in();
}

}  // namespace
}  // namespace dayaq::services::surge
