// Datagrams in batches: one system call for up to 64 of them, each way.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <span>
#include <utility>

#include "edge/radius/clients.hpp"

namespace dayaq::edge::radius {

/// Owns a socket's descriptor.
class DatagramSocket {
 public:
  /// Bound to `local` with large buffers, not blocking. unavailable "radius.bind".
  static Result<DatagramSocket> bind(const Endpoint& local);
  /// Talks to `remote` alone, from a port that the kernel chooses. unavailable "radius.bind".
  static Result<DatagramSocket> connect(const Endpoint& remote);
  /// Takes over a bound socket. unavailable "radius.bind" if it isn't one.
  static Result<DatagramSocket> adopt(int descriptor);
  DatagramSocket(DatagramSocket&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), v6_(other.v6_) {}
  DatagramSocket& operator=(DatagramSocket&& other) noexcept;
  ~DatagramSocket();
  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] bool v6() const { return v6_; }  ///< IPv4 addresses are mapped
  [[nodiscard]] std::uint16_t port() const;

 private:
  DatagramSocket(int descriptor, bool v6) : descriptor_(descriptor), v6_(v6) {}
  int descriptor_ = -1;
  bool v6_ = false;
};

inline constexpr std::size_t datagrams_max = 64;

/// Room for one batch of received datagrams.
class Inbox {
 public:
  Inbox();
  struct Datagram {
    Endpoint from;
    BytesView bytes;
  };
  /// What has arrived, without waiting; valid until the next call. Errors of the socket (a peer's port is
  /// closed) are passed over.
  std::span<const Datagram> receive(const DatagramSocket& socket);

 private:
  std::unique_ptr<std::array<std::array<std::byte, packet_bytes_max>, datagrams_max>> buffers_;
  std::array<sockaddr_storage, datagrams_max> addresses_{};
  std::array<iovec, datagrams_max> pieces_{};
  std::array<mmsghdr, datagrams_max> headers_{};
  std::array<Datagram, datagrams_max> datagrams_{};
};

struct Letter {
  Endpoint to;  ///< port 0: whom the socket is connected to
  BytesView bytes;
};
/// Sends all of them; returns how many the kernel didn't take (full buffers: the network asks again).
std::size_t send_all(const DatagramSocket& socket, std::span<const Letter> letters);

}  // namespace dayaq::edge::radius
