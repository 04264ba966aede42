// The drill's world: a data folder and a dayaqd of its own, ended and removed by their own names.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <thread>

#include "base/file.hpp"
#include "drill.hpp"
#include "http/client.hpp"

extern char** environ;

namespace dayaq::cli::drill {
namespace {

using namespace std::chrono_literals;

http::ClientOptions impatient(std::chrono::milliseconds to_connect, std::chrono::milliseconds to_answer) {
  http::ClientOptions out;
  out.connect_timeout = to_connect;
  out.answer_timeout = to_answer;
  return out;
}

std::filesystem::path beside(const char* name) {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / name;
}

/// Starts a program; its standard output goes to `out` if that isn't negative, the rest to `log`.
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
  return int(pid);
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

}  // namespace

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
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return fail(ErrorKind::unavailable, "drill.program",
                fmt::format("`{} {}` failed. Run it by hand to see why.", words[0],
                            words.size() > 1 ? words[1] : ""));
  }
  return out;
}

Result<std::unique_ptr<World>> World::make(const WorldOptions& options,
                                           const std::function<void(std::string_view)>& says) {
  std::unique_ptr<World> world(new World(options));
  std::string name = (std::filesystem::temp_directory_path() / "dayaq-drill-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    return fail(ErrorKind::unavailable, "drill.folder", "No temporary folder can be made. Is the disk full?");
  }
  world->folder_ = name;
  world->data_ = world->folder_ / "data";
  const std::string dayaq = beside("dayaq").string(), data = world->data_.string();
  const std::string country = options.country.string();
  if (!options.copy_of.empty()) {
    says("copying the data folder");
    if (std::filesystem::exists(options.copy_of / "dayaqd.pid")) {
      return fail(ErrorKind::conflict, "drill.running",
                  "A dayaqd serves that folder. Stop it, or give a copy that was made while it stood still.");
    }
    std::error_code error;
    std::filesystem::copy(options.copy_of, world->data_, std::filesystem::copy_options::recursive, error);
    if (error) {
      return fail(ErrorKind::unavailable, "drill.folder", "The data folder can't be copied.",
                  error.message());
    }
  } else {
    says("making a population");
    DAYAQ_TRY_OK(run_program({dayaq, "init", "--data", data, "--country", country, "--persons",
                              std::to_string(options.persons), "--demo"}));
  }
  says("reading who there is");
  DAYAQ_TRY(const std::string rows,
            run_program({dayaq, "export", "persons", "--data", data, "--country", country}));
  std::istringstream lines(rows);
  std::string line, head;
  std::getline(lines, head);
  const auto column = std::count(
      head.begin(), head.begin() + std::ptrdiff_t(std::min(head.size(), head.find("national_id"))), ',');
  while (std::getline(lines, line)) {
    std::size_t from = 0;
    for (auto i = column; i > 0 && from != std::string::npos; --i) from = line.find(',', from) + 1;
    world->persons_.push_back(line.substr(from, line.find_first_of(",\r", from) - from));
  }
  if (world->persons_.empty()) {
    return fail(ErrorKind::invalid_input, "drill.persons",
                "Nobody is in that registry: a drill needs people.");
  }
  world->port_ = free_port();
  DAYAQ_TRY_OK(world->start());
  return world;
}

World::~World() {
  kill();
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

std::string World::url() const {
  return fmt::format("http://127.0.0.1:{}", port_);
}

bool World::ready() const {
  auto client = http::Client::create(url(), impatient(200ms, 1s));
  if (!client) return false;
  const auto answer = client->get("/health/ready");
  return answer && answer->status == 200;
}

Result<void> World::start() {
  DAYAQ_TRY(pid_, spawn({beside("dayaqd").string(), "--data", data_.string(), "--country",
                         options_.country.string(), "--web", options_.web.string(), "--port",
                         std::to_string(port_), "--log-level", "warning"},
                        -1, folder_ / "dayaqd.log"));
  for (int i = 0; i < 6'000; ++i) {
    if (ready()) return {};
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      break;
    }
    std::this_thread::sleep_for(10ms);
  }
  const auto log = read_file(folder_ / "dayaqd.log", 1 << 24);
  return fail(ErrorKind::unavailable, "drill.start", "dayaqd doesn't become ready.",
              log ? log->substr(log->size() - std::min<std::size_t>(log->size(), 500)) : "");
}

void World::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void World::freeze() {
  if (pid_ > 0) ::kill(pid_, SIGSTOP);
}
void World::thaw() {
  if (pid_ > 0) ::kill(pid_, SIGCONT);
}

Result<void> World::stop() {
  if (pid_ <= 0) return {};
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
  return {};
}

Result<std::string> World::key(const std::string& name) const {
  DAYAQ_TRY(std::string text, read_file(data_ / "keys" / (name + ".key"), 1 << 12));
  text.erase(text.find_last_not_of(" \r\n") + 1);
  return text;
}

}  // namespace dayaq::cli::drill
