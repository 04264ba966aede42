// The threads that tell clients: logout tokens and pings.
#include "identity/oidc/logout_sender.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "crypto/jwt.hpp"
#include "http/encoding.hpp"
#include "identity/oidc/authorize_seal.hpp"

namespace dayaq::identity::oidc {
namespace {

constexpr std::chrono::seconds logout_token_life{
    120};  ///< Back-Channel Logout section 2.4: two minutes at most
constexpr std::chrono::minutes retry_max{5};
constexpr std::int64_t batch = 64;
constexpr std::chrono::milliseconds look_every{1'000};

struct DueRow {
  std::int64_t id = 0;
  BackChannelMessage message;
  std::int64_t attempts = 0;
  Instant until;
};

enum class Outcome : std::uint8_t {
  done,   ///< taken, or refused for good
  again,  ///< nobody there, or busy
};

}  // namespace

std::optional<std::pair<std::string, std::string>> split_url(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  if (const auto name = url.substr(0, scheme); name != "https" && name != "http") return std::nullopt;
  const std::size_t end = std::min(url.find_first_of("/?#", scheme + 3), url.size());
  const std::string_view host = url.substr(scheme + 3, end - scheme - 3);
  if (host.empty() || host.find('@') != std::string_view::npos || url.find('#') != std::string_view::npos) {
    return std::nullopt;
  }
  std::string target(url.substr(end));
  if (target.empty() || target.front() != '/') target.insert(target.begin(), '/');
  return std::pair(std::string(url.substr(0, end)), std::move(target));
}

Result<void> queue_back_channel(store::Session& db, const Provider& provider,
                                const BackChannelMessage& message, Instant now) {
  return db.exec(
      R"(INSERT INTO identity_back_channel (id, kind, client, person, session, payload, attempts, next_at,
                                            until_at)
         VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8))",
      {static_cast<std::int64_t>(provider.random.next_id()), std::int64_t(message.kind), message.client,
       static_cast<std::int64_t>(message.person.value()), static_cast<std::int64_t>(message.session.value()),
       BytesView(message.payload), to_micros(now), to_micros(now + std::chrono::hours(24))});
}

Result<std::string> make_logout_token(const Provider& provider, const Client& client, PersonId person,
                                      SessionId session, Instant now) {
  DAYAQ_TRY(auto key, provider.keys.current(client.signing, now));
  const std::array audience{client.id};
  // Section 2.4: iss, aud, iat, exp, jti, events, and sub and sid; a nonce must not be there.
  crypto::ClaimsWriter claims;
  claims.audience(audience)
      .json("events", R"({"http://schemas.openid.net/event/backchannel-logout":{}})")
      .date("exp", now + logout_token_life)
      .date("iat", now)
      .text("iss", provider.issuer)
      .text("jti", draw_secret(provider.random))
      .text("sid", sid_of(provider, client, session))
      .text("sub", subject(provider, client, person));
  // Its own type, so that it can't pass for an ID token nor an ID token for it.
  return crypto::JwsSigner(std::move(key), "logout+jwt").sign(claims.finish());
}

// One thread looks for clients that are to be told something; a few tell them, each one client at a time and
// of one client's messages one after another. A client that doesn't answer holds one of them up, and all its
// messages wait together, ever longer.
struct BackChannel::State {
  State(const Provider& p, Options o)
      : provider(p), options(std::move(o)), stop_fd(::eventfd(0, EFD_CLOEXEC)) {
    options.http.cancel_fd = stop_fd;
  }
  ~State() {
    if (stop_fd >= 0) ::close(stop_fd);
  }

  const Provider& provider;
  Options options;
  int stop_fd;
  std::atomic<bool> pending{false};  ///< this transaction group queued something
  std::thread thread;
  std::vector<std::thread> workers;

  std::mutex mutex;  ///< of what follows
  std::condition_variable wake, work;
  bool stopping = false;
  bool woken = false;
  std::deque<std::string> waiting;                  ///< clients to be told
  std::set<std::string, std::less<>> busy;          ///< those, and those who are being told
  std::map<std::string, http::Client> connections;  ///< by client; of those who aren't being told now

  void look();
  void tell();
  [[nodiscard]] bool stops() {
    const std::lock_guard lock(mutex);
    return stopping;
  }
  Result<std::vector<std::string>> due_clients(Instant now);
  Result<std::vector<DueRow>> due(const std::string& client, Instant now);
  Outcome send(const DueRow& row, Instant now);
  Outcome post(const Client& client, const std::string& url, const std::string& body,
               const http::Client::Headers& headers);
  Result<void> settle(const std::string& client, const std::vector<DueRow>& done, const DueRow* failed,
                      Instant now);
  /// Tells one client what is due. Returns whether anything was.
  bool round(const std::string& client);
};

Result<std::vector<std::string>> BackChannel::State::due_clients(Instant now) {
  std::vector<std::string> out;
  DAYAQ_TRY_OK(provider.db.read([&](store::Session& db) -> Result<void> {
    return db.query("SELECT DISTINCT client FROM identity_back_channel WHERE next_at <= $1", {to_micros(now)},
                    [&](const store::Row& row) -> Result<bool> {
                      out.emplace_back(row.text(0));
                      return true;
                    });
  }));
  return out;
}

Result<std::vector<DueRow>> BackChannel::State::due(const std::string& client, Instant now) {
  std::vector<DueRow> rows;
  DAYAQ_TRY_OK(provider.db.read([&](store::Session& db) -> Result<void> {
    return db.query(
        R"(SELECT id, kind, client, person, session, payload, attempts, until_at
                       FROM identity_back_channel WHERE next_at <= $1 AND client = $2 ORDER BY next_at LIMIT $3)",
        {to_micros(now), client, batch}, [&](const store::Row& row) -> Result<bool> {
          rows.push_back({.id = row.integer(0),
                          .message = {.kind = static_cast<BackChannelKind>(row.integer(1)),
                                      .client = std::string(row.text(2)),
                                      .person = PersonId(static_cast<std::uint64_t>(row.integer(3))),
                                      .session = SessionId(static_cast<std::uint64_t>(row.integer(4))),
                                      .payload = Bytes(row.blob(5).begin(), row.blob(5).end())},
                          .attempts = row.integer(6),
                          .until = from_micros(row.integer(7))});
          return true;
        });
  }));
  return rows;
}

