// The key that signs the feed to the operators' edges, and how it is changed.
//
//   keys/feed.pem         signs now
//   keys/feed-next.pem    while it is being changed: the key that comes next
//   keys/feed.successors  each change, signed by the key before it (feed/succession.hpp): what edges ask for
#pragma once

#include <filesystem>
#include <string>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "crypto/sign.hpp"

namespace dayaq::node {

/// Makes a new key, has the old one announce it, and puts it in the old one's place; the old one is gone
/// then. A node that runs signs by the old one until it is started again. What a kill interrupts the next
/// call finishes.
/// @return the new key's public half. not_found "node.feed_key" if there is none to change.
Result<crypto::PublicKey> rotate_feed_key(const std::filesystem::path& data, Random& random, Instant now);

/// The announcements, in order; empty if the key was never changed, or they can't be read (the log says so).
[[nodiscard]] std::string feed_key_announcements(const std::filesystem::path& data);

}  // namespace dayaq::node
