// The operators' edges as the centre knows them: who they are, and how far each has come on the feed.
//
// An edge is enrolled with the public halves of two keys of its own: one signs its settlements, and by the
// other it proves itself as an OAuth client (feed/edge_client.hpp), which is all that the feed, the list of
// resources and settlements ask of it. One that brings no client key gets an API key. What it has applied it
// says itself, by asking the feed for what comes after: that is held in memory for the live figures, and
// written now and then, so that a restart knows who was heard when.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "regime/feed_hub.hpp"
#include "registry/api_key.hpp"

namespace dayaq::regime {

inline constexpr int edges_max = 16;  ///< live ones of one operator

struct Edge {
  OrganisationIndex provider = 0;
  std::string name;           ///< a code, unique within the operator for ever: settlements are numbered by it
  int number = 0;             ///< 1 to edges_max, among the operator's live edges
  crypto::PublicKey key{};    ///< signs its settlements
  std::uint64_t api_key = 0;  ///< 0: it has none
  std::optional<crypto::PublicKey> client_key;  ///< Ed25519; proves its client
  std::string url;                              ///< where its siblings reach it; "" if it didn't say
  Instant enrolled;
  Instant ended = instant_max;
  [[nodiscard]] bool live() const { return ended == instant_max; }
};

/// How far an edge has come.
struct EdgeProgress {
  std::uint64_t applied = 0;    ///< the last number that it said it has applied
  Instant heard = instant_min;  ///< when it said so
};
struct EdgeState {
  Edge edge;
  EdgeProgress progress;
};

/// All edges in memory, following commits. Any thread, unless it says otherwise.
class EdgeBook final : public store::CommitHook {
 public:
  /// Reads what is stored, before the book is added to the database as a hook.
  Result<void> load(store::Session& session);

  /// Ended ones too, by operator and number of enrolment.
  [[nodiscard]] std::vector<EdgeState> all() const;
  [[nodiscard]] std::vector<EdgeState> of(OrganisationIndex provider) const;
  [[nodiscard]] std::optional<Edge> find(OrganisationIndex provider, std::string_view name) const;

  /// An edge has asked for what comes after `applied`. not_found "edges.unknown"; conflict "edges.ended".
  Result<void> heard(OrganisationIndex provider, std::string_view name, std::uint64_t applied, Instant now);
  /// Writes the progress that has changed since the last time; no transaction if none has. Not on the writer
  /// thread. What isn't written is known again as soon as the edge asks, which a live one does every 25
  /// seconds.
  Result<void> save(store::Database& db);

  // Used by the use-cases below, on the writer thread.
  [[nodiscard]] std::optional<Edge> newest(OrganisationIndex provider, std::string_view name) const;
  [[nodiscard]] std::vector<Edge> newest_of(OrganisationIndex provider) const;
  void stage(Edge edge) { pending_.push_back(std::move(edge)); }

  void begin_transaction() override { mark_ = pending_.size(); }
  void discard_transaction() override { pending_.resize(mark_); }
  Result<void> before_commit(store::Session&) override { return {}; }
  void after_commit() noexcept override;
  void after_rollback() noexcept override { pending_.clear(); }

 private:
  using Name = std::pair<OrganisationIndex, std::string>;
  struct Held {
    Edge edge;
    EdgeProgress progress;
    bool changed = false;  ///< since it was written
  };
  mutable std::mutex mutex_;  // guards edges_
  std::map<Name, Held, std::less<>> edges_;
  std::vector<Edge> pending_;  // writer thread only
  std::size_t mark_ = 0;
};

struct EnrolEdge {
  OrganisationIndex provider = 0;
  std::string name;
  crypto::PublicKey key{};
  std::optional<crypto::PublicKey> client_key;  ///< without one it gets an API key
  std::string url;
  int number = 0;  ///< 0: the lowest that is free
};
struct EnrolledEdge {
  Edge edge;
  std::optional<registry::IssuedKey> api_key;  ///< its token is shown once
};

/// What an edge's client or API key may do.
[[nodiscard]] std::uint32_t edge_scopes();

/// What the API keys that are made for an edge are called.
[[nodiscard]] std::string edge_key_name(std::string_view edge);

/// Enrols an edge; makes its API key if it brings no client key. invalid_input "edges.name", "edges.number",
/// "edges.url"; conflict "edges.exists" (the name was used before), "edges.key_used" (another edge has one of
/// these keys), "edges.number_taken"; limit "edges.limit". Errors of create_key().
Result<EnrolledEdge> enrol_edge(store::Session& session, const registry::Registry& registry,
                                registry::KeyRing& ring, EdgeBook& book, const EnrolEdge& request,
                                const registry::KeySecret& secret, const std::string& actor);
/// Gives a live edge another client key; the client of the one before, and its tokens, end with this commit.
/// The key that it has already is no change. not_found "edges.unknown"; conflict "edges.ended",
/// "edges.key_used" (it signs settlements with it, or another edge has it).
Result<Edge> change_client_key(store::Session& session, const registry::Registry& registry, EdgeBook& book,
                               OrganisationIndex provider, std::string_view name,
                               const crypto::PublicKey& key, const std::string& actor);
/// Ends an edge, its client and all API keys that were made for it. One that has ended stays as it is.
/// not_found "edges.unknown".
Result<Edge> end_edge(store::Session& session, const registry::Registry& registry, registry::KeyRing& ring,
                      EdgeBook& book, OrganisationIndex provider, std::string_view name,
                      const std::string& actor);

/// How far behind its feed an edge is.
struct EdgeLag {
  std::uint64_t lines = 0;
  std::chrono::milliseconds age{0};  ///< of the first line that it lacks; 0 if it lacks none
};
/// From memory; who lags further back than that costs a read of the store, whose errors are returned.
[[nodiscard]] Result<EdgeLag> lag_of(const FeedHub& hub, store::Database& db, OrganisationIndex provider,
                                     std::uint64_t applied, Instant now);
/// An edge asks at least every 25 seconds; from here on it is taken for silent.
inline constexpr std::chrono::seconds edge_silent_after{60};
[[nodiscard]] inline bool is_silent(const EdgeState& state, Instant now) {
  return state.progress.heard == instant_min || now - state.progress.heard > edge_silent_after;
}

}  // namespace dayaq::regime
