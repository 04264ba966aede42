#include "feed_key.hpp"

#include "base/file.hpp"
#include "base/log.hpp"
#include "feed/succession.hpp"

namespace dayaq::node {
namespace {

constexpr auto owner_only = std::filesystem::perms(0600);
constexpr std::size_t pem_bytes_max = 1 << 14;
constexpr std::size_t announcements_bytes_max = 1 << 16;

std::filesystem::path in_keys(const std::filesystem::path& data, const char* name) {
  return data / "keys" / name;
}

Result<crypto::SigningKey> read_key(const std::filesystem::path& path) {
  DAYAQ_TRY(const std::string pem, read_file(path, pem_bytes_max));
  return crypto::SigningKey::from_pem(pem);
}

/// The key that comes next, on disk before anybody announces it.
Result<crypto::SigningKey> next_key(const std::filesystem::path& path, Random& random) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    const crypto::SigningKey made = crypto::SigningKey::generate(random);
    DAYAQ_TRY_OK(write_file_atomically(path, as_bytes(made.to_pem()), owner_only));
  }
  return read_key(path);
}

Result<void> remove_file(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::remove(path, error);
  if (!error) return {};
  return fail(ErrorKind::unavailable, "file.write", "The file " + path.string() + " can't be removed.",
              error.message());
}

}  // namespace

Result<crypto::PublicKey> rotate_feed_key(const std::filesystem::path& data, Random& random, Instant now) {
  const auto current_path = in_keys(data, "feed.pem"), next_path = in_keys(data, "feed-next.pem"),
             said_path = in_keys(data, "feed.successors");
  std::error_code error;
  if (!std::filesystem::exists(current_path, error)) {
    return fail(ErrorKind::not_found, "node.feed_key",
                "There is no feed key in " + data.string() + ": name a node's data folder with --data.");
  }
  DAYAQ_TRY(const crypto::SigningKey current, read_key(current_path));
  DAYAQ_TRY(const crypto::SigningKey next, next_key(next_path, random));
  const crypto::PublicKey after = next.public_key();
  if (after != current.public_key()) {
    std::string said;
    if (std::filesystem::exists(said_path, error)) {
      DAYAQ_TRY(said, read_file(said_path, announcements_bytes_max));
    }
    DAYAQ_TRY(const auto all, feed::parse_successions(said));
    const bool announced = !all.empty() && all.back().from == current.public_key() && all.back().to == after;
    if (!announced) {
      said += feed::announce(current, after, now);
      DAYAQ_TRY_OK(write_file_atomically(said_path, as_bytes(said)));
    }
    DAYAQ_TRY_OK(write_file_atomically(current_path, as_bytes(next.to_pem()), owner_only));
  }
  DAYAQ_TRY_OK(remove_file(next_path));
  return after;
}

std::string feed_key_announcements(const std::filesystem::path& data) {
  const auto path = in_keys(data, "feed.successors");
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return {};
  auto text = read_file(path, announcements_bytes_max);
  if (text) return std::move(*text);
  log::error("node.feed_successors", "how the feed's key was changed can't be read: edges can't learn of it",
             text.error());
  return {};
}

}  // namespace dayaq::node
