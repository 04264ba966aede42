#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>

#include "base/random.hpp"
#include "crypto/cose.hpp"
#include "crypto/jwk_numbers.ipp"
#include "crypto/openssl_handles.ipp"
#include "crypto/sign.hpp"

namespace dayaq::crypto {
namespace {

using EcdsaSignature = std::unique_ptr<ECDSA_SIG, HandleDeleter<ECDSA_SIG_free>>;

constexpr std::int64_t kty_okp = 1, kty_ec2 = 2, kty_rsa = 3;
constexpr std::int64_t curve_p256 = 1, curve_ed25519 = 6;

std::unexpected<Error> bad_key(std::string_view what) {
  ERR_clear_error();
  return fail(ErrorKind::invalid_input, "cose.key", "This is not a usable key.", std::string(what));
}

std::unexpected<Error> bad_algorithm(std::string_view what) {
  return fail(ErrorKind::invalid_input, "cose.algorithm", "Keys of this algorithm are not taken.",
              std::string(what));
}

PkeyHandle import(const char* type, OSSL_PARAM* params) {
  const PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
    return nullptr;
  }
  return PkeyHandle(key);
}

BigNumber number(BytesView bytes) {
  return BigNumber(BN_bin2bn(raw_bytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

// RFC 9053 section 2.1: r and s, 32 bytes each, to the form that OpenSSL verifies.
Bytes to_der(BytesView signature) {
  if (signature.size() != 64) return {};
  const EcdsaSignature made(ECDSA_SIG_new());
  BigNumber r = number(signature.first(32)), s = number(signature.subspan(32));
  DAYAQ_ASSERT(made && r && s && ECDSA_SIG_set0(made.get(), r.release(), s.release()) == 1);
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(made.get(), &der);
  DAYAQ_ASSERT(size > 0);
  const auto* first = reinterpret_cast<const std::byte*>(der);
  Bytes copy(first, first + size);
  OPENSSL_free(der);
  return copy;
}

Bytes from_der(BytesView der) {
  const unsigned char* at = raw_bytes(der);
  const EcdsaSignature read(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  DAYAQ_ASSERT(read != nullptr);
  Bytes out(64);
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  DAYAQ_ASSERT(BN_bn2binpad(ECDSA_SIG_get0_r(read.get()), to, 32) == 32);
  DAYAQ_ASSERT(BN_bn2binpad(ECDSA_SIG_get0_s(read.get()), to + 32, 32) == 32);
  return out;
}

// The public numbers of an EVP key: x and y, or the Ed25519 key.
std::pair<Bytes, Bytes> public_parts(EVP_PKEY* key, CoseAlgorithm algorithm) {
  std::array<unsigned char, 65> buffer{};
  std::size_t size = buffer.size();
  const auto* bytes = reinterpret_cast<const std::byte*>(buffer.data());
  if (algorithm == CoseAlgorithm::eddsa) {
    DAYAQ_ASSERT(EVP_PKEY_get_raw_public_key(key, buffer.data(), &size) == 1 && size == 32);
    return {Bytes(bytes, bytes + 32), Bytes()};
  }
  DAYAQ_ASSERT(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, buffer.data(), buffer.size(),
                                               &size) == 1);
  DAYAQ_ASSERT(size == 65 && buffer[0] == 4);
  return {Bytes(bytes + 1, bytes + 33), Bytes(bytes + 33, bytes + 65)};
}

std::optional<CoseAlgorithm> algorithm_of(EVP_PKEY* key) {
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) return CoseAlgorithm::eddsa;
  std::array<char, 32> group{};
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
      EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), nullptr) ==
          1 &&
      std::string_view(group.data()) == SN_X9_62_prime256v1) {
    return CoseAlgorithm::es256;
  }
  return std::nullopt;
}

int no_password(char*, int, int, void*) {
  return -1;
}

}  // namespace

