#include "ports.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "regime/preview.hpp"
#include "settlement_port.hpp"

namespace dayaq::node {
namespace {

class Book final : public portal::RegimeBook {
 public:
  explicit Book(const NodeParts& node) : node_(node) {}
  [[nodiscard]] portal::Versions versions() override { return node_.book.versions(); }

 private:
  NodeParts node_;
};

class LivePreviews final : public portal::Previews {
 public:
  explicit LivePreviews(const NodeParts& node) : node_(node) {}

  [[nodiscard]] Result<regime::Preview> of_draft(const regime::Regime& draft) override {
    const auto law = node_.book.law();
    return node_.keeper->live().read_long([&](const regime::LiveState& state) -> Result<regime::Preview> {
      const regime::PopulationAt at = state.at(node_.core.clock.now(), regime::statuses_of(draft, *law));
      return regime::preview_draft(at, draft, *law, {});
    });
  }

  [[nodiscard]] Result<regime::Preview> of_law(const RegimeCode& code) override {
    const auto law = node_.book.law();
    return node_.keeper->live().read_long([&](const regime::LiveState& state) -> Result<regime::Preview> {
      const regime::PopulationAt at = state.at(node_.core.clock.now(), regime::statuses_of({}, *law));
      return regime::preview_law(at, *law, code, {});
    });
  }

 private:
  NodeParts node_;
};

class Leaves final : public portal::AuditLeaves {
 public:
  explicit Leaves(const NodeParts& node) : node_(node) {}
  [[nodiscard]] std::uint64_t size() override { return node_.core.log->size(); }
  [[nodiscard]] Result<std::string> leaf(std::uint64_t index) override {
    DAYAQ_TRY(audit::Entry entry, node_.core.log->entry(index));
    return std::move(entry.leaf);
  }
  [[nodiscard]] std::string checkpoint() override { return node_.core.log->checkpoint(); }

 private:
  NodeParts node_;
};

std::uint64_t persons_of(const NodeParts& node) {
  return node.keeper->live().read([](const regime::LiveState& state) { return state.population.persons(); });
}
std::uint64_t lines_of(const NodeParts& node) {
  return node.keeper->live().read(
      [](const regime::LiveState& state) { return state.population.lines().size(); });
}

std::vector<regime::EdgeState> live_edges(const NodeParts& node) {
  std::vector<regime::EdgeState> edges = node.edges.all();
  std::erase_if(edges, [](const regime::EdgeState& state) { return !state.edge.live(); });
  return edges;
}

class Figures final : public portal::LiveFigures {
 public:
  explicit Figures(const NodeParts& node) : node_(node) {}
  [[nodiscard]] std::uint64_t persons() override { return persons_of(node_); }
  [[nodiscard]] std::uint64_t lines() override { return lines_of(node_); }

  [[nodiscard]] std::vector<portal::PartState> parts() override {
    using Part = portal::PartState::Part;
    const bool sqlite = node_.core.database->engine() == store::Engine::sqlite;
    const bool writable = node_.core.database->writable();
    return {
        {.part = Part::database, .up = writable, .detail = sqlite ? "SQLite" : "PostgreSQL"},
        {.part = Part::population, .up = true, .detail = group_digits(static_cast<std::int64_t>(persons()))},
        {.part = Part::audit,
         .up = writable,
         .detail = group_digits(static_cast<std::int64_t>(node_.core.log->size()))},
        {.part = Part::feed, .up = writable, .detail = {}}};
  }

  [[nodiscard]] Result<std::vector<portal::FeedState>> feeds() override {
    std::vector<portal::FeedState> out;
    for (const auto provider : node_.keeper->hub().operators()) {
      const regime::FeedEnd end = node_.keeper->hub().end(provider);
      portal::FeedState feed;
      feed.provider = node_.core.organisations->at(provider)->name;
      feed.sequence = end.last_sequence;
      if (end.last_sequence > 0) feed.last = end.created;
      DAYAQ_TRY(feed.edges, edges_of(provider));
      out.push_back(std::move(feed));
    }
    return out;
  }

