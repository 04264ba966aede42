// A stand for other people's verifiers: the inspector's page on a free port, and permits issued by request.
// One JSON request a line in, one JSON answer a line out; the first line out says the port.
//
//   {"op":"issue","subject","id","from","until","kind","detail"}   times in seconds; ids as hexadecimal text
//        -> {"token" (hex),"qr","sms","svg"}
//   {"op":"revoke","id","kind","from"} -> {}       {"op":"first_unrevoked","kind","at"} -> {}
//   {"op":"advance","seconds"} -> {"now"}          the stand's clock, for the list's age
//   {"op":"rotate"} -> {"key"}   another key signs; the one before stays listed
//   {"op":"withdraw","key"} -> {}
//   {"op":"list"} -> {"bytes" (hex),"key" (hex of the COSE_Key)}
//
// permit_tool [WEB]   another folder than web/
#include <fmt/core.h>

#include <atomic>
#include <boost/json.hpp>
#include <charconv>
#include <iostream>
#include <map>
#include <mutex>
#include <string>

#include "base/log.hpp"
#include "http/server.hpp"
#include "portal/qr.hpp"
#include "regime/traffic.hpp"
#include "registry/country_pack.hpp"
#include "services/inspector/inspector.hpp"

namespace {

namespace json = boost::json;
using namespace dayaq;
using namespace dayaq::services;
using std::chrono::seconds;

template <class T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}: {} {}\n", result.error().code, result.error().public_text, result.error().detail);
    std::exit(1);
  }
  return std::move(*result);
}

class ShiftedClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return SystemClock().now() + seconds(shift_); }
  void advance(std::int64_t by) { shift_ += by; }

 private:
  std::atomic<std::int64_t> shift_ = 0;
};

std::uint64_t id_of(const json::object& request) {
  const std::string_view text = request.at("id").as_string();
  std::uint64_t id = 0;
  std::from_chars(text.data(), text.data() + text.size(), id, 16);
  return id;
}
Instant time_of(const json::object& request, const char* name) {
  return Instant(seconds(request.at(name).to_number<std::int64_t>()));
}

struct Stand {
  permit::Issuer issuer{crypto::CoseSigner::generate(crypto::CoseAlgorithm::eddsa)};
  ShiftedClock clock;
  std::mutex mutex;  // guards state
  inspector::ListState state;
  std::map<std::string, std::string> made;

  Stand() {
    state.kinds = {{.number = 1,
                    .name = {.az = "Evdən çıxmaq", .en = "Leaving home", .ru = "Выход из дома"},
                    .first_unrevoked = {}},
                   {.number = 2,
                    .name = {.az = "İş icazəsi", .en = "Work permit", .ru = "Рабочее разрешение"},
                    .first_unrevoked = {}}};
  }
  Result<inspector::ListState> read(Instant) {
    const std::scoped_lock lock(mutex);
    return state;
  }

  json::object issue(const json::object& request) const {
    const Bytes token = issuer.issue({.subject = std::string(request.at("subject").as_string()),
                                      .id = id_of(request),
                                      .valid = {time_of(request, "from"), time_of(request, "until")},
                                      .kind = request.at("kind").to_number<std::uint16_t>(),
                                      .detail = std::string(request.at("detail").as_string())});
    const std::string qr = permit::qr_text(token);
    return {{"token", to_hex(token)},
            {"qr", qr},
            {"sms", permit::sms_text(token)},
            {"svg", must(portal::QrCode::create(qr)).svg("permit")}};
  }
  json::object answer(const json::object& request) {
    const std::string op(request.at("op").as_string());
    if (op == "issue") return issue(request);
    if (op == "advance") {
      clock.advance(request.at("seconds").to_number<std::int64_t>());
      return {{"now", std::chrono::floor<seconds>(clock.now()).time_since_epoch().count()}};
    }
    const std::scoped_lock lock(mutex);
    if (op == "revoke") {
      state.revoked.push_back({.id = id_of(request),
                               .kind = request.at("kind").to_number<std::uint16_t>(),
                               .from = time_of(request, "from")});
      return {};
    }
    if (op == "first_unrevoked") {
      for (auto& kind : state.kinds) {
        if (kind.number == request.at("kind").to_number<std::uint16_t>())
          kind.first_unrevoked = time_of(request, "at");
      }
      return {};
    }
    if (op == "rotate") {
      state.keys.push_back(permit::raw_key(issuer.public_key()));
      issuer.use(crypto::CoseSigner::generate(crypto::CoseAlgorithm::eddsa));
      return {{"key", to_hex(issuer.public_key().encode())}};
    }
    if (op == "withdraw") {
      state.withdrawn.push_back(from_hex(std::string(request.at("key").as_string())).value());
      return {};
    }
    if (op == "list") {
      permit::Keys keys;
      keys.add(issuer.public_key());
      for (const Bytes& raw : state.keys) keys.add(must(crypto::CoseKey::from_ed25519(raw)));
      for (const Bytes& id : state.withdrawn) keys.withdraw(id);
      const permit::List list = permit::make_list(state.revoked, state.kinds, std::move(keys), clock.now(),
                                                  inspector::ListKeeper::fresh_for);
      return {{"bytes", to_hex(must(permit::encode_list(list, issuer)))},
              {"key", to_hex(issuer.public_key().encode())}};
    }
    return {{"error", "op"}};
  }
};

portal::Vocabulary vocabulary(const registry::CountryPack& pack, const regime::TrafficCatalogue& traffic) {
  return {.country = pack,
          .traffic = traffic,
          .organisation = [](regime::OrganisationIndex) { return LocalizedText{}; },
          .organisation_by_code = [](std::string_view) { return LocalizedText{}; }};
}

http::Response static_file(const portal::Site& site, const http::Request& request) {
  const portal::StaticFile* file = site.static_file(request.parameter("file"));
  http::Response response;
  if (file == nullptr) return http::problem(404, "static", "Not found", "There is no such file.");
  response.content_type = file->content_type;
  response.body = file->body;
  return response;
}

}  // namespace

int main(int argc, char** argv) {
  (void)log::set_level("warning");
  const std::filesystem::path root = DAYAQ_SOURCE_DIR;
  const auto pack = must(registry::CountryPack::load(root / "country/az"));
  const auto traffic = must(regime::TrafficCatalogue::load(root / "country/az"));
  const auto zone = must(Zone::create("Asia/Baku"));
  const portal::Vocabulary words = vocabulary(pack, traffic);
  const auto site =
      must(portal::Site::create({.web = argc > 1 ? std::filesystem::path(argv[1]) : root / "web",
                                 .program_version = "test",
                                 .synthetic = true},
                                words, zone));
  Stand stand;
  const auto keeper = std::make_shared<inspector::ListKeeper>(
      stand.issuer, [&stand](Instant now) { return stand.read(now); });
  http::Router router;
  inspector::add_routes(router, {.site = *site, .clock = stand.clock, .list = keeper});
  http::Route files;
  files.pattern = "/static/{version}/{file}";
  files.open = "a static file";
  files.operation = "static";
  files.tag = "pages";
  router.add(files, [&](const http::Request& request) { return static_file(*site, request); });
  const auto server = must(http::Server::start({.port = 0}, router, nullptr));
  fmt::print("{}\n", json::serialize(json::object{{"port", server->port()}}));
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    fmt::print("{}\n", json::serialize(stand.answer(json::parse(line).as_object())));
    std::fflush(stdout);
  }
  server->stop();
  return 0;
}
