#include "edge/diameter/message.hpp"

#include <gtest/gtest.h>

#include "edge/diameter/dictionary.hpp"

namespace dayaq::edge::diameter {
namespace {

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}

constexpr Header ccr{.length = 0,
                     .flags = 0xc0,
                     .command = 272,
                     .application = 4,
                     .hop_by_hop = 0x01020304,
                     .end_to_end = 0xa0b0c0d0};

Bytes with_avps(BytesView avps) {
  Bytes out;
  Writer writer(out);
  writer.begin(ccr);
  out.insert(out.end(), avps.begin(), avps.end());
  writer.end();
  return out;
}

TEST(DiameterMessage, IsWrittenAsRfc6733DrawsIt) {
  Bytes out;
  Writer writer(out);
  writer.begin(ccr);
  writer.text(avp::session_id, "a;b;1");
  writer.u32(avp::cc_request_type, 1);
  writer.u64(avp::cc_total_octets, 0x1122334455667788);
  writer.u32(avp::volume_quota_threshold, 7, vendor_3gpp, false);
  const auto group = writer.group_begin(avp::granted_service_unit);
  writer.u32(avp::cc_time, 60);
  writer.group_end(group);
  writer.end();
  EXPECT_EQ(to_hex(out),
            "01000064c00001100000000401020304a0b0c0d0"
            "000001074000000d613b623b31000000"
            "000001a04000000c00000001"
            "000001a5400000101122334455667788"
            "0000036580000010000028af00000007"
            "000001af40000014000001a44000000c0000003c");
}

TEST(DiameterMessage, ReadsWhatItWrote) {
  Bytes avps;
  Writer writer(avps);
  writer.text(avp::session_id, "a;b;1");
  writer.u32(avp::volume_quota_threshold, 7, vendor_3gpp, false);
  writer.u64(avp::cc_total_octets, 1ull << 40);
  const Bytes message = with_avps(avps);
  const auto header = parse_header(message);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->length, message.size());
  EXPECT_EQ(header->command, 272u);
  EXPECT_EQ(header->application, 4u);
  EXPECT_EQ(header->hop_by_hop, 0x01020304u);
  EXPECT_EQ(header->end_to_end, 0xa0b0c0d0u);
  EXPECT_TRUE(header->request());
  EXPECT_FALSE(header->retransmitted());
  AvpReader reader(BytesView(message).subspan(header_bytes));
  Avp avp;
  ASSERT_TRUE(reader.next(avp));
  EXPECT_EQ(avp.text(), "a;b;1");
  EXPECT_TRUE(avp.mandatory());
  EXPECT_EQ(avp.whole.size(), 16u);
  ASSERT_TRUE(reader.next(avp));
  EXPECT_EQ(avp.vendor, vendor_3gpp);
  EXPECT_EQ(avp.u32(), 7u);
  EXPECT_FALSE(avp.u64());
  EXPECT_FALSE(avp.mandatory());
  ASSERT_TRUE(reader.next(avp));
  EXPECT_EQ(avp.u64(), 1ull << 40);
  EXPECT_FALSE(avp.u32());
  EXPECT_FALSE(reader.next(avp));
  EXPECT_FALSE(reader.failed());
  EXPECT_TRUE(check_message(message));
}

TEST(DiameterMessage, EveryTruncationIsRefused) {
  Bytes avps;
  Writer writer(avps);
  writer.text(avp::session_id, "session");
  const auto group = writer.group_begin(avp::multiple_services_credit_control);
  writer.u32(avp::rating_group, 5);
  writer.group_end(group);
  const Bytes message = with_avps(avps);
  for (std::size_t bytes = 0; bytes < message.size(); ++bytes) {
    EXPECT_FALSE(check_message(BytesView(message).first(bytes))) << bytes;
  }
  EXPECT_TRUE(check_message(message));
}

