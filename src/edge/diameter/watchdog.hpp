// The watchdog of one connection: whether the peer is alive, and whether it may be sent requests.
// Pure: time and messages come in, what to do comes out. @see RFC 3539 section 3.4.1.
//
//            connection up (first)            no sign in Tw: DWR; none in the next Tw
//   initial ───────────────────────► okay ──────────────────────────────────────────► suspect
//                                     ▲ ▲ any message                                  │ │
//                   third DWA in turn │ └──────────────────────────────────────────────┘ │ none in a third Tw
//                                     │                                                  ▼ (closed)
//                                   reopen ◄────────────────────────────────────────── down
//                                               connection up again (DWR at once)
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

namespace dayaq::edge::diameter {

class Watchdog {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class State : std::uint8_t { initial, okay, suspect, down, reopen };
  enum class Do : std::uint8_t {
    nothing,
    send_dwr,
    fail_over,  ///< it became suspect: what it has not answered goes elsewhere
    fail_back,  ///< it may be sent requests again
    close,      ///< it is dead: close the connection (connection_down() was done)
  };

  /// `jitter` gives a number in [-1, 1]; Tw is spread by 2 s (by Tw/15 where Tw is under 6 s, as in tests),
  /// so that peers that started together don't stay in step.
  Watchdog(std::chrono::milliseconds tw, std::function<double()> jitter);

  /// The peer is connected and has said who it is.
  Do connection_up(Time now);
  void connection_down();
  Do on_dwa(Time now);
  Do on_message(Time now);  ///< any other message
  /// Nothing to do until due().
  Do on_timer(Time now);
  [[nodiscard]] Time due() const { return due_; }
  [[nodiscard]] State state() const { return state_; }

 private:
  void set(Time now);

  const std::chrono::milliseconds tw_;
  std::function<double()> jitter_;
  State state_ = State::initial;
  bool pending_ = false;  ///< a DWR has not been answered
  int dwas_ = 0;          ///< in reopen; -1 after a silent Tw
  Time due_ = Time::max();
};

[[nodiscard]] std::string_view to_string(Watchdog::State state);

}  // namespace dayaq::edge::diameter
