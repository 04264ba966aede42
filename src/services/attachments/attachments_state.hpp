// What the sources of this folder share. Not for others.
#pragma once

#include <atomic>
#include <mutex>
#include <shared_mutex>

#include "registry/country_pack.hpp"
#include "services/attachments/attachments.hpp"
#include "services/attachments/content_folder.hpp"

namespace dayaq::services::attachments {

struct Attachments::State {
  store::Database& db;
  std::unique_ptr<Scanner> scanner;
  Random& random;
  const Clock& clock;
  Result<ContentFolder> folder;
  Uses uses = {};
  Adopt adopt = {};

  /// Shared by who names a file and writes its row; held alone by who removes a file that has no row.
  std::shared_mutex rows_and_files = {};

  // Of tick() alone.
  Instant scan_after = instant_min;
  bool scanner_away = false;
  Instant shard_after = instant_min;
  std::uint8_t shard = 0;
  std::atomic<std::int64_t> waiting{0};

  Result<void> scan_one(PersonId person, AttachmentId id);
  Result<void> scan_waiting(Instant now);
  Result<void> look_at_old(Instant now);
  Result<void> drop(PersonId person, AttachmentId id, Instant now);
  Result<void> remove_if_unused(const std::string& sha256, Instant before);
  Result<int> sweep_shard(std::uint8_t number, Instant before);
};

inline constexpr std::chrono::hours loose_for{24};

[[nodiscard]] inline std::int64_t key(PersonId person) {
  return static_cast<std::int64_t>(person.value());
}
[[nodiscard]] inline std::int64_t key(AttachmentId id) {
  return static_cast<std::int64_t>(id.value());
}

[[nodiscard]] Result<std::optional<Attachment>> attachment_of(store::Session& session, PersonId person,
                                                              AttachmentId id);

}  // namespace dayaq::services::attachments
