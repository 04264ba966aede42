// One connection, from accept to close: a coroutine on its I/O thread. Included by server.cpp alone.
//
//   idle --first byte--> head --complete--> [held] --> [body] --whole--> handling --answered--> idle
//     any of them --refused, expired, Connection: close--> flush --> [lingering] --> closed
//
// 1. Requests are answered in order: the next head is looked at when the answer before it has been written
// into `out_`.
//    Answers to pipelined requests are flushed together, before the loop waits for anything.
// 2. While a handler may look at the Request, nothing touches the buffers it points into. A handler that has
// timed out
//    is answered for with 503 and the connection ends; its Request lives until the handler lets it go.
// 3. `deadline` is swept by the I/O thread about once a second. An expired read ends with nothing read, and
// the loop
//    says why it ends; an expired handler gets its answer from expire().
// 4. A request is refused (401, 404, 413 ...) by its head, before its body is read. Then nobody reads that
// body, so the
//    connection ends; it lingers until the caller has seen the answer, since closing on unread bytes makes
//    the kernel send a reset that may overtake the answer.
// 5. Whom the gate holds (asked before their time, again) costs nothing until the end of that: nothing is
// read, nothing is written, and no worker is taken. Then the gate is asked again. Its socket is *parked*, out
// of the event loop: otherwise each packet of a storm of clicks would wake this thread.
#pragma once

#include <openssl/ssl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <type_traits>

#include "base/log.hpp"
#include "http/answers.hpp"
#include "http/coroutine.hpp"
#include "http/io_thread.ipp"
#include "http/parse.hpp"
#include "http/spool.hpp"

namespace dayaq::http {

using TlsStream = asio::ssl::stream<tcp::socket>;

/// The certificate that the caller proved to hold, as DER. Null: none.
inline std::shared_ptr<const Bytes> certificate_of(TlsStream& stream) {
  X509* const certificate = SSL_get0_peer_certificate(stream.native_handle());
  if (certificate == nullptr || SSL_get_verify_result(stream.native_handle()) != X509_V_OK) return nullptr;
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size <= 0) return nullptr;
  const auto* const first = reinterpret_cast<const std::byte*>(der);
  auto out = std::make_shared<const Bytes>(first, first + size);
  OPENSSL_free(der);
  return out;
}

template <class Stream>
class Connection final : public ConnectionBase {
 public:
  static constexpr bool is_tls = std::is_same_v<Stream, TlsStream>;

  /// @param refused  true: one connection too many; it is told so and closed
  Connection(std::shared_ptr<IoThread> io, Shared& shared, Stream stream, std::string remote_address,
             bool refused)
      : ConnectionBase(std::move(io)), shared_(shared), stream_(std::move(stream)), refused_(refused) {
    request_.remote_address = std::move(remote_address);
    error_code ignored;
    stream_.lowest_layer().set_option(tcp::no_delay(true), ignored);
    stream_.lowest_layer().non_blocking(true, ignored);
  }

  void start() {
    io_->link(*this);
    run();
  }

  void answer(std::uint64_t request, Response response) override {
    if (io_->is_current() && dispatching_) return deliver(request, std::move(response));
    io_->push_answer(shared_from_this(), request, std::move(response));
  }

  [[nodiscard]] bool wanted(std::uint64_t request) const override {
    return wanted_.load(std::memory_order_relaxed) == request;
  }

  void deliver(std::uint64_t request, Response&& response) override {
    if (wanted_.load(std::memory_order_relaxed) != request) return;  // too late
    wanted_.store(0, std::memory_order_relaxed);
    response_ = std::move(response);
    if (waiting_) std::exchange(waiting_, nullptr).resume();
  }

  void expire() override {
    deadline = TimePoint::max();
    if (waiting_) {
      keep_alive_ = false;
      return deliver(sequence_, request_timed_out());
    }
    expired_ = true;
    cancel();
  }

  void release() override { std::exchange(held_, nullptr).resume(); }

  [[nodiscard]] bool turn_has_come() const override {
    return match_.route->gate->hold_on(request_).count() == 0;
  }

  void stop_if_idle() override {
    if (held_) return release_now();
    const bool idle = state_ == State::idle && begin_ == filled_ && !giving_ && !patient() && silent();
    const bool has_lingered =
        state_ == State::lingering && SteadyClock::now() - linger_min >= deadline - linger_max;
    if (idle || has_lingered) cancel();
  }

