// The crowd: wishes come when they come, whatever becomes of those before (open loop). Who is turned away,
// hears nothing or is told to wait may try again, with the same wish.
//
//   page   read it
//   api    an application, as a counter sends it; tried again with the same id
//   web    the door for applications: who is told to wait comes again with their place, at the time they were
//   told, or
//          presses the button before
//   sms    a message to the gateway, which brings it to the node until the node has taken it; the answer
//   counts when the
//          gateway has it. Who hears nothing writes again
#pragma once

#include <memory>

#include "drill/drill.hpp"
#include "drill/mailbox.hpp"

namespace dayaq::cli::drill {

class Crowd {
 public:
  /// @param mailbox  null without messages
  Crowd(const World& world, const Offer& offer, Mailbox* mailbox, const Scenario& scenario, int threads);
  ~Crowd();
  /// Until `lasts` seconds from the beginning, at `rate(t)` a second; on_moment is called often, with the
  /// seconds since the beginning. Then whatever the gateway holds is brought, and answers are waited for, for
  /// at most `settle`.
  /// @param slice  length of a slice
  std::vector<Slice> run(Seconds lasts, Seconds slice, Seconds settle,
                         const std::function<double(double)>& rate,
                         const std::function<void(double)>& on_moment);
  /// An answer at the gateway.
  void came(std::string_view to, std::string_view text);

  [[nodiscard]] const std::map<std::uint64_t, std::string>& receipts() const;
  [[nodiscard]] const Mailbox* mailbox() const;
  [[nodiscard]] std::uint64_t wrongly_taken() const;
  [[nodiscard]] const std::string& wrong_example() const;
  [[nodiscard]] WebOutcome web() const;
  /// When something was taken to be kept (an application, a message; or read, if nothing else is asked) for
  /// the first time after `t`, in seconds of the last run; nullopt: never.
  [[nodiscard]] std::optional<double> served_after(double t) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::cli::drill