TEST(DiameterMessage, HeadersThatCannotBeAreRefused) {
  const auto code = [](std::string_view text) {
    const auto header = parse_header(hex(text));
    return header ? std::string_view("accepted") : header.error().code;
  };
  EXPECT_EQ(code("01000014c0000110"), "diameter.header");
  EXPECT_EQ(code("02000014c00001100000000400000000a0b0c0d0"), "diameter.version");
  EXPECT_EQ(code("01000013c00001100000000400000000a0b0c0d0"), "diameter.length");
  EXPECT_EQ(code("01000016c00001100000000400000000a0b0c0d0"), "diameter.length");
  EXPECT_EQ(code("01fffffcc00001100000000400000000a0b0c0d0"), "diameter.length");
  EXPECT_EQ(code("01000014c00001100000000400000000a0b0c0d0"), "accepted");
}

TEST(DiameterMessage, LengthsThatLieEndTheWalk) {
  for (const std::string_view lie : {
           "0000010740000007",                  // less than its own header: would loop
           "0000010740000000",                  // nothing
           "000001074000000c",                  // more than there is
           "0000010740ffffff61626364",          // much more than there is
           "00000107c000000b000028af61626300",  // less than a header with a vendor
           "000001074000",                      // not even a header
       }) {
    const Bytes avps = hex(lie);
    AvpReader reader(avps);
    Avp avp;
    EXPECT_FALSE(reader.next(avp)) << lie;
    EXPECT_TRUE(reader.failed()) << lie;
    EXPECT_EQ(reader.rest().size(), avps.size()) << lie;
    EXPECT_FALSE(reader.next(avp)) << lie;
  }
}

TEST(DiameterMessage, TheLastPaddingOfAGroupMayBeMissing) {
  const Bytes avps = hex("000001074000000961");
  AvpReader reader(avps);
  Avp avp;
  ASSERT_TRUE(reader.next(avp));
  EXPECT_EQ(avp.text(), "a");
  EXPECT_FALSE(reader.next(avp));
  EXPECT_FALSE(reader.failed());
  Bytes copied;
  Writer(copied).copy(avp);
  EXPECT_EQ(to_hex(copied), "000001074000000961000000");
}

TEST(DiameterMessage, GroupsNestEightDeepAndNoDeeper) {
  const auto nested = [](int depth) {
    Bytes avps;
    Writer writer(avps);
    std::vector<std::size_t> groups;
    for (int i = 0; i < depth; ++i) groups.push_back(writer.group_begin(avp::failed_avp));
    for (; !groups.empty(); groups.pop_back()) writer.group_end(groups.back());
    return with_avps(avps);
  };
  EXPECT_TRUE(check_message(nested(depth_max - 1)));
  const auto deep = check_message(nested(depth_max));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().code, "diameter.depth");
  EXPECT_FALSE(check_message(nested(10000)));  // and costs no stack
}

TEST(DiameterMessage, ABrokenAvpInsideAGroupIsFound) {
  Bytes avps;
  Writer writer(avps);
  const auto group = writer.group_begin(avp::multiple_services_credit_control);
  const Bytes lie = hex("000001b040000fff00000001");
  avps.insert(avps.end(), lie.begin(), lie.end());
  writer.group_end(group);
  const auto checked = check_message(with_avps(avps));
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, "diameter.avp");
}

TEST(DiameterMessage, ARelayChangesTwoFieldsInPlace) {
  Bytes message = with_avps({});
  set_hop_by_hop(message, 77);
  set_end_to_end(message, 88);
  EXPECT_EQ(parse_header(message)->hop_by_hop, 77u);
  EXPECT_EQ(parse_header(message)->end_to_end, 88u);
}

TEST(DiameterDictionary, KnowsWhatNetworksSend) {
  EXPECT_TRUE(known_avp(avp::session_id, 0));
  EXPECT_TRUE(known_avp(480, 0));
  EXPECT_TRUE(known_avp(avp::service_information, vendor_3gpp));
  EXPECT_FALSE(known_avp(avp::service_information, 9));
  EXPECT_FALSE(known_avp(99999, 0));
  EXPECT_FALSE(known_avp(99999, vendor_3gpp));
  EXPECT_TRUE(grouped_avp(avp::failed_avp, 0));
  EXPECT_TRUE(grouped_avp(avp::service_information, vendor_3gpp));
  EXPECT_FALSE(grouped_avp(avp::session_id, 0));
}

}  // namespace
}  // namespace dayaq::edge::diameter
