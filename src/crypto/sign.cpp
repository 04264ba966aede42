#include "crypto/sign.hpp"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

#include <algorithm>

#include "crypto/openssl_handles.ipp"
#include "crypto/secret.hpp"

namespace dayaq::crypto {
namespace {

using Digest = std::unique_ptr<EVP_MD, HandleDeleter<EVP_MD_free>>;

// The wipe is what matters: OpenSSL's own memory BIO frees its buffer without clearing it.
struct WipedBio {
  void operator()(BIO* bio) const noexcept {
    char* content = nullptr;
    const long size = BIO_get_mem_data(bio, &content);
    if (size > 0) OPENSSL_cleanse(content, static_cast<std::size_t>(size));
    BIO_free(bio);
  }
};

// Fetching an algorithm takes locks and string look-ups; each thread does it once and keeps the context too.
EVP_MD_CTX* sha256_context() {
  struct PerThread {
    Digest digest{EVP_MD_fetch(nullptr, "SHA256", nullptr)};
    MdContext context{EVP_MD_CTX_new()};
  };
  thread_local const PerThread state;
  DAYAQ_ASSERT(state.digest && state.context);
  DAYAQ_ASSERT(EVP_DigestInit_ex2(state.context.get(), state.digest.get(), nullptr) == 1);
  return state.context.get();
}

Sha256 finish(EVP_MD_CTX* context) {
  Sha256 hash;
  DAYAQ_ASSERT(EVP_DigestFinal_ex(context, raw_out(hash), nullptr) == 1);
  return hash;
}

std::unexpected<Error> bad_key(std::string_view what) {
  ERR_clear_error();
  return fail(ErrorKind::invalid_input, "crypto.key", "This is not an Ed25519 private key.",
              std::string(what));
}

// A key file without its password must be refused, not asked for at a terminal.
int no_password(char*, int, int, void*) {
  return -1;
}

}  // namespace

Sha256 sha256(BytesView message) {
  EVP_MD_CTX* context = sha256_context();
  DAYAQ_ASSERT(EVP_DigestUpdate(context, message.data(), message.size()) == 1);
  return finish(context);
}

Sha256 sha256(BytesView first, BytesView second) {
  EVP_MD_CTX* context = sha256_context();
  DAYAQ_ASSERT(EVP_DigestUpdate(context, first.data(), first.size()) == 1);
  DAYAQ_ASSERT(EVP_DigestUpdate(context, second.data(), second.size()) == 1);
  return finish(context);
}

std::array<std::byte, 64> sha512(BytesView message) {
  std::array<std::byte, 64> hash{};
  std::size_t size = 0;
  DAYAQ_ASSERT(
      EVP_Q_digest(nullptr, "SHA512", nullptr, message.data(), message.size(), raw_out(hash), &size) == 1 &&
      size == hash.size());
  return hash;
}

bool equal_constant_time(BytesView a, BytesView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

/// As libsodium signs with it: the seed, and the public key behind it. OpenSSL gives the same signature (RFC
/// 8032 leaves no choice) in twice the time, and permits are signed one by one on the thread that writes.
struct SigningKey::Impl {
  SecretBytes key{crypto_sign_SECRETKEYBYTES};
};

SigningKey::SigningKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

SigningKey SigningKey::generate(Random& random) {
  SecretBytes seed(32);
  random.fill(seed.writable());
  auto key = from_seed(seed.view());
  DAYAQ_ASSERT(key.has_value());
  return std::move(*key);
}

Result<SigningKey> SigningKey::from_seed(BytesView seed) {
  if (seed.size() != 32) return bad_key("a seed has 32 bytes");
  auto impl = std::make_unique<Impl>();
  PublicKey shown;
  DAYAQ_ASSERT(crypto_sign_seed_keypair(raw_out(shown), raw_out(impl->key.writable()), raw_bytes(seed)) == 0);
  return SigningKey(std::move(impl));
}

Result<SigningKey> SigningKey::from_pem(std::string_view pem) {
  if (pem.empty() || pem.size() > 16384) return bad_key("empty, or longer than any key");
  const std::unique_ptr<BIO, HandleDeleter<BIO_free>> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  DAYAQ_ASSERT(bio != nullptr);
  const PkeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (!key) return bad_key("not a PEM private key without a password");
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) return bad_key("a key of another algorithm");
  SecretBytes seed(crypto_sign_SEEDBYTES);
  std::size_t size = crypto_sign_SEEDBYTES;
  DAYAQ_ASSERT(EVP_PKEY_get_raw_private_key(key.get(), raw_out(seed.writable()), &size) == 1 &&
               size == crypto_sign_SEEDBYTES);
  return from_seed(seed.view());
}

std::string SigningKey::to_pem() const {
  const std::unique_ptr<BIO, WipedBio> bio(BIO_new(BIO_s_mem()));
  DAYAQ_ASSERT(bio != nullptr);
  const PkeyHandle key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, raw_bytes(impl_->key.view()),
                                                    crypto_sign_SEEDBYTES));
  DAYAQ_ASSERT(
      key && PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* content = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &content);
  return {content, static_cast<std::size_t>(size)};
}

PublicKey SigningKey::public_key() const {
  PublicKey out;
  std::ranges::copy(impl_->key.view().subspan(crypto_sign_SEEDBYTES), out.begin());
  return out;
}

Signature SigningKey::sign(BytesView message) const {
  Signature signature;
  DAYAQ_ASSERT(crypto_sign_detached(raw_out(signature), nullptr, raw_bytes(message), message.size(),
                                    raw_bytes(impl_->key.view())) == 0);
  return signature;
}

bool verify(const PublicKey& key, BytesView message, BytesView signature) {
  if (signature.size() != 64) return false;
  const PkeyHandle handle(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw_bytes(key), key.size()));
  const MdContext context(EVP_MD_CTX_new());
  const bool good = handle && context &&
                    EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, handle.get()) == 1 &&
                    EVP_DigestVerify(context.get(), raw_bytes(signature), signature.size(),
                                     raw_bytes(message), message.size()) == 1;
  if (!good) ERR_clear_error();
  return good;
}

}  // namespace dayaq::crypto
