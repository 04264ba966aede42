#include "services/sms/sender.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.hpp"

namespace dayaq::services::sms {
namespace {

using Steady = std::chrono::steady_clock;

struct Held {
  Outgoing reply;
  std::chrono::milliseconds pause{0};  ///< before the next attempt
};

}  // namespace

struct Sender::State {
  State(store::Database& database, Gateway& way, const crypto::MasterKey& key, const Clock& time,
        const SenderOptions& with)
      : db(database), gateway(way), master(key), clock(time), options(with) {}

  store::Database& db;
  Gateway& gateway;
  const crypto::MasterKey& master;
  const Clock& clock;
  const SenderOptions options;

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<Held> ready;                         // guarded, as all below
  std::multimap<Steady::time_point, Held> later;  ///< failed, until when
  bool more_in_database = false;                  ///< some were left out when too many were held
  bool reading = false;                           ///< a thread reads them
  bool stopping = false;
  int busy = 0;  ///< threads that hold a batch
  Figures figures;
  bool away = false;
  std::vector<std::thread> threads;

  void run();
  [[nodiscard]] std::vector<Held> next(bool& read_more);
  void work(std::vector<Held> batch);
  void read_left(bool at_start);
  Result<void> mark(const std::vector<const Held*>& which, ReplyState state);
  void settle(Held held, const Result<void>& done, std::vector<Held>& sent, std::vector<Held>& failed);
};

Sender::Sender(store::Database& db, Gateway& gateway, const crypto::MasterKey& master, const Clock& clock,
               const SenderOptions& options)
    : state_(std::make_unique<State>(db, gateway, master, clock, options)) {}

Sender::~Sender() {
  stop();
}

Result<void> Sender::start() {
  state_->read_left(true);
  for (int i = 0; i < state_->options.threads; ++i) {
    state_->threads.emplace_back([this] { state_->run(); });
  }
  return {};
}

void Sender::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  for (std::thread& thread : state_->threads) {
    if (thread.joinable()) thread.join();
  }
  state_->threads.clear();
}

void Sender::deliver(std::vector<Outgoing> replies) {
  {
    const std::lock_guard lock(state_->mutex);
    for (Outgoing& reply : replies) {
      if (state_->ready.size() + state_->later.size() >= state_->options.held_max) {
        state_->more_in_database = true;
        break;
      }
      state_->ready.push_back({std::move(reply)});
    }
  }
  state_->changed.notify_one();
}

Sender::Figures Sender::figures() const {
  const std::lock_guard lock(state_->mutex);
  Figures out = state_->figures;
  out.held = state_->ready.size() + state_->later.size();
  return out;
}

/// The next batch; empty: stop, or `read_more`.
std::vector<Held> Sender::State::next(bool& read_more) {
  std::unique_lock lock(mutex);
  for (;;) {
    const auto now = Steady::now();
    while (!later.empty() && later.begin()->first <= now) {
      ready.push_back(std::move(later.begin()->second));
      later.erase(later.begin());
    }
    if (stopping) return {};
    if (!ready.empty()) break;
    if (more_in_database && !reading && later.empty() && busy == 0) {
      reading = true;
      read_more = true;
      return {};
    }
    if (later.empty()) {
      changed.wait(lock);
    } else {
      changed.wait_until(lock, later.begin()->first);
    }
  }
  // A share of what waits, so that all threads send.
  const std::size_t share = ready.size() / std::size_t(options.threads) + 1;
  const std::size_t size = std::min({ready.size(), std::size_t(options.batch), share});
  std::vector<Held> out;
  for (std::size_t i = 0; i < size; ++i) {
    out.push_back(std::move(ready.front()));
    ready.pop_front();
  }
  ++busy;
  if (!ready.empty()) changed.notify_one();
  return out;
}

void Sender::State::run() {
  for (;;) {
    bool read_more = false;
    std::vector<Held> batch = next(read_more);
    if (read_more) {
      read_left(false);
      continue;
    }
    if (batch.empty()) return;
    work(std::move(batch));
    {
      const std::lock_guard lock(mutex);
      --busy;
    }
    changed.notify_one();
  }
}

Result<void> Sender::State::mark(const std::vector<const Held*>& which, ReplyState state) {
  if (which.empty()) return {};
  return db.write([&](store::Session& session) -> Result<void> {
    for (const Held* one : which) {
      const Outgoing& reply = one->reply;
      if (state == ReplyState::sending || state == ReplyState::waits) {
        DAYAQ_TRY_OK(session.exec(
            "UPDATE sms_messages SET state = $3, doubled = $4 WHERE bucket = $1 AND message_id = $2",
            {reply.bucket, reply.message, std::int64_t(state), std::int64_t(reply.doubled ? 1 : 0)}));
      } else {  // nothing of what was said is kept
        DAYAQ_TRY_OK(session.exec(
            "UPDATE sms_messages SET state = $3, sealed = $4 WHERE bucket = $1 AND message_id = $2",
            {reply.bucket, reply.message, std::int64_t(state), BytesView{}}));
      }
    }
    return {};
  });
}

