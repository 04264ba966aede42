// What a replica knows, and how it comes to know it again after a start.
#pragma once

#include "edge/replica.hpp"
#include "edge/replica_disk.hpp"
#include "edge/replica_image.hpp"
#include "edge/replica_measures.hpp"

namespace dayaq::edge {

struct Known {
  explicit Known(const ServiceTable& services) : measures(services) {}
  std::unique_ptr<Image> image;
  Measures measures;
  std::uint64_t sequence = 0;
  Instant said = instant_min;
  bool from_image = false;
  bool has_snapshot = false;
  std::uint64_t snapshot_bytes = 0;
  std::uint64_t change_bytes = 0;
  std::uint64_t change_blocks = 0;  ///< on disk after the snapshot, as far as was looked
  std::string set_aside;            ///< why something on disk was set aside; empty: nothing was
};

/// Whether a block is the next after `sequence` (or holds it): invalid_input "replica.kind", forbidden
/// "replica.operator", conflict "replica.gap", "replica.replay".
Result<void> check_changes(const feed::Block& block, const ReplicaOptions& options, std::uint64_t sequence);
/// A page number `page` of `pages` of a snapshot whose first page is of `number` (page 0: any): conflict
/// "replica.pages", and the same of kind and operator.
Result<void> check_page(const feed::Block& block, const ReplicaOptions& options, std::uint32_t page,
                        std::uint32_t pages, std::uint64_t number);
/// feed::decode with the replica's words: forbidden "replica.signature".
Result<feed::Block> decode_signed(BytesView& in, const std::vector<crypto::PublicKey>& keys);
[[nodiscard]] Error in_our_words(Error error);

/// Writes a block's lines into an image that nobody reads yet; makes room as needed.
Result<void> fill(std::unique_ptr<Image>& image, const feed::Block& block);

[[nodiscard]] ImageIdentity identity_of(const ReplicaOptions& options,
                                        const std::optional<feed::Header>& snapshot);
[[nodiscard]] std::filesystem::path image_folder(const ReplicaOptions& options);
[[nodiscard]] std::filesystem::path measures_path(const ReplicaOptions& options);

/// Takes the image over, or builds it from the signed blocks.
Result<void> load(const ReplicaOptions& options, ReplicaDisk& disk, Known& known);

}  // namespace dayaq::edge
