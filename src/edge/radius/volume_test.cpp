// Volumes for network access servers that count by themselves.
#include "edge/radius/volume.hpp"

#include "edge/radius/responder_test_support.ipp"

namespace dayaq::edge::radius {
namespace {

using namespace testing_support;

TEST(Volume, FillsInWhatIsTheSessionsOwn) {
  const std::vector<std::string> texts{
      "Mikrotik-Total-Limit={total}", "Mikrotik-Total-Limit-Gigawords={gigawords}",
      "Alc-Credit-Control-Quota={left}|0|all", "Huawei-Remanent-Volume={kilobytes}"};
  const auto volume = VolumeAttributes::create(texts);
  ASSERT_TRUE(volume);
  const std::uint64_t octets = (std::uint64_t(5) << 32) + 7, total = octets + 4096;
  AttributeList expected;
  for (const char* text : {"Mikrotik-Total-Limit=4103", "Mikrotik-Total-Limit-Gigawords=5",
                           "Alc-Credit-Control-Quota=4096|0|all", "Huawei-Remanent-Volume=4"}) {
    ASSERT_TRUE(add_attribute(text, expected));
  }
  EXPECT_EQ(volume->encoded(octets, total), expected.encoded);
  EXPECT_EQ(volume->kinds().size(), 4u);
}

TEST(Volume, IsRefusedWithWhatIsWrong) {
  const auto code_of = [](const std::string& text) {
    const auto made = VolumeAttributes::create(std::span(&text, 1));
    return made ? std::string() : std::string(made.error().code);
  };
  EXPECT_EQ(code_of("Huawei-Remanent-Volume={kilobytes}"), "");
  for (const char* text : {"Huawei-Remanent-Volume=5", "Huawei-Remanent-Volume={much}", "No-Such={left}",
                           "Mikrotik-Total-Limit={total}", "Session-Timeout={left}{", "Class={left}"}) {
    EXPECT_EQ(code_of(text), "radius.attribute") << text;
  }
}

struct VolumeSessions : RadiusResponder {
  void SetUp() override {
    options.accept_without_password = true;
    options.volume = {"Mikrotik-Total-Limit={total}", "Mikrotik-Total-Limit-Gigawords={gigawords}"};
    options.volume_slice = 1000;
    start();
  }
  /// What a packet says of Mikrotik-Total-Limit, its gigawords above.
  static std::optional<std::uint64_t> bound_in(const Packet& packet) {
    std::optional<std::uint64_t> low, high;
    for (const std::string& value : all(packet, type::vendor_specific)) {
      BytesView rest = as_bytes(std::string_view(value));
      std::uint32_t vendor = 0;
      Attribute attribute;
      if (!take_vendor(rest, vendor) || vendor != 14988) continue;
      while (take_attribute(rest, attribute)) {
        if (attribute.type == 17) low = read_be32(attribute.value);
        if (attribute.type == 18) high = read_be32(attribute.value);
      }
    }
    return low && high ? std::optional(*high << 32 | *low) : std::nullopt;
  }
  /// The bound of the change that goes out now, which is taken.
  std::optional<std::uint64_t> told() {
    const auto out = tick(std::chrono::milliseconds(200));
    if (out.empty()) return std::nullopt;
    const Packet change = *Packet::parse(kept.emplace_back(out[0].bytes));
    answer_change(change, Code::coa_ack);
    return bound_in(change).value_or(0);
  }
  void report(std::uint32_t status, std::uint64_t octets) {
    send(accounting(status, "s1", "u1", octets, 0), true);
  }
};

TEST_F(VolumeSessions, AreBoundedSliceBySliceAndRefreshedBeforeASliceEnds) {
  engine.grants[key_of("u1")] = {.everything = true, .quota = 5000, .limited_after = false};
  const Bytes request = access("u1");
  EXPECT_EQ(bound_in(only(send(request, false), Way::reply, &request)), 1000u);
  report(1, 0);
  EXPECT_EQ(told(), 1000u) << "as it is reserved";
  report(3, 400);
  EXPECT_EQ(told(), std::nullopt) << "more than half is left";
  EXPECT_EQ(engine.asked.back().requested, 600u);
  report(3, 900);
  EXPECT_EQ(told(), 1900u);
  report(3, 900);
  EXPECT_EQ(told(), std::nullopt);
  report(3, 4700);
  EXPECT_EQ(told(), 5000u) << "all that is left";
}

TEST_F(VolumeSessions, AreNotCutOffWhereLimitedServiceFollows) {
  engine.grants[key_of("u1")] = {.everything = true, .quota = 1500, .limited_after = true};
  report(1, 0);
  EXPECT_EQ(told(), 1000u);
  report(3, 900);
  EXPECT_EQ(told(), no_bound) << "the last slice is none";
  report(3, 1600);
  const auto out = tick();
  EXPECT_THAT(all(only(out, Way::change), type::filter_id), ElementsAre("limited"));
}

TEST_F(VolumeSessions, AreFreedWhenTheirQuotaOrTheirGrantGoes) {
  engine.grants[key_of("u1")] = {.everything = true, .quota = 5000};
  report(1, 0);
  EXPECT_EQ(told(), 1000u);
  engine.grants.clear();
  const SubscriptionKey keys[] = {key_of("u1")};
  responder->re_authorise(keys, now);
  EXPECT_EQ(told(), no_bound);
}

TEST_F(VolumeSessions, WithoutAQuotaHaveNoBound) {
  engine.grants[key_of("u1")].everything = true;
  const Bytes request = access("u1");
  EXPECT_EQ(bound_in(only(send(request, false), Way::reply, &request)), std::nullopt);
  report(1, 0);
  tick();
  report(3, 900);
  EXPECT_EQ(told().value_or(0), 0u);
}

}  // namespace
}  // namespace dayaq::edge::radius
