// A thread that is about to wait for another (a commit) says so to whoever gave it its work: it uses no
// processor meanwhile, and somebody else may work in its place. Costs two virtual calls where somebody
// listens, and nothing elsewhere.
#pragma once

#include <utility>

namespace dayaq {

/// Told when the thread that it was set for begins to wait and goes on. Waits inside waits are told once.
class WaitListener {
 public:
  virtual ~WaitListener() = default;
  virtual void begins_to_wait() noexcept = 0;
  virtual void goes_on() noexcept = 0;

  /// For the calling thread, until it is set to another one; null: nobody listens. It must outlive that.
  static void listen(WaitListener* listener) { current() = listener; }

 private:
  friend class Waiting;
  static WaitListener*& current() {
    thread_local WaitListener* listener = nullptr;
    return listener;
  }
};

/// While it lives, its thread waits.
class Waiting {
 public:
  Waiting() : listener_(std::exchange(WaitListener::current(), nullptr)) {
    if (listener_ != nullptr) listener_->begins_to_wait();
  }
  ~Waiting() {
    if (listener_ == nullptr) return;
    listener_->goes_on();
    WaitListener::current() = listener_;
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  WaitListener* listener_;
};

}  // namespace dayaq
