// What the crowd asks for beside messages.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "drill/drill.hpp"
#include "http/client.hpp"
#include "services/types.hpp"

namespace dayaq::cli::drill {
namespace {

/// Ids of what the drill submits: a wish keeps its id however often it is tried.
constexpr std::int64_t first_id = std::int64_t{0xd7} << 40;

/// As people break them: a letter too many, a word that isn't one, nothing said, half of it lost on the way.
std::string broken_body(const Wish& wish, const std::string& person, const std::string& id) {
  switch (wish.number % 4) {
    case 0:
      return fmt::format(R"({{"person":"{}","service":"leaving-home","answers":{{"reason")", person);
    case 1:
      return fmt::format(
          R"({{"person":"{}?","service":"leaving-home","answers":{{"reason":"doctor"}},"id":"{}"}})", person,
          id);
    case 2:
      return fmt::format(
          R"({{"person":"{}","service":"leaving-home","answers":{{"reason":"bazaar"}},"id":"{}"}})", person,
          id);
    default:
      return fmt::format(R"({{"person":"{}","service":"leaving-home","id":"{}"}})", person, id);
  }
}

}  // namespace

std::int64_t application_id(std::uint64_t wish) {
  return first_id + std::int64_t(wish);
}

Result<Offer> Offer::find(const World& world) {
  Offer out;
  // Others than those who write messages.
  out.persons_.assign(world.persons().begin() + std::ptrdiff_t(world.persons().size() * 3 / 4),
                      world.persons().end());
  DAYAQ_TRY(out.key_, world.key("admin"));
  DAYAQ_TRY(auto client, http::Client::create(world.url()));
  for (const char* page : {"/services", "/services/leaving-home", "/services/employee-permit", "/",
                           "/regimes", "/regimes/special-quarantine", "/status"}) {
    const auto answer = client.get(page, {{"Accept", "text/html"}});
    if (answer && answer->status == 200) out.pages_.emplace_back(page);
  }
  if (out.pages_.empty()) {
    return fail(ErrorKind::unavailable, "drill.pages",
                "That node serves no pages that a drill could ask for.");
  }
  return out;
}

Offer::Request Offer::request(const Wish& wish) const {
  Request out;
  if (wish.door == Door::page) {
    out.target = pages_[wish.number % pages_.size()];
    return out;
  }
  out.post = true;
  out.target = "/v1/cases";
  out.key = key_;
  const std::string id = services::case_number(services::CaseId(std::uint64_t(application_id(wish.number))));
  // Everybody once before anybody twice, in no order: who asks again on the same day is told that it was
  // granted.
  const std::string& person = persons_[wish.number * 7919 % persons_.size()];
  out.body =
      wish.broken
          ? broken_body(wish, person, id)
          : fmt::format(R"({{"person":"{}","service":"leaving-home","answers":{{"reason":"shopping"}},)"
                        R"("channel":"web","id":"{}","notify":false}})",
                        person, id);
  return out;
}

std::string Offer::receipt(int status, std::string_view body) {
  if (status != 200 && status != 201) return {};
  boost::system::error_code failed;
  const auto document = boost::json::parse(body, failed);
  if (failed || !document.is_object()) return {};
  const auto* const number = document.get_object().if_contains("number");
  if (number == nullptr || !number->is_string()) return {};
  return std::string(number->get_string()) +
         (document.get_object().contains("permit") ? " with a permit" : "");
}

}  // namespace dayaq::cli::drill
