#include "crypto/jwk.hpp"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>

#include "crypto/ecdsa_der.hpp"
#include "crypto/jwk_numbers.ipp"
#include "crypto/jws_base64.hpp"
#include "crypto/sign.hpp"

namespace dayaq::crypto {
using namespace jwk_numbers;
namespace {

constexpr std::size_t jwk_bytes_max = 16384;
constexpr std::size_t kid_bytes_max = 256;
constexpr std::array<std::string_view, 4> algorithm_names{"ES256", "EdDSA", "RS256", "PS256"};

using Pkcs8 = std::unique_ptr<PKCS8_PRIV_KEY_INFO, HandleDeleter<PKCS8_PRIV_KEY_INFO_free>>;
using MemoryBio = std::unique_ptr<BIO, HandleDeleter<BIO_free>>;

struct WipedBio {  // BIO_free doesn't clear
  void operator()(BIO* bio) const noexcept {
    char* content = nullptr;
    const long size = BIO_get_mem_data(bio, &content);
    if (size > 0) OPENSSL_cleanse(content, static_cast<std::size_t>(size));
    BIO_free(bio);
  }
};

int no_password(char*, int, int, void*) {
  return -1;
}

JwkType type_of(JwsAlgorithm algorithm) {
  return algorithm == JwsAlgorithm::es256   ? JwkType::p256
         : algorithm == JwsAlgorithm::eddsa ? JwkType::ed25519
                                            : JwkType::rsa;
}
JwsAlgorithm default_algorithm(JwkType type) {
  return type == JwkType::p256      ? JwsAlgorithm::es256
         : type == JwkType::ed25519 ? JwsAlgorithm::eddsa
                                    : JwsAlgorithm::rs256;
}

struct Labels {
  std::optional<JwsAlgorithm> algorithm;
  std::string kid;
};

Result<Labels> labels_of(const JsonObject& jwk, JwkType type, std::string_view operation) {
  Labels out;
  if (jwk.has("alg")) {
    const auto name = jwk.text("alg");
    out.algorithm = name ? parse_jws_algorithm(*name) : std::nullopt;
    if (!out.algorithm || type_of(*out.algorithm) != type) return unsupported("alg");
  }
  if (jwk.has("use") && jwk.text("use") != "sig") return unsupported("use");
  if (jwk.has("key_ops")) {
    const auto operations = jwk.texts("key_ops");
    if (!operations) return bad("key_ops");
    if (std::find(operations->begin(), operations->end(), operation) == operations->end())
      return unsupported("key_ops");
  }
  if (jwk.has("kid")) {
    const auto kid = jwk.text("kid");
    if (!kid || kid->empty() || kid->size() > kid_bytes_max) return bad("kid");
    out.kid = *kid;
  }
  return out;
}

void prepare(EVP_PKEY_CTX* context, JwsAlgorithm algorithm) {
  DAYAQ_ASSERT(EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1);
  if (algorithm == JwsAlgorithm::rs256)
    DAYAQ_ASSERT(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1);
  if (algorithm ==
      JwsAlgorithm::ps256) {  // RFC 7518 section 3.5: MGF1 with SHA-256, salt as long as the hash
    DAYAQ_ASSERT(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1);
    DAYAQ_ASSERT(EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1);
    DAYAQ_ASSERT(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, 32) == 1);
  }
}

}  // namespace

std::string_view to_string(JwsAlgorithm algorithm) {
  return algorithm_names[static_cast<std::size_t>(algorithm)];
}

std::optional<JwsAlgorithm> parse_jws_algorithm(std::string_view name) {
  for (std::size_t i = 0; i < algorithm_names.size(); ++i) {
    if (algorithm_names[i] == name) return static_cast<JwsAlgorithm>(i);
  }
  return std::nullopt;
}

struct JwkPublic::Impl {
  PkeyHandle key;
  JwkType type = JwkType::p256;
  std::optional<JwsAlgorithm> algorithm;
  std::string kid;
  std::string thumbprint;
  std::string bare_json;
  mutable std::array<ContextPool<PkeyContext>, 4> contexts;

  static Result<JwkPublic> make(const Numbers& numbers, Labels labels) {
    auto impl = std::make_shared<Impl>();
    impl->key = handle_of(numbers);
    if (!impl->key) return bad("OpenSSL refused the numbers");
    impl->type = numbers.type;
    impl->algorithm = labels.algorithm;
    impl->bare_json = bare_json_of(numbers);
    impl->thumbprint = to_base64url(sha256(as_bytes(impl->bare_json)));
    impl->kid = labels.kid.empty() ? impl->thumbprint : std::move(labels.kid);
    return JwkPublic(std::move(impl));
  }
};

