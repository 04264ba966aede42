// The drill: a crisis from a file, played against a system of its own, and what is learnt from it.
//
//   file ──► world (a fresh or copied data folder; a dayaqd, a database, an edge, an SMS gateway of its own)
//        ──► play (curve, storms, faults) ──► ramp (to what load it holds)
//        ──► check (nothing lost, nothing doubled, each message answered as it should be) ──► report
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "drill/scenario.hpp"

namespace dayaq::cli::drill {

/// Where somebody asks.
enum class Door : std::uint8_t { page, web, sms, api };
constexpr std::size_t doors = 4;
constexpr std::array<const char*, doors> door_names{"pages", "web door", "messages", "applications"};

/// What came to one door, or to all, in a slice of time.
struct Tally {
  std::uint64_t offered = 0, answered = 0, waiting = 0, refused = 0, failed = 0, retried = 0, wrong = 0;
  double p50_ms = 0, p99_ms = 0;  ///< of what was answered, from when it was due
  void add(const Tally& other);   ///< the counts
  /// A place in the queue is an answer too.
  [[nodiscard]] double share_answered() const;
};

/// One second of the play, or one step of the ramp.
struct Slice {
  double at = 0;
  Tally all;
  std::array<Tally, doors> by_door;
  double writer = 0, io = 0, workers = 0, machine = 0;  ///< CPU, cores
  double database = 0;                                  ///< CPU of a PostgreSQL, cores
  double disk = 0;   ///< share of the time in which something waited for the disk
  double queue = 0;  ///< requests waiting for a worker, at its end
  std::string fault;
};

struct Step {
  double rate = 0;  ///< offered a second
  Slice slice;
  bool held = false;
  std::string because;  ///< what didn't hold: "messages took 3.4 s"
};

/// A fault as it was played.
struct Struck {
  std::string what;  ///< "the database was killed"
  Fault fault;
  double at = 0, ended = 0;      ///< seconds of the play
  std::optional<double> served;  ///< when somebody was served again; nullopt: never
  Tally during;                  ///< of what was due from `at` until `ended`
  double edge_lag_s = 0;         ///< the most while it lasted and until a little after, with an edge
  std::uint64_t edge_asked = 0, edge_answered = 0;  ///< of an edge's own callers, meanwhile
};

/// Of messages by how they were broken.
struct Kind {
  std::uint64_t messages = 0, right = 0, careful = 0, wrong = 0;
};

struct MessagesOutcome {
  std::uint64_t sent = 0, again = 0;  ///< messages; of those sent again by people
  std::uint64_t redelivered = 0;      ///< tries of the gateway's after the first
  std::uint64_t answered = 0, right = 0, careful = 0, wrong = 0, unanswered = 0;
  std::uint64_t granted_wrongly = 0;  ///< permits for somebody, or a message, that should have none
  std::uint64_t answers = 0, answers_twice = 0, marked_twice = 0;
  std::uint64_t kept_unanswered = 0;            ///< in the database, never sent
  std::uint64_t permits = 0, permits_lost = 0;  ///< told by message; of those not in the database

