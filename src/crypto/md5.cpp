#include "crypto/md5.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "crypto/openssl_handles.ipp"

namespace dayaq::crypto {
namespace {

// As for SHA-256 in sign.cpp: fetching takes locks, so each thread does it once.
EVP_MD_CTX* begin() {
  struct PerThread {
    std::unique_ptr<EVP_MD, HandleDeleter<EVP_MD_free>> digest{EVP_MD_fetch(nullptr, "MD5", nullptr)};
    MdContext context{EVP_MD_CTX_new()};
  };
  thread_local const PerThread state;
  DAYAQ_ASSERT(state.digest && state.context);
  DAYAQ_ASSERT(EVP_DigestInit_ex2(state.context.get(), state.digest.get(), nullptr) == 1);
  return state.context.get();
}

void add(EVP_MD_CTX* context, BytesView part) {
  DAYAQ_ASSERT(EVP_DigestUpdate(context, part.data(), part.size()) == 1);
}

Md5 finish(EVP_MD_CTX* context) {
  Md5 hash;
  DAYAQ_ASSERT(EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(hash.data()), nullptr) == 1);
  return hash;
}

}  // namespace

Md5 md5(std::initializer_list<BytesView> parts) {
  EVP_MD_CTX* const context = begin();
  for (const BytesView part : parts) add(context, part);
  return finish(context);
}

HmacMd5Key::HmacMd5Key(BytesView secret) {
  const Md5 hashed = secret.size() > inner_.size() ? md5({secret}) : Md5{};
  const BytesView key = secret.size() > inner_.size() ? BytesView(hashed) : secret;
  std::ranges::copy(key, inner_.begin());
  std::ranges::copy(key, outer_.begin());
  for (std::byte& byte : inner_) byte ^= std::byte(0x36);
  for (std::byte& byte : outer_) byte ^= std::byte(0x5c);
}

Md5 HmacMd5Key::of(std::initializer_list<BytesView> parts) const {
  EVP_MD_CTX* const context = begin();
  add(context, inner_);
  for (const BytesView part : parts) add(context, part);
  const Md5 inner = finish(context);
  return md5({outer_, inner});
}

}  // namespace dayaq::crypto
