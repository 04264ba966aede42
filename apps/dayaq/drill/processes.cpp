// Programs of the drill's own: started, struck and ended by their process ids.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string_view>
#include <thread>

#include "drill/drill.hpp"

extern char** environ;

namespace dayaq::cli::drill {
namespace {

using namespace std::chrono_literals;

int guardian = -1;  ///< the end of the pipe that is spoken into; one drill a process

void tell_guardian(char what, const std::string& which) {
  if (guardian < 0) return;
  const std::string line = what + which + "\n";  // short enough to be written as one piece
  if (::write(guardian, line.data(), line.size()) < 0) guardian = -1;
}

/// Its standard output goes to `out` if that isn't negative, the rest to `log`.
Result<int> spawn(const std::vector<std::string>& words, int out, const std::filesystem::path& log) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (out >= 0) {
    posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
  } else {
    posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
  }
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, words.front().c_str(), &files, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) {
    return fail(ErrorKind::unavailable, "drill.program",
                fmt::format("{} can't be started. Is it installed beside dayaq?", words.front()));
  }
  tell_guardian('+', std::to_string(pid));
  return int(pid);
}

/// What the guardian knows when the drill has gone.
struct Left {
  std::set<int> programs;
  std::vector<std::string> folders;
};

void hear(Left& left, std::string_view line) {
  if (line.size() < 2) return;
  const std::string_view what = line.substr(1);
  if (line[0] == '/') {
    left.folders.emplace_back(what);
    return;
  }
  int pid = 0;
  if (std::from_chars(what.data(), what.data() + what.size(), pid).ec != std::errc() || pid <= 1) return;
  if (line[0] == '+') left.programs.insert(pid);
  if (line[0] == '-') left.programs.erase(pid);
}

/// The guardian's life: it listens until nobody can speak any more.
[[noreturn]] void guard(int ears) {
  ::setsid();  // Ctrl-C is meant for the drill
  const int nowhere = ::open("/dev/null", O_RDWR);
  for (int descriptor = 0; descriptor < 3; ++descriptor) ::dup2(nowhere, descriptor);
  Left left;
  std::string heard;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(ears, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR);) {
    heard.append(buffer, std::size_t(std::max<ssize_t>(n, 0)));
    for (auto end = heard.find('\n'); end != std::string::npos; end = heard.find('\n')) {
      hear(left, std::string_view(heard).substr(0, end));
      heard.erase(0, end + 1);
    }
  }
  for (const int pid : left.programs) signal_family(pid, SIGKILL);
  // Whoever was killed may still be writing its last file.
  for (int i = 0; i < 50; ++i) {
    bool gone = true;
    for (const std::string& folder : left.folders) {
      std::error_code ignored;
      std::filesystem::remove_all(folder, ignored);
      gone = gone && !std::filesystem::exists(folder, ignored);
    }
    if (gone) break;
    std::this_thread::sleep_for(100ms);
  }
  ::_exit(0);
}

}  // namespace

Result<void> start_guardian() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(ErrorKind::unavailable, "drill.program", "No pipe is left.");
  const pid_t pid = ::fork();
  if (pid < 0) return fail(ErrorKind::unavailable, "drill.program", "No process can be made.");
  if (pid == 0) {
    ::close(ends[1]);
    guard(ends[0]);
  }
  ::close(ends[0]);
  guardian = ends[1];
  return {};
}

void forget_program(int pid) {
  tell_guardian('-', std::to_string(pid));
}

void remove_at_end(const std::filesystem::path& folder) {
  tell_guardian('/', folder.string());
}

std::string beside(const char* name) {
  std::error_code error;
  return (std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / name).string();
}

Result<int> start_program(const std::vector<std::string>& words, const std::filesystem::path& log) {
  return spawn(words, -1, log);
}

Result<std::string> run_program(const std::vector<std::string>& words) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(ErrorKind::unavailable, "drill.program", "No pipe is left.");
  const auto pid = spawn(words, ends[1], "/dev/null");
  ::close(ends[1]);
  std::string out;
  char buffer[1 << 14];
  for (ssize_t n = 0; pid && (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    out.append(buffer, std::size_t(n));
  }
  ::close(ends[0]);
  if (!pid) return std::unexpected(pid.error());
  int status = 0;
  ::waitpid(*pid, &status, 0);
  forget_program(*pid);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return fail(ErrorKind::unavailable, "drill.program",
                fmt::format("`{} {}` failed. Run it by hand to see why.", words[0],
                            words.size() > 1 ? words[1] : ""));
  }
  return out;
}

bool has_ended(int pid) {
  if (::waitpid(pid, nullptr, WNOHANG) != pid) return false;
  forget_program(pid);
  return true;
}

void kill_program(int& pid) {
  if (pid <= 0) return;
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  forget_program(pid);
  pid = -1;
}

void end_program(int& pid) {
  if (pid <= 0) return;
  ::kill(pid, SIGTERM);
  for (int i = 0; i < 6'000; ++i) {
    if (has_ended(pid)) {
      pid = -1;
      return;
    }
    std::this_thread::sleep_for(10ms);
  }
  kill_program(pid);
}

void signal_family(int pid, int signal) {
  if (pid <= 0) return;
  // The parent first: frozen or gone, it starts no further ones.
  std::ifstream in(fmt::format("/proc/{0}/task/{0}/children", pid));
  const std::vector<int> children{std::istream_iterator<int>(in), {}};
  ::kill(pid, signal);
  for (const int child : children) signal_family(child, signal);
}

int free_port() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  int port = 0;
  if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
      ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    port = ntohs(address.sin_port);
  }
  ::close(descriptor);
  return port;
}

}  // namespace dayaq::cli::drill
