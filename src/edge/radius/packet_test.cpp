#include "edge/radius/packet.hpp"

#include <gtest/gtest.h>

#include "edge/radius/authenticator.hpp"

namespace dayaq::edge::radius {
namespace {

Bytes hex(std::string_view text) {
  return *from_hex(text);
}

/// RFC 2865 section 7.1: user "nemo", password "arctangent", secret "xyzzy5461".
const Bytes nemo_request =
    hex("010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee0406c0a80110"
        "05060000"
        "0003");
const Bytes nemo_accept = hex("0200002686fe220e7624ba2a1005f6bf9b55e0b20606000000010f06000000000e06c0a80103");

TEST(Packet, ReadsTheRequestOfRfc2865) {
  const auto packet = Packet::parse(nemo_request);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->code(), Code::access_request);
  EXPECT_EQ(packet->text(type::user_name), "nemo");
  EXPECT_EQ(packet->number(type::nas_port), 3u);
  EXPECT_FALSE(packet->number(type::user_password));  // has no four bytes
  EXPECT_FALSE(packet->find(type::state));
}

TEST(Packet, PassesOverPaddingAndRefusesWhatIsCutOff) {
  Bytes padded = nemo_request;
  padded.resize(padded.size() + 7);
  ASSERT_TRUE(Packet::parse(padded));
  EXPECT_EQ(Packet::parse(padded)->bytes().size(), nemo_request.size());
  for (std::size_t size = 0; size < nemo_request.size(); ++size) {
    const auto cut = Packet::parse(BytesView(nemo_request).first(size));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().code, "radius.truncated");
  }
}

TEST(Packet, RefusesLengthsThatLie) {
  const auto code_of = [](Bytes bytes) {
    const auto packet = Packet::parse(bytes);
    return packet ? std::string("taken") : std::string(packet.error().code);
  };
  Bytes bytes = nemo_request;
  bytes[2] = std::byte(0);
  bytes[3] = std::byte(19);
  EXPECT_EQ(code_of(bytes), "radius.length");
  bytes.resize(5000);
  bytes[2] = std::byte(4097 >> 8);
  bytes[3] = std::byte(4097 & 0xff);
  EXPECT_EQ(code_of(bytes), "radius.length");
  for (const int length : {0, 1, 7, 255}) {  // of the last attribute, which has 6 bytes
    Bytes lying = nemo_request;
    lying[lying.size() - 5] = std::byte(length);
    EXPECT_EQ(code_of(lying), "radius.attribute_length") << length;
  }
}

TEST(Packet, ReadsNestedVendorAttributesOnlyAsFarAsTheyGo) {
  const Bytes value = hex("00003a8c0807313030304d0308ff");  // the second says it has eight bytes and has two
  BytesView in = value;
  std::uint32_t vendor = 0;
  ASSERT_TRUE(take_vendor(in, vendor));
  EXPECT_EQ(vendor, 14988u);
  Attribute attribute;
  ASSERT_TRUE(take_attribute(in, attribute));
  EXPECT_EQ(as_text(attribute.value), "1000M");
  EXPECT_FALSE(take_attribute(in, attribute));
  EXPECT_FALSE(in.empty());
  BytesView three = BytesView(value).first(3);
  EXPECT_FALSE(take_vendor(three, vendor));
}

TEST(Writer, LeavesOutWhatDoesNotFitAndSaysSo) {
  Writer writer(Code::access_accept, 1);
  const std::string text(253, 'x');
  for (int i = 0; i < 15; ++i) writer.add(type::filter_id, std::string_view(text));
  EXPECT_TRUE(writer.fits());
  writer.add(type::filter_id, std::string_view(text));
  EXPECT_FALSE(writer.fits());
  const Bytes bytes = std::move(writer).take();
  EXPECT_LE(bytes.size(), packet_bytes_max);
  EXPECT_TRUE(Packet::parse(bytes));
}

