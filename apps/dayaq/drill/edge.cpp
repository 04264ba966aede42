// An operator's edge that follows the drill's node, and a network that asks it ten times a second.
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <charconv>
#include <mutex>
#include <sstream>
#include <thread>

#include "base/file.hpp"
#include "base/time.hpp"
#include "drill/drill.hpp"
#include "http/client.hpp"
#include "transport.hpp"

namespace dayaq::cli::drill {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr std::size_t lines_tried = 500;  // until one is found that is granted something
constexpr auto pause = 100ms;

http::ClientOptions impatient() {
  http::ClientOptions out;
  out.connect_timeout = 200ms;
  out.answer_timeout = 500ms;
  return out;
}

double metric_in(const std::string& text, std::string_view name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ' ') continue;
    double value = 0;
    std::from_chars(line.data() + name.size() + 1, line.data() + line.size(), value);
    return value;
  }
  return 0;
}

struct Line {
  std::string person, number;
};

/// The operator's subscriptions, as `dayaq export subscriptions` has them.
std::vector<Line> lines_of(const std::string& rows, std::string_view kind, std::string_view provider) {
  std::vector<Line> out;
  std::istringstream in(rows);
  for (std::string row; std::getline(in, row);) {
    std::vector<std::string> cells;
    std::istringstream parts(row);
    for (std::string cell; std::getline(parts, cell, ',');) cells.push_back(cell);
    if (cells.size() >= 4 && cells[1] == kind && cells[2] == provider) out.push_back({cells[0], cells[3]});
  }
  return out;
}

}  // namespace

struct Edge::State {
  std::filesystem::path folder;
  int port = 0, pid = -1;
  std::string url, token, node_url, hospital;
  std::string question;  ///< about a line that is granted something
  std::vector<Line> lines;
  std::thread asks, changes;
  std::atomic<bool> ends = false;
  std::atomic<std::uint64_t> changed = 0;
  mutable std::mutex mutex;  // guards the two below
  std::vector<Look> looks;
  std::optional<Steady::time_point> begun;

  [[nodiscard]] http::Client::Headers headers() const { return {{"Authorization", "Bearer " + token}}; }

  Result<std::string> ask(const std::string& body) const {
    DAYAQ_TRY(auto client, http::Client::create(url, impatient()));
    DAYAQ_TRY(const auto answer, client.post("/v1/decide", body, headers()));
    if (answer.status == 200) return answer.body;
    return fail(ErrorKind::unavailable, "drill.edge", "The edge doesn't answer.", answer.body);
  }

  /// A line that is granted something, so that losing it would be seen.
  Result<void> find_line() {
    for (std::size_t i = 0; i < lines.size() && i < lines_tried; ++i) {
      for (const char* service : {"data:education", "data:all", "voice"}) {
        const std::string body =
            fmt::format(R"({{"subscription":"mobile:{}","service":"{}"}})", lines[i].number, service);
        const auto answer = ask(body);
        if (!answer || answer->find("\"granted\"") == std::string::npos) continue;
        question = body;
        return {};
      }
    }
    return fail(ErrorKind::unavailable, "drill.edge",
                "None of that operator's subscribers is granted anything: an edge has nothing to show.");
  }

  void keep_asking() {
    auto last_answer = Steady::now();
    while (!ends) {
      const auto next = Steady::now() + pause;
      Look look;
      const auto answer = ask(question);
      look.answered = answer.has_value();
      look.granted = answer && answer->find("\"granted\"") != std::string::npos;
      if (look.answered) {
        last_answer = Steady::now();
        auto client = http::Client::create(url, impatient());
        const auto metrics =
            client ? client->get("/metrics") : Result<http::ClientResponse>(std::unexpected(client.error()));
        if (metrics) {
          look.lag_s = metric_in(metrics->body, "dayaq_edge_feed_lag_seconds");
          // Of a centre that isn't heard nobody knows what it has said.
          if (metric_in(metrics->body, "dayaq_edge_feed_connected") < 0.5) {
            look.lag_s = metric_in(metrics->body, "dayaq_edge_feed_silence_seconds");
          }
        }
      } else {
        look.lag_s = std::chrono::duration<double>(Steady::now() - last_answer).count();
      }
      {
        const std::lock_guard lock(mutex);
        if (begun) {
          look.at = std::chrono::duration<double>(Steady::now() - *begun).count();
          looks.push_back(look);
        }
      }
      std::this_thread::sleep_until(next);
    }
  }

