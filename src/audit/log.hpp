// The tamper-evident audit log: an append-only Merkle tree of entries, written in the same transaction as the
// change each entry records.
//
// An entry's leaf is canonical JSON (keys sorted, no white space), hashed as RFC 6962 section 2.1:
//   {"action":"attestation.record","actor":"org:baku-city-hospital/key:17","at":"2026-11-21T08:00:00Z",
//    "commitment":"<base64 SHA-256(salt || person || personal)>","data":{...},"v":1}
// What is personal (whose record, which values) is only committed to: salt and bytes stand beside the leaf,
// can be erased, and the log still verifies. The format in full is docs/audit.md.
//
// Each group commit signs a checkpoint of the tree as it then is, and stores it in the same commit: whoever
// changes the database without the key can't make a log that fits.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "crypto/note.hpp"
#include "crypto/sign.hpp"
#include "store/database.hpp"

namespace dayaq::audit {

struct EntryDraft {
  std::string_view action;          ///< catalogued in docs/audit.md: "attestation.record", "person.read"
  std::string actor;                ///< "org:CODE/key:ID", "cli", "system"; never a person's name
  std::optional<PersonId> subject;  ///< whose record; kept beside the leaf, erasable, never in it
  std::string data;      ///< a JSON object without personal data, "" for {}. Canonical: keys sorted,
                         ///< no white space, integers only (audit/leaf.hpp)
  std::string personal;  ///< JSON on one line with what is personal; "" if none. Committed to with a salt
};

struct Entry {
  std::uint64_t index = 0;
  std::string leaf;                 ///< the canonical JSON
  std::optional<PersonId> subject;  ///< nullopt if none or erased
  std::string salt;                 ///< 16 bytes, empty if none or erased
  std::string personal;
};

using Hash = std::array<std::byte, 32>;

class Log final : public store::CommitHook {
 public:
  /// Loads the tree's right edge: reads at most 255 tiles a level and hashes at most 255 entries again, then
  /// holds the root to the stored checkpoint. Checking every entry is verify()'s.
  ///
  /// The caller then adds the log to the database (db.add_hook(*log)), after hooks that themselves append
  /// entries. `origin` is the log's name for ever ("dayaq.example/audit"); `random` is used on the writer
  /// thread.
  ///   - internal "audit.corrupt"       entries, tiles and the signed checkpoint don't fit together
  ///   - conflict "audit.key"           the checkpoint is signed with another key or under another origin
  ///   - invalid_input "audit.origin"   not a key name of signed notes
  static Result<std::unique_ptr<Log>> open(store::Database& db, crypto::SigningKey key, std::string origin,
                                           const Clock& clock, Random& random);
  ~Log() override;

  /// Adds an entry to the running transaction and returns its index (valid once that is committed).
  /// Writer thread only. internal "audit.draft" if the draft has not the shape above; errors of the session.
  Result<std::uint64_t> append(store::Session& session, const EntryDraft& draft);

  [[nodiscard]] std::uint64_t size() const;  ///< committed entries; any thread
  /// The signed checkpoint of the committed tree (C2SP tlog-checkpoint in a signed note). Any thread.
  [[nodiscard]] std::string checkpoint() const;
  /// What verifies checkpoints: to be published where the log's operator can't change it.
  [[nodiscard]] crypto::VerifierKey verifier_key() const;
  /// RFC 6962 section 2.1.1; invalid_input "audit.range" unless index < size <= this->size().
  Result<std::vector<Hash>> inclusion_proof(std::uint64_t index, std::uint64_t size) const;
  /// RFC 6962 section 2.1.2; invalid_input "audit.range" unless 0 < from <= to <= this->size().
  Result<std::vector<Hash>> consistency_proof(std::uint64_t from, std::uint64_t to) const;
  Result<Entry> entry(std::uint64_t index) const;  ///< not_found "audit.entry"
  /// Entries about a person, newest first, at most `limit`, with index < before.
  Result<std::vector<Entry>> entries_about(PersonId person, std::uint64_t before, int limit) const;
  /// Calls on_entry for entries [from, to) in order, until it returns false or an error.
  Result<void> each(std::uint64_t from, std::uint64_t to,
                    const std::function<Result<bool>(const Entry&)>& on_entry) const;

  /// Erases what is personal in all entries about a person; leaves and tree stay. Part of a transaction.
  Result<void> erase_personal(store::Session& session, PersonId person);

  void begin_transaction() override;
  void discard_transaction() override;
  Result<void> before_commit(store::Session& session) override;
  void after_commit() noexcept override;
  void after_rollback() noexcept override;

 private:
  Log();
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] std::span<const store::Migration> migrations();

}  // namespace dayaq::audit
