#include "edge/radius/clients.hpp"

#include <gtest/gtest.h>

namespace dayaq::edge::radius {
namespace {

std::optional<std::uint32_t> number_of(const Clients& clients, const char* address) {
  return clients.find(*parse_address(address));
}

TEST(RadiusClients, KeepTheirNumbersWhenTheListChanges) {
  const ClientOptions one{.address = "10.0.0.1", .secret = "a", .coa_address = ":3799"},
      two{.address = "10.0.0.2", .secret = "b", .coa_address = ":3799"},
      net{.address = "10.1.0.0/16", .secret = "c", .coa_address = {}};
  Clients first = *Clients::create(std::vector{one, two});
  const auto number_of_one = number_of(first, "10.0.0.1"), number_of_two = number_of(first, "10.0.0.2");
  ASSERT_TRUE(number_of_one && number_of_two);
  Clients second = *Clients::create(std::vector{net, two});
  second.take_place_of(std::move(first));
  EXPECT_EQ(number_of(second, "10.0.0.2"), number_of_two);
  EXPECT_TRUE(second.at(*number_of_two).changes);
  EXPECT_EQ(number_of(second, "10.0.0.1"), std::nullopt);
  EXPECT_FALSE(second.at(*number_of_one).changes) << "it is asked for no changes any more";
  EXPECT_EQ(number_of(second, "10.1.2.3"), 3u) << "a number that nobody had";
  EXPECT_EQ(second.radsec(), 0u);

  Clients third = *Clients::create(std::vector{one});  // it comes back
  third.take_place_of(std::move(second));
  EXPECT_EQ(number_of(third, "10.0.0.1"), number_of_one);
  EXPECT_TRUE(third.at(*number_of_one).changes);
}

TEST(Clients, AreFoundByTheLongestPrefix) {
  const ClientOptions options[] = {{.address = "10.0.0.0/8", .secret = "a", .coa_address = {}},
                                   {.address = "10.1.0.0/16", .secret = "b", .coa_address = {}},
                                   {.address = "10.1.2.3", .secret = "c", .coa_address = {}},
                                   {.address = "2001:db8::/33", .secret = "d", .coa_address = {}}};
  const auto clients = *Clients::create(options);
  const auto secret = [&](std::string_view address) {
    const auto found = clients.find(*parse_address(address));
    return found ? std::string(as_text(clients.at(*found).secret.bytes())) : std::string();
  };
  EXPECT_EQ(secret("10.9.9.9"), "a");
  EXPECT_EQ(secret("10.1.9.9"), "b");
  EXPECT_EQ(secret("10.1.2.3"), "c");
  EXPECT_EQ(secret("2001:db8:7fff::1"), "d");
  EXPECT_EQ(secret("2001:db8:8000::1"), "");
  EXPECT_EQ(secret("11.0.0.1"), "");
}

}  // namespace
}  // namespace dayaq::edge::radius
