// The phone's program: its key becomes an authenticator once, and what it signs decides, for its person
// alone.
#include "identity/oidc/phone.hpp"

#include <fmt/format.h>

#include "crypto/cose.hpp"
#include "crypto/jwt_json.hpp"
#include "http/local_call.hpp"
#include "identity/oidc/authorize_test_support.ipp"
#include "identity/oidc/ciba.hpp"

namespace dayaq::identity::oidc::authorize_test {
namespace {

template <class T>
std::string word(const Result<T>& result) {
  return result ? "done" : std::string(result.error().code);
}

struct Phone : Authorizing {
  Session session = world.sign_in();
  crypto::CoseSigner key = crypto::CoseSigner::generate(crypto::CoseAlgorithm::es256);
  crypto::CoseSigner other = crypto::CoseSigner::generate(crypto::CoseAlgorithm::eddsa);

  void SetUp() override {
    // What the session was made with: whoever adds an authenticator stands on another.
    must(world.db().write([&](store::Session& db) {
      const NewAuthenticator first{.id = session.authenticator,
                                   .name = "first",
                                   .material = CardPrint{.fingerprint = Fingerprint{std::byte{1}}}};
      return put_authenticator(db, world.accounts, world.person, first, {.proved = Assurance::high},
                               world.now());
    }));
  }
  Result<Authenticator> add(const std::string& code, const crypto::CoseSigner& public_key,
                            const crypto::CoseSigner& signer) {
    const std::string statement = phone_key_statement(world.provider.issuer, code);
    return register_phone(world.provider,
                          {.code = code,
                           .public_key = public_key.public_key().encode(),
                           .name = "my phone",
                           .address = {},
                           .signature = signer.sign(as_bytes(statement))},
                          world.now());
  }
  Result<Authenticator> add() { return add(phone_code(world.provider, session, world.now()), key, key); }
  Result<Waiting> list(AuthenticatorId device, const crypto::CoseSigner& signer, Instant at) {
    PhoneAsks asks{.person = world.person, .device = device, .time = format_instant(at), .signature = {}};
    asks.signature = signer.sign(as_bytes(phone_list_statement(world.provider.issuer, device, asks.time)));
    return waiting_for_phone(world.provider, asks, world.now());
  }
  Result<void> decide(AuthenticatorId device, const crypto::CoseSigner& signer, const std::string& id,
                      bool signed_yes, bool sent_yes) {
    return decide_ciba_by_phone(world.provider, world.person, device, id, sent_yes,
                                signer.sign(as_bytes(phone_request_statement(id, signed_yes))), world.now());
  }
  CibaAuthorization ask() {
    return must(begin_ciba(world.provider, world.client("shop"), "scope=openid+profile&login_hint=5ABC123",
                           world.now()));
  }
  Poll poll(const std::string& auth_req_id) {
    world.node.clock.advance(5s);
    return must(world.db().write([&](store::Session& db) {
      return poll_ciba(db, world.provider, world.client("shop"), auth_req_id, world.now());
    }));
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Phone, testing::ValuesIn(test::engines),
                         [](auto& i) { return test::name_of(i.param); });

TEST_P(Phone, IsAddedByItsCodeOnceAndByItsOwnKey) {
  const std::string code = phone_code(world.provider, session, world.now());
  EXPECT_EQ(word(add(code, key, other)), "phone.signature");
  const auto added = add(code, key, key);
  ASSERT_TRUE(added) << added.error().detail;
  EXPECT_EQ(added->kind, AuthenticatorKind::mobile);
  EXPECT_EQ(added->name, "my phone");
  EXPECT_EQ(word(add(code, key, key)), "phone.code") << "once";
  EXPECT_EQ(word(add(code, other, other)), "phone.code");
  EXPECT_EQ(word(add("nonsense", key, key)), "phone.code");
}

TEST_P(Phone, IsNotAddedTooLateOrAfterTheSession) {
  const std::string late = phone_code(world.provider, session, world.now());
  world.node.clock.advance(phone_code_life);
  EXPECT_EQ(word(add(late, key, key)), "phone.code");
  const std::string ended = phone_code(world.provider, session, world.now());
  must(world.db().write(
      [&](store::Session& db) { return world.sessions.end(db, session.person, session.id, world.now()); }));
  EXPECT_EQ(word(add(ended, key, key)), "phone.code");
}

TEST_P(Phone, SeesWhatWaitsForItsPersonAlone) {
  const AuthenticatorId device = must(add()).id;
  (void)ask();
  const auto waiting = list(device, key, world.now());
  ASSERT_TRUE(waiting) << waiting.error().detail;
  ASSERT_EQ(waiting->clients.size(), 1u);
  EXPECT_EQ(waiting->clients[0].client->id, "shop");
  EXPECT_EQ(word(list(device, other, world.now())), "phone.signature");
  EXPECT_EQ(word(list(AuthenticatorId(9), key, world.now())), "phone.signature");
  EXPECT_EQ(word(list(device, key, world.now() - 61s)), "phone.signature");
  EXPECT_EQ(word(list(device, key, world.now() + 61s)), "phone.signature");
}

TEST_P(Phone, DecidesWhatAClientAsks) {
  const AuthenticatorId device = must(add()).id;
  const CibaAuthorization begun = ask();
  const std::string id = must(list(device, key, world.now())).clients.at(0).id;
  EXPECT_EQ(word(decide(device, other, id, true, true)), "phone.signature");
  EXPECT_EQ(word(decide(device, key, id, false, true)), "phone.signature") << "a no is no yes";
  EXPECT_EQ(word(decide(device, key, id, true, true)), "done");
  EXPECT_EQ(word(decide(device, key, id, true, true)), "oauth.ciba_request") << "once";
  const Instant decided = world.now();
  const Poll polled = poll(begun.auth_req_id);
  ASSERT_EQ(polled.state, Poll::State::granted);
  EXPECT_EQ(polled.grant.person, world.person);
  EXPECT_EQ(polled.grant.authenticated, decided);
  EXPECT_EQ(polled.grant.methods, Methods(AuthenticatorKind::mobile));

  const CibaAuthorization refused = ask();
  const std::string second = must(list(device, key, world.now())).clients.at(0).id;
  EXPECT_EQ(word(decide(device, key, second, false, false)), "done");
  EXPECT_EQ(poll(refused.auth_req_id).state, Poll::State::denied);
}

// -- the same as JSON

TEST_P(Phone, SpeaksJson) {
  http::Router router;
  add_phone_routes(router, world.provider);
  const auto call = [&](const std::string& path, const std::string& body) {
    return http::call(router, nullptr, http::Method::post, "/v1/phone/" + path, body, "application/json", "");
  };
  const auto text = [](const http::Response& answer, std::string_view name) {
    const auto json = crypto::JsonObject::parse(answer.body);
    return json ? std::string(json->text(name).value_or("")) : "";
  };
  const auto sign = [&](const std::string& statement) {
    return to_base64url(other.sign(as_bytes(statement)));
  };
  // An Ed25519 key: COSE_Key {1: 1, 3: -8, -1: 6, -2: x} ends with its 32 bytes.
  const Bytes cose = other.public_key().encode();
  const std::string x = to_base64url(BytesView(cose).last(32));
  const std::string code = phone_code(world.provider, session, world.now());
  const auto added =
      call("keys",
           fmt::format(R"({{"code":"{}","jwk":{{"kty":"OKP","crv":"Ed25519","x":"{}"}},"signature":"{}"}})",
                       code, x, sign(phone_key_statement(world.provider.issuer, code))));
  ASSERT_EQ(added.status, 201) << added.body;
  const std::string device = text(added, "device");
  EXPECT_EQ(text(added, "person"), fmt::format("{}", world.person));
  EXPECT_EQ(text(added, "assurance"), "substantial");

  const CibaAuthorization begun = ask();
  const std::string id = must(ciba_requests_of(world.provider, world.person, world.now())).at(0).id;
  const std::string time = format_instant(world.now());
  const std::string who = fmt::format(R"("person":"{}","device":"{}")", world.person, device);
  const std::string listing =
      fmt::format("dayaq-phone-list-1\n{}\n{}\n{}\n", world.provider.issuer, device, time);
  const auto list =
      call("confirmations", fmt::format(R"({{{},"time":"{}","signature":"{}"}})", who, time, sign(listing)));
  ASSERT_EQ(list.status, 200) << list.body;
  EXPECT_NE(list.body.find(fmt::format(R"("id":"{}")", id)), std::string::npos) << list.body;
  const auto decided =
      call("decisions", fmt::format(R"({{{},"kind":"request","id":"{}","agreed":true,"signature":"{}"}})",
                                    who, id, sign(phone_request_statement(id, true))));
  EXPECT_EQ(decided.body, R"({"state":"confirmed"})");
  EXPECT_EQ(poll(begun.auth_req_id).state, Poll::State::granted);

  for (const char* bad : {"", "[]", "{}", R"({"code":1})", R"({"person":"x","device":"1"})"}) {
    for (const char* path : {"keys", "confirmations", "decisions"}) {
      EXPECT_EQ(text(call(path, bad), "code"), "phone.request") << path << ' ' << bad;
    }
  }
}

}  // namespace
}  // namespace dayaq::identity::oidc::authorize_test
