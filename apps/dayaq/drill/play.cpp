// The play: the curve with its storms and faults, then a ramp until it no longer holds, then the check.
#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <thread>

#include "drill/crowd.hpp"
#include "drill/drill.hpp"

namespace dayaq::cli::drill {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr int people = 96;  // who ask at the same time at most: the machine is shared with what is asked
constexpr Seconds settle_play{60}, settle_step{10};  // for what the gateway holds and for its last answers
constexpr double around = 2;                         // seconds after a fault that count as it

/// Strikes when it is time, on a thread of its own: what is started again takes its time.
class Faults {
 public:
  Faults(World& world, Edge* edge, const std::vector<Fault>& all) : world_(world), edge_(edge), all_(all) {}
  ~Faults() { join(); }

  void begin() {
    begun_ = Steady::now();
    thread_ = std::thread([this] { run(); });
  }
  /// Waits until the last has been mended.
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] const std::vector<Struck>& struck() const { return struck_; }
  [[nodiscard]] const std::optional<Error>& broken() const { return broken_; }

 private:
  [[nodiscard]] double now() const { return std::chrono::duration<double>(Steady::now() - begun_).count(); }
  void sleep_until(double at) const {
    std::this_thread::sleep_until(begun_ + std::chrono::duration_cast<Steady::duration>(Seconds(at)));
  }

  void run() {
    for (const Fault& fault : all_) {
      sleep_until(fault.at.count());
      Struck one;
      one.what = words_of(fault);
      one.fault = fault;
      one.at = now();
      strike(fault);
      sleep_until(one.at + fault.lasts.count());
      one.ended = now();
      if (const auto mended = mend(fault); !mended) {
        broken_ = mended.error();
        return;
      }
      struck_.push_back(std::move(one));
    }
  }

  void strike(const Fault& fault) {
    const bool kills = fault.how == Fault::How::kill;
    switch (fault.whom) {
      case Fault::Whom::dayaqd:
        return kills ? world_.kill() : world_.freeze();
      case Fault::Whom::database:
        return kills ? world_.postgres()->kill() : world_.postgres()->freeze();
      case Fault::Whom::edge:
        return kills ? edge_->kill() : edge_->freeze();
      case Fault::Whom::disk:
        return world_.fill_disk(true);
    }
  }
  Result<void> mend(const Fault& fault) {
    const bool kills = fault.how == Fault::How::kill;
    switch (fault.whom) {
      case Fault::Whom::dayaqd:
        if (kills) return world_.start();
        world_.thaw();
        break;
      case Fault::Whom::database:
        if (kills) return world_.postgres()->start();
        world_.postgres()->thaw();
        break;
      case Fault::Whom::edge:
        if (kills) return edge_->start();
        edge_->thaw();
        break;
      case Fault::Whom::disk:
        world_.fill_disk(false);
        break;
    }
    return {};
  }

  World& world_;
  Edge* const edge_;
  const std::vector<Fault>& all_;
  Steady::time_point begun_;
  std::vector<Struck> struck_;  // of the thread, until it is joined
  std::optional<Error> broken_;
  std::thread thread_;
};

class Play {
 public:
  Play(World& world, const Scenario& scenario, const std::function<void(double, std::string_view)>& says)
      : world_(world), scenario_(scenario), says_(says) {
    outcome_.scenario = scenario;
  }

  Result<Outcome> run(const std::string& messages) {
    const auto begun = Steady::now();
    DAYAQ_TRY(const Offer offer, Offer::find(world_));
    DAYAQ_TRY_OK(prepare_messages(messages));
    if (world_.options().edge) {
      says_(0, "starting an edge");
      DAYAQ_TRY(edge_, Edge::make(world_));
    }
    name_machine();
    Crowd crowd(world_, offer, mailbox_.get(), scenario_, people);
    if (mailbox_) {
      DAYAQ_TRY(gateway_,
                Gateway::make(world_.gateway_port(), [&crowd](std::string_view to, std::string_view text) {
                  crowd.came(to, text);
                }));
    }
    DAYAQ_TRY_OK(curve(crowd));
    if (scenario_.ramp.from > 0) ramp(crowd);
    says_(0.96, "checking what was promised");
    edge_.reset();
    DAYAQ_TRY_OK(world_.stop());
    gateway_.reset();
    DAYAQ_TRY_OK(check(world_, crowd, outcome_));
    outcome_.took_s = std::chrono::duration<double>(Steady::now() - begun).count();
    name_what_breaks(outcome_);
    sum_up(outcome_);
    return std::move(outcome_);
  }

