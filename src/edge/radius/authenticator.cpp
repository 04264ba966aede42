#include "edge/radius/authenticator.hpp"

#include <algorithm>

#include "crypto/sign.hpp"

namespace dayaq::edge::radius {
namespace {

constexpr Authenticator zeros{};

crypto::SecretBytes copy_of(std::string_view secret) {
  crypto::SecretBytes bytes(secret.size());
  std::ranges::copy(as_bytes(secret), bytes.writable().begin());
  return bytes;
}

/// Where the value of the first Message-Authenticator stands, or 0.
std::size_t message_authenticator_at(BytesView packet) {
  BytesView rest = packet.subspan(header_bytes);
  Attribute attribute;
  while (take_attribute(rest, attribute)) {
    if (attribute.type == type::message_authenticator && attribute.value.size() == 16)
      return std::size_t(attribute.value.data() - packet.data());
  }
  return 0;
}

crypto::Md5 message_authenticator(BytesView packet, std::size_t at,
                                  std::span<const std::byte, 16> authenticator, const Secret& secret) {
  return secret.hmac().of({packet.first(4), authenticator, packet.subspan(header_bytes, at - header_bytes),
                           zeros, packet.subspan(at + 16)});
}

crypto::Md5 header_authenticator(BytesView packet, std::span<const std::byte, 16> authenticator,
                                 const Secret& secret) {
  return crypto::md5({packet.first(4), authenticator, packet.subspan(header_bytes), secret.bytes()});
}

void fill_message_authenticator(std::span<std::byte> packet, std::span<const std::byte, 16> authenticator,
                                const Secret& secret) {
  const std::size_t at = message_authenticator_at(packet);
  if (at == 0) return;
  std::ranges::copy(message_authenticator(packet, at, authenticator, secret),
                    packet.begin() + std::ptrdiff_t(at));
}

}  // namespace

Secret::Secret(std::string_view secret) : bytes_(copy_of(secret)), hmac_(as_bytes(secret)) {}

Proof check_message_authenticator(const Packet& packet, std::span<const std::byte, 16> authenticator,
                                  const Secret& secret) {
  const auto stated = packet.find(type::message_authenticator);
  if (!stated) return Proof::absent;
  if (stated->size() != 16) return Proof::wrong;
  const std::size_t at = std::size_t(stated->data() - packet.bytes().data());
  const crypto::Md5 right = message_authenticator(packet.bytes(), at, authenticator, secret);
  return crypto::equal_constant_time(right, *stated) ? Proof::right : Proof::wrong;
}

bool check_request_authenticator(const Packet& packet, const Secret& secret) {
  return crypto::equal_constant_time(header_authenticator(packet.bytes(), zeros, secret),
                                     packet.authenticator());
}

bool check_reply_authenticator(const Packet& packet, std::span<const std::byte, 16> request,
                               const Secret& secret) {
  return crypto::equal_constant_time(header_authenticator(packet.bytes(), request, secret),
                                     packet.authenticator());
}

void sign_access_request(std::span<std::byte> packet, const Secret& secret) {
  Authenticator authenticator;
  std::ranges::copy(packet.subspan(4, 16), authenticator.begin());
  fill_message_authenticator(packet, authenticator, secret);
}

void sign_request(std::span<std::byte> packet, const Secret& secret) {
  fill_message_authenticator(packet, zeros, secret);
  std::ranges::copy(header_authenticator(packet, zeros, secret), packet.begin() + 4);
}

void sign_reply(std::span<std::byte> packet, std::span<const std::byte, 16> request, const Secret& secret) {
  fill_message_authenticator(packet, request, secret);
  std::ranges::copy(header_authenticator(packet, request, secret), packet.begin() + 4);
}

void hide(std::span<std::byte> plain, std::span<const std::byte, 16> authenticator, BytesView salt,
          const Secret& secret) {
  // 1. b1 = MD5(S + RA [+ salt]), c1 = p1 xor b1; then b(i) = MD5(S + c(i-1)).
  DAYAQ_ASSERT(plain.size() % 16 == 0);
  crypto::Md5 mask = crypto::md5({secret.bytes(), authenticator, salt});
  for (std::size_t at = 0; at < plain.size(); at += 16) {
    const auto piece = plain.subspan(at, 16);
    for (std::size_t i = 0; i < 16; ++i) piece[i] ^= mask[i];
    mask = crypto::md5({secret.bytes(), piece});
  }
}

void reveal(std::span<std::byte> hidden, std::span<const std::byte, 16> authenticator, BytesView salt,
            const Secret& secret) {
  DAYAQ_ASSERT(hidden.size() % 16 == 0);
  crypto::Md5 mask = crypto::md5({secret.bytes(), authenticator, salt});
  for (std::size_t at = 0; at < hidden.size(); at += 16) {
    const auto piece = hidden.subspan(at, 16);
    const crypto::Md5 next = crypto::md5({secret.bytes(), piece});
    for (std::size_t i = 0; i < 16; ++i) piece[i] ^= mask[i];
    mask = next;
  }
}

bool check_chap(BytesView chap_password, BytesView challenge, std::string_view password) {
  if (chap_password.size() != 17) return false;
  return crypto::equal_constant_time(crypto::md5({chap_password.first(1), as_bytes(password), challenge}),
                                     chap_password.subspan(1));
}

}  // namespace dayaq::edge::radius
