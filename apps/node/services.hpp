// The wiring of e-services: the book of services, cases, permits, messages, attachments, calendars and their
// pages.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core.hpp"
#include "digital_id.hpp"
#include "http/metrics.hpp"
#include "http/router.hpp"
#include "http/spool.hpp"
#include "regime/file.hpp"
#include "regime/keeper.hpp"
#include "services/cases/cases.hpp"

namespace dayaq::node {

struct ServicesOptions {
  std::filesystem::path data;
  std::filesystem::path country;
  bool secure = false;                                ///< served over HTTPS: cookies are bound to the host
  std::function<std::vector<std::string>()> regimes;  ///< codes of all that were ever submitted
};

class Services {
 public:
  /// Reads what is kept in memory, and adds the hooks: before the audit log's, and before the first write.
  static Result<std::unique_ptr<Services>> open(Core& core, DigitalId& digital_id,
                                                const regime::FileContext& files, regime::GrantKeeper& keeper,
                                                const ServicesOptions& options);
  ~Services();

  [[nodiscard]] services::Cases& cases();
  [[nodiscard]] services::ServiceBook& book();

  /// Of the queues in a surge, for the pages of signing in.
  [[nodiscard]] identity::web::Doors doors();

  /// Endpoints that programs call. They refer to this.
  void add_api_routes(http::Router& router);
  /// What people see; `pages` outlives the router.
  void add_page_routes(http::Router& router, const identity::web::Web& pages);

  /// What people attach is kept in the spool's files where that is possible.
  void adopt_bodies_of(const http::Spool& spool);

  /// They refer to this.
  void add_metrics(http::Metrics& metrics) const;

  /// Begins to send replies. After all hooks were added.
  Result<void> start();
  /// Background work, once a second: deadlines, regimes that have ended, files that wait for the scanner.
  void tick();
  /// Before the database closes.
  void stop();

 private:
  struct State;
  explicit Services(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::node