std::optional<CoseAlgorithm> cose_algorithm(std::int64_t number) {
  for (const auto known : {CoseAlgorithm::es256, CoseAlgorithm::eddsa, CoseAlgorithm::rs256}) {
    if (number == static_cast<std::int64_t>(known)) return known;
  }
  return std::nullopt;
}

struct CoseKey::Impl {
  CoseAlgorithm algorithm{};
  PkeyHandle key;
  Bytes first, second;  // x and y; the Ed25519 key; modulus and exponent
};

CoseKey::CoseKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CoseKey::CoseKey(CoseKey&&) noexcept = default;
CoseKey& CoseKey::operator=(CoseKey&&) noexcept = default;
CoseKey::~CoseKey() = default;

Result<CoseKey> CoseKey::parse(BytesView bytes) {
  DAYAQ_TRY(const cbor::Value value, cbor::parse(bytes));
  return from_value(value);
}

Result<CoseKey> CoseKey::from_value(const cbor::Value& key) {
  const auto integer = [&](std::int64_t label) {
    const cbor::Value* found = key.find(label);
    return found != nullptr ? found->as_integer() : std::nullopt;
  };
  const auto bytes = [&](std::int64_t label) {
    const cbor::Value* found = key.find(label);
    return found != nullptr ? found->as_bytes() : std::nullopt;
  };
  if (key.kind != cbor::Kind::map) return bad_key("no map");
  const auto type = integer(1);
  const auto number = integer(3);
  if (!type || !number) return bad_key("kty and alg are needed");
  const auto algorithm = cose_algorithm(*number);
  if (!algorithm) return bad_algorithm("alg " + std::to_string(*number));
  // RFC 9053 section 7.1.1, 7.2: -4 is the private part d (RFC 8230 section 4: -3 of RSA).
  if (key.find(-4) != nullptr) return bad_key("a private key");
  if (*type == kty_ec2 && *algorithm == CoseAlgorithm::es256) {
    const auto x = bytes(-2), y = bytes(-3);  // y as a sign bit (compressed) isn't allowed in WebAuthn
    if (integer(-1) != curve_p256) return bad_algorithm("a curve other than P-256");
    if (!x || !y) return bad_key("no x or y");
    return from_p256(*x, *y);
  }
  if (*type == kty_okp && *algorithm == CoseAlgorithm::eddsa) {
    const auto x = bytes(-2);
    if (integer(-1) != curve_ed25519) return bad_algorithm("a curve other than Ed25519");
    if (!x || key.find(-3) != nullptr) return bad_key("no x, or a y");
    return from_ed25519(*x);
  }
  if (*type == kty_rsa && *algorithm == CoseAlgorithm::rs256) {
    const auto modulus = bytes(-1), exponent = bytes(-2);
    if (!modulus || !exponent || key.find(-3) != nullptr) return bad_key("no n or e, or a private key");
    return from_rsa(*modulus, *exponent);
  }
  return bad_algorithm("kty " + std::to_string(*type) + " with alg " + std::to_string(*number));
}

Result<CoseKey> CoseKey::from_p256(BytesView x, BytesView y) {
  if (x.size() != 32 || y.size() != 32) return bad_key("x and y have 32 bytes");
  std::array<unsigned char, 65> point{4};
  std::ranges::copy(std::span(raw_bytes(x), 32), point.begin() + 1);
  std::ranges::copy(std::span(raw_bytes(y), 32), point.begin() + 33);
  auto impl = std::make_unique<Impl>();
  impl->algorithm = CoseAlgorithm::es256;
  impl->key = jwk_numbers::p256_from_point(std::as_bytes(std::span(point)));
  if (!impl->key) return bad_key("not a point of P-256");
  impl->first.assign(x.begin(), x.end());
  impl->second.assign(y.begin(), y.end());
  return CoseKey(std::move(impl));
}

