#include "crypto/cose_certificate.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>

#include "crypto/openssl_handles.ipp"

namespace dayaq::crypto {
namespace {

void free_stack(STACK_OF(X509) * stack) noexcept {
  sk_X509_free(stack);  // the certificates stay their owners'
}

std::unexpected<Error> unreadable() {
  ERR_clear_error();
  return fail(ErrorKind::invalid_input, "cose.certificate", "This is not a certificate.");
}

Bytes copy(const unsigned char* data, int size) {
  const auto* first = reinterpret_cast<const std::byte*>(data);
  return size > 0 ? Bytes(first, first + size) : Bytes();
}

std::optional<Bytes> big_number(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return std::nullopt;
  Bytes out(static_cast<std::size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(out.data()));
  BN_free(number);
  return out;
}

}  // namespace

struct Certificate::Impl {
  std::unique_ptr<X509, HandleDeleter<X509_free>> x509;
};

Certificate::Certificate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Certificate::Certificate(Certificate&&) noexcept = default;
Certificate& Certificate::operator=(Certificate&&) noexcept = default;
Certificate::~Certificate() = default;

Result<Certificate> Certificate::parse(BytesView der) {
  if (der.empty() || der.size() > 16'384) return unreadable();
  const auto* const first = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* at = first;
  auto impl = std::make_unique<Impl>();
  impl->x509.reset(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (!impl->x509 || at != first + der.size()) return unreadable();
  return Certificate(std::move(impl));
}

int Certificate::version() const {
  return static_cast<int>(X509_get_version(impl_->x509.get())) + 1;
}

std::string Certificate::subject(std::string_view attribute) const {
  const int nid = OBJ_sn2nid(std::string(attribute).c_str());
  const X509_NAME* name = X509_get_subject_name(impl_->x509.get());
  const int index = nid == NID_undef ? -1 : X509_NAME_get_index_by_NID(name, nid, -1);
  if (index < 0) return {};
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
  if (size < 0) {
    ERR_clear_error();
    return {};
  }
  std::string out(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return out;
}

std::optional<bool> Certificate::is_authority() const {
  const std::unique_ptr<BASIC_CONSTRAINTS, HandleDeleter<BASIC_CONSTRAINTS_free>> constraints(
      static_cast<BASIC_CONSTRAINTS*>(
          X509_get_ext_d2i(impl_->x509.get(), NID_basic_constraints, nullptr, nullptr)));
  if (!constraints) {
    ERR_clear_error();
    return std::nullopt;
  }
  return constraints->ca != 0;
}

std::optional<Certificate::Extension> Certificate::extension(const std::string& oid) const {
  const std::unique_ptr<ASN1_OBJECT, HandleDeleter<ASN1_OBJECT_free>> object(OBJ_txt2obj(oid.c_str(), 1));
  DAYAQ_ASSERT(object != nullptr);
  const int index = X509_get_ext_by_OBJ(impl_->x509.get(), object.get(), -1);
  if (index < 0 || X509_get_ext_by_OBJ(impl_->x509.get(), object.get(), index) >= 0) return std::nullopt;
  X509_EXTENSION* found = X509_get_ext(impl_->x509.get(), index);
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(found);
  return Extension{copy(ASN1_STRING_get0_data(value), ASN1_STRING_length(value)),
                   X509_EXTENSION_get_critical(found) != 0};
}

Result<CoseKey> Certificate::key() const {
  EVP_PKEY* key = X509_get0_pubkey(impl_->x509.get());
  const int type = key != nullptr ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE;
  std::array<unsigned char, 65> buffer{};
  std::size_t size = buffer.size();
  const BytesView bytes = std::as_bytes(std::span(buffer));
  if (type == EVP_PKEY_ED25519 && EVP_PKEY_get_raw_public_key(key, buffer.data(), &size) == 1 && size == 32) {
    return CoseKey::from_ed25519(bytes.first(32));
  }
  if (type == EVP_PKEY_RSA) {
    const auto modulus = big_number(key, OSSL_PKEY_PARAM_RSA_N);
    const auto exponent = big_number(key, OSSL_PKEY_PARAM_RSA_E);
    if (modulus && exponent) return CoseKey::from_rsa(*modulus, *exponent);
  }
  std::array<char, 32> group{};
  if (type == EVP_PKEY_EC &&
      EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), nullptr) ==
          1 &&
      std::string_view(group.data()) == SN_X9_62_prime256v1 &&
      EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, buffer.data(), buffer.size(), &size) ==
          1 &&
      size == 65 && buffer[0] == 4) {
    return CoseKey::from_p256(bytes.subspan(1, 32), bytes.subspan(33, 32));
  }
  ERR_clear_error();
  return fail(ErrorKind::invalid_input, "cose.algorithm", "Keys of this algorithm are not taken.",
              "a certificate's key");
}

Result<void> verify_chain(std::span<const BytesView> chain, std::span<const Bytes> anchors, Instant now) {
  if (chain.empty() || chain.size() > 8) return unreadable();
  std::vector<Certificate> owned;
  const std::unique_ptr<X509_STORE, HandleDeleter<X509_STORE_free>> store(X509_STORE_new());
  const std::unique_ptr<STACK_OF(X509), HandleDeleter<free_stack>> others(sk_X509_new_null());
  const std::unique_ptr<X509_STORE_CTX, HandleDeleter<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
  DAYAQ_ASSERT(store && others && context);
  for (const BytesView der : chain) {
    DAYAQ_TRY(Certificate certificate, Certificate::parse(der));
    owned.push_back(std::move(certificate));
    if (owned.size() > 1) DAYAQ_ASSERT(sk_X509_push(others.get(), owned.back().impl_->x509.get()) > 0);
  }
  for (const Bytes& der : anchors) {
    DAYAQ_TRY(const Certificate anchor, Certificate::parse(der));
    DAYAQ_ASSERT(X509_STORE_add_cert(store.get(), anchor.impl_->x509.get()) == 1);
  }
  DAYAQ_ASSERT(X509_STORE_CTX_init(context.get(), store.get(), owned[0].impl_->x509.get(), others.get()) ==
               1);
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_PARTIAL_CHAIN);
  X509_STORE_CTX_set_time(context.get(), 0, static_cast<time_t>(to_micros(now) / 1'000'000));
  if (X509_verify_cert(context.get()) != 1) {
    const int why = X509_STORE_CTX_get_error(context.get());
    ERR_clear_error();
    return fail(ErrorKind::forbidden, "cose.untrusted",
                "The maker of this key isn't one that is trusted here.", X509_verify_cert_error_string(why));
  }
  return {};
}

}  // namespace dayaq::crypto
