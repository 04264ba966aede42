// What the provider keeps in memory, and what of it follows commits.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "crypto/jws.hpp"
#include "identity/oidc/handles.hpp"
#include "identity/oidc/provider.hpp"
#include "identity/oidc/replay.hpp"
#include "identity/oidc/token_cache.hpp"

namespace dayaq::identity::oidc {

/// `typ` of what is signed. @see RFC 9068 section 2.1
enum class TokenType : std::uint8_t { access, id };

class TokenState final : public store::CommitHook {
 public:
  TokenState();

  /// Keys for one purpose each, derived from the node's master key when first asked for.
  struct Keys {
    HandleKeys handles;
    crypto::SecretBytes subjects;  ///< pairwise `sub`
    crypto::SecretBytes secrets;   ///< clients' secrets
  };
  [[nodiscard]] const Keys& keys(const crypto::MasterKey& master);

  /// The signer with the ring's present key. not_found "keys.none".
  [[nodiscard]] Result<std::shared_ptr<const crypto::JwsSigner>> signer(const crypto::KeyRing& ring,
                                                                        crypto::JwsAlgorithm algorithm,
                                                                        TokenType type, Instant now);
  /// The ring's public keys, at most a second old.
  [[nodiscard]] std::shared_ptr<const crypto::JwkSet> public_keys(const crypto::KeyRing& ring, Instant now);

  [[nodiscard]] ReplayMemory& replays() { return replays_; }
  [[nodiscard]] TokenCache& verified() { return verified_; }

  /// A nonce that DPoP proofs must carry: good for this period of a minute and the next, in this process
  /// alone.
  [[nodiscard]] std::string nonce(Instant now) const;
  [[nodiscard]] std::array<std::string, 2> good_nonces(Instant now) const;
  void start(Instant now) { started_.store(to_micros(now)); }
  /// Made before this process could remember its use. NumericDates are whole seconds.
  [[nodiscard]] bool made_before_start(Instant issued) const {
    return to_micros(issued) + 1'000'000 <= started_.load(std::memory_order_relaxed);
  }

  /// A grant or an access token by its id.
  [[nodiscard]] bool revoked(std::uint64_t id) const;
  void stage_revoked(std::uint64_t id, Instant until) { pending_.push_back({id, until}); }
  void load_revoked(std::uint64_t id, Instant until);
  /// Forgets those whose tokens have all expired.
  void forget_revoked(Instant now);

  /// A token was given that no row stands for (client credentials): counted, and the counts are written to
  /// the audit log now and then (sweep_tokens). A crash loses the counts of the last minutes.
  void count_issued(const std::string& client);
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> issued() const;
  /// These were written: they count no more once the transaction is committed.
  void stage_counted(const std::vector<std::pair<std::string, std::uint64_t>>& counts) {
    counted_.insert(counted_.end(), counts.begin(), counts.end());
  }

  void begin_transaction() override {
    mark_ = pending_.size();
    counted_mark_ = counted_.size();
  }
  void discard_transaction() override {
    pending_.resize(mark_);
    counted_.resize(counted_mark_);
  }
  Result<void> before_commit(store::Session&) override { return {}; }
  void after_commit() noexcept override;
  void after_rollback() noexcept override {
    pending_.clear();
    counted_.clear();
  }

 private:
  struct Revoked {
    std::uint64_t id = 0;
    Instant until;
  };
  struct SignerSlot {
    std::shared_mutex mutex;
    std::shared_ptr<const crypto::JwkPrivate> key;  // the ring's, kept to see when it is replaced
    std::shared_ptr<const crypto::JwsSigner> signer;
  };

  std::once_flag derived_;
  Keys keys_;
  std::array<SignerSlot, 8> signers_;  ///< by algorithm and type
  std::shared_mutex public_mutex_;
  std::shared_ptr<const crypto::JwkSet> public_keys_;
  Instant public_until_ = instant_min;

  ReplayMemory replays_;
  TokenCache verified_;
  crypto::SecretBytes nonce_key_;
  std::atomic<std::int64_t> started_{std::numeric_limits<std::int64_t>::min()};

  std::atomic<std::size_t> revoked_count_{0};
  mutable std::shared_mutex revoked_mutex_;
  std::unordered_map<std::uint64_t, Instant> revoked_;
  std::vector<Revoked> pending_;  ///< writer thread only
  std::size_t mark_ = 0;

  mutable std::mutex issued_mutex_;
  std::unordered_map<std::string, std::uint64_t> issued_;
  std::vector<std::pair<std::string, std::uint64_t>> counted_;  ///< writer thread only
  std::size_t counted_mark_ = 0;
};

}  // namespace dayaq::identity::oidc
