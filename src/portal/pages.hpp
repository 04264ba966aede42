// The pages, each from what it shows to HTML. No database, no clock: what a page shows comes in as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "portal/decisions.hpp"
#include "portal/ports.hpp"
#include "portal/settled.hpp"
#include "portal/site.hpp"
#include "portal/standing.hpp"

namespace dayaq::portal {

struct HomeContent {
  Versions in_force;
  std::uint64_t persons = 0;
  std::uint64_t lines = 0;
  std::uint64_t audit_entries = 0;
};
[[nodiscard]] Result<std::string> home_page(Page& page, const HomeContent& content);

/// All regimes, each by its leading version, in groups.
[[nodiscard]] Result<std::string> regimes_page(Page& page, const Versions& all);

struct RegimeContent {
  Versions versions;  ///< of this regime, oldest first, not empty
  std::shared_ptr<const regime::RegimeVersion> shown;
  const regime::Preview* preview = nullptr;  ///< null: no figures are shown
  std::string measure;                       ///< chosen for the map
  std::vector<FeedState> feeds;
  std::vector<Decision> decisions;
  std::uint64_t log_size = 0;    ///< entries in the audit log, for proofs
  std::vector<UseAMinute> uses;  ///< just now
};
[[nodiscard]] Result<std::string> regime_page(Page& page, const RegimeContent& content);
/// /regimes/{code}/territory: the table of all districts.
[[nodiscard]] Result<std::string> districts_page(Page& page, const RegimeContent& content);

/// A draft and what it changes. `before` is what is in force of the same regime; of a regime that isn't in
/// force it has no measures.
struct Comparison {
  const regime::Regime& draft;
  const regime::Preview& after;
  const regime::Preview& before;
  std::shared_ptr<const regime::RegimeVersion> in_force;  ///< null if none is
};
struct DraftContent {
  std::shared_ptr<const regime::RegimeVersion> version;
  const Comparison* comparison = nullptr;  ///< null for a version that is no draft any more
};
[[nodiscard]] Result<std::string> draft_page(Page& page, const DraftContent& content);

struct CheckContent {
  std::string source;  ///< what was sent, shown again in the form
  std::optional<Errors> errors;
  const Comparison* comparison = nullptr;
  std::size_t bytes_max = 0;
  bool posted = false;
};
[[nodiscard]] Result<std::string> check_page(Page& page, const CheckContent& content);

struct StatusContent {
  std::vector<PartState> parts;
  std::vector<FeedState> feeds;
  std::string checkpoint;
};
[[nodiscard]] Result<std::string> status_page(Page& page, const StatusContent& content);

/// /settlements: what was delivered in a month and what is owed for it.
[[nodiscard]] Result<std::string> settlements_page(Page& page, const SettledMonth& month);

/// "/regimes/special-quarantine/versions/2"
[[nodiscard]] std::string version_path(const regime::RegimeVersion& version);

/// For 400, 401, 403, 404, 413, 503; anything else is shown as a failure of ours.
[[nodiscard]] Result<std::string> error_page(Page& page, int status, const Here& here);

}  // namespace dayaq::portal