Result<JwkPublic> JwkPublic::parse(std::string_view json) {
  if (json.size() > jwk_bytes_max) return bad("too large");
  auto jwk = JsonObject::parse_view(json);
  if (!jwk) return bad("not a JSON object");
  return from_object(*jwk);
}

Result<JwkPublic> JwkPublic::from_object(const JsonObject& jwk) {
  for (const std::string_view name : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}) {
    if (jwk.has(name)) {
      return fail(ErrorKind::invalid_input, "jwk.private", "This is a private key: replace it by another.");
    }
  }
  DAYAQ_TRY(const Numbers numbers, numbers_of(jwk));
  DAYAQ_TRY(Labels labels, labels_of(jwk, numbers.type, "verify"));
  return Impl::make(numbers, std::move(labels));
}

Result<JwkPublic> JwkPublic::from_pem(std::string_view pem) {
  if (pem.empty() || pem.size() > jwk_bytes_max) return bad("empty, or longer than any key");
  const MemoryBio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  DAYAQ_ASSERT(bio != nullptr);
  const PkeyHandle key(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_password, nullptr));
  if (!key) return bad("not a PEM public key");
  DAYAQ_TRY(const Numbers numbers, numbers_of(key.get()));
  return Impl::make(numbers, {});
}

JwkType JwkPublic::type() const {
  return impl_->type;
}
const std::string& JwkPublic::kid() const {
  return impl_->kid;
}
const std::string& JwkPublic::thumbprint() const {
  return impl_->thumbprint;
}
const std::string& JwkPublic::bare_json() const {
  return impl_->bare_json;
}
bool JwkPublic::fits(JwsAlgorithm algorithm) const {
  return impl_->algorithm ? *impl_->algorithm == algorithm : type_of(algorithm) == impl_->type;
}

std::string JwkPublic::to_json() const {
  std::string out = "{";
  if (impl_->algorithm) {
    out += R"("alg":")";
    out += to_string(*impl_->algorithm);
    out += R"(",)";
  }
  out += R"("kid":)";
  append_json_text(out, kid());
  out += R"(,"use":"sig",)";
  out += std::string_view(bare_json()).substr(1);
  return out;
}

bool JwkPublic::verify(JwsAlgorithm algorithm, BytesView message, BytesView signature) const {
  if (!fits(algorithm)) return false;
  bool good = false;
  if (algorithm == JwsAlgorithm::eddsa) {
    const MdContext context(EVP_MD_CTX_new());
    good = signature.size() == 64 && context &&
           EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, impl_->key.get()) == 1 &&
           EVP_DigestVerify(context.get(), raw_bytes(signature), 64, raw_bytes(message), message.size()) == 1;
  } else {
    EcdsaDer der;
    if (algorithm == JwsAlgorithm::es256) {
      if (signature.size() != 64) return false;
      der = ecdsa_p256_to_der(signature.first<64>());
      signature = der.view();
    } else if (signature.size() != static_cast<std::size_t>(EVP_PKEY_get_size(impl_->key.get()))) {
      return false;
    }
    const Sha256 hash = sha256(message);
    good = impl_->contexts[static_cast<std::size_t>(algorithm)].with(
        [&] {
          PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->key.get(), nullptr));
          DAYAQ_ASSERT(context && EVP_PKEY_verify_init(context.get()) == 1);
          prepare(context.get(), algorithm);
          return context;
        },
        [&](EVP_PKEY_CTX* context) {
          return EVP_PKEY_verify(context, raw_bytes(signature), signature.size(), raw_bytes(BytesView(hash)),
                                 hash.size()) == 1;
        });
  }
  if (!good) ERR_clear_error();
  return good;
}

struct JwkPrivate::Impl {
  PkeyHandle key;
  JwsAlgorithm algorithm = JwsAlgorithm::es256;
  std::optional<JwkPublic> public_key;
  mutable ContextPool<PkeyContext> contexts;
  std::shared_ptr<const KeyHolder> holder;  // shared by the keys of one token; then there is no `key`

  static Result<JwkPrivate> make(PkeyHandle key, JwsAlgorithm algorithm, std::string kid = {}) {
    DAYAQ_TRY(const Numbers numbers, numbers_of(key.get()));
    if (numbers.type != type_of(algorithm)) return unsupported("a key of another algorithm");
    auto impl = std::make_unique<Impl>();
    DAYAQ_TRY(impl->public_key, JwkPublic::Impl::make(numbers, {algorithm, std::move(kid)}));
    impl->key = std::move(key);
    impl->algorithm = algorithm;
    return JwkPrivate(std::move(impl));
  }
};

