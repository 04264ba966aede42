#include "edge/web/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "edge/web/service_name.hpp"

namespace dayaq::edge::web {
namespace {

double seconds_between(Instant from, Instant until) {
  return double((until - from).count()) / 1e6;
}

/// Registers readings of the board under "dayaq_edge_".
class Registrar {
 public:
  Registrar(http::Metrics& metrics, std::shared_ptr<StatusBoard> board)
      : metrics_(metrics), board_(std::move(board)) {}

  template <class Read>
  void gauge(const std::string& name, const std::string& help, Read read, http::Metrics::Labels labels = {}) {
    metrics_.gauge("dayaq_edge_" + name, help, reader(read), labels);
  }
  template <class Read>
  void counter(const std::string& name, const std::string& help, Read read,
               http::Metrics::Labels labels = {}) {
    metrics_.counter_from("dayaq_edge_" + name + "_total", help, reader(read), labels);
  }

 private:
  template <class Read>
  std::function<double()> reader(Read read) {
    return [board = board_, read] { return double(read(board->now())); };
  }
  http::Metrics& metrics_;
  std::shared_ptr<StatusBoard> board_;
};

void add_replica(Registrar& add) {
  add.gauge("replica_sequence", "The last number of the feed that is in force here.",
            [](const Status& s) { return s.replica.sequence; });
  add.gauge("replica_subscriptions", "Subscriptions with grants.",
            [](const Status& s) { return s.replica.subscriptions; });
  add.gauge("replica_measures", "Measures that are defined.",
            [](const Status& s) { return s.replica.measures; });
  add.gauge("replica_bytes", "Memory of the replica.", [](const Status& s) { return s.replica.bytes; });
  add.gauge("feed_connected", "1 while the centre answers.",
            [](const Status& s) { return s.feed_connected; });
  add.gauge("feed_lag_seconds", "From a change's being said to its being in force here.",
            [](const Status& s) { return double(s.feed_lag.count()) / 1e3; });
  add.gauge("feed_behind", "Lines that the centre has said and that aren't in force here.",
            [](const Status& s) { return s.feed_behind; });
  add.gauge("resources_version", "Version of the list of zero-rated resources in use; 0: none.",
            [](const Status& s) { return s.resources_version; });
  add.counter("resources_refused", "Lists of zero-rated resources that were refused.",
              [](const Status& s) { return s.resources_refused; });
  add.gauge("feed_silence_seconds", "Since the centre was heard last.",
            [](const Status& s) { return seconds_between(std::max(s.feed_heard, s.started), s.at); });
}

void add_decisions(Registrar& add) {
  const auto outcome = [&](const char* word, std::uint64_t Engine::Counts::* count) {
    add.counter("decisions", "Questions decided, by outcome.",
                [count](const Status& s) { return s.engine.*count; }, {{"outcome", word}});
  };
  outcome("granted", &Engine::Counts::granted);
  outcome("not_covered", &Engine::Counts::not_covered);
  outcome("used_up", &Engine::Counts::used_up);
  outcome("limited", &Engine::Counts::limited);
  outcome("refused", &Engine::Counts::refused);
  add.counter("repeated", "Questions that were answered before.",
              [](const Status& s) { return s.engine.repeated; });
  add.counter("orphans", "Reports of leases whose beginning was not seen here.",
              [](const Status& s) { return s.engine.orphans; });
  add.counter("reversed", "Reports taken back, since a sibling had counted them.",
              [](const Status& s) { return s.engine.reversed; });
  add.counter("unjournaled", "Granted while the disk took nothing: count them from the operator's records.",
              [](const Status& s) { return s.engine.unjournaled; });
  for (std::size_t i = 0; i < 4; ++i) {
    add.counter("used", "Used under grants: seconds of voice and TV, messages, octets of data.",
                [i](const Status& s) { return s.engine.used[i]; },
                {{"benefit", std::string(to_string(feed::Benefit(i)))}});
  }
  add.gauge("leases", "Leases known here, those that ended a moment ago too.",
            [](const Status& s) { return s.engine.leases; });
  add.gauge("accounts", "Quotas with something used.", [](const Status& s) { return s.engine.accounts; });
}

void add_disk(Registrar& add, const Status& now) {
  add.gauge("disk_state", "The journal's disk: 0 good, 1 full, 2 failed.",
            [](const Status& s) { return int(s.disk); });
  add.counter("journal_records", "Records of the journal on disk.",
              [](const Status& s) { return s.journal_durable; });
  add.gauge("journal_waiting", "Records not yet on disk.",
            [](const Status& s) { return s.journal_last - std::min(s.journal_durable, s.journal_last); });
  if (!now.settlement) return;
  add.counter("settlement_batches", "Settlement batches made.",
              [](const Status& s) { return s.settlement->made; });
  add.counter("settlement_confirmed", "Settlement batches that the centre has.",
              [](const Status& s) { return s.settlement->confirmed; });
  add.gauge("settlement_waiting", "Settlement batches that wait for the centre.",
            [](const Status& s) { return s.settlement->waiting; });
  add.gauge("settlement_waiting_seconds", "How long the first of them has waited.", [](const Status& s) {
    return s.settlement->waiting == 0 ? 0.0 : seconds_between(s.settlement->waiting_since, s.at);
  });
}

void add_diameter(Registrar& add) {
  using Counts = diameter::Node::Counts;
  const auto count = [&](const char* name, const char* help, std::uint64_t Counts::* member) {
    add.counter(name, help, [member](const Status& s) { return (*s.diameter).*member; });
  };
  count("diameter_requests", "Diameter requests received.", &Counts::requests);
  count("diameter_answers", "Diameter answers sent.", &Counts::answers);
  count("diameter_relayed", "Requests relayed to the charging systems.", &Counts::relayed);
  count("diameter_relay_failed", "Relayed requests without an answer.", &Counts::relay_failed);
  count("diameter_busy", "Requests answered 3004.", &Counts::busy);
  count("diameter_malformed", "Messages that broke the rules.", &Counts::malformed);
  count("diameter_re_auth", "Re-Auth-Requests sent.", &Counts::re_auth_sent);
  add.gauge("diameter_re_auth_waiting", "Re-Auth-Requests to be sent.",
            [](const Status& s) { return s.diameter->re_auth_waiting; });
  add.gauge("diameter_sessions", "Diameter sessions in progress.",
            [](const Status& s) { return s.diameter_sessions; });
  add.gauge("diameter_peers_open", "Peers that are connected.", [](const Status& s) {
    return std::ranges::count(s.diameter->peers, "open", [](const auto& peer) { return peer.second; });
  });
  add.gauge("diameter_peers", "Peers that are known.",
            [](const Status& s) { return s.diameter->peers.size(); });
}

void add_radius(Registrar& add) {
  using Counts = radius::Server::Counts;
  const auto count = [&](const char* name, const char* help, std::uint64_t Counts::* member) {
    add.counter(name, help, [member](const Status& s) { return (*s.radius).*member; });
  };
  count("radius_access", "RADIUS Access-Requests received.", &Counts::access);
  count("radius_accepted", "Access-Requests accepted.", &Counts::accepted);
  count("radius_rejected", "Access-Requests rejected.", &Counts::rejected);
  count("radius_accounting", "RADIUS Accounting-Requests received.", &Counts::accounting);
  count("radius_proxied", "Requests proxied to the operator's own server.", &Counts::proxied);
  count("radius_dropped", "Packets dropped.", &Counts::dropped);
  count("radius_coa", "CoA-Requests sent.", &Counts::coa_sent);
  add.gauge("radius_coa_waiting", "CoA-Requests to be sent.",
            [](const Status& s) { return s.radius->coa_waiting; });
  add.gauge("radius_sessions", "RADIUS sessions in progress.",
            [](const Status& s) { return s.radius->sessions; });
}

void add_tv(Registrar& add) {
  using Counts = tv::Authorizer::Counts;
  const auto count = [&](const char* word, std::uint64_t Counts::* member) {
    add.counter("tv_requests", "Addresses judged, by answer.",
                [member](const Status& s) { return (*s.tv).*member; }, {{"answer", word}});
  };
  count("allowed", &Counts::allowed);
  count("denied", &Counts::denied);
  count("nobody", &Counts::nobody);
  count("elsewhere", &Counts::elsewhere);
  add.counter("tv_heartbeats", "Reports of viewing.", [](const Status& s) { return s.tv->heartbeats; });
  add.gauge("tv_viewers", "Lines watching a channel.", [](const Status& s) { return s.tv->viewers; });
}

void add_siblings(Registrar& add, const Status& now) {
  for (std::size_t i = 0; i < now.siblings.size(); ++i) {
    add.gauge("sibling_heard", "1 while the sibling answers.",
              [i](const Status& s) { return s.siblings.at(i).heard; }, {{"sibling", now.siblings[i].name}});
  }
  for (std::size_t i = 0; i < now.siblings.size(); ++i) {
    add.gauge("sibling_behind", "Records of the sibling's journal that aren't known here.",
              [i](const Status& s) { return s.siblings.at(i).behind; }, {{"sibling", now.siblings[i].name}});
  }
  for (std::size_t i = 0; i < now.siblings.size(); ++i) {
    add.gauge("sibling_sequence", "The last record of the sibling's journal that is known here.",
              [i](const Status& s) { return s.siblings.at(i).sequence; },
              {{"sibling", now.siblings[i].name}});
  }
}

}  // namespace

void add_metrics(http::Metrics& metrics, std::shared_ptr<StatusBoard> board) {
  const Status now = board->now();
  Registrar add(metrics, std::move(board));
  add_replica(add);
  add_decisions(add);
  add_disk(add, now);
  if (now.diameter) add_diameter(add);
  if (now.radius) add_radius(add);
  if (now.tv) add_tv(add);
  add_siblings(add, now);
  add.gauge("worries", "What the status page warns of.", [](const Status& s) { return worries(s).size(); });
  add.gauge("uptime_seconds", "Since the start.",
            [](const Status& s) { return seconds_between(s.started, s.at); });
}

}  // namespace dayaq::edge::web
