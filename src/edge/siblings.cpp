#include "edge/siblings.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <deque>
#include <thread>

#include "base/log.hpp"
#include "crypto/sign.hpp"
#include "http/client.hpp"

namespace dayaq::edge {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

constexpr std::size_t scanned_max = 65'536;   ///< records looked at for one answer
constexpr std::size_t applied_at_once = 128;  ///< under one hold of the edge's lock
constexpr std::size_t polls_max = 64;         ///< held open
constexpr seconds wait_max{10};

/// What another edge needs to know: its own records' copies, and our book-keeping, aren't.
bool is_for_siblings(const Record& record) {
  return record.counts() || record.kind == RecordKind::closed || record.kind == RecordKind::want ||
         record.kind == RecordKind::transfer || record.kind == RecordKind::credit;
}

std::optional<std::uint64_t> number_of(const http::Request& request, std::string_view name) {
  const auto text = request.query_value(name);
  std::uint64_t value = 0;
  if (!text) return std::nullopt;
  const auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (code != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return value;
}

class Links final : public Siblings {
 public:
  Links(SiblingsOptions options, Engine& engine, Journal& journal, const Clock& clock)
      : options_(std::move(options)), engine_(engine), journal_(journal), clock_(clock) {
    for (const Sibling& sibling : options_.siblings) {
      states_.push_back({.edge = sibling.edge, .heard = false, .through = 0, .behind = 0, .trouble = {}});
    }
    wakes_ = std::make_shared<Wakes>();
    // The journal may outlive this, and wakers can't be taken back.
    journal_.add_waker([wakes = wakes_] {
      const std::lock_guard lock(wakes->mutex);
      wakes->news.notify_all();
    });
    answerer_ = std::thread([this] { answer_polls(); });
  }
  ~Links() override { stop(); }

  void add_routes(http::Router& router) override;
  void start() override {
    for (std::size_t i = 0; i < options_.siblings.size(); ++i) {
      followers_.emplace_back([this, i] { follow(i); });
    }
  }
  void stop() override {
    {
      const std::lock_guard lock(wakes_->mutex);
      stopping_ = true;
    }
    wakes_->news.notify_all();
    for (std::thread& follower : followers_) follower.join();
    followers_.clear();
    if (answerer_.joinable()) answerer_.join();
  }
  [[nodiscard]] std::vector<State> state() const override {
    const std::lock_guard lock(states_mutex_);
    return states_;
  }

 private:
  struct Wakes {
    std::mutex mutex;
    std::condition_variable news;
  };
  struct Poll {
    std::uint8_t edge = 0;
    std::uint64_t after = 0;
    Steady::time_point until;
    http::Responder responder;
  };
  /// What a follower remembers between polls.
  struct Following {
    std::uint64_t through = 0;  ///< looked at
    std::uint64_t kept = 0;     ///< on our disk
    std::uint64_t keep_at = 0;  ///< once our journal's record `keep_at` is durable, `keeping` is kept
    std::uint64_t keeping = 0;
    std::uint64_t stand_at = 0;  ///< once `stand_at` of theirs is applied, they knew `stand` of ours
    std::uint64_t stand = 0;
  };

  [[nodiscard]] bool stopping() const {
    const std::lock_guard lock(wakes_->mutex);
    return stopping_;
  }
  void poll(const http::Request& request, http::Responder responder);
  void answer_polls();
  void answer(Poll poll);
  void follow(std::size_t i);
  Result<void> follow_once(http::Client& client, const Sibling& sibling, Following& at, State& state);
  void take(const PeerUsage& usage, Following& at);
  void note(std::size_t i, const State& state);

  SiblingsOptions options_;
  Engine& engine_;
  Journal& journal_;
  const Clock& clock_;
  std::shared_ptr<Wakes> wakes_;
  bool stopping_ = false;  ///< under wakes_->mutex, as the next
  std::deque<Poll> polls_;
  mutable std::mutex states_mutex_;
  std::vector<State> states_;
  std::vector<std::thread> followers_;
  std::thread answerer_;
};

void Links::add_routes(http::Router& router) {
  router.add_async({.method = http::Method::get,
                    .pattern = "/v1/peer/usage",
                    .open = "the handler asks for a token of the operator's edges",
                    .run = http::Run::inline_,
                    .operation = "peer_usage",
                    .summary = "What this edge counted, for the operator's other edges.",
                    .tag = "peer",
                    .query_parameters = {{"edge", "the asking edge's number"},
                                         {"after", "records after this number"},
                                         {"kept", "the last record that the asker has on disk"},
                                         {"wait", "seconds to wait for a record, at most 10"}}},
                   [this](const std::shared_ptr<const http::Request>& request, http::Responder responder) {
                     poll(*request, std::move(responder));
                   });
}

void Links::poll(const http::Request& request, http::Responder responder) {
  std::string_view shown = request.header("Authorization");
  if (shown.starts_with("Bearer ")) shown.remove_prefix(7);
  const bool known = std::ranges::any_of(options_.tokens, [&](const std::string& token) {
    return !token.empty() && crypto::equal_constant_time(as_bytes(token), as_bytes(shown));
  });
  if (!known) {
    return responder(http::problem(Error{ErrorKind::unauthenticated,
                                         "peer.token",
                                         "Only the operator's other edges may read this.",
                                         {},
                                         {},
                                         0,
                                         0}));
  }
  const auto edge = number_of(request, "edge");
  const auto after = number_of(request, "after");
  const auto kept = number_of(request, "kept");
  const auto wait = number_of(request, "wait");
  if (!edge || *edge == 0 || *edge > 16 || *edge == options_.edge || !after || !kept || !wait) {
    return responder(http::problem(Error{ErrorKind::invalid_input,
                                         "peer.query",
                                         "Say edge, after, kept and wait, as numbers.",
                                         {},
                                         {},
                                         0,
                                         0}));
  }
  {
    const std::lock_guard lock(engine_.mutex());
    engine_.sibling_stands(std::uint8_t(*edge), 0, *kept);
  }
  const std::lock_guard lock(wakes_->mutex);
  if (stopping_ || polls_.size() >= polls_max) {
    return responder(http::problem(Error{ErrorKind::unavailable, "peer.busy", "Ask again.", {}, {}, 0, 0}));
  }
  const auto patience = std::min<std::uint64_t>(*wait, std::uint64_t(wait_max.count()));
  polls_.push_back({.edge = std::uint8_t(*edge),
                    .after = *after,
                    .until = Steady::now() + seconds(patience),
                    .responder = std::move(responder)});
  wakes_->news.notify_all();
}

void Links::answer_polls() {
  std::unique_lock lock(wakes_->mutex);
  while (!stopping_) {
    const std::uint64_t durable = journal_.durable();
    const auto now = Steady::now();
    const auto ready = std::ranges::find_if(
        polls_, [&](const Poll& poll) { return poll.after < durable || poll.until <= now; });
    if (ready != polls_.end()) {
      Poll poll = std::move(*ready);
      polls_.erase(ready);
      lock.unlock();
      answer(std::move(poll));
      lock.lock();
      continue;
    }
    auto until = now + seconds(1);
    for (const Poll& poll : polls_) until = std::min(until, poll.until);
    wakes_->news.wait_until(lock, until);
  }
  polls_.clear();
}

void Links::answer(Poll poll) {
  PeerUsage usage;
  usage.edge = options_.edge;
  {
    const std::lock_guard lock(engine_.mutex());
    usage.last = journal_.last();
    usage.knows = engine_.sibling_sequence(poll.edge);
  }
  usage.through = poll.after;
  std::size_t scanned = 0;
  const auto read = journal_.read(poll.after, [&](std::uint64_t number, const Record& record) {
    usage.through = number;
    if (is_for_siblings(record)) usage.records.emplace_back(number, record);
    return usage.records.size() < peer_records_max && ++scanned < scanned_max;
  });
  if (!read) return poll.responder(http::problem(read.error()));
  const Bytes bytes = encode(usage);
  http::Response response;
  response.content_type = "application/octet-stream";
  response.body = std::string(as_text(bytes));
  poll.responder(std::move(response));
}

void Links::note(std::size_t i, const State& state) {
  const std::lock_guard lock(states_mutex_);
  if (state.trouble.empty() && !states_[i].heard) {
    log::info("edge.sibling_heard", "a sibling edge answers", {{"edge", int(state.edge)}});
  } else if (!state.trouble.empty() && states_[i].trouble != state.trouble) {
    log::warning("edge.sibling_silent", "a sibling edge can't be followed",
                 {{"edge", int(state.edge)}, {"code", state.trouble}});
  }
  states_[i] = state;
}

void Links::follow(std::size_t i) {
  const Sibling& sibling = options_.siblings[i];
  Following at;
  State state{.edge = sibling.edge, .heard = false, .through = 0, .behind = 0, .trouble = {}};
  {
    const std::lock_guard lock(engine_.mutex());
    at.through = engine_.sibling_sequence(sibling.edge);
  }
  at.kept = at.through;  // it was read from our own disk
  std::optional<http::Client> client;
  while (!stopping()) {
    if (!client) {
      auto made = http::Client::create(sibling.url, {.connect_timeout = milliseconds(2000),
                                                     .answer_timeout = milliseconds(5000),
                                                     .body_max = 1 << 20,
                                                     .tls_authority = sibling.tls_authority,
                                                     .bearer_token = sibling.token});
      if (made) client.emplace(std::move(*made));
      if (!made) state.trouble = made.error().code;
    }
    if (client) {
      const auto followed = follow_once(*client, sibling, at, state);
      state.heard = followed.has_value();
      state.trouble = followed ? "" : std::string(followed.error().code);
      if (!followed) client.reset();
    }
    note(i, state);
    if (state.heard) continue;
    std::unique_lock lock(wakes_->mutex);
    const auto again = Steady::now() + milliseconds(500);
    while (!stopping_ && wakes_->news.wait_until(lock, again) != std::cv_status::timeout) continue;
  }
}

Result<void> Links::follow_once(http::Client& client, const Sibling& sibling, Following& at, State& state) {
  const auto wait = std::max<std::int64_t>(1, options_.sibling_silence.count() / 3);
  DAYAQ_TRY(const http::ClientResponse response,
            client.get(fmt::format("/v1/peer/usage?edge={}&after={}&kept={}&wait={}", options_.edge,
                                   at.through, at.kept, wait)));
  if (response.status != 200) {
    return fail(ErrorKind::unavailable, "peer.refused", "A sibling edge refuses to be followed.",
                fmt::format("status {}: {}", response.status, response.body.substr(0, 200)));
  }
  DAYAQ_TRY(const PeerUsage usage, decode_peer_usage(as_bytes(response.body)));
  if (usage.edge != sibling.edge || usage.through < at.through) {
    return fail(ErrorKind::conflict, "peer.edge", "Another edge answers than the one that is named.",
                fmt::format("edge {} through {}", usage.edge, usage.through));
  }
  take(usage, at);
  state.through = at.through;
  state.behind = usage.last - std::min(usage.last, at.through);
  return {};
}

void Links::take(const PeerUsage& usage, Following& at) {
  const Instant now = clock_.now();
  for (std::size_t from = 0; from < usage.records.size(); from += applied_at_once) {
    const std::lock_guard lock(engine_.mutex());
    for (std::size_t i = from; i < std::min(usage.records.size(), from + applied_at_once); ++i) {
      engine_.apply_sibling(usage.records[i].first, usage.records[i].second, now);
    }
  }
  const std::lock_guard lock(engine_.mutex());
  engine_.sibling_heard(usage.edge, now);
  if (!usage.records.empty() && engine_.sibling_sequence(usage.edge) < usage.records.back().first) {
    at.through = engine_.sibling_sequence(usage.edge);  // our journal didn't take them: again from there
    return;
  }
  at.through = usage.through;
  if (at.keep_at != 0 && journal_.durable() >= at.keep_at) {
    at.kept = at.keeping;
    at.keep_at = 0;
  }
  if (at.keep_at == 0) {
    at.keep_at = journal_.last();
    at.keeping = at.through;
    if (journal_.durable() >= at.keep_at) at.kept = at.keeping;
  }
  if (at.stand_at == 0) {
    at.stand_at = usage.last;
    at.stand = usage.knows;
  }
  if (at.through >= at.stand_at) {
    engine_.sibling_stands(usage.edge, at.stand, 0);
    at.stand_at = 0;
  }
}

}  // namespace

std::unique_ptr<Siblings> Siblings::create(SiblingsOptions options, Engine& engine, Journal& journal,
                                           const Clock& clock) {
  return std::make_unique<Links>(std::move(options), engine, journal, clock);
}

}  // namespace dayaq::edge
