// The keys that sign permits, and their lives.
//
//   standby ──rotate, or time──► scheduled ──its hour──► current ──its successor's hour──► retired ──last
//   permit ended──► past
//      └────────────────────┴──── withdraw ────────┴──────────────────────────────────┴──► withdrawn
//
// 1. Inspectors' lists carry a key from when it is made: it stands by, and signs `lead` after that at the
// earliest, so
//    that devices which are offline know it before the first permit of it is shown to them.
// 2. They carry a retired key until the last permit that it signed has ended.
// 3. A withdrawn key is named as such for ever: whatever it has signed counts for nothing. The live permits
// that it
//    signed are signed again by its successor, and who has them is told.
// 4. There is always one standby, made in the transaction in which the one before it was used up.
// 5. Private keys lie sealed under the master key, and are deleted when they sign no more.
// 6. A key signs for `rotate_every` at most, if that is set: its successor's hour is named `lead` before.
// 7. Each step is a transaction with its entry in the audit log; what a program died between goes on with
// tick().
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "audit/log.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "crypto/key_store.hpp"
#include "services/cases/cases.hpp"
#include "services/permit/token.hpp"
#include "store/database.hpp"

namespace dayaq::services {

enum class PermitKeyState : std::uint8_t { standby, scheduled, current, retired, past, withdrawn };
[[nodiscard]] std::string_view to_string(PermitKeyState state);  ///< "standby"

struct PermitKey {
  std::int64_t number = 0;
  std::string id;    ///< 8 hexadecimal digits
  Bytes public_key;  ///< 32 bytes
  Instant created;
  std::optional<Instant> active_from, retired, last_until, withdrawn;
  bool signed_again = false;
  [[nodiscard]] PermitKeyState state(Instant now) const;
};

struct PermitKeysContext {
  store::Database& db;
  audit::Log& log;
  const crypto::MasterKey& master;
  Random& random;  ///< thread-safe
  std::chrono::seconds lead = std::chrono::hours(48);
  std::chrono::seconds rotate_every{0};  ///< 0: by hand alone; else more than `lead`
};

/// Thread-safe.
class PermitKeys {
 public:
  /// Reads them. While there are none `first` signs, and start() stores it.
  ///   - internal "permit.key_sealed"  a private key doesn't open under this master key
  static Result<std::unique_ptr<PermitKeys>> open(PermitKeysContext context,
                                                  std::optional<crypto::SigningKey> first, Instant now);
  /// True while there are none in the database: open() needs a first one.
  static Result<bool> is_empty(store::Database& db);

  /// Who signs; lives as long as this.
  [[nodiscard]] const permit::Issuer& issuer() const { return *issuer_; }
  /// Stores the first key and a standby if there are none. After all hooks were added.
  Result<void> start(Instant now);

  /// The standby signs as soon as it has been announced for `lead`; says which and when. conflict
  /// "permit.rotation": one is scheduled already.
  Result<PermitKey> rotate(const std::string& actor, Instant now);
  /// Takes a key out of use, at once and for good. If it signs, the next one takes over now.
  ///   - not_found "permit.key_unknown"; invalid_input "permit.key_reason": say why in at most 500 letters
  Result<PermitKey> withdraw(const std::string& key_id, const std::string& reason, const std::string& actor,
                             Instant now);

  /// When the next key signs: of one that is announced its hour, else as rotate_every says; nullopt: when
  /// somebody rotates.
  [[nodiscard]] std::optional<Instant> next_rotation(Instant now) const;
  [[nodiscard]] std::chrono::seconds rotate_every() const { return context_.rotate_every; }

  /// What time brings: the next key is announced, the scheduled key takes over, retired ones find out when
  /// their last permit ends, permits of withdrawn ones are signed again, at most `rows` a call. Says whether
  /// more of that is left.
  Result<bool> tick(Cases& cases, Instant now, int rows);

  [[nodiscard]] std::vector<PermitKey> all() const;  ///< ascending by number
  /// What inspectors' lists carry: keys of 32 bytes, and ids of withdrawn ones.
  struct Published {
    std::vector<Bytes> keys, withdrawn;
  };
  [[nodiscard]] Published published(Instant now) const;

 private:
  struct Row;
  PermitKeys(PermitKeysContext context) : context_(context) {}
  static Result<std::vector<Row>> read(store::Session& session);
  Result<void> refresh(Instant now);
  Result<void> add(store::Session& session, const crypto::SigningKey& key, Instant now,
                   std::optional<Instant> active_from);
  Result<void> note(store::Session& session, std::string_view action, const PermitKey& key,
                    const std::string& actor, const std::string& reason);
  [[nodiscard]] PermitKey held(std::string_view key_id) const;
  Result<void> add_standby(store::Session& session, Instant now);
  Result<std::string> schedule(store::Session& session, const std::string& actor, Instant from, Instant now);
  Result<void> announce_in_time(Instant now);
  Result<void> last_until(const PermitKey& key, Instant now);
  Result<void> take_over(store::Session& session, Instant now);
  Result<bool> sign_again(Cases& cases, const PermitKey& key, Instant now, int rows);

  PermitKeysContext context_;
  std::optional<crypto::SigningKey> first_;  // until start() has stored it
  std::unique_ptr<permit::Issuer> issuer_;
  std::string signing_;  // id of the key that the issuer has; the refreshing thread's alone, under changing_
  std::mutex changing_;  // one change at a time, from its transaction to what is held
  std::int64_t bucket_ = 0;   // how far signing again has come, under changing_
  mutable std::mutex mutex_;  // guards held_
  std::vector<PermitKey> held_;
};

}  // namespace dayaq::services
