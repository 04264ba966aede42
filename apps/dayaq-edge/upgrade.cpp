#include "upgrade.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace dayaq::edge {
namespace {

constexpr int inherited_descriptor = 3;

std::unexpected<Error> failed(int number) {
  return fail(ErrorKind::unavailable, "edge.upgrade", "The next process can't be started. This one goes on.",
              std::strerror(number));
}

/// The program's file as it is on disk now: the one that is running may have been replaced, and then the
/// kernel says "(deleted)" after its name.
std::string own_file(const char* argv0) {
  std::error_code error;
  std::string name = std::filesystem::read_symlink("/proc/self/exe", error).string();
  if (error) return argv0;
  constexpr std::string_view deleted = " (deleted)";
  if (name.ends_with(deleted)) name.resize(name.size() - deleted.size());
  return name;
}

}  // namespace

Result<Successor> Successor::start(char** argv, const std::filesystem::path& config,
                                   const std::string& log_level) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return failed(errno);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, pair[1], inherited_descriptor);
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  const std::string file = own_file(argv[0]);
  std::array<std::string, 7> words{file,
                                   "--config",
                                   config.string(),
                                   "--log-level",
                                   log_level,
                                   "--inherit",
                                   std::to_string(inherited_descriptor)};
  std::array<char*, words.size() + 1> pointers{};
  for (std::size_t i = 0; i < words.size(); ++i) pointers[i] = words[i].data();
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, file.c_str(), &actions, &attributes, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  ::close(pair[1]);
  if (error != 0) {
    ::close(pair[0]);
    return failed(error);
  }
  Successor next(pid, pair[0]);
  // It says a byte once its file and keys are read: what it would stumble over, it has stumbled over.
  char ready = 0;
  if (::recv(next.socket_, &ready, 1, 0) != 1) {
    return fail(ErrorKind::unavailable, "edge.upgrade",
                "The next process can't be started. This one goes on.",
                "it ended before it was ready; its own message says why");
  }
  return next;
}

Successor::Successor(Successor&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), socket_(std::exchange(other.socket_, -1)) {}

Successor::~Successor() {
  if (socket_ >= 0) ::close(socket_);
}

Result<void> Successor::give(Inherited inherited) {
  return diameter::send_inheritance(socket_, std::move(inherited.sockets));
}

Result<Inherited> take_inheritance(int socket) {
  const char ready = 1;
  if (::send(socket, &ready, 1, MSG_NOSIGNAL) != 1) return failed(errno);
  DAYAQ_TRY(diameter::Inheritance sockets, diameter::receive_inheritance(socket));
  ::close(socket);
  return Inherited{.sockets = std::move(sockets), .any = true};
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

}  // namespace dayaq::edge
