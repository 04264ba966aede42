#include "edge/diameter/peer_messages.hpp"

#include <gtest/gtest.h>

namespace dayaq::edge::diameter {
namespace {

const Self self{.origin_host = "edge1.mobile.example",
                .origin_realm = "mobile.example",
                .origin_state_id = 77,
                .ip4 = 0x0a000001};

Header header_of(BytesView message) {
  return parse_header(message.first(header_bytes)).value();
}

TEST(CapabilitiesExchange, OffersWhatNetworksLookForBeforeTheyRoute) {
  const Bytes cea = capabilities_answer(self, header_of(capabilities_request(self, 5, 6)), result::success);
  ASSERT_TRUE(check_message(cea));
  const BytesView avps = BytesView(cea).subspan(header_bytes);
  EXPECT_EQ(find_avp(avps, avp::result_code)->u32(), result::success);
  EXPECT_EQ(find_avp(avps, avp::supported_vendor_id)->u32(), vendor_3gpp);
  EXPECT_EQ(find_avp(avps, avp::auth_application_id)->u32(), application::credit_control);
  EXPECT_EQ(find_avp(avps, avp::origin_state_id)->u32(), 77u);
  std::vector<std::uint32_t> applications;
  AvpReader reader(avps);
  for (Avp avp; reader.next(avp);) {
    if (avp.code != avp::vendor_specific_application_id) continue;
    EXPECT_EQ(find_avp(avp.data, avp::vendor_id)->u32(), vendor_3gpp);
    applications.push_back(find_avp(avp.data, avp::auth_application_id)->u32().value());
  }
  EXPECT_EQ(applications, (std::vector<std::uint32_t>{application::credit_control, application::gx}));
  EXPECT_EQ(header_of(cea).hop_by_hop, 5u);
  EXPECT_EQ(header_of(cea).end_to_end, 6u);
}

TEST(CapabilitiesExchange, IsReadWithoutAHostAddressAndWithApplicationsInsideTheVendors) {
  Bytes cer;
  Writer writer(cer);
  writer.begin({.flags = Header::request_bit, .command = command::capabilities_exchange});
  writer.text(avp::origin_host, "scscf.example");
  writer.text(avp::origin_realm, "example");
  const auto group = writer.group_begin(avp::vendor_specific_application_id);
  writer.u32(avp::vendor_id, vendor_3gpp);
  writer.u32(avp::auth_application_id, application::credit_control);
  writer.group_end(group);
  writer.end();
  const auto read = read_capabilities(cer);
  EXPECT_EQ(read.result, result::success);
  EXPECT_EQ(read.identity.origin_host, "scscf.example");
  EXPECT_TRUE(read.identity.credit_control);
  EXPECT_FALSE(read.identity.gx);
}

TEST(CapabilitiesExchange, NamesWhatIsMissingOrUnknown) {
  Bytes cer;
  Writer writer(cer);
  writer.begin({.flags = Header::request_bit, .command = command::capabilities_exchange});
  writer.text(avp::origin_host, "scscf.example");
  writer.end();
  auto read = read_capabilities(cer);
  EXPECT_EQ(read.result, result::missing_avp);
  const Bytes cea = capabilities_answer(self, header_of(cer), read.result, read.failed_avp);
  const auto failed = find_avp(BytesView(cea).subspan(header_bytes), avp::failed_avp);
  ASSERT_TRUE(failed);
  EXPECT_TRUE(find_avp(failed->data, avp::origin_realm));

  cer.clear();
  writer.begin({.flags = Header::request_bit, .command = command::capabilities_exchange});
  writer.text(avp::origin_host, "scscf.example");
  writer.text(avp::origin_realm, "example");
  writer.u32(40'000'000, 1);
  writer.end();
  read = read_capabilities(cer);
  EXPECT_EQ(read.result, result::avp_unsupported);
  EXPECT_FALSE(read.failed_avp.empty());
}

TEST(Refusal, CopiesSessionAndProxiesInOrderAndSetsTheErrorBitFor3xxxAlone) {
  Bytes ccr;
  Writer writer(ccr);
  writer.begin({.flags = Header::request_bit | Header::proxiable_bit,
                .command = command::credit_control,
                .application = application::credit_control,
                .hop_by_hop = 8,
                .end_to_end = 9});
  writer.text(avp::session_id, "s;1;2");
  for (const char* host : {"p1", "p2"}) {
    const auto group = writer.group_begin(avp::proxy_info);
    writer.text(avp::proxy_host, host);
    writer.group_end(group);
  }
  writer.end();
  const Bytes answer = refusal(self, ccr, result::realm_not_served);
  ASSERT_TRUE(check_message(answer));
  EXPECT_EQ(header_of(answer).flags, Header::proxiable_bit | Header::error_bit);
  std::vector<std::string> proxies;
  AvpReader reader(BytesView(answer).subspan(header_bytes));
  for (Avp avp; reader.next(avp);) {
    if (avp.code == avp::proxy_info) proxies.emplace_back(find_avp(avp.data, avp::proxy_host)->text());
  }
  EXPECT_EQ(proxies, (std::vector<std::string>{"p1", "p2"}));
  EXPECT_EQ(find_avp(BytesView(answer).subspan(header_bytes), avp::session_id)->text(), "s;1;2");
  EXPECT_EQ(header_of(refusal(self, ccr, result::unable_to_comply)).flags, Header::proxiable_bit);
}

TEST(Refusal, AnswersARequestOfWhichNothingCanBeRead) {
  const Bytes request(header_bytes, std::byte{0xff});
  EXPECT_TRUE(check_message(refusal(self, request, result::unsupported_version)));
}

TEST(Routing, FindsALoopByItsRouteRecordWithoutRegardToCase) {
  const Bytes request = with_route_record(watchdog_request(self, 1, 2), "EDGE1.mobile.example");
  ASSERT_TRUE(check_message(request));
  EXPECT_TRUE(route_facts(request, self.origin_host).looped);
  EXPECT_FALSE(route_facts(request, "edge2.mobile.example").looped);
}

TEST(EndToEnd, BeginsWithTheTimeAndDiffersEachTime) {
  EndToEnd ids(0x12345678, 0xfffffffe);
  EXPECT_EQ(ids.next(), 0x678ffffeu);
  EXPECT_EQ(ids.next(), 0x678fffffu);
  EXPECT_EQ(ids.next(), 0x67800000u);
}

}  // namespace
}  // namespace dayaq::edge::diameter
