#include "edge/diameter/node.hpp"

#include <gtest/gtest.h>

#include <set>

#include "edge/diameter/node_test_support.ipp"

namespace dayaq::edge::diameter {
namespace {

struct NodeOnLoopback : NodeFixture {};

TEST_F(NodeOnLoopback, AnswersARequestWithItsOwnIdentifiers) {
  start();
  TestPeer peer = TestPeer::client(node->port());
  peer.send(credit_request("s;1", 7));
  const auto answer = peer.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(result_code_of(*answer), result::success);
  EXPECT_EQ(header_of(*answer).hop_by_hop, 7u);
  EXPECT_EQ(header_of(*answer).end_to_end, 1'000'007u);
}

TEST_F(NodeOnLoopback, TakesManyMessagesOfAReadAndOneInSingleBytes) {
  start();
  TestPeer peer = TestPeer::client(node->port());
  Bytes many;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const Bytes one = credit_request("s;" + std::to_string(i), i);
    many.insert(many.end(), one.begin(), one.end());
  }
  peer.send(many);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const auto answer = peer.receive();
    ASSERT_TRUE(answer);
    ASSERT_EQ(header_of(*answer).hop_by_hop, i);
  }
  const Bytes slow = credit_request("s;slow", 5000);
  for (const std::byte& byte : slow) peer.send(BytesView(&byte, 1));
  EXPECT_EQ(peer.receive_result(), result::success);
}

TEST_F(NodeOnLoopback, HoldsAnswersUntilTheirRecordIsOnDisk) {
  start();
  TestPeer peer = TestPeer::client(node->port());
  peer.send(credit_request("wait;1", 1));
  ASSERT_TRUE(eventually([&] { return charging->sequence == 1; }));
  peer.send(credit_request("wait;2", 2));
  ASSERT_TRUE(eventually([&] { return charging->sequence == 2; }));
  peer.send(credit_request("now", 3));  // rests on no record: goes past those that wait
  auto answer = peer.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(header_of(*answer).hop_by_hop, 3u);
  EXPECT_FALSE(peer.receive(100ms));
  charging->flush_to(1);
  answer = peer.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(header_of(*answer).hop_by_hop, 1u);
  EXPECT_FALSE(peer.receive(100ms));
  charging->flush_to(2);
  answer = peer.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(header_of(*answer).hop_by_hop, 2u);
}

TEST_F(NodeOnLoopback, ShedsAFloodThatTheDiskCantFollow) {
  options.in_flight_max = 100;
  start();
  TestPeer peer = TestPeer::client(node->port());
  Bytes many;
  for (std::uint32_t i = 0; i < 150; ++i) {
    const Bytes one = credit_request("wait;" + std::to_string(i), i);
    many.insert(many.end(), one.begin(), one.end());
  }
  peer.send(many);
  for (int i = 0; i < 50; ++i) ASSERT_EQ(peer.receive_result(), result::too_busy);
  charging->flush_to(1000);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(peer.receive_result(), result::success);
  EXPECT_TRUE(eventually([&] { return node->counts().busy == 50; }));
}

TEST_F(NodeOnLoopback, RefusesStrangersAndThoseWithNothingInCommon) {
  start();
  TestPeer stranger = TestPeer::connect(node->port());
  stranger.send(capabilities_request({.origin_host = "stranger.example", .origin_realm = "example"}, 1, 1));
  const auto cea = stranger.receive();
  ASSERT_TRUE(cea);
  EXPECT_EQ(result_code_of(*cea), result::unknown_peer);
  EXPECT_NE(header_of(*cea).flags & Header::error_bit, 0);
  EXPECT_TRUE(stranger.closed());

  TestPeer other = TestPeer::connect(node->port());
  Bytes cer;
  Writer writer(cer);
  writer.begin({.flags = Header::request_bit, .command = command::capabilities_exchange});
  writer.text(avp::origin_host, "pgw.example");
  writer.text(avp::origin_realm, "example");
  writer.u32(avp::auth_application_id, 16777251);  // S6a
  writer.end();
  other.send(cer);
  EXPECT_EQ(other.receive_result(), result::no_common_application);
  EXPECT_TRUE(other.closed());
}

