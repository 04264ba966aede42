#include "base/hand_over.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

namespace dayaq {
namespace {

constexpr int inherited_descriptor = 3;
constexpr std::size_t descriptors_at_once = 200;  // the kernel takes 253 in a message
constexpr std::uint64_t block_max = 1u << 30;

std::unexpected<Error> not_started(std::string detail) {
  return fail(ErrorKind::unavailable, "upgrade.start", "The next process can't be started. This one goes on.",
              std::move(detail));
}

std::unexpected<Error> broken(std::string detail) {
  return fail(ErrorKind::unavailable, "upgrade.sockets", "The connections could not be handed over.",
              std::move(detail));
}

/// The program's file as it is on disk now: the one that is running may have been replaced, and then the
/// kernel says "(deleted)" after its name.
std::string own_file(const std::string& otherwise) {
  std::error_code error;
  std::string name = std::filesystem::read_symlink("/proc/self/exe", error).string();
  if (error) return otherwise;
  constexpr std::string_view deleted = " (deleted)";
  if (name.ends_with(deleted)) name.resize(name.size() - deleted.size());
  return name;
}

Result<void> send_all(int socket, BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return broken(std::strerror(errno));
    bytes = bytes.subspan(std::size_t(count));
  }
  return {};
}

Result<void> receive_all(int socket, std::span<std::byte> into) {
  while (!into.empty()) {
    const ssize_t count = ::recv(socket, into.data(), into.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return broken(count == 0 ? "the other process ended" : std::strerror(errno));
    into = into.subspan(std::size_t(count));
  }
  return {};
}

/// One byte with a few descriptors.
Result<void> send_some(int socket, std::span<const int> descriptors) {
  char byte = 'd';
  iovec data{&byte, 1};
  std::vector<char> control(CMSG_SPACE(descriptors.size_bytes()));
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(head), descriptors.data(), descriptors.size_bytes());
  while (true) {
    const ssize_t count = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    if (count == 1) return {};
    if (count < 0 && errno == EINTR) continue;
    return broken(std::strerror(errno));
  }
}

Result<void> receive_some(int socket, std::span<int> descriptors) {
  char byte = 0;
  iovec data{&byte, 1};
  std::vector<char> control(CMSG_SPACE(descriptors.size_bytes()));
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count != 1) return broken(count == 0 ? "the other process ended" : std::strerror(errno));
  const cmsghdr* const head = CMSG_FIRSTHDR(&message);
  if (head == nullptr || head->cmsg_type != SCM_RIGHTS ||
      head->cmsg_len != CMSG_LEN(descriptors.size_bytes())) {
    return broken("descriptors are missing");
  }
  std::memcpy(descriptors.data(), CMSG_DATA(head), descriptors.size_bytes());
  return {};
}

/// Starts `words` with `socket` as its descriptor 3 and no signal blocked; 0 or an errno.
int spawn(std::vector<std::string>& words, int socket, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, socket, inherited_descriptor);
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const int error =
      ::posix_spawn(&pid, words.front().c_str(), &actions, &attributes, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  return error;
}

}  // namespace

Result<Successor> Successor::start(std::vector<std::string> words) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return not_started(std::strerror(errno));
  words.front() = own_file(words.front());
  words.emplace_back("--inherit");
  words.push_back(std::to_string(inherited_descriptor));
  pid_t pid = -1;
  const int error = spawn(words, pair[1], pid);
  ::close(pair[1]);
  Successor next(pid, pair[0]);
  if (error != 0) return not_started(std::strerror(error));
  // It says a byte once its files and keys are read: what it would stumble over, it has stumbled over.
  char ready = 0;
  if (::recv(next.socket_, &ready, 1, 0) != 1) {
    return not_started("it ended before it was ready; its own message says why");
  }
  return next;
}

Successor::Successor(Successor&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), socket_(std::exchange(other.socket_, -1)) {}

Successor::~Successor() {
  if (socket_ >= 0) ::close(socket_);
}

Result<void> tell_predecessor_ready(int socket) {
  const char ready = 1;
  if (::send(socket, &ready, 1, MSG_NOSIGNAL) != 1) return not_started(std::strerror(errno));
  return {};
}

Result<void> send_block(int socket, BytesView bytes) {
  Bytes size;
  put_le(size, std::uint64_t(bytes.size()));
  DAYAQ_TRY_OK(send_all(socket, size));
  return send_all(socket, bytes);
}

Result<Bytes> receive_block(int socket) {
  std::array<std::byte, 8> size_bytes{};
  DAYAQ_TRY_OK(receive_all(socket, size_bytes));
  BytesView size_view(size_bytes);
  std::uint64_t size = 0;
  if (!take_le(size_view, size) || size > block_max) return broken("a block is too long");
  Bytes out(size);
  DAYAQ_TRY_OK(receive_all(socket, out));
  return out;
}

Result<void> send_descriptors(int socket, std::span<const int> descriptors) {
  while (!descriptors.empty()) {
    const auto now = descriptors.first(std::min(descriptors.size(), descriptors_at_once));
    DAYAQ_TRY_OK(send_some(socket, now));
    descriptors = descriptors.subspan(now.size());
  }
  return {};
}

Result<std::vector<int>> receive_descriptors(int socket, std::size_t count) {
  std::vector<int> out;
  while (out.size() < count) {
    std::vector<int> some(std::min(count - out.size(), descriptors_at_once), -1);
    if (auto received = receive_some(socket, some); !received) {
      close_descriptors(out);
      return std::unexpected(std::move(received).error());
    }
    out.insert(out.end(), some.begin(), some.end());
  }
  return out;
}

void close_descriptors(std::span<const int> descriptors) {
  for (const int descriptor : descriptors) {
    if (descriptor >= 0) ::close(descriptor);
  }
}

void tell_systemd(const std::string& message) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || std::strlen(path) < 2 || std::strlen(path) >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, std::strlen(path));
  if (path[0] == '@') address.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const auto size = socklen_t(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  ::sendto(fd, message.data(), message.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address), size);
  ::close(fd);
}

}  // namespace dayaq
