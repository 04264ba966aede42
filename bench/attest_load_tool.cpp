// links: dayaq::base
// Callers (256) that attest, each its next as soon as the last is answered.
//
//   attest_load_tool PORT KEY PERSONS.txt SECONDS [CALLERS]   one national id a line
//
// Prints one JSON object: attestations a second and latencies in microseconds.
#include <fmt/format.h>

#include <fstream>
#include <string>
#include <vector>

#include "http_load.hpp"

int main(int argc, char** argv) {
  if (argc != 5 && argc != 6) {
    fmt::print(stderr, "usage: attest_load_tool PORT KEY PERSONS.txt SECONDS [CALLERS]\n");
    return 2;
  }
  std::vector<std::string> persons;
  std::ifstream in(argv[3]);
  for (std::string line; std::getline(in, line);) persons.push_back(line);
  dayaq::bench::LoadOptions options;
  options.port = static_cast<std::uint16_t>(std::stoi(argv[1]));
  options.connections = argc == 6 ? std::stoi(argv[5]) : 256;
  options.warm_up = std::chrono::milliseconds(500);
  options.duration = std::chrono::milliseconds(std::stoi(argv[4]) * 1000);
  const std::string key = argv[2];
  std::string example;
  const auto report = dayaq::bench::run_load(
      options,
      [&](int, std::uint64_t number, std::string& out) {
        const std::string body =
            fmt::format(R"({{"person":"{}","status":"health_worker",)"
                        R"("from":"2026-01-01T00:00:00Z","until":"2027-12-31T20:00:00Z"}})",
                        persons[number % persons.size()]);
        out = fmt::format(
            "POST /v1/attestations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n"
            "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
            key, body.size(), body);
      },
      [&](int, std::uint64_t, int status, std::string_view body) {
        if (status >= 300 && example.empty()) example = body;
      });
  if (!report || !report->all_succeeded()) {
    fmt::print(stderr, "attest_load_tool: {} {}\n", report ? "refused:" : report.error().public_text,
               example);
    return 1;
  }
  fmt::print(R"({{"per_second":{:.0f},"p50_us":{:.0f},"p99_us":{:.0f},"max_us":{:.0f},"answered":{}}})"
             "\n",
             report->per_second, report->p50_us, report->p99_us, report->max_us, report->answered);
}