  double p50_s = 0, p99_s = 0, within_minute = 0;
  std::map<std::string, Kind> kinds;
  std::vector<std::string> examples;  ///< "message -> answer (should be ...)" of some that were wrong
  std::size_t phrases = 0, left_out = 0;
};

struct WebOutcome {
  std::uint64_t visitors = 0, admitted = 0, told_to_wait = 0, places_changed = 0, waiting_at_end = 0;
  double longest_wait_s = 0;
};

struct EdgeOutcome {
  bool there = false;
  std::uint64_t asked = 0, answered = 0, differed = 0;  ///< differed: granted before, not any more
  std::uint64_t changes = 0;                            ///< that the centre took meanwhile
  double lag_most_s = 0, lag_end_s = 0;
  std::vector<double> answered_share;  ///< second by second
  std::vector<double> lag_s;
};

struct Outcome {
  Scenario scenario;
  std::string machine, database;
  double took_s = 0;
  std::vector<Slice> seconds;
  std::vector<Step> steps;
  Slice total;
  std::vector<Struck> faults;
  MessagesOutcome messages;
  WebOutcome web;
  EdgeOutcome edge;
  std::uint64_t receipts = 0, lost = 0, doubled = 0, without_receipt = 0;
  std::uint64_t wrongly_taken = 0;                ///< broken applications that were taken
  double quiet_p99_ms = 0, quiet_sms_p99_ms = 0;  ///< outside of faults: of the worst second
  double quiet_answered = 0;
  std::string wrong_example;  ///< the first answer that was other than it should be
  bool audit_verified = false;
  std::vector<std::pair<std::string, bool>> verdicts;  ///< a sentence and whether it holds
  double held_to = 0;                                  ///< requests a second; 0: there was no ramp
  std::string breaks_first, why;
  [[nodiscard]] bool ready() const;
  [[nodiscard]] double recovered_s() const;  ///< the longest from a fault's end until somebody was served
};

[[nodiscard]] std::string to_json(const Outcome& outcome);
[[nodiscard]] std::string to_html(const Outcome& outcome);

// --- programs

/// A process that outlives the drill, however that ends (an error, a signal, SIGKILL): it ends by their ids
/// the programs that the drill has left, and removes its folders. Before any thread is made.
[[nodiscard]] Result<void> start_guardian();
/// The guardian removes it, if nobody has before.
void remove_at_end(const std::filesystem::path& folder);
/// It has been waited for: the id may become somebody else's.
void forget_program(int pid);
/// Reaps it if it has.
[[nodiscard]] bool has_ended(int pid);
/// Runs a program to its end; what it printed. unavailable "drill.program" if it failed.
[[nodiscard]] Result<std::string> run_program(const std::vector<std::string>& words);
/// Starts a program; its output goes to `log`. Returns its process id.
[[nodiscard]] Result<int> start_program(const std::vector<std::string>& words,
                                        const std::filesystem::path& log);
/// SIGKILL, and reaped. -1 is nobody.
void kill_program(int& pid);
/// SIGTERM, and waited for; killed after a minute.
void end_program(int& pid);
/// A process and all that it started.
void signal_family(int pid, int signal);
[[nodiscard]] int free_port();
/// A program of the same folder as this one.
[[nodiscard]] std::string beside(const char* name);

// --- the world

struct WorldOptions {
  std::filesystem::path copy_of;  ///< a data folder; empty: a fresh one
  std::filesystem::path country = "country/az", web = "web";
  std::uint64_t persons = 2000;
  Scenario::Engine database = Scenario::Engine::sqlite;
  bool edge = false;
  std::size_t visitors = 0;      ///< of the web's door, who are signed in already
  double admitted_a_second = 0;  ///< at that door; 0: as dayaqd would by itself
};

/// A PostgreSQL of the drill's own, on loopback, in a temporary folder.
class Postgres {
 public:
  /// unavailable "drill.postgresql" if it isn't installed or doesn't start.
  static Result<std::unique_ptr<Postgres>> make();
  ~Postgres();
  Result<void> start();
  void kill();  ///< all its processes at once
  void freeze();
  void thaw();
  [[nodiscard]] int pid() const { return pid_; }
  [[nodiscard]] std::string url() const;

 private:
  Postgres() = default;
  std::filesystem::path folder_;
  std::vector<std::string> as_user_;  ///< PostgreSQL doesn't run as root
  int pid_ = -1, port_ = 0;
};

/// A data folder in a temporary place, and a dayaqd on a port of its own. Ends and removes both.
class World {
 public:
  static Result<std::unique_ptr<World>> make(const WorldOptions& options,
                                             const std::function<void(std::string_view)>& says);
  ~World();
  Result<void> start();
  void kill();
  void freeze();
  void thaw();
  /// From now on no file of dayaqd's can be written, as on a full disk.
  void fill_disk(bool full);
  Result<void> stop();
  [[nodiscard]] bool ready() const;
  [[nodiscard]] std::string url() const;
  [[nodiscard]] int pid() const { return pid_; }
  [[nodiscard]] const std::filesystem::path& data() const { return data_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] const WorldOptions& options() const { return options_; }
  /// National ids of those who are alive and of whom nothing else is known: they get a permit.
  [[nodiscard]] const std::vector<std::string>& persons() const { return persons_; }
  /// Cookies of persons who are signed in, each another.
  [[nodiscard]] const std::vector<std::string>& signed_in() const { return signed_in_; }
  [[nodiscard]] Result<std::string> key(const std::string& name) const;
  [[nodiscard]] int gateway_port() const { return gateway_port_; }  ///< where its answers go
  [[nodiscard]] const std::string& sms_secret() const { return sms_secret_; }
  [[nodiscard]] Postgres* postgres() const { return postgres_.get(); }
  /// One sum of its metrics: "dayaq_http_queue_length"; 0 if it doesn't answer.
  [[nodiscard]] double metric(std::string_view name) const;

