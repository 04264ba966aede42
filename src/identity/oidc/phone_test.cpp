// The phone's program: its key becomes an authenticator once, and what it signs decides, for its person
// alone.
#include "identity/oidc/phone.hpp"

#include "crypto/cose.hpp"
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

}  // namespace
}  // namespace dayaq::identity::oidc::authorize_test
