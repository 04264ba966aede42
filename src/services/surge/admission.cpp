#include "services/surge/admission.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <deque>
#include <mutex>

#include "services/surge/binding.hpp"
#include "services/surge/rate.hpp"
#include "services/surge/ticket.hpp"

namespace dayaq::services::surge {
namespace {

using std::chrono::seconds;

constexpr seconds age_max = std::chrono::hours(24);
constexpr seconds wait_max = std::chrono::hours(24);
constexpr double share_min = 0.001;
constexpr seconds mark_every{1};

Options sane(Options options) {
  options.grace = std::min(options.grace, options.patience);
  return options;
}

double seconds_of(std::chrono::microseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

struct Admission::State {
  /// Numbers [from, until) came up within one second.
  struct Mark {
    Instant at;
    std::uint64_t from = 0, until = 0;
    std::uint64_t given = 0;    ///< of them, without gaps
    std::uint64_t claimed = 0;  ///< of them, within `grace`
  };

  State(const crypto::SecretBytes& secret, const Options& chosen, const Saved& saved)
      : key(secret),
        options(sane(chosen)),
        rate(chosen),
        horizon(saved.horizon),
        gaps(saved.gaps),
        bindings(saved.horizon, options.patience + 2 * options.pass),
        budget(at_most()) {
    next = std::max(saved.issued, saved.horizon);
    if (next > 0) {
      gaps.emplace_back(next, next + options.reserve);
      next += options.reserve;
    }
    std::sort(gaps.begin(), gaps.end());
  }

  const TicketKey key;
  const Options options;

  mutable std::mutex mutex;  // guards all that follows
  Rate rate;
  std::uint64_t next = 0;                                     ///< to be given
  std::uint64_t horizon = 0;                                  ///< numbers below have come up
  std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps;  ///< above the horizon
  Bindings bindings;
  std::deque<Mark> marks;                    ///< of the last `patience`
  std::size_t counted = 0;                   ///< marks at the front that are in the share
  std::deque<bool> claimed;                  ///< numbers [horizon - size, horizon), of the last `grace`
  std::optional<Instant> last;               ///< to which all this has moved
  double budget;                             ///< who may be admitted now
  double step = 0;                           ///< the horizon's fraction of a number
  double came_up = 0, came_and_claimed = 0;  ///< fading sums over marks that are older than `grace`
  double speed = 0;  ///< numbers coming up a second while some wait, smoothed; 0: not known
  std::uint64_t admitted = 0;

  /// Who may be admitted at once after a quiet moment.
  [[nodiscard]] double at_most() const { return 1 + rate.a_second() * 0.25; }

  [[nodiscard]] double share() const {
    return std::clamp((came_and_claimed + 1) / (came_up + 1), share_min, 1.0);
  }

  void skip_gaps() {
    while (!gaps.empty() && gaps.front().first <= horizon) {
      for (; horizon < gaps.front().second; ++horizon) claimed.push_back(false);
      gaps.erase(gaps.begin());
    }
    next = std::max(next, horizon);
  }

  /// `count` numbers come up now.
  void raise(std::uint64_t count, Instant now) {
    if (marks.size() == counted || now - marks.back().at >= mark_every) {
      marks.push_back({.at = now, .from = horizon, .until = horizon});
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      skip_gaps();
      claimed.push_back(false);
      ++horizon;
    }
    skip_gaps();
    marks.back().until = horizon;
    marks.back().given += count;
  }

  /// How many between the horizon and `number` may belong to somebody.
  [[nodiscard]] std::uint64_t waiting_before(std::uint64_t number) const {
    if (number <= horizon) return 0;
    std::uint64_t out = number - horizon;
    for (const auto& [from, until] : gaps) {
      if (from < number) out -= std::min(until, number) - from;
    }
    return out;
  }

  [[nodiscard]] std::uint64_t waiting() const { return waiting_before(next); }

  /// Marks that are older than `grace` tell how many turn up; those older than `patience` are forgotten.
  void forget(Instant now) {
    for (; counted < marks.size() && now - marks[counted].at >= options.grace; ++counted) {
      const Mark& mark = marks[counted];
      came_up = came_up * 0.8 + double(mark.given);
      came_and_claimed = came_and_claimed * 0.8 + double(std::min(mark.claimed, mark.given));
      while (claimed.size() > horizon - mark.until) claimed.pop_front();
    }
    for (; !marks.empty() && now - marks.front().at >= options.patience; --counted) marks.pop_front();
  }

  /// Moves everything on to `t`; returns the time that it is then.
  Instant advance(Instant t) {
    if (!last) {
      last = t;
      skip_gaps();
      marks.push_back({.at = t, .from = 0, .until = horizon});  // whatever came up before a restart
      claimed.clear();
      counted = 1;
    }
    const Instant now = std::max(t, *last);
    const double passed = std::min(seconds_of(now - *last), 2.0);
    last = now;
    rate.advance(now);
    const double a_second = rate.a_second();
    budget = std::min(budget + a_second * passed, at_most());
    forget(now);
    bindings.forget(horizon, now);
    const std::uint64_t wait = waiting();
    if (wait == 0) {
      step = speed = 0;
      return now;
    }
    if (budget > 0 && !rate.full()) step += a_second / share() * passed;
    const std::uint64_t up = std::min(wait, std::uint64_t(step));
    step = up == wait ? 0 : step - double(up);
    if (up > 0) raise(up, now);
    if (passed > 0) {
      const double weight = 1 - std::exp(-passed / 5);
      speed = speed == 0 ? a_second / share() : speed + weight * (double(up) / passed - speed);
    }
    return now;
  }

  /// With which this number came up; null if that was longer ago than `patience`, or hasn't been.
  [[nodiscard]] Mark* mark_of(std::uint64_t number) {
    const auto found = std::upper_bound(marks.begin(), marks.end(), number,
                                        [](std::uint64_t n, const Mark& mark) { return n < mark.until; });
    return found != marks.end() && found->from <= number ? &*found : nullptr;
  }

  void count_claim(std::uint64_t number, Mark& mark) {
    const std::uint64_t first = horizon - claimed.size();
    if (number < first || claimed[number - first]) return;
    claimed[number - first] = true;
    ++mark.claimed;
    spend();
  }

  void spend() {
    ++admitted;
    rate.used();
    budget = std::max(budget - 1, -30 * rate.a_second());
  }

  [[nodiscard]] Place place_of(std::uint64_t number) const {
    Place out;
    out.number = number;
    out.ahead = waiting_before(number);
    const double pace = speed > 0 ? speed : rate.a_second() / share();
    const double wait = double(out.ahead) / std::max(pace, 1e-6);
    const double bounded = std::min(wait, double(wait_max.count()));
    out.wait = seconds(std::int64_t(std::ceil(bounded)));
    out.turn = std::chrono::milliseconds(std::int64_t(bounded * 1000));
    out.again = std::clamp(out.wait / 4, seconds(4), seconds(120));
    out.keep = age_max;
    return out;
  }
};

Admission::Admission(const crypto::SecretBytes& key, const Options& options, const Saved& saved)
    : state_(std::make_unique<State>(key, options, saved)) {}
Admission::~Admission() = default;

const Options& Admission::options() const {
  return state_->options;
}

std::optional<Place> Admission::look(std::string_view text, std::string_view holder, Instant t) {
  State& state = *state_;
  auto ticket = state.key.read(text);
  if (!ticket || ticket->lane != state.options.lane) return std::nullopt;
  const std::uint64_t who = holder.empty() ? 0 : state.key.tag_of(holder);
  if (ticket->holder != 0 && who != 0 && ticket->holder != who) return std::nullopt;
  const bool becomes_theirs = ticket->holder == 0 && who != 0;
  Place out;
  out.ticket = text;
  {
    const std::lock_guard lock(state.mutex);
    const Instant now = state.advance(t);
    const Options& options = state.options;
    if (ticket->kind == Ticket::Kind::pass) {
      out.admitted = now < ticket->at;
      out.lapsed = !out.admitted && now < ticket->at + options.pass;
      if (!out.admitted && !out.lapsed) return std::nullopt;
      if (becomes_theirs && !state.bindings.take(ticket->number, who)) return std::nullopt;
      out.keep = std::chrono::ceil<seconds>(ticket->at - now) + options.pass;
    } else {
      if (now - ticket->at > age_max) return std::nullopt;
      if (ticket->number >= state.next) state.next = ticket->number + 1;  // our own signature: state was lost
      if (ticket->number >= state.horizon) {
        out = state.place_of(ticket->number);
        out.ticket = text;
        out.given = ticket->at;
        return out;
      }
      State::Mark* const mark = state.mark_of(ticket->number);
      if (mark == nullptr || now >= mark->at + options.patience) return std::nullopt;
      if (becomes_theirs && !state.bindings.take(ticket->number, who)) return std::nullopt;
      ticket->kind = Ticket::Kind::pass;
      ticket->at = mark->at + options.patience + options.pass;
      out.admitted = true;
      out.keep = std::chrono::ceil<seconds>(ticket->at - now) + options.pass;
      state.count_claim(ticket->number, *mark);
    }
  }
  if (becomes_theirs) ticket->holder = who;
  out.ticket = state.key.write(*ticket);  // the same text if nothing of it has changed
  return out;
}

Place Admission::enter(std::string_view text, std::string_view holder, Instant t) {
  State& state = *state_;
  bool lapsed = false;
  if (!text.empty()) {
    auto known = look(text, holder, t);
    if (known && !known->lapsed) return *std::move(known);
    lapsed = known.has_value();
  }
  Place out;
  Ticket ticket{
      .kind = Ticket::Kind::waiting, .lane = state.options.lane, .number = 0, .at = {}, .holder = 0};
  if (!holder.empty()) ticket.holder = state.key.tag_of(holder);
  {
    const std::lock_guard lock(state.mutex);
    const Instant now = state.advance(t);
    ticket.number = state.next++;
    if (state.waiting_before(ticket.number) == 0 && state.budget >= 1) {
      state.raise(1, now);
      state.claimed.back() = true;
      ++state.marks.back().claimed;
      state.spend();
      ticket.kind = Ticket::Kind::pass;
      ticket.at = now + state.options.pass;
      out.admitted = true;
      out.keep = 2 * state.options.pass;
    } else {
      out = state.place_of(ticket.number);
      out.lapsed = lapsed;
      ticket.at = out.given = now;
    }
  }
  out.ticket = state.key.write(ticket);
  return out;
}

std::chrono::milliseconds Admission::turn(std::uint64_t number, Instant now) {
  const std::lock_guard lock(state_->mutex);
  state_->advance(now);
  if (number < state_->horizon) return std::chrono::milliseconds(0);
  return std::max(state_->place_of(number).turn, std::chrono::milliseconds(1));
}

void Admission::answered(std::chrono::microseconds took, Instant now) {
  const std::lock_guard lock(state_->mutex);
  state_->rate.answered(took, state_->advance(now));
}

void Admission::asked(Instant now) {
  const std::lock_guard lock(state_->mutex);
  state_->advance(now);
  state_->rate.asked();
}

void Admission::sent_on(Instant now) {
  const std::lock_guard lock(state_->mutex);
  state_->advance(now);
  state_->rate.sent_on();
}

bool Admission::surging() const {
  return waiting() > 0;
}

double Admission::rate() const {
  const std::lock_guard lock(state_->mutex);
  return state_->rate.a_second();
}

std::uint64_t Admission::waiting() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waiting();
}

std::uint64_t Admission::admitted() const {
  const std::lock_guard lock(state_->mutex);
  return state_->admitted;
}

Saved Admission::save() {
  const std::lock_guard lock(state_->mutex);
  return {.issued = state_->next, .horizon = state_->horizon, .gaps = state_->gaps};
}

std::string Saved::to_text() const {
  std::string out = fmt::format("{} {}", issued, horizon);
  for (const auto& [from, until] : gaps) out += fmt::format(" {}-{}", from, until);
  return out + "\n";
}

std::optional<Saved> Saved::parse(std::string_view text) {
  const auto number = [&text](std::uint64_t& out, char end) {
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc()) return false;
    text.remove_prefix(std::size_t(stop - text.data()));
    if (end == '-' && !text.starts_with('-')) return false;
    if (text.starts_with(end)) text.remove_prefix(1);
    return true;
  };
  Saved out;
  if (!number(out.issued, ' ') || !number(out.horizon, ' ') || out.horizon > out.issued) return std::nullopt;
  while (!text.empty() && text != "\n") {
    std::uint64_t from = 0, until = 0;
    if (!number(from, '-') || !number(until, ' ') || from >= until) return std::nullopt;
    out.gaps.emplace_back(from, until);
  }
  return out;
}

}  // namespace dayaq::services::surge
