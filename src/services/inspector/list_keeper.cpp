#include "services/inspector/list_keeper.hpp"

#include "base/log.hpp"
#include "crypto/sign.hpp"

namespace dayaq::services::inspector {

Result<std::shared_ptr<const SignedList>> ListKeeper::current(Instant now) {
  const auto fresh = [now](const std::shared_ptr<const SignedList>& list) {
    return list != nullptr && now - list->list.made < renewed_after;
  };
  std::shared_ptr<const SignedList> list = held();
  if (fresh(list)) return list;
  std::unique_lock making(making_, std::defer_lock);
  if (list == nullptr) {
    making.lock();  // nobody has one to give
  } else if (!making.try_lock()) {
    return list;
  }
  list = held();
  if (fresh(list)) return list;
  auto made = make(now);
  if (!made) {
    if (list == nullptr) return std::unexpected(std::move(made.error()));
    log::error("permit.list", "the list of revoked permits could not be renewed", made.error());
    return list;
  }
  const std::scoped_lock lock(mutex_);
  held_ = *made;
  return held_;
}

Result<std::shared_ptr<const SignedList>> ListKeeper::make(Instant now) const {
  const permit::Issuer signer = issuer_;  // the same key for all of this list, whoever takes over meanwhile
  DAYAQ_TRY(ListState state, read_(now));
  permit::Keys keys;
  keys.add(signer.public_key());
  for (const Bytes& raw : state.keys) {
    DAYAQ_TRY(crypto::CoseKey key, crypto::CoseKey::from_ed25519(raw));
    if (keys.find(permit::key_id_of(key)) == nullptr) keys.add(std::move(key));
  }
  for (Bytes& id : state.withdrawn) {
    // The key that signs this list was withdrawn a moment ago: the next list is signed by its successor.
    if (id != signer.key_id()) keys.withdraw(std::move(id));
  }
  auto out = std::make_shared<SignedList>();
  out->list = permit::make_list(std::move(state.revoked), state.kinds, std::move(keys), now, fresh_for);
  DAYAQ_TRY(const Bytes bytes, permit::encode_list(out->list, signer));
  out->bytes = as_text(bytes);
  const crypto::Sha256 hash = crypto::sha256(bytes);
  out->etag = '"' + to_hex(BytesView(hash).first(12)) + '"';
  return out;
}

std::shared_ptr<const SignedList> ListKeeper::held() const {
  const std::scoped_lock lock(mutex_);
  return held_;
}

}  // namespace dayaq::services::inspector
