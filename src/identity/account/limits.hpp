// How often may be guessed: wrong codes and messages sent, counted by person, by client and by network.
//
// A window begins with the first thing counted in it. What is over its bound pauses that way of proving for
// whom it counts, until the window ends; a passkey is never counted, so nobody is locked out of their account
// by somebody who guesses. Counts are rows: a restart forgets none. A right answer writes nothing here.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/siphash.hpp"
#include "crypto/key_store.hpp"
#include "identity/account/types.hpp"
#include "store/database.hpp"

namespace dayaq::identity {

/// What is counted.
enum class Counted : std::uint8_t {
  wrong_sms,  ///< codes typed, for one person
  wrong_totp,
  wrong_password,
  message,        ///< codes and confirmations sent to one person
  asked,          ///< confirmations asked of one person
  wrong_client,   ///< codes and passwords on behalf of one client
  wrong_network,  ///< from one network
  message_network,
  wrong_user_code,  ///< the device flow's codes, from one network
};

struct LimitPolicy {
  std::chrono::minutes window{60};
  unsigned wrong_person = 10;  ///< for each kind of code
  unsigned message_person = 5;
  unsigned wrong_client = 20'000;
  unsigned wrong_network = 300;
  unsigned message_network = 300;
  unsigned wrong_user_code = 30;
};

/// Of whom something is counted.
struct Counter {
  Counted what = Counted::wrong_sms;
  PersonId person;        ///< of those by person
  std::string_view name;  ///< of those by client or network
};

class Limits {
 public:
  /// `secret` keeps what is counted from being read off the table.
  Limits(const SipKey& secret, const LimitPolicy& policy) : secret_(secret), policy_(policy) {}
  /// With the secret that everybody under this master key counts by.
  [[nodiscard]] static Limits of(const crypto::MasterKey& master, const LimitPolicy& policy = {});

  /// limit "signin.limit" if it has been reached; the text says when it ends. Any store session.
  Result<void> check(store::Session& db, const Counter& counter, Instant now) const;
  /// One more. Part of a transaction.
  Result<void> count(store::Session& db, const Counter& counter, Instant now) const;
  [[nodiscard]] unsigned bound(Counted what) const;

 private:
  [[nodiscard]] std::uint64_t subject(const Counter& counter) const;

  SipKey secret_;
  LimitPolicy policy_;
};

}  // namespace dayaq::identity
