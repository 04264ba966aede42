#include "services/sms/sender.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
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

/// Of an answer that needs no text any more.
struct Ended {
  std::int64_t received, bucket, message;
  bool doubled;
};

constexpr std::chrono::milliseconds store_again{200};

/// Sending is behind everything else that a core has to do, and it needn't be woken for each answer of the
/// gateway.
void be_patient() {
  ::pthread_setname_np(::pthread_self(), "sms-sender");
  const sched_param none{};
  (void)::pthread_setschedparam(::pthread_self(), SCHED_BATCH, &none);
}

}  // namespace

void Gateway::send_all(std::span<const Outgoing* const> replies, const std::function<bool()>& stop,
                       const Taken& taken) {
  for (std::size_t i = 0; i < replies.size() && !stop(); ++i) taken(i, send(*replies[i]));
}

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
  std::vector<Ended> unstored;                    ///< sent, and the database didn't take it
  Steady::time_point store_next;                  ///< when it is asked again
  std::size_t storing = 0;                        ///< sent, and the database has been asked
  bool more_in_database = false;                  ///< some were left out when too many were held
  bool reading = false;                           ///< a thread reads them
  bool stopping = false;
  std::size_t busy = 0;  ///< in the hands of threads
  Figures figures;
  bool away = false;
  std::vector<std::thread> threads;
  std::atomic<std::size_t> load{0};  ///< ready, later and busy; many while the gateway is away

  void run();
  struct Work {
    std::vector<Held> batch = {};
    std::vector<Ended> unstored = {};
    bool read_more = false;
  };
  [[nodiscard]] Work next();
  void tell_held();
  void work(std::vector<Held> batch);
  void read_left();
  Result<void> mark(const std::vector<const Held*>& which, ReplyState state);
  void settle(Held held, const Result<void>& done, std::vector<Ended>& sent, std::vector<Held>& failed);
  void store_ended(std::vector<Ended> ended);
};

Sender::Sender(store::Database& db, Gateway& gateway, const crypto::MasterKey& master, const Clock& clock,
               const SenderOptions& options)
    : state_(std::make_unique<State>(db, gateway, master, clock, options)) {}

Sender::~Sender() {
  stop();
}

Result<void> Sender::start() {
  // What was being sent when the last run ended may have been taken.
  DAYAQ_TRY_OK(state_->db.write([](store::Session& session) {
    return session.exec("UPDATE sms_replies SET state = 0, doubled = 1 WHERE state = 1");
  }));
  state_->read_left();
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
  // What was stored as being sent, and wasn't begun, isn't in doubt.
  std::deque<Held> left;
  {
    const std::lock_guard lock(state_->mutex);
    left.swap(state_->ready);
  }
  std::vector<const Held*> unbegun;
  for (const Held& one : left) {
    if (one.reply.begun) unbegun.push_back(&one);
  }
  (void)state_->mark(unbegun, ReplyState::waits);
  std::unique_lock lock(state_->mutex);
  for (int attempt = 0;; ++attempt) {
    state_->changed.wait(lock, [this] { return state_->storing == 0; });
    if (state_->unstored.empty()) return;
    if (attempt == 25) break;
    auto again = std::exchange(state_->unstored, {});
    lock.unlock();
    if (attempt > 0) std::this_thread::sleep_for(store_again);
    state_->store_ended(std::move(again));
    lock.lock();
  }
  log::error("sms.database", "answers were sent and can't be marked so",
             {{"answers", state_->unstored.size()}});
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
    state_->tell_held();
  }
  state_->changed.notify_one();
}

bool Sender::room(std::size_t before) const {
  return state_->load.load(std::memory_order_relaxed) + before < state_->options.at_once;
}

Sender::Figures Sender::figures() const {
  const std::lock_guard lock(state_->mutex);
  Figures out = state_->figures;
  out.held = state_->ready.size() + state_->later.size();
  out.sending = state_->busy + state_->storing + state_->unstored.size();
  return out;
}

/// With the mutex. A gateway that is away has no room, however few wait for it.
void Sender::State::tell_held() {
  const std::size_t all = ready.size() + later.size() + busy;
  load.store(away || stopping ? options.at_once + all : all, std::memory_order_relaxed);
}

