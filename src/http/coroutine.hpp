// The two coroutine types of the connection loop. Thinner than asio::awaitable: one frame for a connection's
// whole life, and a suspended operation costs its handler alone.
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

namespace dayaq::http {

/// Starts at once and frees itself at its end; nobody waits for it.
struct Detached {
  struct promise_type {
    Detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }  // the body catches all
  };
};

/// Runs when awaited and gives a bool; what it throws comes out of the co_await. For the steps off the hot
/// path.
class Step {
 public:
  struct promise_type {
    bool value = false;
    std::exception_ptr error;
    std::coroutine_handle<> continuation;

    struct FinalAwaiter {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        return self.promise().continuation;
      }
      void await_resume() const noexcept {}
    };
    Step get_return_object() { return Step(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    FinalAwaiter final_suspend() noexcept { return {}; }
    void return_value(bool result) noexcept { value = result; }
    void unhandled_exception() noexcept { error = std::current_exception(); }
  };

  explicit Step(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Step(Step&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  ~Step() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
    handle_.promise().continuation = caller;
    return handle_;
  }
  bool await_resume() {
    if (handle_.promise().error) std::rethrow_exception(handle_.promise().error);
    return handle_.promise().value;
  }

 private:
  std::coroutine_handle<promise_type> handle_;
};

}  // namespace dayaq::http
