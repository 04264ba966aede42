// What proves a packet: the authenticator of its header, the Message-Authenticator (RFC 2869 section 5.14,
// required and first against CVE-2024-3596), and the hiding of passwords and keys with the shared secret.
#pragma once

#include <string_view>

#include "crypto/md5.hpp"
#include "crypto/secret.hpp"
#include "edge/radius/packet.hpp"

namespace dayaq::edge::radius {

/// A shared secret, prepared.
class Secret {
 public:
  explicit Secret(std::string_view secret);
  [[nodiscard]] BytesView bytes() const { return bytes_.view(); }
  [[nodiscard]] const crypto::HmacMd5Key& hmac() const { return hmac_; }

 private:
  crypto::SecretBytes bytes_;
  crypto::HmacMd5Key hmac_;
};

enum class Proof : std::uint8_t { right, wrong, absent };

/// The Message-Authenticator of a packet. `authenticator`: what stood in the header when it was made: the
/// packet's own in an Access-Request and Status-Server, the request's in a reply, zeros in accounting and
/// CoA-Requests.
[[nodiscard]] Proof check_message_authenticator(const Packet& packet,
                                                std::span<const std::byte, 16> authenticator,
                                                const Secret& secret);
/// The header's authenticator of an Accounting-Request or CoA-Request: MD5 with zeros in its place.
[[nodiscard]] bool check_request_authenticator(const Packet& packet, const Secret& secret);
/// The header's authenticator of a reply to a request with this authenticator.
[[nodiscard]] bool check_reply_authenticator(const Packet& packet, std::span<const std::byte, 16> request,
                                             const Secret& secret);

/// Fills the Message-Authenticator of an Access-Request whose header's authenticator is in place.
void sign_access_request(std::span<std::byte> packet, const Secret& secret);
/// Fills the Message-Authenticator, if there is one, and the authenticator of an Accounting- or CoA-Request.
void sign_request(std::span<std::byte> packet, const Secret& secret);
/// Fills the Message-Authenticator, if there is one, and the authenticator of a reply.
void sign_reply(std::span<std::byte> packet, std::span<const std::byte, 16> request, const Secret& secret);

/// Hides `plain`, a multiple of 16 bytes, in place: User-Password (RFC 2865 section 5.2) with an empty salt,
/// Tunnel-Password and MS-MPPE keys (RFC 2868 section 3.5, RFC 2548) with theirs.
void hide(std::span<std::byte> plain, std::span<const std::byte, 16> authenticator, BytesView salt,
          const Secret& secret);
/// The reverse.
void reveal(std::span<std::byte> hidden, std::span<const std::byte, 16> authenticator, BytesView salt,
            const Secret& secret);
/// Whether a CHAP-Password (17 bytes) answers the challenge with this password (RFC 2865 section 2.2).
[[nodiscard]] bool check_chap(BytesView chap_password, BytesView challenge, std::string_view password);

}  // namespace dayaq::edge::radius
