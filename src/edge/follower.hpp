// Keeps the replica as the centre has it: takes a snapshot when there is nothing, then follows the feed.
//
//   nothing, or told to ──► snapshot (pages; the feed goes on in between) ──► following ──► away ──►
//   following
//
// - What is refused (a wrong key, another operator, a gap, a replay, an older snapshot, bytes that are no
// block)
//   is said in the log and in State, nothing of it is applied, and what is known stays in force.
// - Away is every failure to get an answer: tried again after a pause that doubles, with jitter, so that the
//   edges of a country don't come back all at once.
// - A centre that was restored from a backup is refused, whether its feed ends before what is known here or
// has
//   gone on past it with other lines (409 feed.ahead, feed.forked): what is known stays in force until
//   somebody has looked and starts the edge once with accept_restored.
// - A new snapshot is taken when the centre doesn't keep the feed back to here (409 feed.trimmed), after
//   a gap, after damage on disk, and when the changes on disk have outgrown the snapshot, for a quick start.
// - A signature by an unknown key is looked into: the centre is asked which key comes after the known one,
// and is
//   believed where the known one has signed that; then a snapshot by the new key is taken.
//
// @see docs/feed.md
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/random.hpp"
#include "edge/centre_keys.hpp"
#include "edge/replica.hpp"

namespace dayaq::http {
struct ClientResponse;
}  // namespace dayaq::http

namespace dayaq::edge {

class CentreAccess;
class CentreClient;

struct FollowerOptions {
  std::string url;                 ///< of the centre: "https://centre.example"
  std::string token;               ///< without `access`: shown as it is
  std::string edge;                ///< its name, as enrolled; the centre shows how far it is
  std::string tls_authority;       ///< PEM file; empty: the system's
  CentreAccess* access = nullptr;  ///< gives the tokens to call with; outlives the follower
  /// Null: the replica's keys never change. Else the successor that they name is learned where a signature is
  /// by none of them; `keys_changed` is told of it on the follower's thread. Both outlive the follower.
  CentreKeys* keys = nullptr;
  std::function<void(const CentreKeys::Keys&)> keys_changed;
  bool accept_restored = false;   ///< begin with a snapshot, whatever is known here: the centre was restored
  std::chrono::seconds wait{25};  ///< of a question for news, at most 25
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds answer_timeout{30'000};  ///< beyond `wait`
  std::chrono::milliseconds retry_first{500};
  std::chrono::milliseconds retry_most{30'000};
  // A new snapshot when the changes on disk are more than the snapshot's bytes and this, or more signatures
  // than this: 50,000 are about three seconds of a start on two cores.
  std::uint64_t renew_bytes = 8u << 20;
  std::uint64_t renew_blocks = 50'000;
  std::chrono::minutes renew_pause{60};  ///< between two such
};

class Follower {
 public:
  enum class Doing : std::uint8_t {
    starting,
    snapshot,  ///< pages are coming in
    following,
    away,     ///< no answer, or not the feed
    refused,  ///< what came was not right
    broken,   ///< it can't be kept here: the disk
  };
  struct State {
    Doing doing = Doing::starting;
    bool connected = false;            ///< the last question was answered
    Instant last_heard = instant_min;  ///< the last answer
    std::uint64_t sequence = 0;        ///< applied here
    std::uint64_t centre = 0;          ///< the feed's last number, as last heard
    std::uint64_t behind = 0;          ///< lines between the two
    std::uint32_t page = 0;            ///< of the snapshot that is coming in
    std::uint32_t pages = 0;
    std::uint64_t snapshots = 0;  ///< taken since the start
    std::uint64_t applied = 0;    ///< answers with news since the start
    std::uint64_t refused = 0;    ///< blocks or snapshots, since the start
    std::uint64_t failures = 0;   ///< in a row
    std::string error;            ///< code of the last trouble; empty while all is well
    std::string error_text;       ///< for people
    std::string last_refused;     ///< code of the last refusal since the start
  };

  /// Begins on a thread of its own. invalid_input "client.url". What it is given must outlive it.
  static Result<std::unique_ptr<Follower>> start(const FollowerOptions& options, Replica& replica,
                                                 std::mutex& lock, Random& random, const Clock& clock);
  ~Follower();
  /// Returns when the thread has ended, at once but for what is being applied. The destructor calls it.
  void stop();
  /// An operator's wish; any thread.
  void take_snapshot();
  [[nodiscard]] State state() const;

 private:
  Follower(const FollowerOptions& options, Replica& replica, std::mutex& lock, Random& random,
           const Clock& clock);
  void run();
  bool turn();
  bool follow(std::chrono::seconds wait);
  bool bring_snapshot();
  bool snapshot_pages();
  bool heard(const Result<http::ClientResponse>& answer);
  bool refuse(const Error& error);
  bool away(const Error& error);
  bool not_taken(const Error& error);
  bool restored(std::string_view code, std::string detail);
  bool learn_key();
  void settle_key();
  bool answered_otherwise(const http::ClientResponse& answer);
  bool wants_snapshot();
  bool pause();
  [[nodiscard]] bool stopping() const;
  template <class F>
  void say(F&& change);

  FollowerOptions options_;
  Replica& replica_;
  std::mutex& lock_;
  Random& random_;
  const Clock& clock_;
  std::unique_ptr<CentreClient> client_;
  int cancel_ = -1;
  bool resync_ = false;     ///< the feed can't be followed from here
  bool unsure_ = true;      ///< whether the centre's feed is the one known here: after a start, after trouble
  bool wanted_ = false;     ///< a snapshot, by an operator
  bool away_said_ = false;  ///< in the log
  std::string trouble_said_;  ///< in the log: the code of what was last wrong here
  Instant renewed_ = instant_min;

  mutable std::mutex mutex_;  ///< guards what follows
  State state_;
  bool wished_ = false;
  bool stopping_ = false;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace dayaq::edge
