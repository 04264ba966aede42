// A PostgreSQL of the drill's own.
#include <fmt/format.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "base/file.hpp"
#include "drill/drill.hpp"

namespace dayaq::cli::drill {
namespace {

using namespace std::chrono_literals;

const std::filesystem::path programs = "/usr/lib/postgresql/15/bin";

Error unavailable(std::string what, std::string detail = {}) {
  return Error{ErrorKind::unavailable, "drill.postgresql", std::move(what), std::move(detail), {}, 0, 0};
}

}  // namespace

Result<std::unique_ptr<Postgres>> Postgres::make() {
  std::error_code error;
  if (!std::filesystem::exists(programs / "postgres", error)) {
    return std::unexpected(unavailable(fmt::format(
        "This drill needs PostgreSQL 15, which isn't in {}. Install it: apt install postgresql-15.",
        programs.string())));
  }
  std::unique_ptr<Postgres> out(new Postgres());
  std::string name = (std::filesystem::temp_directory_path() / "dayaq-drill-pg-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    return std::unexpected(unavailable("No temporary folder can be made."));
  out->folder_ = name;
  remove_at_end(name);
  remove_at_end(name + ".log");
  if (::geteuid() == 0) {
    const passwd* const user = ::getpwnam("postgres");
    if (user == nullptr || ::chown(name.c_str(), user->pw_uid, user->pw_gid) != 0) {
      return std::unexpected(unavailable("PostgreSQL doesn't run as root, and there is no user `postgres`."));
    }
    out->as_user_ = {"/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"};
  }
  std::vector<std::string> make = out->as_user_;
  for (std::string word :
       {(programs / "initdb").string(), std::string("-D"), (out->folder_ / "data").string(),
        std::string("-U"), std::string("dayaq"), std::string("-A"), std::string("trust"), std::string("-E"),
        std::string("UTF8"), std::string("--no-locale"), std::string("-N")}) {
    make.push_back(std::move(word));
  }
  if (const auto made = run_program(make); !made) {
    return std::unexpected(unavailable("PostgreSQL can't make a cluster.", made.error().detail));
  }
  out->port_ = free_port();
  DAYAQ_TRY_OK(out->start());
  return out;
}

Result<void> Postgres::start() {
  std::vector<std::string> words = as_user_;
  const std::string folder = folder_.string();
  for (std::string word :
       {(programs / "postgres").string(), std::string("-D"), folder + "/data", std::string("-p"),
        std::to_string(port_), std::string("-h"), std::string("127.0.0.1"), std::string("-k"), folder,
        std::string("-c"), std::string("shared_buffers=256MB")}) {
    words.push_back(std::move(word));
  }
  // Its log is beside its folder: the folder belongs to its own user.
  DAYAQ_TRY(pid_, start_program(words, folder_.string() + ".log"));
  const std::vector<std::string> ask{
      (programs / "pg_isready").string(), "-q", "-h", "127.0.0.1", "-p", std::to_string(port_)};
  for (int i = 0; i < 1'200; ++i) {
    if (run_program(ask)) return {};
    if (has_ended(pid_)) {
      pid_ = -1;
      break;
    }
    std::this_thread::sleep_for(50ms);
  }
  const auto log = read_file(folder_.string() + ".log", 1 << 24);
  return std::unexpected(
      unavailable("PostgreSQL doesn't start.",
                  log ? log->substr(log->size() - std::min<std::size_t>(log->size(), 500)) : ""));
}

void Postgres::kill() {
  if (pid_ <= 0) return;
  signal_family(pid_, SIGSTOP);  // so that none of them is missed
  signal_family(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  forget_program(pid_);
  pid_ = -1;
}
void Postgres::freeze() {
  signal_family(pid_, SIGSTOP);
}
void Postgres::thaw() {
  signal_family(pid_, SIGCONT);
}

std::string Postgres::url() const {
  return fmt::format("postgresql://dayaq@127.0.0.1:{}/postgres", port_);
}

Postgres::~Postgres() {
  kill();
  if (folder_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
  std::filesystem::remove(folder_.string() + ".log", ignored);
}

}  // namespace dayaq::cli::drill
