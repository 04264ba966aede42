// links: dayaq::edge_replica dayaq::http
// An edge's replica and follower beside a centre whose facts change: how long from the centre's answer to an
// attestation until the grant is in force here, and how long from the sending of it.
//
//   edge_lag_tool PORT EDGE_TOKEN EDGE_NAME FEED_KEY CENTRE_KEY OPERATOR HOSPITAL_KEY PERSONS.txt SECONDS
//   RATE
//
// FEED_KEY and CENTRE_KEY in base64; PERSONS.txt: national id and mobile number, one pair a line, each of a
// person whose mobile line the operator serves. RATE attestations a second are sent at their times (open
// loop), on as many connections as that takes. Prints one JSON object, lags in milliseconds.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <thread>
#include <unordered_map>

#include "edge/follower.hpp"
#include "http/client.hpp"

using namespace dayaq;
using SteadyClock = std::chrono::steady_clock;

namespace {

constexpr int senders = 48;
constexpr auto begin_after = std::chrono::seconds(2);

struct Probe {
  std::string person;
  std::atomic<SteadyClock::rep> sent{0};
  std::atomic<SteadyClock::rep> answered{0};
  std::atomic<SteadyClock::rep> in_force{0};
};

SteadyClock::rep now() {
  return SteadyClock::now().time_since_epoch().count();
}

double milliseconds(SteadyClock::rep ticks) {
  return std::chrono::duration<double, std::milli>(SteadyClock::duration(ticks)).count();
}

double part(std::vector<double>& values, double share) {
  std::ranges::sort(values);
  return values.empty() ? 0 : values[std::min(values.size() - 1, std::size_t(double(values.size()) * share))];
}

/// Sends probes `first`, `first` + senders, ... each at its time.
void send(const std::string& url, const std::string& key, std::deque<Probe>& probes, std::size_t first,
          std::size_t count, double rate, SteadyClock::time_point begin, std::atomic<std::uint64_t>& failed) {
  auto client = http::Client::create(url, {.bearer_token = key});
  if (!client) std::exit(1);
  for (std::size_t i = first; i < count; i += senders) {
    std::this_thread::sleep_until(begin + std::chrono::duration_cast<SteadyClock::duration>(
                                              std::chrono::duration<double>(double(i) / rate)));
    const std::string body =
        fmt::format(R"({{"person":"{}","status":"health_worker","until":"2028-01-01"}})", probes[i].person);
    probes[i].sent = now();
    const auto answer = client->post("/v1/attestations", body);
    if (answer && answer->status == 201)
      probes[i].answered = now();
    else
      ++failed;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 11) {
    fmt::print(stderr,
               "edge_lag_tool PORT EDGE_TOKEN EDGE_NAME FEED_KEY CENTRE_KEY OPERATOR HOSPITAL_KEY "
               "PERSONS.txt SECONDS RATE\n");
    return 2;
  }
  const std::string url = std::string("http://127.0.0.1:") + argv[1];
  const auto feed_key_bytes = from_base64(argv[4]);
  const auto centre_key_bytes = from_base64(argv[5]);
  if (!feed_key_bytes || feed_key_bytes->size() != 16 || !centre_key_bytes || centre_key_bytes->size() != 32)
    return 2;
  const SipKey feed_key = sip_key(std::span<const std::byte, 16>(*feed_key_bytes));
  crypto::PublicKey centre_key;
  std::ranges::copy(*centre_key_bytes, centre_key.begin());
  const auto rate = double(std::strtoull(argv[10], nullptr, 10));
  const std::size_t count = std::size_t(rate) * std::strtoull(argv[9], nullptr, 10);

  std::deque<Probe> probes;
  std::unordered_map<edge::SubscriptionKey, Probe*> by_key;
  std::ifstream in(argv[8]);
  for (std::string person, number; probes.size() < count && in >> person >> number;) {
    Probe& probe = probes.emplace_back();
    probe.person = person;
    by_key.emplace(feed::pseudonym(feed_key, "mobile", number), &probe);
  }
  if (probes.size() < count) {
    fmt::print(stderr, "{} persons are needed\n", count);
    return 2;
  }

  std::string folder = (std::filesystem::temp_directory_path() / "dayaq-edge-lag-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  edge::ServiceTable services;
  if (!services.add({.kind = feed::Benefit::voice})) return 1;
  auto replica = edge::Replica::open(
      {.folder = folder, .operator_code = argv[6], .centre_keys = {centre_key}}, services);
  if (!replica) return 1;
  std::mutex lock;
  (*replica)->observe({.subscription_changed = [&](edge::SubscriptionKey key) {
    const auto found = by_key.find(key);
    if (found != by_key.end() && found->second->in_force == 0) found->second->in_force = now();
  }});
  SystemRandom random;
  const SystemClock clock;
  auto follower =
      edge::Follower::start({.url = url, .token = argv[2], .edge = argv[3]}, **replica, lock, random, clock);
  if (!follower) return 1;
  const auto ready_by = SteadyClock::now() + std::chrono::seconds(60);
  while ((*follower)->state().doing != edge::Follower::Doing::following) {
    if (SteadyClock::now() > ready_by) {
      fmt::print(stderr, "the feed can't be followed: {}\n", (*follower)->state().error_text);
      return 1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }

  std::atomic<std::uint64_t> failed = 0;
  std::vector<std::thread> threads;
  const auto begin = SteadyClock::now() + begin_after;
  for (std::size_t i = 0; i < senders; ++i) {
    threads.emplace_back([&, i] { send(url, argv[7], probes, i, count, rate, begin, failed); });
  }
  for (auto& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - begin).count();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const auto state = (*follower)->state();
  follower->reset();

  std::vector<double> from_answer, from_sent;
  std::uint64_t answered = 0;
  for (const Probe& probe : probes) {
    answered += probe.answered == 0 ? 0 : 1;
    if (probe.answered == 0 || probe.in_force == 0) continue;
    from_answer.push_back(std::max(0.0, milliseconds(probe.in_force - probe.answered)));
    from_sent.push_back(milliseconds(probe.in_force - probe.sent));
  }
  const std::size_t seen = from_answer.size();
  fmt::print(
      R"({{"answered":{},"failed":{},"seen":{},"per_second":{:.0f},"p50":{:.2f},"p99":{:.2f},"max":{:.2f},)"
      R"("sent_p50":{:.2f},"sent_p99":{:.2f},"refused":{},"behind":{}}})"
      "\n",
      answered, failed.load(), seen, double(answered) / seconds, part(from_answer, 0.5),
      part(from_answer, 0.99), part(from_answer, 1), part(from_sent, 0.5), part(from_sent, 0.99),
      state.refused, state.behind);
  replica->reset();
  std::filesystem::remove_all(folder);
  return 0;
}
