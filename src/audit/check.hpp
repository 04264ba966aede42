// What verifying a database and verifying an export have in common: entries come in by index, one after
// another.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audit/store.hpp"
#include "audit/tiles.hpp"
#include "audit/verify.hpp"

namespace dayaq::audit {

class LogCheck {
 public:
  /// Opens the held note, if there is one. Errors of crypto::open_checkpoint.
  static Result<LogCheck> begin(const VerifyOptions& options);

  /// The checkpoint that is stored with a log of `entries`; "" if there is none.
  void stored_checkpoint(std::string_view note, std::uint64_t entries);
  /// The size that the stored checkpoint says, if its signature holds.
  [[nodiscard]] std::optional<std::uint64_t> signed_size() const;

  [[nodiscard]] std::uint64_t next_index() const { return tiles_.size(); }
  [[nodiscard]] const TreeTiles& tiles() const { return tiles_; }

  /// Takes the next entry. False, and a fault, if it isn't the next: then nothing that follows can be placed.
  bool add(const EntryRow& row);
  /// The tiles that entries have filled since this was last called, lowest first.
  [[nodiscard]] std::vector<FullTile> take_full();
  /// The hash of the entry that was last added.
  [[nodiscard]] const Hash& last_hash() const { return last_hash_; }

  void fault(FaultKind kind, std::uint64_t index, std::string what);
  /// A stored hash of level 0 that isn't the entry's: which of them is wrong is decided in finish().
  void doubt(std::uint64_t index);
  /// True if something is already known to be wrong among the entries [from, until).
  [[nodiscard]] bool questioned(std::uint64_t from, std::uint64_t until) const;

  /// All entries came: holds the tree to the checkpoints.
  [[nodiscard]] VerifyReport finish();

 private:
  void check_personal(const EntryRow& row, std::string_view leaf_commitment);
  void note_root();
  [[nodiscard]] bool fits(const std::optional<crypto::Checkpoint>& checkpoint,
                          const std::optional<Hash>& root) const;

  crypto::VerifierKey key_;
  std::optional<crypto::Checkpoint> held_;
  std::optional<crypto::Checkpoint> stored_;
  std::optional<Hash> root_at_held_;
  std::optional<Hash> root_at_stored_;
  TreeTiles tiles_;
  std::vector<FullTile> full_;
  Hash last_hash_{};
  std::optional<std::uint64_t> first_doubt_;
  VerifyReport report_;
};

}  // namespace dayaq::audit