JwkPrivate::JwkPrivate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JwkPrivate::JwkPrivate(JwkPrivate&&) noexcept = default;
JwkPrivate& JwkPrivate::operator=(JwkPrivate&&) noexcept = default;
JwkPrivate::~JwkPrivate() =
    default;  // EVP_PKEY_free clears private numbers (BN_clear_free, ossl_ecx_key_free)

JwkPrivate JwkPrivate::held(JwsAlgorithm algorithm, JwkPublic public_key,
                            std::shared_ptr<const KeyHolder> holder) {
  DAYAQ_ASSERT(algorithm == JwsAlgorithm::es256 && public_key.type() == JwkType::p256 && holder != nullptr);
  auto impl = std::make_unique<Impl>();
  impl->algorithm = algorithm;
  impl->public_key = std::move(public_key);
  impl->holder = std::move(holder);
  return JwkPrivate(std::move(impl));
}

bool JwkPrivate::is_held() const {
  return impl_->holder != nullptr;
}

JwkPrivate JwkPrivate::generate(JwsAlgorithm algorithm, unsigned rsa_bits) {
  DAYAQ_ASSERT(rsa_bits >= unsigned(rsa_bits_min) && rsa_bits <= unsigned(rsa_bits_max));
  EVP_PKEY* key = nullptr;
  switch (type_of(algorithm)) {
    case JwkType::p256:
      key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
      break;
    case JwkType::ed25519:
      key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
      break;
    case JwkType::rsa:
      key = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(rsa_bits));
      break;
  }
  DAYAQ_ASSERT(key != nullptr);
  auto made = Impl::make(PkeyHandle(key), algorithm);
  DAYAQ_ASSERT(made.has_value());
  return std::move(*made);
}

Result<JwkPrivate> JwkPrivate::from_pem(std::string_view pem, JwsAlgorithm algorithm) {
  if (pem.empty() || pem.size() > jwk_bytes_max) return bad("empty, or longer than any key");
  const MemoryBio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  DAYAQ_ASSERT(bio != nullptr);
  PkeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (!key) return bad("not a PEM private key without a password");
  return Impl::make(std::move(key), algorithm);
}

Result<JwkPrivate> JwkPrivate::from_der(BytesView der, JwsAlgorithm algorithm) {
  if (der.empty() || der.size() > jwk_bytes_max) return bad("empty, or longer than any key");
  const unsigned char* at = raw_bytes(der);
  const Pkcs8 pkcs8(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(der.size())));
  if (!pkcs8 || at != raw_bytes(der) + der.size()) return bad("not PKCS#8");
  PkeyHandle key(EVP_PKCS82PKEY(pkcs8.get()));
  if (!key) return bad("PKCS#8 without a key");
  return Impl::make(std::move(key), algorithm);
}

Result<JwkPrivate> JwkPrivate::parse(std::string_view json) {
  if (json.size() > jwk_bytes_max) return bad("too large");
  auto jwk = JsonObject::parse_view(json);
  if (!jwk) return bad("not a JSON object");
  DAYAQ_TRY(const Numbers numbers, numbers_of(*jwk));
  DAYAQ_TRY(Labels labels, labels_of(*jwk, numbers.type, "sign"));
  const bool rsa = numbers.type == JwkType::rsa;
  if (jwk->has("oth")) return unsupported("RSA with more than two primes");
  PrivateNumbers secret;
  for (std::size_t i = 0; i < (rsa ? secret.values.size() : 1); ++i) {
    auto bytes = base64_member(*jwk, PrivateNumbers::rsa_names[i], rsa ? 0 : 32);
    if (!bytes) return bad("a private number is missing");
    secret.values[i] = SecretBytes::take(*bytes);
  }
  PkeyHandle key = handle_of(numbers, &secret);
  if (!key) return bad("OpenSSL refused the numbers");
  if (numbers.type == JwkType::ed25519) {
    DAYAQ_TRY(const Numbers derived, numbers_of(key.get()));
    if (derived.first != numbers.first) return bad("the public part belongs to another key");
  } else {
    const PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
    if (!context || EVP_PKEY_check(context.get()) != 1) return bad("the parts don't belong together");
  }
  return Impl::make(std::move(key), labels.algorithm.value_or(default_algorithm(numbers.type)),
                    std::move(labels.kid));
}

