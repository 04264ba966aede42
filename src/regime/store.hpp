// All SQL on regimes and their versions.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "regime/types.hpp"
#include "store/database.hpp"

namespace dayaq::regime {

[[nodiscard]] std::span<const store::Migration> migrations();

/// A row of regime_version. The texts are the file and actors ("org:CODE/key:ID").
struct VersionRow {
  std::string code;
  int version = 1;
  std::string source;
  std::string submitted_by;
  Instant submitted;
  std::string approved_by;  ///< "" until approved
  Instant approved = instant_max;
  Instant superseded = instant_max;
  std::string ended_by;  ///< "" unless ended
  Instant ended = instant_max;
};

/// Errors are the session's own.
struct RegimeStore {
  /// conflict "store.duplicate" if the version exists.
  static Result<void> insert(store::Session& session, const VersionRow& row);
  /// Writes all that can change after a version was submitted.
  static Result<void> update(store::Session& session, const VersionRow& row);
  /// All versions, by code and version.
  static Result<void> each(store::Session& session, const std::function<Result<bool>(VersionRow)>& visit);
};

}  // namespace dayaq::regime
