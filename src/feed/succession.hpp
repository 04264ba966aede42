// How the centre changes the key that signs its feed: the old key says which one comes after it.
//
//   dayaq-feed-key 1 <old, 64 hex digits> <new, 64 hex digits> <since, RFC 3339> <signature, 128 hex digits>
//
// One line a change, in their order. The signature is Ed25519 (RFC 8032) by the old key over the line up to
// the space before it. Whoever trusts the old key may trust the new one; nobody else can announce one.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "crypto/sign.hpp"

namespace dayaq::feed {

inline constexpr std::size_t successions_max = 64;

struct Succession {
  crypto::PublicKey from{}, to{};
  Instant since;
  friend bool operator==(const Succession&, const Succession&) = default;
};

/// The line with its newline.
[[nodiscard]] std::string announce(const crypto::SigningKey& from, const crypto::PublicKey& to,
                                   Instant since);
/// All lines, each signed by its own `from`. invalid_input "succession.line", "succession.limit"; forbidden
/// "succession.signature".
[[nodiscard]] Result<std::vector<Succession>> parse_successions(std::string_view text);
/// The key that comes last when one starts from `trusted`; itself if nothing comes after it.
[[nodiscard]] crypto::PublicKey last_successor(const crypto::PublicKey& trusted,
                                               std::span<const Succession> all);

}  // namespace dayaq::feed