 private:
  Result<void> prepare_messages(const std::string& messages) {
    if (scenario_.sms <= 0) return {};
    DAYAQ_TRY(Phrasebook book, Phrasebook::parse(messages));
    book_ = std::make_unique<Phrasebook>(std::move(book));
    outcome_.messages.phrases = book_->clear() + book_->unclear();
    outcome_.messages.left_out = book_->left_out();
    const auto& all = world_.persons();
    mailbox_ = std::make_unique<Mailbox>(
        *book_, std::vector<std::string>(all.begin(), all.begin() + std::ptrdiff_t(all.size() * 3 / 4)));
    return {};
  }

  void name_machine() {
    utsname system{};
    ::uname(&system);
    outcome_.machine =
        fmt::format("{} cores, Linux {}, shared with the crowd", std::thread::hardware_concurrency(),
                    static_cast<const char*>(system.release));
    outcome_.database = world_.postgres() != nullptr ? "PostgreSQL on the same machine" : "embedded (SQLite)";
  }

  [[nodiscard]] double rate_at(double t) const {
    const auto hour = std::size_t(t / scenario_.duration.count() * double(scenario_.curve.size()));
    return scenario_.peak * scenario_.curve[std::min(hour, scenario_.curve.size() - 1)];
  }

  Result<void> curve(Crowd& crowd) {
    const double length = scenario_.duration.count();
    struct Look {
      double at;
      Use use;
      double queue;
    };
    std::vector<Look> looks{{0, use_of(world_), 0}};
    Faults faults(world_, edge_.get(), scenario_.faults);
    const double share = scenario_.ramp.from > 0 ? 0.65 : 0.92;
    if (edge_) edge_->begin();
    faults.begin();
    outcome_.seconds = crowd.run(
        scenario_.duration, 1s, settle_play, [this](double t) { return rate_at(t); },
        [&](double now) {
          says_(share * std::min(1.0, now / length),
                now < length ? "the crisis" : "waiting for the last answers");
          if (now < double(looks.size()) || looks.size() > std::size_t(length)) return;
          looks.push_back({now, use_of(world_), world_.metric("dayaq_http_queue_length")});
        });
    faults.join();
    if (faults.broken()) return std::unexpected(*faults.broken());
    for (std::size_t i = 0; i < outcome_.seconds.size() && i + 1 < looks.size(); ++i) {
      add_use(outcome_.seconds[i], looks[i].use, looks[i + 1].use,
              std::max(0.1, looks[i + 1].at - looks[i].at));
      outcome_.seconds[i].queue = looks[i + 1].queue;
    }
    for (Struck one : faults.struck()) look_back(crowd, one);
    if (edge_) judge_edge();
    return {};
  }

  /// What a fault did, and to which seconds.
  void look_back(const Crowd& crowd, Struck& one) {
    const double length = scenario_.duration.count();
    const bool at_edge = one.fault.whom == Fault::Whom::edge;
    const std::vector<Edge::Look> looks = edge_ ? edge_->looks() : std::vector<Edge::Look>();
    if (at_edge) {
      const auto answered = [&](const Edge::Look& look) { return look.answered && look.at > one.ended; };
      const auto first = std::find_if(looks.begin(), looks.end(), answered);
      if (first != looks.end()) one.served = first->at;
    } else {
      one.served = crowd.served_after(one.ended + 0.02);
    }
    for (const Edge::Look& look : looks) {
      if (look.at < one.at || look.at > one.served.value_or(length) + around) continue;
      ++one.edge_asked;
      one.edge_answered += look.answered ? 1 : 0;
      one.edge_lag_s = std::max(one.edge_lag_s, look.lag_s);
    }
    const double back = one.served.value_or(length);
    for (Slice& slice : outcome_.seconds) {
      if (slice.at + 1 <= one.at || slice.at > back + around) continue;
      if (slice.at <= back) one.during.add(slice.all);
      if (!at_edge) slice.fault = one.what;  // an edge's death is none of the centre's
    }
    outcome_.faults.push_back(std::move(one));
  }

