#include "edge/diameter/hand_over.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace dayaq::edge::diameter {
namespace {

Bytes bytes_of(std::string_view text) {
  const auto view = as_bytes(text);
  return Bytes(view.begin(), view.end());
}

TEST(Inheriting, CarriesStateAndWorkingDescriptorsToTheOtherEnd) {
  std::array<int, 2> way{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, way.data()), 0);
  Inheritance given;
  std::vector<int> far_ends;
  for (int i = 0; i < 250; ++i) {  // more than one message takes
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
    far_ends.push_back(pair[1]);
    if (i == 0) {
      given.listeners.push_back(pair[0]);
    } else {
      given.connections.push_back({.descriptor = pair[0],
                                   .origin_host = "pgw" + std::to_string(i),
                                   .origin_realm = "example",
                                   .origin_state_id = std::uint32_t(i),
                                   .unread = bytes_of("half a mes"),
                                   .unsent = bytes_of("")});
    }
  }
  std::thread sender([&] { EXPECT_TRUE(send_inheritance(way[0], given)); });
  const auto got = receive_inheritance(way[1]);
  sender.join();
  ASSERT_TRUE(got) << got.error().detail;
  ASSERT_EQ(got->listeners.size(), 1u);
  ASSERT_EQ(got->connections.size(), 249u);
  for (std::size_t i = 0; i < got->connections.size(); ++i) {
    const auto& connection = got->connections[i];
    EXPECT_EQ(connection.origin_host, "pgw" + std::to_string(i + 1));
    EXPECT_EQ(connection.unread, bytes_of("half a mes"));
    char byte = 0;
    ASSERT_EQ(::write(connection.descriptor, "x", 1), 1);
    ASSERT_EQ(::read(far_ends[i + 1], &byte, 1), 1);
    ::close(connection.descriptor);
  }
  ::close(got->listeners[0]);
  for (const int descriptor : far_ends) ::close(descriptor);
  ::close(way[0]);
  ::close(way[1]);
}

TEST(Inheriting, RefusesWhatIsCutOffOrOfAnotherVersion) {
  Inheritance given;
  given.connections.push_back({.origin_host = "pgw", .origin_realm = "example", .unread = bytes_of("xyz")});
  const Bytes whole = encode_inheritance(given);
  ASSERT_TRUE(decode_inheritance(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_inheritance(BytesView(whole).first(size))) << size;
  }
  Bytes other = whole;
  other[4] = std::byte{'D'};
  const auto refused = decode_inheritance(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "diameter.inheritance");
}

TEST(Inheriting, SaysWhenTheOtherProcessDied) {
  std::array<int, 2> way{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, way.data()), 0);
  ::close(way[0]);
  const auto got = receive_inheritance(way[1]);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, "upgrade.sockets");
  ::close(way[1]);
}

}  // namespace
}  // namespace dayaq::edge::diameter
