// Messages to persons (SMS, letters): written in the transaction that causes them, sent after its commit.
//
//   use-case ── queue(row) ── commit ──> sender thread ── Gateway::send ──> row deleted
//
// A crash between sending and deleting sends a message again; none is lost. Rows older than their `until` are
// dropped unsent: a code that has expired helps nobody. Receiver and text lie sealed under the master key:
// a code's text in a stolen table would be the code.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/random.hpp"
#include "base/time.hpp"
#include "crypto/key_store.hpp"
#include "store/database.hpp"

namespace dayaq::identity {

struct Message {
  enum class Channel : std::uint8_t { sms, letter, push };
  std::uint64_t id = 0;  ///< random, made by the caller
  Channel channel = Channel::sms;
  std::string to;    ///< an MSISDN as digits; a letter's address; a device's id
  std::string text;  ///< without markup
  Instant until = instant_max;
};

/// Hands one message over. Blocking; called by the outbox's own thread.
class Gateway {
 public:
  virtual ~Gateway() = default;
  /// An error leaves the message queued; it is tried again later.
  virtual Result<void> send(const Message& message) = 0;
};

/// Writes each message as a JSON file `<id>.json` into a folder, for whatever sends it (and for tests).
class FileDrop final : public Gateway {
 public:
  explicit FileDrop(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Result<void> send(const Message& message) override;

 private:
  std::filesystem::path folder_;
};

class Outbox final : public store::CommitHook {
 public:
  Outbox(store::Database& db, Gateway& gateway, const crypto::MasterKey& master, Random& random,
         const Clock& clock);
  ~Outbox() override;
  /// Reads what a stop or a crash left, and begins to send. After hooks were added.
  Result<void> start();
  /// Ends the thread; what is unsent stays queued. Before the database closes. Twice is once.
  void stop();
  /// Part of a transaction.
  Result<void> queue(store::Session& db, const Message& message);

  void begin_transaction() override;
  void discard_transaction() override;
  Result<void> before_commit(store::Session&) override { return {}; }
  void after_commit() noexcept override;
  void after_rollback() noexcept override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::identity
