// An upgrade in place: what one process gives the next, so that no connection is dropped.
//
// The old process stops reading, answers what it has read, closes its journal, and sends this over a unix
// socket that the new one was started with; then the new one opens the journal and goes on. What peers send
// meanwhile waits in the kernel.
//
//   message 1:  "dayaq-node 1", counts; descriptors of the listeners and of up to 200 connections with it
//   then, per connection: its state as one message (sizes, strings, bytes)
#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace dayaq::edge::diameter {

struct Inheritance {
  struct Connection {
    int descriptor = -1;
    std::string origin_host, origin_realm;
    std::uint32_t origin_state_id = 0;
    Bytes unread;  ///< the beginning of a message
    Bytes unsent;  ///< the end of an answer
  };
  std::vector<int> listeners;  ///< TCP, then TLS if there is one
  std::vector<Connection> connections;
};

/// Sends it and closes its descriptors here. `socket`: a connected unix stream socket.
/// unavailable "upgrade.sockets".
[[nodiscard]] Result<void> send_inheritance(int socket, Inheritance inheritance);
/// Waits for it. unavailable "upgrade.sockets"; invalid_input "diameter.inheritance".
[[nodiscard]] Result<Inheritance> receive_inheritance(int socket);

/// As bytes, without the descriptors; connections are numbered in order.
[[nodiscard]] Bytes encode_inheritance(const Inheritance& inheritance);
[[nodiscard]] Result<Inheritance> decode_inheritance(BytesView bytes);

}  // namespace dayaq::edge::diameter
