// The wiring of messages by SMS: the inbox over cases, the sender, and the gateway that dayaq.yaml names.
#pragma once

#include <filesystem>
#include <memory>

#include "core.hpp"
#include "http/metrics.hpp"
#include "http/router.hpp"
#include "identity/account/accounts.hpp"
#include "services/booking/booking.hpp"
#include "services/cases/cases.hpp"
#include "services/sms/notices.hpp"

namespace dayaq::node {

class ServicesSms {
 public:
  /// Adds its hook. Without `sms` in dayaq.yaml nobody's messages are taken, and answers are files of
  /// outbox/.
  static Result<std::unique_ptr<ServicesSms>> open(Core& core, const identity::Accounts& accounts,
                                                   services::Cases& cases, const services::ServiceBook& book,
                                                   const services::booking::Calendars& calendars,
                                                   const std::filesystem::path& data);
  ~ServicesSms();
  [[nodiscard]] services::sms::Notices& notices();
  /// The gateway's door. The route refers to this.
  void add_routes(http::Router& router);
  /// Messages by what became of them, and answers on their way. They refer to this.
  void add_metrics(http::Metrics& metrics) const;
  /// Begins to send. After all hooks were added.
  Result<void> start();
  /// Once a second: what is old is forgotten, a bucket at a time; once a minute whoever has something coming
  /// is reminded.
  void tick();
  /// Before the database closes.
  void stop();

 private:
  struct State;
  explicit ServicesSms(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::node
