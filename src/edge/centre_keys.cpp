#include "edge/centre_keys.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/file.hpp"
#include "feed/succession.hpp"

namespace dayaq::edge {
namespace {

constexpr std::size_t file_bytes_max = 1 << 14;
constexpr std::array<std::string_view, 3> names{"configured", "disk", "news"};

std::unexpected<Error> unreadable(const std::filesystem::path& file) {
  return fail(
      ErrorKind::invalid_input, "centre_keys.file",
      "The file " + file.string() +
          " of the centre's keys can't be read. Take it away: the keys of the edge's file hold then.");
}

void write_line(std::string& out, std::string_view name, const CentreKeys::Keys& keys) {
  out += name;
  for (const crypto::PublicKey& key : keys) out += ' ' + to_hex(key);
  out += '\n';
}

/// "name HEX HEX\n" off the front.
bool take_line(std::string_view& text, std::string_view name, CentreKeys::Keys& out) {
  const std::size_t end = text.find('\n');
  if (end == text.npos) return false;
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  if (!line.starts_with(name)) return false;
  line.remove_prefix(name.size());
  while (!line.empty()) {
    if (line.size() < 65 || line[0] != ' ') return false;
    const auto bytes = from_hex(line.substr(1, 64));
    if (!bytes) return false;
    std::ranges::copy(*bytes, out.emplace_back().begin());
    line.remove_prefix(65);
  }
  return !out.empty();
}

}  // namespace

CentreKeys::CentreKeys(std::filesystem::path file, Keys configured)
    : file_(std::move(file)),
      configured_(std::move(configured)),
      of_disk_(configured_),
      of_news_(configured_) {}

Result<CentreKeys> CentreKeys::open(std::filesystem::path file, Keys configured) {
  CentreKeys out(std::move(file), std::move(configured));
  std::error_code error;
  if (!std::filesystem::exists(out.file_, error)) return out;
  DAYAQ_TRY(const std::string text, read_file(out.file_, file_bytes_max));
  std::string_view rest = text;
  Keys configured_then, disk, news;
  if (!take_line(rest, names[0], configured_then) || !take_line(rest, names[1], disk) ||
      !take_line(rest, names[2], news) || !rest.empty()) {
    return unreadable(out.file_);
  }
  if (configured_then != out.configured_) return out;
  out.of_disk_ = std::move(disk);
  out.of_news_ = std::move(news);
  return out;
}

Result<bool> CentreKeys::learn(std::string_view announcements) {
  DAYAQ_TRY(const auto all, feed::parse_successions(announcements));
  Keys disk = of_disk_, news;
  for (const crypto::PublicKey& key : of_news_) {
    const crypto::PublicKey last = feed::last_successor(key, all);
    if (last == key) continue;
    if (std::ranges::find(news, last) == news.end()) news.push_back(last);
    if (std::ranges::find(disk, last) == disk.end()) disk.push_back(last);
  }
  if (news.empty()) return false;
  DAYAQ_TRY_OK(keep(disk, news));
  return true;
}

Result<void> CentreKeys::settle() {
  return keep(of_news_, of_news_);
}

Result<void> CentreKeys::keep(const Keys& disk, const Keys& news) {
  std::string text;
  write_line(text, names[0], configured_);
  write_line(text, names[1], disk);
  write_line(text, names[2], news);
  const Keys copy_of_disk = disk, copy_of_news = news;  // may be our own
  DAYAQ_TRY_OK(write_file_atomically(file_, as_bytes(text), std::filesystem::perms(0600)));
  of_disk_ = copy_of_disk;
  of_news_ = copy_of_news;
  return {};
}

}  // namespace dayaq::edge
