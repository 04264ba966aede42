// How Database::open makes each engine. Not for other rooms.
#pragma once

#include "store/database.hpp"

namespace dayaq::store {

/// `path` is what follows "sqlite:".
Result<std::unique_ptr<Database>> open_sqlite(const std::string& path, const Options& options);
/// `options.url` is a libpq URL.
Result<std::unique_ptr<Database>> open_postgres(const Options& options);

}  // namespace dayaq::store
