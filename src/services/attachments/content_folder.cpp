#include "services/attachments/content_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/file.hpp"

namespace dayaq::services::attachments {
namespace {

constexpr std::size_t name_size = 64;
constexpr std::size_t file_max = 64 << 20;

std::unexpected<Error> disk(std::string_view step) {
  const int why = errno;
  return fail(ErrorKind::unavailable, "attachment.disk",
              "Files can't be kept just now. Please try again later.",
              fmt::format("{}: {}", step, std::strerror(why)));
}

Result<void> flush_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return disk("open a folder");
  const int flushed = ::fsync(descriptor);
  const int why = errno;
  ::close(descriptor);
  errno = why;
  if (flushed != 0) return disk("fsync a folder");
  return {};
}

/// There after a crash too.
Result<void> make_folder(const std::filesystem::path& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0) {
    if (errno == EEXIST) return {};
    return disk("mkdir");
  }
  return flush_folder(folder.parent_path());
}

bool is_name(std::string_view name) {
  return name.size() == name_size && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

NewFile::~NewFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!path_.empty()) ::unlink(path_.c_str());
}

Result<void> NewFile::add(BytesView piece) {
  hash_.add(piece);
  while (!piece.empty()) {
    const ssize_t put = ::write(descriptor_, piece.data(), piece.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return disk("write");
    piece = piece.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

Result<ContentFolder> ContentFolder::open(std::filesystem::path folder) {
  ContentFolder out(std::filesystem::absolute(std::move(folder)).lexically_normal());
  DAYAQ_TRY_OK(make_folder(out.folder_));
  DAYAQ_TRY_OK(make_folder(out.folder_ / "new"));
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(out.folder_ / "new", ignored)) {
    ::unlink(entry.path().c_str());
  }
  return out;
}

std::filesystem::path ContentFolder::new_path(Random& random) const {
  std::array<std::byte, 16> name{};
  random.fill(name);
  return folder_ / "new" / dayaq::to_hex(name);
}

Result<std::unique_ptr<NewFile>> ContentFolder::adopt(
    BytesView content,
    const std::function<Result<bool>(BytesView content, const std::filesystem::path& target)>& how,
    Random& random) const {
  std::filesystem::path path = new_path(random);
  const auto done = how(content, path);
  if (!done || !*done) return std::unique_ptr<NewFile>();
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  std::unique_ptr<NewFile> file(new NewFile(descriptor, std::move(path)));
  if (descriptor < 0) return disk("open");
  file->hash_.add(content);
  return file;
}

Result<std::unique_ptr<NewFile>> ContentFolder::begin(Random& random) const {
  std::filesystem::path path = new_path(random);
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return disk("open");
  return std::unique_ptr<NewFile>(new NewFile(descriptor, std::move(path)));
}

Result<std::string> ContentFolder::keep(std::unique_ptr<NewFile> file) const {
  std::string name = dayaq::to_hex(file->hash_.finish());
  const std::filesystem::path target = path_of(name);
  struct stat there{};
  if (::stat(target.c_str(), &there) == 0) {
    if (::utimensat(AT_FDCWD, target.c_str(), nullptr, 0) != 0) return disk("utimensat");
    return name;
  }
  if (::fsync(file->descriptor_) != 0) return disk("fsync");
  DAYAQ_TRY_OK(make_folder(target.parent_path()));
  if (::rename(file->path_.c_str(), target.c_str()) != 0) return disk("rename");
  file->path_.clear();
  DAYAQ_TRY_OK(flush_folder(target.parent_path()));
  return name;
}

std::filesystem::path ContentFolder::path_of(std::string_view name) const {
  DAYAQ_ASSERT(is_name(name));
  return folder_ / std::string(name.substr(0, 2)) / std::string(name);
}

Result<Bytes> ContentFolder::read(std::string_view name) const {
  auto content = read_file(path_of(name), file_max);
  if (!content) {
    const bool gone = content.error().kind == ErrorKind::not_found;
    return fail(gone ? ErrorKind::not_found : ErrorKind::unavailable,
                gone ? "attachment.unknown" : "attachment.disk", "This file can't be read.",
                content.error().detail);
  }
  const BytesView bytes = as_bytes(*content);
  if (dayaq::to_hex(crypto::sha256(bytes)) != name) {
    return fail(ErrorKind::internal, "attachment.damaged", "This file isn't what it was any more.",
                std::string(name));
  }
  return Bytes(bytes.begin(), bytes.end());
}

Result<void> ContentFolder::remove(std::string_view name) const {
  if (::unlink(path_of(name).c_str()) != 0 && errno != ENOENT) return disk("unlink");
  return {};
}

std::vector<std::string> ContentFolder::older_than(std::uint8_t shard, Instant before) const {
  std::vector<std::string> out;
  std::error_code ignored;
  const auto folder = folder_ / fmt::format("{:02x}", shard);
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    struct stat file{};
    const std::string name = entry.path().filename().string();
    if (!is_name(name) || ::stat(entry.path().c_str(), &file) != 0) continue;
    if (Instant(std::chrono::seconds(file.st_mtim.tv_sec)) < before) out.push_back(name);
  }
  return out;
}

}  // namespace dayaq::services::attachments
