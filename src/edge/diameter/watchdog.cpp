#include "edge/diameter/watchdog.hpp"

#include <algorithm>

namespace dayaq::edge::diameter {

Watchdog::Watchdog(std::chrono::milliseconds tw, std::function<double()> jitter)
    : tw_(tw), jitter_(std::move(jitter)) {}

void Watchdog::set(Time now) {
  const auto spread =
      tw_ >= std::chrono::seconds(6) ? std::chrono::milliseconds(2000) : std::chrono::milliseconds(tw_ / 15);
  due_ = now + tw_ + std::chrono::milliseconds(std::int64_t(double(spread.count()) * jitter_()));
}

Watchdog::Do Watchdog::connection_up(Time now) {
  set(now);
  if (state_ == State::initial) {
    state_ = State::okay;
    pending_ = false;
    return Do::fail_back;
  }
  state_ = State::reopen;
  dwas_ = 0;
  pending_ = true;
  return Do::send_dwr;
}

void Watchdog::connection_down() {
  // A connection that never stood leaves the first one still to come.
  if (state_ != State::initial) state_ = State::down;
  pending_ = false;
  due_ = Time::max();
}

Watchdog::Do Watchdog::on_dwa(Time now) {
  pending_ = false;
  switch (state_) {
    case State::okay:
      set(now);
      return Do::nothing;
    case State::suspect:
      state_ = State::okay;
      set(now);
      return Do::fail_back;
    case State::reopen:
      // Three in turn show that it is back for good; the next DWR goes out when the timer says so.
      if (dwas_ < 2) {
        dwas_ = std::max(dwas_, 0) + 1;
        return Do::nothing;
      }
      state_ = State::okay;
      set(now);
      return Do::fail_back;
    case State::initial:
    case State::down:
      return Do::nothing;
  }
  return Do::nothing;
}

Watchdog::Do Watchdog::on_message(Time now) {
  if (state_ == State::okay) {
    set(now);
  } else if (state_ == State::suspect) {
    state_ = State::okay;
    set(now);
    return Do::fail_back;
  }
  return Do::nothing;
}

Watchdog::Do Watchdog::on_timer(Time now) {
  if (now < due_) return Do::nothing;
  set(now);
  switch (state_) {
    case State::okay:
      if (!pending_) {
        pending_ = true;
        return Do::send_dwr;
      }
      state_ = State::suspect;
      return Do::fail_over;
    case State::suspect:
      connection_down();
      return Do::close;
    case State::reopen:
      if (!pending_) {
        pending_ = true;
        return Do::send_dwr;
      }
      if (dwas_ < 0) {
        connection_down();
        return Do::close;
      }
      dwas_ = -1;
      return Do::nothing;
    case State::initial:
    case State::down:
      due_ = Time::max();
      return Do::nothing;
  }
  return Do::nothing;
}

std::string_view to_string(Watchdog::State state) {
  switch (state) {
    case Watchdog::State::initial:
      return "initial";
    case Watchdog::State::okay:
      return "open";
    case Watchdog::State::suspect:
      return "suspect";
    case Watchdog::State::down:
      return "down";
    case Watchdog::State::reopen:
      return "reopening";
  }
  return "";
}

}  // namespace dayaq::edge::diameter
