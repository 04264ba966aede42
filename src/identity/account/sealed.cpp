#include "identity/account/sealed.hpp"

#include "crypto/sign.hpp"

namespace dayaq::identity {
namespace {

Bytes context_of(const Seal& seal) {
  const BytesView purpose = as_bytes(seal.purpose);
  Bytes context(purpose.begin(), purpose.end());
  context.push_back(std::byte{0});
  const crypto::Sha256 hash = crypto::sha256(as_bytes(seal.bound_to));
  context.insert(context.end(), hash.begin(), hash.end());
  return context;
}

}  // namespace

std::unexpected<Error> bad_state(std::string detail) {
  return fail(ErrorKind::invalid_input, "signin.state", "This sign-in can't go on. Please start again.",
              std::move(detail));
}

std::string seal(const crypto::MasterKey& master, Random& random, const Seal& seal, BytesView content,
                 Instant expires) {
  Bytes plain;
  plain.reserve(8 + content.size());
  put_le(plain, to_micros(expires));
  plain.insert(plain.end(), content.begin(), content.end());
  return to_base64url(master.seal(plain, context_of(seal), random));
}

Result<Unsealed> unseal(const crypto::MasterKey& master, const Seal& seal, std::string_view text,
                        Instant now) {
  if (seal.bound_to.empty()) return bad_state("no cookie");
  if (text.size() > sealed_size_max) return bad_state("too long");
  const auto bytes = from_base64url(text);
  if (!bytes) return bad_state("not base64url");
  const auto plain = master.open(*bytes, context_of(seal));
  if (!plain) return bad_state("doesn't open");
  BytesView left = plain->view();
  std::int64_t expires = 0;
  if (!take_le(left, expires)) return bad_state("too short");
  if (now >= from_micros(expires)) {
    return fail(ErrorKind::invalid_input, "signin.expired", "This took too long. Please start again.");
  }
  return Unsealed{Bytes(left.begin(), left.end()), from_micros(expires)};
}

}  // namespace dayaq::identity
