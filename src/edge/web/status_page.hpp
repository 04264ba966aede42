// The edge's own page: GET /.
#pragma once

#include <memory>
#include <string>

#include "edge/web/history.hpp"
#include "edge/web/status.hpp"
#include "http/router.hpp"

namespace dayaq::edge::web {

struct StatusPageParts {
  const Status& status;
  const History& history;
  const Zone& zone;
  Language language = Language::az;
  bool refreshes = false;
};
/// The whole page as HTML: no scripts, its style inside, under 50 KB.
[[nodiscard]] std::string status_page(const StatusPageParts& parts);

/// GET / for anybody; `?refresh=1` asks the browser for it again every 5 seconds, at the reader's wish alone.
void add_status_route(http::Router& router, std::shared_ptr<StatusBoard> board,
                      std::shared_ptr<const History> history, const Zone& zone);

}  // namespace dayaq::edge::web
