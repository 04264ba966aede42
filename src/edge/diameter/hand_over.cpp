#include "edge/diameter/hand_over.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace dayaq::edge::diameter {

namespace {

constexpr std::string_view magic = "dayaq-node 1";
constexpr std::size_t descriptors_at_once = 200;  // the kernel takes 253 in a message
constexpr std::uint64_t state_bytes_max = 1u << 30;
constexpr std::size_t listeners_max = 16, connections_max = 100'000;

std::unexpected<Error> broken(std::string detail) {
  return fail(ErrorKind::unavailable, "diameter.hand_over", "The connections could not be handed over.",
              std::move(detail));
}

std::unexpected<Error> damaged() {
  return fail(ErrorKind::invalid_input, "diameter.inheritance",
              "What was handed over can't be read: it is of another version.");
}

void put_bytes(Bytes& out, BytesView bytes) {
  put_le(out, std::uint32_t(bytes.size()));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

bool take_bytes(BytesView& in, BytesView& out) {
  std::uint32_t size = 0;
  if (!take_le(in, size) || size > in.size()) return false;
  out = in.first(size);
  in = in.subspan(size);
  return true;
}

Result<void> send_all(int socket, BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return broken(std::strerror(errno));
    bytes = bytes.subspan(std::size_t(count));
  }
  return {};
}

Result<void> receive_all(int socket, std::span<std::byte> into) {
  while (!into.empty()) {
    const ssize_t count = ::recv(socket, into.data(), into.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return broken(count == 0 ? "the other process ended" : std::strerror(errno));
    into = into.subspan(std::size_t(count));
  }
  return {};
}

/// One byte with a few descriptors.
Result<void> send_descriptors(int socket, std::span<const int> descriptors) {
  char byte = 'd';
  iovec data{&byte, 1};
  std::vector<char> control(CMSG_SPACE(descriptors.size_bytes()));
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(head), descriptors.data(), descriptors.size_bytes());
  while (true) {
    const ssize_t count = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    if (count == 1) return {};
    if (count < 0 && errno == EINTR) continue;
    return broken(std::strerror(errno));
  }
}

Result<void> receive_descriptors(int socket, std::span<int> descriptors) {
  char byte = 0;
  iovec data{&byte, 1};
  std::vector<char> control(CMSG_SPACE(descriptors.size_bytes()));
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count != 1) return broken(count == 0 ? "the other process ended" : std::strerror(errno));
  const cmsghdr* const head = CMSG_FIRSTHDR(&message);
  if (head == nullptr || head->cmsg_type != SCM_RIGHTS ||
      head->cmsg_len != CMSG_LEN(descriptors.size_bytes())) {
    return broken("descriptors are missing");
  }
  std::memcpy(descriptors.data(), CMSG_DATA(head), descriptors.size_bytes());
  return {};
}

std::vector<int*> descriptors_of(Inheritance& inheritance) {
  std::vector<int*> out;
  for (int& listener : inheritance.listeners) out.push_back(&listener);
  for (auto& connection : inheritance.connections) out.push_back(&connection.descriptor);
  return out;
}

void close_all(Inheritance& inheritance) {
  for (int* const descriptor : descriptors_of(inheritance)) {
    if (*descriptor >= 0) ::close(*descriptor);
    *descriptor = -1;
  }
}

Result<void> send_parts(int socket, Inheritance& inheritance) {
  const Bytes state = encode_inheritance(inheritance);
  Bytes size;
  put_le(size, std::uint64_t(state.size()));
  DAYAQ_TRY_OK(send_all(socket, size));
  DAYAQ_TRY_OK(send_all(socket, state));
  std::vector<int> descriptors;
  for (const int* const descriptor : descriptors_of(inheritance)) descriptors.push_back(*descriptor);
  for (std::span<const int> left(descriptors); !left.empty();) {
    const auto now = left.first(std::min(left.size(), descriptors_at_once));
    DAYAQ_TRY_OK(send_descriptors(socket, now));
    left = left.subspan(now.size());
  }
  return {};
}

}  // namespace

Bytes encode_inheritance(const Inheritance& inheritance) {
  Bytes out;
  put_bytes(out, as_bytes(magic));
  put_le(out, std::uint32_t(inheritance.listeners.size()));
  put_le(out, std::uint32_t(inheritance.connections.size()));
  for (const auto& connection : inheritance.connections) {
    put_bytes(out, as_bytes(connection.origin_host));
    put_bytes(out, as_bytes(connection.origin_realm));
    put_le(out, connection.origin_state_id);
    put_bytes(out, connection.unread);
    put_bytes(out, connection.unsent);
  }
  return out;
}

Result<Inheritance> decode_inheritance(BytesView bytes) {
  BytesView word;
  std::uint32_t listeners = 0, connections = 0;
  if (!take_bytes(bytes, word) || as_text(word) != magic || !take_le(bytes, listeners) ||
      !take_le(bytes, connections) || listeners > listeners_max || connections > connections_max) {
    return damaged();
  }
  Inheritance out;
  out.listeners.assign(listeners, -1);
  for (std::uint32_t i = 0; i < connections; ++i) {
    Inheritance::Connection connection;
    BytesView host, realm, unread, unsent;
    if (!take_bytes(bytes, host) || !take_bytes(bytes, realm) ||
        !take_le(bytes, connection.origin_state_id) || !take_bytes(bytes, unread) ||
        !take_bytes(bytes, unsent)) {
      return damaged();
    }
    connection.origin_host = as_text(host);
    connection.origin_realm = as_text(realm);
    connection.unread.assign(unread.begin(), unread.end());
    connection.unsent.assign(unsent.begin(), unsent.end());
    out.connections.push_back(std::move(connection));
  }
  if (!bytes.empty()) return damaged();
  return out;
}

Result<void> send_inheritance(int socket, Inheritance inheritance) {
  auto sent = send_parts(socket, inheritance);
  close_all(inheritance);
  return sent;
}

Result<Inheritance> receive_inheritance(int socket) {
  std::array<std::byte, 8> size_bytes{};
  DAYAQ_TRY_OK(receive_all(socket, size_bytes));
  BytesView size_view(size_bytes);
  std::uint64_t size = 0;
  if (!take_le(size_view, size) || size > state_bytes_max) return damaged();
  Bytes state(size);
  DAYAQ_TRY_OK(receive_all(socket, state));
  DAYAQ_TRY(Inheritance out, decode_inheritance(state));
  const std::vector<int*> places = descriptors_of(out);
  for (std::size_t done = 0; done < places.size();) {
    std::vector<int> some(std::min(places.size() - done, descriptors_at_once), -1);
    auto received = receive_descriptors(socket, some);
    if (!received) {
      close_all(out);
      return std::unexpected(std::move(received).error());
    }
    for (const int descriptor : some) *places[done++] = descriptor;
  }
  return out;
}

}  // namespace dayaq::edge::diameter
