// API keys: how an organisation's programs say who they are until they have an OpenID token.
//
// A key is shown once, as "dyq_<id>_<43 base64url characters>"; stored is the SHA-256 of its 32 random bytes.
// What is random that long needs no slow hash: it can't be guessed, so that a fast one loses nothing.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "crypto/sign.hpp"
#include "http/principal.hpp"
#include "registry/record.hpp"

namespace dayaq::registry {

struct ApiKey {
  std::uint64_t id = 0;  ///< 1, 2, 3, ...: names the key in the audit log
  OrganisationIndex organisation = 0;
  std::string name;  ///< for people: "laboratory system"
  crypto::Sha256 hash{};
  std::uint32_t scopes = 0;  ///< bit set by http::Scope
  Instant created;
  Instant expires = instant_max;
  Instant revoked = instant_max;
};

/// All keys in memory, following commits. Asking takes no lock: an entry is reached by its number through two
/// pointers that only ever change to newer entries, and old entries live as long as the ring.
class KeyRing final : public http::Authenticator, public store::CommitHook {
 public:
  static constexpr std::uint64_t keys_max = 256 * 1024;

  KeyRing(const OrganisationDirectory& organisations, const Clock& clock);
  ~KeyRing() override;
  /// Reads what is stored, before the ring is added to the database as a hook.
  Result<void> load(store::Session& session);

  [[nodiscard]] Result<http::Principal> authenticate(const http::Credentials& credentials) const override {
    return authenticate(credentials.token);
  }
  [[nodiscard]] Result<http::Principal> authenticate(std::string_view key) const;
  /// One that stands now. Any thread.
  [[nodiscard]] std::optional<ApiKey> live(std::uint64_t id) const;
  /// All keys, ended ones too, by id. Any thread.
  [[nodiscard]] std::vector<ApiKey> all() const;

  // Used by the use-cases below, on the writer thread.
  [[nodiscard]] std::uint64_t next_id() const;
  [[nodiscard]] std::optional<ApiKey> newest(std::uint64_t id) const;  ///< as this group of writes has it
  void stage(ApiKey key) { pending_.push_back(std::move(key)); }

  void begin_transaction() override { mark_ = pending_.size(); }
  void discard_transaction() override { pending_.resize(mark_); }
  Result<void> before_commit(store::Session&) override { return {}; }
  void after_commit() noexcept override;
  void after_rollback() noexcept override { pending_.clear(); }

 private:
  struct Entry;
  struct Shelf;  ///< 256 entries
  [[nodiscard]] const Entry* find(std::uint64_t id) const;
  void put(const ApiKey& key);

  const OrganisationDirectory& organisations_;
  const Clock& clock_;
  std::unique_ptr<std::atomic<Shelf*>[]> shelves_;
  std::atomic<std::uint64_t> last_{0};
  std::vector<std::unique_ptr<const Entry>> entries_;  ///< owns all there ever were; writer thread only
  std::vector<std::unique_ptr<Shelf>> owned_shelves_;
  std::vector<ApiKey> pending_;
  std::size_t mark_ = 0;
};

/// What a new key's owner is shown, once.
struct IssuedKey {
  ApiKey key;
  std::string token;
};

/// 32 random bytes: drawn before the transaction, which may run more than once.
using KeySecret = std::array<std::byte, 32>;
[[nodiscard]] KeySecret draw_key_secret(Random& random);
/// "dyq_<id>_<43 base64url characters>"
[[nodiscard]] std::string key_token(std::uint64_t id, const KeySecret& secret);

struct CreateKey {
  OrganisationIndex organisation = 0;
  std::string name;
  std::uint32_t scopes = 0;
  Instant expires = instant_max;
};
/// invalid_input "key.name", "key.scopes" (none), "key.expires" (in the past); limit "key.limit".
Result<IssuedKey> create_key(store::Session& session, const Registry& registry, KeyRing& ring,
                             const CreateKey& request, const KeySecret& secret, const std::string& actor);
/// A new key with the old one's rights; the old one ends after `grace`. not_found "key.unknown", conflict
/// "key.ended".
Result<IssuedKey> rotate_key(store::Session& session, const Registry& registry, KeyRing& ring,
                             std::uint64_t id, std::chrono::seconds grace, const KeySecret& secret,
                             const std::string& actor);
/// Ends a key now. not_found "key.unknown". One that has ended stays as it is.
Result<ApiKey> revoke_key(store::Session& session, const Registry& registry, KeyRing& ring, std::uint64_t id,
                          const std::string& actor);

}  // namespace dayaq::registry
