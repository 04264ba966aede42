#include "crypto/key_store.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <string>
#include <string_view>

#include "base/file.hpp"
#include "crypto/hmac.hpp"
#include "crypto/openssl_handles.ipp"

namespace dayaq::crypto {
namespace {

constexpr std::string_view magic = "dayaq-key-1\n";
constexpr std::string_view suffix = ".key";
constexpr std::size_t nonce_size = 12;
constexpr std::size_t tag_size = 16;
constexpr std::size_t file_bytes_max = 16384;
constexpr std::size_t keys_max = 64;

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, HandleDeleter<EVP_CIPHER_CTX_free>>;

const EVP_CIPHER* aes_256_gcm() {
  static const std::unique_ptr<EVP_CIPHER, HandleDeleter<EVP_CIPHER_free>> cipher(
      EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr));
  DAYAQ_ASSERT(cipher != nullptr);
  return cipher.get();
}

std::unexpected<Error> bad_master(std::string_view what, const std::filesystem::path& path) {
  return fail(ErrorKind::unavailable, "keys.master",
              "The master key can't be used: " + std::string(what) + ".", path.string());
}

std::unexpected<Error> tampered(std::string_view what, const std::filesystem::path& path) {
  return fail(ErrorKind::unavailable, "keys.tampered",
              "The key file " + path.filename().string() + " is damaged or belongs to another master key.",
              std::string(what));
}

struct Stored {
  std::shared_ptr<const JwkPrivate> key;  // shared with signers that hold it across a rotation
  Instant created;
  Instant active_from;
};
using Keys = std::vector<Stored>;  // by active_from

Bytes context_of(std::string_view name) {
  const std::string text = std::string(magic) + std::string(name);
  const BytesView bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

constexpr std::string_view in_token = "token";

/// The key that a file stands for: its own, or the token's of that name.
Result<JwkPrivate> key_of(BytesView content, JwsAlgorithm algorithm, const std::filesystem::path& path,
                          KeyToken* token) {
  if (as_text(content) != in_token) {
    auto key = JwkPrivate::from_der(content, algorithm);
    if (!key) return tampered(key.error().detail, path);
    return key;
  }
  if (token != nullptr) return token->load(path.stem().string());
  return fail(ErrorKind::unavailable, "keys.token",
              "A signing key is in a token, and none is configured. Configure it.", path.filename().string());
}

Result<Stored> read_key(const std::filesystem::path& path, const MasterKey& master, KeyToken* token) {
  DAYAQ_TRY(const std::string content, read_file(path, file_bytes_max));
  if (!content.starts_with(magic)) return tampered("no header", path);
  const std::string name = path.filename().string();
  const auto plain = master.open(as_bytes(content).subspan(magic.size()), context_of(name));
  if (!plain) return tampered("doesn't decrypt", path);
  BytesView left = plain->view();
  std::uint8_t algorithm = 0;
  std::int64_t created = 0;
  std::int64_t active_from = 0;
  if (!take_le(left, algorithm) || algorithm > 3 || !take_le(left, created) || !take_le(left, active_from)) {
    return tampered("too short", path);
  }
  auto key = key_of(left, static_cast<JwsAlgorithm>(algorithm), path, token);
  if (!key) return std::unexpected(std::move(key).error());
  if (key->kid() + std::string(suffix) != name) return tampered("another key's name", path);
  return Stored{std::make_shared<const JwkPrivate>(std::move(*key)), from_micros(created),
                from_micros(active_from)};
}

SecretBytes in_token_bytes() {
  Bytes copy(as_bytes(in_token).begin(), as_bytes(in_token).end());
  return SecretBytes::take(copy);
}

Bytes write_key(const Stored& stored, std::string_view name, const MasterKey& master, Random& random) {
  const SecretBytes der = stored.key->is_held() ? in_token_bytes() : stored.key->to_der();
  Bytes head;
  put_le(head, static_cast<std::uint8_t>(stored.key->algorithm()));
  put_le(head, to_micros(stored.created));
  put_le(head, to_micros(stored.active_from));
  SecretBytes plain(head.size() + der.size());
  std::copy(head.begin(), head.end(), plain.writable().begin());
  std::copy(der.view().begin(), der.view().end(),
            plain.writable().begin() + static_cast<std::ptrdiff_t>(head.size()));
  const Bytes sealed = master.seal(plain.view(), context_of(name), random);
  const BytesView front = as_bytes(magic);
  Bytes out(front.begin(), front.end());
  out.insert(out.end(), sealed.begin(), sealed.end());
  return out;
}

/// When the key after this one of its algorithm takes over; instant_max if there is none.
Instant succeeded_at(const Keys& keys, std::size_t index) {
  for (std::size_t i = index + 1; i < keys.size(); ++i) {
    if (keys[i].key->algorithm() == keys[index].key->algorithm()) return keys[i].active_from;
  }
  return instant_max;
}
KeyState state_of(const Keys& keys, std::size_t index, Instant now) {
  if (now < keys[index].active_from) return KeyState::next;
  return now < succeeded_at(keys, index) ? KeyState::current : KeyState::retired;
}
bool past_keep(const Keys& keys, std::size_t index, Instant now, const KeyRingPolicy& policy) {
  const Instant end = succeeded_at(keys, index);
  return end != instant_max && now >= end + policy.keep;
}

}  // namespace

Result<MasterKey> MasterKey::load(const std::filesystem::path& path) {
  struct stat state{};
  if (::lstat(path.c_str(), &state) != 0) return bad_master("there is no such file", path);
  if (!S_ISREG(state.st_mode)) return bad_master("it isn't a plain file", path);
  if ((state.st_mode & 0177) != 0) return bad_master("others may read it (it must be 0600)", path);
  if (state.st_uid != ::geteuid()) return bad_master("it is somebody else's", path);
  DAYAQ_TRY(std::string text, read_file(path, 256));
  std::string_view digits = text;
  if (digits.ends_with('\n')) digits.remove_suffix(1);
  auto key = from_hex(digits);
  wipe(std::as_writable_bytes(std::span(text)));
  if (!key || key->size() != 32) return bad_master("it doesn't hold 64 hexadecimal digits", path);
  return MasterKey(SecretBytes::take(*key));
}

Result<MasterKey> MasterKey::create(const std::filesystem::path& path, Random& random) {
  if (std::filesystem::exists(std::filesystem::symlink_status(path))) {
    return fail(ErrorKind::conflict, "keys.master_exists", "There is a master key already.", path.string());
  }
  SecretBytes key(32);
  random.fill(key.writable());
  std::string text = to_hex(key.view()) + "\n";
  auto written = write_file_atomically(path, as_bytes(text), std::filesystem::perms(0600));
  wipe(std::as_writable_bytes(std::span(text)));
  if (!written) return std::unexpected(std::move(written).error());
  return MasterKey(std::move(key));
}

Bytes MasterKey::seal(BytesView plaintext, BytesView context, Random& random) const {
  Bytes out(nonce_size + plaintext.size() + tag_size);
  const std::span<std::byte> all(out);
  random.fill(all.first(nonce_size));
  const CipherContext cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  DAYAQ_ASSERT(cipher && EVP_EncryptInit_ex2(cipher.get(), aes_256_gcm(), raw_bytes(key_.view()),
                                             raw_bytes(BytesView(out)), nullptr) == 1);
  DAYAQ_ASSERT(EVP_EncryptUpdate(cipher.get(), nullptr, &size, raw_bytes(context), int(context.size())) == 1);
  DAYAQ_ASSERT(EVP_EncryptUpdate(cipher.get(), raw_out(all.subspan(nonce_size)), &size, raw_bytes(plaintext),
                                 int(plaintext.size())) == 1);
  std::array<unsigned char, 16> rest{};
  DAYAQ_ASSERT(EVP_EncryptFinal_ex(cipher.get(), rest.data(), &size) == 1);
  DAYAQ_ASSERT(
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, int(tag_size), all.last(tag_size).data()) == 1);
  return out;
}

