// links: dayaq::base
// Callers (256) that apply for a service, each its next as soon as the last is answered.
//
//   applications_load_tool PORT KEY PERSONS.txt SERVICE ANSWERS.json SECONDS   one national id a line
//
// Prints one JSON object: applications a second and latencies in microseconds.
#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "http_load.hpp"

int main(int argc, char** argv) {
  if (argc != 7) {
    fmt::print(stderr, "usage: applications_load_tool PORT KEY PERSONS.txt SERVICE ANSWERS.json SECONDS\n");
    return 2;
  }
  std::vector<std::string> persons;
  std::ifstream in(argv[3]);
  for (std::string line; std::getline(in, line);) persons.push_back(line);
  std::ifstream file(argv[5]);
  const std::string answers{std::istreambuf_iterator<char>(file), {}};
  dayaq::bench::LoadOptions options;
  options.port = static_cast<std::uint16_t>(std::stoi(argv[1]));
  options.connections = 256;
  options.warm_up = std::chrono::milliseconds(500);
  options.duration = std::chrono::milliseconds(std::stoi(argv[6]) * 1000);
  const std::string key = argv[2], service = argv[4];
  std::string example;
  const auto report = dayaq::bench::run_load(
      options,
      [&](int, std::uint64_t number, std::string& out) {
        const std::string body = fmt::format(R"({{"person":"{}","service":"{}","answers":{}}})",
                                             persons[number % persons.size()], service, answers);
        out = fmt::format(
            "POST /v1/cases HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n"
            "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
            key, body.size(), body);
      },
      [&](int, std::uint64_t, int status, std::string_view body) {
        if (status >= 300 && example.empty()) example = body;
      });
  if (!report || !report->all_succeeded()) {
    fmt::print(stderr, "applications_load_tool: {} {}\n", report ? "refused:" : report.error().public_text,
               example);
    return 1;
  }
  fmt::print(R"({{"per_second":{:.0f},"p50_us":{:.0f},"p99_us":{:.0f},"max_us":{:.0f},"answered":{}}})"
             "\n",
             report->per_second, report->p50_us, report->p99_us, report->max_us, report->answered);
}
