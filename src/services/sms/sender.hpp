// Answers out: each sent until the gateway has taken it or it helps nobody any more.
//
//   waits ──► sending ──► sent          marked "sending" before the gateway hears of it, in a commit of its
//   own
//     ▲          │ refused, or away        (many together): after a crash just those whose sending is unknown
//     └──────────┘                         go out again, marked as possibly doubled.
//
// A gateway that is away holds up nothing: answers wait in the database, tried again with growing pauses.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "services/sms/inbox.hpp"

namespace dayaq::services::sms {

/// Hands one answer over. Blocking; called by several threads.
class Gateway {
 public:
  virtual ~Gateway() = default;
  /// unavailable "sms.unknown": it may have been taken; any other error: it was not.
  virtual Result<void> send(const Outgoing& reply) = 0;
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
  int threads = 4;
  int batch = 64;                  ///< answers of one commit at most
  std::size_t held_max = 100'000;  ///< in memory; what is more waits in the database alone
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

  struct Figures {
    std::uint64_t sent = 0, failed = 0, late = 0, doubled = 0;
    std::size_t held = 0;
  };
  [[nodiscard]] Figures figures() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::services::sms
