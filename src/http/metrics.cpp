#include "http/metrics.hpp"

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <mutex>
#include <string_view>

#include "base/result.hpp"

namespace dayaq::http {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

/// Upper bounds in nanoseconds; the last bucket has none.
constexpr std::array<std::uint64_t, 14> bounds_ns{
    50'000,     100'000,    250'000,     500'000,     1'000'000,     2'500'000,     5'000'000,
    10'000'000, 25'000'000, 100'000'000, 250'000'000, 1'000'000'000, 2'500'000'000, 10'000'000'000};
constexpr std::size_t bucket_count = bounds_ns.size() + 1;

std::size_t bucket_of(std::uint64_t ns) {
  std::size_t i = 0;
  while (i < bounds_ns.size() && ns > bounds_ns[i]) ++i;  // most requests end within the first few
  return i;
}

/// What a histogram looks like at a scrape.
struct Buckets {
  std::array<std::uint64_t, bucket_count> counts{};
  std::uint64_t sum_ns = 0;

  [[nodiscard]] ClientMetric::Histogram snapshot() const {
    ClientMetric::Histogram out;
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < bucket_count; ++i) {
      total += counts[i];
      const double bound = i < bounds_ns.size() ? static_cast<double>(bounds_ns[i]) * 1e-9 : INFINITY;
      out.bucket.push_back({.cumulative_count = total, .upper_bound = bound});
    }
    out.sample_count = total;
    out.sample_sum = static_cast<double>(sum_ns) * 1e-9;
    return out;
  }
};

ClientMetric labelled(const Metrics::Labels& labels) {
  ClientMetric metric;
  for (const auto& [name, value] : labels) metric.label.push_back({.name = name, .value = value});
  return metric;
}

class CounterOfRegistry final : public Metrics::Counter {
 public:
  explicit CounterOfRegistry(prometheus::Counter& counter) : counter_(counter) {}
  void add(double by) override { counter_.Increment(by); }

 private:
  prometheus::Counter& counter_;
};

/// prometheus-cpp's own takes a mutex at each observation.
class AtomicHistogram final : public Metrics::Histogram {
 public:
  void observe_seconds(double seconds) override {
    const double ns = std::min(seconds * 1e9, 1e18);
    const std::uint64_t whole = ns > 0 ? static_cast<std::uint64_t>(ns) : 0;  // a NaN counts as 0
    counts_[bucket_of(whole)].fetch_add(1, std::memory_order_relaxed);
    sum_ns_.fetch_add(whole, std::memory_order_relaxed);
  }
  [[nodiscard]] Buckets read() const {
    Buckets out;
    for (std::size_t i = 0; i < bucket_count; ++i) out.counts[i] = counts_[i].load(std::memory_order_relaxed);
    out.sum_ns = sum_ns_.load(std::memory_order_relaxed);
    return out;
  }

 private:
  std::array<std::atomic<std::uint64_t>, bucket_count> counts_{};
  std::atomic<std::uint64_t> sum_ns_{0};
};

/// Adds by one writer: no locked instruction, and readers still see whole numbers.
void bump(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

class ShardedRequestMeter final : public Metrics::RequestMeter {
 public:
  ShardedRequestMeter(const std::vector<std::string>& routes, std::size_t shards) {
    std::map<std::string_view, std::size_t> known;
    for (const std::string& name : routes) {
      const auto [at, added] = known.try_emplace(name, operations_.size());
      if (added) operations_.push_back(name);
      operation_of_.push_back(at->second);
    }
    operation_of_.push_back(operations_.size());
    operations_.emplace_back("unmatched");
    cells_ = std::vector<Cell>(operations_.size() * shards);
  }

  void record(std::size_t shard, std::size_t route, int status,
              std::chrono::nanoseconds latency) noexcept override {
    const std::size_t operation = operation_of_[std::min(route, operation_of_.size() - 1)];
    Cell& cell = cells_[shard * operations_.size() + operation];
    const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(latency.count(), 0));
    bump(cell.buckets[bucket_of(ns)]);
    bump(cell.sum_ns, ns);
    bump(cell.statuses[static_cast<std::size_t>(std::clamp(status, status_min, status_max) - status_min)]);
  }

  void collect(std::vector<MetricFamily>& out) const {
    MetricFamily requests{"dayaq_http_requests_total", "Requests answered.", MetricType::Counter, {}};
    MetricFamily latency{"dayaq_http_request_duration_seconds",
                         "From the whole request to the answer.",
                         MetricType::Histogram,
                         {}};
    const std::size_t shards = cells_.size() / operations_.size();
    for (std::size_t o = 0; o < operations_.size(); ++o) {
      Buckets buckets;
      std::array<std::uint64_t, status_count> by_status{};
      for (std::size_t s = 0; s < shards; ++s) {
        const Cell& cell = cells_[s * operations_.size() + o];
        for (std::size_t i = 0; i < bucket_count; ++i) {
          buckets.counts[i] += cell.buckets[i].load(std::memory_order_relaxed);
        }
        buckets.sum_ns += cell.sum_ns.load(std::memory_order_relaxed);
        for (std::size_t i = 0; i < status_count; ++i) {
          by_status[i] += cell.statuses[i].load(std::memory_order_relaxed);
        }
      }
      for (std::size_t i = 0; i < status_count; ++i) {
        if (by_status[i] == 0) continue;
        ClientMetric metric = labelled(
            {{"operation", operations_[o]}, {"status", std::to_string(static_cast<int>(i) + status_min)}});
        metric.counter.value = static_cast<double>(by_status[i]);
        requests.metric.push_back(std::move(metric));
      }
      ClientMetric metric = labelled({{"operation", operations_[o]}});
      metric.histogram = buckets.snapshot();
      latency.metric.push_back(std::move(metric));
    }
    out.push_back(std::move(requests));
    out.push_back(std::move(latency));
  }

 private:
  static constexpr int status_min = 100;
  static constexpr int status_max = 599;
  static constexpr std::size_t status_count = status_max - status_min + 1;
  struct Cell {
    std::array<std::atomic<std::uint64_t>, bucket_count> buckets{};
    std::atomic<std::uint64_t> sum_ns{0};
    std::array<std::atomic<std::uint64_t>, status_count> statuses{};
  };
  std::vector<std::string> operations_;
  std::vector<std::size_t> operation_of_;  ///< by route; routes may share a name
  std::vector<Cell> cells_;                ///< a shard's operations stand together
};

struct Gauge {
  std::string name;
  std::string help;
  MetricType type = MetricType::Gauge;
  std::function<double()> read;
  Metrics::Labels labels;
};

struct HistogramFamily {
  std::string help;
  std::map<Metrics::Labels, AtomicHistogram> members;
};

}  // namespace

