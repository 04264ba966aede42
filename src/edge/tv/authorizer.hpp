// Who may watch what, and for how long somebody did.
//
// nginx asks before each piece of a channel that it serves. A *viewer* is a line watching a channel, and one
// lease: lease_id("tv", pseudonym and channel). What a viewer was told holds for `allow_for` or `deny_for`
// without another look; viewing is reported once a `heartbeat`, not for each piece.
//
// 1. A viewer who appears begins the lease; while pieces are asked for, each heartbeat reports the seconds
// since
//    the last; one who falls silent for a heartbeat is reported up to the last piece, and the lease ends.
// 2. Reports are numbered by the time's heartbeats since 1970, so that two edges behind one nginx count a
//    viewer once.
// 3. Answers don't wait for the disk: nobody but this edge measures viewing. A crash loses at most what was
//    watched since the last heartbeat, in the viewer's favour.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.hpp"
#include "edge/engine.hpp"
#include "edge/tv/options.hpp"

namespace dayaq::edge::tv {

class Authorizer {
 public:
  Authorizer(Options options, Engine& engine);

  struct Answer {
    enum class What : std::uint8_t {
      allowed,
      denied,     ///< no grant covers the channel: the operator's own check decides
      nobody,     ///< neither a line nor a good token
      elsewhere,  ///< no channel's address
    };
    What what = What::elsewhere;
    Outcome outcome = Outcome::unknown;
    MeasureNumber measure = 0;
    std::string_view channel;
    std::string_view prefix;        ///< of the channel's addresses
    std::chrono::seconds cache{0};  ///< how long the answer may be kept
  };
  /// @param address  as the viewer sent it, with its query
  /// @param line     of the viewer, as the operator's network says; empty: the address must have a token
  /// Any thread; takes the engine's lock itself.
  Answer on_request(std::string_view address, std::string_view line, Instant now);

  /// What a viewer's player needs for a channel: an address with a token. not_found "tv.channel";
  /// forbidden "tv.not_covered"; unavailable "tv.no_key" if no key is configured.
  struct Permit {
    std::string prefix, token, secure_link;
    std::uint64_t key = 0;
    Instant expires;
  };
  [[nodiscard]] Result<Permit> permit(std::string_view channel, std::string_view line, Instant now);

  /// Once a second: reports and forgets viewers who fell silent, some of them each time.
  void tick(Instant now);
  /// Reports all viewing up to now and ends the leases: before a stop.
  void finish(Instant now);
  /// Grants changed: what was told before is looked up again. Any thread, also under the engine's lock.
  void forget_answers() { epoch_.fetch_add(1, std::memory_order_relaxed); }

  struct Counts {
    std::uint64_t allowed = 0, denied = 0, nobody = 0, elsewhere = 0, heartbeats = 0, viewers = 0;
  };
  [[nodiscard]] Counts counts() const;
  [[nodiscard]] const Options& options() const { return options_; }

 private:
  struct Viewer {
    SubscriptionKey key = 0;
    const Channel* channel = nullptr;
    Outcome outcome = Outcome::unknown;
    MeasureNumber measure = 0;
    Instant told_until = instant_min;  ///< the answer holds
    std::uint32_t told_epoch = 0;
    Instant counted = instant_min;  ///< viewing before this is reported
    Instant seen = instant_min;     ///< the last piece
    std::uint32_t number = 0;       ///< of the last report; 0: none
    bool open = false;              ///< the lease has begun and not ended
  };
  struct Hash {
    std::size_t operator()(const LeaseId& id) const { return id.low; }
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<LeaseId, Viewer, Hash> viewers;
    std::size_t cursor = 0;  ///< the bucket that tick() looks at next
  };
  static constexpr std::size_t shards_count = 16;

  [[nodiscard]] const Channel* channel_of(std::string_view path) const;
  [[nodiscard]] std::optional<SubscriptionKey> who(std::string_view address, std::string_view path,
                                                   std::string_view line, Instant now) const;
  Answer watch(const Channel& channel, SubscriptionKey key, Instant now);
  void look_again(Viewer& viewer, const LeaseId& lease, Instant now);
  Verdict report(Viewer& viewer, const LeaseId& lease, Phase phase, Instant until, Instant now);
  [[nodiscard]] Shard& shard_of(const LeaseId& id) { return shards_[id.high % shards_count]; }

  const Options options_;
  Engine& engine_;
  std::array<Shard, shards_count> shards_;
  std::atomic<std::uint32_t> epoch_{0};
  std::atomic<std::uint64_t> allowed_{0}, denied_{0}, nobody_{0}, elsewhere_{0}, heartbeats_{0};
};

}  // namespace dayaq::edge::tv
