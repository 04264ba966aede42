#include "edge/radius/dictionary.hpp"

#include <gtest/gtest.h>

namespace dayaq::edge::radius {
namespace {

std::string encoded(const std::string& text) {
  AttributeList list;
  const auto added = add_attribute(text, list);
  return added ? to_hex(list.encoded) : std::string(added.error().code);
}

TEST(Dictionary, EncodesAttributesByName) {
  EXPECT_EQ(encoded("Filter-Id=edu"), "0b05656475");
  EXPECT_EQ(encoded("Mikrotik-Rate-Limit=10M/10M"), "1a0f00003a8c080931304d2f31304d");
  EXPECT_EQ(encoded("WISPr-Bandwidth-Max-Down=2000000"), "1a0c0000372a0806001e8480");
  EXPECT_EQ(encoded("Cisco-AVPair=subscriber:sa=EDU"),
            "1a19"
            "00000009"
            "0113"
            "737562736372696265723a73613d454455");
  EXPECT_EQ(encoded("ERX-Service-Activate=edu"), "1a0c0000130a410601656475");
  EXPECT_EQ(encoded("Framed-IP-Address=10.1.2.3"), "08060a010203");
  EXPECT_EQ(encoded("Delegated-IPv6-Prefix=2001:db8:1:200::/56"), "7b0b003820010db8000102");
}

TEST(Dictionary, EncodesAttributesByNumber) {
  EXPECT_EQ(encoded("Attr-11=edu"), encoded("Filter-Id=edu"));
  EXPECT_EQ(encoded("Vendor-14988-8=0x31304d2f31304d"), encoded("Mikrotik-Rate-Limit=10M/10M"));
}

TEST(Dictionary, RefusesWhatIsNotForAFileToSay) {
  for (const char* text :
       {"Filter-Id", "Filter-Id=", "Filter-Ip=edu", "Session-Timeout=soon", "Session-Timeout=4294967296",
        "Framed-IP-Address=10.1.2", "Delegated-IPv6-Prefix=2001:db8::/129",
        "Delegated-IPv6-Prefix=2001:db8::", "Attr-25=class", "Attr-80=0x00000000000000000000000000000000",
        "Attr-1=someone", "Attr-40=0x00000001", "Attr-300=x", "Attr-0=x", "Vendor-0-1=x", "Vendor-9=x",
        "Vendor-9-1=0x123"}) {
    EXPECT_EQ(encoded(text), "radius.attribute") << text;
  }
  EXPECT_EQ(encoded("Filter-Id=" + std::string(254, 'x')), "radius.attribute");
  EXPECT_EQ(encoded("Cisco-AVPair=" + std::string(248, 'x')), "radius.attribute");
  EXPECT_NE(encoded("Cisco-AVPair=" + std::string(247, 'x')), "radius.attribute");
}

TEST(Dictionary, NamesTheOneAtFault) {
  const std::vector<std::string> texts{"Filter-Id=edu", "Filter-Ip=edu"};
  const auto list = parse_attributes(texts);
  ASSERT_FALSE(list);
  EXPECT_NE(list.error().public_text.find("Filter-Ip=edu"), std::string::npos);
}

TEST(Merge, KeepsTheFirstOfWhatStandsOnceAndAllOfWhatStandsOften) {
  const std::vector<std::string> first{"Mikrotik-Rate-Limit=10M/10M", "Cisco-AVPair=a", "Cisco-AVPair=b"};
  const std::vector<std::string> second{"Mikrotik-Rate-Limit=1M/1M", "Cisco-AVPair=c", "Session-Timeout=60"};
  AttributeList list = *parse_attributes(first);
  merge(list, *parse_attributes(second));
  const std::vector<std::string> wanted{"Mikrotik-Rate-Limit=10M/10M", "Cisco-AVPair=a", "Cisco-AVPair=b",
                                        "Cisco-AVPair=c", "Session-Timeout=60"};
  EXPECT_EQ(to_hex(list.encoded), to_hex(parse_attributes(wanted)->encoded));
  EXPECT_EQ(list.kinds.size(), 5u);
}

}  // namespace
}  // namespace dayaq::edge::radius
