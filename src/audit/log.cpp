#include "audit/log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "audit/leaf.hpp"
#include "audit/store.hpp"
#include "audit/tiles.hpp"
#include "crypto/note.hpp"
#include "crypto/secret.hpp"

namespace dayaq::audit {
namespace {

// What readers see: a committed tree and its signed checkpoint. Never changed once it is shared.
struct Committed {
  TreeTiles tiles;
  std::string note;
};

std::unexpected<Error> corrupt(std::string_view what) {
  return fail(ErrorKind::internal, "audit.corrupt",
              "The audit log in the database doesn't fit together. Run `dayaq audit verify` to see where, "
              "and restore "
              "the database from its last good backup.",
              std::string(what));
}

std::unexpected<Error> out_of_range(std::string_view what) {
  return fail(
      ErrorKind::invalid_input, "audit.range",
      "This is not within the log: give an index below the size, and sizes of at least 1 and at most the "
      "checkpoint's.",
      std::string(what));
}

// Salts are taken from a block, because asking the kernel for each costs more than hashing with it.
class Salts {
 public:
  explicit Salts(Random& random) : random_(random) {}
  ~Salts() { crypto::wipe(std::as_writable_bytes(std::span(block_))); }
  Salt next() {
    if (used_ == block_.size()) {
      random_.fill(std::as_writable_bytes(std::span(block_)));
      used_ = 0;
    }
    return std::exchange(block_[used_++], Salt{});
  }

 private:
  Random& random_;
  std::array<Salt, 64> block_{};
  std::size_t used_ = block_.size();
};

// A node of a committed tree: from memory, or from a full tile, of which the last is kept since neighbours
// follow.
class NodeReader {
 public:
  NodeReader(store::Session& session, const TreeTiles& tiles) : session_(session), tiles_(tiles) {}
  Result<Hash> operator()(crypto::TreeNode node) {
    if (const auto hash = tiles_.node(node)) return *hash;
    const TilePart part = part_of(node);
    if (hashes_.empty() || id_ != part.tile) {
      DAYAQ_TRY(auto hashes, select_tile(session_, part.tile));
      if (!hashes) return corrupt(fmt::format("tile {}/{} is missing", part.tile.level, part.tile.index));
      hashes_ = std::move(*hashes);
      id_ = part.tile;
    }
    return crypto::complete_root(std::span(hashes_).subspan(part.first, part.count));
  }

