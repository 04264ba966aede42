// Answers out: each sent until the gateway has taken it or it helps nobody any more.
//
//   waits ──► sending ──► (no row)      "sending" stands in its row before the gateway hears of it: after a
//   crash
//     ▲          │ refused, or away     those alone whose sending is unknown go out again, marked as possibly
//     └──────────┘                      doubled.
//
// While few are held, an answer's row is stored as "sending" at once, in the transaction of its message
// (room()): one write less. A crash then doubts at most `at_once` answers; when more wait they are marked as
// their turn comes, many in one commit. That an answer was sent is stored together with what comes in next:
// nobody waits.
//
// A gateway that is away holds up nothing: answers wait in the database, tried again with growing pauses.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "services/sms/inbox.hpp"

namespace dayaq::services::sms {

/// Hands one answer over. Blocking; called by several threads.
class Gateway {
 public:
  virtual ~Gateway() = default;
  /// unavailable "sms.unknown": it may have been taken; any other error: it was not.
  virtual Result<void> send(const Outgoing& reply) = 0;

  using Taken = std::function<void(std::size_t which, Result<void> taken)>;
  /// Several, in any order; `taken` is told of each that was begun, and no more are begun once `stop` says
  /// so.
  virtual void send_all(std::span<const Outgoing* const> replies, const std::function<bool()>& stop,
                        const Taken& taken);
};

/// Kannel's smsbox: GET /cgi-bin/sendsms. @see Kannel user's guide, chapter 6, "Using the HTTP interface"
struct KannelOptions {
  std::string url;     ///< "http://127.0.0.1:13013"
  std::string user;    ///< of smsbox's group sendsms-user
  std::string secret;  ///< its password
  std::string number;  ///< the short number that answers come from
};
[[nodiscard]] Result<std::unique_ptr<Gateway>> make_kannel(KannelOptions options);

/// Each answer as a JSON file, for a node without a gateway, and for tests.
[[nodiscard]] std::unique_ptr<Gateway> make_file_drop(std::filesystem::path folder);

struct SenderOptions {
  int threads = 2;
  int batch = 64;                  ///< answers of one commit at most
  std::size_t held_max = 100'000;  ///< in memory; what is more waits in the database alone
  std::size_t at_once = 256;       ///< while fewer are held a new one is stored as being sent already
  std::chrono::milliseconds retry_first{500};
  std::chrono::milliseconds retry_max{60'000};
};

class Sender {
 public:
  Sender(store::Database& db, Gateway& gateway, const crypto::MasterKey& master, const Clock& clock,
         const SenderOptions& options = {});
  ~Sender();
  /// Reads what a stop or a crash left, and begins. After all hooks were added.
  Result<void> start();
  /// Ends the threads; what is unsent waits. Before the database closes. Twice is once.
  void stop();
  /// Given on the writer thread by the Inbox, after the commit.
  void deliver(std::vector<Outgoing> replies);
  /// Whether one more, after `before` others that aren't given yet, is sent at once. Any thread.
  [[nodiscard]] bool room(std::size_t before) const;

  struct Figures {
    std::uint64_t sent = 0, failed = 0, late = 0, doubled = 0;
    std::size_t held = 0;     ///< wait for their turn
    std::size_t sending = 0;  ///< given to the gateway, or not stored yet that they were
  };
  [[nodiscard]] Figures figures() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::services::sms
