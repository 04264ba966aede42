#include <fmt/format.h>

#include <algorithm>

#include "base/file.hpp"
#include "edge/web/configuration.hpp"
#include "feed/edge_client.hpp"

namespace dayaq::edge::web {
namespace {

constexpr std::size_t key_bytes_max = 64 << 10;

std::unexpected<Error> bad_key(const std::filesystem::path& path, std::string_view holds) {
  return fail(ErrorKind::invalid_input, "edge.key",
              fmt::format("The file {} must hold {}.", path.string(), holds));
}

/// The lines that aren't empty and no comment.
Result<std::vector<std::string>> lines_of(const std::filesystem::path& path) {
  DAYAQ_TRY(const std::string text, read_file(path, key_bytes_max));
  std::vector<std::string> lines;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.remove_suffix(1);
    while (line.starts_with(' ')) line.remove_prefix(1);
    if (!line.empty() && !line.starts_with('#')) lines.emplace_back(line);
  }
  return lines;
}

/// Hexadecimal, or base64 as the centre's API writes keys.
std::optional<Bytes> key_bytes(std::string_view text, std::size_t size) {
  if (text.size() == 2 * size) {
    if (auto bytes = from_hex(text)) return std::move(*bytes);
  }
  if (auto bytes = from_base64(text); bytes && bytes->size() == size) return std::move(*bytes);
  return std::nullopt;
}

Result<std::vector<std::string>> tokens_of(const std::filesystem::path& path) {
  DAYAQ_TRY(auto lines, lines_of(path));
  if (lines.empty()) return bad_key(path, "a token, one a line");
  for (const std::string& line : lines) {
    if (line.size() < 16) return bad_key(path, "tokens of at least 16 characters, one a line");
  }
  return lines;
}

Result<void> load_tv_keys(Configuration& configuration) {
  tv::Options& tv = *configuration.tv;
  if (!configuration.tv_token_key_file.empty()) {
    DAYAQ_TRY(const auto lines, lines_of(configuration.tv_token_key_file));
    auto bytes = lines.size() == 1 ? from_hex(lines.front()) : Result<Bytes>();
    if (!bytes || bytes->size() < 16) {
      return bad_key(configuration.tv_token_key_file, "one key of at least 32 hexadecimal digits");
    }
    tv.token_key = std::move(*bytes);
  }
  if (!configuration.tv_secure_link_file.empty()) {
    DAYAQ_TRY(const auto lines, lines_of(configuration.tv_secure_link_file));
    if (lines.size() != 1)
      return bad_key(configuration.tv_secure_link_file, "one secret, the same as in nginx");
    tv.secure_link_secret = lines.front();
  }
  return {};
}

}  // namespace

Result<Keys> load_keys(Configuration& configuration) {
  Keys keys;
  DAYAQ_TRY(const auto feed, lines_of(configuration.feed_key_file));
  const auto feed_bytes = feed.size() == 1 ? key_bytes(feed.front(), 16) : std::nullopt;
  if (!feed_bytes) {
    return bad_key(configuration.feed_key_file, "the operator's feed key: 32 hexadecimal digits");
  }
  keys.feed_key = sip_key(std::span<const std::byte, 16>(*feed_bytes));
  DAYAQ_TRY(const auto centre, lines_of(configuration.centre.key_file));
  for (const std::string& line : centre) {
    const auto bytes = key_bytes(line, 32);
    if (!bytes) {
      return bad_key(configuration.centre.key_file, "the centre's public keys: 64 hexadecimal digits a line");
    }
    std::ranges::copy(*bytes, keys.centre_keys.emplace_back().begin());
  }
  if (keys.centre_keys.empty()) return bad_key(configuration.centre.key_file, "the centre's public key");
  if (configuration.centre.client_file.empty()) {
    DAYAQ_TRY(const auto tokens, tokens_of(configuration.centre.token_file));
    keys.centre_token = tokens.front();
  } else {
    DAYAQ_TRY(const auto client, feed::EdgeClient::read(configuration.centre.client_file));
  }
  DAYAQ_TRY(const std::string pem, read_file(configuration.signing_key_file, key_bytes_max));
  auto signing = crypto::SigningKey::from_pem(pem);
  if (!signing) return bad_key(configuration.signing_key_file, "this edge's Ed25519 key as PEM (PKCS#8)");
  keys.signing = std::move(*signing);
  DAYAQ_TRY(keys.http_tokens, tokens_of(configuration.http.token_file));
  for (const SiblingOptions& sibling : configuration.siblings) {
    DAYAQ_TRY(auto theirs, tokens_of(sibling.token_file));
    keys.sibling_tokens.push_back(std::move(theirs.front()));
  }
  configuration.credit_control.feed_key = keys.feed_key;
  if (configuration.radius) configuration.radius->feed_key = keys.feed_key;
  if (configuration.tv) {
    configuration.tv->feed_key = keys.feed_key;
    DAYAQ_TRY_OK(load_tv_keys(configuration));
  }
  return keys;
}

}  // namespace dayaq::edge::web
