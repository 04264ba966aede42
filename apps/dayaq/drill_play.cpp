// The play: the curve with its storms and faults, then a ramp until it no longer holds, then the check.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <thread>

#include "drill.hpp"

namespace dayaq::cli::drill {
namespace {

using namespace std::chrono_literals;

constexpr int people = 96;  // who ask at the same time at most: the machine is shared with what is asked

/// CPU time of dayaqd's threads by what they do, in seconds since its start.
struct Cpu {
  double writer = 0, io = 0, workers = 0, machine = 0;
};

double ticks_of(const std::string& stat) {
  // Fields 14 and 15, counted after the name in parentheses. @see proc(5)
  std::size_t at = stat.rfind(')');
  if (at == std::string::npos) return 0;
  std::istringstream rest(stat.substr(at + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) rest >> skipped;
  double user = 0, system = 0;
  rest >> user >> system;
  return user + system;
}

std::string first_line(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

Cpu cpu_of(int pid) {
  Cpu out;
  const double hertz = double(::sysconf(_SC_CLK_TCK));
  std::error_code error;
  for (const auto& thread : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), error)) {
    const std::string name = first_line(thread.path() / "comm");
    const double used = ticks_of(first_line(thread.path() / "stat")) / hertz;
    if (name == "writer") out.writer += used;
    if (name == "http-io") out.io += used;
    if (name == "http-worker") out.workers += used;
  }
  std::istringstream all(first_line("/proc/stat"));
  std::string word;
  all >> word;
  double value = 0;
  for (int i = 0; all >> value; ++i) {
    if (i != 3 && i != 4) out.machine += value / hertz;  // without idle and iowait
  }
  return out;
}

/// What was used between two looks, in cores.
void add_use(Slice& slice, const Cpu& before, const Cpu& after, double seconds) {
  const auto used = [&](double from, double until) { return until >= from ? (until - from) / seconds : 0; };
  slice.writer = used(before.writer, after.writer);
  slice.io = used(before.io, after.io);
  slice.workers = used(before.workers, after.workers);
  slice.machine = used(before.machine, after.machine);
}

class Play {
 public:
  Play(World& world, const Scenario& scenario, const std::function<void(double, std::string_view)>& says)
      : world_(world), scenario_(scenario), says_(says) {
    outcome_.scenario = scenario;
  }

  Result<Outcome> run() {
    DAYAQ_TRY(const Offer offer, Offer::find(world_));
    outcome_.engine = offer.submits();
    outcome_.machine = fmt::format("{} cores, shared with the crowd", std::thread::hardware_concurrency());
    Crowd crowd(world_, offer, scenario_, people);
    curve(crowd);
    if (broken_) return std::unexpected(*broken_);
    if (scenario_.ramp.from > 0) ramp(crowd);
    says_(0.97, "checking what was promised");
    DAYAQ_TRY_OK(world_.stop());
    DAYAQ_TRY_OK(offer.check(world_, crowd.receipts(), outcome_));
    outcome_.wrongly_taken = crowd.wrongly_taken();
    outcome_.wrong_example = crowd.wrong_example();
    sum_up();
    return std::move(outcome_);
  }

 private:
  [[nodiscard]] double rate_at(double t) const {
    const auto hour = std::size_t(t / scenario_.duration.count() * double(scenario_.curve.size()));
    return scenario_.peak * scenario_.curve[std::min(hour, scenario_.curve.size() - 1)];
  }

  void curve(Crowd& crowd) {
    const double length = scenario_.duration.count();
    std::vector<Cpu> looks{cpu_of(world_.pid())};
    std::size_t fault = 0;
    std::optional<double> thaw_at;
    std::vector<std::pair<double, std::string>> struck;
    const double share = scenario_.ramp.from > 0 ? 0.7 : 0.95;
    outcome_.seconds = crowd.run(
        scenario_.duration, 1s, [this](double t) { return rate_at(t); },
        [&](double now) {
          says_(share * std::min(1.0, now / length), "the crisis");
          while (double(looks.size()) <= now) looks.push_back(cpu_of(world_.pid()));
          if (thaw_at && now >= *thaw_at) {
            world_.thaw();
            thaw_at.reset();
          }
          if (fault >= scenario_.faults.size() || now < scenario_.faults[fault].at.count()) return;
          const Scenario::Fault& strikes = scenario_.faults[fault++];
          if (strikes.what == Scenario::Fault::What::freeze) {
            struck.emplace_back(now, "stood still");
            world_.freeze();
            thaw_at = now + strikes.lasts.count();
          } else {
            struck.emplace_back(now, "killed");
            world_.kill();
            std::this_thread::sleep_for(std::chrono::duration_cast<std::chrono::milliseconds>(strikes.lasts));
            if (const auto again = world_.start(); !again && !broken_) broken_ = again.error();
          }
        });
    looks.push_back(cpu_of(world_.pid()));
    world_.thaw();
    for (std::size_t i = 0; i < outcome_.seconds.size() && i + 1 < looks.size(); ++i) {
      add_use(outcome_.seconds[i], looks[i], looks[i + 1], 1);
    }
    for (const auto& [at, what] : struck) {
      const double back = crowd.first_answer_after(at + 0.25).value_or(length);
      outcome_.recovered_s = std::max(outcome_.recovered_s, back - at);
      for (Slice& slice : outcome_.seconds) {
        if (slice.at + 1 > at && slice.at <= back + 2) slice.fault = what;
      }
    }
  }

