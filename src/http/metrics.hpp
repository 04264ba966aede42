// Metrics for Prometheus: counters, gauges and latency histograms, registered once and cheap to update.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace dayaq::http {

/// The process's registry (prometheus-cpp behind it). Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  class Counter { public: virtual ~Counter() = default; virtual void add(double by = 1) = 0; };
  class Histogram { public: virtual ~Histogram() = default; virtual void observe_seconds(double seconds) = 0; };
  Counter& counter(const std::string& name, const std::string& help, const std::map<std::string, std::string>& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help, const std::map<std::string, std::string>& labels = {});
  /// `read` is called at each scrape.
  void gauge(const std::string& name, const std::string& help, std::function<double()> read);
  /// The text exposition format 0.0.4.
  [[nodiscard]] std::string expose() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::http