SecretBytes MasterKey::derive(std::string_view purpose) const {
  // Its own prefix, so that no purpose can be made to look like another use of the key.
  Bytes derived =
      hmac(HmacHash::sha256, key_.view(), as_bytes(std::string("dayaq-derive-1|") + std::string(purpose)));
  return SecretBytes::take(derived);
}

std::optional<SecretBytes> MasterKey::open(BytesView sealed, BytesView context) const {
  if (sealed.size() < nonce_size + tag_size || sealed.size() > file_bytes_max) return std::nullopt;
  const BytesView body = sealed.subspan(nonce_size, sealed.size() - nonce_size - tag_size);
  std::array<std::byte, tag_size> tag;
  std::copy(sealed.end() - tag_size, sealed.end(), tag.begin());
  SecretBytes plain(body.size());
  const CipherContext cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  std::array<unsigned char, 16> rest{};
  const bool good =
      cipher &&
      EVP_DecryptInit_ex2(cipher.get(), aes_256_gcm(), raw_bytes(key_.view()), raw_bytes(sealed), nullptr) ==
          1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &size, raw_bytes(context), int(context.size())) == 1 &&
      EVP_DecryptUpdate(cipher.get(), raw_out(plain.writable()), &size, raw_bytes(body), int(body.size())) ==
          1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, int(tag_size), tag.data()) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), rest.data(), &size) == 1;
  if (good) return plain;
  ERR_clear_error();
  return std::nullopt;
}

