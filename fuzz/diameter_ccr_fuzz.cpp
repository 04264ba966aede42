// links: dayaq::edge_diameter
// Bytes to credit control with and without a charging system: whatever comes in, what goes out is a whole
// message.
#include <cstdint>
#include <cstdlib>

#include "edge/diameter/credit_test_support.ipp"

namespace {

using namespace dayaq;
using namespace dayaq::edge;
using namespace dayaq::edge::diameter;
using namespace dayaq::edge::diameter::testing_support;

constexpr Instant now = Instant(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21));

void whole(BytesView message) {
  if (!check_message(message)) std::abort();
}

/// What goes to the charging system may hold broken groups that nobody here looks into: those stay its own to
/// refuse.
void walkable(BytesView message) {
  const auto header = parse_header(message);
  if (!header || header->length != message.size()) std::abort();
  AvpReader reader(message.subspan(header_bytes));
  Avp avp;
  while (reader.next(avp)) {
  }
  if (reader.failed()) std::abort();
}

/// A length that fits the bytes, so that more than the header is looked at.
void fit(Bytes& message) {
  message.resize(message.size() & ~std::size_t(3));
  if (message.size() < header_bytes) return;
  message[0] = std::byte(1);
  message[1] = std::byte(message.size() >> 16 & 0xff);
  message[2] = std::byte(message.size() >> 8 & 0xff);
  message[3] = std::byte(message.size() & 0xff);
}

void serve(bool relays, const Bytes& request, const Bytes& upstream) {
  FakeEngine engine;
  engine.grants[{key_of("994501234567"), data}] = {.quota = 5000, .slice = 1000, .limited_after = true};
  engine.grants[{key_of("994501234567"), voice}] = {};
  engine.deferring[key_of("994501234567")] = true;
  CreditControlOptions settings = options(relays);
  settings.kept_answer_bytes = 4096;
  CreditControl control(settings, engine);
  for (int time = 0; time < 2; ++time) {  // and once more: a duplicate
    Reaction reaction = control.on_request(request, "peer.test", now);
    for (int asked = 0; reaction.kind == Reaction::Kind::relay; ++asked) {
      walkable(reaction.message);
      if (asked == 2) std::abort();
      reaction = control.on_upstream_answer(std::move(reaction.pending),
                                            time == 0 ? BytesView(upstream) : BytesView(), now);
    }
    if (reaction.kind == Reaction::Kind::answer) whole(reaction.message);
  }
  for (const auto& session : control.sessions_of(key_of("994501234567")))
    whole(control.re_auth_request(session));
  control.tick(now + std::chrono::hours(100));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  // The first two bytes share the rest out between the network's request and the charging system's answer.
  if (size < 2 || size > 65536) return 0;
  const std::size_t cut = std::min<std::size_t>((std::size_t(input[0]) << 8 | input[1]), size - 2);
  const auto* bytes = reinterpret_cast<const std::byte*>(input) + 2;
  Bytes request(bytes, bytes + cut), upstream(bytes + cut, bytes + (size - 2));
  serve(false, request, upstream);
  fit(request);
  fit(upstream);
  serve(false, request, upstream);
  serve(true, request, upstream);
  return 0;
}
