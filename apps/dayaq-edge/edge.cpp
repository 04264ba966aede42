#include "edge.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <thread>

#include "base/file.hpp"
#include "base/log.hpp"
#include "edge/centre_access.hpp"
#include "edge/centre_keys.hpp"
#include "edge/diameter/gx.hpp"
#include "edge/follower.hpp"
#include "edge/resource_list.hpp"
#include "edge/settler.hpp"
#include "edge/siblings.hpp"
#include "edge/tv/routes.hpp"
#include "edge/web/access.hpp"
#include "edge/web/decision_api.hpp"
#include "edge/web/metrics.hpp"
#include "edge/web/status_page.hpp"
#include "http/operational.hpp"
#include "http/server.hpp"

namespace dayaq::edge {
namespace {

/// After a snapshot every session is re-authorised, measure by measure; the feed numbers them from 1.
constexpr MeasureNumber measures_looked_at = 20'000;

/// What the process before gave, by who takes it: HTTP's listener, Diameter's, RADIUS's two of UDP, RadSec's.
struct Sorted {
  int http = -1;
  diameter::Inheritance diameter;
  std::vector<int> radius;
};
Sorted sort(diameter::Inheritance given) {
  Sorted out;
  for (const int socket : std::exchange(given.listeners, {})) {
    int type = 0;
    socklen_t size = sizeof type;
    const bool datagrams = ::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM;
    if (datagrams || !out.radius.empty()) {
      out.radius.push_back(socket);
    } else if (out.http < 0) {
      out.http = socket;
    } else {
      given.listeners.push_back(socket);
    }
  }
  if (out.radius.size() == 2) out.radius.push_back(-1);  // no RadSec
  out.diameter = std::move(given);
  return out;
}

class WiredEdge final : public Edge {
 public:
  WiredEdge(web::Configuration configuration, const Clock& clock, FileLock lock)
      : configuration_(std::move(configuration)),
        clock_(clock),
        lock_(std::move(lock)),
        zone_(*Zone::create(configuration_.engine.zone)) {}  // the file's reader has tried it
  ~WiredEdge() override { WiredEdge::stop(); }

  Result<void> open(web::Keys keys, Inherited inherited) {
    started_ = clock_.now();
    DAYAQ_TRY_OK(open_core(keys));
    DAYAQ_TRY_OK(open_resources());
    DAYAQ_TRY_OK(open_settler(keys));
    if (configuration_.tv) tv_ = std::make_shared<tv::Authorizer>(*configuration_.tv, *engine_);
    Sorted sockets = sort(std::move(inherited.sockets));
    DAYAQ_TRY_OK(open_diameter(std::move(sockets.diameter)));
    DAYAQ_TRY_OK(open_radius(std::move(sockets.radius)));
    observe();
    DAYAQ_TRY_OK(follow());
    join_siblings(keys);
    DAYAQ_TRY_OK(serve(keys, sockets.http));
    ticker_ = std::thread([this] { tick(); });
    DAYAQ_TRY_OK(write_ports());
    opened_ = true;
    return {};
  }

  void reload(const web::Configuration& configuration, web::Keys keys) override {
    access_->replace(std::move(keys.http_tokens));
    if (node_ && configuration.diameter) {
      node_->use_clients(configuration.diameter->clients);
      const auto& systems = configuration.diameter->charging_systems;
      {
        const std::scoped_lock lock(engine_->mutex());
        credit_control_->use_relays(!systems.empty());
      }
      node_->use_charging_systems(systems);
    }
    if (radius_ && configuration.radius) {
      if (const auto used = radius_->use_clients(configuration.radius->clients); !used) {
        log::error("radius.clients", "the clients of the file were not taken", used.error());
      }
    }
    for (const std::string& part : web::needs_restart(configuration_, configuration)) {
      log::warning("edge.reload_waits", "this part of the file holds from the next start on",
                   {{"part", part}});
    }
    log::info("edge.reloaded", "the file was read again");
  }

  void stop() override { stop_parts(); }