Outcome BackChannel::State::post(const Client& client, const std::string& url, const std::string& body,
                                 const http::Client::Headers& headers) {
  const auto address = split_url(url);
  if (!address) return Outcome::done;  // no such address is registered any more
  std::optional<http::Client> connection;
  {
    const std::lock_guard lock(mutex);
    if (auto held = connections.extract(client.id)) connection = std::move(held.mapped());
  }
  if (!connection) {
    auto made = http::Client::create(address->first, options.http);
    if (!made) return Outcome::done;
    connection = std::move(*made);
  }
  const auto answer = connection->post(address->second, body, headers);
  if (!answer) return Outcome::again;
  {
    const std::lock_guard lock(mutex);
    connections.insert_or_assign(client.id, std::move(*connection));
  }
  // Back-Channel Logout section 2.8: 200 (or 204) is done, 400 says that it was understood and refused:
  // sending it again would change nothing. CIBA section 10.2: 200 or 204; redirects aren't followed.
  if (answer->status < 300 || (answer->status >= 400 && answer->status < 500 && answer->status != 408 &&
                               answer->status != 425 && answer->status != 429)) {
    if (answer->status >= 300) {
      log::warning("oauth.back_channel_refused", "a client refused what it was told",
                   {{"client", client.id}, {"status", answer->status}});
    }
    return Outcome::done;
  }
  return Outcome::again;
}

Outcome BackChannel::State::send(const DueRow& row, Instant now) {
  const auto client = provider.clients.find(row.message.client);
  if (!client) return Outcome::done;
  if (row.message.kind == BackChannelKind::logout) {
    // Signed anew each time: a token lives two minutes, and its jti works once.
    const auto token = make_logout_token(provider, *client, row.message.person, row.message.session, now);
    if (!token) return Outcome::again;
    return post(*client, client->backchannel_logout_uri, "logout_token=" + http::percent_encode(*token),
                {{"Content-Type", "application/x-www-form-urlencoded"}, {"Cache-Control", "no-store"}});
  }
  const auto opened = open_text(provider, purpose_ping, SessionId(), as_text(row.message.payload), now);
  if (!opened) return Outcome::done;
  const std::string_view both = as_text(*opened);
  const std::size_t line = both.find('\n');
  if (line == std::string_view::npos) return Outcome::done;
  return post(*client, client->backchannel_notification_uri,
              fmt::format(R"({{"auth_req_id":"{}"}})", both.substr(0, line)),
              {{"Content-Type", "application/json"},
               {"Authorization", fmt::format("Bearer {}", both.substr(line + 1))}});
}

