// What is wrong with a request is said exactly, and never brings the edge down.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.hpp"
#include "edge/diameter/credit_test_support.ipp"

namespace dayaq::edge::diameter {
namespace {

using namespace testing_support;

constexpr Instant now = Instant(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21));

struct CreditFaults : testing::Test {
  FakeEngine engine;
  CreditControlOptions settings = options();
  std::unique_ptr<CreditControl> control;

  void SetUp() override { engine.grants[{key_of("994501234567"), data}] = {}; }
  Reaction send(BytesView bytes) {
    if (!control) control = std::make_unique<CreditControl>(settings, engine);
    return control->on_request(bytes, "pgw.test", now);
  }
  std::string answer(const Ccr& ccr) {
    const Reaction reaction = send(ccr.build());
    EXPECT_EQ(reaction.kind, Reaction::Kind::answer);
    return shown_message(reaction.message);
  }
  static Bytes without(BytesView message, std::uint32_t code) {
    Bytes out;
    Writer writer(out);
    writer.begin(*parse_header(message));
    AvpReader reader(message.subspan(header_bytes));
    Avp avp;
    while (reader.next(avp)) {
      if (avp.code != code) writer.copy(avp);
    }
    writer.end();
    return out;
  }
};

TEST_F(CreditFaults, UnknownMandatoryAvpsAreNamed) {
  Ccr ccr = Ccr{}.part({.group = 1});
  Writer(ccr.more).u32(99999, 5);
  EXPECT_EQ(answer(ccr),
            "263=pgw.test;1;1 268=5001 264=edge.test 296=operator.test 258=4 416=1 415=0 279{99999=5}");
  EXPECT_TRUE(engine.asks.empty());  // nothing was counted or reserved
  EXPECT_EQ(parse_header(send(ccr.build()).message)->flags & Header::error_bit, 0);
}

TEST_F(CreditFaults, UnknownMandatoryAvpsInsideAPartToo) {
  Ccr ccr;
  Writer writer(ccr.more);
  const auto group = writer.group_begin(avp::multiple_services_credit_control);
  writer.u32(avp::rating_group, 1);
  writer.text(4242, "x", 9);
  writer.group_end(group);
  EXPECT_THAT(answer(ccr), testing::HasSubstr("268=5001 264=edge.test 296=operator.test 258=4 416=1 415=0 "
                                              "279{4242=x}"));
}

TEST_F(CreditFaults, UnknownAvpsWithoutTheBitOrOfAnUnderstoodVendorAreLetPass) {
  Ccr ccr = Ccr{}.part({.group = 1});
  Writer(ccr.more).u32(99999, 5, 0, false);
  EXPECT_THAT(answer(ccr), testing::HasSubstr("268=2001"));
  control.reset();
  settings.understood_vendors = {2011};
  Ccr vendor = Ccr{.session = "v"}.part({.group = 1});
  Writer(vendor.more).u32(20999, 5, 2011);
  EXPECT_THAT(answer(vendor), testing::HasSubstr("268=2001"));
}

TEST_F(CreditFaults, EachMissingAvpIsNamedByAnExample) {
  const Bytes whole = Ccr{}.part({.group = 1}).build();
  for (const std::uint32_t code :
       {avp::session_id, avp::origin_host, avp::origin_realm, avp::destination_realm,
        avp::auth_application_id, avp::service_context_id, avp::cc_request_type, avp::cc_request_number}) {
    const std::string shown = shown_message(send(without(whole, code)).message);
    EXPECT_THAT(shown, testing::HasSubstr("268=5005")) << code;
    EXPECT_THAT(shown, testing::HasSubstr("279{" + std::to_string(code) + "=")) << code;
  }
  Ccr event{.type = 4};
  EXPECT_THAT(answer(event),
              testing::AllOf(testing::HasSubstr("268=5005"), testing::HasSubstr("279{436=0}")));
}

TEST_F(CreditFaults, TheApplicationMayBeSaidAsKamailioDoes) {
  Bytes bytes = without(Ccr{}.part({.group = 1}).build(), avp::auth_application_id);
  Writer writer(bytes);
  const auto group = writer.group_begin(avp::vendor_specific_application_id);
  writer.u32(avp::vendor_id, vendor_3gpp);
  writer.u32(avp::auth_application_id, 4);
  writer.group_end(group);
  bytes[2] = std::byte(bytes.size() >> 8);
  bytes[3] = std::byte(bytes.size() & 0xff);
  EXPECT_THAT(shown_message(send(bytes).message), testing::HasSubstr("268=2001"));
}

TEST_F(CreditFaults, ValuesThatCannotBeAreNamed) {
  EXPECT_THAT(answer(Ccr{.type = 9}),
              testing::AllOf(testing::HasSubstr("268=5004"), testing::HasSubstr("279{416=9}")));
  Bytes other = without(Ccr{}.build(), avp::auth_application_id);
  Writer(other).u32(avp::auth_application_id, 5);
  other[2] = std::byte(other.size() >> 8);
  other[3] = std::byte(other.size() & 0xff);
  EXPECT_THAT(shown_message(send(other).message), testing::HasSubstr("279{258=5}"));
  Ccr twice = Ccr{.number = 3};
  Writer(twice.more).u32(avp::cc_request_number, 4);
  EXPECT_THAT(answer(twice),
              testing::AllOf(testing::HasSubstr("268=5009"), testing::HasSubstr("279{415=4}")));
  Ccr short_number = Ccr{};
  Writer(short_number.more).bytes(avp::multiple_services_indicator, Bytes(2));
  EXPECT_THAT(answer(short_number),
              testing::AllOf(testing::HasSubstr("268=5014"), testing::HasSubstr("279{455=0}")));
}

TEST_F(CreditFaults, LengthsThatLieAre5014AtAnyDepth) {
  for (const std::string_view lie : {"000001b040ffffff", "000001b040000003", "000001b0400000ff00000001"}) {
    Ccr top;
    top.more = from_hex(lie).value();
    while (top.more.size() % 4 != 0) top.more.push_back(std::byte(0));
    EXPECT_THAT(answer(top), testing::AllOf(testing::HasSubstr("268=5014"), testing::HasSubstr("279{432=")))
        << lie;
    Ccr inside;
    Writer writer(inside.more);
    const auto part = writer.group_begin(avp::multiple_services_credit_control);
    const auto used = writer.group_begin(avp::used_service_unit);
    const Bytes bytes = from_hex(lie).value();
    inside.more.insert(inside.more.end(), bytes.begin(), bytes.end());
    writer.group_end(used);
    writer.group_end(part);
    EXPECT_THAT(answer(inside), testing::HasSubstr("268=5014")) << lie;
  }
}

TEST_F(CreditFaults, ProtocolErrorsSetTheErrorBitAndSayNothingElse) {
  const auto protocol_error = [&](const Bytes& bytes, std::string_view expected) {
    const Reaction reaction = send(bytes);
    EXPECT_EQ(shown_message(reaction.message), expected);
    EXPECT_NE(parse_header(reaction.message)->flags & Header::error_bit, 0);
  };
  Bytes command = Ccr{}.build();
  command[7] = std::byte(15);  // 271, Accounting
  protocol_error(command, "263=pgw.test;1;1 268=3001 264=edge.test 296=operator.test");
  Bytes application = Ccr{}.build();
  application[11] = std::byte(3);
  protocol_error(application, "263=pgw.test;1;1 268=3007 264=edge.test 296=operator.test");
  protocol_error(Ccr{.flags = 0xe0}.build(), "263=pgw.test;1;1 268=3008 264=edge.test 296=operator.test");
  Ccr looped;
  Writer(looped.more).text(avp::route_record, "edge.test");
  protocol_error(looped.build(), "263=pgw.test;1;1 268=3005 264=edge.test 296=operator.test");
}

TEST_F(CreditFaults, WhatIsNoRequestEndsTheConnection) {
  EXPECT_EQ(send({}).kind, Reaction::Kind::close);
  EXPECT_EQ(send(Bytes(19)).kind, Reaction::Kind::close);
  EXPECT_EQ(send(Bytes(2000)).kind, Reaction::Kind::close);
  EXPECT_EQ(send(Ccr{.flags = 0x40}.build()).kind, Reaction::Kind::close);
  const Bytes whole = Ccr{}.build();
  EXPECT_EQ(send(BytesView(whole).first(whole.size() - 4)).kind, Reaction::Kind::close);
}

TEST_F(CreditFaults, TooManyPartsAreRefused) {
  Ccr ccr;
  for (std::uint32_t i = 0; i < 256; ++i) ccr.part({.group = i});
  EXPECT_THAT(answer(ccr), testing::HasSubstr("268=2001"));
  ccr.session = "more";
  ccr.part({.group = 999});
  EXPECT_THAT(answer(ccr), testing::HasSubstr("268=5009"));
}

TEST_F(CreditFaults, AnyDamagedRequestIsAnsweredByAWholeMessage) {
  SeededRandom random(7);
  const Bytes whole =
      Ccr{.type = 2, .number = 3}.part({.group = 1, .service = 7, .octets = 500, .seconds = 3}).build();
  for (int round = 0; round < 20000; ++round) {
    Bytes damaged = whole;
    for (std::uint64_t i = 0, n = 1 + random.next() % 4; i < n; ++i) {
      damaged[4 + random.next() % (damaged.size() - 4)] = std::byte(random.next() & 0xff);
    }
    const Reaction reaction = send(damaged);
    if (reaction.kind == Reaction::Kind::answer) {
      ASSERT_TRUE(check_message(reaction.message)) << to_hex(damaged) << " -> " << to_hex(reaction.message);
    }
  }
}

}  // namespace
}  // namespace dayaq::edge::diameter