  Inherited hand_over() override {
    constexpr std::chrono::milliseconds relayed_wait{2000};
    Inherited out;
    out.any = true;
    const int http = http_->duplicate_listener();
    if (node_) out.sockets = node_->hand_over_all(relayed_wait);
    std::vector<int>& listeners = out.sockets.listeners;
    listeners.insert(listeners.begin(), http);
    for (const int socket : radius_ ? radius_->hand_over() : std::vector<int>()) {
      if (socket >= 0) listeners.push_back(socket);
    }
    stop_parts();
    return out;
  }

  [[nodiscard]] Ports ports() const override {
    Ports ports{.http = http_->port()};
    if (node_) {
      ports.diameter = node_->port();
      ports.diameter_tls = node_->tls_port();
    }
    if (radius_) {
      ports.radius_auth = radius_->auth_port();
      ports.radius_acct = radius_->acct_port();
      ports.radsec = radius_->radsec_port();
    }
    return ports;
  }

 private:
  Result<void> open_core(const web::Keys& keys) {
    const std::filesystem::path& data = configuration_.data;
    DAYAQ_TRY(auto centre_keys, CentreKeys::open(data / "centre.keys", keys.centre_keys));
    centre_keys_.emplace(std::move(centre_keys));
    access_to_centre_.emplace(
        CentreAccess::Options{.client_file = configuration_.centre.client_file, .token = keys.centre_token},
        random_, clock_);
    DAYAQ_TRY(replica_, Replica::open({.folder = data / "replica",
                                       .operator_code = configuration_.operator_code,
                                       .centre_keys = centre_keys_->of_disk(),
                                       .accept_older = configuration_.accept_restored,
                                       .heal = true},
                                      configuration_.services));
    DAYAQ_TRY(journal_, Journal::open({.folder = data / "journal"}));
    DAYAQ_TRY(engine_, Engine::open(configuration_.engine, configuration_.services, *replica_, *journal_,
                                    clock_.now()));
    return {};
  }

  Result<void> open_resources() {
    DAYAQ_TRY(resources_, ResourceList::open({.file = configuration_.data / "resources.note",
                                              .centre_keys = centre_keys_->of_disk(),
                                              .url = configuration_.centre.url,
                                              .token = {},
                                              .tls_authority = configuration_.centre.tls_authority,
                                              .access = &*access_to_centre_,
                                              .every = configuration_.resources_every},
                                             random_, clock_));
    listed_ = resources_->state().version;
    return {};
  }

  /// The list by which usage counts: the one whose rules the network was told, or the one that the file
  /// names.
  [[nodiscard]] std::uint32_t resources_in_use() const {
    return configuration_.diameter && configuration_.gx ? listed_.load() : configuration_.resources_version;
  }

  /// A newer list came: the network is told.
  void use_resources(const feed::Resources& list) {
    const std::scoped_lock lock(engine_->mutex());
    if (gx_) {
      if (const auto used = gx_->use(list); !used)
        return log::error("gx.list", "a list was not taken", used.error());
      node_->re_authorise_measure(diameter::newer_list);
    }
    listed_ = list.version;
  }

  Result<void> open_settler(web::Keys& keys) {
    DAYAQ_TRY(settlement_centre_,
              http_settlement_centre({.url = configuration_.centre.url,
                                      .token = {},
                                      .tls_authority = configuration_.centre.tls_authority,
                                      .access = &*access_to_centre_}));
    const SettlerOptions options{.folder = configuration_.data,
                                 .operator_code = configuration_.operator_code,
                                 .edge = configuration_.name,
                                 .zone = configuration_.engine.zone,
                                 .batch_every = configuration_.settle_every,
                                 .resources = [this] { return resources_in_use(); }};
    DAYAQ_TRY(settler_, Settler::open(options, std::move(*keys.signing),
                                      {.journal = *journal_,
                                       .engine = *engine_,
                                       .replica = *replica_,
                                       .services = configuration_.services,
                                       .centre = *settlement_centre_,
                                       .clock = clock_}));
    settler_->start();
    return {};
  }

