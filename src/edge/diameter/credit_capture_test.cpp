// What real networks sent, as it was captured: it holds what strict parsers choke on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "edge/diameter/credit_request.hpp"
#include "edge/diameter/credit_test_support.ipp"

namespace dayaq::edge::diameter {
namespace {

using namespace testing_support;

constexpr Instant now = Instant(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21));

std::vector<Bytes> captured(std::string_view name) {
  std::ifstream file(std::string(DAYAQ_SOURCE_DIR) + "/tests/captures/" + std::string(name));
  std::vector<Bytes> messages;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line[0] != '#') messages.push_back(from_hex(line).value());
  }
  return messages;
}

TEST(CapturedKamailio, EveryMessageIsWhole) {
  const auto messages = captured("kamailio-ro-fui-killed-call.hex");
  ASSERT_EQ(messages.size(), 20u);
  for (const Bytes& message : messages) {
    EXPECT_TRUE(check_message(message)) << to_hex(message);
  }
}

TEST(CapturedKamailio, ItsRequestsAreReadWithAllTheirOddities) {
  std::vector<CreditRequest> requests;
  const auto messages = captured("kamailio-ro-fui-killed-call.hex");
  for (const Bytes& message : messages) {
    const auto header = parse_header(message);
    if (header->command != command::credit_control || !header->request()) continue;
    CreditRequest request;
    const auto fault = read_credit_request(message, {.own_host = "ocs.edge.test"}, request);
    ASSERT_FALSE(fault) << fault->result_code;
    requests.push_back(request);
  }
  ASSERT_EQ(requests.size(), 2u);
  for (const CreditRequest& request : requests) {
    EXPECT_EQ(request.origin_host, "scscf.edge.test");  // said twice
    EXPECT_EQ(request.destination_host, "ocs.edge.test");
    EXPECT_EQ(request.context, "ext.01.400.8.32260@3gpp.org");
    EXPECT_EQ(request.subscription[0], "+994501");  // within Service-Information too
    EXPECT_FALSE(request.unknown);                  // Accounting-Record-Type and -Number among them
    ASSERT_EQ(request.parts.size(), 1u);
    EXPECT_EQ(request.parts[0].rating_group, 100u);
    EXPECT_EQ(request.parts[0].service_identifiers[0], 1000u);
    EXPECT_EQ(subscription_of(request, LineKind::mobile, feed_key), key_of("994501"));
  }
  EXPECT_EQ(requests[0].type, RequestType::initial);
  EXPECT_EQ(requests[0].parts[0].asked.seconds, 30u);
  EXPECT_EQ(requests[1].type, RequestType::termination);
  EXPECT_EQ(requests[1].number, 1u);
  EXPECT_EQ(requests[1].parts[0].used.seconds, 30u);
}

TEST(CapturedKamailio, ItsCallIsAnsweredAsItsChargingSystemDid) {
  FakeEngine engine;
  engine.grants[{key_of("994501"), voice}] = {.quota = 30, .slice = 30};
  CreditControlOptions settings = options();
  settings.origin_host = "ocs.edge.test";
  settings.origin_realm = "edge.test";
  settings.threshold_percent = 0;
  CreditControl control(settings, engine);
  const auto messages = captured("kamailio-ro-fui-killed-call.hex");
  std::vector<std::string> ours, theirs;
  for (const Bytes& message : messages) {
    const auto header = parse_header(message);
    if (header->command != command::credit_control) continue;
    if (!header->request()) {
      theirs.push_back(shown_message(message));
      continue;
    }
    const Reaction reaction = control.on_request(message, "scscf.edge.test", now);
    ASSERT_EQ(reaction.kind, Reaction::Kind::answer);
    ours.push_back(shown_message(reaction.message));
  }
  ASSERT_EQ(ours.size(), 2u);
  // All but what a free measure adds: failover and CONTINUE.
  std::string opening = ours[0];
  const std::string_view open = " 418=1 427=1";
  ASSERT_NE(opening.find(open), std::string::npos);
  opening.erase(opening.find(open), open.size());
  EXPECT_EQ(opening, theirs[0]);
  EXPECT_EQ(ours[1], theirs[1]);
  EXPECT_EQ((engine.used[{key_of("994501"), voice}]), 30u);
}

}  // namespace
}  // namespace dayaq::edge::diameter
