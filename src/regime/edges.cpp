#include "regime/edges.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "http/encoding.hpp"
#include "regime/feed_store.hpp"

namespace dayaq::regime {
namespace {

std::unexpected<Error> unknown_edge(std::string_view name) {
  return fail(ErrorKind::not_found, "edges.unknown",
              fmt::format("No edge `{}` is enrolled for this operator. See `dayaq edge list`.", name));
}

Result<void> append(store::Session& session, const registry::Registry& registry, const char* action,
                    const Edge& edge, const std::string& actor) {
  DAYAQ_TRY_OK(registry.log.append(
      session,
      {.action = action,
       .actor = actor,
       .subject = std::nullopt,
       .data = fmt::format(
           R"({{"client_key":"{}","edge":{},"key":{},"number":{},"operator":{},"public_key":"{}"}})",
           edge.client_key ? to_hex(*edge.client_key) : "", http::json_string(edge.name), edge.api_key,
           edge.number, http::json_string(registry.organisations.at(edge.provider)->code.value()),
           to_hex(edge.key)),
       .personal = ""}));
  return {};
}

bool uses(const Edge& edge, const crypto::PublicKey& key) {
  return edge.live() && (edge.key == key || edge.client_key == key);
}

std::unexpected<Error> key_used() {
  return fail(ErrorKind::conflict, "edges.key_used",
              "An edge has this key already. Each edge makes keys of its own, one for each purpose.");
}

Result<int> free_number(const std::vector<Edge>& edges, int wanted) {
  std::array<bool, edges_max + 1> taken{};
  for (const Edge& edge : edges) {
    if (edge.live()) taken[static_cast<std::size_t>(edge.number)] = true;
  }
  if (wanted < 0 || wanted > edges_max) {
    return fail_field("edges.number", "number", fmt::format("An edge's number is 1 to {}.", edges_max));
  }
  if (wanted != 0) {
    if (!taken[static_cast<std::size_t>(wanted)]) return wanted;
    return fail(ErrorKind::conflict, "edges.number_taken",
                "Another edge of this operator has this number. Leave it out, or end that edge first.");
  }
  for (int number = 1; number <= edges_max; ++number) {
    if (!taken[static_cast<std::size_t>(number)]) return number;
  }
  return fail(ErrorKind::limit, "edges.limit",
              fmt::format("An operator may have {} edges. End one first.", edges_max));
}

}  // namespace

Result<void> EdgeBook::load(store::Session& session) {
  return FeedStore::each_edge(session, [&](const EdgeState& state) {
    edges_[{state.edge.provider, state.edge.name}] = {
        .edge = state.edge, .progress = state.progress, .changed = false};
  });
}

std::vector<EdgeState> EdgeBook::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<EdgeState> out;
  for (const auto& [name, held] : edges_) out.push_back({.edge = held.edge, .progress = held.progress});
  std::ranges::sort(out, {}, [](const EdgeState& state) {
    return std::tie(state.edge.provider, state.edge.enrolled, state.edge.name);
  });
  return out;
}

std::vector<EdgeState> EdgeBook::of(OrganisationIndex provider) const {
  std::vector<EdgeState> out = all();
  std::erase_if(out, [&](const EdgeState& state) { return state.edge.provider != provider; });
  return out;
}

std::optional<Edge> EdgeBook::find(OrganisationIndex provider, std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = edges_.find(Name(provider, name));
  return found == edges_.end() ? std::nullopt : std::optional(found->second.edge);
}

Result<void> EdgeBook::heard(OrganisationIndex provider, std::string_view name, std::uint64_t applied,
                             Instant now) {
  const std::lock_guard lock(mutex_);
  const auto found = edges_.find(Name(provider, name));
  if (found == edges_.end()) return unknown_edge(name);
  if (!found->second.edge.live()) {
    return fail(ErrorKind::conflict, "edges.ended", "This edge was ended. Enrol it under a new name.");
  }
  found->second.progress = {.applied = applied, .heard = now};
  found->second.changed = true;
  return {};
}

Result<void> EdgeBook::save(store::Database& db) {
  std::vector<EdgeState> changed;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [name, held] : edges_) {
      if (std::exchange(held.changed, false))
        changed.push_back({.edge = held.edge, .progress = held.progress});
    }
  }
  if (changed.empty()) return {};
  const auto written = db.write([&](store::Session& session) -> Result<void> {
    for (const EdgeState& state : changed) DAYAQ_TRY_OK(FeedStore::put_progress(session, state));
    return {};
  });
  if (written) return {};
  const std::lock_guard lock(mutex_);
  for (const EdgeState& state : changed) edges_[{state.edge.provider, state.edge.name}].changed = true;
  return written;
}

std::optional<Edge> EdgeBook::newest(OrganisationIndex provider, std::string_view name) const {
  for (auto edge = pending_.rbegin(); edge != pending_.rend(); ++edge) {
    if (edge->provider == provider && edge->name == name) return *edge;
  }
  return find(provider, name);
}

std::vector<Edge> EdgeBook::newest_of(OrganisationIndex provider) const {
  std::map<std::string, Edge> edges;
  for (const EdgeState& state : of(provider)) edges[state.edge.name] = state.edge;
  for (const Edge& edge : pending_) {
    if (edge.provider == provider) edges[edge.name] = edge;
  }
  std::vector<Edge> out;
  for (auto& [name, edge] : edges) out.push_back(std::move(edge));
  return out;
}

