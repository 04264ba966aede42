// What a subscription's session is given: which profiles of the operator's file, or limited service.
#pragma once

#include <unordered_map>

#include "edge/radius/dictionary.hpp"
#include "edge/radius/identity.hpp"
#include "edge/radius/server.hpp"
#include "edge/radius/volume.hpp"

namespace dayaq::edge::radius {

/// What the replica says of a subscription at a moment.
struct Entitlement {
  SubscriptionKey key = 0;     ///< 0: none of the candidates is known
  MeasureNumber measure = 0;   ///< the first that gives something
  std::uint64_t profiles = 0;  ///< bit i: the file's profile i is granted
  bool covered = false;        ///< traffic of the counted service is granted
  bool limited = false;        ///< it is used up, and limited service follows
  bool deferred = false;       ///< payments are deferred
  std::uint64_t bounded = 0;   ///< octets that may be used before the edge is asked again; 0: no bound
  /// Something is granted, or limited service takes the place of a cut-off by quota.
  [[nodiscard]] bool ours() const { return profiles != 0 || covered || limited; }
  /// What the session's attributes follow from; 0: the operator's own.
  [[nodiscard]] std::uint64_t signature() const { return profiles | std::uint64_t(limited) << 63; }
};

/// Units that a verdict bounds a session by. The last slice of a quota after which limited service follows is
/// none: a server that counts would cut the session off at its end, instead of going on with less.
[[nodiscard]] std::uint64_t bound_of(const Verdict& verdict);

class Profiles {
 public:
  /// invalid_input "radius.attribute"; at most 63 profiles.
  static Result<Profiles> create(const ServerOptions& options);

  /// Asks the engine, whose lock is held.
  [[nodiscard]] Entitlement entitlement(const Candidates& candidates, Engine& engine, Instant now) const;
  /// The attributes of a signature that isn't 0: granted profiles in the file's order, then limited service.
  [[nodiscard]] const AttributeList& attributes(std::uint64_t signature) const;
  [[nodiscard]] const AttributeList& normal() const { return normal_; }
  [[nodiscard]] const VolumeAttributes& volume() const { return volume_; }

 private:
  struct Profile {
    ServiceIndex service = no_service;
    AttributeList attributes;
  };
  LineKind line_ = LineKind::fixed;
  ServiceIndex service_ = no_service;
  std::vector<Profile> profiles_;
  AttributeList limited_, normal_;
  VolumeAttributes volume_;
  mutable std::unordered_map<std::uint64_t, AttributeList> merged_;  // few: what combinations occur
};

}  // namespace dayaq::edge::radius
