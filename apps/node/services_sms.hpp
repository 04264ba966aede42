// The wiring of messages by SMS: the inbox over cases, the sender, and the gateway that dayaq.yaml names.
#pragma once

#include <filesystem>
#include <memory>

#include "core.hpp"
#include "http/metrics.hpp"
#include "http/router.hpp"
#include "services/cases/cases.hpp"

namespace dayaq::node {

class ServicesSms {
 public:
  /// Adds its hook. Without `sms` in dayaq.yaml nobody's messages are taken, and answers are files of
  /// outbox/.
  static Result<std::unique_ptr<ServicesSms>> open(Core& core, services::Cases& cases,
                                                   const services::ServiceBook& book,
                                                   const std::filesystem::path& data);
  ~ServicesSms();
  /// The gateway's door. The route refers to this.
  void add_routes(http::Router& router);
  /// Messages by what became of them, and answers on their way. They refer to this.
  void add_metrics(http::Metrics& metrics) const;
  /// Begins to send. After all hooks were added.
  Result<void> start();
  /// Once a second: what is old is forgotten, a bucket at a time.
  void tick();
  /// Before the database closes.
  void stop();

 private:
  struct State;
  explicit ServicesSms(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::node
