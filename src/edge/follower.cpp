#include "edge/follower.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/log.hpp"
#include "edge/centre_access.hpp"
#include "http/client.hpp"
#include "http/encoding.hpp"

namespace dayaq::edge {
namespace {

constexpr const char* media_type = "application/vnd.dayaq.feed";
constexpr std::size_t answer_bytes_max = 64u << 20;
constexpr std::uint32_t pages_max = 1u << 20;
constexpr int page_tries = 5;
constexpr auto empty_pause = std::chrono::milliseconds(200);
constexpr auto poll_between_pages = std::chrono::milliseconds(100);

std::uint64_t number_in(std::string_view text, std::uint64_t otherwise) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty() ? value : otherwise;
}

/// The stable code in problem details, as far as it can be shown.
std::string code_in(std::string_view body) {
  constexpr std::string_view name = R"("code":")";
  const std::size_t at = body.find(name);
  if (at == std::string_view::npos) return {};
  body.remove_prefix(at + name.size());
  body = body.substr(0, std::min<std::size_t>(body.find('"'), 64));
  const auto shown = [](char c) { return (c >= 'a' && c <= 'z') || c == '.' || c == '_'; };
  return std::ranges::all_of(body, shown) ? std::string(body) : std::string();
}

const http::Client::Headers& accept_feed() {
  static const http::Client::Headers headers{{"Accept", media_type}};
  return headers;
}

}  // namespace

Result<std::unique_ptr<Follower>> Follower::start(const FollowerOptions& options, Replica& replica,
                                                  std::mutex& lock, Random& random, const Clock& clock) {
  std::unique_ptr<Follower> follower(new Follower(options, replica, lock, random, clock));
  follower->cancel_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  DAYAQ_TRY(auto client,
            http::Client::create(options.url, {.connect_timeout = options.connect_timeout,
                                               .answer_timeout = options.answer_timeout + options.wait,
                                               .body_max = answer_bytes_max,
                                               .tls_authority = options.tls_authority,
                                               .bearer_token = options.token,
                                               .cancel_fd = follower->cancel_}));
  follower->client_ = std::make_unique<CentreClient>(std::move(client), options.access);
  follower->state_.sequence = replica.state().sequence;
  if (options.keys != nullptr && options.keys->changing()) {  // the change was interrupted by a start
    replica.trust(options.keys->of_news());
    follower->resync_ = true;
  }
  if (options.accept_restored) follower->resync_ = true;
  follower->thread_ = std::thread([raw = follower.get()] { raw->run(); });
  return follower;
}

Follower::Follower(const FollowerOptions& options, Replica& replica, std::mutex& lock, Random& random,
                   const Clock& clock)
    : options_(options), replica_(replica), lock_(lock), random_(random), clock_(clock) {}

Follower::~Follower() {
  stop();
  if (cancel_ >= 0) ::close(cancel_);
}

