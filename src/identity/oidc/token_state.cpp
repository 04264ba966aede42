#include "identity/oidc/token_state.hpp"

#include <algorithm>

#include "crypto/hmac.hpp"

namespace dayaq::identity::oidc {
namespace {

std::int64_t minute_of(Instant t) {
  return std::chrono::floor<std::chrono::minutes>(t.time_since_epoch()).count();
}

std::string nonce_of(const crypto::SecretBytes& key, std::int64_t minute) {
  Bytes message;
  put_le(message, minute);
  Bytes mac = crypto::hmac(crypto::HmacHash::sha256, key.view(), message);
  mac.resize(16);
  return to_base64url(mac);
}

}  // namespace

std::shared_ptr<TokenState> make_token_state() {
  return std::make_shared<TokenState>();
}

TokenState::TokenState() : nonce_key_(32) {
  SystemRandom random;
  random.fill(nonce_key_.writable());
}

const TokenState::Keys& TokenState::keys(const crypto::MasterKey& master) {
  std::call_once(derived_, [&] {
    keys_ = {.handles = {.mac = master.derive("oidc handle mac"), .mask = master.derive("oidc handle mask")},
             .subjects = master.derive("oidc pairwise subject"),
             .secrets = master.derive("oidc client secret")};
  });
  return keys_;
}

Result<std::shared_ptr<const crypto::JwsSigner>> TokenState::signer(const crypto::KeyRing& ring,
                                                                    crypto::JwsAlgorithm algorithm,
                                                                    TokenType type, Instant now) {
  DAYAQ_TRY(auto key, ring.current(algorithm, now));
  SignerSlot& slot = signers_[static_cast<std::size_t>(algorithm) * 2 + static_cast<std::size_t>(type)];
  {
    const std::shared_lock lock(slot.mutex);
    if (slot.key == key) return slot.signer;
  }
  // OpenID Connect Core asks for no typ in ID tokens; "JWT" is what most send (RFC 7519 section 5.1).
  auto made = std::make_shared<const crypto::JwsSigner>(key, type == TokenType::access ? "at+jwt" : "JWT");
  const std::unique_lock lock(slot.mutex);
  slot.key = std::move(key);
  slot.signer = made;
  return made;
}

std::shared_ptr<const crypto::JwkSet> TokenState::public_keys(const crypto::KeyRing& ring, Instant now) {
  {
    const std::shared_lock lock(public_mutex_);
    if (public_keys_ && now < public_until_ && now >= public_until_ - std::chrono::seconds(1))
      return public_keys_;
  }
  auto fresh = std::make_shared<const crypto::JwkSet>(ring.public_keys(now));
  const std::unique_lock lock(public_mutex_);
  public_keys_ = fresh;
  public_until_ = now + std::chrono::seconds(1);
  return fresh;
}

std::string TokenState::nonce(Instant now) const {
  return nonce_of(nonce_key_, minute_of(now));
}

std::array<std::string, 2> TokenState::good_nonces(Instant now) const {
  return {nonce_of(nonce_key_, minute_of(now)), nonce_of(nonce_key_, minute_of(now) - 1)};
}

bool TokenState::revoked(std::uint64_t id) const {
  if (revoked_count_.load(std::memory_order_acquire) == 0) return false;
  const std::shared_lock lock(revoked_mutex_);
  return revoked_.contains(id);
}

void TokenState::load_revoked(std::uint64_t id, Instant until) {
  const std::unique_lock lock(revoked_mutex_);
  Instant& kept = revoked_.try_emplace(id, until).first->second;
  kept = std::max(kept, until);
  revoked_count_.store(revoked_.size(), std::memory_order_release);
}

void TokenState::forget_revoked(Instant now) {
  const std::unique_lock lock(revoked_mutex_);
  std::erase_if(revoked_, [&](const auto& entry) { return entry.second <= now; });
  revoked_count_.store(revoked_.size(), std::memory_order_release);
}

void TokenState::count_issued(const std::string& client) {
  const std::lock_guard lock(issued_mutex_);
  ++issued_[client];
}

std::vector<std::pair<std::string, std::uint64_t>> TokenState::issued() const {
  const std::lock_guard lock(issued_mutex_);
  return {issued_.begin(), issued_.end()};
}

void TokenState::after_commit() noexcept {
  for (const Revoked& revoked : pending_) load_revoked(revoked.id, revoked.until);
  pending_.clear();
  const std::lock_guard lock(issued_mutex_);
  for (const auto& [client, count] : counted_) {
    const auto found = issued_.find(client);
    if (found != issued_.end() && (found->second -= count) == 0) issued_.erase(found);
  }
  counted_.clear();
}

}  // namespace dayaq::identity::oidc
