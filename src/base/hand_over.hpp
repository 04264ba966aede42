// Upgrade in place: the program that is installed now is started, and gets the sockets of this one.
//
// The next process is started first and says when it has read what it could stumble over; then this one
// answers what it has read, lets go of its data folder and gives its sockets away; the next opens the folder
// and goes on. What peers send meanwhile waits in the kernel.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace dayaq {

/// The process that goes on after this one.
class Successor {
 public:
  /// Starts the program's file as it is on disk now, and waits until it is ready. `words` are its arguments
  /// as main() gets them, the program's name first; "--inherit N" is added, N being a socket to this process.
  /// unavailable "upgrade.start".
  static Result<Successor> start(std::vector<std::string> words);
  Successor(Successor&& other) noexcept;
  Successor& operator=(Successor&&) = delete;
  ~Successor();
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int socket() const { return socket_; }

 private:
  Successor(pid_t pid, int socket) : pid_(pid), socket_(socket) {}
  pid_t pid_ = -1;
  int socket_ = -1;
};

/// Tells the process before that this one is ready. unavailable "upgrade.start".
[[nodiscard]] Result<void> tell_predecessor_ready(int socket);

// What is given: blocks of bytes, and descriptors. `socket`: a connected unix stream socket. All of them:
// unavailable "upgrade.sockets".
[[nodiscard]] Result<void> send_block(int socket, BytesView bytes);
[[nodiscard]] Result<Bytes> receive_block(int socket);
[[nodiscard]] Result<void> send_descriptors(int socket, std::span<const int> descriptors);
/// All or none of them.
[[nodiscard]] Result<std::vector<int>> receive_descriptors(int socket, std::size_t count);
void close_descriptors(std::span<const int> descriptors);

/// A message to systemd, if it started this program and wants to know. @see sd_notify(3)
void tell_systemd(const std::string& message);

}  // namespace dayaq
