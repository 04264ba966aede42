// What is done for attachments in the background: scanning what waits, dropping what nobody needs.
#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "services/attachments/attachments_state.hpp"

namespace dayaq::services::attachments {
namespace {

using registry::bucket_of;
using store::Row;

constexpr std::chrono::seconds scanner_pause{10};
constexpr std::chrono::minutes shard_pause{5};  // all 256 within a day
constexpr std::int64_t rows_max = 20;           // in one tick

struct Open {
  PersonId person;
  AttachmentId id;
};

Result<std::vector<Open>> open_rows(store::Database& db, bool waiting, Instant until) {
  return db.read([&](store::Session& session) -> Result<std::vector<Open>> {
    std::vector<Open> out;
    DAYAQ_TRY_OK(session.query(
        "SELECT person_id, attachment_id FROM attachment_open WHERE waiting = $1 AND at <= $2 ORDER BY at "
        "LIMIT $3",
        {std::int64_t(waiting ? 1 : 0), to_micros(until), rows_max}, [&](const Row& row) -> Result<bool> {
          out.push_back({.person = PersonId(static_cast<std::uint64_t>(row.integer(0))),
                         .id = AttachmentId(static_cast<std::uint64_t>(row.integer(1)))});
          return true;
        }));
    return out;
  });
}

Result<void> look_again(store::Session& session, PersonId person, AttachmentId id, Instant at) {
  return session.exec(
      "UPDATE attachment_open SET waiting = 0, at = $4 WHERE bucket = $1 AND person_id = $2 AND "
      "attachment_id = $3",
      {bucket_of(person), key(person), key(id), to_micros(at)});
}

Result<void> close(store::Session& session, PersonId person, AttachmentId id) {
  return session.exec(
      "DELETE FROM attachment_open WHERE bucket = $1 AND person_id = $2 AND attachment_id = $3",
      {bucket_of(person), key(person), key(id)});
}

Result<bool> has_row(store::Session& session, const std::string& sha256) {
  DAYAQ_TRY(const auto found,
            session.one("SELECT scan FROM attachment WHERE sha256 = $1 AND scan <> 1 LIMIT 1", {sha256},
                        [](const Row&) { return true; }));
  return found.value_or(false);
}

}  // namespace

/// Under the lock: nobody writes a row for it meanwhile.
Result<void> Attachments::State::remove_if_unused(const std::string& sha256, Instant before) {
  const std::unique_lock lock(rows_and_files);
  if (before != instant_max) {
    // Somebody may have sent it again since it was found to be old.
    const auto shard_of = static_cast<std::uint8_t>(std::stoi(sha256.substr(0, 2), nullptr, 16));
    const auto old = folder->older_than(shard_of, before);
    if (std::find(old.begin(), old.end(), sha256) == old.end()) return {};
  }
  DAYAQ_TRY(const bool used, db.read([&](store::Session& session) { return has_row(session, sha256); }));
  if (used) return {};
  return folder->remove(sha256);
}

Result<void> Attachments::State::scan_one(PersonId person, AttachmentId id) {
  DAYAQ_TRY(const auto found,
            db.read([&](store::Session& session) { return attachment_of(session, person, id); }));
  std::string malware;
  const bool needed = found && found->scan == Scan::waiting;
  if (needed) {
    DAYAQ_TRY(malware, scanner->scan(folder->path_of(found->sha256)));
  }
  DAYAQ_TRY_OK(db.write([&](store::Session& session) -> Result<void> {
    if (!found) return close(session, person, id);
    if (needed && malware.empty()) {
      DAYAQ_TRY_OK(session.exec(
          "UPDATE attachment SET scan = 0 WHERE bucket = $1 AND person_id = $2 AND attachment_id = $3 AND "
          "scan = 2",
          {bucket_of(person), key(person), key(id)}));
    } else if (needed) {
      // Whoever sent the same: of yesterday's signatures it may have been clean.
      DAYAQ_TRY_OK(session.exec("UPDATE attachment SET scan = 1 WHERE sha256 = $1", {found->sha256}));
    }
    return look_again(session, person, id, found->at + loose_for);
  }));
  if (malware.empty()) return {};
  log::warning("attachments.infected", "a file that waited for the scanner holds malware and was removed",
               {{"attachment", to_hex(id)}, {"malware", malware}});
  return remove_if_unused(found->sha256, instant_max);
}

Result<void> Attachments::State::scan_waiting(Instant now) {
  if (!scanner || now < scan_after) return {};
  DAYAQ_TRY(const auto rows, open_rows(db, true, now));
  waiting.store(static_cast<std::int64_t>(rows.size()), std::memory_order_relaxed);
  for (const Open& row : rows) {
    const auto done = scan_one(row.person, row.id);
    if (!done && done.error().code == "attachment.scanner") {
      scan_after = now + scanner_pause;
      if (!std::exchange(scanner_away, true)) {
        log::error("attachments.scanner_away", "the scanner doesn't answer; files wait for it", done.error());
      }
      return {};
    }
    DAYAQ_TRY_OK(done);
    waiting.fetch_sub(1, std::memory_order_relaxed);
    if (std::exchange(scanner_away, false)) {
      log::info("attachments.scanner_back", "the scanner answers again");
    }
  }
  return {};
}

Result<void> Attachments::State::drop(PersonId person, AttachmentId id, Instant now) {
  std::string dropped;
  DAYAQ_TRY_OK(db.write([&](store::Session& session) -> Result<void> {
    dropped.clear();
    DAYAQ_TRY(const Use use, uses(session, person, id));
    if (use == Use::draft) return look_again(session, person, id, now + loose_for);
    if (use == Use::none) {
      DAYAQ_TRY(const auto found, attachment_of(session, person, id));
      if (found) dropped = found->sha256;
      DAYAQ_TRY_OK(
          session.exec("DELETE FROM attachment WHERE bucket = $1 AND person_id = $2 AND attachment_id = $3",
                       {bucket_of(person), key(person), key(id)}));
    }
    return close(session, person, id);
  }));
  if (dropped.empty()) return {};
  return remove_if_unused(dropped, instant_max);
}

Result<void> Attachments::State::look_at_old(Instant now) {
  if (!uses) return {};
  DAYAQ_TRY(const auto rows, open_rows(db, false, now));
  for (const Open& row : rows) {
    DAYAQ_TRY_OK(drop(row.person, row.id, now));
  }
  return {};
}

Result<int> Attachments::State::sweep_shard(std::uint8_t number, Instant before) {
  int removed = 0;
  for (const std::string& name : folder->older_than(number, before)) {
    DAYAQ_TRY(const bool used, db.read([&](store::Session& session) { return has_row(session, name); }));
    if (used) continue;
    DAYAQ_TRY_OK(remove_if_unused(name, before));
    ++removed;
  }
  return removed;
}

Result<void> Attachments::tick() {
  State& s = *state_;
  if (!s.folder) return std::unexpected(s.folder.error());
  const Instant now = s.clock.now();
  DAYAQ_TRY_OK(s.scan_waiting(now));
  DAYAQ_TRY_OK(s.look_at_old(now));
  if (now >= s.shard_after) {
    s.shard_after = now + shard_pause;
    DAYAQ_TRY_OK(s.sweep_shard(s.shard++, now - loose_for));
  }
  return {};
}

Result<int> Attachments::sweep() {
  State& s = *state_;
  if (!s.folder) return std::unexpected(s.folder.error());
  int removed = 0;
  for (int shard = 0; shard < 256; ++shard) {
    DAYAQ_TRY(const int some, s.sweep_shard(static_cast<std::uint8_t>(shard), s.clock.now() - loose_for));
    removed += some;
  }
  return removed;
}

}  // namespace dayaq::services::attachments