 private:
  store::Session& session_;
  const TreeTiles& tiles_;
  TileId id_;
  std::vector<Hash> hashes_;
};

// The unfinished tile of level 0, hashed again from its entries and held to the hashes stored beside the
// checkpoint.
Result<std::vector<Hash>> load_tail(store::Session& session, std::uint64_t size, const Head& head) {
  const std::uint64_t begin = size - size % tile_width;
  std::vector<Hash> tail;
  DAYAQ_TRY_OK(select_entries(session, begin, size, [&](const EntryRow& row) -> Result<bool> {
    if (row.index != static_cast<std::int64_t>(begin + tail.size())) return false;
    tail.push_back(crypto::leaf_hash(as_bytes(row.leaf)));
    return true;
  }));
  if (tail.size() != size % tile_width)
    return corrupt(fmt::format("entry {} is missing", begin + tail.size()));
  if (!head.tail_whole || head.tail.size() != tail.size())
    return corrupt("the stored tail isn't that of the size");
  for (std::size_t i = 0; i < tail.size(); ++i) {
    if (tail[i] != head.tail[i]) return corrupt(fmt::format("entry {} was changed", begin + i));
  }
  return tail;
}

// The unfinished tile of a higher level: the roots of the full tiles below that fill no tile yet.
Result<std::vector<Hash>> load_upper(store::Session& session, unsigned level, std::uint64_t size) {
  const std::uint64_t count = hashes_at(level, size);
  const std::uint64_t below = hashes_at(level - 1, size) / tile_width;
  DAYAQ_TRY(const auto last, last_tile(session, level - 1));
  if (last.has_value() != (below > 0) || (last && *last != below - 1)) {
    return corrupt(fmt::format("level {} must have {} full tiles", level - 1, below));
  }
  std::vector<Hash> roots;
  for (std::uint64_t i = count - count % tile_width; i < count; ++i) {
    DAYAQ_TRY(const auto hashes, select_tile(session, {level - 1, i}));
    if (!hashes) return corrupt(fmt::format("tile {}/{} is missing", level - 1, i));
    roots.push_back(crypto::complete_root(*hashes));
  }
  return roots;
}

Result<TreeTiles> load_tiles(store::Session& session, std::uint64_t size, const Head& head) {
  std::array<std::vector<Hash>, tile_levels> unfinished;
  DAYAQ_TRY(unfinished[0], load_tail(session, size, head));
  for (unsigned level = 1; level < tile_levels; ++level) {
    DAYAQ_TRY(unfinished[level], load_upper(session, level, size));
  }
  auto tiles = TreeTiles::load(size, std::move(unfinished));
  DAYAQ_ASSERT(tiles.has_value());
  return std::move(*tiles);
}

// The tree as it is stored, held to the checkpoint that was signed with it.
Result<Committed> load(store::Session& session, const crypto::VerifierKey& key) {
  DAYAQ_TRY(const std::uint64_t size, entries_end(session));
  DAYAQ_TRY(const auto head, select_head(session));
  if (!head) {
    if (size != 0) return corrupt("there are entries and no checkpoint");
    return Committed{};
  }
  DAYAQ_TRY(const crypto::Checkpoint signed_head, crypto::open_checkpoint(head->note, key));
  if (signed_head.head.size != size) {
    return corrupt(fmt::format("{} entries, but the checkpoint says {}", size, signed_head.head.size));
  }
  DAYAQ_TRY(TreeTiles tiles, load_tiles(session, size, *head));
  if (tiles.root() != signed_head.head.root) return corrupt("the root isn't the signed one");
  return Committed{std::move(tiles), head->note};
}

}  // namespace

namespace {

/// An entry of the group that is being collected, until its row is written.
struct PendingRow {
  std::string leaf;
  std::optional<std::int64_t> bucket, person;
  std::optional<Salt> salt;
  std::optional<std::string> personal;
};

/// A person's personal parts were erased after so many rows of the group.
struct Erasure {
  std::int64_t person = 0;
  std::size_t rows = 0;
};

}  // namespace

struct Log::State {
  State(store::Database& database, crypto::SigningKey signing_key, std::string name, const Clock& time,
        Random& random)
      : db(database), key(std::move(signing_key)), origin(std::move(name)), clock(time), salts(random) {}

  [[nodiscard]] std::string sign(const TreeTiles& tiles) const {
    const crypto::Checkpoint checkpoint{origin, {tiles.size(), tiles.root()}, {}};
    return crypto::sign_note(crypto::format_checkpoint(checkpoint), origin, key);
  }
  [[nodiscard]] std::shared_ptr<const Committed> committed() const {
    const std::lock_guard lock(mutex);
    return shared;
  }

  /// The group's rows as they go to the database; what was erased meanwhile is left out.
  [[nodiscard]] std::vector<EntryRow> rows_to_write() const {
    std::vector<EntryRow> out;
    out.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const PendingRow& row = rows[i];
      EntryRow& entry = out.emplace_back();
      entry.index = static_cast<std::int64_t>(committed_size + i);
      entry.leaf = row.leaf;
      const bool erased = std::ranges::any_of(
          erasures, [&](const Erasure& one) { return i < one.rows && row.person == one.person; });
      if (erased) continue;
      entry.bucket = row.bucket;
      entry.person = row.person;
      if (row.salt) entry.salt = BytesView(*row.salt);
      if (row.personal) entry.personal = *row.personal;
    }
    return out;
  }
  void forget_pending() {
    pending.clear();
    rows.clear();
    erasures.clear();
  }

