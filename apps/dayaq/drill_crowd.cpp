// The crowd: wishes come when they come, whatever becomes of those before (open loop). Who is turned away or
// hears nothing may try again, with the same wish.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <queue>
#include <thread>

#include "base/random.hpp"
#include "drill.hpp"
#include "http/client.hpp"

namespace dayaq::cli::drill {
namespace {

using namespace std::chrono_literals;

http::ClientOptions impatient(std::chrono::milliseconds to_connect, std::chrono::milliseconds to_answer) {
  http::ClientOptions out;
  out.connect_timeout = to_connect;
  out.answer_timeout = to_answer;
  return out;
}
using Steady = std::chrono::steady_clock;

constexpr Seconds patience{5};  // nobody waits longer for their turn to ask

struct Due {
  double at = 0;
  Wish wish;
  int tries = 0;
  friend bool operator>(const Due& a, const Due& b) { return a.at > b.at; }
};

double percentile(std::vector<float>& values, double share) {
  if (values.empty()) return 0;
  const auto at = values.begin() + std::ptrdiff_t(share * double(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return double(*at);
}

}  // namespace

struct Crowd::State {
  State(const World& of, const Offer& what, const Scenario& how, int count)
      : world(of), offer(what), scenario(how), threads(count) {}

  const World& world;
  const Offer& offer;
  const Scenario& scenario;
  const int threads;

  struct Tally {
    Slice slice;
    std::vector<float> took_ms;
  };
  std::mutex mutex;  // guards all below
  std::vector<Tally> tallies;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> again;
  double next = 0, end = 0, slice = 1;
  std::uint64_t number = 0;
  SeededRandom random{20200621};
  std::map<std::uint64_t, std::string> receipts;
  std::uint64_t wrongly_taken = 0;
  std::string wrong_example;
  std::vector<double> answered_at;  ///< moments of answers, for how long a fault was felt
  const std::function<double(double)>* rate = nullptr;
  Steady::time_point begun;

  [[nodiscard]] double now() const { return std::chrono::duration<double>(Steady::now() - begun).count(); }

  Tally* tally(double at) {
    const auto index = std::size_t(std::max(0.0, at) / slice);
    return index < tallies.size() ? &tallies[index] : nullptr;
  }

  /// The next wish, or nothing when the time is over.
  std::optional<Due> take() {
    const std::lock_guard lock(mutex);
    if (!again.empty() && (again.top().at <= next || next >= end)) {
      Due due = again.top();
      again.pop();
      if (due.at >= end) return std::nullopt;
      if (Tally* one = tally(due.at)) ++one->slice.retried, ++one->slice.offered;
      return due;
    }
    if (next >= end) return std::nullopt;
    Due due{.at = next, .wish = {.number = ++number}, .tries = 0};
    due.wish.page = random.unit() < scenario.pages;
    due.wish.broken = !due.wish.page && random.unit() < scenario.broken;
    const double a_second = std::max((*rate)(next), 0.001);
    next += std::min(-std::log(1 - random.unit()) / a_second, 1.0);  // arrivals know nothing of each other
    if (Tally* one = tally(due.at)) ++one->slice.offered;
    return due;
  }

  void done(const Due& due, Got got, double at) {
    const std::lock_guard lock(mutex);
    Tally* const one = tally(due.at);
    if (got == Got::answered) answered_at.push_back(at);
    if (one != nullptr) {
      if (got == Got::answered) one->took_ms.push_back(float((at - due.at) * 1000));
      ++(got == Got::answered  ? one->slice.answered
         : got == Got::refused ? one->slice.refused
         : got == Got::failed  ? one->slice.failed
                               : one->slice.wrong);
    }
    if (got == Got::answered || got == Got::wrong) return;
    if (due.tries >= scenario.retries.at_most || random.unit() >= scenario.retries.share) return;
    Due retry = due;
    ++retry.tries;
    retry.at = at + scenario.retries.after.count() * (0.5 + random.unit());
    again.push(retry);
  }

  Got wrong(const http::ClientResponse& answer) {
    const std::lock_guard lock(mutex);
    if (wrong_example.empty()) {
      wrong_example = std::to_string(answer.status) + " " + answer.body.substr(0, 300);
    }
    return Got::wrong;
  }

  Got judge(const Wish& wish, const http::ClientResponse& answer) {
    // Once a day, and for who lives in the country: being told so is the right answer.
    const auto says = [&](std::string_view code) { return answer.body.find(code) != std::string::npos; };
    if (!wish.page && (says("\"case.limit\"") || says("\"case.not_entitled\""))) return Got::answered;
    if (answer.status == 503 || answer.status == 429) return Got::refused;
    if (answer.status >= 500) return Got::failed;
    if (wish.page) return answer.status == 200 || answer.status == 304 ? Got::answered : wrong(answer);
    const std::string receipt = offer.receipt(wish, answer.status, answer.body);
    if (receipt.empty() && !wish.broken) return wrong(answer);
    const std::lock_guard lock(mutex);
    if (wish.broken) {  // said what is missing: that is its answer
      if (!receipt.empty()) ++wrongly_taken;
      return receipt.empty() && answer.status >= 200 ? Got::answered : Got::wrong;
    }
    receipts[wish.number] = receipt;
    return Got::answered;
  }

  void ask() {
    auto client = http::Client::create(world.url(), impatient(1s, 3s));
    if (!client) return;
    while (true) {
      const std::optional<Due> due = take();
      if (!due) return;
      std::this_thread::sleep_until(begun + std::chrono::duration_cast<Steady::duration>(Seconds(due->at)));
      if (now() - due->at > patience.count()) {
        done(*due, Got::failed, now());
        continue;
      }
      const Offer::Request request = offer.request(due->wish);
      http::Client::Headers headers;
      if (!request.key.empty()) headers.emplace_back("Authorization", "Bearer " + request.key);
      if (!request.post) headers.emplace_back("Accept", "text/html");
      const auto answer = request.post ? client->post(request.target, request.body, headers)
                                       : client->get(request.target, headers);
      done(*due, answer ? judge(due->wish, *answer) : Got::failed, now());
    }
  }
};

Crowd::Crowd(const World& world, const Offer& offer, const Scenario& scenario, int threads)
    : state_(std::make_unique<State>(world, offer, scenario, threads)) {}
Crowd::~Crowd() = default;

std::vector<Slice> Crowd::run(Seconds lasts, Seconds slice, const std::function<double(double)>& rate,
                              const std::function<void(double)>& on_moment) {
  State& state = *state_;
  state.tallies.assign(std::size_t(std::ceil(lasts / slice)), {});
  state.slice = slice.count();
  state.next = 0;
  state.end = lasts.count();
  state.rate = &rate;
  state.again = {};
  state.answered_at.clear();
  state.begun = Steady::now();
  std::vector<std::thread> people;
  std::atomic<int> left = state.threads;
  for (int i = 0; i < state.threads; ++i) {
    people.emplace_back([&state, &left] {
      state.ask();
      --left;
    });
  }
  while (left > 0) {
    on_moment(state.now());
    std::this_thread::sleep_for(20ms);
  }
  for (std::thread& person : people) person.join();
  std::vector<Slice> out;
  for (std::size_t i = 0; i < state.tallies.size(); ++i) {
    State::Tally& one = state.tallies[i];
    one.slice.at = double(i) * slice.count();
    one.slice.p50_ms = percentile(one.took_ms, 0.5);
    one.slice.p99_ms = percentile(one.took_ms, 0.99);
    out.push_back(one.slice);
  }
  return out;
}

const std::map<std::uint64_t, std::string>& Crowd::receipts() const {
  return state_->receipts;
}
const std::string& Crowd::wrong_example() const {
  return state_->wrong_example;
}
std::uint64_t Crowd::wrongly_taken() const {
  return state_->wrongly_taken;
}

std::optional<double> Crowd::first_answer_after(double t) const {
  std::optional<double> first;
  for (const double at : state_->answered_at) {
    if (at > t && (!first || at < *first)) first = at;
  }
  return first;
}

}  // namespace dayaq::cli::drill