TEST_F(NodeOnLoopback, RefusesWrongRealmsApplicationsCommandsAndLoops) {
  options.realms = {"roaming.example"};
  start();
  TestPeer peer = TestPeer::client(node->port());
  const auto result_of = [&](const Bytes& request) {
    peer.send(request);
    return peer.receive_result();
  };
  EXPECT_EQ(result_of(credit_request("s", 1, "elsewhere.example")), result::realm_not_served);
  EXPECT_EQ(result_of(credit_request("s", 1, "ROAMING.example")), result::success);
  EXPECT_EQ(result_of(credit_request("s", 1, "mobile.example", 16777251)), result::application_unsupported);
  EXPECT_EQ(result_of(credit_request("s", 1, "mobile.example", application::gx)),
            result::application_unsupported);
  EXPECT_EQ(result_of(credit_request("s", 1, "mobile.example", 4, 271)), result::command_unsupported);
  EXPECT_EQ(result_of(credit_request("s", 1, "mobile.example", 0, 999)), result::command_unsupported);
  EXPECT_EQ(result_of(with_route_record(credit_request("s", 1), "edge.mobile.example")),
            result::loop_detected);
  Bytes wrong = credit_request("s", 1);
  wrong[4] |= std::byte{Header::error_bit};
  EXPECT_EQ(result_of(wrong), result::invalid_header_bits);
  EXPECT_TRUE(eventually([&] { return node->counts().refused == 7; }));
}

TEST_F(NodeOnLoopback, DropsAnswersToNothingThatWasAsked) {
  start();
  TestPeer peer = TestPeer::client(node->port());
  const Bytes request = credit_request("s", 99);
  peer.send(credit_answer(request, "pgw.example"));
  peer.send(request);
  EXPECT_EQ(peer.receive_result(), result::success);
  EXPECT_TRUE(eventually([&] { return node->counts().mismatched == 1; }));
}

TEST_F(NodeOnLoopback, SaysWhyBeforeItClosesOnWhatIsNoMessage) {
  start();
  TestPeer peer = TestPeer::client(node->port());
  Bytes broken = credit_request("s", 5);
  broken[0] = std::byte{2};
  peer.send(broken);
  EXPECT_EQ(peer.receive_result(), result::unsupported_version);
  EXPECT_TRUE(peer.closed());

  TestPeer second = TestPeer::client(node->port());
  Bytes huge = credit_request("s", 5);
  huge[1] = std::byte{0xff};
  second.send(huge);
  EXPECT_EQ(second.receive_result(), result::invalid_message_length);
  EXPECT_TRUE(second.closed());
  EXPECT_TRUE(eventually([&] { return node->counts().malformed == 2; }));
}

TEST_F(NodeOnLoopback, ClosesThoseWhoSpeakBeforeTheySayWhoTheyAre) {
  start();
  TestPeer peer = TestPeer::connect(node->port());
  peer.send(credit_request("s", 5));
  EXPECT_TRUE(peer.closed());
}

TEST_F(NodeOnLoopback, AnswersWatchdogAndDisconnect) {
  start();
  TestPeer peer = TestPeer::client(node->port());
  const Self other{.origin_host = "pgw.example", .origin_realm = "example"};
  peer.send(watchdog_request(other, 11, 12));
  auto answer = peer.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(header_of(*answer).command, command::device_watchdog);
  EXPECT_EQ(find_avp(BytesView(*answer).subspan(header_bytes), avp::origin_state_id)->u32(), 42u);
  peer.send(disconnect_request(other, disconnect_cause::rebooting, 13, 14));
  answer = peer.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(header_of(*answer).command, command::disconnect_peer);
  EXPECT_EQ(result_code_of(*answer), result::success);
}

TEST_F(NodeOnLoopback, GivesUpASilentPeerByItsWatchdog) {
  options.watchdog = 200ms;
  start();
  TestPeer peer = TestPeer::client(node->port());
  const auto dwr = peer.receive();
  ASSERT_TRUE(dwr);
  EXPECT_EQ(header_of(*dwr).command, command::device_watchdog);
  EXPECT_TRUE(eventually([&] {
    const auto peers = node->counts().peers;
    return !peers.empty() && peers[0].second == "suspect";
  }));
  EXPECT_TRUE(peer.closed());
}