struct KeyRing::Impl {
  std::filesystem::path folder;
  MasterKey master;
  KeyRingPolicy policy;
  mutable std::mutex mutex;
  Keys keys;  // guarded by mutex

  [[nodiscard]] std::filesystem::path path_of(const JwkPrivate& key) const {
    return folder / (key.kid() + std::string(suffix));
  }
  [[nodiscard]] Result<JwkPrivate> make(JwsAlgorithm algorithm) const {
    if (policy.token && policy.token->takes(algorithm)) return policy.token->generate(algorithm);
    return JwkPrivate::generate(algorithm);
  }
  /// With the mutex held. Durable before it counts.
  Result<void> add(JwsAlgorithm algorithm, Instant now, Instant active_from, Random& random) {
    DAYAQ_TRY(JwkPrivate made, make(algorithm));
    Stored stored{std::make_shared<const JwkPrivate>(std::move(made)), now, active_from};
    const auto path = path_of(*stored.key);
    const Bytes content = write_key(stored, path.filename().string(), master, random);
    DAYAQ_TRY_OK(write_file_atomically(path, content, std::filesystem::perms(0600)));
    insert(std::move(stored));
    return {};
  }
  void insert(Stored stored) {
    const auto at = std::upper_bound(keys.begin(), keys.end(), stored.active_from,
                                     [](Instant t, const Stored& s) { return t < s.active_from; });
    keys.insert(at, std::move(stored));
  }
  Result<void> remove(std::size_t index) {
    std::error_code error;
    std::filesystem::remove(path_of(*keys[index].key), error);
    if (error) {
      return fail(ErrorKind::unavailable, "keys.folder", "A key file can't be deleted.", error.message());
    }
    const bool held = keys[index].key->is_held();
    const std::string kid = keys[index].key->kid();
    keys.erase(keys.begin() + static_cast<std::ptrdiff_t>(index));
    return held && policy.token ? policy.token->remove(kid) : Result<void>();
  }
  [[nodiscard]] const Stored* latest(JwsAlgorithm algorithm) const {
    for (auto it = keys.rbegin(); it != keys.rend(); ++it) {
      if (it->key->algorithm() == algorithm) return &*it;
    }
    return nullptr;
  }
};

