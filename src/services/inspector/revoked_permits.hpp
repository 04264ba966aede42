// What an inspector's list is made of, read from the cases: permits that were revoked, kinds, keys.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "services/cases/cases.hpp"
#include "services/cases/permit_keys.hpp"
#include "services/inspector/list_keeper.hpp"

namespace dayaq::services::inspector {

/// One caller at a time (ListKeeper). What is given must outlive it.
class RevokedPermits {
 public:
  /// `keys` null: the key that signs alone.
  explicit RevokedPermits(const Cases& cases, const PermitKeys* keys = nullptr)
      : cases_(cases), keys_(keys) {}
  [[nodiscard]] Result<ListState> read(Instant now);

 private:
  struct Kind {
    std::string code;
    permit::KindInput input;
    std::size_t revoked = 0;  ///< that its bound doesn't cover
  };
  struct Bound {
    Instant bound = instant_min;
    std::size_t left = 0;  ///< revoked ones that it didn't cover when it was found
  };
  [[nodiscard]] std::map<std::uint16_t, Kind> kinds_named() const;
  Result<void> find_bound(store::Session& session, Kind& kind,
                          const std::vector<permit::RevokedPermit>& revoked, Instant now);

  const Cases& cases_;
  const PermitKeys* keys_;
  std::map<std::uint16_t, Bound> bounds_;  // by kind
};

}  // namespace dayaq::services::inspector
