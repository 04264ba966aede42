// What the node needs of credit control: the port between sockets and decisions. CreditControl is behind it;
// the node's tests have one of their own.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "edge/diameter/credit_control.hpp"

namespace dayaq::edge::diameter {

/// Members named as CreditControl's, Engine's and Journal's do the same; those of CreditControl are called
/// with mutex() held.
class Charging {
 public:
  virtual ~Charging() = default;
  [[nodiscard]] virtual std::mutex& mutex() = 0;
  [[nodiscard]] virtual std::uint64_t durable() const = 0;
  virtual void add_waker(std::function<void()> waker) = 0;
  virtual Reaction on_request(BytesView ccr, std::string_view peer, Instant now) = 0;
  virtual Reaction on_upstream_answer(std::unique_ptr<Pending> pending, BytesView cca, Instant now) = 0;
  [[nodiscard]] virtual std::vector<CreditControl::Session> sessions_of(SubscriptionKey key) const = 0;
  [[nodiscard]] virtual std::vector<CreditControl::Session> sessions_under(MeasureNumber measure,
                                                                           std::size_t limit,
                                                                           std::uint64_t& cursor) const = 0;
  [[nodiscard]] virtual Bytes re_auth_request(const CreditControl::Session& session) const = 0;
  virtual void forget(std::string_view session_id) = 0;
  virtual void tick(Instant now) = 0;  ///< once a second
};

}  // namespace dayaq::edge::diameter
