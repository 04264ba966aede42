#include "edge/diameter/hand_over.hpp"

#include "base/hand_over.hpp"

namespace dayaq::edge::diameter {

namespace {

constexpr std::string_view magic = "dayaq-node 1";
constexpr std::size_t listeners_max = 16, connections_max = 100'000;

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

std::vector<int*> places_of(Inheritance& inheritance) {
  std::vector<int*> out;
  for (int& listener : inheritance.listeners) out.push_back(&listener);
  for (auto& connection : inheritance.connections) out.push_back(&connection.descriptor);
  return out;
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
  std::vector<int> descriptors;
  for (const int* const place : places_of(inheritance)) descriptors.push_back(*place);
  auto sent = send_block(socket, encode_inheritance(inheritance));
  if (sent) sent = send_descriptors(socket, descriptors);
  close_descriptors(descriptors);
  return sent;
}

Result<Inheritance> receive_inheritance(int socket) {
  DAYAQ_TRY(const Bytes state, receive_block(socket));
  DAYAQ_TRY(Inheritance out, decode_inheritance(state));
  const std::vector<int*> places = places_of(out);
  DAYAQ_TRY(const std::vector<int> descriptors, receive_descriptors(socket, places.size()));
  for (std::size_t i = 0; i < places.size(); ++i) *places[i] = descriptors[i];
  return out;
}

}  // namespace dayaq::edge::diameter
