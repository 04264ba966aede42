// The list of zero-rated resources as operators get it: the country pack's traffic classes, numbered and
// signed.
#pragma once

#include <string>
#include <vector>

#include "base/time.hpp"
#include "crypto/sign.hpp"
#include "feed/resources.hpp"
#include "regime/traffic.hpp"
#include "store/database.hpp"

namespace dayaq::regime {

/// What the catalogue says to networks: its classes of traffic with their resources and rules, in its order.
[[nodiscard]] std::vector<feed::ResourceClass> resource_classes(const TrafficCatalogue& traffic);

class ResourceList {
 public:
  /// The catalogue's list under its version. One that says the same as the last has its version; any other
  /// has the next, which is written first. Errors of the database.
  static Result<ResourceList> publish(store::Database& db, const TrafficCatalogue& traffic,
                                      const crypto::SigningKey& signer, Instant now);

  [[nodiscard]] std::uint32_t version() const { return version_; }
  [[nodiscard]] const std::string& note() const { return note_; }  ///< feed/resources.hpp
  [[nodiscard]] const std::string& etag() const { return etag_; }  ///< quoted; of the note's bytes

 private:
  std::uint32_t version_ = 0;
  std::string note_, etag_;
};

}  // namespace dayaq::regime
