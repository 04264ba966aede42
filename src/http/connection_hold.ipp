// Whom the gate holds: neither read nor answered until they may ask again. A part of connection.ipp.
#pragma once

#include "http/connection.ipp"

namespace dayaq::http {

/// Does nothing for as long as the gate said, or until the server stops.
template <class Stream>
class Connection<Stream>::Hold {
 public:
  explicit Hold(Connection& connection) : connection_(connection) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> self) {
    from_ = SteadyClock::now();
    connection_.state_ = State::held;
    connection_.deadline = TimePoint::max();
    connection_.held_ = self;
    connection_.held_until_ = from_ + connection_.request_.gate_hold;
    connection_.shared_.held.fetch_add(1, std::memory_order_relaxed);
    connection_.io_->hold(connection_, connection_.held_until_);
  }
  void await_resume() const {
    connection_.shared_.held.fetch_sub(1, std::memory_order_relaxed);
    connection_.request_.gate_held +=
        std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now() - from_);
    connection_.request_.gate_hold = std::chrono::milliseconds(0);
  }

 private:
  Connection& connection_;
  TimePoint from_;
};

/// Its time has come. Whoever sends more meanwhile doesn't wait for answers: this one, and no other.
template <class Stream>
bool Connection<Stream>::admit_held() {
  request_.gate_hold = match_.route->gate->hold_on(request_);
  if (request_.gate_hold.count() > 0 || hung_up()) return false;
  started_ = SteadyClock::now();
  if (!whole_request_is_all()) {
    keep_alive_ = false;
    linger_ = true;
  }
  return ask_gate();
}

/// The gate asks for it, and there is room. Without room the connection ends with the answer.
template <class Stream>
bool Connection<Stream>::may_hold() {
  if (request_.gate_hold.count() == 0 || shared_.stopping.load(std::memory_order_relaxed)) return false;
  if (shared_.held.load(std::memory_order_relaxed) < shared_.options.held_max) return true;
  keep_alive_ = false;
  linger_ = true;
  return false;
}

/// Who is held isn't read: their going shows here. Half a goodbye counts as a whole one.
template <class Stream>
bool Connection<Stream>::hung_up() {
  pollfd asked{.fd = stream_.lowest_layer().native_handle(), .events = POLLRDHUP, .revents = 0};
  failed_ = failed_ || (::poll(&asked, 1, 0) == 1 && asked.revents != 0);
  return failed_;
}

/// Nothing has come behind the request.
template <class Stream>
bool Connection<Stream>::whole_request_is_all() {
  const std::size_t rest = filled_ - begin_ - framing_.head_size;
  if (framing_.chunked) return true;  // where it ends isn't known yet
  return rest < framing_.content_length || (rest == framing_.content_length && silent());
}

/// Nobody reads the body of a refused request: the connection ends with the answer.
template <class Stream>
void Connection<Stream>::leave_body() {
  gated_ = false;
  if (framing_.has_body() && !take_whole_body()) {
    keep_alive_ = false;
    linger_ = true;
  }
}

template <class Stream>
void Connection<Stream>::release_now() {
  io_->let_go(*this, held_until_);
  release();
}

}  // namespace dayaq::http
