#include "support.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <numeric>

namespace dayaq::bench {
namespace {

std::string json_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string json_number(const std::optional<double>& value) {
  return value ? fmt::format("{:.10g}", *value) : "null";
}

}  // namespace

void print(const Figure& f) {
  fmt::print(R"({{"name":{},"value":{:.10g},"unit":{},"goal":{},"met":{},)"
             R"("peer":{},"peer_value":{},"limit":{},"limit_value":{}}})"
             "\n",
             json_text(f.name), f.value, json_text(f.unit), json_text(f.goal), f.met, json_text(f.peer),
             json_number(f.peer_value), json_text(f.limit), json_number(f.limit_value));
  std::fflush(stdout);
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median_seconds(int runs, const std::function<void()>& work) {
  work();
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) times.push_back(seconds_of(work));
  return median(std::move(times));
}

double read_bandwidth() {
  const std::vector<std::uint64_t> array(64u << 20 >> 3, 1);
  volatile std::uint64_t sink = 0;
  const double seconds =
      median_seconds(9, [&] { sink = std::accumulate(array.begin(), array.end(), std::uint64_t{0}); });
  return static_cast<double>(array.size() * sizeof(std::uint64_t)) / seconds;
}

}  // namespace dayaq::bench