/// Work for a thread; none: stop.
Sender::State::Work Sender::State::next() {
  std::unique_lock lock(mutex);
  for (;;) {
    const auto now = Steady::now();
    while (!later.empty() && later.begin()->first <= now) {
      ready.push_back(std::move(later.begin()->second));
      later.erase(later.begin());
    }
    if (stopping) return {};
    if (!unstored.empty() && store_next <= now) return {.unstored = std::exchange(unstored, {})};
    // While what is left is read, nothing is taken that may be read as well.
    if (!ready.empty() && !reading) break;
    if (more_in_database && !reading && later.empty() && busy == 0 && storing == 0 && unstored.empty()) {
      reading = true;
      more_in_database = false;
      return {.read_more = true};
    }
    auto until = Steady::time_point::max();
    if (!later.empty() && !reading) until = later.begin()->first;
    if (!unstored.empty()) until = std::min(until, store_next);
    if (until == Steady::time_point::max()) {
      changed.wait(lock);
    } else {
      changed.wait_until(lock, until);
    }
  }
  // A share of what waits, so that all threads send.
  const std::size_t share = ready.size() / std::size_t(options.threads) + 1;
  const std::size_t size = std::min({ready.size(), std::size_t(options.batch), share});
  Work out;
  for (std::size_t i = 0; i < size; ++i) {
    out.batch.push_back(std::move(ready.front()));
    ready.pop_front();
  }
  busy += size;
  tell_held();
  if (!ready.empty()) changed.notify_one();
  return out;
}

void Sender::State::run() {
  be_patient();
  for (;;) {
    Work mine = next();
    if (mine.read_more) {
      read_left();
    } else if (!mine.unstored.empty()) {
      store_ended(std::move(mine.unstored));
    } else if (mine.batch.empty()) {
      return;
    } else {
      const std::size_t size = mine.batch.size();
      work(std::move(mine.batch));
      const std::lock_guard lock(mutex);
      busy -= size;
      tell_held();
    }
    changed.notify_one();
  }
}

Result<void> Sender::State::mark(const std::vector<const Held*>& which, ReplyState state) {
  if (which.empty()) return {};
  return db.write([&](store::Session& session) -> Result<void> {
    for (const Held* one : which) {
      const Outgoing& reply = one->reply;
      if (state == ReplyState::late) {  // nothing of what was said is kept
        DAYAQ_TRY_OK(session.exec(
            "UPDATE sms_replies SET state = $4, sealed = $5 WHERE received = $1 AND bucket = $2 AND "
            "message_id = $3",
            {to_micros(reply.received), reply.bucket, reply.message, std::int64_t(state), BytesView{}}));
      } else {
        DAYAQ_TRY_OK(
            session.exec("UPDATE sms_replies SET state = $4, doubled = $5 WHERE received = $1 AND bucket = "
                         "$2 AND message_id = $3",
                         {to_micros(reply.received), reply.bucket, reply.message, std::int64_t(state),
                          std::int64_t(reply.doubled ? 1 : 0)}));
      }
    }
    return {};
  });
}

/// Nothing is kept of what was sent once. Doesn't wait: a crash before it is stored is a crash while it was
/// being sent.
void Sender::State::store_ended(std::vector<Ended> ended) {
  if (ended.empty()) return;
  const auto shared = std::make_shared<std::vector<Ended>>(std::move(ended));
  {
    const std::lock_guard lock(mutex);
    storing += shared->size();
  }
  const auto write = [shared](store::Session& session) -> Result<void> {
    for (const Ended& one : *shared) {
      if (one.doubled) {
        DAYAQ_TRY_OK(session.exec(
            "UPDATE sms_replies SET state = $4, sealed = $5 WHERE received = $1 AND bucket = $2 AND "
            "message_id = $3",
            {one.received, one.bucket, one.message, std::int64_t(ReplyState::sent), BytesView{}}));
      } else {
        DAYAQ_TRY_OK(
            session.exec("DELETE FROM sms_replies WHERE received = $1 AND bucket = $2 AND message_id = $3",
                         {one.received, one.bucket, one.message}));
      }
    }
    return {};
  };
  db.submit(write, [this, shared](Result<void> done) {
    const std::lock_guard lock(mutex);
    storing -= shared->size();
    if (!done) {
      unstored.insert(unstored.end(), shared->begin(), shared->end());
      store_next = Steady::now() + store_again;
    }
    if (!done || stopping || more_in_database) changed.notify_all();
  });
}

