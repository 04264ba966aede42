// The port through which rooms above follow the registry's changes inside the same transaction.
#pragma once

#include "registry/types.hpp"
#include "store/database.hpp"

namespace dayaq::registry {

class ChangeObserver {
 public:
  virtual ~ChangeObserver() = default;
  /// Called on the writer thread inside the transaction, after the registry's own rows are written. An error
  /// fails the transaction. What it keeps in memory follows commits through its own store::CommitHook.
  virtual Result<void> on_change(store::Session& session, const Change& change) = 0;
};

}  // namespace dayaq::registry
