// Admission in a surge: as many as the system answers well, everybody else in a queue that a retry neither
// shortens nor loses.
//
//   request ──► nobody waits, and the budget allows ──► admitted: a pass, for some minutes
//               └ otherwise ──► a number ──► waiting page (as cheap as a static file) ──► the number has come
//                 up ──► a pass
//
// The number stands in a ticket that is signed and carried by the browser: those who wait cost no memory,
// whoever
// comes again has the same number, and a restart forgets nobody. What comes up is a matter of the horizon
// alone: numbers below it are admitted.
//
//   the budget    grows by the rate; each number that is claimed for the first time takes one from it
//   the horizon   moves on by rate / (share of numbers that are claimed), while there is budget: places of
//                 those who have gone away are not waited for
//   the rate      follows how long answers take: more while they are quick, less by how much they are slow
//                 (rate.hpp)
//
// What holds, and is tested by a model (admission_model_test.cpp):
//   1. Nobody's number comes up before a smaller one.
//   2. A ticket that was forged, changed, or is another holder's counts as none. What was given to somebody
//   who
//      wasn't signed in yet is the first's who signs in with it.
//   3. A number is good once: coming again with a ticket or a pass that was used gives a pass that ends when
//      the first one did.
//      (A restart forgets which numbers were claimed, and by whom: one that had come up is good for one more
//      `patience`.)
//   4. After a restart numbers go on above those that were given: with save() written each second, whoever
//      came before the stop stands before whoever comes after, unless more than `reserve` came since the last
//      save.
// @see Maurer: "Fail at Scale", ACM Queue 2015; Chiu, Jain: "Analysis of the Increase and Decrease
// Algorithms", 1989
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "crypto/secret.hpp"

namespace dayaq::services::surge {

struct Options {
  double rate_max = 1500;  ///< admitted a second at most; lowered while answers are slow
  double rate_min = 20;
  double begin = 0.1;                   ///< share of rate_max that is admitted before anything is known
  std::uint8_t lane = 0;                ///< a ticket of one queue is none in another
  std::chrono::milliseconds slow{100};  ///< the rate keeps the mean of answers' times about here
  std::chrono::seconds pass{1800};      ///< whoever is admitted finishes within this
  std::chrono::seconds patience{600};  ///< a number that has come up is kept this long, less a second at most
  std::chrono::seconds grace{15};      ///< a number that isn't claimed within this counts as abandoned
  std::uint64_t reserve = 10'000;      ///< numbers set aside for who comes between the last save and a crash
};

struct Place {
  bool admitted = false;
  bool lapsed = false;           ///< not admitted, but was until lately: what they send may be taken still
  std::string ticket;            ///< for the cookie `place`; a pass if admitted
  std::uint64_t number = 0;      ///< 0 beside a pass
  std::uint64_t ahead = 0;       ///< how many are before them, those who will turn out to have gone away too
  Instant given;                 ///< when the number was; of who waits
  std::chrono::seconds wait{0};  ///< estimated by how fast numbers come up
  std::chrono::milliseconds turn{0};  ///< the same, not rounded up
  std::chrono::seconds again{0};      ///< when to ask next: soon if the number is near, seldom if it is far
  std::chrono::seconds keep{0};       ///< how long the cookie is of use
};

/// What outlives the process: a few numbers. Whoever waits carries the rest.
struct Saved {
  std::uint64_t issued = 0;   ///< numbers from here on weren't given yet
  std::uint64_t horizon = 0;  ///< numbers below have come up
  /// Numbers that nobody may have, of crashes: [first, second). They come up at once.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps;
  /// "7100 6900 5000-6000\n"
  [[nodiscard]] std::string to_text() const;
  [[nodiscard]] static std::optional<Saved> parse(std::string_view text);
};

/// Thread-safe, less than a microsecond; nothing blocks. Time comes in, and may stand still but not go back
/// (it is taken as standing then).
class Admission {
 public:
  /// @param key  32 bytes; the same after a restart
  Admission(const crypto::SecretBytes& key, const Options& options, const Saved& saved = {});
  ~Admission();
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  /// Who comes with `ticket` ("" without one).
  /// @param holder  who is signed in, "" if nobody is known yet. A ticket is good for nobody but its holder;
  /// one that was given to somebody unknown becomes that of the first who shows it signed in.
  [[nodiscard]] Place enter(std::string_view ticket, std::string_view holder, Instant now);
  [[nodiscard]] Place enter(std::string_view ticket, Instant now) { return enter(ticket, {}, now); }
  /// Where `ticket` stands, without giving a number to whoever has none: nullopt then.
  [[nodiscard]] std::optional<Place> look(std::string_view ticket, std::string_view holder, Instant now);
  /// How long until `number` is expected to come up; 0: it has. Whoever asks has shown its ticket before.
  [[nodiscard]] std::chrono::milliseconds turn(std::uint64_t number, Instant now);
  /// An admitted request was answered after `took`: the rate follows. A refusal for want of workers is slow.
  void answered(std::chrono::microseconds took, Instant now);
  /// A request is let in, of somebody who was admitted or need not wait; answered() or sent_on() follows.
  void asked(Instant now);
  /// It was sent on to another page of the same queue, or turned away after all: it took nothing.
  void sent_on(Instant now);

  [[nodiscard]] const Options& options() const;
  [[nodiscard]] bool surging() const;  ///< somebody waits
  [[nodiscard]] double rate() const;   ///< admitted a second now
  [[nodiscard]] std::uint64_t waiting() const;
  [[nodiscard]] std::uint64_t admitted() const;  ///< numbers that were claimed or admitted at once
  /// To be written to disk each second.
  [[nodiscard]] Saved save();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::services::surge