  /// Of an idle one: who has just connected is about to ask. It gets a moment, and its answer says that the
  /// connection closes.
  [[nodiscard]] bool patient() const {
    return sequence_ == 0 && SteadyClock::now() - first_request_max < deadline - shared_.options.idle_timeout;
  }

  void give_if_idle() override {
    if constexpr (is_tls) return stop_if_idle();  // its keys stay in this process
    if (state_ != State::idle || begin_ != filled_) return stop_if_idle();
    giving_ = true;
    cancel();
  }

  void abort() override {
    aborted_ = true;
    keep_alive_ = false;
    if (held_) return release_now();
    if (waiting_) return deliver(sequence_, server_stops());
    cancel();
  }

 private:
  enum class State : std::uint8_t { idle, head, held, body, handling, writing, lingering };
  static constexpr std::chrono::milliseconds linger_max{1000};
  static constexpr std::chrono::milliseconds linger_min{100};         ///< when the server is stopping
  static constexpr std::chrono::milliseconds first_request_max{250};  ///< the same
  static constexpr std::size_t buffer_min = 4 << 10;
  static constexpr std::size_t copy_max = 32 << 10;      ///< larger bodies are gathered, not copied
  static constexpr std::size_t batch_max = 64 << 10;     ///< of pipelined answers
  static constexpr std::size_t progress_min = 64 << 10;  ///< bytes that earn another body_timeout

  /// Waits for bytes; gives how many came, 0 at the end, for an error or when the deadline has passed.
  class Read {
   public:
    Read(Connection& connection, char* to, std::size_t size)
        : connection_(connection), to_(to), size_(size) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> self) {
      connection_.stream_.async_read_some(asio::buffer(to_, size_),
                                          [this, self](error_code error, std::size_t n) {
                                            taken_ = error ? 0 : n;
                                            cancelled_ = error == asio::error::operation_aborted;
                                            self.resume();
                                          });
    }
    std::size_t await_resume() const noexcept {
      connection_.cancelled_ = cancelled_;
      return taken_;
    }

