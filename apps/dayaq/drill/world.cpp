// The drill's world: a data folder and a dayaqd of its own, ended and removed by their own names.
#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <charconv>
#include <sstream>
#include <thread>

#include "base/file.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "drill/drill.hpp"
#include "folder.hpp"
#include "http/client.hpp"
#include "identity/account/sessions.hpp"
#include "node.hpp"
#include "store/database.hpp"

namespace dayaq::cli::drill {
namespace {

using namespace std::chrono_literals;

http::ClientOptions impatient(std::chrono::milliseconds to_connect, std::chrono::milliseconds to_answer) {
  http::ClientOptions out;
  out.connect_timeout = to_connect;
  out.answer_timeout = to_answer;
  return out;
}

}  // namespace

Result<std::unique_ptr<World>> World::make(const WorldOptions& options,
                                           const std::function<void(std::string_view)>& says) {
  std::unique_ptr<World> world(new World(options));
  std::string name = (std::filesystem::temp_directory_path() / "dayaq-drill-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    return fail(ErrorKind::unavailable, "drill.folder", "No temporary folder can be made. Is the disk full?");
  }
  world->folder_ = name;
  remove_at_end(name);
  world->data_ = world->folder_ / "data";
  world->port_ = free_port();
  world->gateway_port_ = free_port();
  DAYAQ_TRY_OK(world->make_data(says));
  DAYAQ_TRY_OK(world->configure());
  says("reading who there is");
  DAYAQ_TRY_OK(world->find_persons());
  DAYAQ_TRY_OK(world->sign_in());
  DAYAQ_TRY_OK(world->start());
  return world;
}

Result<void> World::make_data(const std::function<void(std::string_view)>& says) {
  if (!options_.copy_of.empty()) {
    says("copying the data folder");
    if (std::filesystem::exists(options_.copy_of / "dayaqd.url")) {
      return fail(ErrorKind::conflict, "drill.running",
                  "A dayaqd serves that folder. Stop it, or give a copy that was made while it stood still.");
    }
    DAYAQ_TRY(const node::Configuration read, node::read_configuration(options_.copy_of));
    if (!read.database.starts_with("sqlite")) {
      return fail(ErrorKind::invalid_input, "drill.copy",
                  "That folder's records are in PostgreSQL: the drill would play on them, not on a copy.");
    }
    if (options_.database != Scenario::Engine::sqlite) {
      return fail(ErrorKind::invalid_input, "drill.copy",
                  "A copied folder keeps its embedded database: leave `database: postgresql` away.");
    }
    std::error_code error;
    std::filesystem::copy(options_.copy_of, data_, std::filesystem::copy_options::recursive, error);
    if (!error) return {};
    return fail(ErrorKind::unavailable, "drill.folder", "The data folder can't be copied.", error.message());
  }
  std::vector<std::string> words{beside("dayaq"), "init",
                                 "--data",        data_.string(),
                                 "--country",     options_.country.string(),
                                 "--persons",     std::to_string(options_.persons),
                                 "--demo"};
  if (options_.database == Scenario::Engine::postgresql) {
    says("making a database");
    DAYAQ_TRY(postgres_, Postgres::make());
    words.insert(words.end(), {"--database", postgres_->url()});
  }
  says("making a population");
  DAYAQ_TRY_OK(run_program(words));
  return {};
}

/// Whatever gateway the folder names: its own takes its place. The same of the gate, if the file says how
/// wide it is.
Result<void> World::configure() {
  SystemRandom random;
  sms_secret_ = fmt::format("drill-{:016x}{:016x}", random.next_id(), random.next_id());
  DAYAQ_TRY(const std::string text, read_file(data_ / "dayaq.yaml", 1 << 20));
  std::istringstream lines(text);
  std::string kept;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    const bool begins = !line.empty() && line[0] != ' ' && line[0] != '#';
    const bool ours =
        line.starts_with("sms:") || (options_.admitted_a_second > 0 && line.starts_with("surge:"));
    if (begins) inside = ours;
    if (!inside) kept += line + "\n";
  }
  kept += fmt::format("sms: {{kannel_url: \"http://127.0.0.1:{}\", secret: \"{}\", number: \"8103\"}}\n",
                      gateway_port_, sms_secret_);
  if (options_.admitted_a_second > 0) {
    kept += fmt::format("surge: {{admitted_a_second: {}}}\n", options_.admitted_a_second);
  }
  return write_file_atomically(data_ / "dayaq.yaml", as_bytes(kept));
}