  void judge_edge() {
    EdgeOutcome& out = outcome_.edge;
    out.there = true;
    out.changes = edge_->changed();
    const auto seconds = outcome_.seconds.size();
    std::vector<double> asked(seconds), answered(seconds);
    out.lag_s.assign(seconds, 0);
    for (const Edge::Look& look : edge_->looks()) {
      ++out.asked;
      out.answered += look.answered ? 1 : 0;
      out.differed += look.answered && !look.granted ? 1 : 0;
      out.lag_most_s = std::max(out.lag_most_s, look.lag_s);
      if (look.answered) out.lag_end_s = look.lag_s;
      const auto second = std::size_t(look.at);
      if (second >= seconds) continue;
      ++asked[second];
      answered[second] += look.answered ? 1 : 0;
      out.lag_s[second] = std::max(out.lag_s[second], look.lag_s);
    }
    for (std::size_t i = 0; i < seconds; ++i) {
      out.answered_share.push_back(asked[i] > 0 ? answered[i] / asked[i] : 0);
    }
  }

  /// More and more is offered until it no longer holds.
  void ramp(Crowd& crowd) {
    for (double rate = scenario_.ramp.from; rate <= scenario_.ramp.until; rate *= scenario_.ramp.factor) {
      const double share = 0.66 + 0.29 * std::log(rate / scenario_.ramp.from + 1) /
                                      std::log(scenario_.ramp.until / scenario_.ramp.from + 2);
      const Use before = use_of(world_);
      const double step = scenario_.ramp.step.count();
      std::optional<Use> after;
      double queue = 0;
      const auto slices = crowd.run(
          scenario_.ramp.step, scenario_.ramp.step, settle_step, [rate](double) { return rate; },
          [&](double now) {
            says_(share, fmt::format("{:.0f} requests a second", rate));
            if (now < step * 0.9 || after) return;
            after = use_of(world_);
            queue = world_.metric("dayaq_http_queue_length");
          });
      Step one{.rate = rate, .slice = slices.front(), .held = false, .because = {}};
      add_use(one.slice, before, after.value_or(use_of(world_)), step * 0.9);
      one.slice.queue = queue;
      one.because = what_broke(one.slice);
      one.held = one.because.empty();
      outcome_.steps.push_back(one);
      if (one.held) outcome_.held_to = rate;
      if (!one.held) break;
    }
  }

  [[nodiscard]] std::string what_broke(const Slice& slice) const {
    const Scenario::Promise& promise = scenario_.promise;
    for (std::size_t door = 0; door < doors; ++door) {
      const Tally& one = slice.by_door[door];
      if (one.offered == 0) continue;
      if (one.share_answered() < promise.answered) {
        return fmt::format("{}: {:.1f} % were answered", door_names[door], 100 * one.share_answered());
      }
      const auto most = Door(door) == Door::sms ? promise.sms_p99 : promise.p99;
      if (one.p99_ms > double(most.count())) {
        return fmt::format("{}: 99 of 100 took up to {:.0f} ms", door_names[door], one.p99_ms);
      }
    }
    return {};
  }

  World& world_;
  const Scenario& scenario_;
  const std::function<void(double, std::string_view)>& says_;
  std::unique_ptr<Phrasebook> book_;
  std::unique_ptr<Mailbox> mailbox_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<Edge> edge_;
  Outcome outcome_;
};

}  // namespace

Result<Outcome> play(World& world, const Scenario& scenario, const std::string& messages,
                     const std::function<void(double, std::string_view)>& says) {
  return Play(world, scenario, says).run(messages);
}

}  // namespace dayaq::cli::drill
