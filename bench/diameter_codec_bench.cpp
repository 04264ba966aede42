// links: dayaq::edge_diameter
// figures: diameter_codec
// diameter_codec: a Gy update with one rating group read and its answer written, without sockets, on one
// core: over a million open sessions, with an engine that only says yes (its own work is edge_decision's
// figure). Beside it the same request taken apart by a reader that knows its bytes in advance: what no codec
// can beat. The peer to compare with is freeDiameter's library, measured where both answer over sockets
// (gy_memory).
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "edge/diameter/credit_test_support.ipp"
#include "support.hpp"

using namespace dayaq;
using namespace dayaq::edge;
using namespace dayaq::edge::diameter;
using namespace dayaq::edge::diameter::testing_support;

namespace {

constexpr std::size_t sessions = 1'000'000;
constexpr std::size_t updates = 2'000'000;
constexpr double goal_seconds = 1e-6;  // a fifth of what an update may take, all in, at 200,000 a second
constexpr Instant now = Instant(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21));

class YesEngine final : public FakeEngine {
 public:
  Verdict decide(const Ask& ask, Instant) override {
    return {.outcome = Outcome::granted,
            .slice = (100u << 20) + (ask.key & 1),
            .unlimited = true,
            .keep_open = true,
            .validity = std::chrono::seconds(3600),
            .measure = 5};
  }
};

/// As a PGW sends it: with what nobody here looks at, too.
Bytes update(std::uint32_t session, std::uint32_t number) {
  Ccr ccr{.type = 2,
          .number = number,
          .session = fmt::format("pgw01.epc.mnc001.mcc400.3gppnetwork.org;{};17", 3900000000u + session),
          .msisdn = fmt::format("99450{:07}", session)};
  Writer writer(ccr.more);
  writer.u32(avp::event_timestamp, 3900000000u + number);
  writer.text(1, fmt::format("40001{:010}", session));
  ccr.part({.group = 100, .octets = 1u << 20, .input = 1u << 19, .output = 1u << 19, .seconds = 60});
  const auto information = writer.group_begin(avp::service_information, vendor_3gpp);
  const auto ps = writer.group_begin(874, vendor_3gpp);
  writer.text(30, "internet");
  writer.text(18, "40001", vendor_3gpp);
  writer.group_end(ps);
  writer.group_end(information);
  return ccr.build();
}

void patch_number(Bytes& message, std::size_t at, std::uint32_t number) {
  for (std::size_t i = 0; i < 4; ++i) message[at + i] = std::byte(number >> (24 - 8 * i) & 0xff);
}

/// Where CC-Request-Number stands.
std::size_t number_at(BytesView message) {
  AvpReader reader(message.subspan(header_bytes));
  Avp avp;
  while (reader.next(avp)) {
    if (avp.code == avp::cc_request_number) return std::size_t(avp.data.data() - message.data());
  }
  std::abort();
}

}  // namespace

int main() {
  YesEngine engine;
  CreditControlOptions settings = options();
  settings.kept_answer_bytes = 32u << 20;
  CreditControl control(settings, engine);
  std::vector<Bytes> requests;
  for (std::uint32_t i = 0; i < 1000; ++i) requests.push_back(update(i * 997, 1));
  for (std::uint32_t i = 0; i < sessions; ++i) {
    if (control.on_request(update(i, 1), "pgw.test", now).kind != Reaction::Kind::answer) return 1;
  }
  std::size_t bytes = 0;
  std::uint32_t number = 1;
  const std::size_t at = number_at(requests[0]);
  const double seconds = bench::median_seconds(5, [&] {
    for (std::size_t done = 0; done < updates; ++done) {
      Bytes& request = requests[done % requests.size()];
      if (done % requests.size() == 0) ++number;
      patch_number(request, at, number);
      bytes += control.on_request(request, "pgw.test", now).message.size();
    }
  });
  // The least that has to be done: every byte of the request read and of the answer written.
  Bytes out(512);
  std::uint64_t sum = 0;
  const double least = bench::median_seconds(5, [&] {
    for (std::size_t done = 0; done < updates; ++done) {
      const Bytes& request = requests[done % requests.size()];
      AvpReader reader(BytesView(request).subspan(header_bytes));
      Avp avp;
      while (reader.next(avp)) sum += avp.code;
      for (std::size_t i = 0; i < 32; ++i) out[i * 8] = std::byte(sum >> i & 0xff);
    }
  });
  if (bytes == 0 || sum == 0) return 1;
  const double each = seconds / double(updates);
  bench::print({.name = "diameter_codec",
                .value = 1 / each,
                .unit = "updates/s per core",
                .goal = ">= 1,000,000",
                .met = each <= goal_seconds,
                .peer = "",
                .peer_value = {},
                .limit = "walking the request's AVPs alone",
                .limit_value = double(updates) / least});
  std::fprintf(stderr, "%zu sessions, %.0f bytes each; %.0f ns an update\n", control.session_count(),
               double(control.session_bytes()) / double(control.session_count()), each * 1e9);
}
