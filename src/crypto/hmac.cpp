#include "crypto/hmac.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <memory>

#include "crypto/openssl_handles.ipp"

namespace dayaq::crypto {
Bytes hmac(HmacHash hash, BytesView key, BytesView message) {
  thread_local const std::unique_ptr<EVP_MAC, HandleDeleter<EVP_MAC_free>> algorithm(
      EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  DAYAQ_ASSERT(algorithm != nullptr);
  const std::unique_ptr<EVP_MAC_CTX, HandleDeleter<EVP_MAC_CTX_free>> context(
      EVP_MAC_CTX_new(algorithm.get()));
  char sha1[] = "SHA1", sha256[] = "SHA256", sha512[] = "SHA512";
  char* const name = hash == HmacHash::sha1 ? sha1 : hash == HmacHash::sha256 ? sha256 : sha512;
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                               OSSL_PARAM_construct_end()};
  // OpenSSL reads a null key as "the one before", so an empty one still needs an address.
  const unsigned char none = 0;
  const auto* const raw = key.empty() ? &none : reinterpret_cast<const unsigned char*>(key.data());
  Bytes out(64);
  std::size_t size = 0;
  DAYAQ_ASSERT(context && EVP_MAC_init(context.get(), raw, key.size(), params) == 1);
  DAYAQ_ASSERT(EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(message.data()),
                              message.size()) == 1);
  DAYAQ_ASSERT(
      EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, out.size()) == 1);
  out.resize(size);
  return out;
}

}  // namespace dayaq::crypto
