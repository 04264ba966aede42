// The country pack, its quarantine regime and a portal over made-up figures, for tests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "http/router.hpp"
#include "portal/portal.hpp"

namespace dayaq::portal::test {

/// The country pack that pages are about. Ends the test program if it can't be read.
struct Country {
  registry::CountryPack pack;
  regime::TrafficCatalogue traffic;
  Zone zone;
  Vocabulary words;
  regime::FileContext drafts;
  static const Country& az();

 private:
  Country(registry::CountryPack p, regime::TrafficCatalogue t, Zone z);
};

/// The file country/az/regimes/special-quarantine.yaml, and what it says.
[[nodiscard]] std::string quarantine_file();
[[nodiscard]] regime::Regime quarantine();

struct FakeBook final : RegimeBook {
  Versions all;
  Versions versions() override { return all; }
  /// Submitted at t and, if `approved`, approved an hour later.
  void add(regime::Regime regime, Instant t, bool approved);
};

/// Measure i reaches 1/(i+2) of each district's residents; gained and lost stay 0.
struct FakePreviews final : Previews {
  FakeBook* book = nullptr;
  int counted = 0;
  bool broken = false;
  Result<regime::Preview> of_draft(const regime::Regime& draft) override;
  Result<regime::Preview> of_law(const RegimeCode& code) override;
};

struct FakeLeaves final : AuditLeaves {
  std::vector<std::string> leaves;
  std::uint64_t size() override { return leaves.size(); }
  Result<std::string> leaf(std::uint64_t index) override;
  std::string checkpoint() override {
    return "az.dayaq.example/log\n2\nAAAA\n\n— az.dayaq.example/log BBBB\n";
  }
  /// An entry as regime::Lawbook writes it.
  void add(std::string_view action, std::string_view code, int version, Instant at);
};

struct FakeFigures final : LiveFigures {
  std::vector<PartState> part_states;
  std::vector<FeedState> feed_states;
  std::uint64_t persons() override { return 10'200'000; }
  std::uint64_t lines() override { return 15'234'567; }
  std::vector<PartState> parts() override { return part_states; }
  Result<std::vector<FeedState>> feeds() override { return feed_states; }
};

/// "" if there is none.
[[nodiscard]] std::string header(const http::Response& response, std::string_view name);

/// A portal whose regime is in force, with an amendment that awaits approval.
struct World {
  FixedClock clock;
  FakeBook book;
  FakePreviews previews;
  FakeLeaves leaves;
  FakeFigures figures;
  std::unique_ptr<Portal> portal;
  http::Router router;
  World();

  /// Status 0 if no route fits.
  [[nodiscard]] http::Response get(const std::string& path, Language language = Language::az,
                                   const std::string& query = "");
  /// The form with its text field filled.
  [[nodiscard]] http::Response post_draft(const std::string& text, Language language = Language::az);

 private:
  [[nodiscard]] http::Response send(http::Request& request);
};

}  // namespace dayaq::portal::test
