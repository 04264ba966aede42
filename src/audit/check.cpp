#include "audit/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "audit/leaf.hpp"

namespace dayaq::audit {

std::string_view to_string(FaultKind kind) {
  switch (kind) {
    case FaultKind::missing_entry:
      return "missing entry";
    case FaultKind::changed_entry:
      return "changed entry";
    case FaultKind::wrong_personal:
      return "wrong personal data";
    case FaultKind::changed_tile:
      return "changed tile";
    case FaultKind::missing_tile:
      return "missing tile";
    case FaultKind::stray_row:
      return "stray row";
    case FaultKind::bad_checkpoint:
      return "bad checkpoint";
    case FaultKind::other_history:
      return "other history";
  }
  return "";
}

Result<LogCheck> LogCheck::begin(const VerifyOptions& options) {
  LogCheck check;
  check.key_ = options.key;
  if (options.held) {
    DAYAQ_TRY(check.held_, crypto::open_checkpoint(*options.held, options.key));
  }
  check.note_root();
  return check;
}

void LogCheck::stored_checkpoint(std::string_view note, std::uint64_t entries) {
  auto checkpoint = crypto::open_checkpoint(note, key_);
  if (checkpoint) {
    stored_ = std::move(*checkpoint);
    note_root();
  } else {
    fault(FaultKind::bad_checkpoint, entries,
          "The checkpoint stored with the log isn't one that its key has signed.");
  }
}

std::optional<std::uint64_t> LogCheck::signed_size() const {
  if (!stored_) return std::nullopt;
  return stored_->head.size;
}

// Roots are kept as the tree passes the sizes of the checkpoints.
void LogCheck::note_root() {
  if (held_ && held_->head.size == tiles_.size()) root_at_held_ = tiles_.root();
  if (stored_ && stored_->head.size == tiles_.size()) root_at_stored_ = tiles_.root();
}

bool LogCheck::add(const EntryRow& row) {
  const std::uint64_t index = tiles_.size();
  if (row.index != static_cast<std::int64_t>(index)) {
    fault(FaultKind::missing_entry, index,
          fmt::format("Entry {} is missing; entry {} comes instead.", index, row.index));
    return false;
  }
  const auto leaf = parse_leaf(row.leaf);
  if (leaf) {
    check_personal(row, leaf->commitment);
  } else {
    fault(FaultKind::changed_entry, index, fmt::format("Entry {} is no leaf in its canonical form.", index));
  }
  last_hash_ = crypto::leaf_hash(as_bytes(row.leaf));
  tiles_.push(last_hash_, full_);
  note_root();
  return true;
}

void LogCheck::check_personal(const EntryRow& row, std::string_view leaf_commitment) {
  const std::uint64_t index = tiles_.size();
  const auto wrong = [&](std::string_view what) {
    fault(FaultKind::wrong_personal, index, fmt::format("Entry {}: {}", index, what));
  };
  const bool nothing = !row.bucket && !row.person && !row.salt && !row.personal;
  if (nothing) {
    report_.erased += leaf_commitment.empty() ? 0 : 1;
    return;
  }
  if (leaf_commitment.empty()) return wrong("personal data stands beside a leaf that commits to none.");
  Salt salt;
  if (!row.salt || row.salt->size() != salt.size())
    return wrong("its salt is missing or has another length.");
  std::memcpy(salt.data(), row.salt->data(), salt.size());
  const auto person = static_cast<std::uint64_t>(row.person.value_or(0));
  if (to_base64(commitment(salt, person, row.personal.value_or(""))) != leaf_commitment) {
    return wrong("the leaf's commitment doesn't open to its salt, person and personal data.");
  }
  if (row.person.has_value() != row.bucket.has_value() || (row.person && *row.bucket != bucket_of(person))) {
    return wrong("its bucket isn't its person's, so the person would not see it.");
  }
  // What is committed to empty isn't stored; stored as empty it would commit to the same, and still be a
  // change.
  if ((row.person && *row.person == 0) || (row.personal && row.personal->empty())) {
    return wrong("an empty value stands where none was.");
  }
  ++report_.personal;
}

std::vector<FullTile> LogCheck::take_full() {
  return std::exchange(full_, {});
}

void LogCheck::fault(FaultKind kind, std::uint64_t index, std::string what) {
  // A changed leaf explains a commitment that doesn't open, so it takes the place of one.
  const bool better = !report_.fault || index < report_.fault->index ||
                      (index == report_.fault->index && report_.fault->kind == FaultKind::wrong_personal);
  if (better) report_.fault = Fault{kind, index, std::move(what)};
}

void LogCheck::doubt(std::uint64_t index) {
  if (!first_doubt_ || index < *first_doubt_) first_doubt_ = index;
}

bool LogCheck::questioned(std::uint64_t from, std::uint64_t until) const {
  const auto inside = [&](std::uint64_t index) { return from <= index && index < until; };
  return (first_doubt_ && inside(*first_doubt_)) || (report_.fault && inside(report_.fault->index));
}

bool LogCheck::fits(const std::optional<crypto::Checkpoint>& checkpoint,
                    const std::optional<Hash>& root) const {
  return checkpoint && root && checkpoint->head.root == *root;
}

VerifyReport LogCheck::finish() {
  report_.head = {tiles_.size(), tiles_.root()};
  if (first_doubt_) {
    const std::uint64_t index = *first_doubt_;
    const bool entries_right = (fits(stored_, root_at_stored_) && index < stored_->head.size) ||
                               (fits(held_, root_at_held_) && index < held_->head.size);
    if (entries_right) {
      fault(
          FaultKind::changed_tile, index,
          fmt::format("The stored hash of entry {} was changed; the entry itself is the signed one.", index));
    } else {
      fault(FaultKind::changed_entry, index,
            fmt::format("Entry {} isn't the one whose hash is stored.", index));
    }
  }
  const auto hold_to = [&](const std::optional<crypto::Checkpoint>& checkpoint,
                           const std::optional<Hash>& root, std::string_view which) {
    if (!checkpoint) return;
    const std::uint64_t size = checkpoint->head.size;
    if (size > tiles_.size()) {
      fault(FaultKind::missing_entry, tiles_.size(),
            fmt::format("Entry {} is missing: {} says that there are {}.", tiles_.size(), which, size));
    } else if (!fits(checkpoint, root) && !questioned(0, size)) {
      // The index is that of the checkpoint: whatever is found in the entries comes first.
      fault(FaultKind::other_history, size,
            fmt::format("The first {} entries aren't those over which {} was signed.", size, which));
    }
  };
  hold_to(stored_, root_at_stored_, "the checkpoint stored with the log");
  hold_to(held_, root_at_held_, "the checkpoint that you hold");
  return report_;
}

}  // namespace dayaq::audit
