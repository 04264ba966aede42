// What benchmarks share: a figure as one JSON line, medians, the memory's own speed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dayaq::bench {

/// One figure beside its peer and its limit; printed as one JSON object on standard output.
struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  std::string goal;  ///< "< 50 ms and >= 10x DuckDB"
  bool met = false;
  std::string peer;  ///< "" if none
  std::optional<double> peer_value;
  std::string limit;
  std::optional<double> limit_value;
};
void print(const Figure& figure);

[[nodiscard]] double median(std::vector<double> values);
/// Wall seconds of one call.
[[nodiscard]] double seconds_of(const std::function<void()>& work);
/// The median wall seconds of `runs` calls after one that isn't counted.
[[nodiscard]] double median_seconds(int runs, const std::function<void()>& work);
/// Bytes a second of one thread reading a large array with 64-bit additions: the limit of a scan.
[[nodiscard]] double read_bandwidth();

}  // namespace dayaq::bench
