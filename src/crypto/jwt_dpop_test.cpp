#include "crypto/jwt_dpop.hpp"

#include <gtest/gtest.h>

#include <map>

#include "crypto/jwk_vectors.ipp"
#include "crypto/jwt.hpp"

namespace dayaq::crypto {
namespace {

using namespace std::chrono_literals;

class MapCache final : public ReplayCache {
 public:
  Result<bool> first_use(std::string_view id, Instant until) override {
    if (broken) return fail(ErrorKind::unavailable, "test.down", "down");
    return seen.emplace(std::string(id), until).second;
  }
  bool broken = false;
  std::map<std::string, Instant> seen;
};

struct Dpop : testing::Test {
  Instant now = from_micros(1'800'000'000'000'000);
  JwkPrivate key = JwkPrivate::generate(JwsAlgorithm::es256);
  DpopRequest request{.method = "POST", .url = "https://id.example/token?x=1"};
  DpopPolicy policy;
  MapCache replays;

  std::string header() const {
    return R"({"alg":"ES256","jwk":)" + key.public_key().bare_json() + R"(,"typ":"dpop+jwt"})";
  }
  std::string payload(std::string_view htm = "POST", std::string_view htu = "https://id.example/token",
                      std::int64_t iat = 1'800'000'000, std::string_view more = "") const {
    return ClaimsWriter()
        .text("htm", htm)
        .text("htu", htu)
        .number("iat", iat)
        .text("jti", "j1")
        .finish()
        .insert(1, more);
  }
  std::string proof(std::string_view claims) const { return sign_compact(key, header(), claims); }
  std::string code(std::string_view text) {
    const auto checked = check_dpop(text, request, policy, replays, now);
    return checked ? "" : std::string(checked.error().code);
  }
};

TEST_F(Dpop, TheRfcsOwnProofsPass) {
  now = from_micros(1'562'262'616'000'000);
  request = {.method = "POST", .url = "https://server.example.com/token"};
  const auto first = check_dpop(vectors::dpop_token_proof, request, policy, replays, now);
  ASSERT_TRUE(first) << first.error().code << first.error().detail;
  EXPECT_EQ(first->thumbprint, vectors::dpop_thumbprint);
  EXPECT_EQ(first->id, "-BwC3ESc6acc2lTc");
  request = {.method = "GET",
             .url = "https://resource.example.org/protectedresource",
             .access_token = vectors::dpop_access_token,
             .thumbprint = vectors::dpop_thumbprint};
  EXPECT_EQ(code(vectors::dpop_resource_proof), "");
  EXPECT_EQ(code(vectors::dpop_resource_proof), "dpop.replay");
}

TEST_F(Dpop, AProofWorksOnceAndOnlyForItsRequest) {
  EXPECT_EQ(code(proof(payload("GET"))), "dpop.request");
  EXPECT_EQ(code(proof(payload("post"))), "dpop.request");
  EXPECT_EQ(code(proof(payload("POST", "https://id.example/par"))), "dpop.request");
  EXPECT_EQ(code(proof(payload("POST", "http://id.example/token"))), "dpop.request");
  EXPECT_EQ(code(proof(payload("POST", "/token"))), "dpop.request");
  EXPECT_TRUE(replays.seen.empty());  // a refused proof isn't used up
  const std::string good = proof(payload("POST", "HTTPS://ID.example:443/a/../token#f"));
  EXPECT_EQ(code(good), "");
  EXPECT_EQ(code(good), "dpop.replay");
  EXPECT_EQ(replays.seen.size(), 1u);
  EXPECT_GT(replays.seen.begin()->second, now + policy.age_max);  // remembered as long as it would pass
  const JwkPrivate victim = std::exchange(key, JwkPrivate::generate(JwsAlgorithm::es256));
  EXPECT_EQ(code(proof(payload())), "");  // the same jti under another key is another proof
}

TEST_F(Dpop, TheWindowIsBoundedOnBothSides) {
  EXPECT_EQ(code(proof(payload("POST", "https://id.example/token", 1'800'000'000 - 61))), "dpop.time");
  EXPECT_EQ(code(proof(payload("POST", "https://id.example/token", 1'800'000'000 + 11))), "dpop.time");
  EXPECT_EQ(code(proof(payload("POST", "https://id.example/token", 1'800'000'000 + 10))), "");
  EXPECT_EQ(code(proof(payload("POST", "https://id.example/token", 9'000'000'000'000'000))), "dpop.proof");
}

TEST_F(Dpop, BoundToTokenAndKey) {
  request.access_token = "token";
  const std::string ath = R"("ath":")" + sha256_base64url("token") + R"(",)";
  EXPECT_EQ(code(proof(payload())), "dpop.token");
  EXPECT_EQ(code(proof(payload("POST", "https://id.example/token", 1'800'000'000, R"("ath":"x",)"))),
            "dpop.token");
  const std::string thumbprint = key.public_key().thumbprint();
  request.thumbprint = thumbprint;
  EXPECT_EQ(code(proof(payload("POST", "https://id.example/token", 1'800'000'000, ath))), "");
  key = JwkPrivate::generate(JwsAlgorithm::es256);
  EXPECT_EQ(code(proof(payload("POST", "https://id.example/token", 1'800'000'000, ath))), "dpop.token");
}

TEST_F(Dpop, ANonceIsAskedForWhenThereIsOne) {
  constexpr std::array<std::string_view, 2> nonces{"n2", "n1"};
  policy.nonces = nonces;
  EXPECT_EQ(code(proof(payload())), "dpop.nonce");
  EXPECT_EQ(code(proof(payload("POST", "https://id.example/token", 1'800'000'000, R"("nonce":"n0",)"))),
            "dpop.nonce");
  EXPECT_EQ(code(proof(payload("POST", "https://id.example/token", 1'800'000'000, R"("nonce":"n1",)"))), "");
}

TEST_F(Dpop, MalformedProofsAreRefused) {
  const auto with_header = [&](std::string_view text) { return sign_compact(key, text, payload()); };
  const std::string jwk = key.public_key().bare_json();
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","typ":"JWT","jwk":)" + jwk + "}")), "dpop.proof");
  EXPECT_EQ(code(with_header(R"({"alg":"none","typ":"dpop+jwt","jwk":)" + jwk + "}")), "dpop.proof");
  EXPECT_EQ(code(with_header(R"({"alg":"HS256","typ":"dpop+jwt","jwk":)" + jwk + "}")), "dpop.proof");
  EXPECT_EQ(code(with_header(R"({"alg":"EdDSA","typ":"dpop+jwt","jwk":)" + jwk + "}")), "dpop.proof");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","typ":"dpop+jwt"})")), "dpop.proof");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","typ":"dpop+jwt","jwk":"x"})")), "dpop.proof");
  const JwkPrivate other = JwkPrivate::generate(JwsAlgorithm::es256);
  EXPECT_EQ(
      code(with_header(R"({"alg":"ES256","typ":"dpop+jwt","jwk":)" + other.public_key().bare_json() + "}")),
      "dpop.proof");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","typ":"dpop+jwt","jwk":)" +
                             std::string(as_text(key.to_json().view())) + "}")),
            "dpop.proof");  // a private key
  EXPECT_EQ(code(proof(R"({"htm":"POST","htu":"https://id.example/token","iat":1800000000})")), "dpop.proof");
  EXPECT_EQ(code(proof(R"({"htm":"POST","htu":"https://id.example/token","jti":"1"})")), "dpop.proof");
  EXPECT_EQ(code(proof("[]")), "dpop.proof");
  EXPECT_EQ(code(std::string(9000, 'a')), "dpop.proof");
  EXPECT_TRUE(replays.seen.empty());
  EXPECT_EQ(code(with_header(header())), "");
}

TEST_F(Dpop, WithoutItsMemoryNothingPasses) {
  replays.broken = true;
  EXPECT_EQ(code(proof(payload())), "test.down");
}

TEST(Htu, IsNormalisedBySyntaxAndScheme) {
  const auto same = [](std::string_view a, std::string_view b) {
    EXPECT_EQ(normalise_htu(a), std::optional<std::string>(b)) << a;
    EXPECT_EQ(normalise_htu(b), std::optional<std::string>(b)) << b;
  };
  same("https://a.example", "https://a.example/");
  same("HTTPS://A.Example:443/%7euser/%2f?q#f", "https://a.example/~user/%2F");
  same("http://a.example:80/./b/../c/..", "http://a.example/");
  same("http://a.example:8080/a/./b/", "http://a.example:8080/a/b/");
  same("https://a.example:/../../x", "https://a.example/x");
  same("https://[::1]:443/x//y", "https://[::1]/x//y");
  for (const std::string_view bad :
       {"", "/x", "ftp://a/x", "https:///x", "https://a b/", "https://a/%4", "https://a/%zz", "https://a:b/",
        "https://u@a/", "https://a/\x01", "https://:1/", "https://a:1:2/", "https://a:b:/", "https://a]/",
        "https://[::1/", "https://[::1]x/", "https://a/\xc3\xa9"}) {
    EXPECT_FALSE(normalise_htu(bad)) << bad;
  }
  EXPECT_FALSE(normalise_htu("https://a/" + std::string(3000, 'a')));
}

TEST(Pkce, Rfc7636AppendixB) {
  constexpr std::string_view verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  constexpr std::string_view challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
  EXPECT_TRUE(is_pkce_challenge(challenge));
  EXPECT_TRUE(pkce_matches(verifier, challenge));
  EXPECT_FALSE(pkce_matches(challenge, challenge));  // `plain` isn't taken
  EXPECT_FALSE(pkce_matches(verifier, ""));
  EXPECT_FALSE(pkce_matches(verifier.substr(1), challenge));
  EXPECT_FALSE(is_pkce_verifier(std::string(42, 'a')));
  EXPECT_TRUE(is_pkce_verifier(std::string(128, '~')));
  EXPECT_FALSE(is_pkce_verifier(std::string(129, 'a')));
  EXPECT_FALSE(is_pkce_verifier(std::string(43, '+')));
  EXPECT_FALSE(is_pkce_challenge(std::string(challenge) + "="));
}

}  // namespace
}  // namespace dayaq::crypto
