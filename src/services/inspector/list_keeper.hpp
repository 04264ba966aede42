// The list of keys, kinds and revoked permits as it is served: signed anew when it is asked for and old.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "services/permit/list.hpp"

namespace dayaq::services::inspector {

/// What a list is made of.
struct ListState {
  std::vector<permit::RevokedPermit> revoked;  ///< that haven't ended
  std::vector<permit::KindInput> kinds;
  std::vector<Bytes> keys;       ///< 32 bytes each, besides the one that signs: announced, and retired ones
  std::vector<Bytes> withdrawn;  ///< key ids
};

struct SignedList {
  permit::List list;
  std::string bytes;
  std::string etag;  ///< quoted
};

/// Thread-safe. One caller at a time makes a new list; others are given the one that there is.
class ListKeeper {
 public:
  using Read = std::function<Result<ListState>(Instant now)>;
  /// The issuer must outlive it.
  ListKeeper(const permit::Issuer& issuer, Read read) : issuer_(issuer), read_(std::move(read)) {}

  /// At most `renewed_after` old. If what it is made of can't be read, the last one: it says itself how old
  /// it is. Without one the error of reading.
  [[nodiscard]] Result<std::shared_ptr<const SignedList>> current(Instant now);

  static constexpr std::chrono::seconds renewed_after{10};
  /// How long a device may go on without being told that its list is old.
  static constexpr std::chrono::hours fresh_for{12};

 private:
  Result<std::shared_ptr<const SignedList>> make(Instant now) const;
  [[nodiscard]] std::shared_ptr<const SignedList> held() const;

  const permit::Issuer& issuer_;
  Read read_;
  std::mutex making_;
  mutable std::mutex mutex_;                // guards held_
  std::shared_ptr<const SignedList> held_;  // shared with whoever still sends it
};

}  // namespace dayaq::services::inspector