TEST_F(NodeOnLoopback, ASecondConnectionIsRefusedWhileTheFirstAnswers) {
  start();
  TestPeer first = TestPeer::client(node->port());
  TestPeer second = TestPeer::connect(node->port());
  const Self pgw{.origin_host = "pgw.example", .origin_realm = "example"};
  second.send(capabilities_request(pgw, 1, 1));
  const auto dwr = first.receive();
  ASSERT_TRUE(dwr);
  first.send(base_answer(pgw, header_of(*dwr), result::success));
  EXPECT_EQ(second.receive_result(), result::election_lost);
  first.send(credit_request("s", 3));
  EXPECT_EQ(first.receive_result(), result::success);
}

TEST_F(NodeOnLoopback, ASecondConnectionTakesThePlaceOfASilentOrARestartedFirst) {
  start();
  TestPeer first = TestPeer::client(node->port(), "pgw.example", 5);
  TestPeer second = TestPeer::client(node->port(), "pgw.example", 5);  // the first doesn't answer
  EXPECT_TRUE(first.closed());
  const auto began = std::chrono::steady_clock::now();
  TestPeer third = TestPeer::client(node->port(), "pgw.example", 6);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 1s);
  EXPECT_TRUE(second.closed());
  third.send(credit_request("s", 3));
  EXPECT_EQ(third.receive_result(), result::success);
}

TEST_F(NodeOnLoopback, ASlowReaderIsReadNoFurtherAndTheRestGoOn) {
  options.clients.push_back({.origin_host = "slow.example"});
  start();
  TestPeer slow = TestPeer::client(node->port(), "slow.example");
  std::atomic<bool> ended{false};
  std::thread flood([&] {
    Bytes many;
    for (std::uint32_t i = 0; i < 500; ++i) {
      const Bytes one = credit_request(std::string(100, 's'), i);
      many.insert(many.end(), one.begin(), one.end());
    }
    for (int i = 0; i < 400; ++i) slow.send(many);  // more than the buffers of both sides hold
    ended = true;
  });
  TestPeer peer = TestPeer::client(node->port());
  std::this_thread::sleep_for(300ms);
  EXPECT_FALSE(ended);
  peer.send(credit_request("s", 1));
  EXPECT_EQ(peer.receive_result(1s), result::success);
  // Once it reads, everything comes.
  for (int i = 0; i < 400 * 500; ++i) ASSERT_TRUE(slow.receive()) << i;
  flood.join();
}

TEST_F(NodeOnLoopback, ReauthorisesOnceAndForgetsWhatTheNetworkDoesntKnow) {
  start();
  TestPeer peer = TestPeer::client(node->port());
  const Self pgw{.origin_host = "pgw.example", .origin_realm = "example"};
  {
    const std::scoped_lock guard(charging->mutex());  // as the replica's observer does
    node->re_authorise_measure(3000);
    node->re_authorise(5000);
  }
  std::set<std::string> sessions;
  for (int i = 0; i < 3001; ++i) {
    const auto rar = peer.receive();
    ASSERT_TRUE(rar) << i;
    ASSERT_EQ(header_of(*rar).command, command::re_auth);
    const std::string session(find_avp(BytesView(*rar).subspan(header_bytes), avp::session_id)->text());
    EXPECT_TRUE(sessions.insert(session).second) << session;
    peer.send(base_answer(pgw, header_of(*rar),
                          session == "s;5" ? result::unknown_session_id : result::limited_success));
  }
  EXPECT_FALSE(peer.receive(100ms));
  ASSERT_TRUE(eventually([&] { return node->counts().re_auth_waiting == 0; }));
  EXPECT_EQ(node->counts().re_auth_sent, 3001u);
  node->stop();
  EXPECT_EQ(charging->forgotten, std::vector<std::string>{"s;5"});
}

