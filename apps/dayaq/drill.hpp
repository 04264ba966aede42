// The drill: a crisis from a file, played against a system of its own, and what is learnt from it.
//
//   file ──► world (a fresh or copied data folder, a dayaqd of its own) ──► play (curve, storms, faults)
//            ──► ramp (to what load it holds) ──► check (nothing lost, nothing doubled) ──► report
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace dayaq::cli::drill {

using Seconds = std::chrono::duration<double>;

/// What a drill file says. @see docs/drill.md
struct Scenario {
  std::string name, title, source;  ///< source: where its figures are from
  std::uint64_t persons = 2000;     ///< made for it, unless a copy is played on
  Seconds duration{20};             ///< of the play
  double peak = 200;                ///< messages a second in the fullest hour
  std::vector<double> curve;  ///< share of the peak, hour by hour; the play's time is divided among them
  double broken = 0.25;       ///< share of messages that can't be understood
  double pages = 0.4;         ///< share of requests that read pages; the others submit something
  struct Retries {
    double share = 0.5;  ///< of those who were turned away or got no answer
    Seconds after{1};
    int at_most = 3;
  } retries;
  struct Fault {
    enum class What : std::uint8_t {
      kill,
      freeze
    } what = What::kill;  ///< of dayaqd: at once, or for a while
    Seconds at{0}, lasts{0};
  };
  std::vector<Fault> faults;
  struct Ramp {
    double from = 0, factor = 1.5, until = 50'000;  ///< requests a second; from 0: no ramp
    Seconds step{2};
  } ramp;
  std::chrono::milliseconds p99{500};  ///< what must hold, outside of faults
  double answered = 0.99;
  /// What the crisis was in truth: for the factor in the report.
  double real_messages = 0, real_people = 0, real_peak_a_second = 0;
};
/// invalid_input "drill.file", with the line.
Result<Scenario> parse_scenario(const std::string& text, const std::string& name);

/// One second of the play, or one step of the ramp.
struct Slice {
  double at = 0;
  std::uint64_t offered = 0, answered = 0, refused = 0, failed = 0, retried = 0, wrong = 0;
  double p50_ms = 0, p99_ms = 0;                        ///< of what was answered, from when it was due
  double writer = 0, io = 0, workers = 0, machine = 0;  ///< CPU, cores
  std::string fault;
};

struct Step {
  double rate = 0;  ///< offered a second
  Slice slice;
  bool held = false;
};

struct Outcome {
  Scenario scenario;
  std::string engine, machine;
  std::vector<Slice> seconds;
  std::vector<Step> steps;
  Slice total;
  std::uint64_t receipts = 0, lost = 0, doubled = 0, without_receipt = 0;
  std::uint64_t wrongly_taken = 0;  ///< broken messages that were taken
  double quiet_p99_ms = 0;          ///< outside of faults
  double quiet_answered = 0;
  double recovered_s = 0;     ///< the longest time from a fault to the first answer after it
  std::string wrong_example;  ///< the first answer that was other than it should be
  bool audit_verified = false;
  std::vector<std::pair<std::string, bool>> verdicts;  ///< a sentence and whether it holds
  double held_to = 0;                                  ///< requests a second; 0: there was no ramp
  std::string breaks_first, why;
  [[nodiscard]] bool ready() const;
};

std::string to_json(const Outcome& outcome);
std::string to_html(const Outcome& outcome);

// --- the world

/// Runs a program to its end; what it printed. unavailable "drill.program" if it failed.
Result<std::string> run_program(const std::vector<std::string>& words);

struct WorldOptions {
  std::filesystem::path copy_of;  ///< a data folder; empty: a fresh one
  std::filesystem::path country = "country/az", web = "web";
  std::uint64_t persons = 2000;
};

/// A data folder in a temporary place and a dayaqd on a port of its own. Ends and removes both.
class World {
 public:
  static Result<std::unique_ptr<World>> make(const WorldOptions& options,
                                             const std::function<void(std::string_view)>& says);
  ~World();
  Result<void> start();
  void kill();    ///< -9, and reaped
  void freeze();  ///< SIGSTOP
  void thaw();
  Result<void> stop();  ///< SIGTERM
  [[nodiscard]] bool ready() const;
  [[nodiscard]] std::string url() const;
  [[nodiscard]] int pid() const { return pid_; }
  [[nodiscard]] const std::filesystem::path& data() const { return data_; }
  [[nodiscard]] const WorldOptions& options() const { return options_; }
  [[nodiscard]] const std::vector<std::string>& persons() const { return persons_; }  ///< national ids
  [[nodiscard]] Result<std::string> key(const std::string& name) const;

 private:
  explicit World(WorldOptions options) : options_(std::move(options)) {}
  WorldOptions options_;
  std::filesystem::path folder_, data_;
  std::vector<std::string> persons_;
  int pid_ = -1;
  int port_ = 0;
};

// --- what is asked

/// One thing that somebody wants: the same whenever they try again.
struct Wish {
  std::uint64_t number = 0;
  bool page = false, broken = false;
};
enum class Got : std::uint8_t { answered, refused, failed, wrong };

/// What is offered: pages by their addresses, and submissions through what the node serves.
class Offer {
 public:
  static Result<Offer> find(const World& world);
  [[nodiscard]] const std::string& submits() const { return submits_; }  ///< "POST /v1/attestations"
  [[nodiscard]] const std::vector<std::string>& pages() const { return pages_; }
  struct Request {
    bool post = false;
    std::string target, body, key;
  };
  [[nodiscard]] Request request(const Wish& wish) const;
  /// The receipt's id in an answer; "" without one.
  [[nodiscard]] std::string receipt(const Wish& wish, int status, std::string_view body) const;

  /// What the database has after the end, against the receipts that were given.
  Result<void> check(const World& world, const std::map<std::uint64_t, std::string>& receipts,
                     Outcome& outcome) const;

 private:
  std::string submits_, key_;
  std::vector<std::string> pages_, persons_;
};

// --- the load

/// Offers wishes at a rate that changes each slice, whatever becomes of them (open loop), on threads of its
/// own.
class Crowd {
 public:
  Crowd(const World& world, const Offer& offer, const Scenario& scenario, int threads);
  ~Crowd();
  /// Until `until` seconds from the beginning, at `rate(t)` a second; on_second is called after each slice.
  /// @param slice  length of a slice
  std::vector<Slice> run(Seconds lasts, Seconds slice, const std::function<double(double)>& rate,
                         const std::function<void(double)>& on_moment);
  [[nodiscard]] const std::map<std::uint64_t, std::string>& receipts() const;
  [[nodiscard]] std::uint64_t wrongly_taken() const;
  [[nodiscard]] const std::string& wrong_example() const;
  /// When something was answered for the first time after `t`, in seconds of the run; nullopt: never.
  [[nodiscard]] std::optional<double> first_answer_after(double t) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Result<Outcome> play(World& world, const Scenario& scenario,
                     const std::function<void(double share, std::string_view)>& says);

}  // namespace dayaq::cli::drill