Result<CoseKey> CoseKey::from_ed25519(BytesView key) {
  auto impl = std::make_unique<Impl>();
  impl->algorithm = CoseAlgorithm::eddsa;
  if (key.size() == 32) {
    impl->key.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw_bytes(key), key.size()));
  }
  if (!impl->key) return bad_key("an Ed25519 key has 32 bytes");
  impl->first.assign(key.begin(), key.end());
  return CoseKey(std::move(impl));
}

Result<CoseKey> CoseKey::from_rsa(BytesView modulus, BytesView exponent) {
  // RFC 8230 section 4: no leading zeros; section 6.1: 2048 bits and more.
  if (modulus.size() < 256 || modulus.size() > 512 || modulus[0] < std::byte(0x80))
    return bad_key("2048 to 4096 bits");
  if (exponent.empty() || exponent.size() > 4 || exponent[0] == std::byte(0)) return bad_key("the exponent");
  if ((modulus.back() & exponent.back() & std::byte(1)) == std::byte(0)) return bad_key("an even number");
  if (exponent.size() == 1 && exponent[0] == std::byte(1)) return bad_key("the exponent is 1");
  const BigNumber n = number(modulus), e = number(exponent);
  const std::unique_ptr<OSSL_PARAM_BLD, HandleDeleter<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
  DAYAQ_ASSERT(n && e && builder &&
               OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
               OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1);
  const std::unique_ptr<OSSL_PARAM, HandleDeleter<OSSL_PARAM_free>> params(
      OSSL_PARAM_BLD_to_param(builder.get()));
  DAYAQ_ASSERT(params != nullptr);
  auto impl = std::make_unique<Impl>();
  impl->algorithm = CoseAlgorithm::rs256;
  impl->key = import("RSA", params.get());
  if (!impl->key) return bad_key("not an RSA key");
  impl->first.assign(modulus.begin(), modulus.end());
  impl->second.assign(exponent.begin(), exponent.end());
  return CoseKey(std::move(impl));
}

CoseAlgorithm CoseKey::algorithm() const {
  return impl_->algorithm;
}

bool CoseKey::verify(BytesView message, BytesView signature, EcdsaForm form) const {
  Bytes der;
  if (impl_->algorithm == CoseAlgorithm::es256 && form == EcdsaForm::raw) {
    der = to_der(signature);
    if (der.empty()) return false;
    signature = der;
  }
  bool good = false;
  if (impl_->algorithm == CoseAlgorithm::eddsa) {
    const MdContext context(EVP_MD_CTX_new());
    good = context && signature.size() == 64 &&
           EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, impl_->key.get()) == 1 &&
           EVP_DigestVerify(context.get(), raw_bytes(signature), signature.size(), raw_bytes(message),
                            message.size()) == 1;
  } else {
    // Hashing with the thread's own digest spares the look-up of one for each signature.
    const Sha256 hash = sha256(message);
    const PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->key.get(), nullptr));
    good = context && EVP_PKEY_verify_init(context.get()) == 1 &&
           (impl_->algorithm != CoseAlgorithm::rs256 ||
            (EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 &&
             EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1)) &&
           EVP_PKEY_verify(context.get(), raw_bytes(signature), signature.size(), raw_bytes(hash),
                           hash.size()) == 1;
  }
  if (!good) ERR_clear_error();
  return good;
}

Bytes CoseKey::encode() const {
  using cbor::Value;
  std::vector<std::pair<Value, Value>> members;
  const auto add = [&](std::int64_t label, Value value) {
    members.emplace_back(Value::integer(label), std::move(value));
  };
  add(3, Value::integer(static_cast<std::int64_t>(impl_->algorithm)));
  switch (impl_->algorithm) {
    case CoseAlgorithm::es256:
      add(1, Value::integer(kty_ec2));
      add(-1, Value::integer(curve_p256));
      add(-2, Value::bytes(impl_->first));
      add(-3, Value::bytes(impl_->second));
      break;
    case CoseAlgorithm::eddsa:
      add(1, Value::integer(kty_okp));
      add(-1, Value::integer(curve_ed25519));
      add(-2, Value::bytes(impl_->first));
      break;
    case CoseAlgorithm::rs256:
      add(1, Value::integer(kty_rsa));
      add(-1, Value::bytes(impl_->first));
      add(-2, Value::bytes(impl_->second));
      break;
  }
  return cbor::encode(Value::map(std::move(members)));
}

