// What the store itself keeps about a session while a transaction function uses it. Not for other rooms.
#pragma once

#include <optional>

#include "store/database.hpp"

namespace dayaq::store {

/// A Session whose first failed statement ends it: PostgreSQL refuses everything after a failed statement, so
/// both engines do. Whoever ignores an error of a statement doesn't commit half a transaction.
class TrackedSession : public Session {
 public:
  /// A transaction function begins.
  void start_function() {
    failure_.reset();
    wrote_ = false;
  }
  /// The first statement that failed since start_function.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }
  /// Something other than a query ran since start_function: a failed function left traces to undo.
  [[nodiscard]] bool wrote() const { return wrote_; }

 protected:
  std::unexpected<Error> remember(Error error) {
    if (!failure_) failure_ = std::move(error);
    return std::unexpected(*failure_);
  }

  std::optional<Error> failure_;
  bool wrote_ = false;
};

}  // namespace dayaq::store
