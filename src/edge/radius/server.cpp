// The shell around the responder: sockets, the loop's one thread, and answers that wait for the disk.
#include "edge/radius/server.hpp"

#include <fcntl.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>

#include "base/log.hpp"
#include "edge/radius/datagrams.hpp"
#include "edge/radius/radsec.hpp"

namespace dayaq::edge::radius {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t batches_max = 16;      // of one socket before the others get their turn
constexpr std::size_t held_max = 1'000'000;  // answers that wait for the disk

/// A socket and the loop's watch over it.
struct Port {
  Port(asio::io_context& loop, DatagramSocket&& from)
      : socket(std::move(from)), watch(loop, socket.descriptor()) {}
  ~Port() { watch.release(); }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  DatagramSocket socket;
  asio::posix::stream_descriptor watch;
  std::vector<Letter> letters;  ///< to be sent at the end of the batch
};

/// What the journal's thread knows of the loop; outlives the server, since a waker can't be taken back.
struct Wake {
  std::mutex mutex;
  asio::io_context* loop = nullptr;  ///< null once the server is gone
  std::function<void()> flush;
  std::atomic<bool> posted{false};
};

class ServerOnAsio final : public Server {
 public:
  ServerOnAsio(const ServerOptions& options, Journal& journal, const Clock& clock)
      : options_(options), journal_(journal), clock_(clock) {}
  ~ServerOnAsio() override { stop(); }

  Result<void> open(Engine& engine) {
    DAYAQ_TRY(responder_, Responder::create(options_, engine, random_));
    DAYAQ_TRY(Endpoint local, local_endpoint());
    const auto open_port = [&](std::uint16_t port, std::size_t number,
                               std::unique_ptr<Port>& to) -> Result<void> {
      local.port = port;
      const int descriptor = inherited(number);
      DAYAQ_TRY(DatagramSocket socket,
                descriptor >= 0 ? DatagramSocket::adopt(descriptor) : DatagramSocket::bind(local));
      to = std::make_unique<Port>(loop_, std::move(socket));
      return {};
    };
    DAYAQ_TRY_OK(open_port(options_.auth_port, 0, auth_));
    DAYAQ_TRY_OK(open_port(options_.acct_port, 1, acct_));
    DAYAQ_TRY_OK(open_port(0, 3, coa_));
    if (!options_.proxy_auth.empty()) {
      DAYAQ_TRY(operator_access_, parse_endpoint(options_.proxy_auth));
    }
    if (!options_.proxy_acct.empty()) {
      DAYAQ_TRY(operator_accounting_, parse_endpoint(options_.proxy_acct));
    }
    if (options_.radsec_port != 0 || !options_.tls_certificate.empty()) {
      DAYAQ_TRY(radsec_, RadSec::start(
                             loop_, options_,
                             [this](std::span<const Incoming> batch) {
                               responder_->handle(batch, now(), out_);
                               dispatch();
                             },
                             [this](const Endpoint& ended) { responder_->closed(ended); }, inherited(2)));
    }
    return {};
  }

  void serve() {
    wake_->loop = &loop_;
    wake_->flush = [this] { flush_held(); };
    journal_.add_waker([wake = wake_] {
      if (wake->posted.exchange(true)) return;
      const std::scoped_lock lock(wake->mutex);
      if (wake->loop != nullptr) asio::post(*wake->loop, [wake] { wake->flush(); });
    });
    listen(*auth_, [this](std::span<const Inbox::Datagram> got) { requests(got, false); });
    listen(*acct_, [this](std::span<const Inbox::Datagram> got) { requests(got, true); });
    listen(*coa_, [this](std::span<const Inbox::Datagram> got) {
      for (const auto& datagram : got) responder_->from_nas(datagram.from, datagram.bytes, now(), out_);
      dispatch();
    });
    schedule();
    thread_ = std::thread([this] { loop_.run(); });
    log::info("radius.serving", "RADIUS is answered",
              {{"auth_port", auth_port()}, {"acct_port", acct_port()}});
  }

  void stop() override {
    if (!thread_.joinable()) return;
    asio::post(loop_, [this] { end(); });
    thread_.join();
    const std::scoped_lock lock(wake_->mutex);
    wake_->loop = nullptr;
  }

  std::vector<int> hand_over() override {
    const auto copy = [](const Port& port) { return ::fcntl(port.socket.descriptor(), F_DUPFD_CLOEXEC, 0); };
    // Before the end: at no moment has nobody the sockets.
    std::vector<int> out{copy(*auth_), copy(*acct_), radsec_ ? radsec_->duplicate_listener() : -1};
    stop();
    return out;
  }

