#include "edge/diameter/node_core.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/log.hpp"

namespace dayaq::edge::diameter {

namespace {

std::uint32_t random_u32(Random& random) {
  std::array<std::byte, 4> bytes{};
  random.fill(bytes);
  BytesView view(bytes);
  std::uint32_t value = 0;
  (void)take_le(view, value);
  return value;
}

std::uint32_t seconds_of(const Clock& clock) {
  return std::uint32_t(to_micros(clock.now()) / 1'000'000);
}

std::unexpected<Error> cannot_bind(const NodeOptions& options, std::uint16_t port, const std::string& why) {
  return fail(ErrorKind::unavailable, "diameter.bind", "The Diameter port can't be listened on.",
              options.address + ":" + std::to_string(port) + ": " + why);
}

/// A socket around a descriptor of another process.
Result<tcp::socket> adopt(asio::io_context& context, int descriptor) {
  int domain = AF_INET;
  socklen_t size = sizeof domain;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) {
    return fail(ErrorKind::unavailable, "diameter.hand_over", "The connections could not be handed over.");
  }
  tcp::socket socket(context);
  error_code error;
  socket.assign(domain == AF_INET6 ? tcp::v6() : tcp::v4(), descriptor, error);
  if (error) {
    return fail(ErrorKind::unavailable, "diameter.hand_over", "The connections could not be handed over.",
                error.message());
  }
  return socket;
}

}  // namespace

NodeCore::NodeCore(const NodeOptions& options, std::shared_ptr<Charging> charging, const Clock& clock)
    : options_(options),
      may_connect_(options.clients),
      charging_(std::move(charging)),
      clock_(clock),
      self_{.origin_host = options.origin_host,
            .origin_realm = options.origin_realm,
            .origin_state_id = options.origin_state_id,
            .ip4 = 0x7f000001,
            .gx = options.gx != nullptr},
      hop_by_hop_(random_u32(random_)),
      end_to_end_(seconds_of(clock), random_u32(random_)),
      inheritance_(options.inherited) {
  error_code error;
  const auto address = asio::ip::make_address_v4(options.address, error);
  if (!error && !address.is_unspecified()) self_.ip4 = address.to_uint();
  const Relay::Times times{.timeout = options.relay_timeout,
                           .reconnect = options.reconnect,
                           .watchdog = options.watchdog,
                           .peer = {}};
  const auto jitter = [this] { return double(random_u32(random_)) / 2147483648.0 - 1.0; };
  relay_.emplace(
      *this, options.charging_systems, times, jitter,
      Relay::Calls{.connect = [this](const PeerOptions& to, auto done) { connect(to, done); },
                   .finished = [this](Relayed relayed,
                                      BytesView answer) { finish_relayed(std::move(relayed), answer); }});
  re_auth_.emplace(ReAuth::Limits{.per_second = options.re_auth_per_second},
                   ReAuth::Calls{.of_subscription =
                                     [this](SubscriptionKey key) {
                                       lock();
                                       return charging_->sessions_of(key);
                                     },
                                 .under_measure =
                                     [this](MeasureNumber measure, std::size_t limit, std::uint64_t& cursor) {
                                       lock();
                                       return charging_->sessions_under(measure, limit, cursor);
                                     },
                                 .send = [this](const auto& session) { return send_re_auth(session); },
                                 .forget =
                                     [this](const auto& session) {
                                       lock();
                                       charging_->forget(session.session_id);
                                     }});
}

NodeCore::~NodeCore() {
  // Peers hold references to this node: they go first, silently.
  for (const auto& peer : clients_) peer->connection().close();
}

Result<void> NodeCore::open() {
  DAYAQ_TRY_OK(configure_tls());
  std::vector<int> inherited = std::exchange(inheritance_.listeners, {});
  if (inherited.empty() && options_.inherited_listener >= 0) inherited = {options_.inherited_listener};
  inherited.resize(2, -1);
  DAYAQ_TRY_OK(listen(options_.port, false, inherited[0]));
  if (options_.tls_port != 0 || inherited[1] >= 0)
    DAYAQ_TRY_OK(listen(options_.tls_port, true, inherited[1]));
  for (auto& connection : inheritance_.connections) take_over(connection);
  inheritance_ = {};
  for (Listener& listener : listeners_) accept(listener);
  relay_->connect_all(SteadyClock::now());
  schedule_tick();
  publish();
  return {};
}

