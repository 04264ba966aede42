#include "identity/account/messages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "base/log.hpp"
#include "http/encoding.hpp"
#include "registry/store.hpp"

namespace dayaq::identity {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr int batch_max = 64;
constexpr auto retry_first = 1s;
constexpr auto retry_max = 60s;
/// So many failures in a row, and the rest of a channel waits for the next round: its gateway is away.
constexpr int failures_in_a_row_max = 3;

std::string_view to_string(Message::Channel channel) {
  switch (channel) {
    case Message::Channel::sms:
      return "sms";
    case Message::Channel::letter:
      return "letter";
    case Message::Channel::push:
      return "push";
  }
  return "";
}

std::string context_of(std::uint64_t id) {
  return fmt::format("message|{}", id);
}

struct Key {
  std::int64_t queued = std::numeric_limits<std::int64_t>::min();
  std::int64_t id = 0;
  friend auto operator<=>(const Key&, const Key&) = default;
};
struct Waiting {
  Key key;
  Message::Channel channel = Message::Channel::sms;
  Instant until;
  Bytes sealed;
};

}  // namespace

Result<void> FileDrop::send(const Message& message) {
  using http::json_string;
  const std::string text = fmt::format(R"({{"id":"{}","channel":"{}","to":{},"text":{},"until":"{}"}})"
                                       "\n",
                                       message.id, to_string(message.channel), json_string(message.to),
                                       json_string(message.text), format_instant(message.until));
  // Atomically: whoever reads the folder never sees half a message. The same message again is the same file.
  return write_file_atomically(folder_ / fmt::format("{}.json", message.id), as_bytes(text),
                               std::filesystem::perms(0600));
}

struct Outbox::State {
  State(store::Database& database, Gateway& way, const crypto::MasterKey& key, Random& source,
        const Clock& time)
      : db(database), gateway(way), master(key), random(source), clock(time) {}

  store::Database& db;
  Gateway& gateway;
  const crypto::MasterKey& master;
  Random& random;
  const Clock& clock;

  // Of the writer thread.
  bool queued_in_group = false;

  std::mutex mutex;
  std::condition_variable changed;
  bool work = false;      // guarded
  bool stopping = false;  // guarded
  std::thread thread;

  // Of the sender thread.
  struct Backoff {
    Steady::time_point next;
    Steady::duration delay;
  };
  std::map<Key, Backoff> failed;
  std::set<Key> sent;  ///< but not deleted yet: the database was away
  std::set<Message::Channel> away;

  void run();
  bool pass();
  Result<std::vector<Waiting>> read(const Key& after);
  bool try_send(const Waiting& waiting);
  Result<void> remove(const std::vector<Key>& keys);
  [[nodiscard]] bool backing_off(const Key& key) const {
    const auto found = failed.find(key);
    return found != failed.end() && Steady::now() < found->second.next;
  }
  bool stopped() {
    const std::lock_guard lock(mutex);
    return stopping;
  }
};

Outbox::Outbox(store::Database& db, Gateway& gateway, const crypto::MasterKey& master, Random& random,
               const Clock& clock)
    : state_(std::make_unique<State>(db, gateway, master, random, clock)) {}

Outbox::~Outbox() {
  stop();
}

Result<void> Outbox::start() {
  state_->work = true;
  state_->thread = std::thread([this] { state_->run(); });
  return {};
}

void Outbox::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
}

Result<void> Outbox::queue(store::Session& db, const Message& message) {
  const std::string plain = message.to + '\n' + message.text;
  const Bytes sealed = state_->master.seal(as_bytes(plain), as_bytes(context_of(message.id)), state_->random);
  DAYAQ_TRY_OK(db.exec(
      "INSERT INTO message (queued, message_id, channel, until_at, sealed) VALUES ($1, $2, $3, $4, $5)",
      {to_micros(state_->clock.now()), static_cast<std::int64_t>(message.id), std::int64_t(message.channel),
       registry::end_param(message.until), BytesView(sealed)}));
  state_->queued_in_group = true;
  return {};
}

void Outbox::begin_transaction() {}
void Outbox::discard_transaction() {}  // a round of the thread that finds nothing does no harm

void Outbox::after_commit() noexcept {
  if (!std::exchange(state_->queued_in_group, false)) return;
  {
    const std::lock_guard lock(state_->mutex);
    state_->work = true;
  }
  state_->changed.notify_one();
}

void Outbox::after_rollback() noexcept {
  state_->queued_in_group = false;
}

// -- the sender