std::optional<std::array<std::byte, 64>> CoseKey::p256_point() const {
  if (impl_->algorithm != CoseAlgorithm::es256) return std::nullopt;
  std::array<std::byte, 64> point{};
  std::ranges::copy(impl_->first, point.begin());
  std::ranges::copy(impl_->second, point.begin() + 32);
  return point;
}

struct CoseSigner::Impl {
  CoseAlgorithm algorithm{};
  PkeyHandle key;                     ///< of P-256
  std::optional<SigningKey> ed25519;  ///< the other
};

CoseSigner::CoseSigner(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CoseSigner::CoseSigner(CoseSigner&&) noexcept = default;
CoseSigner& CoseSigner::operator=(CoseSigner&&) noexcept = default;
CoseSigner::~CoseSigner() = default;  // EVP_PKEY_free clears private keys

CoseSigner CoseSigner::generate(CoseAlgorithm algorithm) {
  DAYAQ_ASSERT(algorithm != CoseAlgorithm::rs256);
  auto impl = std::make_unique<Impl>();
  impl->algorithm = algorithm;
  if (algorithm == CoseAlgorithm::eddsa) {
    SystemRandom random;
    impl->ed25519.emplace(SigningKey::generate(random));
  } else {
    impl->key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    DAYAQ_ASSERT(impl->key != nullptr);
  }
  return CoseSigner(std::move(impl));
}

Result<CoseSigner> CoseSigner::from_pem(std::string_view pem) {
  if (pem.empty() || pem.size() > 16384) return bad_key("empty, or longer than any key");
  const std::unique_ptr<BIO, HandleDeleter<BIO_free>> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  DAYAQ_ASSERT(bio != nullptr);
  PkeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (!key) return bad_key("not a PEM private key without a password");
  const auto algorithm = algorithm_of(key.get());
  if (!algorithm) return bad_key("neither P-256 nor Ed25519");
  auto impl = std::make_unique<Impl>();
  impl->algorithm = *algorithm;
  if (*algorithm == CoseAlgorithm::eddsa) {
    DAYAQ_TRY(auto signing, SigningKey::from_pem(pem));
    impl->ed25519.emplace(std::move(signing));
  } else {
    impl->key = std::move(key);
  }
  return CoseSigner(std::move(impl));
}

CoseAlgorithm CoseSigner::algorithm() const {
  return impl_->algorithm;
}

CoseKey CoseSigner::public_key() const {
  auto key = [&] {
    if (impl_->ed25519) return CoseKey::from_ed25519(impl_->ed25519->public_key());
    const auto [first, second] = public_parts(impl_->key.get(), impl_->algorithm);
    return CoseKey::from_p256(first, second);
  }();
  DAYAQ_ASSERT(key.has_value());
  return std::move(*key);
}

Bytes CoseSigner::sign(BytesView message) const {
  if (impl_->ed25519) {
    const Signature signature = impl_->ed25519->sign(message);
    return {signature.begin(), signature.end()};
  }
  const MdContext context(EVP_MD_CTX_new());
  Bytes signature(80);  // a DER signature of P-256 has at most 72
  std::size_t size = signature.size();
  DAYAQ_ASSERT(context && EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr,
                                                impl_->key.get(), nullptr) == 1);
  DAYAQ_ASSERT(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                              raw_bytes(message), message.size()) == 1);
  signature.resize(size);
  return from_der(signature);
}

}  // namespace dayaq::crypto