Result<void> BackChannel::State::settle(const std::string& client, const std::vector<DueRow>& done,
                                        const DueRow* failed, Instant now) {
  return provider.db.write([&](store::Session& db) -> Result<void> {
    for (const DueRow& row : done) {
      DAYAQ_TRY_OK(db.exec("DELETE FROM identity_back_channel WHERE id = $1", {row.id}));
    }
    if (failed == nullptr) return {};
    const auto doubled =
        options.first_retry * (std::int64_t(1) << std::min<std::int64_t>(failed->attempts, 16));
    const auto wait = std::min<std::chrono::milliseconds>(doubled, retry_max);
    return db.exec(
        "UPDATE identity_back_channel SET attempts = attempts + 1, next_at = $1 WHERE client = $2 AND "
        "next_at <= $3",
        {to_micros(now + wait), client, to_micros(now)});
  });
}

bool BackChannel::State::round(const std::string& client) {
  const Instant now = provider.clock.now();
  const auto rows = due(client, now);
  if (!rows || rows->empty()) return false;
  std::vector<DueRow> done;
  const DueRow* failed = nullptr;
  for (const DueRow& row : *rows) {
    if (stops()) break;
    const Instant started = row.until - std::chrono::hours(24);
    if (now >= started + options.give_up) {
      log::warning("oauth.back_channel_given_up", "a client could not be told for too long",
                   {{"client", row.message.client}, {"attempts", row.attempts}});
    } else if (send(row, now) == Outcome::again) {
      failed = &row;
      break;
    }
    done.push_back(row);
  }
  if (const auto settled = settle(client, done, failed, now); !settled) {
    log::error("oauth.back_channel", "what was sent to clients could not be noted", settled.error());
    return false;
  }
  return true;
}

void BackChannel::State::look() {
  std::unique_lock lock(mutex);
  while (!stopping) {
    woken = false;
    lock.unlock();
    const auto clients = due_clients(provider.clock.now());
    lock.lock();
    for (const std::string& client : clients ? *clients : std::vector<std::string>()) {
      if (!busy.insert(client).second) continue;
      waiting.push_back(client);
      work.notify_one();
    }
    wake.wait_for(lock, look_every, [this] { return stopping || woken; });
  }
}

void BackChannel::State::tell() {
  std::unique_lock lock(mutex);
  while (true) {
    work.wait(lock, [this] { return stopping || !waiting.empty(); });
    if (stopping) return;
    const std::string client = std::move(waiting.front());
    waiting.pop_front();
    lock.unlock();
    const bool told = round(client);
    lock.lock();
    busy.erase(client);
    // There may be more of theirs, or some that came meanwhile.
    woken = woken || told;
    wake.notify_one();
  }
}

BackChannel::BackChannel(const Provider& provider, Options options)
    : state_(std::make_unique<State>(provider, std::move(options))) {}

BackChannel::~BackChannel() {
  stop();
}

Result<void> BackChannel::start() {
  if (state_->stop_fd < 0) {
    return fail(ErrorKind::unavailable, "oauth.back_channel", "No more files can be opened.");
  }
  if (state_->thread.joinable()) return {};
  state_->thread = std::thread([this] { state_->look(); });
  for (int i = 0; i < state_->options.workers; ++i) {
    state_->workers.emplace_back([this] { state_->tell(); });
  }
  return {};
}

void BackChannel::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  const std::uint64_t one = 1;
  (void)!::write(state_->stop_fd, &one, sizeof one);
  state_->wake.notify_all();
  state_->work.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
  for (std::thread& worker : state_->workers) worker.join();
  state_->workers.clear();
}

Result<void> BackChannel::on_session_ended(store::Session& db, const Session& session) {
  state_->pending.store(true);
  return queue_logout_tokens(db, state_->provider, session, state_->provider.clock.now());
}

void BackChannel::after_commit() noexcept {
  if (!state_->pending.exchange(false)) return;
  {
    const std::lock_guard lock(state_->mutex);
    state_->woken = true;
  }
  state_->wake.notify_one();
}

}  // namespace dayaq::identity::oidc
