#include "identity/oidc/handles.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "crypto/hmac.hpp"
#include "crypto/sign.hpp"

namespace dayaq::identity::oidc {
namespace {

constexpr std::size_t mac_size = 32;
constexpr std::size_t body_size = 24;

Bytes mac_of(const HandleKeys& keys, HandleKind kind, BytesView body) {
  Bytes message{std::byte(kind)};
  message.insert(message.end(), body.begin(), body.end());
  return crypto::hmac(crypto::HmacHash::sha256, keys.mac.view(), message);
}

void mask(const HandleKeys& keys, BytesView mac, std::span<std::byte> body) {
  const Bytes pad = crypto::hmac(crypto::HmacHash::sha256, keys.mask.view(), mac);
  for (std::size_t i = 0; i < body.size(); ++i) body[i] ^= pad[i];
}

}  // namespace

std::string write_handle(const HandleKeys& keys, const Handle& handle) {
  Bytes body;
  body.reserve(body_size);
  put_le(body, handle.person.value());
  put_le(body, handle.grant.value());
  put_le(body, handle.number);
  Bytes out = mac_of(keys, handle.kind, body);
  mask(keys, out, body);
  out.insert(out.end(), body.begin(), body.end());
  return to_base64url(out);
}

std::optional<Handle> read_handle(const HandleKeys& keys, HandleKind kind, std::string_view text) {
  if (text.size() != handle_text_size) return std::nullopt;
  auto bytes = from_base64url(text);
  if (!bytes || bytes->size() != mac_size + body_size) return std::nullopt;
  const std::span<std::byte> all(*bytes);
  const auto body = all.subspan(mac_size);
  mask(keys, all.first(mac_size), body);
  if (!crypto::equal_constant_time(mac_of(keys, kind, body), all.first(mac_size))) return std::nullopt;
  BytesView left = body;
  std::uint64_t person = 0, grant = 0, number = 0;
  if (!take_le(left, person) || !take_le(left, grant) || !take_le(left, number)) return std::nullopt;
  return Handle{kind, PersonId(person), GrantId(grant), number};
}

}  // namespace dayaq::identity::oidc