SecretBytes JwkPrivate::to_pem() const {
  const std::unique_ptr<BIO, WipedBio> bio(BIO_new(BIO_s_mem()));
  DAYAQ_ASSERT(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), impl_->key.get(), nullptr, nullptr, 0, nullptr,
                                                    nullptr) == 1);
  char* content = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &content);
  return SecretBytes::take(std::as_writable_bytes(std::span(content, static_cast<std::size_t>(size))));
}

SecretBytes JwkPrivate::to_der() const {
  const Pkcs8 pkcs8(EVP_PKEY2PKCS8(impl_->key.get()));
  unsigned char* der = nullptr;
  const int size = pkcs8 ? i2d_PKCS8_PRIV_KEY_INFO(pkcs8.get(), &der) : -1;
  DAYAQ_ASSERT(size > 0);
  SecretBytes out = SecretBytes::take(std::as_writable_bytes(std::span(der, static_cast<std::size_t>(size))));
  OPENSSL_free(der);
  return out;
}

SecretBytes JwkPrivate::to_json() const {
  std::string out;
  out.reserve(8192);  // more than RSA-4096 needs: growing would leave a copy behind
  out += public_key().to_json();
  out.pop_back();
  const auto put = [&](std::string_view name, SecretBytes value) {
    out += ",\"";
    out += name;
    out += "\":\"";
    append_base64url(out, value.view());
    out += '"';
  };
  const auto number = [&](const char* name, std::size_t size) {
    Bytes bytes = number_bytes(parameter(impl_->key.get(), name).get(), size);
    return SecretBytes::take(bytes);
  };
  switch (type_of(impl_->algorithm)) {
    case JwkType::p256:
      put("d", number(OSSL_PKEY_PARAM_PRIV_KEY, 32));
      break;
    case JwkType::ed25519: {
      SecretBytes seed(32);
      std::size_t size = 32;
      DAYAQ_ASSERT(EVP_PKEY_get_raw_private_key(impl_->key.get(), raw_out(seed.writable()), &size) == 1);
      put("d", std::move(seed));
      break;
    }
    case JwkType::rsa:
      for (std::size_t i = 0; i < PrivateNumbers::rsa_names.size(); ++i)
        put(PrivateNumbers::rsa_names[i], number(PrivateNumbers::rsa_parameters[i], 0));
      break;
  }
  out += '}';
  return SecretBytes::take(std::as_writable_bytes(std::span(out)));
}

JwsAlgorithm JwkPrivate::algorithm() const {
  return impl_->algorithm;
}
const JwkPublic& JwkPrivate::public_key() const {
  return *impl_->public_key;
}
std::size_t JwkPrivate::signature_size() const {
  return type_of(impl_->algorithm) == JwkType::rsa
             ? static_cast<std::size_t>(EVP_PKEY_get_size(impl_->key.get()))
             : 64;
}

void JwkPrivate::sign(BytesView message, std::span<std::byte> out) const {
  std::size_t size = signature_size();
  DAYAQ_ASSERT(out.size() >= size);
  if (impl_->algorithm == JwsAlgorithm::eddsa) {
    const MdContext context(EVP_MD_CTX_new());
    DAYAQ_ASSERT(context &&
                 EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, impl_->key.get()) == 1);
    DAYAQ_ASSERT(EVP_DigestSign(context.get(), raw_out(out), &size, raw_bytes(message), message.size()) == 1);
    return;
  }
  const Sha256 hash = sha256(message);
  if (impl_->holder) {
    DAYAQ_ASSERT(impl_->holder->sign_hash(hash, out.first(size)));
    return;
  }
  std::array<std::byte, 72> der;
  const bool ecdsa = impl_->algorithm == JwsAlgorithm::es256;
  const std::span<std::byte> to = ecdsa ? std::span<std::byte>(der) : out;
  size = to.size();
  const bool done = impl_->contexts.with(
      [&] {
        PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->key.get(), nullptr));
        DAYAQ_ASSERT(context && EVP_PKEY_sign_init(context.get()) == 1);
        prepare(context.get(), impl_->algorithm);
        return context;
      },
      [&](EVP_PKEY_CTX* context) {
        return EVP_PKEY_sign(context, raw_out(to), &size, raw_bytes(BytesView(hash)), hash.size()) == 1;
      });
  DAYAQ_ASSERT(done);
  if (!ecdsa) return;
  const auto joined = ecdsa_p256_from_der(std::span(der).first(size));
  DAYAQ_ASSERT(joined.has_value());
  std::copy(joined->begin(), joined->end(), out.begin());
}

}  // namespace dayaq::crypto
