// links: dayaq::identity_account dayaq::store dayaq::base
// What live sessions cost in resident memory: opens COUNT of them, durably, as sign-ins do, and sees how the
// process grew.
//
//   identity_sessions_tool FOLDER COUNT
//
// The database's own caches are filled and released before each look, so that what grows is the sessions.
// Prints one JSON object: bytes a session by the kernel's count, and by the table's own.
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/random.hpp"
#include "identity/account/sessions.hpp"
#include "store/database.hpp"

using namespace dayaq;
using namespace dayaq::identity;

namespace {

constexpr int rows_in_commit = 1000;

std::size_t resident() {
  ::malloc_trim(0);
  std::ifstream in("/proc/self/statm");
  std::size_t total = 0;
  std::size_t pages = 0;
  in >> total >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

template <class T>
void must(const Result<T>& result) {
  if (result) return;
  fmt::print(stderr, "identity_sessions_tool: {} {}\n", result.error().code, result.error().detail);
  std::exit(1);
}

class Filler {
 public:
  explicit Filler(const std::filesystem::path& folder) {
    store::Options options;
    options.url = "sqlite:" + (folder / "sessions.db").string();
    auto opened = store::Database::open(options);
    must(opened);
    db_ = std::move(*opened);
    must(db_->migrate(sign_in_migrations()));
    sessions_ = std::make_unique<Sessions>(*db_, SessionPolicy{});
    db_->add_hook(*sessions_);
  }
  void open(int count) {
    const Instant now = SystemClock().now();
    for (int done = 0; done < count; done += rows_in_commit) {
      std::vector<std::pair<Session, SessionToken>> batch;
      for (int i = 0; i < rows_in_commit; ++i) {
        Session session;
        session.id = SessionId(random_.next_id());
        session.person = PersonId(random_.next_id());
        session.authenticated = now;
        session.expires = now + std::chrono::hours(12);
        session.authenticator = AuthenticatorId(random_.next_id());
        session.methods = Methods(AuthenticatorKind::passkey);
        session.assurance = Assurance::substantial;
        const SessionToken token = draw_session_token(random_, session.person, session.id);
        batch.emplace_back(session, token);
      }
      must(db_->write([&](store::Session& s) -> Result<void> {
        for (const auto& [session, token] : batch) DAYAQ_TRY_OK(sessions_->open(s, session, token));
        return {};
      }));
    }
  }
  [[nodiscard]] const Sessions& sessions() const { return *sessions_; }

 private:
  SystemRandom random_;
  std::unique_ptr<store::Database> db_;
  std::unique_ptr<Sessions> sessions_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: identity_sessions_tool FOLDER COUNT\n");
    return 2;
  }
  (void)log::set_level("warning");
  const int count = std::stoi(argv[2]);
  Filler filler(argv[1]);
  filler.open(20 * rows_in_commit);  // the database's caches have their size now
  const std::size_t in_memory = filler.sessions().in_memory();
  const std::size_t before = resident();
  filler.open(count);
  const std::size_t grown = resident() - before;
  const std::size_t live = filler.sessions().in_memory() - in_memory;
  fmt::print(R"({{"sessions":{},"resident_bytes":{:.1f},"table_bytes":{:.1f}}})"
             "\n",
             live, double(grown) / double(live),
             double(filler.sessions().memory_bytes()) / double(filler.sessions().in_memory()));
}
