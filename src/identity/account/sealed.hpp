// Text that goes through somebody's browser and comes back: nobody else can read it, change it, use it in
// another browser, for another purpose, or after its time.
//
//   base64url( nonce 12 | AES-256-GCM( expires 8 | content ) | tag 16 )
//   authenticated with it: purpose, a zero byte, SHA-256 of the cookie that binds it to a browser
//
// It can come back more than once: what may be used once is a row.
#pragma once

#include <limits>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "crypto/key_store.hpp"

namespace dayaq::identity {

inline constexpr std::size_t sealed_size_max = 16'384;  ///< characters

struct Seal {
  std::string_view purpose;   ///< "sign-in"
  std::string_view bound_to;  ///< a secret of the browser's; "" opens nowhere
};

[[nodiscard]] std::string seal(const crypto::MasterKey& master, Random& random, const Seal& seal,
                               BytesView content, Instant expires);
struct Unsealed {
  Bytes content;
  Instant expires;
};
///   - invalid_input "signin.state"    not sealed here, for another purpose or browser, or damaged
///   - invalid_input "signin.expired"  its time is over
[[nodiscard]] Result<Unsealed> unseal(const crypto::MasterKey& master, const Seal& seal,
                                      std::string_view text, Instant now);

[[nodiscard]] std::unexpected<Error> bad_state(std::string detail);

/// A text within what is sealed: its size as a little-endian `Size`, then its bytes.
template <class Size>
void put_text(Bytes& out, std::string_view text) {
  put_le(out, static_cast<Size>(text.size()));
  const BytesView bytes = as_bytes(text);
  out.insert(out.end(), bytes.begin(), bytes.end());
}
/// False if it is longer than `size_max` or than what is left.
template <class Size>
[[nodiscard]] bool take_text(BytesView& in, std::string& out,
                             std::size_t size_max = std::numeric_limits<Size>::max()) {
  Size size = 0;
  if (!take_le(in, size) || size > size_max || size > in.size()) return false;
  out = as_text(in.first(size));
  in = in.subspan(size);
  return true;
}

}  // namespace dayaq::identity
