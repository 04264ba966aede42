// links: dayaq::services dayaq::base
// Visitors who apply to leave home, each on a connection of their own: whoever is told to wait asks again at
// once with their ticket (a storm: nobody heeds Retry-After); whoever has a receipt goes, and somebody else
// comes.
//
//   overload_load_tool PORT PATH PERSONS.txt FIRST CONNECTIONS SECONDS RECEIPTS.txt
//
// FIRST: number of the first application, whose person and case follow from it. Prints one JSON object.
#include <fmt/format.h>

#include <fstream>
#include <string>
#include <vector>

#include "http_load.hpp"
#include "services/types.hpp"

int main(int argc, char** argv) {
  if (argc != 8) return 2;
  std::vector<std::string> persons;
  std::ifstream in(argv[3]);
  for (std::string line; std::getline(in, line);) persons.push_back(line);
  std::uint64_t next = std::stoull(argv[4]);
  const std::size_t visitors = std::stoul(argv[5]);
  struct Visitor {
    std::uint64_t number = 0;  ///< of the application
    std::string cookie;
  };
  std::vector<Visitor> all(visitors);
  dayaq::bench::LoadOptions options;
  options.port = static_cast<std::uint16_t>(std::stoi(argv[1]));
  options.connections = static_cast<int>(visitors);
  options.warm_up = std::chrono::milliseconds(3000);
  options.duration = std::chrono::milliseconds(std::stoi(argv[6]) * 1000);
  options.on_head = [&](int connection, std::string_view head) {
    constexpr std::string_view name = "\r\nSet-Cookie: ";
    const std::size_t at = head.find(name);
    if (at == std::string_view::npos) return;
    head.remove_prefix(at + name.size());
    all[static_cast<std::size_t>(connection)].cookie = head.substr(0, head.find(';'));
  };
  std::ofstream receipts(argv[7], std::ios::app);
  std::uint64_t given = 0, twice = 0;
  std::string example;
  const auto report = dayaq::bench::run_load(
      options,
      [&](int connection, std::uint64_t, std::string& out) {
        Visitor& visitor = all[static_cast<std::size_t>(connection)];
        if (visitor.number == 0) visitor = {.number = next++, .cookie = {}};
        const std::string body = fmt::format(
            R"({{"person":"{}","service":"leaving-home","answers":{{"reason":"doctor"}},"id":"{}","notify":false}})",
            persons[visitor.number % persons.size()],
            dayaq::services::case_number(dayaq::services::CaseId(visitor.number)));
        out = fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\nContent-Length: {}\r\n\r\n{}",
                          argv[2], visitor.cookie, body.size(), body);
      },
      [&](int connection, std::uint64_t, int status, std::string_view body) {
        Visitor& visitor = all[static_cast<std::size_t>(connection)];
        if (status == 503) return;
        if (status == 201 || status == 200) {
          ++given;
          if (status == 200) ++twice;  // the same again: a retry after a lost answer
          receipts << visitor.number << '\n';
        } else if (example.empty()) {
          example = body;
        }
        visitor.number = 0;
      });
  if (!report) {
    fmt::print(stderr, "{} {}\n", report.error().public_text, report.error().detail);
    return 1;
  }
  std::string statuses;
  for (const auto& [status, count] : report->by_status) {
    statuses += fmt::format(R"({}"{}":{})", statuses.empty() ? "" : ",", status, count);
  }
  if (!example.empty()) fmt::print(stderr, "{}\n", example);
  fmt::print(
      R"({{"per_second":{:.1f},"offered":{:.1f},"p50_ms":{:.2f},"p99_ms":{:.2f},"receipts":{},"repeated":{},)"
      R"("next":{},"broken":{},"by_status":{{{}}}}})"
      "\n",
      report->per_second, double(report->answered) / report->seconds, report->p50_us / 1e3,
      report->p99_us / 1e3, given, twice, next, report->broken, statuses);
}
