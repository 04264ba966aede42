#include "support/postgres.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>
#include <vector>

extern char** environ;  // NOLINT: POSIX names it so

namespace dayaq::test {

namespace {

constexpr const char* programs = "/usr/lib/postgresql/15/bin/";

using Words = std::vector<std::string>;

/// PostgreSQL refuses to run as root: then each of its programs runs as the user `postgres`.
Words as_postgres(Words words) {
  if (geteuid() != 0) return words;
  Words all{"/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=INT"};
  all.insert(all.end(), std::make_move_iterator(words.begin()), std::make_move_iterator(words.end()));
  return all;
}

pid_t spawn(const Words& words, const std::filesystem::path& log) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  pid_t pid = 0;
  const int failed = posix_spawn(&pid, arguments[0], &files, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) throw std::runtime_error("can't start " + words[0]);
  return pid;
}

std::string content(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

void run_to_end(const Words& words, const std::filesystem::path& log) {
  const pid_t pid = spawn(words, log);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw std::runtime_error(words.back() + ":\n" + content(log));
}

int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no free port");
  }
  close(fd);
  return ntohs(address.sin_port);
}

/// Its processes are its children: PostgreSQL gives each a session of its own, so that a process group won't
/// do.
std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string stat = content(entry.path() / "stat");
    const auto after_name = stat.rfind(") ");
    if (after_name == std::string::npos) continue;
    if (std::strtol(stat.c_str() + after_name + 4, nullptr, 10) == parent)
      children.push_back(std::stoi(name));
  }
  return children;
}

}  // namespace

PostgresServer::PostgresServer() : port_(free_port()) {
  if (geteuid() == 0) {
    const passwd* user = getpwnam("postgres");
    if (user == nullptr)
      throw std::runtime_error("there is no user postgres: install the package postgresql-15");
    if (chown(folder_.path().c_str(), user->pw_uid, user->pw_gid) != 0) throw std::runtime_error("chown");
  }
  run_to_end(
      as_postgres({std::string(programs) + "initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8",
                   "--locale=C", "--no-sync", "--no-instructions", "-D", folder_ / "data"}),
      folder_ / "initdb.log");
  start();
}

PostgresServer::~PostgresServer() {
  try {
    // Nobody reads the cluster again: a clean stop would first write hundreds of databases to the disk.
    if (pid_ != 0) kill();
  } catch (const std::exception&) {
    // The folder goes anyway.
  }
}

PostgresServer& PostgresServer::shared() {
  static PostgresServer server;
  return server;
}

void PostgresServer::start() {
  Words words{std::string(programs) + "postgres", "-D", folder_ / "data", "-p", std::to_string(port_)};
  // Durable as in production; syncfs, since after a crash an fsync of each of thousands of files takes
  // seconds.
  for (const std::string& setting :
       {std::string("listen_addresses=127.0.0.1"), "unix_socket_directories=" + folder_.path().string(),
        std::string("fsync=on"), std::string("synchronous_commit=on"),
        std::string("recovery_init_sync_method=syncfs"), std::string("shared_buffers=128MB"),
        std::string("max_connections=120"), std::string("max_wal_size=1GB")}) {
    words.insert(words.end(), {"-c", setting});
  }
  pid_ = spawn(as_postgres(std::move(words)), folder_ / "server.log");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  for (;;) {
    try {
      run("SELECT 1");
      return;
    } catch (const std::runtime_error&) {
      if (waitpid(pid_, nullptr, WNOHANG) == pid_ || std::chrono::steady_clock::now() > deadline) {
        pid_ = 0;
        throw std::runtime_error("PostgreSQL doesn't start:\n" + content(folder_ / "server.log"));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
}

std::string PostgresServer::url() {
  const std::string name = "test_" + std::to_string(++databases_);
  run("CREATE DATABASE " + name);
  return "postgresql://postgres@127.0.0.1:" + std::to_string(port_) + "/" + name;
}

void PostgresServer::run(const std::string& sql, const std::string& database) const {
  const auto log = folder_ / "psql.log";
  std::filesystem::remove(log);
  run_to_end({std::string(programs) + "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p",
              std::to_string(port_), "-U", "postgres", "-d", database, "-c", sql},
             log);
}

void PostgresServer::forget_settings() const {
  std::filesystem::resize_file(folder_ / "data/postgresql.auto.conf", 0);
}

void PostgresServer::signal_all(int signal) const {
  const auto children = children_of(pid_);
  ::kill(pid_, signal);
  for (const pid_t child : children) ::kill(child, signal);
}

void PostgresServer::kill() {
  const auto children = children_of(pid_);
  signal_all(SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
  // The next start needs the shared memory that these still hold.
  for (const pid_t child : children) {
    while (::kill(child, 0) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void PostgresServer::stop() {
  ::kill(pid_, SIGINT);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void PostgresServer::freeze() {
  signal_all(SIGSTOP);
}
void PostgresServer::thaw() {
  signal_all(SIGCONT);
}

}  // namespace dayaq::test
