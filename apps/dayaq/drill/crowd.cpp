#include "drill/crowd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <mutex>
#include <queue>
#include <thread>

#include "base/random.hpp"
#include "http/client.hpp"
#include "http/encoding.hpp"

namespace dayaq::cli::drill {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr Seconds patience{5};  ///< nobody waits longer for their turn to ask, or for an answer by message
constexpr Seconds gateway_pause{1};  ///< until the gateway brings a message again: docs/sms.md
constexpr const char* web_door = "/services/leaving-home/apply";

http::ClientOptions impatient(std::chrono::milliseconds to_connect, std::chrono::milliseconds to_answer) {
  http::ClientOptions out;
  out.connect_timeout = to_connect;
  out.answer_timeout = to_answer;
  return out;
}

/// held: the page that they were shown still stands, its answer isn't there yet.
enum class Got : std::uint8_t { answered, waiting, held, refused, failed, wrong, later };

struct Due {
  double at = 0;
  Wish wish;
  int tries = 0;
  double first = 0;    ///< when it was wanted first
  std::string ticket;  ///< of the web's door
  friend bool operator>(const Due& a, const Due& b) { return a.at > b.at; }
};
using Queue = std::priority_queue<Due, std::vector<Due>, std::greater<>>;

double percentile(std::vector<float>& values, double share) {
  if (values.empty()) return 0;
  const auto at = values.begin() + std::ptrdiff_t(share * double(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return double(*at);
}

struct Taking {
  Tally tally;
  std::vector<float> took_ms;
  void count(Got got, double took) {
    if (got == Got::answered || got == Got::waiting) took_ms.push_back(float(took * 1000));
    ++(got == Got::answered  ? tally.answered
       : got == Got::waiting ? tally.waiting
       : got == Got::held    ? tally.waiting
       : got == Got::refused ? tally.refused
       : got == Got::failed  ? tally.failed
                             : tally.wrong);
  }
  void close() {
    tally.p50_ms = percentile(took_ms, 0.5);
    tally.p99_ms = percentile(took_ms, 0.99);
  }
};

/// "place=...; Path=/" -> "place=..."
std::string place_in(const http::ClientResponse& answer) {
  for (const auto& [name, value] : answer.headers) {
    if (name.size() != 10 || (name[0] | 32) != 's') continue;  // Set-Cookie
    if (value.starts_with("place=") || value.starts_with("__Host-place="))
      return value.substr(0, value.find(';'));
  }
  return {};
}

}  // namespace

struct Crowd::State {
  State(const World& of, const Offer& what, Mailbox* mails, const Scenario& how, int count)
      : world(of), offer(what), mailbox(mails), scenario(how), threads(count) {}

  const World& world;
  const Offer& offer;
  Mailbox* const mailbox;
  const Scenario& scenario;
  const int threads;

  struct Moment {
    std::array<Taking, doors> by_door;
    Taking all;
  };
  std::mutex mutex;  // guards all below
  std::vector<Moment> moments;
  Queue again;    ///< people who try again
  Queue gateway;  ///< messages that the gateway still has to bring
  double next = 0, end = 0, slice = 1;
  bool settling = false;
  int run = 0;
  std::uint64_t number = 0;
  SeededRandom random{20200621};
  std::map<std::uint64_t, std::string> receipts;
  std::uint64_t wrongly_taken = 0;
  std::string wrong_example;
  std::vector<double> kept_at, read_at;  ///< when something was taken to be kept, when something was read
  WebOutcome web;
  const std::function<double(double)>* rate = nullptr;
  Steady::time_point begun;

  [[nodiscard]] double now() const { return std::chrono::duration<double>(Steady::now() - begun).count(); }

  template <class F>
  void at_moment(double at, Door door, F&& change) {
    const auto index = std::size_t(std::max(0.0, at) / slice);
    if (index >= moments.size()) return;
    change(moments[index].all);
    change(moments[index].by_door[std::size_t(door)]);
  }

  Due draw() {
    Due due{.at = next, .wish = {.number = ++number}, .tries = 0, .first = next, .ticket = {}};
    const double which = random.unit();
    due.wish.door = which < scenario.pages                                 ? Door::page
                    : which < scenario.pages + scenario.web                ? Door::web
                    : which < scenario.pages + scenario.web + scenario.sms ? Door::sms
                                                                           : Door::api;
    const bool says = due.wish.door == Door::sms || due.wish.door == Door::api;
    due.wish.broken = says && random.unit() < scenario.broken;
    const double a_second = std::max((*rate)(next), 0.001);
    next += std::min(-std::log(1 - random.unit()) / a_second, 1.0);  // arrivals know nothing of each other
    if (due.wish.door == Door::web) ++web.visitors;
    return due;
  }

  /// What is due next, or nothing when the time is over.
  std::optional<Due> take() {
    const std::lock_guard lock(mutex);
    const double next_again = again.empty() ? 1e18 : again.top().at;
    const double next_gateway = gateway.empty() ? 1e18 : gateway.top().at;
    const double next_new = next < end ? next : 1e18;
    if (next_gateway <= std::min(next_again, next_new) && (settling || next_gateway < end)) {
      Due due = gateway.top();
      gateway.pop();
      mailbox->redelivered();
      return due;
    }
    if (next_again < end && next_again <= next_new) {
      Due due = again.top();
      again.pop();
      // Of a message the first counts: it has one answer, however often it is written.
      at_moment(due.at, due.wish.door, [&](Taking& one) {
        ++one.tally.retried;
        if (due.wish.door != Door::sms) ++one.tally.offered;
      });
      return due;
    }
    if (next >= end) return std::nullopt;
    Due due = draw();
    at_moment(due.at, due.wish.door, [](Taking& one) { ++one.tally.offered; });
    return due;
  }

  void done(const Due& due, Got got, double at) {
    const std::lock_guard lock(mutex);
    if (got == Got::later) return;  // a message: its answer counts
    const bool kept = due.wish.door == Door::api && !due.wish.broken;
    if (got == Got::answered) (kept ? kept_at : read_at).push_back(at);
    at_moment(due.at, due.wish.door, [&](Taking& one) { one.count(got, at - due.at); });
    if (got == Got::answered || got == Got::wrong || got == Got::waiting || got == Got::held) return;
    if (due.tries >= scenario.retries.at_most || random.unit() >= scenario.retries.share) return;
    Due retry = due;
    ++retry.tries;
    retry.at = at + scenario.retries.after.count() * (0.5 + random.unit());
    again.push(retry);
  }

  Got wrong(const http::ClientResponse& answer) {
    const std::lock_guard lock(mutex);
    if (wrong_example.empty())
      wrong_example = fmt::format("{} {}", answer.status, answer.body.substr(0, 300));
    return Got::wrong;
  }

  Got judge(const Wish& wish, const http::ClientResponse& answer) {
    // Once a day: being told so is the right answer.
    const bool had = answer.body.find("\"case.limit\"") != std::string::npos;
    if (had && wish.door == Door::api) return Got::answered;
    if (answer.status == 503 || answer.status == 429) return Got::refused;
    if (answer.status >= 500) return Got::failed;
    if (wish.door == Door::page)
      return answer.status == 200 || answer.status == 304 ? Got::answered : wrong(answer);
    const std::string receipt = Offer::receipt(answer.status, answer.body);
    if (receipt.empty() && !wish.broken) return wrong(answer);
    const std::lock_guard lock(mutex);
    if (wish.broken) {  // said what is missing: that is its answer
      if (!receipt.empty()) ++wrongly_taken;
      return receipt.empty() && answer.status >= 200 ? Got::answered : Got::wrong;
    }
    receipts[wish.number] = receipt;
    return Got::answered;
  }

  Got ask(http::Client& client, const Due& due) {
    const Offer::Request request = offer.request(due.wish);
    http::Client::Headers headers;
    if (!request.key.empty()) headers.emplace_back("Authorization", "Bearer " + request.key);
    if (!request.post) headers.emplace_back("Accept", "text/html");
    const auto answer = request.post ? client.post(request.target, request.body, headers)
                                     : client.get(request.target, headers);
    return answer ? judge(due.wish, *answer) : Got::failed;
  }

  /// The gateway brings a message; whatever becomes of that, it isn't lost.
  Got bring(http::Client& client, Due due) {
    if (due.ticket.empty()) {
      if (due.tries == 0) mailbox->write(due.wish.number, due.wish.broken, due.at, run);
      mailbox->sent(due.wish.number, now(), due.tries > 0);
      due.ticket = fmt::format("d{}-{}", due.wish.number, due.tries);  // the gateway's id of it
    }
    const auto answer = client.get(fmt::format(
        "/sms/inbound?secret={}&from={}&to=8103&id={}&coding=0&charset=UTF-8&text={}", world.sms_secret(),
        Mailbox::phone(due.wish.number), due.ticket, http::percent_encode(mailbox->text(due.wish.number))));
    if (answer && answer->status == 200) {
      const std::lock_guard lock(mutex);
      kept_at.push_back(now());
      return Got::later;
    }
    if (answer && answer->status < 500) {
      mailbox->dismiss(due.wish.number);
      return wrong(*answer);
    }
    const std::lock_guard lock(mutex);
    due.at = now() + gateway_pause.count();
    gateway.push(due);
    return Got::later;
  }

  /// When they were told, or before: who presses the button doesn't wait for the page to ask by itself. Under
  /// mutex.
  void come_again(const Due& due, const std::string& place, double told) {
    Due later = due;
    ++later.tries;
    if (!place.empty()) later.ticket = place;
    const bool presses = random.unit() < scenario.retries.share;
    later.at = now() + (presses ? scenario.retries.after.count() * (0.5 + random.unit()) : told);
    again.push(later);
  }

  /// At the web's door: in, or a place in the queue.
  Got knock(http::Client& client, const Due& due) {
    // Every second of them is signed in; the others meet the gate as well, and are sent to sign in behind it.
    const std::vector<std::string>& visitors = world.signed_in();
    const bool known = due.wish.number % 2 == 0;
    std::string cookies = known ? visitors[due.wish.number / 2 % visitors.size()] : "lang=en";
    if (!due.ticket.empty()) cookies += "; " + due.ticket;
    const http::Client::Headers headers{{"Accept", "text/html"}, {"Cookie", cookies}};
    const auto answer = client.get(web_door, headers);
    if (!answer && answer.error().code == "client.timeout" && !due.ticket.empty()) {
      const std::lock_guard lock(mutex);
      come_again(due, due.ticket, 1);  // who asks before their time is held
      return Got::held;
    }
    if (!answer) return Got::failed;
    if (known && answer->header("Location").find("sign-in") != std::string_view::npos) return wrong(*answer);
    if (answer->status == 303 || answer->status == 302 || answer->status == 200) {
      const std::lock_guard lock(mutex);
      ++web.admitted;
      if (!due.ticket.empty()) web.longest_wait_s = std::max(web.longest_wait_s, now() - due.first);
      if (!due.ticket.empty()) --web.waiting_at_end;
      return Got::answered;
    }
    const std::string place = place_in(*answer);
    const bool waits = answer->status == 503 && !(place.empty() && due.ticket.empty());
    if (!waits) return answer->status >= 500 || answer->status == 429 ? Got::refused : wrong(*answer);
    double told = 4;
    const std::string_view after = answer->header("Retry-After");
    std::from_chars(after.data(), after.data() + after.size(), told);
    const std::lock_guard lock(mutex);
    if (due.ticket.empty()) {
      ++web.told_to_wait;
      ++web.waiting_at_end;
    } else if (!place.empty() && place != due.ticket) {
      ++web.places_changed;
    }
    come_again(due, place, told);
    return Got::waiting;
  }

  void live() {
    auto client = http::Client::create(world.url(), impatient(1s, 3s));
    auto hasty = http::Client::create(world.url(), impatient(1s, 250ms));  // presses again and again
    if (!client || !hasty) return;
    while (true) {
      const std::optional<Due> due = take();
      if (!due) return;
      std::this_thread::sleep_until(begun + std::chrono::duration_cast<Steady::duration>(Seconds(due->at)));
      const Door door = due->wish.door;
      if (door != Door::sms && now() - due->at > patience.count()) {
        done(*due, Got::failed, now());
        continue;
      }
      const Got got = door == Door::sms   ? bring(*client, *due)
                      : door == Door::web ? knock(due->ticket.empty() ? *client : *hasty, *due)
                                          : ask(*client, *due);
      done(*due, got, now());
    }
  }

  void live_together(const std::function<void(double)>& on_moment) {
    std::vector<std::thread> people;
    std::atomic<int> left = threads;
    for (int i = 0; i < threads; ++i) {
      people.emplace_back([this, &left] {
        live();
        --left;
      });
    }
    while (left > 0) {
      on_moment(now());
      write_again();
      std::this_thread::sleep_for(20ms);
    }
    for (std::thread& person : people) person.join();
  }

  /// Who has heard nothing writes again.
  void write_again() {
    if (mailbox == nullptr) return;
    for (const std::uint64_t wish : mailbox->impatient(now(), patience.count(), run)) {
      const std::lock_guard lock(mutex);
      if (random.unit() >= scenario.retries.share) continue;
      Due due{.at = now(),
              .wish = {.number = wish, .door = Door::sms},
              .tries = ++writes[wish],
              .first = 0,
              .ticket = {}};
      if (due.tries <= scenario.retries.at_most && due.at < end) again.push(due);
    }
  }
  std::map<std::uint64_t, int> writes;  ///< how often they wrote again; guarded by mutex

  /// What the gateway holds is brought, and its answers are waited for.
  void settle(Seconds limit, const std::function<void(double)>& on_moment) {
    if (mailbox == nullptr) return;
    const double until = now() + limit.count();
    const auto held = [this] {
      const std::lock_guard lock(mutex);
      return !gateway.empty();
    };
    {
      const std::lock_guard lock(mutex);
      settling = true;
    }
    while (now() < until && (held() || mailbox->waiting() > 0)) {
      if (held()) live_together(on_moment);
      on_moment(now());
      std::this_thread::sleep_for(20ms);
    }
    const std::lock_guard lock(mutex);
    settling = false;
  }
};

Crowd::Crowd(const World& world, const Offer& offer, Mailbox* mailbox, const Scenario& scenario, int threads)
    : state_(std::make_unique<State>(world, offer, mailbox, scenario, threads)) {}
Crowd::~Crowd() = default;

std::vector<Slice> Crowd::run(Seconds lasts, Seconds slice, Seconds settle,
                              const std::function<double(double)>& rate,
                              const std::function<void(double)>& on_moment) {
  State& state = *state_;
  {
    const std::lock_guard lock(state.mutex);
    state.moments.clear();
    state.moments.resize(std::size_t(std::ceil(lasts / slice)));
    state.slice = slice.count();
    state.next = 0;
    state.end = lasts.count();
    state.rate = &rate;
    state.again = {};
    state.kept_at.clear();
    state.read_at.clear();
    state.web.waiting_at_end = 0;
    ++state.run;
    state.begun = Steady::now();
  }
  state.live_together(on_moment);
  state.settle(settle, on_moment);
  const std::lock_guard lock(state.mutex);
  if (state.mailbox != nullptr) {
    for (const double due : state.mailbox->unanswered(state.run)) {
      state.at_moment(due, Door::sms, [](Taking& one) { ++one.tally.failed; });
    }
  }
  std::vector<Slice> out;
  for (State::Moment& moment : state.moments) {
    Slice one;
    one.at = double(out.size()) * slice.count();
    moment.all.close();
    one.all = moment.all.tally;
    for (std::size_t door = 0; door < doors; ++door) {
      moment.by_door[door].close();
      one.by_door[door] = moment.by_door[door].tally;
    }
    out.push_back(std::move(one));
  }
  return out;
}

void Crowd::came(std::string_view to, std::string_view text) {
  State& state = *state_;
  const double now = state.now();
  const auto answered = state.mailbox->came(to, text, now);
  if (!answered) return;
  const std::lock_guard lock(state.mutex);
  if (answered->run != state.run) return;
  state.at_moment(answered->due, Door::sms,
                  [&](Taking& one) { one.count(Got::answered, now - answered->due); });
}

const std::map<std::uint64_t, std::string>& Crowd::receipts() const {
  return state_->receipts;
}
const Mailbox* Crowd::mailbox() const {
  return state_->mailbox;
}
const std::string& Crowd::wrong_example() const {
  return state_->wrong_example;
}
std::uint64_t Crowd::wrongly_taken() const {
  return state_->wrongly_taken;
}
WebOutcome Crowd::web() const {
  return state_->web;
}

std::optional<double> Crowd::served_after(double t) const {
  std::optional<double> first;
  const std::lock_guard lock(state_->mutex);
  for (const double at : state_->kept_at.empty() ? state_->read_at : state_->kept_at) {
    if (at > t && (!first || at < *first)) first = at;
  }
  return first;
}

}  // namespace dayaq::cli::drill
