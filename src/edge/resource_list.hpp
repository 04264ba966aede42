// The centre's list of zero-rated resources, as this edge knows it: fetched, verified, kept on disk.
//
//   disk, at a start ──► in use ◄── newer, signed by the centre ── GET /v1/feed/resources, now and then
//
// - What is refused (a wrong signature, an older version, another list under the same version) is said in the
//   log and in State; what was in use stays in use.
// - The list is on disk before it is in use. If it can't be written it is used all the same, and comes again.
//
// @see docs/feed.md
#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "feed/resources.hpp"

namespace dayaq::edge {

class CentreAccess;
class CentreClient;

struct ResourceListOptions {
  std::filesystem::path file;  ///< where it is kept
  std::vector<crypto::PublicKey> centre_keys;
  std::string url;                 ///< of the centre
  std::string token;               ///< without `access`: shown as it is
  std::string tls_authority;       ///< PEM file; empty: the system's
  CentreAccess* access = nullptr;  ///< gives the tokens to call with; outlives the list
  std::chrono::milliseconds every{60'000};
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds answer_timeout{30'000};
  std::chrono::milliseconds retry_first{500};  ///< doubled with each failure, up to `every`
};

class ResourceList {
 public:
  struct State {
    std::uint32_t version = 0;         ///< in use; 0: none yet
    Instant last_heard = instant_min;  ///< the centre's last answer that was right
    std::uint64_t refused = 0;         ///< since the start
    std::string trouble;               ///< code of what is wrong now; empty: nothing
  };

  /// Reads what is on disk; a file that can't be believed is said in the log and comes again.
  /// invalid_input "client.url".
  static Result<std::unique_ptr<ResourceList>> open(ResourceListOptions options, Random& random,
                                                    const Clock& clock);
  ~ResourceList();
  /// Begins to ask on a thread of its own, which calls `use` with each newer list.
  void start(std::function<void(const feed::Resources&)> use);
  /// Returns when the thread has ended, at once. The destructor calls it.
  void stop();

  /// Lists must be signed by one of these from now on. Any thread.
  void trust(std::vector<crypto::PublicKey> centre_keys);
  [[nodiscard]] feed::Resources list() const;  ///< any thread; version 0: none yet
  [[nodiscard]] State state() const;           ///< any thread

  /// Asks once. The thread's work, for tests to do themselves; true if all is well.
  bool ask();

 private:
  ResourceList(ResourceListOptions options, Random& random, const Clock& clock);
  void run();
  void read_file();
  bool take(const std::string& note, std::string_view etag);
  bool refuse(const Error& error);
  bool trouble(std::string_view code);

  ResourceListOptions options_;
  Random& random_;
  const Clock& clock_;
  std::unique_ptr<CentreClient> client_;
  std::function<void(const feed::Resources&)> use_;
  int cancel_ = -1;
  std::string note_, etag_;  ///< as it was fetched last
  std::string said_;         ///< in the log: the code of what was last wrong

  mutable std::mutex mutex_;  ///< guards what follows
  feed::Resources list_;
  State state_;
  bool stopping_ = false;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace dayaq::edge