Result<void> World::find_persons() {
  DAYAQ_TRY(const auto reader, node::Reader::open(data_, options_.country));
  DAYAQ_TRY_OK(reader->database().read([&](store::Session& session) {
    return session.query(
        "SELECT national_id FROM person p WHERE death IS NULL AND NOT EXISTS (SELECT 1 FROM "
        "attestation a WHERE a.bucket = p.bucket AND a.person_id = p.person_id)",
        {}, [&](const store::Row& row) -> Result<bool> {
          persons_.emplace_back(row.text(0));
          return true;
        });
  }));
  if (persons_.size() < 100) {
    return fail(ErrorKind::invalid_input, "drill.persons",
                "Hardly anybody is in that registry: a drill needs a hundred people.");
  }
  return {};
}

/// As they did before the crisis: signing in itself isn't what is played.
Result<void> World::sign_in() {
  if (options_.visitors == 0) return {};
  DAYAQ_TRY(const node::Configuration configuration, node::read_configuration(data_));
  store::Options options;
  options.url = configuration.database;
  DAYAQ_TRY(const auto database, store::Database::open(options));
  identity::Sessions sessions(*database, identity::SessionPolicy{});
  database->add_hook(sessions);
  std::vector<PersonId> persons;
  DAYAQ_TRY_OK(database->read([&](store::Session& session) {
    return session.query("SELECT person_id FROM person WHERE death IS NULL", {},
                         [&](const store::Row& row) -> Result<bool> {
                           persons.emplace_back(std::uint64_t(row.integer(0)));
                           return persons.size() < options_.visitors;
                         });
  }));
  SystemRandom random;
  const Instant now = SystemClock().now();
  for (std::size_t from = 0; from < persons.size(); from += 1000) {
    std::vector<std::pair<identity::Session, identity::SessionToken>> batch;
    for (std::size_t i = from; i < std::min(from + 1000, persons.size()); ++i) {
      identity::Session one;
      one.id = identity::SessionId(random.next_id());
      one.person = persons[i];
      one.authenticated = now;
      one.expires = now + std::chrono::hours(12);
      one.authenticator = identity::AuthenticatorId(random.next_id());
      one.methods = identity::Methods(identity::AuthenticatorKind::passkey);
      one.assurance = identity::Assurance::substantial;
      batch.emplace_back(one, identity::draw_session_token(random, one.person, one.id));
      signed_in_.push_back("session=" + batch.back().second.text);
    }
    DAYAQ_TRY_OK(database->write([&](store::Session& session) -> Result<void> {
      for (const auto& [one, token] : batch) DAYAQ_TRY_OK(sessions.open(session, one, token));
      return {};
    }));
  }
  return {};
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
  // Ignored by whoever is started from here: a full disk is an error to be handled, not the end.
  ::signal(SIGXFSZ, SIG_IGN);
  const auto log = folder_ / "dayaqd.log";
  DAYAQ_TRY(pid_, start_program({beside("dayaqd"), "--data", data_.string(), "--country",
                                 options_.country.string(), "--web", options_.web.string(), "--port",
                                 std::to_string(port_), "--log-level", "warning"},
                                log));
  for (int i = 0; i < 12'000; ++i) {
    if (ready()) return {};
    if (has_ended(pid_)) {
      pid_ = -1;
      break;
    }
    std::this_thread::sleep_for(10ms);
  }
  const auto said = read_file(log, 1 << 24);
  return fail(ErrorKind::unavailable, "drill.start", "dayaqd doesn't become ready.",
              said ? said->substr(said->size() - std::min<std::size_t>(said->size(), 500)) : "");
}

void World::kill() {
  kill_program(pid_);
}
void World::freeze() {
  if (pid_ > 0) ::kill(pid_, SIGSTOP);
}
void World::thaw() {
  if (pid_ > 0) ::kill(pid_, SIGCONT);
}

void World::fill_disk(bool full) {
  if (pid_ <= 0) return;
  rlimit limit{};
  if (::prlimit(pid_, RLIMIT_FSIZE, nullptr, &limit) != 0) return;
  limit.rlim_cur = full ? 0 : limit.rlim_max;
  ::prlimit(pid_, RLIMIT_FSIZE, &limit, nullptr);
}

Result<void> World::stop() {
  end_program(pid_);
  return {};
}

double World::metric(std::string_view name) const {
  auto client = http::Client::create(url(), impatient(100ms, 300ms));
  if (!client) return 0;
  const auto answer = client->get("/metrics");
  if (!answer) return 0;
  double sum = 0;
  std::istringstream lines(answer->body);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name) || line.size() <= name.size() ||
        (line[name.size()] != ' ' && line[name.size()] != '{')) {
      continue;
    }
    double value = 0;
    const std::size_t at = line.rfind(' ') + 1;
    std::from_chars(line.data() + at, line.data() + line.size(), value);
    sum += value;
  }
  return sum;
}

Result<std::string> World::key(const std::string& name) const {
  DAYAQ_TRY(std::string text, read_file(data_ / "keys" / (name + ".key"), 1 << 12));
  text.erase(text.find_last_not_of(" \r\n") + 1);
  return text;
}

}  // namespace dayaq::cli::drill
