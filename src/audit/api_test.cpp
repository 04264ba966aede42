#include "audit/api.hpp"

#include <gtest/gtest.h>

#include "audit/leaf.hpp"
#include "crypto/merkle.hpp"
#include "http/local_call.hpp"
#include "support/audit_log.hpp"

namespace dayaq::audit {
namespace {

struct OneAuditor final : http::Authenticator {
  [[nodiscard]] Result<http::Principal> authenticate(const http::Credentials& credentials) const override {
    const std::string_view token = credentials.token;
    if (token == "auditor") {
      return http::Principal{.organisation = OrganisationCode("chamber"),
                             .key = 3,
                             .scopes = http::scope_bit(http::Scope::audit_read)};
    }
    if (token == "person") {
      return http::Principal{.organisation = OrganisationCode("shop"),
                             .scopes = http::scope_bit(http::Scope::me_read),
                             .client = "shop-web",
                             .person = PersonId(2)};
    }
    if (token == "other") return http::Principal{.organisation = OrganisationCode("hospital"), .key = 4};
    return fail(ErrorKind::unauthenticated, "auth.token", "Unknown token.");
  }
};

struct Api : testing::Test {
  Api() {
    t.grow(300, [n = 0u](EntryDraft& draft) mutable {
      if (n % 2 != 0) draft.subject = PersonId(n % 8 + 1);
      if (n % 2 != 0) draft.personal = "{\"secret\":\"Əli\"}";
      ++n;
    });
    add_routes(router, *t.log, t.db());
  }
  http::Response get(std::string_view target, std::string_view token = "auditor") {
    return http::call(router, &authenticator, http::Method::get, target, "", "", token);
  }
  test::AuditLog t{store::Engine::sqlite};
  http::Router router;
  OneAuditor authenticator;
};

TEST_F(Api, GivesCheckpointAndKeyToEverybody) {
  const auto note = get("/v1/audit/checkpoint", "");
  EXPECT_EQ(note.status, 200);
  EXPECT_EQ(note.content_type, "text/plain; charset=utf-8");
  const auto key = get("/v1/audit/key", "");
  ASSERT_TRUE(key.body.ends_with('\n'));
  const auto verifier = crypto::VerifierKey::parse(std::string_view(key.body).substr(0, key.body.size() - 1));
  ASSERT_TRUE(verifier);
  EXPECT_EQ(crypto::open_checkpoint(note.body, *verifier)->head.size, 300u);
}

TEST_F(Api, GivesProofsToEverybody) {
  const auto inclusion = get("/v1/audit/proofs/inclusion?index=7&size=300", "");
  EXPECT_EQ(inclusion.status, 200);
  std::string expected = R"({"index":7,"size":300,"proof":[)";
  const auto proof = t.log->inclusion_proof(7, 300);
  for (const Hash& hash : *proof) expected += "\"" + to_base64(hash) + "\",";
  expected.back() = ']';
  EXPECT_EQ(inclusion.body, expected + "}");
  EXPECT_EQ(get("/v1/audit/proofs/consistency?from=300&to=300", "").body,
            R"({"from":300,"to":300,"proof":[]})");
  EXPECT_EQ(get("/v1/audit/proofs/consistency?from=10&to=301", "").status, 400);
  EXPECT_EQ(get("/v1/audit/proofs/consistency?from=0&to=3", "").status, 400);
  EXPECT_EQ(get("/v1/audit/proofs/inclusion?index=300&size=300", "").status, 400);
}

TEST_F(Api, NamesTheParameterAtFault) {
  for (const auto& [target, field] : std::vector<std::pair<std::string, std::string>>{
           {"/v1/audit/proofs/inclusion?size=1", "index"},
           {"/v1/audit/proofs/inclusion?index=x&size=1", "index"},
           {"/v1/audit/proofs/inclusion?index=-1&size=1", "index"},
           {"/v1/audit/proofs/inclusion?index=1", "size"},
           {"/v1/audit/proofs/consistency?from=1&to=99999999999999999999", "to"},
           {"/v1/audit/entries/abc", "index"},
           {"/v1/audit/entries?from=1e3", "from"},
           {"/v1/audit/entries?limit=0", "limit"},
           {"/v1/audit/entries?limit=1001", "limit"},
           {"/v1/audit/entries?limit=101&personal=true&reason=why", "limit"},
           {"/v1/audit/entries/1?personal=yes", "personal"},
           {"/v1/audit/entries/1?personal=true", "reason"},
           {"/v1/audit/entries/1?personal=true&reason=%0A", "reason"}}) {
    const auto answer = get(target);
    EXPECT_EQ(answer.status, 400) << target;
    EXPECT_TRUE(answer.body.contains("\"field\":\"" + field + "\"")) << target << answer.body;
  }
  EXPECT_EQ(get("/v1/audit/entries/300").status, 404);
  EXPECT_EQ(t.log->size(), 300u) << "a refused request reads nothing and enters nothing";
}

TEST_F(Api, EntriesNeedTheScope) {
  EXPECT_EQ(get("/v1/audit/entries/1", "").status, 401);
  EXPECT_EQ(get("/v1/audit/entries/1", "other").status, 403);
  EXPECT_EQ(get("/v1/audit/entries", "other").status, 403);
}

TEST_F(Api, AClientSeesWhoLookedAtThePersonWhoLetItAndIsPutOnRecord) {
  EXPECT_EQ(get("/v1/me/access").status, 403) << "an organisation's own";
  t.grow(1, [](EntryDraft& draft) {
    draft.action = "person.read";
    draft.actor = "org:hospital/key:4";
    draft.subject = PersonId(2);
    draft.personal = R"({"reason":"quarantine"})";
  });
  t.grow(1, [](EntryDraft& draft) {
    draft.action = "person.read";
    draft.subject = PersonId(3);
  });
  const auto first = get("/v1/me/access", "person");
  EXPECT_EQ(first.status, 200);
  EXPECT_NE(first.body.find(R"("action":"person.read","actor":"org:hospital/key:4")"), std::string::npos);
  EXPECT_EQ(first.body.find("quarantine"), std::string::npos) << "what for is told to the person alone";
  EXPECT_EQ(first.body.find(R"("index":301)"), std::string::npos) << "somebody else's";
  EXPECT_NE(get("/v1/me/access", "person").body.find("org:shop/client:shop-web"), std::string::npos);
}

TEST_F(Api, AnEntryComesWithoutItsPersonalPart) {
  const auto answer = get("/v1/audit/entries/1");
  EXPECT_EQ(answer.status, 200);
  const Entry entry = *t.log->entry(1);
  std::string leaf;
  append_json_string(leaf, entry.leaf);
  EXPECT_EQ(answer.body,
            "{\"index\":1,\"leaf\":" + leaf + ",\"entry\":" + entry.leaf + ",\"personal_part\":\"held\"}");
  EXPECT_TRUE(get("/v1/audit/entries/0").body.ends_with("\"personal_part\":\"none\"}"));
  EXPECT_EQ(t.log->size(), 300u);
}

TEST_F(Api, ReadingAPersonalPartIsEnteredForThePersonToSee) {
  const auto answer = get("/v1/audit/entries/1?personal=true&reason=complaint%20%2217%22");
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body.contains(R"("opening":{"person":"2","personal":"{\"secret\":\"Əli\"}","salt":")"))
      << answer.body;
  ASSERT_EQ(t.log->size(), 301u);
  const Entry entered = *t.log->entry(300);
  const auto leaf = parse_leaf(entered.leaf);
  EXPECT_EQ(leaf->action, "audit.read");
  EXPECT_EQ(leaf->actor, "org:chamber/key:3");
  EXPECT_EQ(leaf->data, R"({"entries":[1]})");
  EXPECT_EQ(entered.subject, PersonId(2));
  EXPECT_EQ(entered.personal, R"({"reason":"complaint \"17\""})");
}

TEST_F(Api, AnErasedPartIsSaidToBeErasedAndEntersNothing) {
  ASSERT_TRUE(
      t.db().write([&](store::Session& session) { return t.log->erase_personal(session, PersonId(2)); }));
  const auto answer = get("/v1/audit/entries/1?personal=true&reason=why");
  EXPECT_TRUE(answer.body.ends_with("\"personal_part\":\"erased\"}")) << answer.body;
  EXPECT_EQ(t.log->size(), 300u);
}

TEST_F(Api, EntriesAreListedInPages) {
  const auto first = get("/v1/audit/entries?limit=2");
  EXPECT_TRUE(first.body.starts_with(R"({"entries":[{"index":0,)")) << first.body;
  EXPECT_TRUE(first.body.contains(R"(},{"index":1,)"));
  EXPECT_TRUE(first.body.ends_with(R"(],"size":300,"next":2})")) << first.body;
  const auto last = get("/v1/audit/entries?from=298&limit=2");
  EXPECT_TRUE(last.body.contains(R"({"index":299,)"));
  EXPECT_TRUE(last.body.ends_with(R"(],"size":300})")) << last.body;
  EXPECT_EQ(get("/v1/audit/entries?from=4611686018427387904&limit=2").body, R"({"entries":[],"size":300})");
}

TEST_F(Api, ReadingAPageEntersOneEntryForEachPerson) {
  EXPECT_EQ(get("/v1/audit/entries?from=0&limit=10&personal=true&reason=review").status, 200);
  ASSERT_EQ(t.log->size(), 304u);  // entries 1, 3, 5, 7 and 9 are about persons 2, 4, 6, 8 and 2
  EXPECT_EQ(parse_leaf(t.log->entry(300)->leaf)->data, R"({"entries":[1,9]})");
  EXPECT_EQ(t.log->entry(300)->subject, PersonId(2));
  EXPECT_EQ(t.log->entry(303)->subject, PersonId(8));
}

}  // namespace
}  // namespace dayaq::audit
