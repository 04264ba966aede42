#include "edge/tv/authorizer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "edge/tv/token.hpp"
#include "http/encoding.hpp"

namespace dayaq::edge::tv {
namespace {

using std::chrono::seconds;

/// Names alike on every edge who watches what.
LeaseId viewer_lease(SubscriptionKey key, const Channel& channel) {
  return lease_id("tv", channel.name, key);
}

std::string_view query_of(std::string_view address) {
  const std::size_t mark = address.find('?');
  if (mark == std::string_view::npos) return {};
  address.remove_prefix(mark + 1);
  return address.substr(0, address.find('#'));
}

}  // namespace

Authorizer::Authorizer(Options options, Engine& engine) : options_(std::move(options)), engine_(engine) {}

const Channel* Authorizer::channel_of(std::string_view path) const {
  const Channel* best = nullptr;
  for (const Channel& channel : options_.channels) {
    if (path.starts_with(channel.prefix) &&
        (best == nullptr || channel.prefix.size() > best->prefix.size())) {
      best = &channel;
    }
  }
  return best;
}

std::optional<SubscriptionKey> Authorizer::who(std::string_view address, std::string_view path,
                                               std::string_view line, Instant now) const {
  if (!line.empty()) return feed::pseudonym(options_.feed_key, edge::to_string(options_.line), line);
  if (options_.token_key.empty()) return std::nullopt;
  const auto token = http::form_field(query_of(address), options_.token_argument);
  if (!token) return std::nullopt;
  const auto checked = check_token(options_.token_key, *token, path, now);
  if (!checked) return std::nullopt;
  return checked->key;
}

Authorizer::Answer Authorizer::on_request(std::string_view address, std::string_view line, Instant now) {
  const auto path = normal_path(address);
  const Channel* channel = path ? channel_of(*path) : nullptr;
  if (channel == nullptr) {
    elsewhere_.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  const auto key = who(address, *path, line, now);
  if (!key) {
    nobody_.fetch_add(1, std::memory_order_relaxed);
    return {.what = Answer::What::nobody, .channel = channel->name};
  }
  Answer answer = watch(*channel, *key, now);
  (answer.what == Answer::What::allowed ? allowed_ : denied_).fetch_add(1, std::memory_order_relaxed);
  return answer;
}

Authorizer::Answer Authorizer::watch(const Channel& channel, SubscriptionKey key, Instant now) {
  const LeaseId lease = viewer_lease(key, channel);
  Shard& shard = shard_of(lease);
  const std::scoped_lock lock(shard.mutex);
  auto at = shard.viewers.find(lease);
  if (at == shard.viewers.end()) {
    Viewer fresh{.key = key, .channel = &channel};
    if (shard.viewers.size() >= options_.viewers_max / shards_count) {  // judged, but not counted
      look_again(fresh, lease, now);
      const bool granted = fresh.outcome == Outcome::granted;
      return {.what = granted ? Answer::What::allowed : Answer::What::denied,
              .outcome = fresh.outcome,
              .measure = fresh.measure,
              .channel = channel.name,
              .prefix = channel.prefix,
              .cache = options_.deny_for};
    }
    at = shard.viewers.emplace(lease, fresh).first;
  }
  Viewer& viewer = at->second;
  viewer.counted = std::min(viewer.counted, now);  // the clock may have gone back
  viewer.seen = std::min(viewer.seen, now);
  if (viewer.seen == instant_min || now - viewer.seen > options_.heartbeat) {  // new, or back after a pause
    if (viewer.open) report(viewer, lease, Phase::stop, viewer.seen, now);
    viewer.open = false;
    viewer.counted = now;
  }
  const bool due = viewer.open && now - viewer.counted >= options_.heartbeat;
  // A little before an answer runs out it is looked up again: who keeps answers asks then, and would be told
  // the last second of the old one.
  const std::chrono::microseconds soon =
      std::min<std::chrono::microseconds>(options_.deny_for / 4, seconds(2));
  const bool told = now + soon < viewer.told_until && viewer.told_until - now <= options_.allow_for &&
                    viewer.told_epoch == epoch_.load(std::memory_order_relaxed);
  if (due || !told) look_again(viewer, lease, now);
  viewer.seen = now;
  const bool allowed = viewer.outcome == Outcome::granted;
  const auto left = std::chrono::ceil<seconds>(viewer.told_until - now);
  return {.what = allowed ? Answer::What::allowed : Answer::What::denied,
          .outcome = viewer.outcome,
          .measure = viewer.measure,
          .channel = channel.name,
          .prefix = channel.prefix,
          .cache = std::max(left, seconds(1))};
}

void Authorizer::look_again(Viewer& viewer, const LeaseId& lease, Instant now) {
  viewer.told_epoch = epoch_.load(std::memory_order_relaxed);
  Verdict verdict;
  const bool may_begin = !viewer.open && std::uint32_t(std::chrono::floor<seconds>(now).time_since_epoch() /
                                                       options_.heartbeat) > viewer.number;
  if (viewer.open && now - viewer.counted >= options_.heartbeat) {
    verdict = report(viewer, lease, Phase::update, now, now);
    viewer.open = verdict.outcome == Outcome::granted;
  } else {
    {
      const std::scoped_lock lock(engine_.mutex());
      verdict = engine_.look(viewer.key, options_.line, viewer.channel->service, now);
    }
    if (may_begin && verdict.outcome == Outcome::granted && viewer.seen != instant_min) {
      // At the second look, not the first: a player that only tries an address is no viewer.
      verdict = report(viewer, lease, Phase::start, viewer.counted, now);
      viewer.open = verdict.outcome == Outcome::granted;
    }
  }
  viewer.outcome = verdict.outcome;
  viewer.measure = verdict.measure;
  viewer.told_until = now + (verdict.outcome == Outcome::granted ? options_.allow_for : options_.deny_for);
}

Verdict Authorizer::report(Viewer& viewer, const LeaseId& lease, Phase phase, Instant until, Instant now) {
  const auto watched = std::chrono::floor<seconds>(std::clamp<std::chrono::microseconds>(
      until - viewer.counted, std::chrono::microseconds(0), 3 * options_.heartbeat));
  const auto beat = std::uint32_t(std::chrono::floor<seconds>(now).time_since_epoch() / options_.heartbeat);
  viewer.number = std::max(beat, viewer.number + 1);
  viewer.counted += watched;
  if (until - viewer.counted > options_.heartbeat) viewer.counted = until;  // a gap isn't viewing
  heartbeats_.fetch_add(1, std::memory_order_relaxed);
  const Ask ask{.key = viewer.key,
                .line = options_.line,
                .service = viewer.channel->service,
                .lease = lease,
                .number = viewer.number,
                .phase = phase,
                .used = std::uint64_t(watched.count())};
  const std::scoped_lock lock(engine_.mutex());
  return engine_.decide(ask, now);
}

Result<Authorizer::Permit> Authorizer::permit(std::string_view channel, std::string_view line, Instant now) {
  const auto found = std::ranges::find(options_.channels, channel, &Channel::name);
  if (found == options_.channels.end()) {
    return fail(ErrorKind::not_found, "tv.channel", "The edge's file has no channel of this name.");
  }
  if (options_.token_key.empty()) {
    return fail(ErrorKind::unavailable, "tv.no_key",
                "The edge's file names no token_key_file, so no tokens can be made.");
  }
  const SubscriptionKey key = feed::pseudonym(options_.feed_key, edge::to_string(options_.line), line);
  Verdict verdict;
  {
    const std::scoped_lock lock(engine_.mutex());
    verdict = engine_.look(key, options_.line, found->service, now);
  }
  if (verdict.outcome != Outcome::granted) {
    return fail(ErrorKind::forbidden, "tv.not_covered",
                "No grant covers this channel for this line. The operator's own subscription decides.");
  }
  const Token token{
      .expires = std::chrono::floor<seconds>(now) + options_.token_life, .prefix = found->prefix, .key = key};
  return Permit{.prefix = found->prefix,
                .token = make_token(options_.token_key, token),
                .secure_link = options_.secure_link_secret.empty()
                                   ? std::string()
                                   : secure_link(options_.secure_link_secret, token),
                .key = key,
                .expires = token.expires};
}

void Authorizer::tick(Instant now) {
  const auto beats = std::size_t(std::max<std::int64_t>(options_.heartbeat.count(), 1));
  for (Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    std::vector<LeaseId> gone;
    const std::size_t buckets = shard.viewers.bucket_count();
    const std::size_t steps = std::min(buckets, buckets / beats + 1);
    for (std::size_t i = 0; i < steps; ++i) {
      shard.cursor = (shard.cursor + 1) % buckets;
      for (auto at = shard.viewers.begin(shard.cursor); at != shard.viewers.end(shard.cursor); ++at) {
        Viewer& viewer = at->second;
        if (now < viewer.seen) viewer.seen = now;
        if (now - viewer.seen <= options_.heartbeat) continue;
        if (viewer.open) report(viewer, at->first, Phase::stop, viewer.seen, now);
        viewer.open = false;
        if (now - viewer.seen > 2 * options_.heartbeat) gone.push_back(at->first);
      }
    }
    for (const LeaseId& id : gone) shard.viewers.erase(id);
  }
}

void Authorizer::finish(Instant now) {
  for (Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    for (auto& [lease, viewer] : shard.viewers) {
      if (viewer.open) report(viewer, lease, Phase::stop, viewer.seen, now);
      viewer.open = false;
    }
  }
}

Authorizer::Counts Authorizer::counts() const {
  Counts counts{.allowed = allowed_.load(std::memory_order_relaxed),
                .denied = denied_.load(std::memory_order_relaxed),
                .nobody = nobody_.load(std::memory_order_relaxed),
                .elsewhere = elsewhere_.load(std::memory_order_relaxed),
                .heartbeats = heartbeats_.load(std::memory_order_relaxed)};
  for (const Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    counts.viewers += shard.viewers.size();
  }
  return counts;
}

}  // namespace dayaq::edge::tv
