// The node over the real credit control.
#include <utility>

#include "edge/diameter/charging.hpp"
#include "edge/diameter/node.hpp"

namespace dayaq::edge::diameter {

namespace {

class OverCreditControl final : public Charging {
 public:
  OverCreditControl(CreditControl& credit_control, Engine& engine, Journal& journal)
      : credit_control_(credit_control), engine_(engine), journal_(journal) {}
  std::mutex& mutex() override { return engine_.mutex(); }
  [[nodiscard]] std::uint64_t durable() const override { return journal_.durable(); }
  void add_waker(std::function<void()> waker) override { journal_.add_waker(std::move(waker)); }
  Reaction on_request(BytesView ccr, std::string_view peer, Instant now) override {
    return credit_control_.on_request(ccr, peer, now);
  }
  Reaction on_upstream_answer(std::unique_ptr<Pending> pending, BytesView cca, Instant now) override {
    return credit_control_.on_upstream_answer(std::move(pending), cca, now);
  }
  [[nodiscard]] std::vector<CreditControl::Session> sessions_of(SubscriptionKey key) const override {
    return credit_control_.sessions_of(key);
  }
  [[nodiscard]] std::vector<CreditControl::Session> sessions_under(MeasureNumber measure, std::size_t limit,
                                                                   std::uint64_t& cursor) const override {
    return credit_control_.sessions_under(measure, limit, cursor);
  }
  [[nodiscard]] Bytes re_auth_request(const CreditControl::Session& session) const override {
    return credit_control_.re_auth_request(session);
  }
  void forget(std::string_view session_id) override { credit_control_.forget(session_id); }
  void tick(Instant now) override { credit_control_.tick(now); }

 private:
  CreditControl& credit_control_;
  Engine& engine_;
  Journal& journal_;
};

}  // namespace

Result<std::unique_ptr<Node>> Node::start(const NodeOptions& options, CreditControl& credit_control,
                                          Engine& engine, Journal& journal, const Clock& clock) {
  return start(options, std::make_shared<OverCreditControl>(credit_control, engine, journal), clock);
}

}  // namespace dayaq::edge::diameter
