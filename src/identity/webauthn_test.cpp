// The ceremonies against an authenticator made here, one refusal at a time. Other people's verifiers judge
// the same code on bytes that Chromium makes: tests/identity_test.py.
#include "identity/webauthn.hpp"

#include <gtest/gtest.h>

#include "crypto/cbor.hpp"
#include "identity/webauthn_json.hpp"

namespace dayaq::identity::webauthn {
namespace {

using crypto::cbor::Value;

Bytes joined(std::initializer_list<BytesView> parts) {
  Bytes out;
  for (const BytesView part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

Bytes of_text(std::string_view text) {
  return joined({as_bytes(text)});
}

std::string_view client_data_refusal(std::string_view json) {
  const auto read = parse_client_data(as_bytes(json));
  return read ? std::string_view("accepted") : read.error().code;
}

TEST(ClientData, ReadsWhatBrowsersWrite) {
  const auto read = parse_client_data(as_bytes(
      R"({"type":"webauthn.get","challenge":"AAEC","origin":"https://id.example.az","crossOrigin":false,)"
      R"("other_keys_can_be_added_here":"do not compare \ud83d\ude00","deep":[{"a":[1,-2.5e+3,null,true]}]})"));
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->type, "webauthn.get");
  EXPECT_EQ(to_hex(read->challenge), "000102");
  EXPECT_EQ(read->origin, "https://id.example.az");
  EXPECT_FALSE(read->cross_origin);
  EXPECT_EQ(parse_client_data(as_bytes(R"({"type":"\u0061\n","challenge":"","origin":"\u00fc"})"))->type,
            "a\n");
}

TEST(ClientData, RefusesAllElse) {
  const std::string good = R"("type":"t","challenge":"AAEC","origin":"o")";
  EXPECT_EQ(client_data_refusal("{" + good + "}"), "accepted");
  for (const std::string& bad : {std::string(),
                                 "{" + good,
                                 "{" + good + "} x",
                                 "[{" + good + "}]",
                                 "{" + good + ",}",
                                 "{" + good + R"(,"type":"t"})",
                                 "{" + good + R"(,"crossOrigin":"false"})",
                                 "{" + good + R"(,"crossOrigin":true,"crossOrigin":false})",
                                 std::string(R"({"type":"t","challenge":"AAEC"})"),
                                 std::string(R"({"type":1,"challenge":"AAEC","origin":"o"})"),
                                 std::string(R"({"type":"t","challenge":"AA=C","origin":"o"})"),
                                 "{" + good + R"(,"x":[[[[[1]]]]]})",
                                 "{" + good + R"(,"x":"\ud83d"})",
                                 "{" + good + R"(,"x":"\x"})",
                                 "{" + good + ",\"x\":\"\xff\"}",
                                 "{" + good + ",\"x\":\"\n\"}",
                                 "{" + good + R"(,"x":01})",
                                 "{" + good + R"(,"x":"\udc00"})",
                                 "{" + good + R"(,"x":")" + std::string(5000, 'a') + "\"}",
                                 "\xef\xbb\xbf{" + good + "}"}) {
    EXPECT_EQ(client_data_refusal(bad), "webauthn.client_data") << bad;
  }
}

// A software authenticator.
struct Passkey : testing::Test {
  RelyingParty party{"id.example.az", "Digital ID", {"https://id.example.az"}};
  SeededRandom random{1};
  Challenge challenge = make_challenge(random);
  Instant now = from_micros(1'800'000'000'000'000);
  crypto::CoseSigner signer = crypto::CoseSigner::generate(crypto::CoseAlgorithm::eddsa);
  Bytes id = of_text("credential 1"), user = of_text("handle"), aaguid = Bytes(16, std::byte(7));
  std::string rp_id = "id.example.az", origin = "https://id.example.az", more_client_data;
  unsigned flags = 0x45;  // AT, UV, UP
  std::uint32_t counter = 1;

  Bytes client_data(std::string_view type) const {
    return of_text(R"({"type":")" + std::string(type) + R"(","challenge":")" + to_base64url(challenge) +
                   R"(","origin":")" + origin + "\"" + more_client_data + "}");
  }
  Bytes authenticator_data(bool attested) const {
    Bytes head;
    head.push_back(std::byte(attested ? flags : flags & ~0x40u));
    for (int shift = 24; shift >= 0; shift -= 8) head.push_back(std::byte(counter >> shift & 0xff));
    const crypto::Sha256 hash = crypto::sha256(as_bytes(rp_id));
    if (!attested) return joined({hash, head});
    const std::array length{std::byte(id.size() >> 8), std::byte(id.size() & 0xff)};
    return joined({hash, head, aaguid, length, id, signer.public_key().encode()});
  }
  static Bytes object(std::string_view format, const Bytes& data, Value statement) {
    return encode(Value::map({{Value::text("fmt"), Value::text(format)},
                              {Value::text("authData"), Value::bytes(data)},
                              {Value::text("attStmt"), std::move(statement)}}));
  }
  RegistrationResponse made(std::string_view format = "none") {
    RegistrationResponse response{
        id, client_data("webauthn.create"), {}, {"internal", "hybrid", "telepathy", "hybrid"}};
    const Bytes data = authenticator_data(true);
    const Bytes signature = signer.sign(joined({data, crypto::sha256(response.client_data)}));
    response.attestation_object =
        object(format, data,
               format == "packed" ? Value::map({{Value::text("alg"), Value::integer(-8)},
                                                {Value::text("sig"), Value::bytes(signature)}})
                                  : Value::map({}));
    return response;
  }
  RegistrationExpectation expected(AttestationPolicy policy = AttestationPolicy::optional) const {
    return {.party = party, .challenge = challenge, .attestation = policy, .now = now};
  }
  std::string_view registration(const RegistrationResponse& response) const {
    const auto result = verify_registration(response, expected());
    return result ? std::string_view("accepted") : result.error().code;
  }
  AssertionResponse answer() {
    AssertionResponse response{id, client_data("webauthn.get"), authenticator_data(false), {}, user};
    response.signature =
        signer.sign(joined({response.authenticator_data, crypto::sha256(response.client_data)}));
    return response;
  }
  Credential stored() {
    Credential credential{.id = id, .public_key = signer.public_key().encode(), .counter = 5};
    credential.flags.user_verified = true;
    return credential;
  }
  std::string_view assertion(const AssertionResponse& response, std::span<const Bytes> allowed = {}) {
    const auto result =
        verify_assertion(response, stored(),
                         {.party = party, .challenge = challenge, .allowed = allowed, .user_handle = user});
    return result ? std::string_view("accepted") : result.error().code;
  }
};

TEST_F(Passkey, IsRegistered) {
  const auto credential = verify_registration(made(), expected());
  ASSERT_TRUE(credential) << credential.error().detail;
  EXPECT_EQ(credential->id, id);
  EXPECT_EQ(credential->public_key, signer.public_key().encode());
  EXPECT_EQ(credential->counter, 1u);
  EXPECT_EQ(credential->flags, (AuthenticatorFlags{.user_present = true, .user_verified = true}));
  EXPECT_EQ(credential->transports, (std::vector<std::string>{"internal", "hybrid"}));
  EXPECT_EQ(credential->attestation, Attestation::none);
}

TEST_F(Passkey, RegistrationRefusesEachThingThatIsNotAsAsked) {
  RegistrationResponse response = made();
  EXPECT_EQ(registration(response), "accepted");
  response.client_data = client_data("webauthn.get");
  EXPECT_EQ(registration(response), "webauthn.type");
  response = made(), response.id.push_back(std::byte(0));
  EXPECT_EQ(registration(response), "webauthn.credential");
  response = made(), challenge[0] ^= std::byte(1);
  EXPECT_EQ(registration(response), "webauthn.challenge");
  for (const char* wrong :
       {"https://id.example.az.evil.example", "http://id.example.az", "https://id.example.az:8443", "null"}) {
    origin = wrong;
    EXPECT_EQ(registration(made()), "webauthn.origin");
  }
  origin = "https://id.example.az", more_client_data = R"(,"crossOrigin":true)";
  EXPECT_EQ(registration(made()), "webauthn.origin");
  more_client_data = R"(,"crossOrigin":false,"topOrigin":"https://evil.example")";
  EXPECT_EQ(registration(made()), "webauthn.origin");
  more_client_data.clear(), rp_id = "example.az";
  EXPECT_EQ(registration(made()), "webauthn.rp_id");
  rp_id = "id.example.az", flags = 0x44;
  EXPECT_EQ(registration(made()), "webauthn.user_present");
  flags = 0x41;
  EXPECT_EQ(registration(made()), "webauthn.user_verified");
  flags = 0x55;  // backed up, but not eligible to be
  EXPECT_EQ(registration(made()), "webauthn.flags");
  flags = 0x05;
  EXPECT_EQ(registration(made()), "webauthn.authenticator_data");
  flags = 0xc5;  // extensions promised, none there
  EXPECT_EQ(registration(made()), "cbor.malformed");
}

TEST_F(Passkey, SelfAttestationIsVerified) {
  const auto good = verify_registration(made("packed"), expected());
  ASSERT_TRUE(good);
  EXPECT_EQ(good->attestation, Attestation::self);
  RegistrationResponse response = made("packed");
  response.client_data = client_data("webauthn.create");
  response.client_data.push_back(std::byte(' '));  // the same JSON, another hash
  EXPECT_EQ(registration(response), "webauthn.attestation");
  response = made();
  response.attestation_object =
      object("none", authenticator_data(true), Value::map({{Value::text("x"), Value::null()}}));
  EXPECT_EQ(registration(response), "webauthn.attestation");
}

TEST_F(Passkey, FormatsThatAreNotCheckedHereSayThatAndAreRefusedOnlyWhereAttestationIsRequired) {
  for (const char* format : {"android-key", "apple", "tpm", "android-safetynet", "new"}) {
    const auto credential = verify_registration(made(format), expected());
    ASSERT_TRUE(credential);
    EXPECT_EQ(credential->attestation, Attestation::not_verified);
    EXPECT_EQ(verify_registration(made(format), expected(AttestationPolicy::required)).error().code,
              "webauthn.untrusted");
  }
}

TEST_F(Passkey, LogsInAndItsCounterIsFollowed) {
  const auto verify = [&](std::uint32_t stored_counter, std::uint32_t next) {
    Credential credential = stored();
    credential.counter = stored_counter;
    counter = next;
    const auto result =
        verify_assertion(answer(), credential, {.party = party, .challenge = challenge, .user_handle = user});
    return result.value().counting;
  };
  EXPECT_EQ(verify(0, 0), Counter::unused);
  EXPECT_EQ(verify(5, 6), Counter::advanced);
  EXPECT_EQ(verify(5, 5), Counter::repeated);
  EXPECT_EQ(verify(5, 4), Counter::repeated);
  EXPECT_EQ(verify(5, 0), Counter::repeated);
}

TEST_F(Passkey, LoginRefusesEachThingThatIsNotAsAsked) {
  AssertionResponse response = answer();
  EXPECT_EQ(assertion(response), "accepted");
  response.client_data = client_data("webauthn.create");
  EXPECT_EQ(assertion(response), "webauthn.type");
  response = answer(), response.signature[3] ^= std::byte(1);
  EXPECT_EQ(assertion(response), "webauthn.signature");
  response = answer(), response.signature.clear();
  EXPECT_EQ(assertion(response), "webauthn.signature");
  response = answer(), response.authenticator_data.push_back(std::byte(0));
  EXPECT_EQ(assertion(response), "webauthn.authenticator_data");
  response = answer(), response.authenticator_data.resize(36);
  EXPECT_EQ(assertion(response), "webauthn.authenticator_data");
  response = answer(), response.user_handle = of_text("another");
  EXPECT_EQ(assertion(response), "webauthn.user_handle");
  response = answer(), response.user_handle.clear();
  EXPECT_EQ(assertion(response), "webauthn.user_handle");  // nobody was named
  const std::vector<Bytes> offered{id}, others{of_text("x")};
  EXPECT_EQ(assertion(response, offered), "accepted");  // and here somebody was
  EXPECT_EQ(assertion(response, others), "webauthn.credential");
  response = answer(), response.id = of_text("x");
  EXPECT_EQ(assertion(response), "webauthn.credential");
  flags = 0x0d;  // eligible for backup, which it wasn't
  EXPECT_EQ(assertion(answer()), "webauthn.flags");
  flags = 0x05, rp_id = "evil.example";
  EXPECT_EQ(assertion(answer()), "webauthn.rp_id");
  rp_id = "id.example.az";
  response = answer();
  signer = crypto::CoseSigner::generate(crypto::CoseAlgorithm::es256);  // a key of another type
  EXPECT_EQ(assertion(response), "webauthn.signature");
}

TEST(WebauthnJson, OptionsSayWhatBrowsersNeed) {
  const RelyingParty party{"id.example.az", "Digital ID", {"https://id.example.az"}};
  EXPECT_EQ(
      to_json(RequestOptions{.party = party, .allow = {{of_text("a"), {"usb"}}}}),
      R"({"challenge":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","timeout":300000,"rpId":"id.example.az",)"
      R"("allowCredentials":[{"type":"public-key","id":"YQ","transports":["usb"]}],"userVerification":"required"})");
  const std::string creation = to_json(CreationOptions{
      .party = party, .user_handle = of_text("h"), .user_name = "n", .display_name = "\"Ə\""});
  EXPECT_NE(creation.find(R"("user":{"id":"aA","name":"n","displayName":"\"Ə\""})"), std::string::npos)
      << creation;
  EXPECT_NE(creation.find(R"("residentKey":"required")"), std::string::npos);
  EXPECT_NE(creation.find(R"({"type":"public-key","alg":-7})"), std::string::npos);
}

TEST(WebauthnJson, AnswersAreReadOrRefused) {
  const std::string good = R"({"id":"YQ","rawId":"YQ","type":"public-key","response":{"clientDataJSON":"YQ",)"
                           R"("authenticatorData":"YQ","signature":"YQ","userHandle":"YQ"}})";
  EXPECT_EQ(parse_assertion(good)->user_handle, of_text("a"));
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{R"("rawId":"YQ")", R"("rawId":"Yg")"},
                                                        {"public-key", "password"},
                                                        {R"("signature":"YQ")", R"("signature":1)"},
                                                        {R"("id":"YQ")", R"("id":"")"},
                                                        {R"({"id")", R"([{"id")"},
                                                        {"clientDataJSON", "clientData"}}) {
    std::string bad = good;
    bad.replace(bad.find(from), from.size(), to);
    const auto read = parse_assertion(bad);
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code, "webauthn.response");
  }
  EXPECT_EQ(parse_registration(good).error().code, "webauthn.response");
}

}  // namespace
}  // namespace dayaq::identity::webauthn
