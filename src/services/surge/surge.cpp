#include "services/surge/surge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/file.hpp"

namespace dayaq::services::surge {
namespace {

constexpr std::size_t key_size = 32;

Result<crypto::SecretBytes> read_key(const std::filesystem::path& path, Random& random) {
  auto text = read_file(path, 1 << 10);
  if (!text && text.error().kind != ErrorKind::not_found) return std::unexpected(text.error());
  if (!text) {
    Bytes drawn(key_size);
    random.fill(drawn);
    text = to_hex(drawn);
    DAYAQ_TRY_OK(write_file_atomically(path, as_bytes(*text + "\n"), std::filesystem::perms(0600)));
    return crypto::SecretBytes::take(drawn);
  }
  auto bytes = from_hex(std::string_view(*text).substr(0, text->find_last_not_of(" \r\n") + 1));
  crypto::wipe(std::as_writable_bytes(std::span(*text)));
  if (!bytes || bytes->size() != key_size) {
    return fail(ErrorKind::invalid_input, "surge.key",
                fmt::format("{} must hold 64 hexadecimal digits. Put the right file back, or remove it: then "
                            "whoever waits begins anew.",
                            path.string()));
  }
  return crypto::SecretBytes::take(*bytes);
}

}  // namespace

Result<std::unique_ptr<Surge>> Surge::open(const std::filesystem::path& data, Random& random,
                                           const Clock& clock, bool secure, const Queues& queues) {
  DAYAQ_TRY(const crypto::SecretBytes key, read_key(data / "keys" / "surge.hex", random));
  std::optional<Saved> services, clients;
  if (const auto text = read_file(data / "surge.state", 1 << 16)) {
    const std::string_view all = *text;
    const std::size_t line = std::min(all.find('\n'), all.size());
    services = Saved::parse(all.substr(0, line));
    clients = Saved::parse(all.substr(std::min(line + 1, all.size())));
  }
  return std::unique_ptr<Surge>(
      new Surge(data, key, clock, secure, queues, services.value_or(Saved{}), clients.value_or(Saved{})));
}

Result<void> Surge::save() {
  std::string text = admission_.save().to_text() + clients_.save().to_text();
  if (text == written_) return {};
  DAYAQ_TRY_OK(write_file_atomically(data_ / "surge.state", as_bytes(text)));
  written_ = std::move(text);
  return {};
}

}  // namespace dayaq::services::surge