void Sender::State::work(std::vector<Held> batch) {
  const Instant now = clock.now();
  std::vector<const Held*> sending, late;
  for (const Held& one : batch) (one.reply.until <= now ? late : sending).push_back(&one);
  auto marked = mark(sending, ReplyState::sending);
  if (marked) marked = mark(late, ReplyState::late);
  if (!marked) {  // the database is away: they wait as they are
    const std::lock_guard lock(mutex);
    for (Held& one : batch) later.emplace(Steady::now() + options.retry_first, std::move(one));
    return;
  }
  std::vector<Held> sent, failed;
  for (Held& one : batch) {
    if (one.reply.until <= now) continue;
    bool stop_now = false;
    {
      const std::lock_guard lock(mutex);
      stop_now = stopping;
    }
    if (stop_now) {  // not begun: it isn't doubled by the next start
      failed.push_back(std::move(one));
      continue;
    }
    const Result<void> done = gateway.send(one.reply);
    settle(std::move(one), done, sent, failed);
  }
  std::vector<const Held*> gone, back;
  for (const Held& one : sent) gone.push_back(&one);
  for (const Held& one : failed) back.push_back(&one);
  auto stored = mark(gone, ReplyState::sent);
  for (int attempt = 0; !stored && attempt < 50; ++attempt) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stored = mark(gone, ReplyState::sent);
  }
  if (!stored) log::error("sms.database", "answers were sent and can't be marked so", stored.error());
  (void)mark(back, ReplyState::waits);  // else the next start takes them for possibly doubled: so they are
  const std::lock_guard lock(mutex);
  figures.sent += sent.size();
  figures.failed += failed.size();
  figures.late += late.size();
  for (const Held& one : sent) figures.doubled += one.reply.doubled ? 1 : 0;
  for (Held& one : failed) {
    const auto pause = one.pause;
    later.emplace(Steady::now() + pause, std::move(one));
  }
}

void Sender::State::settle(Held held, const Result<void>& done, std::vector<Held>& sent,
                           std::vector<Held>& failed) {
  if (done) {
    const std::lock_guard lock(mutex);
    if (std::exchange(away, false)) log::info("sms.back", "the gateway takes answers again");
    sent.push_back(std::move(held));
    return;
  }
  {
    const std::lock_guard lock(mutex);
    if (!std::exchange(away, true)) {
      log::warning("sms.away", "the gateway takes no answers; they wait", {{"code", done.error().code}});
    }
  }
  if (done.error().code == "sms.unknown") held.reply.doubled = true;
  held.pause = held.pause.count() == 0 ? options.retry_first : std::min(held.pause * 2, options.retry_max);
  failed.push_back(std::move(held));
}

/// What waits in the database: at a start all of it, of which what was being sent may have been; later what
/// didn't fit in memory.
void Sender::State::read_left(bool at_start) {
  std::vector<Held> found;
  bool more = false;
  const auto done = db.read([&](store::Session& session) -> Result<void> {
    return session.query(
        "SELECT bucket, message_id, state, until_at, doubled, sealed FROM sms_messages WHERE state < 2", {},
        [&](const store::Row& row) -> Result<bool> {
          if (found.size() >= options.held_max / 2) {
            more = true;
            return false;
          }
          auto reply = open_outgoing(row.integer(0), row.integer(1), row.blob(5), master);
          if (!reply) {
            log::error("sms.sealed", "an answer doesn't open under this master key; it is left alone");
            return true;
          }
          reply->until = from_micros(row.integer(3));
          reply->doubled =
              row.integer(4) != 0 || (at_start && row.integer(2) == std::int64_t(ReplyState::sending));
          found.push_back({std::move(*reply)});
          return true;
        });
  });
  const std::lock_guard lock(mutex);
  reading = false;
  more_in_database = more;
  if (!done) {
    log::error("sms.database", "answers that wait can't be read", done.error());
    more_in_database = true;
    return;
  }
  // What came meanwhile is in both: it stays once.
  std::map<std::pair<std::int64_t, std::int64_t>, bool> held;
  for (const Held& one : ready) held[{one.reply.bucket, one.reply.message}] = true;
  for (Held& one : found) {
    if (!held.contains({one.reply.bucket, one.reply.message})) ready.push_back(std::move(one));
  }
}

}  // namespace dayaq::services::sms
