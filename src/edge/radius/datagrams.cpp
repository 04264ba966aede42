#include "edge/radius/datagrams.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace dayaq::edge::radius {
namespace {

socklen_t to_socket_address(const Endpoint& endpoint, bool mapped, sockaddr_storage& out) {
  out = {};
  if (endpoint.address.is_v4() && !mapped) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    std::memcpy(&v4.sin_addr, endpoint.address.bytes.data() + 12, 4);
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint.port);
  std::memcpy(&v6.sin6_addr, endpoint.address.bytes.data(), 16);
  return sizeof v6;
}

Endpoint from_socket_address(const sockaddr_storage& in) {
  Endpoint out;
  if (in.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(in);
    out.port = ntohs(v4.sin_port);
    out.address.bytes[10] = out.address.bytes[11] = 0xff;
    std::memcpy(out.address.bytes.data() + 12, &v4.sin_addr, 4);
  } else if (in.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(in);
    out.port = ntohs(v6.sin6_port);
    std::memcpy(out.address.bytes.data(), &v6.sin6_addr, 16);
  }
  return out;
}

int open_socket(const Endpoint& like) {
  const int family = like.address.is_v4() ? AF_INET : AF_INET6;
  const int descriptor = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return descriptor;
  const int no = 0;  // "::" serves IPv4 too
  if (family == AF_INET6) setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
  // Bursts wait here while the disk flushes; without the right to force it, as much as the system allows.
  const int bytes = 16 << 20;
  for (const auto& [forced, plain] : {std::pair(SO_RCVBUFFORCE, SO_RCVBUF), {SO_SNDBUFFORCE, SO_SNDBUF}}) {
    if (setsockopt(descriptor, SOL_SOCKET, forced, &bytes, sizeof bytes) != 0)
      setsockopt(descriptor, SOL_SOCKET, plain, &bytes, sizeof bytes);
  }
  return descriptor;
}

std::unexpected<Error> cannot(const Endpoint& endpoint, int reason) {
  return fail(
      ErrorKind::unavailable, "radius.bind",
      fmt::format(
          "The RADIUS address {} port {} can't be used: {}. Choose another port, or stop what uses it.",
          to_string(endpoint.address), endpoint.port, std::strerror(reason)));
}

}  // namespace

Result<DatagramSocket> DatagramSocket::bind(const Endpoint& local) {
  DatagramSocket out(open_socket(local), !local.address.is_v4());
  sockaddr_storage address;
  const socklen_t size = to_socket_address(local, out.v6_, address);
  if (out.descriptor_ < 0 || ::bind(out.descriptor_, reinterpret_cast<sockaddr*>(&address), size) != 0)
    return cannot(local, errno);
  return out;
}

Result<DatagramSocket> DatagramSocket::connect(const Endpoint& remote) {
  DatagramSocket out(open_socket(remote), !remote.address.is_v4());
  sockaddr_storage address;
  const socklen_t size = to_socket_address(remote, out.v6_, address);
  if (out.descriptor_ < 0 || ::connect(out.descriptor_, reinterpret_cast<sockaddr*>(&address), size) != 0)
    return cannot(remote, errno);
  return out;
}

Result<DatagramSocket> DatagramSocket::adopt(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  int type = 0;
  socklen_t type_size = sizeof type;
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &type_size) != 0 || type != SOCK_DGRAM) {
    return cannot({}, ENOTSOCK);
  }
  return DatagramSocket(descriptor, address.ss_family == AF_INET6);
}

DatagramSocket& DatagramSocket::operator=(DatagramSocket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(v6_, other.v6_);
  return *this;
}

DatagramSocket::~DatagramSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::uint16_t DatagramSocket::port() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size);
  return from_socket_address(address).port;
}

Inbox::Inbox() : buffers_(std::make_unique<decltype(buffers_)::element_type>()) {
  for (std::size_t i = 0; i < datagrams_max; ++i) {
    pieces_[i] = {.iov_base = (*buffers_)[i].data(), .iov_len = packet_bytes_max};
    headers_[i].msg_hdr.msg_iov = &pieces_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
    headers_[i].msg_hdr.msg_name = &addresses_[i];
  }
}

std::span<const Inbox::Datagram> Inbox::receive(const DatagramSocket& socket) {
  for (mmsghdr& header : headers_) header.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
  int count = -1;
  do {
    count = recvmmsg(socket.descriptor(), headers_.data(), unsigned(datagrams_max), 0, nullptr);
  } while (count < 0 && (errno == EINTR || errno == ECONNREFUSED));
  if (count <= 0) return {};
  for (std::size_t i = 0; i < std::size_t(count); ++i) {
    datagrams_[i] = {.from = from_socket_address(addresses_[i]),
                     .bytes = BytesView((*buffers_)[i]).first(headers_[i].msg_len)};
  }
  return std::span(datagrams_).first(std::size_t(count));
}

std::size_t send_all(const DatagramSocket& socket, std::span<const Letter> letters) {
  std::array<sockaddr_storage, datagrams_max> addresses;
  std::array<iovec, datagrams_max> pieces;
  std::array<mmsghdr, datagrams_max> headers{};
  std::size_t lost = 0;
  bool told = false;
  while (!letters.empty()) {
    const std::size_t count = std::min(letters.size(), datagrams_max);
    for (std::size_t i = 0; i < count; ++i) {
      pieces[i] = {.iov_base = const_cast<std::byte*>(letters[i].bytes.data()),
                   .iov_len = letters[i].bytes.size()};
      headers[i] = {};
      headers[i].msg_hdr.msg_iov = &pieces[i];
      headers[i].msg_hdr.msg_iovlen = 1;
      if (letters[i].to.port != 0) {
        headers[i].msg_hdr.msg_name = &addresses[i];
        headers[i].msg_hdr.msg_namelen = to_socket_address(letters[i].to, socket.v6(), addresses[i]);
      }
    }
    const int sent = sendmmsg(socket.descriptor(), headers.data(), unsigned(count), 0);
    if (sent < 0 && errno == EINTR) continue;
    // The peer's port was closed when we sent last: that is told here, and takes this datagram's turn.
    if (sent < 0 && errno == ECONNREFUSED && !std::exchange(told, true)) continue;
    if (sent <= 0) ++lost;  // this one can't be sent; the others may
    letters = letters.subspan(sent > 0 ? std::size_t(sent) : 1);
  }
  return lost;
}

}  // namespace dayaq::edge::radius
