// links: dayaq::crypto
// Keys and tokens for tests/jose_test.py, which lets programs that others wrote judge them: one command a
// line, its words separated by tabs; one line back, "ok" and words, or "error" and a code.
#include <fmt/format.h>

#include <charconv>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "crypto/jwt.hpp"
#include "crypto/jwt_dpop.hpp"

using namespace dayaq;
using namespace dayaq::crypto;

namespace {

class Seen final : public ReplayCache {
 public:
  Result<bool> first_use(std::string_view id, Instant) override { return ids_.emplace(id).second; }

 private:
  std::set<std::string> ids_;
};

using Words = std::vector<std::string>;

Result<std::string> run(const Words& words, ReplayCache& replays) {
  const std::string& verb = words.at(0);
  if (verb == "generate") {
    const auto algorithm = parse_jws_algorithm(words.at(1));
    if (!algorithm) return fail(ErrorKind::invalid_input, "tool.algorithm", "");
    const JwkPrivate key = JwkPrivate::generate(*algorithm);
    return fmt::format("{}\t{}\t{}", as_text(key.to_json().view()), key.public_key().to_json(),
                       to_base64(key.to_pem().view()));
  }
  if (verb == "from_pem") {  // algorithm, base64 of the PEM
    DAYAQ_TRY(const Bytes pem, from_base64(words.at(2)));
    DAYAQ_TRY(const JwkPrivate key, JwkPrivate::from_pem(as_text(pem), *parse_jws_algorithm(words.at(1))));
    return std::string(as_text(key.to_json().view()));
  }
  if (verb == "thumbprint") {
    DAYAQ_TRY(const JwkPublic key, JwkPublic::parse(words.at(1)));
    return key.thumbprint();
  }
  if (verb == "sign") {  // private JWK, typ, payload
    DAYAQ_TRY(JwkPrivate key, JwkPrivate::parse(words.at(1)));
    return JwsSigner(std::make_shared<const JwkPrivate>(std::move(key)), words.at(2)).sign(words.at(3));
  }
  if (verb == "verify") {  // JWKS, algorithm, token
    DAYAQ_TRY(const JwkSet keys, JwkSet::parse(words.at(1)));
    DAYAQ_TRY(const JwsParts parts,
              verify_compact(words.at(3), keys, {.algorithms = {*parse_jws_algorithm(words.at(2))}}));
    return parts.payload;
  }
  if (verb == "proof") {  // private JWK, claims
    DAYAQ_TRY(const JwkPrivate key, JwkPrivate::parse(words.at(1)));
    const std::string header = fmt::format(R"({{"alg":"{}","jwk":{},"typ":"dpop+jwt"}})",
                                           to_string(key.algorithm()), key.public_key().bare_json());
    return sign_compact(key, header, words.at(2));
  }
  if (verb == "dpop") {  // proof, method, URL, access token, seconds since 1970
    std::int64_t now = 0;
    std::from_chars(words.at(5).data(), words.at(5).data() + words.at(5).size(), now);
    DpopRequest request{.method = words.at(2), .url = words.at(3)};
    if (!words.at(4).empty()) request.access_token = words.at(4);
    DAYAQ_TRY(const DpopProof proof,
              check_dpop(words.at(1), request, {}, replays, from_micros(now * 1'000'000)));
    return proof.thumbprint;
  }
  if (verb == "pkce") return std::string(pkce_matches(words.at(1), words.at(2)) ? "yes" : "no");
  return fail(ErrorKind::invalid_input, "tool.verb", "");
}

}  // namespace

int main() {
  Seen replays;
  for (std::string line; std::getline(std::cin, line);) {
    Words words(1);
    for (const char c : line) {
      if (c == '\t') {
        words.emplace_back();
      } else {
        words.back() += c;
      }
    }
    const auto answer = run(words, replays);
    fmt::print("{}\t{}\n", answer ? "ok" : "error", answer ? *answer : std::string(answer.error().code));
    std::fflush(stdout);
  }
}