  Result<void> open_diameter(diameter::Inheritance inherited) {
    if (!configuration_.diameter) return {};
    std::uint64_t leases = 0;
    {
      const std::scoped_lock lock(engine_->mutex());
      leases = engine_->counts().leases;
    }
    DAYAQ_TRY(const std::uint32_t state,
              diameter::origin_state_id(configuration_.data, leases > 0, clock_.now()));
    diameter::CreditControlOptions control = configuration_.credit_control;
    control.origin_state_id = state;
    const diameter::GxOptions gx{.origin_host = control.origin_host,
                                 .origin_realm = control.origin_realm,
                                 .origin_state_id = state,
                                 .line = control.line,
                                 .feed_key = control.feed_key,
                                 .understood_vendors = control.understood_vendors,
                                 .sessions_max = control.sessions_max};
    credit_control_.emplace(std::move(control), *engine_);
    diameter::NodeOptions options = *configuration_.diameter;
    if (configuration_.gx) {
      gx_.emplace(gx, configuration_.services, *engine_, replica_.get(), clock_);
      if (feed::Resources list = resources_->list(); list.version != 0)
        DAYAQ_TRY_OK(gx_->use(std::move(list)));
      credit_control_->attach(&*gx_);
      options.gx = [this](BytesView ccr, std::string_view peer, Instant now) {
        return gx_->on_request(ccr, peer, now);
      };
    }
    options.origin_state_id = state;
    options.inherited = std::move(inherited);
    DAYAQ_TRY(node_, diameter::Node::start(options, *credit_control_, *engine_, *journal_, clock_));
    return {};
  }

  Result<void> open_radius(std::vector<int> inherited) {
    if (!configuration_.radius) return {};
    radius::ServerOptions options = *configuration_.radius;
    options.inherited = std::move(inherited);
    DAYAQ_TRY(radius_, radius::Server::start(options, *engine_, *journal_, clock_));
    return {};
  }

  Result<void> follow() {
    const FollowerOptions options{.url = configuration_.centre.url,
                                  .token = {},
                                  .edge = configuration_.name,
                                  .tls_authority = configuration_.centre.tls_authority,
                                  .access = &*access_to_centre_,
                                  .keys = &*centre_keys_,
                                  .keys_changed = [this](const auto& now) { resources_->trust(now); },
                                  .accept_restored = configuration_.accept_restored};
    DAYAQ_TRY(follower_, Follower::start(options, *replica_, engine_->mutex(), random_, clock_));
    resources_->start([this](const feed::Resources& list) { use_resources(list); });
    return {};
  }

  void join_siblings(const web::Keys& keys) {
    SiblingsOptions options{.edge = configuration_.engine.edge,
                            .siblings = {},
                            .tokens = keys.http_tokens,
                            .sibling_silence = configuration_.engine.sibling_silence};
    for (std::size_t i = 0; i < configuration_.siblings.size(); ++i) {
      const web::SiblingOptions& sibling = configuration_.siblings[i];
      options.siblings.push_back({.edge = sibling.number,
                                  .url = sibling.url,
                                  .token = keys.sibling_tokens[i],
                                  .tls_authority = configuration_.centre.tls_authority});
    }
    siblings_ = Siblings::create(std::move(options), *engine_, *journal_, clock_);
    siblings_->add_routes(router_);
    siblings_->start();
  }

  /// What follows from a change of grants. Called under the engine's lock.
  void observe() {
    replica_->observe({.subscription_changed =
                           [this](SubscriptionKey key) {
                             changed();
                             if (node_) node_->re_authorise(key);
                             if (radius_) radius_->re_authorise(key);
                           },
                       .measure_changed = [this](MeasureNumber number) { measure_changed(number); },
                       .all_changed =
                           [this] {
                             changed();
                             for (MeasureNumber n = 0; node_ && n <= measures_looked_at; ++n) {
                               if (replica_->measure(n) != nullptr) node_->re_authorise_measure(n);
                             }
                             if (radius_) radius_->re_authorise_all();
                           }});
  }
  void measure_changed(MeasureNumber number) {
    changed();
    if (node_) node_->re_authorise_measure(number);
    if (radius_) radius_->re_authorise_all();
  }
  void changed() {
    applied_at_.store(to_micros(clock_.now()), std::memory_order_relaxed);
    if (tv_) tv_->forget_answers();
  }

