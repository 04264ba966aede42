// OpenSSL handles with owners, for the sources of this room alone.
#pragma once

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/bytes.hpp"

namespace dayaq::crypto {

template <auto Free>
struct HandleDeleter {
  template <class T>
  void operator()(T* handle) const noexcept {
    Free(handle);
  }
};
using PkeyHandle = std::unique_ptr<EVP_PKEY, HandleDeleter<EVP_PKEY_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, HandleDeleter<EVP_PKEY_CTX_free>>;
using MdContext = std::unique_ptr<EVP_MD_CTX, HandleDeleter<EVP_MD_CTX_free>>;
using BigNumber = std::unique_ptr<BIGNUM, HandleDeleter<BN_clear_free>>;

// Two names, since an array of bytes would do for either.
inline const unsigned char* raw_bytes(BytesView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
inline unsigned char* raw_out(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

/// Contexts of one key, ready to use. Setting one up fetches the algorithm, which costs several microseconds;
/// a context serves one thread at a time, so each is lent out and given back.
template <class Context>
class ContextPool {
 public:
  template <class Make, class Use>
  auto with(Make make, Use use) {
    Context context = take();
    if (!context) context = make();
    auto result = use(context.get());
    const std::lock_guard lock(mutex_);
    if (spare_.size() < spare_max) spare_.push_back(std::move(context));
    return result;
  }

 private:
  static constexpr std::size_t spare_max = 64;
  Context take() {
    const std::lock_guard lock(mutex_);
    if (spare_.empty()) return {};
    Context context = std::move(spare_.back());
    spare_.pop_back();
    return context;
  }
  std::mutex mutex_;
  std::vector<Context> spare_;
};

}  // namespace dayaq::crypto