  [[nodiscard]] std::uint16_t auth_port() const override { return auth_->socket.port(); }
  [[nodiscard]] std::uint16_t acct_port() const override { return acct_->socket.port(); }
  [[nodiscard]] std::uint16_t radsec_port() const override { return radsec_ ? radsec_->port() : 0; }

  void re_authorise(SubscriptionKey key) override {
    const std::scoped_lock lock(changed_mutex_);
    changed_.push_back(key);
    if (changed_.size() == 1) asio::post(loop_, [this] { take_changed(); });
  }

  void re_authorise_all() override {
    asio::post(loop_, [this] {
      responder_->re_authorise_all();
      tick();
    });
  }

  Result<void> use_clients(std::vector<ClientOptions> clients) override {
    DAYAQ_TRY_OK(Clients::create(clients));
    asio::post(loop_, [this, clients = std::move(clients)] {
      if (const auto used = responder_->use_clients(clients); !used) {
        log::error("radius.clients", "the clients of the file were not taken", used.error());
      }
    });
    return {};
  }

  [[nodiscard]] Counts counts() const override {
    const std::scoped_lock lock(counts_mutex_);
    return counts_;
  }

 private:
  [[nodiscard]] Result<Endpoint> local_endpoint() const {
    Endpoint local;
    DAYAQ_TRY(local.address, parse_address(options_.address));
    return local;
  }
  [[nodiscard]] int inherited(std::size_t number) const {
    return number < options_.inherited.size() ? options_.inherited[number] : -1;
  }

  /// Reads nothing more, and ends once the disk has what is to be answered.
  void end() {
    ending_ = true;
    for (const auto* port : {&auth_, &acct_}) (*port)->watch.cancel();
    end_by_ = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    end_when_answered();
  }

  void end_when_answered() {
    flush_held();
    if (held_.empty() || std::chrono::steady_clock::now() >= end_by_) {
      if (radsec_) radsec_->stop();
      loop_.stop();
      return;
    }
    timer_.expires_after(std::chrono::milliseconds(5));
    timer_.async_wait([this](const error_code&) { end_when_answered(); });
  }

  [[nodiscard]] Moment now() const {
    return {.wall = clock_.now(), .steady = std::chrono::steady_clock::now()};
  }

  template <class Handler>
  void listen(Port& port, Handler handler) {
    port.watch.async_wait(asio::posix::stream_descriptor::wait_read,
                          [this, &port, handler](const error_code& error) {
                            if (error || ending_) return;
                            for (std::size_t i = 0; i < batches_max; ++i) {
                              const auto got = inbox_.receive(port.socket);
                              if (!got.empty()) handler(got);
                              if (got.size() < datagrams_max) break;
                            }
                            listen(port, handler);
                          });
  }

  void requests(std::span<const Inbox::Datagram> got, bool accounting) {
    batch_.clear();
    for (const auto& datagram : got)
      batch_.push_back({.from = datagram.from, .accounting_port = accounting, .bytes = datagram.bytes});
    responder_->handle(batch_, now(), out_);
    dispatch();
  }

  /// Sends what the responder made, or holds it until the disk has it.
  void dispatch() {
    const std::uint64_t durable = journal_.durable();
    for (Outgoing& message : out_) {
      if (message.after <= durable) {
        put(message);
      } else if (held_.size() < held_max) {
        held_.push_back(std::move(message));
      }
    }
    {  // before anybody can have the answer that they count
      const std::scoped_lock lock(counts_mutex_);
      counts_ = responder_->counts();
    }
    post_letters();
    out_.clear();
  }

  void flush_held() {
    wake_->posted = false;  // before looking: a group that ends now wakes again
    const std::uint64_t durable = journal_.durable();
    flushing_.clear();
    while (!held_.empty() && held_.front().after <= durable) {
      flushing_.push_back(std::move(held_.front()));
      held_.pop_front();
    }
    for (Outgoing& message : flushing_) put(message);
    post_letters();
  }

  void put(Outgoing& message) {
    switch (message.way) {
      case Way::reply:
        if (message.to.stream != 0) {
          radsec_->send(message.to.stream, std::move(message.bytes));
          return;
        }
        (message.accounting_port ? acct_ : auth_)
            ->letters.push_back({.to = message.to, .bytes = message.bytes});
        return;
      case Way::change:
        if (message.to.stream != 0) {
          radsec_->send(message.to.stream, std::move(message.bytes));
          return;
        }
        coa_->letters.push_back({.to = message.to, .bytes = message.bytes});
        return;
      case Way::access_on:
        towards(access_ports_, operator_access_, false, message);
        return;
      case Way::accounting_on:
        towards(accounting_ports_, operator_accounting_, true, message);
        return;
    }
  }

