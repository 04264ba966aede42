// The gate, and whom it holds: neither read nor answered until they may ask again. A part of connection.ipp.
#pragma once

#include "http/connection.ipp"

namespace dayaq::http {

/// Does nothing for as long as the gate said, until their number has come up, or until the server stops.
template <class Stream>
class Connection<Stream>::Hold {
 public:
  explicit Hold(Connection& connection) : connection_(connection) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> self) {
    from_ = SteadyClock::now();
    connection_.park();
    connection_.state_ = State::held;
    connection_.deadline = TimePoint::max();
    connection_.held_ = self;
    connection_.shared_.held.fetch_add(1, std::memory_order_relaxed);
    connection_.io_->hold(connection_, from_ + connection_.request_.gate_hold,
                          *connection_.match_.route->gate, connection_.request_.gate_number);
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

/// The gate goes before whoever isn't signed in is sent to sign in: that costs more than what they came
/// for. Where only a worker can say who is calling, it is asked with nobody known, and once more by the
/// worker.
template <class Stream>
bool Connection<Stream>::judge() {
  Admission admission = admit_by_head(match_, request_, framing_, shared_.authenticator);
  ask_on_worker_ = admission.ask_on_worker;
  const bool goes_in = !admission.refusal || admission.sign_in;
  gated_ = goes_in && match_.route != nullptr && match_.route->gate != nullptr;
  if (gated_) {
    if (auto refusal = match_.route->gate->refuse(request_)) {
      response_ = std::move(*refusal);
      if (request_.gate_hold.count() == 0) end_if_more_came();
      return false;
    }
  }
  if (!admission.refusal) return true;
  if (gated_) match_.route->gate->answered(admission.refusal->status, std::chrono::microseconds(0));
  response_ = std::move(*admission.refusal);
  return false;
}

/// Its time has come. Whoever sends more meanwhile doesn't wait for answers: this one, and no other.
template <class Stream>
bool Connection<Stream>::admit_held() {
  request_.gate_hold = match_.route->gate->hold_on(request_);
  if (hung_up()) request_.gate_hold = std::chrono::milliseconds(0);
  if (failed_ || request_.gate_hold.count() > 0) return false;
  started_ = SteadyClock::now();
  end_if_more_came();
  return judge();
}

/// Whoever has sent more behind a request doesn't wait for answers. Each ask that came before they have seen
/// their ticket would be a stranger's to the gate, and get a number that nobody will ever show.
template <class Stream>
void Connection<Stream>::end_if_more_came() {
  if (whole_request_is_all()) return;
  keep_alive_ = false;
  linger_ = true;
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
  const int socket = parked_ >= 0 ? parked_ : stream_.lowest_layer().native_handle();
  pollfd asked{.fd = socket, .events = POLLRDHUP, .revents = 0};
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

/// Nothing that arrives wakes anybody. Twice in a row is once.
template <class Stream>
void Connection<Stream>::park() {
  if constexpr (!is_tls) {
    if (parked_ >= 0) return;
    error_code error;
    const int descriptor = stream_.release(error);
    if (!error) parked_ = descriptor;
  }
}

/// Back into the event loop, where what has come meanwhile is found.
template <class Stream>
void Connection<Stream>::unpark() {
  if constexpr (!is_tls) {
    if (parked_ < 0) return;
    const int descriptor = std::exchange(parked_, -1);
    error_code error;
    const bool sixth = request_.remote_address.find(':') != std::string::npos;
    stream_.assign(sixth ? tcp::v6() : tcp::v4(), descriptor, error);
    if (error) {
      ::close(descriptor);
      failed_ = true;
      open_ = false;
      return;
    }
    stream_.non_blocking(true, error);
  }
}

template <class Stream>
void Connection<Stream>::release_now() {
  io_->let_go(*this);
  release();
}

}  // namespace dayaq::http
