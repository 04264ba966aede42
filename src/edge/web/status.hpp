// What an edge says about itself, read at one moment: for its page, its metrics and its readiness.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "edge/diameter/node.hpp"
#include "edge/engine.hpp"
#include "edge/radius/server.hpp"
#include "edge/tv/authorizer.hpp"

namespace dayaq::edge::web {

struct Status {
  Instant at;
  Instant started;
  std::string operator_code, name, line, version;
  std::uint8_t number = 1, edges = 1;

  Replica::State replica;
  bool feed_connected = false;
  Instant feed_heard = instant_min;       ///< the centre's last answer, even an empty one
  std::chrono::milliseconds feed_lag{0};  ///< from a change's being said to its being in force here
  std::uint64_t feed_behind = 0;          ///< lines that the centre has said and that aren't in force here
  std::string feed_trouble;               ///< what keeps it from following; empty: nothing
  std::uint32_t resources_version = 0;    ///< of the list of zero-rated resources in use; 0: none
  std::uint64_t resources_refused = 0;    ///< lists, since the start
  std::string resources_trouble;          ///< code; empty: the last list that came was right

  Engine::Counts engine;
  Journal::Health disk = Journal::Health::ok;
  std::uint64_t journal_last = 0, journal_durable = 0, journal_kept = 0;
  std::size_t answers_waiting = 0;

  struct Settlement {
    std::uint64_t made = 0, confirmed = 0, waiting = 0;
    Instant waiting_since = instant_max;
    std::string trouble;
  };
  std::optional<Settlement> settlement;
  std::optional<diameter::Node::Counts> diameter;
  std::size_t diameter_sessions = 0;
  std::optional<radius::Server::Counts> radius;
  std::optional<tv::Authorizer::Counts> tv;

  struct Sibling {
    std::string name;
    std::uint8_t number = 0;
    bool heard = false;          ///< its last poll was answered
    std::uint64_t sequence = 0;  ///< of its journal, applied here
    std::uint64_t behind = 0;    ///< records that it had and this edge had not
  };
  std::vector<Sibling> siblings;
};

/// Reads a Status at most five times a second, however many ask. Thread-safe.
class StatusBoard {
 public:
  explicit StatusBoard(std::function<Status()> read) : read_(std::move(read)) {}
  [[nodiscard]] Status now();

 private:
  std::function<Status()> read_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point read_at_;
  std::optional<Status> last_;
};

/// What keeps the edge from serving, or should worry its operator: sentences in English for /health/ready
/// (`fatal` alone) and the log.
struct Worry {
  enum class What : std::uint8_t {
    disk_full,
    disk_failed,
    no_grants,    ///< no snapshot yet: nothing is known
    centre_away,  ///< not heard for a minute
    settlement,   ///< batches wait for more than an hour
    sibling_away,
    peers_away,  ///< Diameter is served and no peer is connected
    resources,   ///< a list of zero-rated resources was refused, and is given again
  };
  What what;
  std::string about;  ///< a sibling's name
};
[[nodiscard]] std::vector<Worry> worries(const Status& status);

}  // namespace dayaq::edge::web
