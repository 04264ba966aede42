// The thread that tells clients: logout tokens and pings.
#include "identity/oidc/logout_sender.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

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
  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;
  bool woken = false;
  std::atomic<bool> pending{false};  ///< this transaction group queued something
  std::thread thread;
  std::map<std::string, http::Client> connections;  ///< by client; of the thread

  void run();
  Result<std::vector<DueRow>> due(Instant now);
  Outcome send(const DueRow& row, Instant now);
  Outcome post(const Client& client, const std::string& url, const std::string& body,
               const http::Client::Headers& headers);
  Result<void> settle(const std::vector<DueRow>& done, const std::vector<DueRow>& again, Instant now);
  /// Returns whether there may be more at once.
  bool round();
};

Result<std::vector<DueRow>> BackChannel::State::due(Instant now) {
  std::vector<DueRow> rows;
  DAYAQ_TRY_OK(provider.db.read([&](store::Session& db) -> Result<void> {
    return db.query(
        R"(SELECT id, kind, client, person, session, payload, attempts, until_at
                       FROM identity_back_channel WHERE next_at <= $1 ORDER BY next_at LIMIT $2)",
        {to_micros(now), batch}, [&](const store::Row& row) -> Result<bool> {
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
  auto connection = connections.find(client.id);
  if (connection == connections.end()) {
    auto made = http::Client::create(address->first, options.http);
    if (!made) return Outcome::done;
    connection = connections.emplace(client.id, std::move(*made)).first;
  }
  const auto answer = connection->second.post(address->second, body, headers);
  if (!answer) {
    connections.erase(client.id);
    return Outcome::again;
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

Result<void> BackChannel::State::settle(const std::vector<DueRow>& done, const std::vector<DueRow>& again,
                                        Instant now) {
  return provider.db.write([&](store::Session& db) -> Result<void> {
    for (const DueRow& row : done) {
      DAYAQ_TRY_OK(db.exec("DELETE FROM identity_back_channel WHERE id = $1", {row.id}));
    }
    for (const DueRow& row : again) {
      const auto doubled =
          options.first_retry * (std::int64_t(1) << std::min<std::int64_t>(row.attempts, 16));
      const auto wait = std::min<std::chrono::milliseconds>(doubled, retry_max);
      DAYAQ_TRY_OK(
          db.exec("UPDATE identity_back_channel SET attempts = attempts + 1, next_at = $1 WHERE id = $2",
                  {to_micros(now + wait), row.id}));
    }
    return {};
  });
}

bool BackChannel::State::round() {
  const Instant now = provider.clock.now();
  const auto rows = due(now);
  if (!rows || rows->empty()) return false;
  std::vector<DueRow> done, again;
  std::set<std::string> silent;  // a client that doesn't answer isn't waited for again in this round
  for (const DueRow& row : *rows) {
    {
      const std::lock_guard lock(mutex);
      if (stopping) break;
    }
    if (silent.contains(row.message.client)) {
      again.push_back(row);
      continue;
    }
    const Instant started = row.until - std::chrono::hours(24);
    if (now >= started + options.give_up) {
      log::warning("oauth.back_channel_given_up", "a client could not be told for too long",
                   {{"client", row.message.client}, {"attempts", row.attempts}});
      done.push_back(row);
      continue;
    }
    if (send(row, now) == Outcome::done) {
      done.push_back(row);
    } else {
      silent.insert(row.message.client);
      again.push_back(row);
    }
  }
  if (const auto settled = settle(done, again, now); !settled) {
    log::error("oauth.back_channel", "what was sent to clients could not be noted", settled.error());
    return false;
  }
  return std::ssize(*rows) == batch;
}

void BackChannel::State::run() {
  std::unique_lock lock(mutex);
  while (!stopping) {
    lock.unlock();
    const bool more = round();
    lock.lock();
    if (more || stopping) continue;
    wake.wait_for(lock, look_every, [this] { return stopping || woken; });
    woken = false;
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
  if (!state_->thread.joinable()) state_->thread = std::thread([this] { state_->run(); });
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
  if (state_->thread.joinable()) state_->thread.join();
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
