// The gate before signing in, which costs more than anything else a visitor asks for.
//
//   sign_in   /sign-in, /enrol, /recover: the queue of e-services. Who has waited before applying has its
//   pass
//             and isn't stopped again; who signs in first and then applies waits once
//   clients   /oauth/authorize, where programs of banks and agencies send their visitors: a queue with a
//   share of
//             its own, so that nobody's bank waits behind a permit. A browser gets the waiting page and goes
//             on to the same address by itself
//
// Never stopped: whoever is through a door (every form of signing in, consent, the way back to the client), a
// request that its client has pushed (it lives for a minute and a half), and one that may show no page
// (prompt=none, asked in a hidden frame). What programs call (/oauth/token ...) has no door.
#pragma once

#include <cstdint>
#include <optional>

#include "services/surge/guard.hpp"

namespace dayaq::services::surge {

class Door final : public http::Gate {
 public:
  enum class Of : std::uint8_t { sign_in, clients };
  /// @param queue  in which whoever has no pass waits
  /// @param other  whose passes count here too
  Door(Guard& queue, Guard& other, Of of) : queue_(queue), other_(other), of_(of) {}

  std::optional<http::Response> refuse(http::Request& request) override {
    if (may_not_wait(request) || (of_ == Of::sign_in && other_.knows(request))) {
      queue_.passed_by(request);
      return std::nullopt;
    }
    return queue_.refuse(request);
  }
  std::chrono::milliseconds hold_on(const http::Request& request) override { return queue_.hold_on(request); }
  void answered(int status, std::chrono::microseconds took) noexcept override {
    queue_.answered(status, took);
  }

 private:
  [[nodiscard]] bool may_not_wait(const http::Request& request) const {
    if (of_ != Of::clients) return false;
    return request.query_value("request_uri").has_value() || request.query_value("prompt") == "none";
  }

  Guard& queue_;
  Guard& other_;
  const Of of_;
};

}  // namespace dayaq::services::surge
