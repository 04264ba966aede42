// The index in a file, so that a node starts from it instead of reading the whole database.
//
//   magic, format, sizes of records, prints, audit size, moment | lists: count, items | ... | checksum
//
// Numbers are 64 bits, all in this machine's own layout: the file never leaves it.
//
// The file says at how many entries of the audit log it was taken. What it lacks is what entries after that
// are about: those persons are read from the database again. A file that is damaged, of another version, of
// another country pack, or too far behind is refused, and the index is built from the database.
#pragma once

#include <filesystem>

#include "regime/population.hpp"

namespace dayaq::regime {

/// What must be the same for a file to fit.
struct SnapshotFit {
  std::uint64_t catalogue = 0;  ///< a print of the places and statuses with their numbers
  std::uint64_t feed_keys = 0;  ///< a print of the operators' feed keys
  friend bool operator==(const SnapshotFit&, const SnapshotFit&) = default;
};

/// What a file is as of.
struct SnapshotState {
  std::uint64_t audit_size = 0;  ///< entries of the log that the index knows
  Instant as_of;
};

struct SavedPopulation {
  SnapshotState state;
  Population population;  ///< its lines without profiles
};

class SnapshotFile {
 public:
  /// Writes beside, flushes, renames over. The population must not change meanwhile. unavailable
  /// "file.write".
  static Result<void> save(const std::filesystem::path& path, const Population& population,
                           const SnapshotState& state, const SnapshotFit& fit);
  /// not_found "snapshot.missing"; conflict "snapshot.other" (another version, catalogue or key);
  /// invalid_input "snapshot.damaged".
  static Result<SavedPopulation> load(const std::filesystem::path& path,
                                      std::shared_ptr<const DayStarts> days,
                                      std::vector<PlaceIndex> districts, std::size_t statuses,
                                      const SnapshotFit& fit);
};

}  // namespace dayaq::regime
