#include <gtest/gtest.h>

#include "edge/diameter/node.hpp"
#include "edge/diameter/node_test_support.ipp"

namespace dayaq::edge::diameter {
namespace {

struct RelayToTwo : NodeFixture {
  TestSystem first_place, second_place;
  std::optional<TestPeer> first, second, pgw;

  void open() {
    options.charging_systems = {{.origin_host = "ocs1.example", .address = first_place.address()},
                                {.origin_host = "ocs2.example", .address = second_place.address()}};
    options.reconnect = 200ms;
    start();
    first.emplace(first_place.accept("ocs1.example"));
    second.emplace(second_place.accept("ocs2.example"));
    ASSERT_TRUE(
        eventually([&] { return state("ocs1.example") == "open" && state("ocs2.example") == "open"; }));
    pgw.emplace(TestPeer::client(node->port()));
  }
  std::string state(std::string_view name) const {
    for (const auto& [host, what] : node->counts().peers) {
      if (host == name) return what;
    }
    return "";
  }
  /// The next credit-control request, past watchdogs (which are answered).
  static std::optional<Bytes> request_at(TestPeer& system, std::string_view name) {
    while (auto message = system.receive()) {
      const Header header = header_of(*message);
      if (header.command == command::credit_control) return message;
      if (header.request()) system.send(base_answer({.origin_host = std::string(name)}, header, 2001));
    }
    return std::nullopt;
  }
  static std::string origin_of(const Bytes& answer) {
    return std::string(find_avp(BytesView(answer).subspan(header_bytes), avp::origin_host)->text());
  }
};

TEST_F(RelayToTwo, BringsARequestToThePreferredAndItsAnswerBack) {
  open();
  pgw->send(credit_request("relay;1", 7));
  const auto request = request_at(*first, "ocs1.example");
  ASSERT_TRUE(request);
  EXPECT_FALSE(header_of(*request).retransmitted());
  EXPECT_EQ(header_of(*request).end_to_end, 1'000'007u);
  EXPECT_TRUE(route_facts(*request, "pgw.example").looped) << "its Route-Record names who sent it";
  first->send(credit_answer(*request, "ocs1.example"));
  const auto answer = pgw->receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(header_of(*answer).hop_by_hop, 7u);
  EXPECT_EQ(origin_of(*answer), "ocs1.example");
}

TEST_F(RelayToTwo, SendsWhatADeadOneHadToTheOtherWithTheTBit) {
  open();
  for (std::uint32_t i = 0; i < 20; ++i) pgw->send(credit_request("relay;" + std::to_string(i), i));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(request_at(*first, "ocs1.example"));
  first->close();
  for (int i = 0; i < 20; ++i) {
    const auto request = request_at(*second, "ocs2.example");
    ASSERT_TRUE(request);
    EXPECT_TRUE(header_of(*request).retransmitted());
    second->send(credit_answer(*request, "ocs2.example"));
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(pgw->receive_result(), result::success);
  EXPECT_EQ(charging->upstream_answers, 20);
  // It comes back: tried after Tc, used once it has answered three watchdogs; until then the other is.
  first.emplace(first_place.accept("ocs1.example"));
  ASSERT_TRUE(eventually([&] { return state("ocs1.example") == "reopening"; }));
  pgw->send(credit_request("relay;x", 99));
  ASSERT_TRUE(request_at(*second, "ocs2.example"));
}

TEST_F(RelayToTwo, DropsALateAnswerAfterFailover) {
  options.relay_timeout = 1000ms;
  open();
  pgw->send(credit_request("relay;late", 5));
  const auto late = request_at(*first, "ocs1.example");
  ASSERT_TRUE(late);
  const auto again = request_at(*second, "ocs2.example");  // after half of its time
  ASSERT_TRUE(again);
  EXPECT_TRUE(header_of(*again).retransmitted());
  first->send(credit_answer(*late, "ocs1.example"));
  second->send(credit_answer(*again, "ocs2.example"));
  const auto answer = pgw->receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(origin_of(*answer), "ocs2.example");
  EXPECT_FALSE(pgw->receive(200ms)) << "one request, one answer";
  EXPECT_TRUE(eventually([&] { return node->counts().mismatched == 1; }));
}

TEST_F(RelayToTwo, TakesABusyOneAsAReasonToAskTheOther) {
  open();
  pgw->send(credit_request("relay;busy", 5));
  const auto request = request_at(*first, "ocs1.example");
  ASSERT_TRUE(request);
  first->send(credit_answer(*request, "ocs1.example", result::too_busy));
  const auto again = request_at(*second, "ocs2.example");
  ASSERT_TRUE(again);
  second->send(credit_answer(*again, "ocs2.example", result::too_busy));
  EXPECT_EQ(pgw->receive_result(), result::too_busy) << "both are busy: so it is";
}

TEST_F(RelayToTwo, TurnsFromASuspectToTheOtherBeforeItIsGivenUp) {
  options.watchdog = 300ms;
  options.relay_timeout = 60s;
  open();
  pgw->send(credit_request("relay;1", 5));
  ASSERT_TRUE(request_at(*first, "ocs1.example"));  // and then it says nothing more
  const auto again = request_at(*second, "ocs2.example");
  ASSERT_TRUE(again);
  EXPECT_TRUE(header_of(*again).retransmitted());
  EXPECT_TRUE(eventually([&] { return state("ocs1.example") != "open"; }));
}

TEST_F(RelayToTwo, SaysThatItCantBeDeliveredWhenThereIsNobody) {
  options.relay_timeout = 400ms;
  options.charging_systems.clear();
  start();
  pgw.emplace(TestPeer::client(node->port()));
  pgw->send(credit_request("relay;1", 5));
  EXPECT_EQ(pgw->receive_result(), result::unable_to_deliver);
  EXPECT_EQ(charging->upstream_answers, 1);
}

TEST_F(RelayToTwo, AnswersInTimeWhenAllAreSilent) {
  options.relay_timeout = 400ms;
  open();
  const auto began = std::chrono::steady_clock::now();
  pgw->send(credit_request("relay;1", 5));
  EXPECT_EQ(pgw->receive_result(), result::unable_to_deliver);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 1500ms);
  EXPECT_TRUE(eventually([&] { return node->counts().relay_failed == 1; }));
}

TEST_F(RelayToTwo, BringsAChargingSystemsRequestToWhoHoldsTheSession) {
  open();
  const auto rar = [](std::string_view to) {
    Bytes out;
    Writer writer(out);
    writer.begin({.flags = Header::request_bit | Header::proxiable_bit,
                  .command = command::re_auth,
                  .application = application::credit_control,
                  .hop_by_hop = 700,
                  .end_to_end = 701});
    writer.text(avp::session_id, "s;1");
    writer.text(avp::destination_host, to);
    writer.end();
    return out;
  };
  first->send(rar("pgw.example"));
  const auto request = pgw->receive();
  ASSERT_TRUE(request);
  EXPECT_EQ(header_of(*request).command, command::re_auth);
  pgw->send(base_answer({.origin_host = "pgw.example"}, header_of(*request), result::limited_success));
  const auto answer = first->receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(header_of(*answer).hop_by_hop, 700u);
  EXPECT_EQ(result_code_of(*answer), result::limited_success);
  first->send(rar("nobody.example"));
  EXPECT_EQ(first->receive_result(), result::unable_to_deliver);
}

TEST_F(RelayToTwo, ConnectsAgainToOneThatSaidItWasRebooting) {
  open();
  first->send(disconnect_request({.origin_host = "ocs1.example"}, disconnect_cause::rebooting, 1, 2));
  const auto dpa = first->receive();
  ASSERT_TRUE(dpa);
  EXPECT_EQ(header_of(*dpa).command, command::disconnect_peer);
  pgw->send(credit_request("relay;1", 5));
  ASSERT_TRUE(request_at(*second, "ocs2.example")) << "it is used no more";
  first->close();
  first.emplace(first_place.accept("ocs1.example"));
}

TEST_F(RelayToTwo, ChangesItsChargingSystemsWhileTheyAreAsked) {
  options.relay_timeout = 60s;
  open();
  pgw->send(credit_request("relay;1", 5));
  const auto under_way = request_at(*first, "ocs1.example");
  ASSERT_TRUE(under_way);
  TestSystem third_place;
  node->use_charging_systems({{.origin_host = "ocs3.example", .address = third_place.address()},
                              {.origin_host = "ocs2.example", .address = second_place.address()}});
  TestPeer third = third_place.accept("ocs3.example");
  ASSERT_TRUE(eventually([&] { return state("ocs3.example") == "open" && state("ocs1.example") == "leaving"; }));
  EXPECT_EQ(state("ocs2.example"), "open") << "who stays notices nothing";
  pgw->send(credit_request("relay;2", 6));
  const auto preferred = request_at(third, "ocs3.example");
  ASSERT_TRUE(preferred);
  third.send(credit_answer(*preferred, "ocs3.example"));
  EXPECT_EQ(pgw->receive_result(), result::success);
  // What the one that is gone was asked it may still answer; then it is told to leave.
  first->send(credit_answer(*under_way, "ocs1.example"));
  const auto late = pgw->receive();
  ASSERT_TRUE(late);
  EXPECT_EQ(origin_of(*late), "ocs1.example");
  std::optional<Bytes> told;
  while ((told = first->receive()) && header_of(*told).command != command::disconnect_peer) {
  }
  ASSERT_TRUE(told);
  first->close();
  ASSERT_TRUE(eventually([&] { return state("ocs1.example").empty(); }));
  // And back again, in a place that has become free: at once, since it left in order.
  node->use_charging_systems({{.origin_host = "ocs1.example", .address = first_place.address()}});
  first.emplace(first_place.accept("ocs1.example"));
  ASSERT_TRUE(eventually([&] { return state("ocs1.example") == "open"; }));
  pgw->send(credit_request("relay;3", 7));
  ASSERT_TRUE(request_at(*first, "ocs1.example"));
  for (TestPeer* leaving : {&*second, &third}) {
    while ((told = leaving->receive()) && header_of(*told).command != command::disconnect_peer) {
    }
    leaving->close();
  }
  ASSERT_TRUE(eventually([&] { return node->counts().peers.size() == 2; })) << "pgw and ocs1 alone";
  node->use_charging_systems({});
  pgw->send(credit_request("relay;4", 8));
  EXPECT_EQ(pgw->receive_result(), result::unable_to_deliver) << "there is nobody now";
}

}  // namespace
}  // namespace dayaq::edge::diameter
