// Admission as a node has it: two queues and their gates, the key and the numbers that outlive a restart, in
// the data folder.
//
//   keys/surge.hex   signs tickets; made at the first start
//   surge.state      which numbers were given and which have come up, a line for each queue; written each
//   second
//                    while they move
#pragma once

#include <filesystem>
#include <memory>

#include "base/random.hpp"
#include "services/surge/door.hpp"
#include "services/surge/guard.hpp"
#include "services/surge/page_cache.hpp"

namespace dayaq::services::surge {

class Surge {
 public:
  struct Queues {
    Options services;  ///< e-services, and signing in
    /// Visitors of other sites who sign in here. Its rate begins at its most: without a surge nobody waits.
    Options clients{.rate_max = 5000, .begin = 1, .lane = 1};
  };
  /// invalid_input "surge.key" if the key file holds something else; errors of base's files. A state that
  /// can't be read is made again from the tickets that are shown.
  static Result<std::unique_ptr<Surge>> open(const std::filesystem::path& data, Random& random,
                                             const Clock& clock, bool secure, const Queues& queues);
  static Result<std::unique_ptr<Surge>> open(const std::filesystem::path& data, Random& random,
                                             const Clock& clock, bool secure, const Options& services = {}) {
    return open(data, random, clock, secure, Queues{.services = services});
  }

  /// Of e-services.
  [[nodiscard]] Admission& admission() { return admission_; }
  [[nodiscard]] Guard& guard() { return guard_; }
  [[nodiscard]] Guard& clients_guard() { return clients_guard_; }
  [[nodiscard]] Door& sign_in_door() { return sign_in_; }
  [[nodiscard]] Door& clients_door() { return clients_door_; }
  [[nodiscard]] PageCache& pages() { return pages_; }
  /// Once a second, and at the end: writes the state if it has changed. unavailable "file.write".
  Result<void> save();

 private:
  Surge(std::filesystem::path data, const crypto::SecretBytes& key, const Clock& clock, bool secure,
        const Queues& queues, const Saved& services, const Saved& clients)
      : data_(std::move(data)),
        admission_(key, queues.services, services),
        clients_(key, queues.clients, clients),
        guard_(admission_, clock, "place", secure),
        clients_guard_(clients_, clock, "place-to-sign-in", secure) {}

  const std::filesystem::path data_;
  Admission admission_, clients_;
  Guard guard_, clients_guard_;
  Door sign_in_{guard_, clients_guard_, Door::Of::sign_in};
  Door clients_door_{clients_guard_, guard_, Door::Of::clients};
  PageCache pages_;
  std::string written_;
};

}  // namespace dayaq::services::surge
