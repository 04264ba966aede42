// The lives of keys that sign permits: announced before they sign, listed until their last permit has ended.
#include "services/cases/permit_keys.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "services/cases/cases_test_support.hpp"

namespace dayaq::services {
namespace {

using namespace test;

struct SigningKeys : testing::TestWithParam<store::Engine> {
  SigningKeys() {
    open();
    must(keys->start(node.now()));
  }
  void open() {
    std::optional<crypto::SigningKey> first;
    if (must(PermitKeys::is_empty(node.node.db()))) first = crypto::SigningKey::generate(node.node.random);
    keys = must(PermitKeys::open({.db = node.node.db(),
                                  .log = *node.node.log,
                                  .master = master,
                                  .random = node.node.random,
                                  .rotate_every = rotate_every},
                                 std::move(first), node.now()));
    CasesContext context = node.cases->context();
    context_.emplace(CasesContext{.db = context.db,
                                  .book = context.book,
                                  .country = context.country,
                                  .facts = context.facts,
                                  .notifier = context.notifier,
                                  .log = context.log,
                                  .issuer = keys->issuer(),
                                  .kind_number = context.kind_number});
    cases.emplace(*context_);
  }
  static crypto::MasterKey make_master() {
    SeededRandom random{7};
    const auto path =
        std::filesystem::temp_directory_path() / ("dayaq-permit-keys-" + std::to_string(::getpid()) + ".hex");
    std::filesystem::remove(path);
    auto key = must(crypto::MasterKey::create(path, random));
    std::filesystem::remove(path);
    return key;
  }
  Permit issue(PersonId person, std::uint64_t id) {
    return must(node.write([&](store::Session& s) {
             return cases->submit(s, CasesNode::pass(person, id), node.now());
           }))
        .permit.value();
  }
  void restart() {
    cases.reset();
    context_.reset();
    keys.reset();
    node.restart();
    open();
    must(keys->start(node.now()));
  }
  void tick() {
    for (int i = 0; i < 1000; ++i) {
      if (!must(keys->tick(*cases, node.now(), 100))) return;
    }
    FAIL() << "it doesn't end";
  }
  /// What a list that is made now knows.
  permit::Keys listed() {
    const PermitKeys::Published published = keys->published(node.now());
    permit::Keys out;
    for (const Bytes& raw : published.keys) out.add(must(crypto::CoseKey::from_ed25519(raw)));
    for (const Bytes& id : published.withdrawn) out.withdraw(id);
    return out;
  }
  static std::string check(const Permit& permit, const permit::Keys& known) {
    return code_of(permit::verify(as_bytes(permit.token), known));
  }
  std::vector<std::string> states() {
    std::vector<std::string> out;
    for (const PermitKey& key : keys->all()) out.emplace_back(to_string(key.state(node.now())));
    return out;
  }
  Permit stored(const Permit& permit) {
    return must(node.read([&](store::Session& s) { return cases->permit(s, permit.person, permit.id); }))
        .value();
  }
  std::int64_t entries(const std::string& action) {
    std::int64_t count = 0;
    must(node.node.log->each(0, node.node.log->size(), [&](const audit::Entry& entry) -> Result<bool> {
      if (entry.leaf.find("\"action\":\"" + action + "\"") != std::string::npos) ++count;
      return true;
    }));
    return count;
  }