  /// Opens further sockets towards the operator's server as their identifiers are needed.
  void towards(std::vector<std::unique_ptr<Port>>& ports, const Endpoint& server, bool accounting,
               const Outgoing& message) {
    while (ports.size() <= message.socket) {
      auto socket = DatagramSocket::connect(server);
      if (!socket) {
        log::error("radius.operator_socket", "no socket towards the operator's server", socket.error());
        return;
      }
      const auto number = std::uint32_t(ports.size());
      ports.push_back(std::make_unique<Port>(loop_, std::move(*socket)));
      listen(*ports.back(), [this, accounting, number](std::span<const Inbox::Datagram> got) {
        for (const auto& datagram : got)
          responder_->from_operator(accounting, number, datagram.bytes, now(), out_);
        dispatch();
      });
    }
    ports[message.socket]->letters.push_back({.to = {}, .bytes = message.bytes});
  }

  void post_letters() {
    const auto post = [](Port& port) {
      if (!port.letters.empty()) send_all(port.socket, port.letters);
      port.letters.clear();
    };
    post(*auth_);
    post(*acct_);
    post(*coa_);
    for (const auto& port : access_ports_) post(*port);
    for (const auto& port : accounting_ports_) post(*port);
  }

  void take_changed() {
    std::vector<SubscriptionKey> keys;
    {
      const std::scoped_lock lock(changed_mutex_);
      keys.swap(changed_);
    }
    responder_->re_authorise(keys, now());
    tick();
  }

  void tick() {
    responder_->tick(now(), out_);
    dispatch();
    report();
    schedule();
  }

  void schedule() {
    if (ending_) return;
    timer_.expires_after(responder_->busy() ? std::chrono::milliseconds(20)
                                            : std::chrono::milliseconds(1000));
    timer_.async_wait([this](const error_code& error) {
      if (!error) tick();
    });
  }

  /// What an operator should know of, once a minute at most.
  void report() {
    const auto steady = std::chrono::steady_clock::now();
    if (steady - reported_ < std::chrono::minutes(1)) return;
    const Counts counts = responder_->counts();
    const auto more = [](std::uint64_t now, std::uint64_t before) { return now - before; };
    if (const auto count = more(counts.bad_authenticator, told_.bad_authenticator)) {
      log::warning("radius.bad_authenticator", "packets with a wrong or missing proof were dropped",
                   {{"count", count}});
    }
    if (const auto count = more(counts.unknown_client, told_.unknown_client)) {
      log::warning("radius.unknown_client", "packets of unknown addresses were dropped", {{"count", count}});
    }
    if (const auto count = more(counts.operator_silent, told_.operator_silent)) {
      log::warning("radius.operator_silent", "the operator's server did not answer", {{"count", count}});
    }
    if (const auto count =
            more(counts.coa_unanswered + counts.coa_refused, told_.coa_unanswered + told_.coa_refused)) {
      log::warning("radius.changes", "changes of authorisation were refused or not answered",
                   {{"count", count}});
    }
    told_ = counts;
    reported_ = steady;
  }

  const ServerOptions options_;
  Journal& journal_;
  const Clock& clock_;
  SystemRandom random_;
  asio::io_context loop_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(loop_);
  std::unique_ptr<Responder> responder_;
  std::unique_ptr<Port> auth_, acct_, coa_;
  std::vector<std::unique_ptr<Port>> access_ports_, accounting_ports_;
  Endpoint operator_access_, operator_accounting_;
  std::unique_ptr<RadSec> radsec_;
  Inbox inbox_;
  std::vector<Incoming> batch_;
  std::vector<Outgoing> out_, flushing_;
  std::deque<Outgoing> held_;
  asio::steady_timer timer_{loop_};
  // Shared with the journal's thread, which may call after this server is gone.
  std::shared_ptr<Wake> wake_ = std::make_shared<Wake>();
  std::mutex changed_mutex_;
  std::vector<SubscriptionKey> changed_;
  mutable std::mutex counts_mutex_;
  Counts counts_, told_;
  Steady reported_{}, end_by_{};
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, Engine& engine, Journal& journal,
                                              const Clock& clock) {
  auto server = std::make_unique<ServerOnAsio>(options, journal, clock);
  DAYAQ_TRY_OK(server->open(engine));
  server->serve();
  return server;
}

}  // namespace dayaq::edge::radius
