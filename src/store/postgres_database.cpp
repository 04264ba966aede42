// PostgreSQL behind the Database.
#include "store/engines.hpp"
#include "store/errors.hpp"

namespace dayaq::store {

Result<std::unique_ptr<Database>> open_postgres(const Options&) {
  return std::unexpected(unavailable_error("this build has no PostgreSQL yet"));
}

}  // namespace dayaq::store