  store::Database& db;
  const crypto::SigningKey key;
  const std::string origin;
  const Clock& clock;

  // The writer thread's alone: the hashes of the group's entries, and what the group will make of the tree.
  Salts salts;
  LeafWriter leaves;
  std::vector<Hash> pending;
  std::vector<PendingRow> rows;  ///< written together before the commit
  std::vector<Erasure> erasures;
  std::size_t pending_before_function = 0;
  std::size_t erasures_before_function = 0;
  bool in_function = false;
  std::uint64_t committed_size = 0;
  std::shared_ptr<const Committed> next;

  // Shared: readers take the pointer under the mutex and keep what it points to while they build a proof, so
  // that a commit neither waits for them nor changes the tree under their feet.
  mutable std::mutex mutex;
  std::shared_ptr<const Committed> shared;
};

Log::Log() = default;
Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::open(store::Database& db, crypto::SigningKey key, std::string origin,
                                       const Clock& clock, Random& random) {
  if (!crypto::is_key_name(origin)) {
    return fail(ErrorKind::invalid_input, "audit.origin",
                "The audit log's name must be one word without plus signs, like dayaq.example/audit.");
  }
  auto state = std::make_unique<State>(db, std::move(key), std::move(origin), clock, random);
  const auto verifier = crypto::VerifierKey::of(state->origin, state->key.public_key());
  auto loaded = db.read([&](store::Session& session) { return load(session, verifier); });
  if (!loaded && loaded.error().code == "note.unsigned") {
    return fail(
        ErrorKind::conflict, "audit.key",
        "The audit log was signed with another key or under another name: start with the data folder that "
        "belongs to this database.",
        loaded.error().detail);
  }
  if (!loaded && loaded.error().code.starts_with("note.")) return corrupt(loaded.error().detail);
  if (!loaded) return std::unexpected(std::move(loaded).error());
  if (loaded->note.empty()) loaded->note = state->sign(loaded->tiles);
  state->committed_size = loaded->tiles.size();
  state->shared = std::make_shared<const Committed>(std::move(*loaded));
  std::unique_ptr<Log> log(new Log);
  log->state_ = std::move(state);
  return log;
}

Result<std::uint64_t> Log::append(store::Session&, const EntryDraft& draft) {
  State& s = *state_;
  DAYAQ_ASSERT(s.in_function);  // else the log was never given to Database::add_hook
  if (draft.personal.size() > personal_size_max || !is_plain_line(draft.personal)) {
    return fail(ErrorKind::internal, "audit.draft", "Something went wrong. Nothing was changed.",
                "personal data must be JSON on one line of at most 65,535 bytes");
  }
  PendingRow row;
  LeafWriter::Parts parts{draft.action, draft.actor, s.clock.now(), {}, draft.data};
  Salt salt;
  if (draft.subject || !draft.personal.empty()) {
    const std::uint64_t person = draft.subject ? draft.subject->value() : 0;
    salt = s.salts.next();
    parts.commitment = commitment(salt, person, draft.personal);
    row.salt = salt;
    if (!draft.personal.empty()) row.personal = draft.personal;
    if (draft.subject) {
      row.person = static_cast<std::int64_t>(person);
      row.bucket = bucket_of(person);
    }
  }
  const std::uint64_t index = s.committed_size + s.pending.size();
  DAYAQ_TRY(const std::string_view leaf, s.leaves.write(parts));
  row.leaf = leaf;
  s.pending.push_back(crypto::leaf_hash(as_bytes(row.leaf)));
  s.rows.push_back(std::move(row));
  return index;
}

std::uint64_t Log::size() const {
  return state_->committed()->tiles.size();
}

std::string Log::checkpoint() const {
  return state_->committed()->note;
}

crypto::VerifierKey Log::verifier_key() const {
  return crypto::VerifierKey::of(state_->origin, state_->key.public_key());
}