Result<void> NodeCore::load_tls(asio::ssl::context& context, bool server) const {
  const auto strict = asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                      asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                      asio::ssl::context::no_tlsv1_1;
  const auto failed = [](const std::string& what, const error_code& error) {
    return fail(ErrorKind::invalid_input, "diameter.tls",
                "The certificate, key or authority for Diameter over TLS can't be used.",
                what + ": " + error.message());
  };
  error_code error;
  context.set_options(strict);
  if (!options_.tls_certificate.empty()) {
    context.use_certificate_chain_file(options_.tls_certificate, error);
    if (error) return failed(options_.tls_certificate, error);
    context.use_private_key_file(options_.tls_key, asio::ssl::context::pem, error);
    if (error) return failed(options_.tls_key, error);
  }
  if (!options_.tls_authority.empty()) {
    context.load_verify_file(options_.tls_authority, error);
    if (error) return failed(options_.tls_authority, error);
    context.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
  } else if (!server) {
    context.set_default_verify_paths(error);
    context.set_verify_mode(asio::ssl::verify_peer);
  }
  return {};
}

Result<void> NodeCore::configure_tls() {
  const bool listens = options_.tls_port != 0 || options_.inherited.listeners.size() > 1;
  if (listens) {
    tls_server_.emplace(asio::ssl::context::tls_server);
    DAYAQ_TRY_OK(load_tls(*tls_server_, true));
  }
  if (std::ranges::any_of(options_.charging_systems, &PeerOptions::tls)) {
    tls_client_.emplace(asio::ssl::context::tls_client);
    DAYAQ_TRY_OK(load_tls(*tls_client_, false));
  }
  return {};
}

Result<void> NodeCore::listen(std::uint16_t port, bool tls, int inherited) {
  error_code error;
  tcp::acceptor acceptor(context_);
  if (inherited >= 0) {
    acceptor.assign(tcp::v4(), inherited, error);
    if (error) return cannot_bind(options_, port, error.message());
  } else {
    const auto address = asio::ip::make_address(options_.address, error);
    if (error) return cannot_bind(options_, port, error.message());
    const tcp::endpoint endpoint(address, port);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(1024, error);
    if (error) return cannot_bind(options_, port, error.message());
  }
  listeners_.push_back({.acceptor = std::move(acceptor), .tls = tls});
  return {};
}

std::uint16_t NodeCore::port(bool tls) const {
  for (const Listener& listener : listeners_) {
    error_code error;
    if (listener.tls == tls) return listener.acceptor.local_endpoint(error).port();
  }
  return 0;
}

void NodeCore::accept(Listener& listener) {
  listener.acceptor.async_accept([this, &listener](error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted || !listener.acceptor.is_open()) return;
    if (error) {
      // Out of descriptors, mostly: what can't be taken now is taken when somebody has gone.
      log::warning("diameter.accept", "A connection can't be accepted", {{"why", error.message()}});
      auto timer = std::make_shared<asio::steady_timer>(context_, std::chrono::milliseconds(100));
      timer->async_wait([this, &listener, timer](error_code stopped) {
        if (!stopped && listener.acceptor.is_open()) accept(listener);
      });
      return;
    }
    if (clients_.size() < options_.peers_max) take(std::move(socket), listener.tls);
    accept(listener);
  });
}

std::shared_ptr<Watchdog> NodeCore::new_watchdog() {
  return std::make_shared<Watchdog>(options_.watchdog,
                                    [this] { return double(random_u32(random_)) / 2147483648.0 - 1.0; });
}

void NodeCore::take(tcp::socket socket, bool tls) {
  auto stream = tls ? tls_stream(std::move(socket), *tls_server_, true) : tcp_stream(std::move(socket));
  auto peer = std::make_shared<Peer>(*this, Peer::Role::client, tls, std::move(stream), new_watchdog(),
                                     Peer::Times{});
  clients_.insert(peer);
  peer->start();
}

