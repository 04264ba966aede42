// What a drill file says. @see docs/drill.md
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace dayaq::cli::drill {

using Seconds = std::chrono::duration<double>;

struct Fault {
  enum class Whom : std::uint8_t { dayaqd, database, edge, disk } whom = Whom::dayaqd;
  enum class How : std::uint8_t { kill, freeze, full } how = How::kill;
  Seconds at{0};
  Seconds lasts{0};  ///< until it is started again, goes on, or has room again
};
[[nodiscard]] std::string_view to_string(Fault::Whom whom);  ///< "dayaqd"
[[nodiscard]] std::string_view to_string(Fault::How how);    ///< "kill"
[[nodiscard]] std::string words_of(const Fault& fault);      ///< "the database was killed"

struct Scenario {
  enum class Engine : std::uint8_t { sqlite, postgresql };

  std::string name, title, source;  ///< source: where its figures are from
  std::uint64_t persons = 2000;     ///< made for it, unless a copy is played on
  Engine database = Engine::sqlite;
  Seconds duration{20};       ///< of the play
  double peak = 200;          ///< of all requests a second in the fullest hour
  std::vector<double> curve;  ///< share of the peak, hour by hour; the play's time is divided among them
  /// Shares of all that comes. What is left are applications through the API, as counters send them.
  double pages = 0.4;            ///< reads a page
  double web = 0;                ///< comes to the web's door for applications, behind the gate
  double admitted_a_second = 0;  ///< how many of them at most; 0: as dayaqd does by itself
  double sms = 0;                ///< sends a message
  std::string messages;  ///< file with messages and their right answers, as seen from this one; with sms
  double broken = 0.25;  ///< share of messages and applications that can't be understood
  struct Retries {
    double share = 0.5;  ///< of those who were turned away, got no answer, or were told to wait
    Seconds after{1};
    int at_most = 3;
  } retries;
  std::vector<Fault> faults;  ///< by their time
  struct Ramp {
    double from = 0, factor = 1.5, until = 50'000;  ///< requests a second; from 0: no ramp
    Seconds step{2};
  } ramp;
  struct Promise {
    std::chrono::milliseconds p99{500};       ///< of pages and applications, outside of faults
    std::chrono::milliseconds sms_p99{2000};  ///< from a message's being sent to its answer at the gateway
    double answered = 0.99;                   ///< outside of faults
    double right = 0.98;                      ///< of messages, answered as they should be
    Seconds recovery{15};                     ///< from a fault's end until somebody is served again
  } promise;
  /// What the crisis was in truth: for the scale in the report.
  struct Real {
    double messages = 0, people = 0, a_day = 0, peak_a_second = 0;
  } real;

  [[nodiscard]] bool strikes(Fault::Whom whom) const;
  /// Requests that the curve makes of peak and duration.
  [[nodiscard]] double expected_requests() const;
};

/// invalid_input "drill.file", with the line.
[[nodiscard]] Result<Scenario> parse_scenario(std::string_view text, const std::string& name);

}  // namespace dayaq::cli::drill