TEST_F(NodeOnLoopback, OtherClientsMayConnectWhileItRunsAndTheirNeighboursNoticeNothing) {
  options.clients.push_back({.origin_host = "old.example"});
  start();
  TestPeer stays = TestPeer::client(node->port());
  TestPeer leaves = TestPeer::client(node->port(), "old.example");
  node->use_clients({{.origin_host = "pgw.example"}, {.origin_host = "new.example"}});
  const auto dpr = leaves.receive();
  ASSERT_TRUE(dpr);
  EXPECT_EQ(disconnect_cause_of(*dpr), disconnect_cause::do_not_want);
  leaves.send(base_answer({.origin_host = "old.example"}, header_of(*dpr), result::success));
  EXPECT_TRUE(leaves.closed());
  TestPeer again = TestPeer::connect(node->port());
  again.send(capabilities_request({.origin_host = "old.example", .origin_realm = "example"}, 1, 1));
  EXPECT_EQ(again.receive_result(), result::unknown_peer);
  TestPeer comes = TestPeer::client(node->port(), "new.example");
  stays.send(credit_request("s;1", 1));
  EXPECT_EQ(stays.receive_result(), result::success);
}

TEST_F(NodeOnLoopback, StopsWithADisconnectAfterWhatWasAskedIsAnswered) {
  start();
  TestPeer peer = TestPeer::client(node->port());
  peer.send(credit_request("wait;1", 1));
  ASSERT_TRUE(eventually([&] { return charging->sequence == 1; }));
  std::thread stopping([&] { node->stop(); });
  std::this_thread::sleep_for(50ms);
  charging->flush_to(1);
  EXPECT_EQ(peer.receive_result(), result::success);
  const auto dpr = peer.receive();
  ASSERT_TRUE(dpr);
  EXPECT_EQ(header_of(*dpr).command, command::disconnect_peer);
  EXPECT_EQ(disconnect_cause_of(*dpr), disconnect_cause::rebooting);
  peer.send(base_answer({.origin_host = "pgw.example"}, header_of(*dpr), result::success));
  EXPECT_TRUE(peer.closed());
  stopping.join();
}

TEST_F(NodeOnLoopback, HandsConnectionsOverBetweenTwoMessages) {
  start();
  const std::uint16_t port = node->port();
  TestPeer peer = TestPeer::client(port);
  const Bytes split = credit_request("s;half", 2);
  peer.send(credit_request("s;1", 1));
  EXPECT_EQ(peer.receive_result(), result::success);
  peer.send(BytesView(split).first(33));  // half a message is there when it happens
  std::this_thread::sleep_for(50ms);
  options.inherited = node->hand_over_all(1s);
  ASSERT_EQ(options.inherited.connections.size(), 1u);
  ASSERT_EQ(options.inherited.listeners.size(), 1u);
  peer.send(BytesView(split).subspan(33));
  TestPeer waiting = TestPeer::connect(port);  // in the listener's queue meanwhile
  node.reset();
  start();
  EXPECT_EQ(node->port(), port);
  const auto answer = peer.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(header_of(*answer).hop_by_hop, 2u);
  EXPECT_EQ(result_code_of(*answer), result::success);
  waiting.send(capabilities_request({.origin_host = "stranger.example", .origin_realm = "x"}, 1, 1));
  EXPECT_EQ(waiting.receive_result(), result::unknown_peer);
}

TEST_F(NodeOnLoopback, NoticesAPeerOfTooManyConnections) {
  options.peers_max = 2;
  start();
  TestPeer one = TestPeer::connect(node->port()), two = TestPeer::connect(node->port());
  TestPeer three = TestPeer::connect(node->port());
  EXPECT_TRUE(three.closed());
  one.close();
  EXPECT_TRUE(eventually([&] {
    TestPeer again = TestPeer::connect(node->port());
    again.send(capabilities_request({.origin_host = "pgw.example", .origin_realm = "example"}, 1, 1));
    return again.receive_result(200ms) == result::success;
  }));
}

TEST(OriginState, StaysWhereSessionsWereRecoveredAndRisesWhereTheyWereLost) {
  const auto folder = std::filesystem::temp_directory_path() / ("dayaq-origin-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const Instant now = from_micros(1'800'000'000'000'000);
  const auto first = origin_state_id(folder, true, now);
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, 1'800'000'000u);
  EXPECT_EQ(origin_state_id(folder, true, now + 1h).value(), *first);
  EXPECT_GT(origin_state_id(folder, false, now).value(), *first);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace dayaq::edge::diameter