Result<std::vector<Hash>> Log::inclusion_proof(std::uint64_t index, std::uint64_t size) const {
  // Taken before the database's snapshot: what isn't in this tree's memory is then in the snapshot.
  const auto committed = state_->committed();
  if (index >= size || size > committed->tiles.size())
    return out_of_range(fmt::format("{} in {}", index, size));
  return state_->db.read([&](store::Session& session) {
    return crypto::inclusion_proof(index, size, NodeReader(session, committed->tiles));
  });
}

Result<std::vector<Hash>> Log::consistency_proof(std::uint64_t from, std::uint64_t to) const {
  const auto committed = state_->committed();
  if (from == 0 || from > to || to > committed->tiles.size())
    return out_of_range(fmt::format("{} to {}", from, to));
  return state_->db.read([&](store::Session& session) {
    return crypto::consistency_proof(from, to, NodeReader(session, committed->tiles));
  });
}

Result<Entry> Log::entry(std::uint64_t index) const {
  std::optional<Entry> found;
  if (index < size()) {
    DAYAQ_TRY_OK(each(index, index + 1, [&](const Entry& entry) -> Result<bool> {
      found = entry;
      return false;
    }));
  }
  if (found) return std::move(*found);
  return fail(ErrorKind::not_found, "audit.entry", "The audit log has no entry with this number.");
}

Result<std::vector<Entry>> Log::entries_about(PersonId person, std::uint64_t before, int limit) const {
  std::vector<Entry> entries;
  DAYAQ_TRY_OK(state_->db.read([&](store::Session& session) {
    return select_entries_about(session, person.value(), before, limit,
                                [&](const EntryRow& row) -> Result<bool> {
                                  entries.push_back(to_entry(row));
                                  return true;
                                });
  }));
  return entries;
}

Result<void> Log::each(std::uint64_t from, std::uint64_t to,
                       const std::function<Result<bool>(const Entry&)>& on_entry) const {
  return state_->db.read([&](store::Session& session) {
    return select_entries(session, from, to, [&](const EntryRow& row) { return on_entry(to_entry(row)); });
  });
}

Result<void> Log::erase_personal(store::Session& session, PersonId person) {
  state_->erasures.push_back(
      {.person = static_cast<std::int64_t>(person.value()), .rows = state_->rows.size()});
  return erase_person(session, person.value());
}

void Log::begin_transaction() {
  state_->pending_before_function = state_->pending.size();
  state_->erasures_before_function = state_->erasures.size();
  state_->in_function = true;
}

void Log::discard_transaction() {
  state_->pending.resize(state_->pending_before_function);
  state_->rows.resize(state_->pending_before_function);
  state_->erasures.resize(state_->erasures_before_function);
}

Result<void> Log::before_commit(store::Session& session) {
  State& s = *state_;
  if (s.pending.empty()) return {};
  DAYAQ_TRY_OK(insert_entries(session, s.rows_to_write()));
  auto next = std::make_shared<Committed>(*s.committed());
  std::vector<FullTile> full;
  for (const Hash& leaf : s.pending) next->tiles.push(leaf, full);
  for (const FullTile& tile : full) DAYAQ_TRY_OK(insert_tile(session, tile));
  next->note = s.sign(next->tiles);
  DAYAQ_TRY_OK(put_head(session, next->note, next->tiles.unfinished(0)));
  s.next = std::move(next);
  return {};
}

void Log::after_commit() noexcept {
  State& s = *state_;
  s.forget_pending();
  s.in_function = false;
  if (!s.next) return;
  s.committed_size = s.next->tiles.size();
  const std::lock_guard lock(s.mutex);
  s.shared = std::move(s.next);  // frees the old one unless a reader still holds it
}

void Log::after_rollback() noexcept {
  state_->forget_pending();
  state_->next.reset();
  state_->in_function = false;
}

}  // namespace dayaq::audit
