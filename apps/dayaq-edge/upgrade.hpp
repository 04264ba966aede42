// Upgrade in place: the program that is installed now is started, and gets the sockets of this one.
//
// The next process is started first and waits; then this one answers what it has read, closes its journal and
// gives its sockets away; the next opens the data folder and goes on. What peers send meanwhile waits in the
// kernel.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "edge.hpp"

namespace dayaq::edge {

class Successor {
 public:
  /// Starts the program again. unavailable "edge.upgrade".
  static Result<Successor> start(char** argv, const std::filesystem::path& config,
                                 const std::string& log_level);
  Successor(Successor&& other) noexcept;
  Successor& operator=(Successor&&) = delete;
  ~Successor();
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Errors of diameter::send_inheritance.
  Result<void> give(Inherited inherited);

 private:
  Successor(pid_t pid, int socket) : pid_(pid), socket_(socket) {}
  pid_t pid_ = -1;
  int socket_ = -1;
};

/// Waits for what the process before gives. Errors of diameter::receive_inheritance.
[[nodiscard]] Result<Inherited> take_inheritance(int socket);

/// A message to systemd, if it started this program and wants to know. @see sd_notify(3)
void tell_systemd(const std::string& message);

}  // namespace dayaq::edge