KeyRing::KeyRing(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KeyRing::KeyRing(KeyRing&&) noexcept = default;
KeyRing& KeyRing::operator=(KeyRing&&) noexcept = default;
KeyRing::~KeyRing() = default;

Result<KeyRing> KeyRing::open(std::filesystem::path folder, MasterKey master, KeyRingPolicy policy) {
  auto impl =
      std::unique_ptr<Impl>(new Impl{std::move(folder), std::move(master), std::move(policy), {}, {}});
  std::error_code error;
  if (std::filesystem::create_directories(impl->folder, error)) {
    std::filesystem::permissions(impl->folder, std::filesystem::perms(0700), error);
  }
  std::filesystem::directory_iterator files;
  if (!error) files = std::filesystem::directory_iterator(impl->folder, error);
  for (; !error && files != std::filesystem::directory_iterator(); files.increment(error)) {
    if (files->path().extension() != suffix) continue;  // a ".key.new" is a write that never finished
    if (impl->keys.size() == keys_max) return tampered("too many keys", files->path());
    DAYAQ_TRY(Stored stored, read_key(files->path(), impl->master, impl->policy.token.get()));
    impl->insert(std::move(stored));
  }
  if (error) {
    return fail(ErrorKind::unavailable, "keys.folder", "The folder of keys can't be used.", error.message());
  }
  return KeyRing(std::move(impl));
}

Result<bool> KeyRing::rotate(Instant now, Random& random) {
  const std::lock_guard lock(impl_->mutex);
  const KeyRingPolicy& policy = impl_->policy;
  bool changed = false;
  for (const JwsAlgorithm algorithm : policy.algorithms) {
    const Stored* latest = impl_->latest(algorithm);
    if (latest != nullptr && now < latest->active_from + policy.life - policy.lead) continue;
    // A server that slept through the end of a life still publishes the next key before it signs with it.
    const Instant from =
        latest == nullptr ? now : std::max(latest->active_from + policy.life, now + policy.lead);
    DAYAQ_TRY_OK(impl_->add(algorithm, now, from, random));
    changed = true;
  }
  for (std::size_t i = impl_->keys.size(); i-- > 0;) {
    if (!past_keep(impl_->keys, i, now, policy)) continue;
    DAYAQ_TRY_OK(impl_->remove(i));
    changed = true;
  }
  return changed;
}

Result<void> KeyRing::replace(JwsAlgorithm algorithm, Instant now, Random& random) {
  const std::lock_guard lock(impl_->mutex);
  return impl_->add(algorithm, now, now, random);
}

Result<void> KeyRing::forget(std::string_view kid, Instant now) {
  const std::lock_guard lock(impl_->mutex);
  const auto found = std::ranges::find_if(impl_->keys, [&](const Stored& s) { return s.key->kid() == kid; });
  if (found == impl_->keys.end()) return fail(ErrorKind::not_found, "keys.unknown", "There is no such key.");
  const auto index = static_cast<std::size_t>(found - impl_->keys.begin());
  if (state_of(impl_->keys, index, now) == KeyState::current) {
    return fail(ErrorKind::conflict, "keys.current", "This key signs; replace it first.");
  }
  return impl_->remove(index);
}

Result<std::shared_ptr<const JwkPrivate>> KeyRing::current(JwsAlgorithm algorithm, Instant now) const {
  const std::lock_guard lock(impl_->mutex);
  for (auto it = impl_->keys.rbegin(); it != impl_->keys.rend(); ++it) {
    if (it->active_from <= now && it->key->algorithm() == algorithm) return it->key;
  }
  return fail(ErrorKind::not_found, "keys.none", "There is no key to sign with.");
}

JwkSet KeyRing::public_keys(Instant now) const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<JwkPublic> out;
  for (std::size_t i = 0; i < impl_->keys.size(); ++i) {
    if (!past_keep(impl_->keys, i, now, impl_->policy)) out.push_back(impl_->keys[i].key->public_key());
  }
  return JwkSet(std::move(out));
}

std::vector<KeyInfo> KeyRing::list(Instant now) const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<KeyInfo> out;
  for (std::size_t i = 0; i < impl_->keys.size(); ++i) {
    const Stored& s = impl_->keys[i];
    out.push_back(
        {s.key->kid(), s.key->algorithm(), state_of(impl_->keys, i, now), s.created, s.active_from});
  }
  return out;
}

}  // namespace dayaq::crypto
