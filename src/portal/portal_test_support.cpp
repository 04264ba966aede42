#include "portal/portal_test_support.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "base/file.hpp"

namespace dayaq::portal::test {
namespace {

const std::filesystem::path source = DAYAQ_SOURCE_DIR;
const std::filesystem::path country_folder = source / "country" / "az";

template <class T>
T must(Result<T> result) {
  if (!result)
    fmt::print(stderr, "{}: {} {}\n", result.error().code, result.error().public_text, result.error().detail);
  DAYAQ_ASSERT(result.has_value());
  return std::move(*result);
}

std::optional<regime::OrganisationIndex> find_organisation(const registry::CountryPack& pack,
                                                           std::string_view code) {
  const auto all = pack.organisations();
  const auto found = std::ranges::find_if(all, [&](const auto& other) { return other.code.value() == code; });
  if (found == all.end()) return std::nullopt;
  return static_cast<regime::OrganisationIndex>(found - all.begin());
}

Vocabulary vocabulary(const registry::CountryPack& pack, const regime::TrafficCatalogue& traffic) {
  return {
      .country = pack,
      .traffic = traffic,
      .organisation = [&pack](regime::OrganisationIndex index) { return pack.organisations()[index].name; },
      .organisation_by_code =
          [&pack](std::string_view code) {
            const auto index = find_organisation(pack, code);
            return index ? pack.organisations()[*index].name : LocalizedText{};
          }};
}

regime::ProviderNames providers(const registry::CountryPack& pack) {
  regime::ProviderNames names;
  names.find = [&pack](std::string_view code) -> std::optional<regime::ProviderNames::Provider> {
    const auto index = find_organisation(pack, code);
    if (!index) return std::nullopt;
    return regime::ProviderNames::Provider{OrganisationCode(std::string(code)), *index,
                                           pack.organisations()[*index].kind};
  };
  names.codes = [&pack] {
    std::vector<std::string> codes;
    for (const auto& organisation : pack.organisations()) codes.push_back(organisation.code.value());
    return codes;
  };
  return names;
}

regime::Regime parse(const std::string& text) {
  auto parsed = regime::parse_regime(text, Country::az().drafts);
  if (!parsed) fmt::print(stderr, "{}\n", regime::format_errors(parsed.error(), "regime.yaml", text));
  DAYAQ_ASSERT(parsed.has_value());
  return std::move(*parsed);
}

void add(regime::Reach& sum, const regime::Reach& more) {
  sum.persons += more.persons;
  sum.lines += more.lines;
  sum.cost_qepik += more.cost_qepik;
}

regime::Preview made_up(const regime::Regime& regime) {
  const registry::CountryPack& pack = Country::az().pack;
  regime::Preview preview;
  for (std::size_t i = 0; i < pack.district_count(); ++i) {
    const auto place = static_cast<registry::PlaceIndex>(i);
    preview.places.push_back(place);
    preview.living.push_back(static_cast<std::uint64_t>(pack.place(place).population));
  }
  preview.any_by_place.resize(preview.places.size());
  for (std::size_t m = 0; m < regime.measures.size(); ++m) {
    regime::MeasurePreview measure{
        .regime = regime.code, .version = regime.version, .code = regime.measures[m].code};
    for (std::size_t p = 0; p < preview.places.size(); ++p) {
      regime::Reach reach{.persons = preview.living[p] * (10 + p % 7) / (12 * (m + 2)),
                          .lines = 0,
                          .gained = 0,
                          .lost = 0,
                          .cost_qepik = 0};
      reach.lines = reach.persons * 11 / 10;
      reach.cost_qepik = reach.persons * 250;
      add(measure.total, reach);
      preview.any_by_place[p].persons = std::max(preview.any_by_place[p].persons, reach.persons);
      preview.any_by_place[p].lines += reach.lines;
      preview.any_by_place[p].cost_qepik += reach.cost_qepik;
      measure.by_place.push_back(reach);
    }
    preview.measures.push_back(std::move(measure));
  }
  for (const regime::Reach& reach : preview.any_by_place) add(preview.any, reach);
  return preview;
}

}  // namespace

Country::Country(registry::CountryPack p, regime::TrafficCatalogue t, Zone z)
    : pack(std::move(p)),
      traffic(std::move(t)),
      zone(std::move(z)),
      words(vocabulary(pack, traffic)),
      drafts{pack, traffic, zone, providers(pack)} {}

const Country& Country::az() {
  static const Country country(must(registry::CountryPack::load(country_folder)),
                               must(regime::TrafficCatalogue::load(country_folder)),
                               must(Zone::create("Asia/Baku")));
  return country;
}

std::string quarantine_file() {
  return must(read_file(country_folder / "regimes" / "special-quarantine.yaml"));
}
regime::Regime quarantine() {
  return parse(quarantine_file());
}

void FakeBook::add(regime::Regime regime, Instant t, bool approved) {
  auto version = std::make_shared<regime::RegimeVersion>();
  regime.version = 1 + static_cast<int>(std::ranges::count_if(
                           all, [&](const auto& other) { return other->regime.code == regime.code; }));
  version->regime = std::move(regime);
  version->state = approved ? regime::RegimeState::approved : regime::RegimeState::submitted;
  version->submitted_by = "org:cabinet-of-ministers/key:3";
  version->submitted = t;
  if (approved) {
    version->approved_by = "org:ministry-of-health/key:7";
    version->approved = t + std::chrono::hours(1);
  }
  all.push_back(std::move(version));
}

Result<regime::Preview> FakePreviews::of_draft(const regime::Regime& draft) {
  ++counted;
  if (broken) return fail(ErrorKind::unavailable, "test.broken", "The index is being built.");
  return made_up(draft);
}

Result<regime::Preview> FakePreviews::of_law(const RegimeCode& code) {
  ++counted;
  if (broken) return fail(ErrorKind::unavailable, "test.broken", "The index is being built.");
  const Versions versions = versions_of(book->all, code);
  return made_up(versions.front()->regime);
}

Result<std::string> FakeLeaves::leaf(std::uint64_t index) {
  if (index >= leaves.size()) return fail(ErrorKind::not_found, "audit.entry", "There is no such entry.");
  return leaves[index];
}

void FakeLeaves::add(std::string_view action, std::string_view code, int version, Instant at) {
  leaves.push_back(
      fmt::format(R"({{"action":"{}","actor":"cli","at":"{}","data":{{"code":"{}","file_sha256":"00",)"
                  R"("version":{}}},"v":1}})",
                  action, format_instant(at), code, version));
}

std::string header(const http::Response& response, std::string_view name) {
  const auto found =
      std::ranges::find_if(response.headers, [&](const auto& other) { return other.first == name; });
  return found == response.headers.end() ? "" : found->second;
}

World::World() : clock(must(parse_instant("2026-11-21T17:54:00Z"))) {
  const Instant submitted = must(parse_instant("2026-03-20T08:00:00Z"));
  const Instant amended = must(parse_instant("2026-11-20T08:00:00Z"));
  regime::Regime amendment =
      parse(must(read_file(country_folder / "regimes/examples/special-quarantine-amended.yaml")));
  book.add(quarantine(), submitted, true);
  book.add(std::move(amendment), amended, false);
  previews.book = &book;
  leaves.add("attestation.record", "x", 1, submitted - std::chrono::hours(1));
  leaves.add("regime.submit", "special-quarantine", 1, submitted + std::chrono::milliseconds(2));
  leaves.add("regime.approve", "special-quarantine", 1, submitted + std::chrono::hours(1));
  leaves.add("attestation.record", "x", 1, amended);
  leaves.add("regime.amend", "special-quarantine", 2, amended + std::chrono::microseconds(40));
  using Part = PartState::Part;
  figures.part_states = {{Part::database, true, "SQLite 3.40"},
                         {Part::population, true, "10 200 000"},
                         {Part::audit, true, "5"},
                         {Part::feed, true, ""}};
  figures.feed_states = {{LocalizedText{"Azercell", "Azercell", "Azercell"}, 812'345, clock.now(), {}},
                         {LocalizedText{"Bakcell", "Bakcell", "Bakcell"}, 0, {}, {}},
                         {LocalizedText{"Nar", "Nar", "Nar"},
                          100,
                          clock.now(),
                          {{.name = "nar-1", .behind = 12, .age = std::chrono::seconds(7)},
                           {.name = "nar-2"},
                           {.name = "nar-3",
                            .behind = 50,
                            .age = std::chrono::minutes(5),
                            .silent_since = clock.now() - std::chrono::minutes(5)},
                           {.name = "nar-4", .heard = false}}}};
  portal = must(Portal::create({source / "web", "0.1.0", true}, Country::az().words, Country::az().drafts,
                               {book, previews, leaves, figures, clock}));
  portal->add_routes(router);
}

http::Response World::send(http::Request& request) {
  http::Router::Match match = router.match(request.method, request.path);
  if (match.route == nullptr) return {.status = 0, .content_type = "", .body = "", .headers = {}};
  request.parameters = std::move(match.parameters);
  std::promise<http::Response> promise;
  (*match.handler)(
      std::shared_ptr<const http::Request>(&request, [](const http::Request*) {}),
      http::Responder([&promise](http::Response response) { promise.set_value(std::move(response)); }));
  return promise.get_future().get();
}

http::Response World::get(const std::string& path, Language language, const std::string& query) {
  http::Request request;
  request.path = path;
  request.query = query;
  request.language = language;
  return send(request);
}

http::Response World::post_draft(const std::string& text, Language language) {
  const std::string body = fmt::format(
      "--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n{}\r\n"
      "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n"
      "Content-Type: application/octet-stream\r\n\r\n\r\n--b--\r\n",
      text);
  http::Request request;
  request.method = http::Method::post;
  request.path = "/drafts/check";
  request.body = body;
  request.headers = {{"Content-Type", "multipart/form-data; boundary=b"}};
  request.language = language;
  return send(request);
}

}  // namespace dayaq::portal::test
