// What the crowd asks for, and whether what it was promised is there afterwards.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>
#include <set>

#include "drill.hpp"
#include "http/client.hpp"
#include "node.hpp"
#include "services/types.hpp"
#include "store/database.hpp"

namespace dayaq::cli::drill {
namespace {

/// Ids of what the drill submits: a wish keeps its id however often it is tried.
constexpr std::int64_t first_id = std::int64_t{0xd7} << 40;

std::string number_of(std::uint64_t wish) {
  return services::case_number(services::CaseId(std::uint64_t(first_id) + wish));
}

/// As people break them: a letter too many, a word that isn't one, nothing said, half of it lost on the way.
std::string broken_body(const Wish& wish, const std::string& person) {
  const std::string id = number_of(wish.number);
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

Result<Offer> Offer::find(const World& world) {
  Offer out;
  out.persons_ = world.persons();
  out.submits_ = "applications to leave home, POST /v1/cases";
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
  if (wish.page) {
    out.target = pages_[wish.number % pages_.size()];
    return out;
  }
  out.post = true;
  out.target = "/v1/cases";
  out.key = key_;
  // Everybody once before anybody twice, in no order: who asks again on the same day is told that it was
  // granted.
  const std::string& person = persons_[wish.number * 7919 % persons_.size()];
  out.body =
      wish.broken
          ? broken_body(wish, person)
          : fmt::format(R"({{"person":"{}","service":"leaving-home","answers":{{"reason":"shopping"}},)"
                        R"("channel":"{}","id":"{}","notify":false}})",
                        person, wish.number % 5 < 3 ? "sms" : "web", number_of(wish.number));
  return out;
}

std::string Offer::receipt(const Wish&, int status, std::string_view body) const {
  if (status != 200 && status != 201) return {};
  boost::system::error_code failed;
  const auto document = boost::json::parse(body, failed);
  if (failed || !document.is_object()) return {};
  const auto* const number = document.get_object().if_contains("number");
  if (number == nullptr || !number->is_string()) return {};
  return std::string(number->get_string()) +
         (document.get_object().contains("permit") ? " with a permit" : "");
}

Result<void> Offer::check(const World& world, const std::map<std::uint64_t, std::string>& receipts,
                          Outcome& outcome) const {
  DAYAQ_TRY(const auto reader, node::Reader::open(world.data(), world.options().country));
  std::multiset<std::uint64_t> there;
  std::set<std::uint64_t> permitted;
  std::map<std::int64_t, int> of_person;
  const std::int64_t from = first_id, until = first_id + (std::int64_t{1} << 32);
  const auto read = reader->database().read([&](store::Session& session) -> Result<void> {
    DAYAQ_TRY_OK(session.query("SELECT case_id FROM cases WHERE case_id >= $1 AND case_id < $2",
                               {from, until}, [&](const store::Row& row) -> Result<bool> {
                                 there.insert(std::uint64_t(row.integer(0) - first_id));
                                 return true;
                               }));
    return session.query("SELECT case_id, person_id FROM permits WHERE case_id >= $1 AND case_id < $2",
                         {from, until}, [&](const store::Row& row) -> Result<bool> {
                           permitted.insert(std::uint64_t(row.integer(0) - first_id));
                           ++of_person[row.integer(1)];
                           return true;
                         });
  });
  DAYAQ_TRY_OK(read);
  outcome.receipts = receipts.size();
  for (const auto& [number, receipt] : receipts) {
    const bool right = receipt.starts_with(number_of(number));
    const bool with_permit = receipt.ends_with("permit");
    if (!right || !there.contains(number) || (with_permit && !permitted.contains(number))) ++outcome.lost;
    if (there.count(number) > 1) ++outcome.doubled;
  }
  for (const auto& [person, permits] : of_person) {
    if (permits > 1) ++outcome.doubled;  // once a day, however often it was tried
  }
  for (auto at = there.begin(); at != there.end(); at = there.upper_bound(*at)) {
    if (!receipts.contains(*at)) ++outcome.without_receipt;
  }
  const auto verified =
      run_program({std::filesystem::read_symlink("/proc/self/exe").string(), "audit", "verify", "--data",
                   world.data().string(), "--country", world.options().country.string()});
  outcome.audit_verified = verified.has_value();
  return {};
}

}  // namespace dayaq::cli::drill
