#include "edge/diameter/node.hpp"

#include <boost/asio/post.hpp>
#include <charconv>
#include <future>
#include <thread>

#include "base/file.hpp"
#include "edge/diameter/node_core.hpp"

namespace dayaq::edge::diameter {

namespace {

/// What the journal wakes: it may do so when the node has gone.
struct Gate {
  std::mutex mutex;
  NodeCore* core = nullptr;
};

class RunningNode final : public Node {
 public:
  RunningNode(std::unique_ptr<NodeCore> core, Charging& charging)
      : core_(std::move(core)), port_(core_->port(false)), tls_port_(core_->port(true)) {
    gate_->core = core_.get();
    charging.add_waker([gate = gate_] {
      const std::scoped_lock guard(gate->mutex);
      if (gate->core != nullptr) gate->core->wake();
    });
    thread_ = std::thread([core = core_.get()] { core->context().run(); });
  }
  ~RunningNode() override { stop(); }

  void stop() override {
    if (!thread_.joinable()) return;
    asio::post(core_->context(), [core = core_.get()] { core->begin_stop(); });
    end();
  }

  Inheritance hand_over_all(std::chrono::milliseconds wait) override {
    if (!thread_.joinable()) return {};
    std::promise<Inheritance> promise;
    auto given = promise.get_future();
    asio::post(core_->context(), [&] {
      core_->begin_hand_over(wait, [&](Inheritance what) { promise.set_value(std::move(what)); });
    });
    Inheritance out = given.get();
    end();
    return out;
  }

  std::vector<int> hand_over() override {
    if (!thread_.joinable()) return {};
    std::promise<std::vector<int>> promise;
    auto given = promise.get_future();
    asio::post(core_->context(), [&] { promise.set_value(core_->stop_accepting()); });
    return given.get();
  }

  [[nodiscard]] std::uint16_t port() const override { return port_; }
  [[nodiscard]] std::uint16_t tls_port() const override { return tls_port_; }
  void re_authorise(SubscriptionKey key) override { core_->re_authorise(key); }
  void re_authorise_measure(MeasureNumber measure) override { core_->re_authorise_measure(measure); }
  void use_clients(std::vector<PeerOptions> clients) override {
    asio::post(core_->context(), [core = core_.get(), clients = std::move(clients)]() mutable {
      core->use_clients(std::move(clients));
    });
  }
  void use_charging_systems(std::vector<PeerOptions> systems) override {
    asio::post(core_->context(),
               [core = core_.get(), systems = std::move(systems)] { core->use_charging_systems(systems); });
  }
  [[nodiscard]] Counts counts() const override { return core_->counts(); }

 private:
  void end() {
    thread_.join();
    const std::scoped_lock guard(gate_->mutex);
    gate_->core = nullptr;
  }

  std::unique_ptr<NodeCore> core_;
  std::uint16_t port_, tls_port_;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Node>> Node::start(const NodeOptions& options, std::shared_ptr<Charging> charging,
                                          const Clock& clock) {
  auto core = std::make_unique<NodeCore>(options, charging, clock);
  DAYAQ_TRY_OK(core->open());
  return std::make_unique<RunningNode>(std::move(core), *charging);
}

Result<std::uint32_t> origin_state_id(const std::filesystem::path& folder, bool recovered, Instant now) {
  const auto path = folder / "origin-state";
  std::uint32_t before = 0;
  if (const auto text = read_file(path, 64)) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), before);
    if (error != std::errc{} || (end != text->data() + text->size() && *end != '\n')) before = 0;
  }
  if (recovered && before != 0) return before;
  // Seconds, so that it rises even if the file is lost.
  const auto seconds = std::uint32_t(to_micros(now) / 1'000'000);
  const std::uint32_t next = std::max(before + 1, seconds);
  const std::string text = std::to_string(next) + "\n";
  if (const auto written = write_file_atomically(path, as_bytes(text)); !written) {
    return fail(ErrorKind::unavailable, "diameter.origin_state", "The Origin-State-Id can't be kept.",
                written.error().detail);
  }
  return next;
}

}  // namespace dayaq::edge::diameter
