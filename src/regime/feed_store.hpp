// All SQL of the feed: operators' keys, the numbers of measures, blocks of lines, the edges that read them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/siphash.hpp"
#include "regime/law.hpp"
#include "regime/population_profiles.hpp"
#include "store/database.hpp"

namespace dayaq::regime {

[[nodiscard]] std::span<const store::Migration> feed_migrations();

/// A measure of one version: its place in the file tells measures of the same code apart.
struct MeasureName {
  std::string regime;
  int version = 1;
  std::int64_t position = 0;
  friend auto operator<=>(const MeasureName&, const MeasureName&) = default;
};
[[nodiscard]] MeasureName name_of(const LawfulMeasure& measure);
using MeasureNumbers = std::map<MeasureName, MeasureNumber>;

/// A stored block; the view lives until the callback returns.
struct FeedBlockRow {
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = 0;
  BytesView block;
};

/// Where an operator's feed stands.
struct FeedEnd {
  std::uint64_t last_sequence = 0;  ///< 0: nothing was ever said
  Instant created = instant_min;    ///< of the last block
};

/// A list of zero-rated resources that was published: feed::lines_of of its classes.
struct ResourceListRow {
  std::uint32_t version = 0;
  std::string lines;
};

struct Edge;
struct EdgeState;

/// Errors are the session's own.
struct FeedStore {
  static Result<std::map<OrganisationIndex, SipKey>> keys(store::Session& session);
  static Result<void> insert_key(store::Session& session, OrganisationIndex provider, const SipKey& key);

  static Result<MeasureNumbers> measure_numbers(store::Session& session);
  static Result<void> insert_measure_number(store::Session& session, const MeasureName& name,
                                            MeasureNumber number);

  static Result<FeedEnd> end(store::Session& session, OrganisationIndex provider);
  static Result<void> insert_block(store::Session& session, OrganisationIndex provider,
                                   const FeedBlockRow& row, Instant created);
  /// The number of the first line that is still kept; 0 if there is none.
  static Result<std::uint64_t> first_kept(store::Session& session, OrganisationIndex provider);
  /// Blocks with a line after `after`, in order.
  static Result<void> each_block(store::Session& session, OrganisationIndex provider, std::uint64_t after,
                                 const std::function<Result<bool>(const FeedBlockRow&)>& on_block);
  /// When the first line after `after` that is still kept was said.
  static Result<std::optional<Instant>> said_after(store::Session& session, OrganisationIndex provider,
                                                   std::uint64_t after);
  /// Drops blocks created before `before`, but never an operator's last one, which says where the feed
  /// stands.
  static Result<void> trim(store::Session& session, OrganisationIndex provider, Instant before);

  /// The last list that was published; nothing if there is none.
  static Result<std::optional<ResourceListRow>> last_resources(store::Session& session);
  static Result<void> insert_resources(store::Session& session, const ResourceListRow& row, Instant created);

  static Result<void> each_edge(store::Session& session,
                                const std::function<void(const EdgeState&)>& on_edge);
  /// A new edge, or the end or another client key of one that is there; what it has applied is left alone.
  static Result<void> put_edge(store::Session& session, const Edge& edge);
  static Result<void> put_progress(store::Session& session, const EdgeState& state);
};

}  // namespace dayaq::regime
