#include <algorithm>

#include "crypto/cbor.hpp"
#include "identity/webauthn.hpp"

namespace dayaq::identity::webauthn {
namespace {

constexpr unsigned flag_up = 0x01, flag_uv = 0x04, flag_be = 0x08, flag_bs = 0x10, flag_at = 0x40,
                   flag_ed = 0x80;

std::unexpected<Error> bad(std::string_view what) {
  return fail(ErrorKind::invalid_input, "webauthn.authenticator_data",
              "The authenticator's answer can't be read.", std::string(what));
}

Result<AttestedCredential> take_attested(BytesView& rest) {
  AttestedCredential attested;
  if (rest.size() < 18) return bad("attested credential data cut off");
  std::ranges::copy(rest.first(16), attested.aaguid.begin());
  const std::size_t length =
      std::to_integer<std::size_t>(rest[16]) << 8 | std::to_integer<std::size_t>(rest[17]);
  rest = rest.subspan(18);
  if (length == 0 || length > credential_id_size_max || length > rest.size()) return bad("the credential id");
  attested.credential_id = rest.first(length);
  rest = rest.subspan(length);
  const BytesView before = rest;
  DAYAQ_TRY_OK(crypto::cbor::take(rest));
  attested.public_key = before.first(before.size() - rest.size());
  return attested;
}

}  // namespace

Result<AuthenticatorData> parse_authenticator_data(BytesView bytes) {
  AuthenticatorData data;
  if (bytes.size() < 37) return bad("cut off");
  std::ranges::copy(bytes.first(32), data.rp_id_hash.begin());
  const auto flags = std::to_integer<unsigned>(bytes[32]);
  data.flags = {.user_present = (flags & flag_up) != 0,
                .user_verified = (flags & flag_uv) != 0,
                .backup_eligible = (flags & flag_be) != 0,
                .backed_up = (flags & flag_bs) != 0};
  for (const std::byte byte : bytes.subspan(33, 4))
    data.counter = data.counter << 8 | std::to_integer<unsigned>(byte);
  BytesView rest = bytes.subspan(37);
  if ((flags & flag_at) != 0) {
    DAYAQ_TRY(data.attested, take_attested(rest));
  }
  if ((flags & flag_ed) != 0) {
    data.extensions = rest;
    DAYAQ_TRY(const crypto::cbor::Value map, crypto::cbor::take(rest));
    if (map.kind != crypto::cbor::Kind::map) return bad("extensions");
    data.extensions = data.extensions.first(data.extensions.size() - rest.size());
  }
  if (!rest.empty()) return bad("more at the end");
  return data;
}

}  // namespace dayaq::identity::webauthn
