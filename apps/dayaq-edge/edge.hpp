// An edge: its parts, wired by hand, in order.
//
//   replica ◄── follower (centre)        journal ──► settler ──► centre
//      ▲                                    ▲
//      └──────── engine ────────────────────┘◄── siblings
//                  ▲
//   Diameter, RADIUS, TV, HTTP
#pragma once

#include <memory>

#include "edge/diameter/hand_over.hpp"
#include "edge/web/configuration.hpp"

namespace dayaq::edge {

/// What the process before gives at an upgrade in place.
struct Inherited {
  diameter::Inheritance sockets;  ///< `listeners`: HTTP's, Diameter's, RADIUS's, RadSec's, in this order
  bool any = false;
};

class Edge {
 public:
  /// Opens the data folder, recovers what was acknowledged, and serves. Errors of the parts; conflict
  /// "file.locked" if another edge uses the folder.
  static Result<std::unique_ptr<Edge>> start(web::Configuration configuration, web::Keys keys,
                                             const Clock& clock, Inherited inherited);
  virtual ~Edge() = default;

  /// Takes what a reload can change (tokens) and says in the log what needs a start.
  virtual void reload(const web::Configuration& configuration, web::Keys keys) = 0;
  /// Lets running requests end, reports viewing, closes the journal. Idempotent.
  virtual void stop() = 0;
  /// Stops as stop() does, but keeps the sockets for the next process.
  virtual Inherited hand_over() = 0;

  struct Ports {
    std::uint16_t http = 0, diameter = 0, diameter_tls = 0, radius_auth = 0, radius_acct = 0, radsec = 0;
  };
  [[nodiscard]] virtual Ports ports() const = 0;
};

}  // namespace dayaq::edge
