#include "identity/oidc/clients.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "crypto/hmac.hpp"
#include "registry/store.hpp"

namespace dayaq::identity::oidc {

using Handle = std::shared_ptr<const Client>;  // shared: a change replaces it while requests still read it

struct Clients::State {
  mutable std::shared_mutex mutex;
  std::map<std::string, Handle, std::less<>> by_id;  // ended ones too: an id never comes back
  std::vector<Handle> pending;                       // writer thread only
  std::size_t mark = 0;
  Clients::Others others;
};

Clients::Clients() : state_(std::make_unique<State>()) {}
Clients::~Clients() = default;

Result<void> Clients::load(store::Session& session) {
  return session.query("SELECT content, secret, created, ended FROM oidc_client", {},
                       [&](const store::Row& row) -> Result<bool> {
                         DAYAQ_TRY(Client client, parse_client(row.text(0)));
                         const BytesView secret = row.blob(1);
                         DAYAQ_ASSERT(secret.size() == client.secret.size());
                         std::ranges::copy(secret, client.secret.begin());
                         client.created = from_micros(row.integer(2));
                         client.ended = registry::end_from(row, 3);
                         auto handle = std::make_shared<const Client>(std::move(client));
                         const std::unique_lock lock(state_->mutex);
                         state_->by_id.insert_or_assign(handle->id, handle);
                         return true;
                       });
}

void Clients::set_others(Others others) {
  state_->others = std::move(others);
}

std::shared_ptr<const Client> Clients::find(std::string_view id) const {
  {
    const std::shared_lock lock(state_->mutex);
    const auto found = state_->by_id.find(id);
    if (found != state_->by_id.end()) return found->second->ended == instant_max ? found->second : nullptr;
  }
  return state_->others ? state_->others(id) : nullptr;
}

std::shared_ptr<const Client> Clients::newest(std::string_view id) const {
  for (auto it = state_->pending.rbegin(); it != state_->pending.rend(); ++it) {
    if ((*it)->id == id) return *it;
  }
  const std::shared_lock lock(state_->mutex);
  const auto found = state_->by_id.find(id);
  return found == state_->by_id.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<const Client>> Clients::all() const {
  const std::shared_lock lock(state_->mutex);
  std::vector<Handle> out;
  for (const auto& [id, client] : state_->by_id) {
    if (client->ended == instant_max) out.push_back(client);
  }
  return out;
}

void Clients::stage(Client client) {
  state_->pending.push_back(std::make_shared<const Client>(std::move(client)));
}

void Clients::begin_transaction() {
  state_->mark = state_->pending.size();
}
void Clients::discard_transaction() {
  state_->pending.resize(state_->mark);
}
void Clients::after_commit() noexcept {
  const std::unique_lock lock(state_->mutex);
  for (Handle& client : state_->pending) {
    const std::string& id = client->id;
    state_->by_id.insert_or_assign(id, std::move(client));
  }
  state_->pending.clear();
}
void Clients::after_rollback() noexcept {
  state_->pending.clear();
}

std::string draw_client_secret(Random& random) {
  std::array<std::byte, 32> bytes{};
  random.fill(bytes);
  return to_base64url(bytes);
}

crypto::Sha256 client_secret_mac(const crypto::MasterKey& master, std::string_view secret) {
  const crypto::SecretBytes key = master.derive("oidc client secret");
  crypto::Sha256 out{};
  std::ranges::copy(crypto::hmac(crypto::HmacHash::sha256, key.view(), as_bytes(secret)), out.begin());
  return out;
}

}  // namespace dayaq::identity::oidc
