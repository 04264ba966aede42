// dayaq-traffic: synthetic subscribers who call, read and watch, so that a demo has something to show.
#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <chrono>
#include <thread>

#include "base/file.hpp"
#include "http/client.hpp"
#include "http/encoding.hpp"
#include "network.hpp"

namespace dayaq::traffic {
namespace {

struct Arguments {
  std::filesystem::path lines;  ///< CSV of `dayaq export subscriptions`
  std::string mobile, mobile_operator = "azercell", tv, tv_operator = "katv1", package = "tv:home_tv";
  std::filesystem::path mobile_token, tv_token;
  std::string diameter_host = "127.0.0.1", realm = "azercell.example";
  std::uint16_t diameter_port = 3868;
  std::vector<std::string> channels{"/hls/news/"};
  int seconds = 0;  ///< 0: for ever
};

std::vector<std::string_view> cells(std::string_view line, char by) {
  std::vector<std::string_view> out;
  while (true) {
    const std::size_t end = std::min(line.find(by), line.size());
    out.push_back(line.substr(0, end));
    if (end == line.size()) return out;
    line.remove_prefix(end + 1);
  }
}

/// Numbers of an operator's lines of one kind.
std::vector<std::string> numbers_of(std::string_view csv, std::string_view kind, std::string_view provider) {
  const auto lines = cells(csv, '\n');
  const auto head = cells(lines.front(), ',');
  const auto column = [&](std::string_view name) {
    return std::size_t(std::ranges::find(head, name) - head.begin());
  };
  const std::size_t kinds = column("kind"), numbers = column("number"), providers = column("provider");
  std::vector<std::string> out;
  for (const std::string_view line : lines) {
    const auto row = cells(line, ',');
    if (row.size() == head.size() && row[kinds] == kind && row[providers] == provider) {
      out.emplace_back(row[numbers]);
    }
  }
  return out;
}

/// Those to whom the edge grants a service, mostly, and a few others: as a network has them.
Result<std::vector<std::string>> with_grants(http::Client& edge, const std::vector<std::string>& numbers,
                                             std::string_view kind, std::string_view service) {
  constexpr std::size_t asked = 1000, wanted = 400, others_max = 60;
  std::vector<std::string> granted, others;
  for (std::size_t at = 0; at < numbers.size() && granted.size() < wanted; at += asked) {
    std::string body = "[";
    const std::size_t end = std::min(numbers.size(), at + asked);
    for (std::size_t i = at; i < end; ++i) {
      body += fmt::format(R"({}{{"subscription":{},"service":"{}"}})", i == at ? "" : ",",
                          http::json_string(fmt::format("{}:{}", kind, numbers[i])), service);
    }
    DAYAQ_TRY(const auto answer, edge.post("/v1/decide", body + "]"));
    std::error_code error;
    const auto verdicts = boost::json::parse(answer.body, error);
    if (error || !verdicts.is_array()) {
      return fail(ErrorKind::unavailable, "traffic.answer", "The edge's answer can't be read.", answer.body);
    }
    for (std::size_t i = at; i < end; ++i) {
      const bool yes = verdicts.at(i - at).at("outcome").as_string() == "granted";
      if (yes || others.size() < others_max) (yes ? granted : others).push_back(numbers[i]);
    }
  }
  granted.insert(granted.end(), others.begin(), others.end());
  return granted;
}

Result<http::Client> client_of(const std::string& url, const std::filesystem::path& token_file) {
  DAYAQ_TRY(const std::string text, read_file(token_file, 64 << 10));
  return http::Client::create(url,
                              {.tls_authority = {}, .bearer_token = std::string(cells(text, '\n').front())});
}

/// Until the time is over or an edge has gone; the caller begins again.
Result<void> run_once(const Arguments& arguments, std::string_view csv,
                      std::chrono::steady_clock::time_point end) {
  DAYAQ_TRY(auto mobile_edge, client_of(arguments.mobile, arguments.mobile_token));
  DAYAQ_TRY(const auto callers, with_grants(mobile_edge, numbers_of(csv, "mobile", arguments.mobile_operator),
                                            "mobile", "voice"));
  std::optional<http::Client> tv_edge;
  std::vector<std::string> watchers;
  if (!arguments.tv.empty()) {
    DAYAQ_TRY(auto client, client_of(arguments.tv, arguments.tv_token));
    DAYAQ_TRY(watchers,
              with_grants(client, numbers_of(csv, "tv", arguments.tv_operator), "tv", arguments.package));
    tv_edge.emplace(std::move(client));
  }
  if (callers.empty()) {
    return fail(ErrorKind::not_found, "traffic.lines", "There are no lines of this operator in the CSV.");
  }
  DAYAQ_TRY(Gateway gateway,
            Gateway::connect(arguments.diameter_host, arguments.diameter_port, arguments.realm));
  SystemRandom random;  // a run's sessions are its own: an edge takes the same ones again for repetitions
  Mobile mobile(callers, random.next_id());
  Viewers viewers(watchers, arguments.channels, random.next_id());
  while (std::chrono::steady_clock::now() < end) {
    const auto next = std::chrono::steady_clock::now() + std::chrono::milliseconds(250);
    mobile.turn(gateway);
    if (!gateway.exchange()) break;
    if (tv_edge && !watchers.empty() && !viewers.turn(*tv_edge, "X-Line-Id")) break;
    std::this_thread::sleep_until(next);
  }
  return {};
}

int run(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("synthetic subscribers who call, read and watch, for a demo");
  app.add_option("--lines", arguments.lines, "CSV of `dayaq export subscriptions`")->required();
  app.add_option("--mobile", arguments.mobile, "URL of the mobile edge")->required();
  app.add_option("--mobile-token", arguments.mobile_token, "Its token file")->required();
  app.add_option("--mobile-operator", arguments.mobile_operator, "Whose subscribers call (azercell)");
  app.add_option("--diameter-port", arguments.diameter_port, "Of the mobile edge (3868)");
  app.add_option("--realm", arguments.realm, "Of the mobile edge (azercell.example)");
  app.add_option("--tv", arguments.tv, "URL of the TV edge");
  app.add_option("--tv-token", arguments.tv_token, "Its token file");
  app.add_option("--tv-operator", arguments.tv_operator, "Whose subscribers watch (katv1)");
  app.add_option("--package", arguments.package, "What they watch (tv:home_tv)");
  app.add_option("--channels", arguments.channels, "Prefixes of its channels (/hls/news/)");
  app.add_option("--seconds", arguments.seconds, "0: for ever (0)");
  CLI11_PARSE(app, argc, argv);
  ::signal(SIGPIPE, SIG_IGN);
  const auto csv = read_file(arguments.lines, std::size_t(2) << 30);
  if (!csv) {
    fmt::print(stderr, "dayaq-traffic: {}\n", csv.error().public_text);
    return 1;
  }
  const auto end = arguments.seconds == 0
                       ? std::chrono::steady_clock::time_point::max()
                       : std::chrono::steady_clock::now() + std::chrono::seconds(arguments.seconds);
  Result<void> last;
  do {
    last = run_once(arguments, *csv, end);
    if (!last && last.error().kind == ErrorKind::not_found) break;
    if (std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(std::chrono::seconds(1));
  } while (std::chrono::steady_clock::now() < end);
  if (last) return 0;
  fmt::print(stderr, "dayaq-traffic: {} [{}]\n", last.error().public_text, last.error().code);
  return 1;
}

}  // namespace
}  // namespace dayaq::traffic

int main(int argc, char** argv) {
  return dayaq::traffic::run(argc, argv);
}
