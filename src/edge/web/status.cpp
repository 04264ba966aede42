#include "edge/web/status.hpp"

namespace dayaq::edge::web {

Status StatusBoard::now() {
  const std::scoped_lock lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (!last_ || now - read_at_ > std::chrono::milliseconds(200)) {
    last_ = read_();
    read_at_ = now;
  }
  return *last_;
}

std::vector<Worry> worries(const Status& status) {
  using enum Worry::What;
  using std::chrono::minutes;
  std::vector<Worry> found;
  if (status.disk == Journal::Health::full) found.push_back({disk_full, {}});
  if (status.disk == Journal::Health::failed) found.push_back({disk_failed, {}});
  if (status.replica.said == instant_min && status.replica.sequence == 0) found.push_back({no_grants, {}});
  if (!status.feed_connected && status.at - std::max(status.feed_heard, status.started) > minutes(1)) {
    found.push_back({centre_away, {}});
  }
  if (status.settlement && status.settlement->waiting > 0 &&
      status.at - status.settlement->waiting_since > minutes(60)) {
    found.push_back({settlement, {}});
  }
  for (const Status::Sibling& sibling : status.siblings) {
    if (!sibling.heard) found.push_back({sibling_away, sibling.name});
  }
  if (status.diameter) {
    bool open = false;
    for (const auto& [host, state] : status.diameter->peers) open = open || state == "open";
    if (!open && status.at - status.started > minutes(1)) found.push_back({peers_away, {}});
  }
  if (status.resources_refused > 0 && !status.resources_trouble.empty()) found.push_back({resources, {}});
  return found;
}

}  // namespace dayaq::edge::web
