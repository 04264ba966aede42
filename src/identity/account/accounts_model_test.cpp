// Somebody took over a person's number and does whatever it lets them do, in any order and at any time. The
// person signs in with their passkey every three days at most, and does nothing else about it.
#include <rapidcheck.h>

#include "identity/account/accounts_test_support.hpp"

namespace dayaq::identity {
namespace {

using test::must;
using namespace std::chrono_literals;

enum class Deed : std::uint8_t { recover, recover_naming, sign_in, add, remove, declare_lost, rename, wait };
constexpr int deeds = 8;

struct Step {
  std::uint8_t deed;
  std::uint8_t which;  ///< authenticator, or hours
};

struct Siege {
  explicit Siege(test::AccountsNode& room) : node(room) {
    must(node.node.db().write([](store::Session& db) -> Result<void> {
      DAYAQ_TRY_OK(db.exec("DELETE FROM digital_id"));
      DAYAQ_TRY_OK(db.exec("DELETE FROM authenticator"));
      DAYAQ_TRY_OK(db.exec("DELETE FROM passkey_owner"));
      DAYAQ_TRY_OK(db.exec("DELETE FROM recovery"));
      DAYAQ_TRY_OK(db.exec("DELETE FROM activation"));
      return db.exec("DELETE FROM message");
    }));
    must(node.write(
        [&](auto& db, auto& a) { return a.sessions.end_all(db, person, std::nullopt, node.now()); }));
    passkey =
        node.enrol_with(node.aygun_id, Enrolment::counter, node.passkey("owner", "owner")).authenticator.id;
    owner_signs_in();
  }

  void owner_signs_in() {
    owner = node.sign_in(person, passkey);
    last_seen = node.now();
  }
  /// Any of them: the thief's own, the owner's.
  std::optional<Authenticator> pick(std::uint8_t which) {
    const auto all = node.authenticators(person);
    if (all.empty()) return std::nullopt;
    return all[which % all.size()];
  }

  /// Refusals are fine; what must hold is held up afterwards.
  void take(const Step& step) {
    const auto now = node.now();
    const auto target = pick(step.which);
    switch (static_cast<Deed>(step.deed)) {
      case Deed::recover:
      case Deed::recover_naming: {
        std::optional<AuthenticatorId> lost;
        if (static_cast<Deed>(step.deed) == Deed::recover_naming && target) lost = target->id;
        const auto made = node.try_enrol(node.proof(node.aygun_id, Enrolment::sms_code),
                                         node.passkey("thief-" + std::to_string(++number), "thief"), lost);
        if (made) thief = node.sign_in(person, made->authenticator.id);
        break;
      }
      case Deed::sign_in:
        // With anything that isn't the owner's passkey.
        if (target && target->id != passkey && target->worth_at(now) != Assurance::none) {
          thief = node.sign_in(person, target->id);
        }
        break;
      case Deed::add:
        if (!thief) break;
        (void)node.write([&](auto& db, auto& a) {
          return add_authenticator(db, a, *thief, node.passkey("thief-" + std::to_string(++number), "thief"),
                                   now);
        });
        break;
      case Deed::remove:
        if (!thief || !target) break;
        (void)node.write(
            [&](auto& db, auto& a) { return remove_authenticator(db, a, *thief, target->id, true, now); });
        break;
      case Deed::declare_lost: {
        if (!thief || !target) break;
        const UndoToken token = draw_undo_token(node.node.random, person);
        (void)node.write(
            [&](auto& db, auto& a) { return declare_lost(db, a, *thief, target->id, token, now); });
        break;
      }
      case Deed::rename:
        if (!thief || !target) break;
        (void)node.write(
            [&](auto& db, auto& a) { return rename_authenticator(db, a, *thief, target->id, "x", now); });
        break;
      case Deed::wait: {
        const auto until = std::min(now + std::chrono::hours(1 + step.which % 71), last_seen + 71h);
        node.node.clock.set(until);
        must(node.write([&](auto& db, auto&) { return sweep_recoveries(db, node.now(), 100); }));
        if (until == last_seen + 71h) owner_signs_in();
        if (thief && step.which % 3 != 0) thief->authenticated = node.now();  // they keep proving it
        break;
      }
    }
  }

  void check() {
    bool there = false;
    for (const Authenticator& one : node.authenticators(person)) {
      if (one.id == passkey) {
        there = true;
        RC_ASSERT(one.worth_at(node.now()) == Assurance::substantial);
      } else {
        RC_ASSERT(one.assurance == Assurance::low);  // whatever was added, it is no surer than the number
      }
    }
    RC_ASSERT(there);
    for (const Session& session : node.live(person)) {
      if (session.authenticator != passkey) {
        RC_ASSERT(session.assurance == Assurance::low);
      }
    }
    RC_ASSERT(node.account(person)->enrolment == Enrolment::counter);
    RC_ASSERT(node.rows("SELECT count(*) FROM passkey_owner") ==
              node.rows("SELECT count(*) FROM authenticator WHERE kind = 0"));
  }

  test::AccountsNode& node;
  PersonId person = node.person(node.aygun_id);
  AuthenticatorId passkey;
  Session owner;
  std::optional<Session> thief;
  Instant last_seen;
  int number = 0;
};

TEST(StolenNumber, NeverCostsAnOwnerWhoSignsInTheirPasskeyNorGivesMoreThanLow) {
  test::AccountsNode node(store::Engine::sqlite);
  node.people();
  EXPECT_TRUE(rc::check([&] {
    const auto steps = *rc::gen::resize(
        40, rc::gen::container<std::vector<std::pair<std::uint8_t, std::uint8_t>>>(rc::gen::pair(
                rc::gen::inRange<std::uint8_t>(0, deeds), rc::gen::inRange<std::uint8_t>(0, 255))));
    Siege siege(node);
    for (const auto& [deed, which] : steps) {
      siege.take({deed, which});
      siege.check();
    }
    RC_CLASSIFY(siege.number > 3, "several of the thief's");
  }));
}

}  // namespace
}  // namespace dayaq::identity