void Follower::stop() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  const std::uint64_t one = 1;
  if (cancel_ >= 0 && ::write(cancel_, &one, sizeof one) < 0) {
    // It was written before: it is readable.
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Follower::take_snapshot() {
  const std::lock_guard guard(mutex_);
  wished_ = true;
  wake_.notify_all();
}

Follower::State Follower::state() const {
  const std::lock_guard guard(mutex_);
  return state_;
}

bool Follower::stopping() const {
  const std::lock_guard guard(mutex_);
  return stopping_;
}

template <class F>
void Follower::say(F&& change) {
  const std::lock_guard guard(mutex_);
  change(state_);
  state_.sequence = replica_.state().sequence;
  state_.behind = state_.centre > state_.sequence ? state_.centre - state_.sequence : 0;
}

void Follower::run() {
  while (!stopping()) {
    if (!turn() && !pause()) return;
  }
}

/// Until it is time to try again; false if it is time to end.
bool Follower::pause() {
  std::unique_lock lock(mutex_);
  ++state_.failures;
  const auto doubled =
      options_.retry_first * (std::int64_t(1) << std::min<std::uint64_t>(state_.failures - 1, 20));
  const auto most = std::min<std::chrono::milliseconds>(doubled, options_.retry_most);
  // Between half of it and all.
  const auto half = std::uint64_t(most.count() / 2);
  const auto length = most - std::chrono::milliseconds(half == 0 ? 0 : random_.next_id() % (half + 1));
  wake_.wait_for(lock, length, [&] { return stopping_ || wished_; });
  return !stopping_;
}

/// One question, or one snapshot; false if there was trouble.
bool Follower::turn() {
  if (wants_snapshot()) return bring_snapshot();
  return follow(options_.wait);
}

bool Follower::wants_snapshot() {
  const Replica::State known = replica_.state();
  {
    const std::lock_guard guard(mutex_);
    wanted_ = wanted_ || std::exchange(wished_, false);
  }
  if (resync_ || wanted_ || !known.has_snapshot || !known.set_aside.empty()) return true;
  if (unsure_) return false;
  const bool outgrown = known.change_bytes > known.snapshot_bytes + options_.renew_bytes ||
                        known.change_blocks > options_.renew_blocks;
  if (!outgrown || (renewed_ != instant_min && clock_.now() < renewed_ + options_.renew_pause)) return false;
  renewed_ = clock_.now();
  return true;
}

bool Follower::follow(std::chrono::seconds wait) {
  const Replica::State known = replica_.state();
  const std::uint64_t sequence = known.sequence;
  const auto asked = std::chrono::steady_clock::now();
  std::string question = fmt::format("/v1/feed?after={}&wait={}&edge={}", sequence,
                                     unsure_ ? 0 : wait.count(), http::percent_encode(options_.edge));
  if (unsure_ && sequence > 0) question += fmt::format("&said={}", to_micros(known.said));
  const auto answer = client_->get(question, accept_feed());
  if (!heard(answer)) return false;
  const std::uint64_t centre = number_in(answer->header("Dayaq-Feed-Sequence"), sequence);
  if (centre < sequence) return restored("replica.ahead", fmt::format("{} before {}", centre, sequence));
  if (!answer->body.empty()) {
    const auto applied = replica_.apply(as_bytes(answer->body), lock_);
    if (!applied) {
      resync_ = resync_ || applied.error().code == "replica.gap";
      say([&](State& state) { state.centre = centre; });
      return not_taken(applied.error());
    }
  }
  trouble_said_.clear();
  const bool was_unsure = std::exchange(unsure_, false);
  say([&](State& state) {
    state.doing = Doing::following;
    state.centre = centre;
    state.applied += answer->body.empty() ? 0 : 1;
    state.failures = 0;
    state.error.clear();
    state.error_text.clear();
  });
  if (answer->body.empty() && wait.count() > 0 && !was_unsure &&
      std::chrono::steady_clock::now() - asked < empty_pause) {
    // A centre that doesn't wait must not be asked all the time.
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, empty_pause, [&] { return stopping_ || wished_; });
  }
  return true;
}

bool Follower::bring_snapshot() {
  say([&](State& state) {
    state.doing = Doing::snapshot;
    state.page = state.pages = 0;
  });
  const bool taken = snapshot_pages();
  say([&](State& state) { state.page = state.pages = 0; });
  if (!taken) return false;
  resync_ = wanted_ = false;
  unsure_ = false;  // all that is known is of this centre
  settle_key();
  const Replica::State known = replica_.state();
  say([&](State& state) {
    ++state.snapshots;
    state.failures = 0;
    state.error.clear();
    state.error_text.clear();
  });
  log::info("follower.snapshot", "a snapshot of the feed was taken",
            {{"sequence", known.sequence}, {"subscriptions", known.subscriptions}});
  return true;
}

/// Asks for page after page. While there is something to follow from, news don't wait for the pages.
bool Follower::snapshot_pages() {
  std::uint32_t pages = 0;
  int tries = 0;
  auto polled = std::chrono::steady_clock::now();
  for (std::uint32_t page = 0; page == 0 || page < pages;) {
    if (stopping()) return false;
    const auto answer =
        client_->get(page == 0 ? std::string("/v1/feed/snapshot?page=0")
                               : fmt::format("/v1/feed/snapshot?page={}&pages={}", page, pages),
                     accept_feed());
    if (!heard(answer)) {
      // The pages that are here are good as long as the changes since then can be had.
      if (page == 0 || ++tries > page_tries || !pause()) return false;
      continue;
    }
    if (page == 0) {
      const std::uint64_t announced = number_in(answer->header("Dayaq-Feed-Pages"), 0);
      pages = std::uint32_t(std::min<std::uint64_t>(announced, pages_max));
      if (const auto begun = replica_.snapshot_begin(pages); !begun) return refuse(begun.error());
    }
    if (const auto took = replica_.snapshot_page(as_bytes(answer->body)); !took) {
      return not_taken(took.error());
    }
    ++page;
    tries = 0;
    say([&](State& state) {
      state.doing = Doing::snapshot;
      state.page = page;
      state.pages = pages;
    });
    if (!resync_ && replica_.state().has_snapshot &&
        std::chrono::steady_clock::now() - polled > poll_between_pages) {
      follow(std::chrono::seconds(0));  // trouble here is trouble with the next page too
      polled = std::chrono::steady_clock::now();
    }
  }
  if (const auto taken = replica_.snapshot_take(lock_); !taken) {
    return not_taken(taken.error());
  }
  return true;
}

