// The gate before pages that cost much: whoever isn't admitted gets the waiting page, on the I/O thread, from
// memory. Pages that cost little and what is under way stay open. Whoever isn't signed in meets it too,
// before they are sent to sign in (http::Gate); Door (door.hpp) stands before signing in itself.
//
//   router.add(guard.guarded({.pattern = "/apply", ...}), handler);
//
// The waiting page asks again by itself (the header Refresh; no script), seldom while the place is far off.
// Who comes by a program gets problem details, 503 "surge.wait", with Retry-After. What is sent with a pass
// that has just ended is still taken: nobody loses what they have written.
//
// Whoever sees the gate for the first time, or comes when told to, is answered at once. Whoever asks again
// before that is *held*: their connection is neither read nor answered until their number is expected to come
// up, or they may ask, or ten seconds have passed. In a storm of clicks that is most of what is sent.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "base/time.hpp"
#include "http/router.hpp"
#include "services/surge/admission.hpp"

namespace dayaq::services::surge {

/// The waiting page of one language, rendered once and cut where numbers go in.
class WaitingPage {
 public:
  /// How long, in words: in less than a minute; by minutes and by hours, from none on.
  struct Words {
    std::string soon;
    std::vector<std::string> minutes, hours;
  };
  WaitingPage() = default;
  /// @param html  a whole page, in which `@ahead@` and `@wait@` stand for how many are before and how long
  WaitingPage(std::string_view html, Words words);
  [[nodiscard]] std::string at(const Place& place) const;

 private:
  struct Piece {
    std::string text;
    char then = 0;  ///< 'a' or 'w': what follows it
  };
  std::vector<Piece> pieces_;
  Words words_;
};

using WaitingPages = std::array<WaitingPage, 3>;  ///< by Language

class Guard final : public http::Gate {
 public:
  /// @param cookie  its name, "place"
  /// @param secure  served over HTTPS: the cookie is bound to the host
  Guard(Admission& admission, const Clock& clock, std::string_view cookie, bool secure);
  /// Before the server starts. Without it everybody gets problem details.
  void set_pages(WaitingPages pages) { pages_ = std::move(pages), have_pages_ = true; }

  /// The same route behind the gate: it yields to others on the workers too.
  [[nodiscard]] http::Route guarded(http::Route route);
  /// GET /surge/place: {"admitted":false,"ahead":1200,"seconds":95}. 404 "surge.no_place" without a ticket.
  void add_routes(http::Router& router);

  /// Whether this visitor shows a pass, or one that has just ended. Gives nobody a number.
  [[nodiscard]] bool knows(const http::Request& request);
  /// Lets somebody in without asking for a pass; answered() follows.
  void passed_by(http::Request& request);

  std::optional<http::Response> refuse(http::Request& request) override;
  std::chrono::milliseconds hold_on(const http::Request& request) override;
  void answered(int status, std::chrono::microseconds took) noexcept override;

 private:
  /// Once for each request, however often the server asks about it.
  void let_in(http::Request& request, Instant now);
  /// How long an ask that came before its time waits; 0: it is answered now.
  [[nodiscard]] std::chrono::milliseconds hold_of(http::Request& request, const Place& place,
                                                  Instant now) const;
  [[nodiscard]] static std::chrono::milliseconds step(const http::Request& request,
                                                      std::chrono::milliseconds turn, Instant now);
  /// What Request::gate_number holds of a place: 0 is none, and queues don't take each other's.
  [[nodiscard]] std::uint64_t note_of(std::uint64_t number) const;
  [[nodiscard]] http::Response waiting(const http::Request& request, const Place& place,
                                       std::chrono::seconds again) const;

  Admission& admission_;
  const Clock& clock_;
  const std::string cookie_;
  const bool secure_;
  const http::Response hurried_;  ///< where there is no room to hold whoever asks too soon
  WaitingPages pages_;
  bool have_pages_ = false;
};

}  // namespace dayaq::services::surge
