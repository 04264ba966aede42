// links: dayaq::edge_radius
// Whole conversations with the responder: the network, the operator's server and servers that take changes,
// each saying anything, proved or not. Each answer must be a packet that its receiver can prove.
//
// Input: pieces of `kind (1) | length (2, big-endian) | bytes`.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/random.hpp"
#include "edge/radius/test_support.ipp"

namespace {

using namespace dayaq;
using namespace dayaq::edge;
using namespace dayaq::edge::radius;
namespace support = dayaq::edge::radius::testing_support;

const Endpoint nas{.address = *parse_address("10.0.0.1"), .port = 40000};

struct World {
  support::FakeEngine engine;
  SeededRandom random{11};
  std::unique_ptr<Responder> responder;
  Moment now{.wall = Instant(std::chrono::hours(500'000)), .steady = Steady(std::chrono::hours(9))};
  std::vector<Outgoing> out;
  Outgoing access, accounting, change;  // the last that were sent
  const Secret nas_secret{"testing123"}, operator_secret{"theirs"}, stream_secret{"radsec"};

  World() {
    ServerOptions options = support::options_for_tests();
    options.proxy_auth = "10.9.9.9:1812";
    options.proxy_acct = "10.9.9.9:1813";
    options.proxy_secret = "theirs";
    options.unpaid_reply = "unpaid";
    options.radsec_changes = true;
    options.volume = {"Mikrotik-Total-Limit={total}", "Mikrotik-Total-Limit-Gigawords={gigawords}"};
    options.volume_slice = 500;
    responder = *Responder::create(options, engine, random);
    engine.grants[support::key_of("a")] = {.everything = true, .lessons = true, .quota = 1000};
    engine.grants[support::key_of("b")] = {.deferral = true};
  }

  /// The bytes with the length and the proof that make a request of them; the same bytes if they can't be
  /// one.
  Bytes proved_request(BytesView bytes, Code code, const Secret& secret) const {
    Bytes packet(bytes.begin(), bytes.end());
    if (packet.size() < header_bytes || packet.size() > packet_bytes_max) return packet;
    packet[0] = std::byte(code);
    packet[2] = std::byte(packet.size() >> 8);
    packet[3] = std::byte(packet.size() & 0xff);
    if (!Packet::parse(packet)) return packet;
    if (code == Code::access_request || code == Code::status_server) {
      sign_access_request(packet, secret);
    } else {
      sign_request(packet, secret);
    }
    return packet;
  }

  /// A proved reply with these attributes, to what was sent.
  Bytes proved_reply(BytesView bytes, const Outgoing& to, const Secret& secret) const {
    const auto request = Packet::parse(to.bytes);
    if (!request || bytes.empty()) return Bytes(bytes.begin(), bytes.end());
    const Code code{std::uint8_t(bytes[0])};
    Writer writer(code, request->id());
    writer.add_message_authenticator();
    BytesView rest = bytes.subspan(1);
    Attribute attribute;
    while (take_attribute(rest, attribute)) writer.add(attribute.type, attribute.value);
    if (const auto state = request->find(type::proxy_state)) writer.add(type::proxy_state, *state);
    Bytes packet = std::move(writer).take();
    sign_reply(packet, request->authenticator(), secret);
    return packet;
  }

  void ask(BytesView bytes, bool accounting_port, std::uint32_t stream) {
    const Incoming in{.from = {.address = nas.address, .port = nas.port, .stream = stream},
                      .accounting_port = accounting_port,
                      .bytes = bytes};
    responder->handle(std::span(&in, 1), now, out);
  }

  void look_at_what_was_sent() {
    for (Outgoing& message : out) {
      const auto packet = Packet::parse(message.bytes);
      DAYAQ_ASSERT(packet && packet->bytes().size() == message.bytes.size());
      const Code code = packet->code();
      if (message.way == Way::reply &&
          (code == Code::access_accept || code == Code::access_reject || code == Code::access_challenge)) {
        DAYAQ_ASSERT(packet->attributes().size() >= 18 &&
                     std::uint8_t(packet->attributes()[0]) == type::message_authenticator);
      }
      if (message.way == Way::access_on) {
        DAYAQ_ASSERT(check_message_authenticator(*packet, packet->authenticator(), operator_secret) ==
                     Proof::right);
        access = std::move(message);
      } else if (message.way == Way::accounting_on) {
        DAYAQ_ASSERT(check_request_authenticator(*packet, operator_secret));
        accounting = std::move(message);
      } else if (message.way == Way::change) {
        DAYAQ_ASSERT(
            check_request_authenticator(*packet, message.to.stream != 0 ? stream_secret : nas_secret));
        change = std::move(message);
      }
    }
    out.clear();
  }

  void step(std::uint8_t kind, BytesView bytes) {
    switch (kind % 12) {
      case 0:
        return ask(bytes, false, 0);
      case 1:
        return ask(proved_request(bytes, Code::access_request, nas_secret), false, 0);
      case 2:
        return ask(bytes, true, 0);
      case 3:
        return ask(proved_request(bytes, Code::accounting_request, nas_secret), true, 0);
      case 4:
        return responder->from_operator(false, access.socket, proved_reply(bytes, access, operator_secret),
                                        now, out);
      case 5:
        return responder->from_operator(true, accounting.socket,
                                        proved_reply(bytes, accounting, operator_secret), now, out);
      case 6:
        if (change.to.stream != 0)
          return ask(proved_reply(bytes, change, stream_secret), false, change.to.stream);
        return responder->from_nas(change.to, proved_reply(bytes, change, nas_secret), now, out);
      case 7:
        now.steady += std::chrono::milliseconds(bytes.empty() ? 20 : 100 * int(bytes[0]));
        return responder->tick(now, out);
      case 8:
        return ask(
            proved_request(bytes, bytes.empty() ? Code::access_request : Code(bytes[0]), stream_secret),
            false, 1);
      case 9: {
        engine.grants[support::key_of("a")].lessons ^= true;
        const SubscriptionKey keys[] = {support::key_of("a"), support::key_of("b")};
        return responder->re_authorise(keys, now);
      }
      case 10:
        return responder->re_authorise_all();
      default:
        if (bytes.empty()) return responder->closed({.address = nas.address, .port = nas.port, .stream = 1});
        return responder->from_operator(false, 0, bytes, now, out);
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  BytesView in = std::as_bytes(std::span(data, size));
  World world;
  for (int steps = 0; steps < 64 && in.size() >= 3; ++steps) {
    const auto kind = std::uint8_t(in[0]);
    const std::size_t length = std::min(std::size_t(in[1]) << 8 | std::size_t(in[2]), in.size() - 3);
    world.step(kind, in.subspan(3, length));
    world.look_at_what_was_sent();
    in = in.subspan(3 + length);
  }
  return 0;
}
