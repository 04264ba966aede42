// The responder as its tests see it: packets of a network access server and of the operator's server in, what
// goes out proved. Included by those alone.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/random.hpp"
#include "edge/radius/test_support.ipp"

namespace dayaq::edge::radius::testing_support {

using std::string_view;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

inline const Endpoint nas{.address = *parse_address("10.0.0.1"), .port = 40000};
inline const Endpoint old_nas{.address = *parse_address("10.0.0.2"), .port = 40000};
inline const Secret nas_secret("testing123"), operator_secret("theirs");

/// What a packet has of a type, in order.
inline std::vector<std::string> all(const Packet& packet, std::uint8_t type) {
  std::vector<std::string> out;
  BytesView rest = packet.attributes();
  Attribute attribute;
  while (take_attribute(rest, attribute)) {
    if (attribute.type == type) out.emplace_back(as_text(attribute.value));
  }
  return out;
}

struct RadiusResponder : testing::Test {
  FakeEngine engine;
  SeededRandom random{7};
  ServerOptions options = options_for_tests();
  std::unique_ptr<Responder> responder;
  Moment now{.wall = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21),
             .steady = Steady(std::chrono::hours(9))};
  std::uint8_t next_id = 1;
  Authenticator authenticator{};
  std::vector<Bytes> kept;

  void start() { responder = *Responder::create(options, engine, random); }
  void start_with_operator() {
    options.proxy_auth = "10.9.9.9:1812";
    options.proxy_acct = "10.9.9.9:1813";
    options.proxy_secret = "theirs";
    start();
  }

  std::vector<Outgoing> send(const Bytes& packet, bool accounting, Endpoint from = nas) {
    std::vector<Outgoing> out;
    const Incoming in{.from = from, .accounting_port = accounting, .bytes = packet};
    responder->handle(std::span(&in, 1), now, out);
    return out;
  }

  Bytes access(string_view name, const std::function<void(Writer&)>& add = {}, bool signed_too = true) {
    Writer writer(Code::access_request, next_id++);
    authenticator[0] = std::byte(next_id);
    writer.set_authenticator(authenticator);
    if (signed_too) writer.add_message_authenticator();
    writer.add(type::user_name, name);
    if (add) add(writer);
    Bytes bytes = std::move(writer).take();
    if (signed_too) sign_access_request(bytes, nas_secret);
    return bytes;
  }

  Bytes accounting(std::uint32_t status, string_view session, string_view name, std::uint64_t in,
                   std::uint64_t out, const std::function<void(Writer&)>& add = {}) {
    Writer writer(Code::accounting_request, next_id++);
    writer.add(type::acct_status_type, status);
    writer.add(type::acct_session_id, session);
    writer.add(type::user_name, name);
    writer.add(type::nas_identifier, string_view("bng1"));
    writer.add(type::acct_input_octets, std::uint32_t(in));
    writer.add(type::acct_output_octets, std::uint32_t(out));
    writer.add(type::acct_input_gigawords, std::uint32_t(in >> 32));
    writer.add(type::acct_output_gigawords, std::uint32_t(out >> 32));
    if (add) add(writer);
    Bytes bytes = std::move(writer).take();
    sign_request(bytes, nas_secret);
    return bytes;
  }

  /// The one packet that was sent; proved with the request if it is a reply.
  Packet only(const std::vector<Outgoing>& out, Way way, const Bytes* request = nullptr) {
    EXPECT_EQ(out.size(), 1u);
    if (out.size() != 1) return *Packet::parse(kept.emplace_back(Writer(Code(0), 0).take()));
    EXPECT_EQ(out[0].way, way);
    const Packet packet = *Packet::parse(kept.emplace_back(out[0].bytes));
    if (request != nullptr) {
      const Packet asked = *Packet::parse(*request);
      EXPECT_EQ(packet.id(), asked.id());
      EXPECT_TRUE(check_reply_authenticator(packet, asked.authenticator(), nas_secret));
      if (packet.code() != Code::accounting_response) {
        EXPECT_EQ(check_message_authenticator(packet, asked.authenticator(), nas_secret), Proof::right);
        EXPECT_EQ(std::uint8_t(packet.attributes()[0]), type::message_authenticator) << "must be the first";
      }
    }
    return packet;
  }

  /// The operator's server's answer to what was sent on.
  Bytes operator_answer(const Packet& sent_on, Code code, const std::function<void(Writer&)>& add = {},
                        bool with_message_authenticator = true) {
    Writer writer(code, sent_on.id());
    if (with_message_authenticator && code != Code::accounting_response) writer.add_message_authenticator();
    if (add) add(writer);
    for (const std::string& state : all(sent_on, type::proxy_state))
      writer.add(type::proxy_state, string_view(state));
    Bytes bytes = std::move(writer).take();
    sign_reply(bytes, sent_on.authenticator(), operator_secret);
    return bytes;
  }
  std::vector<Outgoing> from_operator(bool is_accounting, std::uint32_t socket, const Bytes& bytes) {
    std::vector<Outgoing> out;
    responder->from_operator(is_accounting, socket, bytes, now, out);
    return out;
  }
  std::vector<Outgoing> tick(std::chrono::milliseconds later = std::chrono::milliseconds(20)) {
    now.steady += later;
    now.wall += later;
    std::vector<Outgoing> out;
    responder->tick(now, out);
    return out;
  }
  void answer_change(const Packet& change, Code code, std::optional<std::uint32_t> cause = {}) {
    Writer writer(code, change.id());
    if (cause) writer.add(type::error_cause, *cause);
    Bytes bytes = std::move(writer).take();
    sign_reply(bytes, change.authenticator(), nas_secret);
    std::vector<Outgoing> out;
    responder->from_nas({.address = nas.address, .port = 3799}, bytes, now, out);
    EXPECT_TRUE(out.empty());
  }
};

}  // namespace dayaq::edge::radius::testing_support