/// A connection of the process before goes on.
void NodeCore::take_over(Inheritance::Connection& connection) {
  auto socket = adopt(context_, std::exchange(connection.descriptor, -1));
  if (!socket) return log::error("diameter.taken_over", "A connection was not taken over", socket.error());
  auto peer = std::make_shared<Peer>(*this, Peer::Role::client, false, tcp_stream(std::move(*socket)),
                                     new_watchdog(), Peer::Times{});
  clients_.insert(peer);
  Identity identity{.origin_host = connection.origin_host,
                    .origin_realm = connection.origin_realm,
                    .origin_state_id = connection.origin_state_id,
                    .credit_control = true,
                    .gx = true};
  peer->resume(std::move(identity), std::move(connection.unread), connection.unsent);
}

void NodeCore::connect(const PeerOptions& options,
                       std::function<void(std::unique_ptr<Stream>, std::string)> done) {
  const std::size_t colon = options.address.rfind(':');
  const std::string host = options.address.substr(0, colon);
  const std::string port = colon == std::string::npos ? "3868" : options.address.substr(colon + 1);
  const bool tls = options.tls;
  auto socket = std::make_shared<tcp::socket>(context_);
  resolver_.async_resolve(
      host, port, [this, socket, done, tls](error_code error, tcp::resolver::results_type found) {
        if (error || found.empty()) return done(nullptr, error.message());
        socket->async_connect(found.begin()->endpoint(), [this, socket, done, tls](error_code refused) {
          if (refused) return done(nullptr, refused.message());
          done(tls ? tls_stream(std::move(*socket), *tls_client_, false) : tcp_stream(std::move(*socket)),
               {});
        });
      });
}

std::shared_ptr<Peer> NodeCore::find_client(std::string_view origin_host) const {
  for (const auto& peer : clients_) {
    if (peer->reachable() && same_identity(peer->name(), origin_host)) return peer;
  }
  return nullptr;
}

/// The result code for one who says who it is.
std::uint32_t NodeCore::may_come_in(const Peer& peer) const {
  const auto known = std::ranges::find_if(may_connect_, [&](const PeerOptions& client) {
    return client.origin_host == "*" || same_identity(client.origin_host, peer.name());
  });
  if (known == may_connect_.end() || same_identity(peer.name(), self_.origin_host)) {
    return result::unknown_peer;
  }
  if (known->tls && !peer.tls()) return result::unknown_peer;
  if (!peer.certified(*known)) {
    log::warning("diameter.certificate", "A peer's certificate is of another name", {{"peer", peer.name()}});
    return result::unknown_peer;
  }
  if (!peer.identity().credit_control && !(peer.identity().gx && options_.gx)) {
    return result::no_common_application;
  }
  return phase_ == Phase::running ? result::success : result::too_busy;
}

void NodeCore::use_clients(std::vector<PeerOptions> clients) {
  may_connect_ = std::move(clients);
  if (phase_ != Phase::running) return;
  const auto all = clients_;  // who leaves may be erased meanwhile
  for (const auto& peer : all) {
    if (peer->open() && may_come_in(*peer) != result::success) {
      log::warning("diameter.peer_unlisted", "A peer is no longer in the file", {{"peer", peer->name()}});
      peer->disconnect(disconnect_cause::do_not_want);
    }
  }
}

void NodeCore::use_charging_systems(const std::vector<PeerOptions>& systems) {
  if (phase_ != Phase::running) return;
  if (!tls_client_ && std::ranges::any_of(systems, &PeerOptions::tls)) {
    tls_client_.emplace(asio::ssl::context::tls_client);
    if (const auto loaded = load_tls(*tls_client_, false); !loaded) {
      tls_client_.reset();
      return log::error("diameter.charging_systems", "the charging systems of the file were not taken",
                        loaded.error());
    }
  }
  relay_->use_systems(systems, SteadyClock::now());
}

