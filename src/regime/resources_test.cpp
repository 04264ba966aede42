#include "regime/resources.hpp"

#include <gtest/gtest.h>

#include "base/log.hpp"
#include "regime/feed_store.hpp"
#include "support/database.hpp"

namespace dayaq::regime {
namespace {

constexpr const char* two_classes =
    "- code: education\n"
    "  name: {az: T}\n"
    "  rules: [gov-edu]\n"
    "  bases: [gov]\n"
    "  resources: [{domain: edu.az}, {prefix: 192.0.2.0/24, note: N}]\n"
    "- {code: home_tv, name: {az: K}, channels: all}\n"
    "- {code: all, name: {az: B}, everything: true}\n";

struct Resources : testing::TestWithParam<store::Engine> {
  Resources() {
    EXPECT_TRUE(log::set_level("warning"));
    EXPECT_TRUE(opened.database->migrate(feed_migrations()));
  }
  ResourceList publish(const std::string& yaml) {
    auto list = ResourceList::publish(*opened.database, *TrafficCatalogue::parse(yaml), signer, now);
    EXPECT_TRUE(list) << (list ? "" : list.error().detail);
    return list ? *list : ResourceList();
  }
  dayaq::test::OpenedDatabase opened{GetParam()};
  SeededRandom random{1};
  crypto::SigningKey signer = crypto::SigningKey::generate(random);
  Instant now = Instant(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21));
};

TEST_P(Resources, AreTheCataloguesClassesOfTrafficSigned) {
  const ResourceList list = publish(two_classes);
  const crypto::PublicKey key = signer.public_key();
  const auto read = feed::decode_resources(list.note(), std::span(&key, 1));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->version, 1u);
  EXPECT_EQ(feed::lines_of(read->classes),
            "class education\nrule gov-edu\nbase gov\ndomain edu.az\nprefix 192.0.2.0/24\nclass all\n");
}

TEST_P(Resources, HaveANewVersionWhenTheySaySomethingElseAndOnlyThen) {
  const ResourceList first = publish(two_classes);
  EXPECT_EQ(first.version(), 1u);
  std::string said_otherwise = two_classes;
  said_otherwise.replace(said_otherwise.find("{az: T}"), 7, "{az: Other}");
  said_otherwise.replace(said_otherwise.find("note: N"), 7, "note: M");
  EXPECT_EQ(publish(said_otherwise).version(), 1u) << "names and notes aren't in it";
  EXPECT_EQ(publish(two_classes).etag(), first.etag());
  std::string other = two_classes;
  other.replace(other.find("gov-edu"), 7, "gov-ed2");
  const ResourceList second = publish(other);
  EXPECT_EQ(second.version(), 2u);
  EXPECT_NE(second.etag(), first.etag());
  EXPECT_EQ(publish(other).version(), 2u);
  EXPECT_EQ(publish(two_classes).version(), 3u) << "back to what it was is a change too";
}

INSTANTIATE_TEST_SUITE_P(Engines, Resources, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& each) { return dayaq::test::name_of(each.param); });

}  // namespace
}  // namespace dayaq::regime
