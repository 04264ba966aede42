#include "edge/radius/forwarding.hpp"

#include <gtest/gtest.h>

namespace dayaq::edge::radius {
namespace {

struct RadiusForwarding : testing::Test {
  SeededRandom random{3};
  Forwarding forwarding{"theirs", random};
  const Secret nas_secret{"nas"};
  Steady now{std::chrono::hours(1)};
  std::uint64_t count = 0;

  const Forwarded* send(const Bytes& bytes) {
    const Packet packet = *Packet::parse(bytes);
    Forwarded request{
        .from = {}, .id = packet.id(), .entitlement = {}, .packet = {}, .began = {}, .fingerprint = ++count};
    std::ranges::copy(packet.authenticator(), request.authenticator.begin());
    return forwarding.send_on(packet, nas_secret, request, now);
  }
  static Bytes request(const std::function<void(Writer&)>& add = {}) {
    Writer writer(Code::access_request, 5);
    writer.set_authenticator(Authenticator{std::byte(9)});
    if (add) add(writer);
    return std::move(writer).take();
  }
};

TEST_F(RadiusForwarding, KeepsAChapChallengeThatWasTheAuthenticator) {
  const Bytes chap(17, std::byte(1));
  const auto* sent = send(request([&](Writer& w) { w.add(type::chap_password, BytesView(chap)); }));
  const Packet packet = *Packet::parse(sent->packet);
  ASSERT_TRUE(packet.find(type::chap_challenge));
  EXPECT_TRUE(std::ranges::equal(*packet.find(type::chap_challenge), BytesView(Authenticator{std::byte(9)})));
  const Bytes challenge(16, std::byte(4));
  const auto* with = send(request([&](Writer& w) {
    w.add(type::chap_password, BytesView(chap));
    w.add(type::chap_challenge, BytesView(challenge));
  }));
  EXPECT_TRUE(std::ranges::equal(*Packet::parse(with->packet)->find(type::chap_challenge), challenge));
}

TEST_F(RadiusForwarding, RefusesAPasswordThatIsNoMultipleOfSixteen) {
  for (const std::size_t size : {0u, 1u, 15u, 17u, 144u}) {
    EXPECT_EQ(send(request([&](Writer& w) { w.add(type::user_password, BytesView(Bytes(size))); })), nullptr)
        << size;
  }
  EXPECT_NE(send(request([&](Writer& w) { w.add(type::user_password, BytesView(Bytes(128))); })), nullptr);
}

TEST_F(RadiusForwarding, HidesKeysOfTheReplyAnewForTheNetwork) {
  const auto* sent = send(request());
  const Secret theirs("theirs");
  const auto hidden_by = [](const Secret& secret, const Authenticator& authenticator) {
    Bytes value(32, std::byte(0x61));
    hide(value, authenticator, as_bytes("\x80\x01"), secret);
    Bytes with_salt{std::byte(0x80), std::byte(0x01)};
    with_salt.insert(with_salt.end(), value.begin(), value.end());
    return with_salt;
  };
  const auto key = [&](const Bytes& value) {
    Bytes out{std::byte(0), std::byte(0), std::byte(1), std::byte(0x37)};  // Microsoft
    append_attribute(out, 17, value);
    return out;
  };
  const auto tunnel = [](const Bytes& value) {
    Bytes out{std::byte(1)};
    out.insert(out.end(), value.begin(), value.end());
    return out;
  };
  Writer reply(Code::access_accept, sent->own_id);
  reply.add(type::vendor_specific, BytesView(key(hidden_by(theirs, sent->sent))));
  reply.add(type::tunnel_password, BytesView(tunnel(hidden_by(theirs, sent->sent))));
  const Bytes bytes = std::move(reply).take();
  Writer out(Code::access_accept, 5);
  ASSERT_TRUE(copy_reply(*Packet::parse(bytes), *sent, theirs, nas_secret, {}, out));
  const Bytes copied = std::move(out).take();
  const Packet packet = *Packet::parse(copied);
  const Bytes wanted = hidden_by(nas_secret, sent->authenticator);
  EXPECT_TRUE(std::ranges::equal(*packet.find(type::vendor_specific), key(wanted)));
  EXPECT_TRUE(std::ranges::equal(*packet.find(type::tunnel_password), tunnel(wanted)));

  Writer malformed(Code::access_accept, sent->own_id);
  malformed.add(type::tunnel_password, BytesView(Bytes(7)));
  const Bytes bad = std::move(malformed).take();
  Writer nothing(Code::access_accept, 5);
  EXPECT_FALSE(copy_reply(*Packet::parse(bad), *sent, theirs, nas_secret, {}, nothing));
}

TEST_F(RadiusForwarding, OpensFurtherSocketsUntilThereAreNoMore) {
  const Bytes bytes = request();
  std::uint32_t highest = 0;
  for (std::size_t i = 0; i < Forwarding::sockets_max * 256; ++i) {
    const auto* sent = send(bytes);
    ASSERT_NE(sent, nullptr);
    highest = std::max(highest, sent->socket);
    ASSERT_EQ(forwarding.waiting(sent->socket, sent->own_id), sent);
  }
  EXPECT_EQ(highest, Forwarding::sockets_max - 1);
  EXPECT_EQ(send(bytes), nullptr);
  now += Forwarding::patience;
  EXPECT_EQ(forwarding.expire(now), Forwarding::sockets_max * 256);
  EXPECT_EQ(forwarding.under_way(), 0u);
  EXPECT_NE(send(bytes), nullptr);
}

TEST_F(RadiusForwarding, ForgetsAnAnswerAfterAWhile) {
  const auto* sent = send(request());
  const std::uint64_t name = sent->fingerprint;
  forwarding.answered(*forwarding.waiting(sent->socket, sent->own_id), Bytes(20), now);
  now += std::chrono::seconds(4);
  EXPECT_EQ(forwarding.expire(now), 0u);
  EXPECT_NE(forwarding.find(name), nullptr);
  now += std::chrono::seconds(2);
  EXPECT_EQ(forwarding.expire(now), 0u);
  EXPECT_EQ(forwarding.find(name), nullptr);
}

}  // namespace
}  // namespace dayaq::edge::radius