/// A second connection of a peer that is here: RFC 6733 section 5.6.4 would refuse it, and a peer that lost
/// power would be refused until its old connection's watchdog gives up, a minute of no service. So the old
/// one is asked: one that answers stays (ELECTION_LOST to the new), one that doesn't within two seconds goes,
/// and one that a higher Origin-State-Id proves dead goes at once.
void NodeCore::on_capabilities(Peer& peer, const Capabilities& capabilities) {
  if (capabilities.result != result::success) {
    return admit(peer, capabilities.result, capabilities.failed_avp);
  }
  const std::uint32_t verdict = may_come_in(peer);
  const auto first = find_client(peer.name());
  if (verdict != result::success || !first) return admit(peer, verdict);
  const std::uint32_t before = first->identity().origin_state_id;
  if (before != 0 && peer.identity().origin_state_id > before) {
    first->close("was started again");
    return admit(peer, verdict);
  }
  const TimePoint now = SteadyClock::now();
  contests_.push_back({.first = first,
                       .second = peer.shared_from_this(),
                       .asked = now,
                       .deadline = now + std::chrono::seconds(2)});
  first->probe();
}

void NodeCore::settle_contests(TimePoint now) {
  std::erase_if(contests_, [&](const Contest& contest) {
    const auto first = contest.first.lock(), second = contest.second.lock();
    if (!second || second->state() != Peer::State::deciding) return true;
    if (first && first->reachable() && first->last_heard() > contest.asked) {
      admit(*second, result::election_lost);
      return true;
    }
    const bool gone = !first || !first->reachable();
    if (!gone && now < contest.deadline) return false;
    if (!gone) first->close("its peer has connected again");
    admit(*second, result::success);
    return true;
  });
}

void NodeCore::admit(Peer& peer, std::uint32_t result_code, BytesView failed_avp) {
  if (result_code != result::success) {
    log::warning("diameter.peer_refused", "A peer was refused",
                 {{"peer", peer.name()}, {"result", result_code}});
  }
  peer.finish_capabilities(result_code, failed_avp);
}

void NodeCore::on_open(Peer& peer) {
  log::info("diameter.peer_open", "A peer is connected", {{"peer", peer.name()}});
  publish();
}

void NodeCore::on_suspect(Peer& peer) {
  log::warning("diameter.peer_suspect", "A peer is silent", {{"peer", peer.name()}});
  if (peer.role() == Peer::Role::charging_system) relay_->fail_over(peer);
  publish();
}

void NodeCore::on_okay(Peer& peer) {
  (void)peer;
  publish();
}

/// From within the peer's own calls: what follows from it is done by the loop, when they have returned.
void NodeCore::on_down(Peer& peer, std::string_view why) {
  log::info("diameter.peer_down", "A peer's connection ended", {{"peer", peer.name()}, {"why", why}});
  asio::post(context_, [this, ended = peer.shared_from_this()] {
    if (ended->role() == Peer::Role::charging_system) {
      relay_->on_down(*ended, SteadyClock::now());
    } else {
      if (!find_client(ended->name())) re_auth_->on_peer_down(ended->name());
      clients_.erase(ended);
    }
    end_batch();
    publish();
  });
}

void NodeCore::schedule_tick() {
  using std::chrono::milliseconds;
  const auto period = phase_ == Phase::running ? std::clamp(milliseconds(options_.watchdog / 10),
                                                            milliseconds(10), milliseconds(100))
                                               : milliseconds(5);
  tick_timer_.expires_after(period);
  tick_timer_.async_wait([this](error_code error) {
    if (error) return;
    tick();
    if (phase_ != Phase::ended) schedule_tick();
  });
}

void NodeCore::tick() {
  const TimePoint now = SteadyClock::now();
  for (const auto& peer : clients_) peer->tick(now);
  settle_contests(now);
  relay_->tick(now);
  std::erase_if(forwarded_, [&](const auto& entry) { return entry.second.deadline <= now; });
  release_durable();
  if (now >= next_second_) {
    next_second_ = now + std::chrono::seconds(1);
    lock();
    charging_->tick(now_);
  }
  end_batch();
  publish();
  if (phase_ != Phase::running) continue_stop(now);
}