  Result<void> serve(web::Keys& keys, int listener) {
    access_.emplace(configuration_.operator_code, std::move(keys.http_tokens));
    answers_ = std::make_shared<web::DurableAnswers>(*journal_, configuration_.engine.when_disk_full);
    journal_->add_waker([answers = answers_] { answers->wake(); });
    board_ = std::make_shared<web::StatusBoard>([this] { return read_status(); });
    web::add_decision_routes(router_,
                             std::make_shared<web::DecisionApi>(*engine_, *answers_, configuration_.services,
                                                                keys.feed_key, clock_));
    if (tv_) tv::add_routes(router_, tv_, clock_);
    http::add_operational_routes(router_, metrics_, [this] { return not_ready(); });
    web::add_metrics(metrics_, board_);
    web::add_status_route(router_, board_, history_, zone_);
    const web::HttpOptions& http = configuration_.http;
    DAYAQ_TRY(http_, http::Server::start({.address = http.address,
                                          .port = http.port,
                                          .io_threads = http.io_threads,
                                          .workers = 2,
                                          .tls_certificate = http.tls_certificate,
                                          .tls_key = http.tls_key,
                                          .inherited_listener = listener},
                                         router_, &*access_, &metrics_));
    return {};
  }

  /// For programs that start an edge on ports of the kernel's choice.
  Result<void> write_ports() const {
    const Ports p = ports();
    return write_file_atomically(
        configuration_.data / "ports.json",
        as_bytes(fmt::format(
            R"({{"http":{},"diameter":{},"diameter_tls":{},"radius_auth":{},"radius_acct":{},)"
            R"("radsec":{},"pid":{}}})"
            "\n",
            p.http, p.diameter, p.diameter_tls, p.radius_auth, p.radius_acct, p.radsec, ::getpid())));
  }

  [[nodiscard]] std::vector<std::string> not_ready() {
    std::vector<std::string> reasons;
    if (!opened_) reasons.emplace_back("The edge is starting.");
    if (stopping_) reasons.emplace_back("The edge is stopping.");
    const web::Status status = board_->now();
    for (const web::Worry& worry : web::worries(status)) {
      using enum web::Worry::What;
      if (worry.what == disk_failed) reasons.emplace_back("The journal's disk has failed.");
      if (worry.what == disk_full && configuration_.engine.when_disk_full == WhenDiskFull::refuse) {
        reasons.emplace_back("The journal's disk is full.");
      }
      if (worry.what == no_grants) reasons.emplace_back("No snapshot of the grants has come yet.");
    }
    return reasons;
  }

  [[nodiscard]] web::Status read_status() {
    web::Status status;
    status.at = clock_.now();
    status.started = started_;
    status.operator_code = configuration_.operator_code;
    status.name = configuration_.name;
    status.line = to_string(configuration_.line);
    status.version = DAYAQ_VERSION;
    status.number = configuration_.engine.edge;
    status.edges = configuration_.engine.edges;
    status.replica = replica_->state();
    {
      const std::scoped_lock lock(engine_->mutex());
      status.engine = engine_->counts();
      if (credit_control_) status.diameter_sessions = credit_control_->session_count();
    }
    status.disk = journal_->health();
    status.journal_last = journal_->last();
    status.journal_durable = journal_->durable();
    status.journal_kept = journal_->first_kept();
    status.answers_waiting = answers_->waiting();
    if (settler_) {
      const Settler::State state = settler_->state();
      status.settlement = {.made = state.number,
                           .confirmed = state.confirmed,
                           .waiting = state.waiting,
                           .waiting_since = state.waiting_since,
                           .trouble = state.trouble};
    }
    if (tv_) status.tv = tv_->counts();
    if (node_) status.diameter = node_->counts();
    if (radius_) status.radius = radius_->counts();
    if (follower_) {
      const Follower::State state = follower_->state();
      status.feed_connected = state.connected;
      status.feed_heard = state.last_heard;
      status.feed_behind = state.behind;
      status.feed_trouble = state.error;
    }
    const ResourceList::State listed = resources_->state();
    status.resources_version = listed.version;
    status.resources_refused = listed.refused;
    status.resources_trouble = listed.trouble;
    for (const Siblings::State& state : siblings_->state()) {
      const auto named = std::ranges::find(configuration_.siblings, state.edge, &web::SiblingOptions::number);
      status.siblings.push_back({.name = named == configuration_.siblings.end() ? "" : named->name,
                                 .number = state.edge,
                                 .heard = state.heard,
                                 .sequence = state.through,
                                 .behind = state.behind});
    }
    const Instant applied = from_micros(applied_at_.load(std::memory_order_relaxed));
    if (applied > status.replica.said && status.replica.said != instant_min) {
      status.feed_lag = std::chrono::floor<std::chrono::milliseconds>(applied - status.replica.said);
    }
    return status;
  }