 private:
  explicit World(WorldOptions options) : options_(std::move(options)) {}
  Result<void> make_data(const std::function<void(std::string_view)>& says);
  Result<void> configure();
  Result<void> find_persons();
  Result<void> sign_in();
  WorldOptions options_;
  std::filesystem::path folder_, data_;
  std::vector<std::string> persons_, signed_in_;
  std::unique_ptr<Postgres> postgres_;
  std::string sms_secret_;
  int pid_ = -1;
  int port_ = 0, gateway_port_ = 0;
};

/// The SMS gateway: takes answers as Kannel's smsbox does.
class Gateway {
 public:
  using Text = std::function<void(std::string_view to, std::string_view text)>;  ///< any thread
  static Result<std::unique_ptr<Gateway>> make(int port, Text on_text);
  ~Gateway();

 private:
  struct State;
  explicit Gateway(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// A dayaq-edge that follows the world, and somebody who asks it ten times a second.
class Edge {
 public:
  static Result<std::unique_ptr<Edge>> make(const World& world);
  ~Edge();
  Result<void> start();
  void kill();
  void freeze();
  void thaw();
  /// Counts from here on, in seconds of the play.
  void begin();
  struct Look {
    double at = 0, lag_s = 0;
    bool answered = false, granted = false;
  };
  [[nodiscard]] std::vector<Look> looks() const;
  [[nodiscard]] std::uint64_t changed()
      const;  ///< what the centre took, so that the feed had something to say

 private:
  struct State;
  explicit Edge(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// --- what is asked

/// One thing that somebody wants: the same whenever they try again.
struct Wish {
  std::uint64_t number = 0;
  Door door = Door::page;
  bool broken = false;
};

/// What is offered: pages by their addresses, and applications through the API.
class Offer {
 public:
  static Result<Offer> find(const World& world);
  [[nodiscard]] const std::vector<std::string>& pages() const { return pages_; }
  struct Request {
    bool post = false;
    std::string target, body, key;
  };
  /// Of pages and applications.
  [[nodiscard]] Request request(const Wish& wish) const;
  /// The receipt's id in an answer; "" without one.
  [[nodiscard]] static std::string receipt(int status, std::string_view body);

 private:
  std::string key_;
  std::vector<std::string> pages_, persons_;
};

class Crowd;
/// What the database has after the end, against what was promised.
Result<void> check(const World& world, const Crowd& crowd, Outcome& outcome);
/// The id of an application that the drill sends.
[[nodiscard]] std::int64_t application_id(std::uint64_t wish);

/// CPU time by what it is used for, in seconds; `disk`: seconds in which something waited for it.
struct Use {
  double writer = 0, io = 0, workers = 0, machine = 0, database = 0, disk = 0;
};
[[nodiscard]] Use use_of(const World& world);
/// What was used between two looks, in cores.
void add_use(Slice& slice, const Use& before, const Use& after, double seconds);

/// Names what breaks first, of the ramp's last step.
void name_what_breaks(Outcome& outcome);
/// Sums, and what of the promises held.
void sum_up(Outcome& outcome);

[[nodiscard]] Result<Outcome> play(World& world, const Scenario& scenario, const std::string& messages,
                                   const std::function<void(double share, std::string_view)>& says);

}  // namespace dayaq::cli::drill
