// Answers that wait until the usage they acknowledge is on disk.
#pragma once

#include <map>
#include <mutex>

#include "edge/engine.hpp"
#include "http/message.hpp"

namespace dayaq::edge::web {

/// Thread-safe. Must outlive the journal's thread's last call of wake().
class DurableAnswers {
 public:
  DurableAnswers(Journal& journal, WhenDiskFull when_disk_full)
      : journal_(journal), when_disk_full_(when_disk_full) {}
  /// Sends `response` once the journal has `sequence` on disk: at once if it has, or if `sequence` is 0.
  void send(std::uint64_t sequence, http::Responder responder, http::Response response);
  /// Answers all whose record is on disk; if the disk takes none, all: as they are where the operator chose
  /// to grant then, with 503 "edge.disk" where it chose to refuse.
  void wake();
  [[nodiscard]] std::size_t waiting() const;

 private:
  struct Waiting {
    http::Responder responder;
    http::Response response;
  };
  Journal& journal_;
  const WhenDiskFull when_disk_full_;
  mutable std::mutex mutex_;
  std::multimap<std::uint64_t, Waiting> waiting_;
};

}  // namespace dayaq::edge::web
