// A provider with its token routes, and programs that call them, for tests. No socket: requests go to the
// router.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <utility>

#include "crypto/jwt.hpp"
#include "http/encoding.hpp"
#include "identity/oidc/authorize_test_support.ipp"
#include "identity/oidc/grants.hpp"

namespace dayaq::identity::oidc::token_test {

using namespace std::chrono_literals;
using authorize_test::callback;
using authorize_test::issuer;
using authorize_test::make_client;
using authorize_test::verifier;
using authorize_test::World;
using test::must;
using Fields = std::vector<std::pair<std::string, std::string>>;

inline std::string form_of(const Fields& fields) {
  std::string out;
  for (const auto& [name, value] : fields) {
    if (!out.empty()) out += '&';
    out += name + '=' + http::percent_encode(value);
  }
  return out;
}

struct Answer {
  int status = 0;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;

  [[nodiscard]] crypto::JsonObject json() const { return must(crypto::JsonObject::parse(body)); }
  [[nodiscard]] std::string text(std::string_view name) const {
    return std::string(json().text(name).value_or(""));
  }
  [[nodiscard]] std::string error() const { return status == 200 ? "none" : text("error"); }
  [[nodiscard]] std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (http::equals_ignoring_case(key, name)) return value;
    }
    return {};
  }
};

/// Claims of a token, not verified.
inline crypto::JsonObject claims_in(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = token.find('.', first + 1);
  const Bytes payload = must(from_base64url(token.substr(first + 1, second - first - 1)));
  return must(crypto::JsonObject::parse(std::string(as_text(payload))));
}

inline std::string basic(std::string_view id, std::string_view secret) {
  return "Basic " + to_base64(as_bytes(fmt::format("{}:{}", id, secret)));
}

struct Desk : World {
  static constexpr std::string_view secret = "q7Zq0dGm3m0sJm1o9i9kQ0m0l2f3a4b5c6d7e8f9a0b";

  template <class... Args>
  explicit Desk(Args&&... args) : World(std::forward<Args>(args)...) {
    must(db().read([&](store::Session& s) { return start_tokens(s, provider, now()); }));
    add_token_routes(router, provider);
    Client shop = make_client();
    shop.secret = client_secret_mac(master, secret);
    shop.scopes.insert(shop.scopes.end(), {"phone", "offline_access", "introspect"});
    add(shop);
  }

  Answer call(http::Method method, std::string path, std::string body, Fields headers) {
    struct Owned {
      std::string path, body;
      Fields headers;
      http::Request request;
    };
    auto owned = std::make_shared<Owned>(Owned{std::move(path), std::move(body), std::move(headers), {}});
    http::Request& request = owned->request;
    request.method = method;
    request.path = owned->path;
    request.body = owned->body;
    for (const auto& [name, value] : owned->headers) request.headers.emplace_back(name, value);
    const auto match = router.match(method, request.path);
    if (match.route == nullptr) throw std::runtime_error("no route " + owned->path);
    const auto answer = std::make_shared<std::promise<http::Response>>();
    auto arrived = answer->get_future();
    (*match.handler)(std::shared_ptr<const http::Request>(owned, &request),
                     http::Responder([answer](http::Response r) { answer->set_value(std::move(r)); }));
    http::Response response = arrived.get();
    return {response.status, std::move(response.body), std::move(response.headers)};
  }
  Answer post(std::string path, const Fields& form, Fields headers = {}) {
    headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    return call(http::Method::post, std::move(path), form_of(form), std::move(headers));
  }
  Answer get(std::string path, Fields headers = {}) {
    return call(http::Method::get, std::move(path), "", std::move(headers));
  }
  Answer token(const Fields& form, Fields headers) { return post("/oauth/token", form, std::move(headers)); }
  /// As the shop, by its secret.
  Answer token(const Fields& form) { return token(form, {{"Authorization", basic("shop", secret)}}); }
  Answer userinfo(std::string_view access) {
    return get("/oauth/userinfo", {{"Authorization", fmt::format("Bearer {}", access)}});
  }
  bool active(std::string_view access) {
    const Answer answer = post("/oauth/introspect", {{"token", std::string(access)}},
                               {{"Authorization", basic("shop", secret)}});
    return answer.json().boolean("active").value();
  }

  Grant make_grant(std::string client_id = "shop") {
    Grant grant;
    grant.id = GrantId(random.next_id());
    grant.client = std::move(client_id);
    grant.person = person;
    grant.authenticated = now() - 5s;
    grant.assurance = Assurance::substantial;
    grant.methods = Methods(AuthenticatorKind::passkey);
    grant.scopes = {"openid"};
    grant.nonce = "n-0S6_WzA2Mj";
    grant.expires = now() + 12h;
    return grant;
  }
  std::string issue(const Grant& grant) {
    const std::string code = draw_code(provider, grant);
    must(db().write([&](store::Session& s) {
      return issue_code(s, provider, {grant, callback, crypto::sha256_base64url(verifier)}, code, now());
    }));
    return code;
  }
  static Fields redeeming(const std::string& code) {
    return {{"grant_type", "authorization_code"},
            {"code", code},
            {"redirect_uri", callback},
            {"code_verifier", verifier}};
  }
  static Fields refreshing(const std::string& refresh_token) {
    return {{"grant_type", "refresh_token"}, {"refresh_token", refresh_token}};
  }
  Answer sign_in_at_shop() { return token(redeeming(issue(make_grant()))); }
  std::optional<StoredGrant> row(const Grant& grant) {
    return must(db().read([&](store::Session& s) { return grant_row(s, grant.person, grant.id); }));
  }

  /// A DPoP proof for a request of this server.
  std::string proof(const crypto::JwkPrivate& key, std::string_view method, std::string_view path,
                    Fields more = {}) {
    crypto::ClaimsWriter claims;
    claims.text("htm", method);
    claims.text("htu", issuer + std::string(path));
    for (const auto& [name, value] : more) claims.text(name, value);
    claims.date("iat", now());
    claims.text("jti", fmt::format("proof-{}", ++proofs));
    const std::string header = fmt::format(R"({{"alg":"{}","jwk":{},"typ":"dpop+jwt"}})",
                                           crypto::to_string(key.algorithm()), key.public_key().bare_json());
    return crypto::sign_compact(key, header, claims.finish());
  }
  /// A client's assertion (RFC 7523).
  std::string assertion(const crypto::JwkPrivate& key, std::string_view client, Fields other = {},
                        std::chrono::seconds life = 60s) {
    std::map<std::string, std::string> texts{{"iss", std::string(client)},
                                             {"sub", std::string(client)},
                                             {"aud", issuer},
                                             {"jti", fmt::format("assertion-{}", ++proofs)}};
    for (auto& [name, value] : other) texts[name] = value;
    crypto::ClaimsWriter claims;
    for (const auto& [name, value] : texts) {
      if (!value.empty()) claims.text(name, value);
    }
    claims.date("iat", now());
    claims.date("exp", now() + life);
    return crypto::sign_compact(key, fmt::format(R"({{"alg":"{}"}})", crypto::to_string(key.algorithm())),
                                claims.finish());
  }
  static Fields with_assertion(Fields form, const std::string& assertion) {
    form.emplace_back("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    form.emplace_back("client_assertion", assertion);
    return form;
  }

  http::Router router;
  int proofs = 0;
};

struct Tokens : testing::TestWithParam<store::Engine> {
  Desk desk{GetParam()};
};

}  // namespace dayaq::identity::oidc::token_test