void Outbox::State::run() {
  bool all_sent = true;
  for (;;) {
    {
      std::unique_lock lock(mutex);
      if (all_sent) {
        changed.wait(lock, [&] { return work || stopping; });
      } else {
        // A gateway is away: what is queued meanwhile doesn't make the rounds quicker.
        changed.wait_for(lock, retry_first, [&] { return stopping; });
      }
      if (stopping) return;
      work = false;
    }
    all_sent = pass();
  }
}

/// One round over everything that waits, oldest first. False if something is left.
bool Outbox::State::pass() {
  Key after;
  std::map<Message::Channel, int> failures;
  bool all = true;
  for (;;) {
    if (stopped()) return false;
    auto batch = read(after);
    if (!batch) {
      log::error("outbox.database", "messages wait: they can't be read", batch.error());
      return false;
    }
    std::vector<Key> gone;
    for (const Waiting& one : *batch) {
      after = one.key;
      if (sent.contains(one.key)) {
        gone.push_back(one.key);
      } else if (one.until <= clock.now()) {
        failed.erase(one.key);
        gone.push_back(one.key);
      } else if (backing_off(one.key)) {
        all = false;  // it was what failed, not its channel: others go past it
      } else if (failures[one.channel] >= failures_in_a_row_max || stopped() || !try_send(one)) {
        ++failures[one.channel];
        all = false;
      } else {
        failures[one.channel] = 0;
        if (away.erase(one.channel) > 0) {
          failed.clear();
          log::info("outbox.back", "a channel's gateway takes messages again",
                    {{"channel", to_string(one.channel)}});
        }
        sent.insert(one.key);
        gone.push_back(one.key);
      }
    }
    if (!gone.empty()) {
      if (const auto removed = remove(gone); !removed) {
        log::error("outbox.database", "messages were sent and can't be deleted yet", removed.error());
        return false;
      }
      for (const Key& key : gone) sent.erase(key);
    }
    if (batch->size() < std::size_t(batch_max)) return all;
  }
}

Result<std::vector<Waiting>> Outbox::State::read(const Key& after) {
  return db.read([&](store::Session& session) -> Result<std::vector<Waiting>> {
    std::vector<Waiting> out;
    DAYAQ_TRY_OK(session.query(
        "SELECT queued, message_id, channel, until_at, sealed FROM message WHERE queued > $1 OR (queued = $1 "
        "AND message_id > $2) ORDER BY queued, message_id LIMIT $3",
        {after.queued, after.id, std::int64_t(batch_max)}, [&](const store::Row& row) -> Result<bool> {
          const BytesView sealed = row.blob(4);
          out.push_back({{row.integer(0), row.integer(1)},
                         static_cast<Message::Channel>(row.integer(2)),
                         registry::end_from(row, 3),
                         {sealed.begin(), sealed.end()}});
          return true;
        }));
    return out;
  });
}

bool Outbox::State::try_send(const Waiting& waiting) {
  const auto before = failed.find(waiting.key);
  const auto now = Steady::now();
  const auto id = static_cast<std::uint64_t>(waiting.key.id);
  const auto plain = master.open(waiting.sealed, as_bytes(context_of(id)));
  if (!plain) {
    log::error("outbox.sealed", "a message doesn't open under this master key; it is dropped", {{"id", id}});
    return true;
  }
  const std::string_view text = as_text(plain->view());
  const std::size_t line = std::min(text.find('\n'), text.size());
  const Message message{.id = id,
                        .channel = waiting.channel,
                        .to = std::string(text.substr(0, line)),
                        .text = std::string(text.substr(std::min(line + 1, text.size()))),
                        .until = waiting.until};
  const Result<void> done = gateway.send(message);
  if (done) {
    if (before != failed.end()) failed.erase(before);
    return true;
  }
  const Steady::duration delay = before == failed.end()
                                     ? Steady::duration(retry_first)
                                     : std::min<Steady::duration>(before->second.delay * 2, retry_max);
  failed.insert_or_assign(waiting.key, Backoff{now + delay, delay});
  if (away.insert(waiting.channel).second) {
    log::warning("outbox.away", "a channel's gateway takes no messages; they wait",
                 {{"channel", to_string(waiting.channel)}, {"code", done.error().code}});
  }
  return false;
}

Result<void> Outbox::State::remove(const std::vector<Key>& keys) {
  return db.write([&](store::Session& session) -> Result<void> {
    for (const Key& key : keys) {
      DAYAQ_TRY_OK(
          session.exec("DELETE FROM message WHERE queued = $1 AND message_id = $2", {key.queued, key.id}));
    }
    return {};
  });
}

}  // namespace dayaq::identity