  /// Twice the rate that held is tried until it no longer holds.
  void ramp(Crowd& crowd) {
    for (double rate = scenario_.ramp.from; rate <= scenario_.ramp.until; rate *= scenario_.ramp.factor) {
      says_(0.7 + 0.25 * std::min(1.0, std::log(rate / scenario_.ramp.from + 1) / 6),
            fmt::format("{:.0f} requests a second", rate));
      const Cpu before = cpu_of(world_.pid());
      const auto slices =
          crowd.run(scenario_.ramp.step, scenario_.ramp.step, [rate](double) { return rate; }, [](double) {});
      Step step{.rate = rate, .slice = slices.front(), .held = false};
      add_use(step.slice, before, cpu_of(world_.pid()), scenario_.ramp.step.count());
      const double answered = double(step.slice.answered) / std::max(1.0, double(step.slice.offered));
      step.held = answered >= scenario_.answered && step.slice.p99_ms <= double(scenario_.p99.count());
      outcome_.steps.push_back(step);
      if (step.held) outcome_.held_to = rate;
      if (!step.held) break;
    }
    name_what_breaks();
  }

  void name_what_breaks() {
    if (outcome_.steps.empty()) return;
    const Step& last = outcome_.steps.back();
    if (last.held) {
      outcome_.breaks_first = "nothing that was tried";
      outcome_.why = fmt::format("{:.0f} requests a second still held; the ramp ended there.", last.rate);
      return;
    }
    const double cores = std::max(1u, std::thread::hardware_concurrency());
    const Slice& slice = last.slice;
    const double ours = slice.writer + slice.io + slice.workers;
    if (slice.writer >= 0.85) {
      outcome_.breaks_first = "the writer";
      outcome_.why = fmt::format("The one thread that writes used {:.0f} % of a core.", slice.writer * 100);
    } else if (slice.io >= 0.85) {
      outcome_.breaks_first = "the thread for connections";
      outcome_.why =
          fmt::format("It used {:.0f} % of a core; --io-threads gives it company.", slice.io * 100);
    } else if (slice.machine >= 0.9 * cores) {
      outcome_.breaks_first = "the machine";
      outcome_.why = fmt::format(
          "{:.1f} of {:.0f} cores were in use: {:.1f} by dayaqd (writer {:.2f}, connections "
          "{:.2f}, workers {:.2f}), the rest by the crowd and what else runs here. More cores, or a crowd on "
          "another machine, would show more.",
          slice.machine, cores, ours, slice.writer, slice.io, slice.workers);
    } else {
      outcome_.breaks_first = "waiting";
      outcome_.why = fmt::format(
          "No thread was full (writer {:.2f}, connections {:.2f}, workers {:.2f} cores): "
          "requests waited for the disk or for a free worker.",
          slice.writer, slice.io, slice.workers);
    }
  }

  void sum_up() {
    Slice& total = outcome_.total;
    std::uint64_t offered = 0, answered = 0;
    for (const Slice& slice : outcome_.seconds) {
      total.offered += slice.offered;
      total.answered += slice.answered;
      total.refused += slice.refused;
      total.failed += slice.failed;
      total.retried += slice.retried;
      total.wrong += slice.wrong;
      if (!slice.fault.empty()) continue;
      offered += slice.offered;
      answered += slice.answered;
      outcome_.quiet_p99_ms = std::max(outcome_.quiet_p99_ms, slice.p99_ms);
    }
    outcome_.quiet_answered = offered == 0 ? 0 : double(answered) / double(offered);
    auto& verdicts = outcome_.verdicts;
    verdicts.emplace_back("Every receipt has its record", outcome_.lost == 0 && outcome_.receipts > 0);
    verdicts.emplace_back("Nothing was recorded twice", outcome_.doubled == 0);
    verdicts.emplace_back("No broken message was taken for a good one", outcome_.wrongly_taken == 0);
    verdicts.emplace_back("The audit log verifies", outcome_.audit_verified);
    verdicts.emplace_back(
        fmt::format("Outside of faults at least {:.4g} % were answered", scenario_.answered * 100),
        outcome_.quiet_answered >= scenario_.answered);
    verdicts.emplace_back(
        fmt::format("Outside of faults 99 of 100 were answered within {} ms", scenario_.p99.count()),
        outcome_.quiet_p99_ms <= double(scenario_.p99.count()));
    verdicts.emplace_back("No answer was other than it should be", total.wrong == 0);
  }

  World& world_;
  const Scenario& scenario_;
  const std::function<void(double, std::string_view)>& says_;
  Outcome outcome_;
  std::optional<Error> broken_;
};

}  // namespace

bool Outcome::ready() const {
  return std::all_of(verdicts.begin(), verdicts.end(), [](const auto& one) { return one.second; });
}

Result<Outcome> play(World& world, const Scenario& scenario,
                     const std::function<void(double, std::string_view)>& says) {
  return Play(world, scenario, says).run();
}

}  // namespace dayaq::cli::drill
