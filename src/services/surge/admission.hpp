// Admission in a surge: as many at once as the system answers well, everybody else in a queue that a retry
// neither shortens nor loses.
//
//   request ──► open? ──► admitted (a pass, for some minutes)
//               └ full ──► ticket {number, when} signed ──► waiting page (a static file) ──► admitted when
//               the number
//                                                                                            has come up
//
// The ticket is signed and carried by the browser: a million who wait cost no memory. Numbers are admitted at
// the measured rate of answers; the estimate on the waiting page is (number - admitted) / rate.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "crypto/secret.hpp"

namespace dayaq::services::surge {

struct Options {
  double rate_max = 1500;  ///< admitted a second at most; lowered while answers are slow
  double rate_min = 20;
  std::chrono::milliseconds slow{200};  ///< answers slower than this lower the rate
  std::chrono::seconds pass{600};       ///< whoever is admitted finishes within this
  std::chrono::seconds patience{3600};  ///< a number that has come up is kept this long
};

struct Place {
  bool admitted = false;
  std::string ticket;            ///< for the cookie `place`; a pass if admitted
  std::uint64_t ahead = 0;       ///< how many are before them
  std::chrono::seconds wait{0};  ///< estimated
};

/// Thread-safe, a few hundred nanoseconds.
class Admission {
 public:
  Admission(crypto::SecretBytes key, const Options& options);
  ~Admission();
  /// Who comes with `ticket` ("" without one).
  [[nodiscard]] Place enter(std::string_view ticket, Instant now);
  /// An admitted request was answered after `took`: the rate follows.
  void answered(std::chrono::microseconds took, Instant now);
  [[nodiscard]] bool surging() const;  ///< somebody waits
  [[nodiscard]] double rate() const;   ///< admitted a second now
  [[nodiscard]] std::uint64_t waiting() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::services::surge
