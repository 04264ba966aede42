#include "store/database.hpp"

#include <condition_variable>
#include <mutex>

#include "base/waiting.hpp"
#include "store/engines.hpp"

namespace dayaq::store {

Result<std::unique_ptr<Database>> Database::open(const Options& options) {
  constexpr std::string_view sqlite = "sqlite:";
  if (options.url.starts_with(sqlite) && options.url.size() > sqlite.size()) {
    return open_sqlite(options.url.substr(sqlite.size()), options);
  }
  if (options.url.starts_with("postgresql://") || options.url.starts_with("postgres://")) {
    return open_postgres(options);
  }
  return fail(ErrorKind::invalid_input, "store.url",
              "The database's address must be sqlite:/path/to/file or postgresql://user@host:port/name.");
}

Result<void> Database::write_blocking(const WriteFunction& fn) {
  DAYAQ_ASSERT(!on_writer_thread());
  struct Outcome {
    std::mutex mutex;
    std::condition_variable answered;
    std::optional<Result<void>> result;
  } waiting;
  submit([&fn](Session& session) { return fn(session); },
         [&waiting](Result<void> result) {
           // Notified under the lock: once it is released, `waiting` may be gone.
           const std::lock_guard lock(waiting.mutex);
           waiting.result = std::move(result);
           waiting.answered.notify_one();
         });
  const Waiting others_may_work;
  std::unique_lock lock(waiting.mutex);
  waiting.answered.wait(lock, [&] { return waiting.result.has_value(); });
  return std::move(*waiting.result);
}

}  // namespace dayaq::store