struct Metrics::State {
  mutable std::mutex mutex;
  prometheus::Registry registry;
  std::map<std::pair<std::string, Labels>, CounterOfRegistry> counters;
  std::map<std::string, HistogramFamily> histograms;
  std::vector<Gauge> gauges;
  std::vector<std::shared_ptr<ShardedRequestMeter>> meters;
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

Metrics::Counter& Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::scoped_lock lock(state_->mutex);
  const std::pair key(name, labels);
  if (const auto found = state_->counters.find(key); found != state_->counters.end()) return found->second;
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(state_->registry);
  return state_->counters.try_emplace(key, family.Add(labels)).first->second;
}

Metrics::Histogram& Metrics::histogram(const std::string& name, const std::string& help,
                                       const Labels& labels) {
  const std::scoped_lock lock(state_->mutex);
  HistogramFamily& family = state_->histograms[name];
  family.help = help;
  return family.members[labels];
}

void Metrics::gauge(const std::string& name, const std::string& help, std::function<double()> read,
                    const Labels& labels) {
  const std::scoped_lock lock(state_->mutex);
  state_->gauges.push_back({name, help, MetricType::Gauge, std::move(read), labels});
}

void Metrics::counter_from(const std::string& name, const std::string& help, std::function<double()> read,
                           const Labels& labels) {
  const std::scoped_lock lock(state_->mutex);
  state_->gauges.push_back({name, help, MetricType::Counter, std::move(read), labels});
}

std::shared_ptr<Metrics::RequestMeter> Metrics::request_meter(const std::vector<std::string>& routes,
                                                              std::size_t shards) {
  auto meter = std::make_shared<ShardedRequestMeter>(routes, shards);
  const std::scoped_lock lock(state_->mutex);
  state_->meters.push_back(meter);
  return meter;
}

std::string Metrics::expose() const {
  std::vector<MetricFamily> families = state_->registry.Collect();
  const std::scoped_lock lock(state_->mutex);
  for (const auto& [name, family] : state_->histograms) {
    MetricFamily out{name, family.help, MetricType::Histogram, {}};
    for (const auto& [labels, histogram] : family.members) {
      ClientMetric metric = labelled(labels);
      metric.histogram = histogram.read().snapshot();
      out.metric.push_back(std::move(metric));
    }
    families.push_back(std::move(out));
  }
  for (const Gauge& gauge : state_->gauges) {
    ClientMetric metric = labelled(gauge.labels);
    (gauge.type == MetricType::Gauge ? metric.gauge.value : metric.counter.value) = gauge.read();
    if (!families.empty() && families.back().name == gauge.name) {
      families.back().metric.push_back(std::move(metric));
      continue;
    }
    families.push_back({gauge.name, gauge.help, gauge.type, {metric}});
  }
  for (const auto& meter : state_->meters) meter->collect(families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace dayaq::http