  /// Somebody becomes a health worker each second: the feed has something to say.
  void keep_changing() {
    const auto today = std::chrono::floor<std::chrono::days>(SystemClock().now());
    const std::chrono::year_month_day end{today + std::chrono::days(300)};
    const std::string until =
        fmt::format("{:04}-{:02}-{:02}", int(end.year()), unsigned(end.month()), unsigned(end.day()));
    for (std::size_t i = 0; !ends; ++i) {
      if (auto client = http::Client::create(node_url, impatient())) {
        const auto fetched = fetch_token(*client, key_client_id(hospital), hospital, {});
        if (fetched) {
          const auto done =
              client->post("/v1/attestations",
                           fmt::format(R"({{"person":"{}","status":"health_worker","until":"{}"}})",
                                       lines[i % lines.size()].person, until),
                           {{"Authorization", "Bearer " + fetched->text}});
          if (done && done->status == 201) ++changed;
        }
      }
      for (int k = 0; k < 20 && !ends; ++k) std::this_thread::sleep_for(50ms);
    }
  }
};

Edge::Edge(std::unique_ptr<State> state) : state_(std::move(state)) {}

Edge::~Edge() {
  state_->ends = true;
  if (state_->asks.joinable()) state_->asks.join();
  if (state_->changes.joinable()) state_->changes.join();
  thaw();
  kill();
}

Result<std::unique_ptr<Edge>> Edge::make(const World& world) {
  auto state = std::make_unique<State>();
  State& edge = *state;
  edge.folder = world.folder() / "edge";
  edge.port = free_port();
  edge.url = fmt::format("http://127.0.0.1:{}", edge.port);
  edge.node_url = world.url();
  const std::string data = world.data().string(), country = world.options().country.string();
  DAYAQ_TRY(const std::string rows,
            run_program({beside("dayaq"), "export", "subscriptions", "--data", data, "--country", country}));
  edge.lines = lines_of(rows, "mobile", "azercell");
  DAYAQ_TRY_OK(
      run_program({beside("dayaq"), "edge", "enrol", "--data", data, "--country", country, "--operator",
                   "azercell", "--name", "drill", "--line", "mobile", "--centre", world.url(), "--port",
                   std::to_string(edge.port), "--out", edge.folder.string()}));
  DAYAQ_TRY(const std::string tokens, read_file(edge.folder / "http.token", 1 << 16));
  edge.token = tokens.substr(0, tokens.find('\n'));
  DAYAQ_TRY(edge.hospital, world.key("hospital"));
  std::unique_ptr<Edge> out(new Edge(std::move(state)));
  DAYAQ_TRY_OK(out->start());
  DAYAQ_TRY_OK(edge.find_line());
  edge.asks = std::thread([&edge] { edge.keep_asking(); });
  edge.changes = std::thread([&edge] { edge.keep_changing(); });
  return out;
}

Result<void> Edge::start() {
  State& edge = *state_;
  DAYAQ_TRY(edge.pid, start_program({beside("dayaq-edge"), "--config", (edge.folder / "edge.yaml").string(),
                                     "--log-level", "warning"},
                                    edge.folder / "log"));
  for (int i = 0; i < 6'000; ++i) {
    auto client = http::Client::create(edge.url, impatient());
    const auto answer =
        client ? client->get("/health/ready") : Result<http::ClientResponse>(std::unexpected(client.error()));
    if (answer && answer->status == 200) return {};
    if (has_ended(edge.pid)) {
      edge.pid = -1;
      break;
    }
    std::this_thread::sleep_for(10ms);
  }
  const auto said = read_file(edge.folder / "log", 1 << 24);
  return fail(ErrorKind::unavailable, "drill.edge", "dayaq-edge doesn't become ready.",
              said ? said->substr(said->size() - std::min<std::size_t>(said->size(), 500)) : "");
}

void Edge::kill() {
  kill_program(state_->pid);
}
void Edge::freeze() {
  if (state_->pid > 0) ::kill(state_->pid, SIGSTOP);
}
void Edge::thaw() {
  if (state_->pid > 0) ::kill(state_->pid, SIGCONT);
}
void Edge::begin() {
  const std::lock_guard lock(state_->mutex);
  state_->begun = Steady::now();
}
std::uint64_t Edge::changed() const {
  return state_->changed;
}
std::vector<Edge::Look> Edge::looks() const {
  const std::lock_guard lock(state_->mutex);
  return state_->looks;
}

}  // namespace dayaq::cli::drill