 private:
  [[nodiscard]] Result<std::vector<portal::FeedEdge>> edges_of(registry::OrganisationIndex provider) const {
    std::vector<portal::FeedEdge> out;
    const Instant now = node_.core.clock.now();
    for (const regime::EdgeState& state : node_.edges.of(provider)) {
      if (!state.edge.live()) continue;
      DAYAQ_TRY(const regime::EdgeLag lag, regime::lag_of(node_.keeper->hub(), *node_.core.database, provider,
                                                          state.progress.applied, now));
      const bool heard = state.progress.heard != instant_min;
      out.push_back({.name = state.edge.name,
                     .behind = lag.lines,
                     .age = std::chrono::duration_cast<std::chrono::seconds>(lag.age),
                     .silent_since =
                         heard && is_silent(state, now) ? std::optional(state.progress.heard) : std::nullopt,
                     .heard = heard});
    }
    return out;
  }

  NodeParts node_;
};

}  // namespace

struct Pages::State {
  explicit State(const NodeParts& node)
      : book(node),
        previews(node),
        leaves(node),
        figures(node),
        settled(node),
        words{.country = node.core.country,
              .traffic = node.traffic,
              .organisation =
                  [&core = node.core](registry::OrganisationIndex index) {
                    return core.organisations->at(index)->name;
                  },
              .organisation_by_code =
                  [&core = node.core](std::string_view code) {
                    const auto index = core.organisations->find(code);
                    return index ? core.organisations->at(*index)->name : LocalizedText{};
                  }} {}
  Book book;
  LivePreviews previews;
  Leaves leaves;
  Figures figures;
  SettledSums settled;
  portal::Vocabulary words;
  std::unique_ptr<portal::Portal> portal;
};

Pages::Pages(std::unique_ptr<State> state) : state_(std::move(state)) {}
Pages::~Pages() = default;

Result<std::unique_ptr<Pages>> Pages::create(const NodeParts& node, const std::filesystem::path& web) {
  auto state = std::make_unique<State>(node);
  DAYAQ_TRY(state->portal, portal::Portal::create({.web = web,
                                                   .program_version = DAYAQ_VERSION,
                                                   .synthetic = node.core.configuration.synthetic},
                                                  state->words, node.files,
                                                  {.regimes = state->book,
                                                   .previews = state->previews,
                                                   .audit = state->leaves,
                                                   .figures = state->figures,
                                                   .clock = node.core.clock,
                                                   .settlements = &state->settled}));
  return std::unique_ptr<Pages>(new Pages(std::move(state)));
}

void Pages::add_routes(http::Router& router) {
  state_->portal->add_routes(router);
}

const portal::Site& Pages::site() const {
  return state_->portal->site();
}

void add_gauges(http::Metrics& metrics, const NodeParts& node) {
  metrics.gauge("dayaq_persons", "Persons in the registry",
                [node] { return static_cast<double>(persons_of(node)); });
  metrics.gauge("dayaq_subscriptions", "Live subscriptions",
                [node] { return static_cast<double>(lines_of(node)); });
  metrics.gauge("dayaq_audit_entries", "Entries of the audit log",
                [node] { return static_cast<double>(node.core.log->size()); });
  metrics.gauge("dayaq_store_wal_bytes", "Bytes of SQLite's write-ahead log",
                [node] { return static_cast<double>(node.core.database->wal_bytes()); });
  metrics.gauge("dayaq_store_writable", "1 if writes are accepted",
                [node] { return node.core.database->writable() ? 1.0 : 0.0; });
  metrics.gauge("dayaq_feed_waiting", "Edges waiting for the feed",
                [node] { return static_cast<double>(node.keeper->hub().waiting()); });
  metrics.gauge("dayaq_edges", "Enrolled edges that have not ended",
                [node] { return static_cast<double>(live_edges(node).size()); });
  metrics.gauge("dayaq_edges_silent", "Of those: not heard for a minute", [node] {
    const Instant now = node.core.clock.now();
    return static_cast<double>(std::ranges::count_if(
        live_edges(node), [&](const regime::EdgeState& state) { return is_silent(state, now); }));
  });
  metrics.gauge("dayaq_edges_behind_seconds",
                "Age of the oldest change that an edge which is heard has not confirmed", [node] {
                  const Instant now = node.core.clock.now();
                  double most = 0;
                  for (const regime::EdgeState& state : live_edges(node)) {
                    if (is_silent(state, now)) continue;
                    const auto lag = regime::lag_of(node.keeper->hub(), *node.core.database,
                                                    state.edge.provider, state.progress.applied, now);
                    if (lag) most = std::max(most, static_cast<double>(lag->age.count()) / 1000);
                  }
                  return most;
                });
}

std::vector<std::string> not_ready(const NodeParts& node) {
  if (node.core.database->writable()) return {};
  return {"The database takes no writes: is the disk full, or the database server away? Reading goes on."};
}

}  // namespace dayaq::node