  void tick() {
    std::unique_lock lock(ticker_mutex_);
    while (!ticker_wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_.load(); })) {
      const Instant now = clock_.now();
      if (tv_) tv_->tick(now);
      history_->add(board_->now());
      const std::scoped_lock engine(engine_->mutex());
      engine_->tick(now);
    }
  }

  void stop_parts() {
    if (stopping_.exchange(true)) return;
    {
      const std::scoped_lock lock(ticker_mutex_);
    }
    ticker_wake_.notify_all();
    if (ticker_.joinable()) ticker_.join();
    if (follower_) follower_->stop();
    if (resources_) resources_->stop();
    if (siblings_) siblings_->stop();
    if (node_) node_->stop();
    if (radius_) radius_->stop();
    if (http_) http_->stop();
    if (tv_) tv_->finish(clock_.now());
    if (settler_) settler_->stop();
    std::error_code gone;
    std::filesystem::remove(configuration_.data / "ports.json", gone);
  }

  const web::Configuration configuration_;
  const Clock& clock_;
  FileLock lock_;
  const Zone zone_;
  Instant started_;
  std::optional<CentreKeys> centre_keys_;  // before the follower, which changes it
  SystemRandom random_;
  std::optional<CentreAccess> access_to_centre_;  // before those that call the centre
  std::unique_ptr<Replica> replica_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<SettlementCentre> settlement_centre_;
  std::atomic<std::uint32_t> listed_{0};  ///< version of the list that the network is told
  std::unique_ptr<Settler> settler_;
  std::optional<diameter::Gx> gx_;  // before what calls it
  std::optional<diameter::CreditControl> credit_control_;
  std::unique_ptr<diameter::Node> node_;
  std::unique_ptr<radius::Server> radius_;
  std::unique_ptr<Follower> follower_;
  std::unique_ptr<Siblings> siblings_;
  std::unique_ptr<ResourceList> resources_;       // its thread tells gx_ and node_
  std::atomic<std::int64_t> applied_at_{0};       ///< when the last change came into force
  std::shared_ptr<tv::Authorizer> tv_;            // shared with its routes
  std::shared_ptr<web::DurableAnswers> answers_;  // shared with the journal's waker
  std::shared_ptr<web::History> history_ = std::make_shared<web::History>();  // shared with the page
  std::shared_ptr<web::StatusBoard> board_;                                   // shared with the metrics
  std::optional<web::Access> access_;
  http::Router router_;
  http::Metrics metrics_;
  std::unique_ptr<http::Server> http_;

  std::atomic<bool> opened_{false}, stopping_{false};
  std::mutex ticker_mutex_;
  std::condition_variable ticker_wake_;
  std::thread ticker_;
};

}  // namespace

Result<std::unique_ptr<Edge>> Edge::start(web::Configuration configuration, web::Keys keys,
                                          const Clock& clock, Inherited inherited) {
  std::error_code error;
  std::filesystem::create_directories(configuration.engine.folder, error);  // in the data folder
  if (error) {
    return fail(ErrorKind::unavailable, "edge.data",
                fmt::format("The data folder {} can't be made. Look at its owner and permissions.",
                            configuration.data.string()),
                error.message());
  }
  DAYAQ_TRY(FileLock lock, FileLock::acquire(configuration.data / "lock"));
  auto edge = std::make_unique<WiredEdge>(std::move(configuration), clock, std::move(lock));
  DAYAQ_TRY_OK(edge->open(std::move(keys), std::move(inherited)));
  return edge;
}

}  // namespace dayaq::edge