/// Whether there is an answer to work with.
bool Follower::heard(const Result<http::ClientResponse>& answer) {
  if (!answer) return stopping() ? false : away(answer.error());
  if (answer->status != 200) return answered_otherwise(*answer);
  const bool was_away = std::exchange(away_said_, false);
  if (was_away) log::info("follower.back", "the centre answers again");
  say([&](State& state) {
    state.connected = true;
    state.last_heard = clock_.now();
  });
  return true;
}

bool Follower::answered_otherwise(const http::ClientResponse& answer) {
  const auto says = [&](std::string_view code) { return answer.body.find(code) != std::string::npos; };
  if (answer.status == 409 && says("feed.trimmed")) {
    log::warning("follower.resync", "the feed can't be followed from here; a snapshot is needed",
                 {{"why", "feed.trimmed"}, {"sequence", replica_.state().sequence}});
    resync_ = true;
    return false;  // the next turn takes one, and says so if that fails
  }
  if (answer.status == 409 && says("feed.ahead")) return restored("replica.ahead", "feed.ahead");
  if (answer.status == 409 && says("feed.forked")) return restored("replica.forked", "feed.forked");
  if (answer.status == 401 || answer.status == 403) {
    return away({.kind = ErrorKind::forbidden,
                 .code = "follower.forbidden",
                 .public_text =
                     "The centre doesn't accept this edge: look whether it was ended, and at its client or "
                     "API key.",
                 .detail = fmt::format("status {}", answer.status)});
  }
  const std::string code = code_in(answer.body);
  return away({.kind = ErrorKind::unavailable,
               .code = "follower.answer",
               .public_text = fmt::format("The centre answered with status {}{}{}, not with the feed.",
                                          answer.status, code.empty() ? "" : " ", code),
               .detail = answer.body.substr(0, 200)});
}

/// The centre was restored from a backup: not what is known here stands in its feed. A person must look,
/// since grants that were given between the backup and its loss are gone there.
bool Follower::restored(std::string_view code, std::string detail) {
  return refuse(
      {.kind = ErrorKind::conflict,
       .code = code,
       .public_text =
           "The centre's feed isn't the one that is known here: it was restored from a backup, or somebody "
           "in between answers in its place. What is known stays in force. If it was restored, and the "
           "centre has what it should have, start this edge once with --accept-restored.",
       .detail = std::move(detail)});
}

bool Follower::away(const Error& error) {
  unsure_ = true;
  say([&](State& state) {
    state.doing = Doing::away;
    state.connected = false;
    state.error = error.code;
    state.error_text = error.public_text;
  });
  if (!std::exchange(away_said_, true)) {
    log::warning("follower.away", "the centre isn't reached; what is known stays in force",
                 {{"code", error.code}, {"detail", error.detail}, {"sequence", replica_.state().sequence}});
  }
  return false;
}

bool Follower::refuse(const Error& error) {
  unsure_ = true;
  say([&](State& state) {
    state.doing = Doing::refused;
    state.error = error.code;
    state.error_text = error.public_text;
    state.last_refused = error.code;
    ++state.refused;
  });
  if (std::exchange(trouble_said_, std::string(error.code)) != error.code) {
    log::error("follower.refused", "something that came as the feed was refused; nothing of it is in force",
               error);
  }
  return false;
}

/// Whether the key known here has named another, by which the centre signs now.
bool Follower::learn_key() {
  if (options_.keys == nullptr) return false;
  const auto answer = client_->get("/v1/feed/keys");
  if (!answer || answer->status != 200) return false;
  const auto learned = options_.keys->learn(answer->body);
  if (!learned) {
    log::error("follower.key_refused", "an announcement of the centre's next key was refused",
               learned.error());
    return false;
  }
  if (!*learned) return false;
  for (const crypto::PublicKey& key : options_.keys->of_news()) {
    log::warning("follower.key_changed", "the centre signs by another key, which the one before it has named",
                 {{"public_key", to_hex(key)}});
  }
  replica_.trust(options_.keys->of_news());
  if (options_.keys_changed) options_.keys_changed(options_.keys->of_news());
  resync_ = true;
  return true;
}

/// What is on disk is signed by the new key now.
void Follower::settle_key() {
  if (options_.keys == nullptr || !options_.keys->changing()) return;
  if (const auto settled = options_.keys->settle(); !settled) {
    log::error("follower.disk", "the centre's new key can't be kept; it is in use", settled.error());
  }
}

/// By the replica: because of what it is, or because it can't be kept.
bool Follower::not_taken(const Error& error) {
  if (error.code == "replica.signature" && learn_key()) return false;  // the next turn takes a snapshot
  if (error.kind != ErrorKind::unavailable) return refuse(error);
  say([&](State& state) {
    state.doing = Doing::broken;
    state.error = error.code;
    state.error_text = error.public_text;
  });
  if (std::exchange(trouble_said_, std::string(error.code)) != error.code) {
    log::error("follower.disk", "what the centre says can't be kept; what is known stays in force", error);
  }
  return false;
}

}  // namespace dayaq::edge