   private:
    Connection& connection_;
    bool cancelled_ = false;
    char* to_;
    std::size_t size_;
    std::size_t taken_ = 0;
  };

  /// Writes `out_` and `large_body_`, usually without waiting. A failure ends the loop.
  class Flush {
   public:
    explicit Flush(Connection& connection) : connection_(connection) {}
    bool await_ready() {
      if (connection_.pending() == 0) return true;
      if constexpr (is_tls) return false;
      return connection_.write_some();
    }
    void await_suspend(std::coroutine_handle<> self) {
      self_ = self;
      connection_.state_ = State::writing;
      connection_.extend_deadline();
      wait();
    }
    void await_resume() const noexcept {}

   private:
    void wait() {
      if constexpr (is_tls) {
        connection_.stream_.async_write_some(connection_.pending_buffers(),
                                             [this](error_code error, std::size_t n) {
                                               if (connection_.written(error, n)) return self_.resume();
                                               wait();
                                             });
      } else {
        connection_.stream_.async_wait(tcp::socket::wait_write, [this](error_code error) {
          if (error ? connection_.written(error, 0) : connection_.write_some()) return self_.resume();
          wait();
        });
      }
    }

    Connection& connection_;
    std::coroutine_handle<> self_;
  };

  class AwaitAnswer {
   public:
    explicit AwaitAnswer(Connection& connection) : connection_(connection) {}
    bool await_ready() const noexcept { return connection_.wanted_.load(std::memory_order_relaxed) == 0; }
    void await_suspend(std::coroutine_handle<> self) noexcept { connection_.waiting_ = self; }
    void await_resume() const noexcept {}

   private:
    Connection& connection_;
  };

  class Hold;

  /// A TLS handshake or shutdown; gives whether it succeeded.
  class TlsStep {
   public:
    enum class What { handshake, shutdown };
    TlsStep(Connection& connection, What what) : connection_(connection), what_(what) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> self) {
      const auto done = [this, self](error_code error) {
        good_ = !error;
        self.resume();
      };
      if (what_ == What::handshake) {
        connection_.stream_.async_handshake(asio::ssl::stream_base::server, done);
      } else {
        connection_.stream_.async_shutdown(done);
      }
    }
    bool await_resume() const noexcept { return good_; }

   private:
    Connection& connection_;
    What what_;
    bool good_ = false;
  };

  Detached run() {
    const auto self = shared_from_this();
    try {
      if constexpr (is_tls) {
        deadline = SteadyClock::now() + shared_.options.header_timeout;
        open_ = co_await TlsStep(*this, TlsStep::What::handshake);
        failed_ = !open_;
        if (open_) request_.client_certificate = certificate_of(stream_);
      }
      if (open_ && refused_) refuse_connection();
      if (open_) deadline = SteadyClock::now() + shared_.options.idle_timeout;
      while (open_) {
        const HeadStatus status = next_head();
        if (status == HeadStatus::incomplete) {
          co_await Flush(*this);
          if (!prepare_read()) break;
          const std::size_t n = co_await Read(*this, buffer_.get() + filled_, capacity_ - filled_);
          if (n == 0 && giving_ && cancelled_ && give()) break;
          giving_ = false;
          take(n);
          continue;
        }
        if (status == HeadStatus::refused) {
          refuse_head();
          break;
        }
        bool admitted = admit();
        while (!admitted && may_hold()) {
          co_await Flush(*this);
          co_await Hold(*this);
          admitted = admit_held();
        }
        if (failed_) break;
        if (!admitted) leave_body();
        if (admitted && !take_whole_body()) {
          unpark();
          admitted = co_await read_body();
        }
        if (failed_) break;
        if (admitted) {
          dispatch();
          if (wanted_.load(std::memory_order_relaxed) != 0) {
            co_await Flush(*this);
            state_ = State::handling;
            deadline = started_ + shared_.options.request_timeout;
            co_await AwaitAnswer(*this);
          }
          if (request_.gate_refused && may_hold()) co_await Hold(*this);
        }
        unpark();  // as late as this: what they send meanwhile wakes nobody
        if (failed_) break;
        finish_answer();
        if (!large_body_.empty() || out_.size() > batch_max) co_await Flush(*this);
      }
      co_await Flush(*this);
      co_await end();
    } catch (const std::exception& error) {
      log::error("http.connection_failed", "a connection ended by an exception", {{"what", error.what()}});
    }
    close();
  }

  /// Says goodbye so that the last answer arrives: TLS's close_notify, and the drain of invariant 4.
  Step end() {
    if (failed_) co_return false;
    state_ = State::lingering;
    deadline = SteadyClock::now() + linger_max;
    if constexpr (is_tls) {
      co_return co_await TlsStep(*this, TlsStep::What::shutdown);
    }
    error_code ignored;
    stream_.lowest_layer().shutdown(tcp::socket::shutdown_send, ignored);
    if (!linger_) co_return true;
    // Not into buffer_: a handler that has timed out may still read its request there. Nobody reads what all
    // connections of this thread throw away here.
    thread_local std::array<char, 64 << 10> scratch;
    while (!expired_ && !aborted_) {
      const std::size_t n = co_await Read(*this, scratch.data(), scratch.size());
      if (n == 0) break;
    }
    co_return true;
  }

  void close();

  /// Lets go of the socket for the next process: nothing was read of what comes next. False for TLS.
  bool give() {
    if constexpr (is_tls) {
      return false;
    } else {
      error_code error;
      const int descriptor = stream_.release(error);
      if (error) return false;
      shared_.take_given(descriptor);
      open_ = false;
      failed_ = true;  // nothing is to be said any more
      return true;
    }
  }

  void cancel() {
    error_code ignored;
    stream_.lowest_layer().cancel(ignored);
  }

  // --- reading ---

  /// Nothing waits in the kernel either.
  [[nodiscard]] bool silent() const {
    int waiting = 0;
    if (parked_ >= 0) return ::ioctl(parked_, FIONREAD, &waiting) == 0 && waiting == 0;
    error_code error;
    return stream_.lowest_layer().available(error) == 0;
  }

  HeadStatus next_head() {
    const HeadLimits limits{.bytes_max = shared_.options.header_max};
    return parse_head({buffer_.get() + begin_, filled_ - begin_}, limits, searched_, request_, framing_,
                      refusal_);
  }

  /// Room for more of a head, and the deadline for it. False when there is nothing to wait for.
  bool prepare_read() {
    if (shared_.stopping.load(std::memory_order_relaxed) && begin_ == filled_ && sequence_ != 0 &&
        !(shared_.giving && give()) && silent()) {
      open_ = false;
    }
    if (!open_) return false;
    if (begin_ == filled_) {
      begin_ = filled_ = 0;
    } else if (begin_ != 0) {
      std::memmove(buffer_.get(), buffer_.get() + begin_, filled_ - begin_);
      filled_ -= begin_;
      begin_ = 0;
    }
    if (filled_ == capacity_) grow(std::max(buffer_min, capacity_ * 2));
    if (filled_ == 0) {
      if (state_ != State::idle) {
        state_ = State::idle;
        deadline = finished_ + shared_.options.idle_timeout;
      }
    } else if (state_ != State::head) {
      state_ = State::head;
      deadline = SteadyClock::now() + shared_.options.header_timeout;
    }
    return true;
  }

  /// To at most what a head may take; parse_head refuses a longer one before more room is asked for.
  void grow(std::size_t capacity) {
    auto larger = capacity == buffer_min ? io_->take_buffer(buffer_min)
                                         : std::make_unique_for_overwrite<char[]>(capacity);
    if (filled_ != 0) std::memcpy(larger.get(), buffer_.get(), filled_);
    buffer_ = std::move(larger);
    capacity_ = capacity;
  }

  void take(std::size_t n) {
    filled_ += n;
    if (n != 0) {
      expired_ = false;  // it came while the sweep gave up on it
      return;
    }
    open_ = false;
    if (expired_ && state_ == State::head) {
      answer_last(timed_out("The head of the request came too slowly. Send it at once."));
    }
  }

  /// True if the body has come with the head.
  bool take_whole_body() {
    const std::size_t available = filled_ - begin_ - framing_.head_size;
    if (framing_.chunked || framing_.content_length > available) return false;
    body_size_ = static_cast<std::size_t>(framing_.content_length);
    request_.body = {buffer_.get() + begin_ + framing_.head_size, body_size_};
    return true;
  }

  void extend_deadline() { deadline = SteadyClock::now() + shared_.options.body_timeout; }

  /// Reads the rest of a body into body_. False: response_ says why not, or the connection has failed.
  Step read_body();
  Step read_length(std::string_view early);
  Step read_chunked(std::string_view early);
  bool spool_body();
  bool see_spooled();

  // --- answering ---

  /// Decides by the head alone. False: response_ says why not.
  bool admit() {
    started_ = SteadyClock::now();
    body_size_ = 0;
    match_ = shared_.router.match(request_.method, request_.path);
    request_.gate_refused = request_.gate_let_in = false;
    request_.gate_held = request_.gate_hold = std::chrono::milliseconds(0);
    request_.gate_cookie.clear();
    request_.parameters = std::move(match_.parameters);
    return judge();
  }

  bool judge();
  bool may_hold();
  bool admit_held();
  bool hung_up();
  [[nodiscard]] bool whole_request_is_all();
  void end_if_more_came();

  void leave_body();
  void release_now();
  void park();
  void unpark();

  void dispatch() {
    auto self = shared_from_this();
    std::shared_ptr<const Request> request(self, &request_);
    wanted_.store(++sequence_, std::memory_order_relaxed);
    dispatching_ = true;
    if (match_.route->run == Run::inline_ && !ask_on_worker_) {
      run_handler(*match_.handler, *match_.route, std::move(request), Responder(std::move(self), sequence_));
    } else {
      Job job{.handler = match_.handler,
              .route = match_.route,
              .authenticator = ask_on_worker_ ? shared_.authenticator : nullptr,
              .caller = &request_,
              .request = std::move(request),
              .respond = Responder(std::move(self), sequence_),
              .arrived = started_,
              .ask_gate = gated_ && ask_on_worker_};
      if (!shared_.pool.admit(job)) {
        job.respond(overloaded(shared_.overloaded.fetch_add(1, std::memory_order_relaxed)));
      }
    }
    dispatching_ = false;
  }

  void finish_answer() {
    const bool ending = shared_.stopping.load(std::memory_order_relaxed) && (is_tls || !shared_.giving);
    keep_alive_ = keep_alive_ && framing_.keep_alive && !ending;
    open_ = keep_alive_;
    const ResponseFrame frame{
        .head_only = request_.method == Method::head, .keep_alive = keep_alive_, .date = io_->date()};
    // @see RFC 9745
    if (request_.principal.deprecated) response_.headers.emplace_back("Deprecation", "@1795305600");
    if (response_.status >= 400) show_to_person(shared_.router, request_, response_);
    if (!request_.gate_cookie.empty()) response_.headers.emplace_back("Set-Cookie", request_.gate_cookie);
    write_answer(frame);
    finished_ = SteadyClock::now();
    if (gated_ && !request_.gate_refused) {
      match_.route->gate->answered(
          response_.status, std::chrono::duration_cast<std::chrono::microseconds>(finished_ - started_));
    }
    if (shared_.meter) {
      const std::size_t operation = match_.route != nullptr ? match_.index : static_cast<std::size_t>(-1);
      shared_.meter->record(io_->number(), operation, response_.status, finished_ - started_);
    }
    state_ = State::idle;
    deadline = finished_ + shared_.options.idle_timeout;
    if (keep_alive_) next_request();
  }

  void write_answer(const ResponseFrame& frame) {
    if (!append_head(out_, response_, frame)) return;
    if (response_.body.size() <= copy_max) {
      out_ += response_.body;
    } else {
      large_body_ = std::move(response_.body);
    }
  }

  /// Lets go of the request's bytes.
  void next_request() {
    begin_ += framing_.head_size + body_size_;
    if (!carry_.empty()) {
      begin_ = filled_ = 0;
      if (capacity_ < carry_.size()) grow(carry_.size());
      std::memcpy(buffer_.get(), carry_.data(), carry_.size());
      filled_ = carry_.size();
      carry_.clear();
    }
    spooled_.reset();
    if (body_.capacity() > progress_min) body_ = {};
    if (body_size_ == 0) body_.clear();
  }

  /// An answer without a request to finish: the connection ends after it.
  void answer_last(Response response) {
    response_ = std::move(response);
    open_ = false;
    linger_ = true;
    write_answer({.head_only = false, .keep_alive = false, .date = io_->date()});
    if (shared_.meter) {
      shared_.meter->record(io_->number(), static_cast<std::size_t>(-1), response_.status,
                            std::chrono::nanoseconds(0));
    }
  }

  void refuse_head() {
    answer_last(problem(refusal_.status, refusal_.code, "The request is not valid", refusal_.detail));
  }

  void refuse_connection() {
    answer_last(overloaded(shared_.overloaded.fetch_add(1, std::memory_order_relaxed)));
  }

  // --- writing ---

  [[nodiscard]] std::size_t pending() const { return out_.size() + large_body_.size() - sent_; }

  [[nodiscard]] std::array<asio::const_buffer, 2> pending_buffers() const {
    const std::size_t of_body = sent_ > out_.size() ? sent_ - out_.size() : 0;
    return {asio::buffer(out_) + sent_, asio::buffer(large_body_) + of_body};
  }

  bool write_some();
  bool written(error_code error, std::size_t n);

  Shared& shared_;
  Stream stream_;
  State state_ = State::idle;
  const bool refused_;
  bool open_ = true;  ///< another request may follow
  bool keep_alive_ = true;
  bool failed_ = false;  ///< nothing can be written any more
  bool linger_ = false;
  bool expired_ = false;
  bool aborted_ = false;
  bool refused_body_ = false;
  bool ask_on_worker_ = false;
  bool gated_ = false;   ///< the route has a gate, which has let the request in or will be asked by a worker
  bool giving_ = false;  ///< the read was cancelled to give the socket away
  bool cancelled_ = false;    ///< the last read was
  bool dispatching_ = false;  ///< a handler runs on this thread now: its answer needs no detour

  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;  ///< of the current request
  std::size_t filled_ = 0;
  std::size_t searched_ = 0;
  std::size_t body_size_ = 0;  ///< of a body that stands in buffer_
  std::string body_;
  std::unique_ptr<Spool::File> spooled_;  ///< what has come of a large body, but for what is in body_
  std::string carry_;

  Request request_;
  Framing framing_;
  Refusal refusal_;
  Router::Match match_;
  Response response_;
  std::uint64_t sequence_ = 0;
  std::atomic<std::uint64_t> wanted_{0};  ///< the request whose answer is awaited, 0 if none
  std::coroutine_handle<> waiting_;
  std::coroutine_handle<> held_;
  int parked_ = -1;  ///< the socket's descriptor while it is out of the event loop
  TimePoint started_;
  TimePoint finished_;

  std::string out_;
  std::string large_body_;
  std::size_t sent_ = 0;
  std::size_t earned_ = progress_min;  ///< sent_ at which the peer has earned more time
};

}  // namespace dayaq::http

#include "http/connection_body.ipp"
#include "http/connection_hold.ipp"
#include "http/connection_write.ipp"
