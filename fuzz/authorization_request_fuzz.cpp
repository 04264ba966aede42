// links: dayaq::identity_oidc
// Authorization requests as a browser brings them: what is taken goes to a registered address alone, has
// PKCE, and is the same after it was sealed; and the bytes of a sealed one, which only we write, hurt nobody.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "identity/oidc/request.hpp"

namespace {

dayaq::identity::oidc::Client make_client() {
  dayaq::identity::oidc::Client client;
  client.id = "shop";
  client.redirect_uris = {"https://shop.example/cb", "http://127.0.0.1/cb"};
  client.scopes = {"openid", "profile", "status:student"};
  client.grants = 3;
  return client;
}

void check(const dayaq::identity::oidc::AuthorizationRequest& request) {
  using namespace dayaq::identity::oidc;
  const std::string& uri = request.target.redirect_uri;
  if (uri != "https://shop.example/cb" && !uri.starts_with("http://127.0.0.1")) std::abort();
  if (request.code_challenge.size() != 43 || request.scopes.empty()) std::abort();
  if (request.prompt.none && (request.prompt.login || request.prompt.consent)) std::abort();
  for (const ClaimWish& wish : request.claims) {
    if (!wish.in_id_token && !wish.in_userinfo) std::abort();
  }
  const dayaq::Bytes bytes = encode(request);
  const auto again = decode_authorization_request(bytes);
  if (!again || encode(*again) != bytes) std::abort();
  const Redirect answer = respond(request.target, "https://id.example", {{"code", "x"}});
  if (!answer.location.starts_with(uri)) std::abort();
  if (std::ranges::any_of(answer.location, [](char c) { return c == '\r' || c == '\n' || c == ' '; }))
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::identity::oidc;
  static const Client client = make_client();
  static const crypto::JwkSet keys;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto decoded = decode_authorization_request(as_bytes(text))) (void)encode(*decoded);
  const auto parameters = Parameters::parse(text);
  if (!parameters) return 0;
  auto target = parse_target(client, *parameters);
  if (!target) return 0;
  const auto request = parse_authorization_request({.issuer = "https://id.example", .keys = keys}, client,
                                                   *parameters, std::move(*target), Instant());
  if (request) check(*request);
  return 0;
}
