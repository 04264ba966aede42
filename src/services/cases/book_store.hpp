// All SQL on services and their versions.
#pragma once

#include <functional>
#include <string>

#include "services/cases/book.hpp"
#include "store/database.hpp"

namespace dayaq::services {

/// A row of service_version: the version as it stands, its service still as text.
struct ServiceRow {
  std::string code;
  int version = 1;
  std::string source;
  ServiceState state = ServiceState::submitted;
  std::string submitted_by;
  Instant submitted;
  std::string published_by;  ///< "" until published
  Instant published = instant_max;
  LocalizedText because;
  std::int64_t acts = 0;
};

/// Errors are the session's own.
struct BookStore {
  /// conflict "store.duplicate" if the version exists.
  static Result<void> insert(store::Session& session, const ServiceRow& row);
  /// Writes all that can change after a version was submitted.
  static Result<void> update(store::Session& session, const ServiceRow& row);
  /// All versions, by code and version.
  static Result<void> each(store::Session& session, const std::function<Result<bool>(ServiceRow)>& visit);
};

}  // namespace dayaq::services