void EdgeBook::after_commit() noexcept {
  const std::lock_guard lock(mutex_);
  for (Edge& edge : pending_) {
    Held& held = edges_[{edge.provider, edge.name}];
    held.edge = std::move(edge);
  }
  pending_.clear();
}

std::string edge_key_name(std::string_view edge) {
  return fmt::format("edge {}", edge);
}

std::uint32_t edge_scopes() {
  return 1u << static_cast<unsigned>(http::Scope::feed_read);
}

Result<EnrolledEdge> enrol_edge(store::Session& session, const registry::Registry& registry,
                                registry::KeyRing& ring, EdgeBook& book, const EnrolEdge& request,
                                const registry::KeySecret& secret, const std::string& actor) {
  if (!is_code(request.name)) {
    return fail_field("edges.name", "name",
                      "An edge's name has 1 to 64 of a-z, 0-9, _ and -, and starts with a letter or digit, "
                      "such as baku-1.");
  }
  const bool is_url = request.url.starts_with("http://") || request.url.starts_with("https://");
  if (!request.url.empty() && (!is_url || request.url.size() > 200 || !is_utf8(request.url))) {
    return fail_field("edges.url", "url", "Write where the edge's siblings reach it: https://host:port.");
  }
  if (book.newest(request.provider, request.name)) {
    return fail(
        ErrorKind::conflict, "edges.exists",
        fmt::format("An edge `{}` was enrolled before, and settlements are numbered by the name. Choose "
                    "another.",
                    request.name));
  }
  const std::vector<Edge> others = book.newest_of(request.provider);
  const auto taken = [&](const Edge& edge) {
    return uses(edge, request.key) || (request.client_key && uses(edge, *request.client_key));
  };
  if (std::ranges::any_of(others, taken) || request.client_key == request.key) return key_used();
  Edge edge{.provider = request.provider,
            .name = request.name,
            .key = request.key,
            .client_key = request.client_key,
            .url = request.url,
            .enrolled = registry.clock.now()};
  DAYAQ_TRY(edge.number, free_number(others, request.number));
  std::optional<registry::IssuedKey> issued;
  if (!request.client_key) {
    DAYAQ_TRY(issued, registry::create_key(session, registry, ring,
                                           {.organisation = request.provider,
                                            .name = edge_key_name(request.name),
                                            .scopes = edge_scopes(),
                                            .expires = instant_max},
                                           secret, actor));
    edge.api_key = issued->key.id;
  }
  DAYAQ_TRY_OK(FeedStore::put_edge(session, edge));
  DAYAQ_TRY_OK(append(session, registry, "edge.enrol", edge, actor));
  book.stage(edge);
  return EnrolledEdge{.edge = std::move(edge), .api_key = std::move(issued)};
}

Result<Edge> change_client_key(store::Session& session, const registry::Registry& registry, EdgeBook& book,
                               OrganisationIndex provider, std::string_view name,
                               const crypto::PublicKey& key, const std::string& actor) {
  std::optional<Edge> edge = book.newest(provider, name);
  if (!edge) return unknown_edge(name);
  if (!edge->live()) {
    return fail(ErrorKind::conflict, "edges.ended", "This edge was ended. Enrol it under a new name.");
  }
  if (edge->client_key == key) return *edge;
  const std::vector<Edge> all = book.newest_of(provider);
  if (std::ranges::any_of(all, [&](const Edge& other) { return uses(other, key); })) return key_used();
  edge->client_key = key;
  DAYAQ_TRY_OK(FeedStore::put_edge(session, *edge));
  DAYAQ_TRY_OK(append(session, registry, "edge.client_key", *edge, actor));
  book.stage(*edge);
  return *std::move(edge);
}

Result<Edge> end_edge(store::Session& session, const registry::Registry& registry, registry::KeyRing& ring,
                      EdgeBook& book, OrganisationIndex provider, std::string_view name,
                      const std::string& actor) {
  std::optional<Edge> edge = book.newest(provider, name);
  if (!edge) return unknown_edge(name);
  if (!edge->live()) return *edge;
  if (edge->api_key != 0) DAYAQ_TRY_OK(registry::revoke_key(session, registry, ring, edge->api_key, actor));
  // Also those that took its place since: they kept its name.
  for (const registry::ApiKey& key : ring.all()) {
    if (key.organisation != provider || key.name != edge_key_name(name) || key.revoked != instant_max)
      continue;
    if (key.id == edge->api_key) continue;
    DAYAQ_TRY_OK(registry::revoke_key(session, registry, ring, key.id, actor));
  }
  edge->ended = registry.clock.now();
  DAYAQ_TRY_OK(FeedStore::put_edge(session, *edge));
  DAYAQ_TRY_OK(append(session, registry, "edge.end", *edge, actor));
  book.stage(*edge);
  return *std::move(edge);
}

Result<EdgeLag> lag_of(const FeedHub& hub, store::Database& db, OrganisationIndex provider,
                       std::uint64_t applied, Instant now) {
  const FeedEnd end = hub.end(provider);
  EdgeLag lag;
  if (applied >= end.last_sequence) return lag;
  lag.lines = end.last_sequence - applied;
  std::optional<Instant> said = hub.said_after(provider, applied);
  if (!said) {
    DAYAQ_TRY(said, db.read([&](store::Session& session) {
      return FeedStore::said_after(session, provider, applied);
    }));
  }
  const Instant since = said.value_or(end.created);
  lag.age = std::max(std::chrono::milliseconds(0),
                     std::chrono::duration_cast<std::chrono::milliseconds>(now - since));
  return lag;
}

}  // namespace dayaq::regime