  std::chrono::seconds rotate_every{0};
  crypto::MasterKey master = make_master();
  CasesNode node{GetParam()};
  std::unique_ptr<PermitKeys> keys;
  std::optional<CasesContext> context_;
  std::optional<Cases> cases;
  PersonId aygun = node.person("5ABC123"), rashad = node.person("6DEF456"), leyla = node.person("7XYZ789");
};
INSTANTIATE_TEST_SUITE_P(Engines, SigningKeys, testing::ValuesIn(dayaq::test::engines),
                         [](auto& i) { return dayaq::test::name_of(i.param); });

TEST_P(SigningKeys, AKeyIsListedLongBeforeItSigns) {
  EXPECT_EQ(states(), (std::vector<std::string>{"current", "standby"}));
  const permit::Keys known_at_first = listed();  // of a device that is offline from now on
  const std::string first = keys->all()[0].id, second = keys->all()[1].id;
  const PermitKey next = must(keys->rotate(official, node.now()));
  EXPECT_EQ(next.id, second);
  EXPECT_EQ(next.active_from, node.now() + 48h);
  EXPECT_EQ(states(), (std::vector<std::string>{"current", "scheduled", "standby"}));
  EXPECT_EQ(code_of(keys->rotate(official, node.now())), "permit.rotation");
  const Permit old = issue(aygun, 1);
  EXPECT_EQ(to_hex(keys->issuer().key_id()), first);
  node.node.clock.advance(48h);
  tick();
  EXPECT_EQ(to_hex(keys->issuer().key_id()), second);
  EXPECT_EQ(check(issue(rashad, 2), known_at_first), "none");
  EXPECT_EQ(check(old, listed()), "none");
  EXPECT_EQ(entries("permit_key.rotate"), 1);
  EXPECT_EQ(entries("permit_key.retire"), 1);
  // The standby was announced 48 hours ago: the next rotation needs no wait.
  EXPECT_EQ(must(keys->rotate(official, node.now())).active_from, node.now());
}

TEST_P(SigningKeys, ChangeByThemselvesAsOftenAsIsSet) {
  const Instant began = node.now();
  node.node.clock.advance(400 * 24h);
  tick();
  EXPECT_EQ(states(), (std::vector<std::string>{"current", "standby"})) << "it isn't set: nothing changes";
  EXPECT_FALSE(keys->next_rotation(node.now()));
  node.node.clock.set(began);
  rotate_every = 30 * 24h;
  restart();
  const std::string first = keys->all()[0].id, second = keys->all()[1].id;
  EXPECT_EQ(keys->next_rotation(node.now()), began + 30 * 24h);
  const auto at = [&](std::chrono::seconds later) {
    node.node.clock.set(began + later);
    tick();
  };
  at(28 * 24h - 1s);
  EXPECT_EQ(states(), (std::vector<std::string>{"current", "standby"}));
  at(28 * 24h);  // two days ahead
  EXPECT_EQ(states(), (std::vector<std::string>{"current", "scheduled", "standby"}));
  EXPECT_EQ(keys->all()[1].active_from, began + 30 * 24h);
  EXPECT_EQ(keys->next_rotation(node.now()), began + 30 * 24h);
  restart();                            // what is announced stays so
  const permit::Keys known = listed();  // of a device that is offline from now on
  at(30 * 24h - 1s);
  const Permit old = issue(aygun, 1);  // for three hours
  EXPECT_EQ(to_hex(keys->issuer().key_id()), first);
  at(30 * 24h);
  EXPECT_EQ(to_hex(keys->issuer().key_id()), second);
  EXPECT_EQ(check(issue(rashad, 2), known), "none");
  EXPECT_EQ(entries("permit_key.rotate"), 1);
  EXPECT_EQ(entries("permit_key.retire"), 1);
  at(30 * 24h + 10min);
  EXPECT_EQ(keys->all()[0].last_until, old.valid.until);
  EXPECT_EQ(check(old, listed()), "none");
  at(30 * 24h + 3h);
  EXPECT_EQ(states(), (std::vector<std::string>{"past", "current", "standby"}));
  // A node that was off for long: devices get their two days all the same if the key is too young for it.
  EXPECT_EQ(keys->next_rotation(node.now()), began + 60 * 24h);
  at(100 * 24h);
  EXPECT_EQ(states(), (std::vector<std::string>{"past", "retired", "current", "standby"}));
  EXPECT_EQ(keys->next_rotation(node.now()), began + 130 * 24h);
}

TEST_P(SigningKeys, ARetiredKeyIsListedUntilItsLastPermitHasEnded) {
  node.node.clock.advance(48h);
  const Permit old = issue(aygun, 1);  // for three hours
  must(keys->rotate(official, node.now()));
  EXPECT_EQ(states(), (std::vector<std::string>{"retired", "current", "standby"}));
  const std::string first = keys->all()[0].id;
  EXPECT_NE(to_hex(keys->issuer().key_id()), first);
  issue(rashad, 2);
  node.node.clock.advance(5min);
  tick();
  EXPECT_EQ(keys->all()[0].last_until, old.valid.until);
  EXPECT_EQ(check(old, listed()), "none");
  node.node.clock.advance(2h);
  EXPECT_EQ(check(old, listed()), "none");
  node.node.clock.advance(1h);
  EXPECT_EQ(states(), (std::vector<std::string>{"past", "current", "standby"}));
  EXPECT_EQ(check(old, listed()), "permit.key");
}

TEST_P(SigningKeys, AWithdrawnKeyMakesAllItsPermitsInvalidAndTheyAreSignedAgain) {
  const Permit mine = issue(aygun, 1), theirs = issue(rashad, 2);
  const std::string leaked = keys->all()[0].id;
  EXPECT_EQ(code_of(keys->withdraw(leaked, "", official, node.now())), "permit.key_reason");
  EXPECT_EQ(code_of(keys->withdraw("00000000", "it leaked", official, node.now())), "permit.key_unknown");
  must(keys->withdraw(leaked, "it leaked", official, node.now()));
  EXPECT_EQ(states(), (std::vector<std::string>{"withdrawn", "current", "standby"}));
  EXPECT_EQ(check(mine, listed()), "permit.key_withdrawn");
  EXPECT_EQ(entries("permit_key.withdraw"), 1);
  EXPECT_EQ(check(issue(leyla, 3), listed()), "none");  // the next one signs at once
  node.notifier.texts.clear();
  tick();
  EXPECT_TRUE(keys->all()[0].signed_again);
  EXPECT_EQ(node.notifier.texts.size(), 2u);
  for (const Permit& permit : {mine, theirs}) {
    const Permit now = stored(permit);
    const auto before = permit::verify(as_bytes(now.token), listed());
    ASSERT_TRUE(before);
    EXPECT_EQ(before->id, permit.id.value());
    EXPECT_EQ(before->valid, permit.valid);
    EXPECT_EQ(check(permit, listed()), "permit.key_withdrawn");
  }
  must(keys->withdraw(leaked, "again", official, node.now()));  // once is enough
  EXPECT_EQ(entries("permit_key.withdraw"), 1);
  tick();
  EXPECT_EQ(node.notifier.texts.size(), 2u);
}

TEST_P(SigningKeys, AStandbyThatIsWithdrawnIsReplacedAndNothingElseChanges) {
  const std::string current = keys->all()[0].id, standby = keys->all()[1].id;
  must(keys->withdraw(standby, "its backup was found in the open", official, node.now()));
  EXPECT_EQ(states(), (std::vector<std::string>{"current", "withdrawn", "standby"}));
  EXPECT_EQ(to_hex(keys->issuer().key_id()), current);
}

TEST_P(SigningKeys, TheyOutliveARestartAtAnyPoint) {
  const Permit permit = issue(aygun, 1);
  must(keys->rotate(official, node.now()));
  restart();
  EXPECT_EQ(states(), (std::vector<std::string>{"current", "scheduled", "standby"}));
  node.node.clock.advance(48h);
  restart();  // its hour came while nobody was there
  EXPECT_EQ(to_hex(keys->issuer().key_id()), keys->all()[1].id);
  tick();
  EXPECT_EQ(states(), (std::vector<std::string>{"retired", "current", "standby"}));
  must(keys->withdraw(keys->all()[1].id, "it leaked", official, node.now()));
  restart();
  EXPECT_EQ(to_hex(keys->issuer().key_id()), keys->all()[2].id);
  EXPECT_EQ(states(), (std::vector<std::string>{"retired", "withdrawn", "current", "standby"}));
  const auto sealed = must(node.read([](store::Session& s) {
    return s.one("SELECT COUNT(*) FROM permit_keys WHERE length(sealed) > 0", {},
                 [](const store::Row& row) { return row.integer(0); });
  }));
  EXPECT_EQ(sealed, 2);  // of who signs and who stands by; what others had is deleted
}

TEST_P(SigningKeys, DontOpenUnderAnotherMasterKey) {
  SeededRandom random{8};
  const auto path =
      std::filesystem::temp_directory_path() / ("dayaq-other-" + std::to_string(::getpid()) + ".hex");
  must(crypto::MasterKey::create(path, random));
  const crypto::MasterKey other = must(crypto::MasterKey::load(path));
  std::filesystem::remove(path);
  EXPECT_EQ(code_of(PermitKeys::open(
                {.db = node.node.db(), .log = *node.node.log, .master = other, .random = random},
                std::nullopt, node.now())),
            "permit.key_sealed");
}

}  // namespace
}  // namespace dayaq::services
