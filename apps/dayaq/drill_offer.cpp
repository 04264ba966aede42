// What the crowd asks for, and whether what it was promised is there afterwards.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>
#include <set>

#include "drill.hpp"
#include "http/client.hpp"
#include "node.hpp"
#include "store/database.hpp"

namespace dayaq::cli::drill {
namespace {

/// Ids of what the drill submits: a wish keeps its id however often it is tried.
constexpr std::uint64_t first_id = std::uint64_t{0xd7} << 40;

std::uint64_t id_of(const Wish& wish) {
  return first_id + wish.number;
}

/// As people break them: a digit that is a letter, a person who isn't there, a day that there isn't.
std::string broken_body(const Wish& wish, const std::string& person) {
  switch (wish.number % 4) {
    case 0:
      return fmt::format(R"({{"person":"{}","status":"health_worker")", person.substr(1));
    case 1:
      return fmt::format(R"({{"person":"{}?","status":"health_worker","id":"{:016x}"}})", person,
                         id_of(wish));
    case 2:
      return fmt::format(R"({{"person":"{}","status":"helth_worker","id":"{:016x}"}})", person, id_of(wish));
    default:
      return fmt::format(R"({{"person":"{}","status":"health_worker","until":"2027-02-30","id":"{:016x}"}})",
                         person, id_of(wish));
  }
}

}  // namespace

Result<Offer> Offer::find(const World& world) {
  Offer out;
  out.persons_ = world.persons();
  out.submits_ = "POST /v1/attestations";
  DAYAQ_TRY(out.key_, world.key("hospital"));
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
  out.target = "/v1/attestations";
  out.key = key_;
  const std::string& person = persons_[wish.number % persons_.size()];
  out.body = wish.broken
                 ? broken_body(wish, person)
                 : fmt::format(R"({{"person":"{}","status":"health_worker","from":"2026-01-01T00:00:00Z",)"
                               R"("until":"2099-{:02}-{:02}","id":"{:016x}"}})",
                               person, 1 + wish.number / persons_.size() % 12,
                               1 + wish.number / persons_.size() / 12 % 28, id_of(wish));
  return out;
}

std::string Offer::receipt(const Wish&, int status, std::string_view body) const {
  if (status != 200 && status != 201) return {};
  boost::system::error_code failed;
  const auto document = boost::json::parse(body, failed);
  if (failed || !document.is_object()) return {};
  const auto* const id = document.get_object().if_contains("id");
  return id != nullptr && id->is_string() ? std::string(id->get_string()) : std::string();
}

Result<void> Offer::check(const World& world, const std::map<std::uint64_t, std::string>& receipts,
                          Outcome& outcome) const {
  DAYAQ_TRY(const auto reader, node::Reader::open(world.data(), world.options().country));
  std::multiset<std::uint64_t> there;
  const auto read = reader->database().read([&](store::Session& session) {
    return session.query(
        "SELECT attestation_id FROM attestation WHERE attestation_id >= $1 AND attestation_id < $2",
        {std::int64_t(first_id), std::int64_t(first_id + (std::uint64_t{1} << 32))},
        [&](const store::Row& row) -> Result<bool> {
          there.insert(std::uint64_t(row.integer(0)) - first_id);
          return true;
        });
  });
  DAYAQ_TRY_OK(read);
  outcome.receipts = receipts.size();
  for (const auto& [number, receipt] : receipts) {
    const std::string id = fmt::format("{:016x}", first_id + number);
    const std::size_t count = there.count(number);
    if (count == 0 || !receipt.ends_with(id)) ++outcome.lost;
    if (count > 1) ++outcome.doubled;
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