void Sender::State::work(std::vector<Held> batch) {
  const Instant now = clock.now();
  std::vector<const Held*> unmarked, late;
  for (const Held& one : batch) {
    if (one.reply.until <= now) {
      late.push_back(&one);
    } else if (!one.reply.begun) {
      unmarked.push_back(&one);
    }
  }
  auto marked = mark(unmarked, ReplyState::sending);
  if (marked) marked = mark(late, ReplyState::late);
  if (!marked) {  // the database is away: they wait as they are
    const std::lock_guard lock(mutex);
    for (Held& one : batch) later.emplace(Steady::now() + options.retry_first, std::move(one));
    return;
  }
  const std::size_t dropped = late.size();
  std::erase_if(batch, [now](const Held& one) { return one.reply.until <= now; });
  std::vector<const Outgoing*> replies;
  for (Held& one : batch) {
    one.reply.begun = true;
    replies.push_back(&one.reply);
  }
  std::vector<std::optional<Result<void>>> taken(batch.size());
  const auto stop = [this] {
    const std::lock_guard lock(mutex);
    return stopping;
  };
  gateway.send_all(replies, stop,
                   [&](std::size_t which, Result<void> done) { taken.at(which) = std::move(done); });
  std::vector<Ended> sent;
  std::vector<Held> failed;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (taken[i]) {
      settle(std::move(batch[i]), *taken[i], sent, failed);
    } else {  // not begun: it isn't doubled by the next start
      failed.push_back(std::move(batch[i]));
    }
  }
  const std::size_t sent_count = sent.size();
  const auto doubled = std::size_t(std::ranges::count_if(sent, &Ended::doubled));
  store_ended(std::move(sent));
  std::vector<const Held*> back;
  for (const Held& one : failed) back.push_back(&one);
  // Where that can't be stored the next start takes them for possibly doubled.
  if (mark(back, ReplyState::waits)) {
    for (Held& one : failed) one.reply.begun = false;
  }
  const std::lock_guard lock(mutex);
  figures.sent += sent_count;
  figures.failed += failed.size();
  figures.late += dropped;
  figures.doubled += doubled;
  for (Held& one : failed) {
    const auto pause = one.pause;
    later.emplace(Steady::now() + pause, std::move(one));
  }
}

void Sender::State::settle(Held held, const Result<void>& done, std::vector<Ended>& sent,
                           std::vector<Held>& failed) {
  if (done) {
    const std::lock_guard lock(mutex);
    if (std::exchange(away, false)) log::info("sms.back", "the gateway takes answers again");
    const Outgoing& reply = held.reply;
    sent.push_back({.received = to_micros(reply.received),
                    .bucket = reply.bucket,
                    .message = reply.message,
                    .doubled = reply.doubled});
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

/// What waits in the database: at a start all of it, later what didn't fit in memory.
void Sender::State::read_left() {
  std::vector<Held> found;
  bool more = false;
  const auto done = db.read([&](store::Session& session) -> Result<void> {
    return session.query(
        "SELECT bucket, message_id, until_at, doubled, sealed, received FROM sms_replies "
        "WHERE state < 2 ORDER BY received, bucket, message_id",
        {}, [&](const store::Row& row) -> Result<bool> {
          if (found.size() >= options.held_max / 2) {
            more = true;
            return false;
          }
          auto reply = open_outgoing(row.integer(0), row.integer(1), row.blob(4), master);
          if (!reply) {
            log::error("sms.sealed", "an answer doesn't open under this master key; it is left alone");
            return true;
          }
          reply->until = from_micros(row.integer(2));
          reply->received = from_micros(row.integer(5));
          reply->doubled = row.integer(3) != 0;
          found.push_back({std::move(*reply)});
          return true;
        });
  });
  const std::lock_guard lock(mutex);
  reading = false;
  more_in_database = more_in_database || more;
  if (!done) {
    log::error("sms.database", "answers that wait can't be read", done.error());
    more_in_database = true;
    return;
  }
  // What came meanwhile is in both: it stays once.
  std::set<std::pair<std::int64_t, std::int64_t>> known;
  for (const Held& one : ready) known.insert({one.reply.bucket, one.reply.message});
  for (Held& one : found) {
    if (!known.contains({one.reply.bucket, one.reply.message})) ready.push_back(std::move(one));
  }
  tell_held();
}

}  // namespace dayaq::services::sms
