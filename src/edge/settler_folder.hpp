// The settlement's files: each batch as it was signed, and how far the centre has confirmed them.
//
//   settlement/00000000000000000017.batch   docs/settlement.md; written once, never changed
//   settlement/confirmed                    "17\n": batches up to this one are with the centre
//
// A confirmed batch is kept for a while, for a centre that was restored from an older state.
#pragma once

#include <deque>
#include <filesystem>

#include "crypto/sign.hpp"
#include "feed/settlement.hpp"

namespace dayaq::edge {

class SettlementFolder {
 public:
  struct Batch {
    std::uint64_t number = 0;
    std::uint64_t last_record = 0;
    Instant created;
  };
  /// Makes the folder if there is none. conflict "settler.folder" if a batch is damaged, missing between
  /// others or another edge's; unavailable "settler.disk".
  static Result<SettlementFolder> open(const std::filesystem::path& folder, const feed::Settlement& identity,
                                       const crypto::PublicKey& key);

  /// 0 if none was ever made.
  [[nodiscard]] std::uint64_t last_number() const {
    return batches_.empty() ? confirmed_ : batches_.back().number;
  }
  [[nodiscard]] std::uint64_t last_record() const {
    return batches_.empty() ? 0 : batches_.back().last_record;
  }
  [[nodiscard]] std::uint64_t confirmed() const { return confirmed_; }
  [[nodiscard]] std::uint64_t waiting() const { return last_number() - confirmed_; }
  /// The first that waits; null if none does.
  [[nodiscard]] const Batch* first_waiting() const;

  /// Durable when it returns. unavailable "file.write".
  Result<void> add(const feed::Settlement& batch, BytesView bytes);
  [[nodiscard]] Result<Bytes> read(std::uint64_t number) const;
  /// Batches up to `number` are with the centre. Also backwards, for a centre that has lost some: conflict
  /// "settler.folder" if they aren't kept any more.
  Result<void> confirm(std::uint64_t number);
  /// Forgets confirmed batches that were created before a moment; never the last, which says where to go on.
  void prune(Instant before);

 private:
  explicit SettlementFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}
  [[nodiscard]] std::filesystem::path path_of(std::uint64_t number) const;

  std::filesystem::path folder_;
  std::deque<Batch> batches_;  ///< without gaps; the last `waiting()` of them wait
  std::uint64_t confirmed_ = 0;
};

}  // namespace dayaq::edge
