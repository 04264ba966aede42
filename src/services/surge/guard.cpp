#include "services/surge/guard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "http/encoding.hpp"
#include "services/surge/rate.hpp"

namespace dayaq::services::surge {
namespace {

using http::Method;
using http::Request;
using http::Response;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds soonest{4};             ///< nobody who waits is told to come sooner
constexpr milliseconds hold_max{10'000};  ///< shorter than what programs wait for an answer
constexpr milliseconds hold_min{50};
constexpr std::uint64_t lanes_max = 4;

/// "12 400", grouped as all three languages do.
std::string grouped(std::uint64_t number) {
  std::string out = std::to_string(number);
  for (int at = int(out.size()) - 3; at > 0; at -= 3) out.insert(std::size_t(at), "\u00a0");
  return out;
}

/// The last of them for whatever is more.
const std::string& counted(const std::vector<std::string>& words, std::int64_t count) {
  static const std::string none;
  return words.empty() ? none : words[std::min(std::size_t(count), words.size() - 1)];
}

std::string holder_of(const Request& request) {
  const PersonId person = request.principal.person;
  return person == PersonId() ? std::string() : std::to_string(person.value());
}

}  // namespace

WaitingPage::WaitingPage(std::string_view html, Words words) : words_(std::move(words)) {
  while (true) {
    const std::size_t ahead = html.find("@ahead@"), wait = html.find("@wait@");
    const std::size_t at = std::min(ahead, wait);
    const bool last = at == std::string_view::npos;
    pieces_.push_back({.text = std::string(html.substr(0, at)),
                       .then = last          ? '\0'
                               : at == ahead ? 'a'
                                             : 'w'});
    if (last) return;
    html.remove_prefix(at + (at == ahead ? 7 : 6));
  }
}

std::string WaitingPage::at(const Place& place) const {
  const std::int64_t seconds = place.wait.count();
  const std::string& wait = seconds < 60     ? words_.soon
                            : seconds < 5400 ? counted(words_.minutes, (seconds + 59) / 60)
                                             : counted(words_.hours, (seconds + 3599) / 3600);
  std::string out;
  for (const Piece& piece : pieces_) {
    out += piece.text;
    if (piece.then == 'a') out += grouped(place.ahead);
    if (piece.then == 'w') out += wait;
  }
  return out;
}

http::Route Guard::guarded(http::Route route) {
  route.gate = this;
  route.yields = true;
  return route;
}

Guard::Guard(Admission& admission, const Clock& clock, std::string_view cookie, bool secure)
    : admission_(admission),
      clock_(clock),
      cookie_(fmt::format("{}{}", secure ? "__Host-" : "", cookie)),
      secure_(secure),
      hurried_([] {
        Response out = http::problem(503, "surge.hurry", "Too soon",
                                     "You were told when to ask again. Your place is kept until then.");
        out.headers.emplace_back("Retry-After", std::to_string(soonest.count()));
        return out;
      }()) {}

std::uint64_t Guard::note_of(std::uint64_t number) const {
  return (number + 1) * lanes_max + admission_.options().lane;
}

/// Until they may ask; then, if their turn comes while they may be held, until that. The server lets them in
/// when it has come (hold_on), in the order of their numbers.
milliseconds Guard::step(const Request& request, milliseconds turn, Instant now) {
  const milliseconds left = hold_max - request.gate_held;
  const auto early = std::chrono::ceil<milliseconds>(request.gate_due - now);
  if (left < hold_min || (early.count() <= 0 && turn > left)) return milliseconds(0);
  return early.count() > 0 ? std::min(left, early + hold_min) : left;
}

milliseconds Guard::hold_on(const Request& request) {
  const Instant now = clock_.now();
  const milliseconds turn = admission_.turn(request.gate_number / lanes_max - 1, now);
  return turn.count() == 0 ? turn : step(request, turn, now);
}

/// The first time; 0 for whoever comes at the time that they were told, or can't have been told any.
milliseconds Guard::hold_of(Request& request, const Place& place, Instant now) const {
  const bool told_here = request.gate_number == note_of(place.number);
  const Instant due = std::max(place.given + soonest, told_here ? request.gate_due : instant_min);
  if (now >= due) return milliseconds(0);
  request.gate_number = note_of(place.number);
  request.gate_due = due;
  return step(request, place.turn, now);
}

bool Guard::knows(const Request& request) {
  const std::string_view shown = http::cookie_value(request.header("cookie"), cookie_);
  if (shown.empty()) return false;
  const auto place = admission_.look(shown, holder_of(request), clock_.now());
  return place && (place->admitted || place->lapsed);
}

void Guard::passed_by(Request& request) {
  let_in(request, clock_.now());
}

void Guard::let_in(Request& request, Instant now) {
  if (!std::exchange(request.gate_let_in, true)) admission_.asked(now);
}

std::optional<Response> Guard::refuse(Request& request) {
  // Asked a second time, by the worker who has found out who is calling: with what they got at the first.
  const std::string given = request.gate_cookie;
  std::string_view shown = http::cookie_value(given, cookie_);
  if (shown.empty()) shown = http::cookie_value(request.header("cookie"), cookie_);
  const Instant now = clock_.now();
  const Place place = admission_.enter(shown, holder_of(request), now);
  if (place.ticket != shown) {
    request.gate_cookie = fmt::format("{}={}; Path=/; HttpOnly; SameSite=Lax{}; Max-Age={}", cookie_,
                                      place.ticket, secure_ ? "; Secure" : "", place.keep.count());
  }
  const bool reads = request.method == Method::get || request.method == Method::head;
  if (place.admitted || (place.lapsed && !reads)) {
    let_in(request, now);
    return std::nullopt;
  }
  if (std::exchange(request.gate_let_in, false))
    admission_.sent_on(now);  // let in before it was known who they are
  if (place.ticket == shown) request.gate_hold = hold_of(request, place, now);
  if (request.gate_hold.count() > 0) return hurried_;
  // A few seconds apart by number: those who were turned away together don't come back together.
  const std::int64_t soon = place.again.count();
  const seconds again(soon + std::int64_t(place.number % std::uint64_t(1 + soon / 4)));
  request.gate_number = note_of(place.number);
  request.gate_due = now + place.again;
  return waiting(request, place, again);
}

Response Guard::waiting(const Request& request, const Place& place, seconds again) const {
  Response out;
  if (have_pages_ && request.header("accept").find("text/html") != std::string_view::npos) {
    out = Response::html(pages_[std::size_t(request.language)].at(place), 503);
    const bool reads = request.method == Method::get || request.method == Method::head;
    const bool asked = reads && !request.query.empty();
    out.headers.emplace_back("Refresh", fmt::format("{}; url={}{}{}", again.count(), request.path,
                                                    asked ? "?" : "", asked ? request.query : ""));
  } else {
    out = http::problem(
        503, "surge.wait", "Many are waiting",
        fmt::format("{} are before you; it takes about {} seconds. Your place is in the cookie `{}`: come "
                    "again with it after the seconds of Retry-After.",
                    place.ahead, place.wait.count(), cookie_));
  }
  out.headers.emplace_back("Retry-After", std::to_string(again.count()));
  out.headers.emplace_back("Cache-Control", "no-store");
  return out;
}

void Guard::answered(int status, std::chrono::microseconds took) noexcept {
  const Instant now = clock_.now();
  if (took.count() == 0) return admission_.sent_on(now);
  admission_.answered(status == 503 ? Rate::refusal : took, now);
}

void Guard::add_routes(http::Router& router) {
  router.add({.pattern = "/surge/place",
              .open = "tells a place in the queue to whoever holds its ticket",
              .run = http::Run::inline_,
              .operation = "get_surge_place",
              .summary = "How many are before whoever waits, and for how long.",
              .tag = "pages"},
             [this](const Request& request) {
               const std::string_view shown = http::cookie_value(request.header("cookie"), cookie_);
               const auto place = admission_.look(shown, holder_of(request), clock_.now());
               if (!place) {
                 return http::problem(404, "surge.no_place", "No place",
                                      "There is no ticket here that counts. Ask for the page that you want.");
               }
               Response out = Response::json(fmt::format(R"({{"admitted":{},"ahead":{},"seconds":{}}})",
                                                         place->admitted, place->ahead, place->wait.count()));
               out.headers.emplace_back("Cache-Control", "no-store");
               return out;
             });
}

}  // namespace dayaq::services::surge
