// The edge's nouns: what a network asks for, and what it is told.
//
// A *lease* is what one session of the network holds of one service: a Diameter session and one of its rating
// groups, a RADIUS accounting session, a viewer's channel, a reservation of the HTTP API. Everything an edge
// counts, it counts by lease and request number, so that a message sent twice counts once.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "feed/block.hpp"

namespace dayaq::edge {

using SubscriptionKey = std::uint64_t;  ///< pseudonym: feed::pseudonym() under the operator's key; never 0
using MeasureNumber = std::uint32_t;    ///< as the feed defines it

/// How a subscription is reached; the bit of it is 1 << LineKind, as in feed::BenefitLine::delivered_on.
enum class LineKind : std::uint8_t { mobile, fixed, tv };
[[nodiscard]] std::string_view to_string(LineKind kind);  ///< "mobile", as pseudonyms are made of

/// What can be asked for, as a small number: voice, messages, data of a traffic class, a TV package.
using ServiceIndex = std::uint8_t;
inline constexpr ServiceIndex no_service = 255;
inline constexpr std::size_t services_max = 64;

struct Service {
  feed::Benefit kind = feed::Benefit::data;
  std::string traffic_class;  ///< data: class; tv: package; else empty
  friend bool operator==(const Service&, const Service&) = default;
};

/// The services that this operator's file names. Fixed once the edge has started.
class ServiceTable {
 public:
  /// The number of a service, new or old. limit "edge.services" beyond services_max.
  Result<ServiceIndex> add(const Service& service);
  [[nodiscard]] ServiceIndex find(feed::Benefit kind,
                                  std::string_view traffic_class) const;  ///< or no_service
  [[nodiscard]] const Service& at(ServiceIndex index) const { return services_[index]; }
  [[nodiscard]] std::size_t size() const { return services_.size(); }
  /// Which services a benefit covers, as bits: itself, and for data of class `all` every data service. A
  /// service of class `all` (traffic that the network tells nothing more about) is covered by `all` alone.
  [[nodiscard]] std::uint64_t covered_by(const feed::BenefitLine& benefit) const;

 private:
  std::vector<Service> services_;
};

/// 128 bits of a keyed hash of who asked and its session (and rating group): the same on every edge of an
/// operator, so that whoever answers, what was used is counted once.
struct LeaseId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend auto operator<=>(const LeaseId&, const LeaseId&) = default;
};
/// `part`: tells the leases of one session apart (rating group and service identifier; 0 where there is one).
[[nodiscard]] LeaseId lease_id(std::string_view origin, std::string_view session, std::uint64_t part = 0);

enum class Phase : std::uint8_t {
  start,   ///< wants a slice
  update,  ///< reports what was used and wants the next slice
  stop,    ///< reports what was used; the lease ends
  event,   ///< one shot: `requested` (default 1) is used at once
  refund,  ///< what an event debited is given back; never asked: Engine::refund()
};

/// One question of a network about one lease.
struct Ask {
  SubscriptionKey key = 0;
  LineKind line = LineKind::mobile;
  ServiceIndex service = no_service;
  LeaseId lease;
  std::uint32_t number =
      0;  ///< of the request within the lease (CC-Request-Number); RADIUS: 0, see cumulative
  Phase phase = Phase::start;
  std::uint64_t used = 0;       ///< since the last report, in the service's unit (octets, seconds, messages)
  std::uint64_t requested = 0;  ///< 0: the edge decides
  bool wants_slice = true;      ///< update: false if only a report
  /// `used` counts from the session's beginning (RADIUS): the growth is counted; a start says where it stands
  bool cumulative = false;
};

enum class Outcome : std::uint8_t {
  granted,      ///< `slice` units are the lease's until `validity` has passed (stop: the report is taken)
  not_covered,  ///< no grant covers it: the operator's own charging decides
  used_up,      ///< covered, but the quota is used up: the operator's own charging decides
  limited,      ///< covered, but used up: limited service instead, as the measure says
  unknown,      ///< no such subscription in the replica (treated as not_covered by who relays)
  refused,      ///< can't be journaled, and the operator chose to refuse then
};

struct Verdict {
  Outcome outcome = Outcome::not_covered;
  std::uint64_t slice = 0;           ///< granted units for this lease
  bool unlimited = false;            ///< the benefit has no quota
  bool last = false;                 ///< the quota ends with this slice: send a final-unit indication
  bool limited_after = false;        ///< ... and limited service follows, instead of the operator's charging
  bool keep_open = false;            ///< the measure says: keep open when something is silent (CCFH CONTINUE)
  bool repeated = false;             ///< this number was answered before: nothing was counted again
  std::chrono::seconds validity{0};  ///< ask again after this long at the latest
  MeasureNumber measure = 0;         ///< that gives it; 0 if none
  std::uint64_t sequence = 0;        ///< answer when Journal::durable() has reached it; 0: at once
};

}  // namespace dayaq::edge