TEST(Authenticator, TakesTheAcceptOfRfc2865AndNoOther) {
  const Secret secret("xyzzy5461");
  const auto request = Packet::parse(nemo_request);
  EXPECT_TRUE(check_reply_authenticator(*Packet::parse(nemo_accept), request->authenticator(), secret));
  EXPECT_FALSE(
      check_reply_authenticator(*Packet::parse(nemo_accept), request->authenticator(), Secret("other")));
  Bytes changed = nemo_accept;
  changed.back() ^= std::byte(1);
  EXPECT_FALSE(check_reply_authenticator(*Packet::parse(changed), request->authenticator(), secret));
}

TEST(Authenticator, HidesAndRevealsThePasswordOfRfc2865) {
  const Secret secret("xyzzy5461");
  const auto request = Packet::parse(nemo_request);
  const BytesView hidden = *request->find(type::user_password);
  Bytes password(hidden.begin(), hidden.end());
  reveal(password, request->authenticator(), {}, secret);
  EXPECT_EQ(as_text(password), std::string("arctangent") + std::string(6, '\0'));
  hide(password, request->authenticator(), {}, secret);
  EXPECT_TRUE(std::ranges::equal(password, hidden));
}

TEST(Authenticator, HidesLongValuesWithASaltInAChain) {
  const Secret secret("s");
  Bytes value(48, std::byte('a'));
  const Bytes plain = value;
  const Authenticator authenticator{std::byte(7)};
  hide(value, authenticator, as_bytes("\x80\x01"), secret);
  EXPECT_FALSE(std::ranges::equal(BytesView(value).first(16), BytesView(value).subspan(16, 16)));
  reveal(value, authenticator, as_bytes("\x80\x01"), secret);
  EXPECT_EQ(value, plain);
}

TEST(Authenticator, TakesAChapPasswordThatAnswersItsChallenge) {
  const Bytes challenge = hex("2aee86f08d0d55969ca5978e0d3367a2");
  const Bytes id{std::byte(0x16)};
  const crypto::Md5 right = crypto::md5({id, as_bytes("secret word"), challenge});
  Bytes chap = id;
  chap.insert(chap.end(), right.begin(), right.end());
  EXPECT_TRUE(check_chap(chap, challenge, "secret word"));
  EXPECT_FALSE(check_chap(chap, challenge, "other word"));
  EXPECT_FALSE(check_chap(BytesView(chap).first(16), challenge, "secret word"));
}

TEST(MessageAuthenticator, IsFoundWrongWhenAnyByteChanges) {
  const Secret secret("secret");
  Writer writer(Code::access_request, 9);
  writer.set_authenticator(Authenticator{std::byte(1), std::byte(2)});
  writer.add_message_authenticator();
  writer.add(type::user_name, std::string_view("someone"));
  Bytes bytes = std::move(writer).take();
  sign_access_request(bytes, secret);
  const auto check = [&](const Bytes& of) {
    const auto packet = Packet::parse(of);
    return packet ? check_message_authenticator(*packet, packet->authenticator(), secret) : Proof::wrong;
  };
  EXPECT_EQ(check(bytes), Proof::right);
  EXPECT_EQ(check(nemo_request), Proof::absent);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Bytes changed = bytes;
    changed[i] ^= std::byte(0x40);
    EXPECT_NE(check(changed), Proof::right) << i;
  }
}

TEST(MessageAuthenticator, OfAccountingAndChangesIsMadeOverZeros) {
  const Secret secret("secret");
  Writer writer(Code::coa_request, 3);
  writer.add_message_authenticator();
  writer.add(type::acct_session_id, std::string_view("s1"));
  Bytes bytes = std::move(writer).take();
  sign_request(bytes, secret);
  const auto packet = Packet::parse(bytes);
  EXPECT_TRUE(check_request_authenticator(*packet, secret));
  EXPECT_EQ(check_message_authenticator(*packet, Authenticator{}, secret), Proof::right);
}

}  // namespace
}  // namespace dayaq::edge::radius
