// `accounts.table`: the accounts as they were, so that a start needs only the journal's tail.
//
//   header     "DYA1" | crc32c u32 | replay_after u64 | extras offset u64 | extras bytes u64
//   directory  4096 x (offset u64 | capacity u32 | count u32 | mark u64 | crc32c u32 | zero u32)
//   places     Account, of each shard, as in memory, `reserved` zero
//   extras     the engine's few other sums
//
// The header's checksum is over what follows it in the header, the directory and the extras. Shards are
// copied one after the other while the edge works: each says with its mark which records it counts (a fuzzy
// checkpoint). Written beside, flushed, renamed over.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "base/bytes.hpp"
#include "edge/accounts.hpp"

namespace dayaq::edge {

class CheckpointWriter {
 public:
  /// unavailable "accounts.write".
  static Result<std::unique_ptr<CheckpointWriter>> create(const std::filesystem::path& path);
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;
  /// Shards in order, each once. unavailable "accounts.write".
  Result<void> add(std::span<const Account> places, std::uint32_t count, std::uint64_t mark);
  /// `replay_after`: the journal is to be read from the record after it. unavailable "accounts.write".
  Result<void> finish(std::uint64_t replay_after, BytesView extras);

 private:
  CheckpointWriter(int fd, std::filesystem::path path);
  Result<void> write(const void* from, std::size_t bytes, std::uint64_t offset);
  int fd_;
  std::filesystem::path path_;
  Bytes directory_;
  std::uint64_t offset_;
};

/// The mapped file: the table's places lie in it until their shard grows, so it must outlive the table.
class MappedCheckpoint {
 public:
  /// Puts the accounts into an empty table. nullopt if there is no file; conflict "accounts.damaged",
  /// unavailable "accounts.read".
  static Result<std::optional<MappedCheckpoint>> load(const std::filesystem::path& path, AccountTable& into);
  MappedCheckpoint(MappedCheckpoint&& other) noexcept;
  MappedCheckpoint& operator=(MappedCheckpoint&& other) noexcept;
  ~MappedCheckpoint();
  [[nodiscard]] std::uint64_t replay_after() const { return replay_after_; }
  [[nodiscard]] BytesView extras() const { return extras_; }

 private:
  MappedCheckpoint(std::byte* at, std::size_t size) : at_(at), size_(size) {}
  std::byte* at_;
  std::size_t size_;
  std::uint64_t replay_after_ = 0;
  BytesView extras_;
};

}  // namespace dayaq::edge
