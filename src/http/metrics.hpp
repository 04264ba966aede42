// Metrics for Prometheus: counters, gauges and latency histograms, registered once and cheap to update.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace dayaq::http {

/// The process's registry (prometheus-cpp behind it). Thread-safe. Asking for the same name and labels again
/// gives the same object; it lives as long as the registry. Names follow the data model:
/// [a-zA-Z_:][a-zA-Z0-9_:]*.
class Metrics {
 public:
  using Labels = std::map<std::string, std::string>;

  class Counter {
   public:
    virtual ~Counter() = default;
    virtual void add(double by = 1) = 0;
  };
  /// Seconds, in buckets from 50 microseconds to 10 seconds. An observation is two atomic additions, without
  /// a lock.
  class Histogram {
   public:
    virtual ~Histogram() = default;
    virtual void observe_seconds(double seconds) = 0;
  };
  /// Requests by operation and status, and their latencies. Each shard has one writing thread, so that
  /// recording is a few plain additions.
  class RequestMeter {
   public:
    virtual ~RequestMeter() = default;
    /// @param route  index into the names given; beyond them: "unmatched"
    virtual void record(std::size_t shard, std::size_t route, int status,
                        std::chrono::nanoseconds latency) noexcept = 0;
  };

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help, const Labels& labels = {});
  /// `read` is called at each scrape, from the scraping thread. Those of one name with different labels are
  /// registered one after another.
  void gauge(const std::string& name, const std::string& help, std::function<double()> read,
             const Labels& labels = {});
  /// `read` is called at each scrape and never falls; for counts that somebody else keeps.
  void counter_from(const std::string& name, const std::string& help, std::function<double()> read,
                    const Labels& labels = {});
  /// dayaq_http_requests_total{operation,status} and dayaq_http_request_duration_seconds{operation}; once for
  /// each registry. `routes` names each route's operation; routes of the same name are counted together.
  /// @return shared, since a server may record its last requests while the registry is already asked no more
  [[nodiscard]] std::shared_ptr<RequestMeter> request_meter(const std::vector<std::string>& routes,
                                                            std::size_t shards);
  /// The text exposition format 0.0.4.
  [[nodiscard]] std::string expose() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::http