void NodeCore::publish() {
  Node::Counts counts{.requests = requests_,
                      .answers = answers_,
                      .relayed = relayed_,
                      .relay_failed = relay_failed_,
                      .busy = busy_,
                      .malformed = malformed_,
                      .mismatched = mismatched_,
                      .refused = refused_};
  const ReAuth::Counts re_auth = re_auth_->counts();
  counts.re_auth_sent = re_auth.sent;
  counts.re_auth_waiting = re_auth.waiting;
  counts.re_auth_answered = re_auth.answered;
  counts.re_auth_unreachable = re_auth.unreachable;
  counts.re_auth_timed_out = re_auth.timed_out;
  for (const auto& peer : clients_) {
    if (!peer->name().empty()) counts.peers.emplace_back(peer->name(), peer->state_name());
  }
  relay_->describe(counts.peers);
  const std::scoped_lock guard(published_mutex_);
  published_ = std::move(counts);
}

Node::Counts NodeCore::counts() const {
  const std::scoped_lock guard(published_mutex_);
  Node::Counts out = published_;
  out.requests = requests_;
  out.answers = answers_;
  return out;
}

std::vector<int> NodeCore::stop_accepting() {
  std::vector<int> out;
  for (Listener& listener : listeners_) {
    error_code error;
    const int descriptor = listener.acceptor.release(error);
    if (!error) out.push_back(descriptor);
  }
  return out;
}

void NodeCore::begin_stop() {
  if (phase_ != Phase::running) return;
  for (Listener& listener : listeners_) {
    error_code ignored;
    listener.acceptor.close(ignored);
  }
  phase_ = Phase::answering;
  phase_deadline_ = SteadyClock::now() + std::min(options_.relay_timeout, std::chrono::milliseconds(2000));
  schedule_tick();
}

void NodeCore::begin_hand_over(std::chrono::milliseconds wait, std::function<void(Inheritance)> done) {
  hand_over_done_ = std::move(done);
  inheritance_.listeners = stop_accepting();
  for (const auto& peer : clients_) {
    if (peer->open() && !peer->tls()) peer->connection().stop_reading();
  }
  phase_ = Phase::answering;
  phase_deadline_ = SteadyClock::now() + wait;
  schedule_tick();
}

/// First what is under way is answered, then everybody is told, then it ends.
void NodeCore::continue_stop(TimePoint now) {
  const bool late = now >= phase_deadline_;
  if (phase_ == Phase::answering) {
    if (relay_->waiting() > 0 && !late) return;
    relay_->stop();
    end_batch();
    // What was decided is answered: the disk is waited for.
    if (held_ > 0 && now < phase_deadline_ + std::chrono::seconds(5)) return;
    phase_ = Phase::leaving;
    phase_deadline_ = now + std::chrono::milliseconds(1000);
    if (hand_over_done_) collect_inheritance();
    for (const auto& peer : std::vector(clients_.begin(), clients_.end())) {
      if (!hand_over_done_ || peer->tls() || !peer->open()) peer->disconnect(disconnect_cause::rebooting);
    }
    relay_->disconnect_all(disconnect_cause::rebooting);
    return;
  }
  const bool left = clients_.empty() && !relay_->any_connected() && releasing_ == 0;
  if (phase_ != Phase::leaving || (!left && !late)) return;
  phase_ = Phase::ended;
  for (const auto& peer : clients_) peer->connection().close();
  if (hand_over_done_) std::exchange(hand_over_done_, nullptr)(std::move(inheritance_));
  context_.stop();
}

void NodeCore::collect_inheritance() {
  for (const auto& peer : std::vector(clients_.begin(), clients_.end())) {
    if (!peer->open() || peer->tls()) continue;
    ++releasing_;
    peer->connection().release([this, peer](Connection::Released released) {
      --releasing_;
      clients_.erase(peer);
      if (released.descriptor < 0) return;
      inheritance_.connections.push_back({.descriptor = released.descriptor,
                                          .origin_host = peer->identity().origin_host,
                                          .origin_realm = peer->identity().origin_realm,
                                          .origin_state_id = peer->identity().origin_state_id,
                                          .unread = std::move(released.unread),
                                          .unsent = std::move(released.unsent)});
    });
  }
}

}  // namespace dayaq::edge::diameter
