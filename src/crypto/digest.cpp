#include "crypto/digest.hpp"

#include "crypto/openssl_handles.ipp"

namespace dayaq::crypto {

struct Sha256Stream::State {
  MdContext context{EVP_MD_CTX_new()};
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {
  DAYAQ_ASSERT(EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1);
}
Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&&) noexcept = default;

void Sha256Stream::add(BytesView piece) {
  DAYAQ_ASSERT(EVP_DigestUpdate(state_->context.get(), piece.data(), piece.size()) == 1);
}

Sha256 Sha256Stream::finish() {
  Sha256 out{};
  unsigned size = 0;
  DAYAQ_ASSERT(EVP_DigestFinal_ex(state_->context.get(), raw_out(out), &size) == 1 && size == out.size());
  return out;
}

}  // namespace dayaq::crypto
