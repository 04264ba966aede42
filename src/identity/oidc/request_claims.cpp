// The claims parameter, id_token_hint, and the bytes of a request.
#include <algorithm>
#include <array>

#include "crypto/jwt.hpp"
#include "identity/account/sealed.hpp"
#include "identity/oidc/claims.hpp"
#include "identity/oidc/request.hpp"
#include "identity/oidc/token_state.hpp"

namespace dayaq::identity::oidc {
namespace {

using crypto::JsonObject;

constexpr std::size_t claims_size_max = 4096;
constexpr std::size_t claims_max = 32;
constexpr std::size_t claim_name_max = 128;

/// One member of "userinfo" or "id_token": null, or an object with essential, value, values.
struct ReadWish {
  bool essential = false;
  std::vector<std::string> values;  ///< of text; others aren't compared with anything here
};

Result<ReadWish> read_wish(const JsonObject::Member& member) {
  ReadWish out;
  if (member.kind == JsonObject::Kind::null) return out;
  if (member.kind != JsonObject::Kind::object) {
    return refuse("oauth.invalid_request", "claims: a claim is asked for by null or an object.");
  }
  DAYAQ_TRY(const JsonObject wish, JsonObject::parse(std::string(member.raw)));
  if (wish.has("essential")) {
    const auto essential = wish.boolean("essential");
    if (!essential) return refuse("oauth.invalid_request", "claims: essential isn't true or false.");
    out.essential = *essential;
  }
  if (wish.has("value")) {
    if (const auto value = wish.text("value")) out.values.emplace_back(*value);
  }
  if (wish.has("values")) {
    if (wish.kind("values") != JsonObject::Kind::array) {
      return refuse("oauth.invalid_request", "claims: values isn't an array.");
    }
    if (auto values = wish.texts("values")) {
      out.values.insert(out.values.end(), values->begin(), values->end());
    }
  }
  return out;
}

void read_acr(ClaimsParameter& out, const ReadWish& wish) {
  out.acr_asked = true;
  out.acr_essential |= wish.essential && !wish.values.empty();
  for (const std::string& value : wish.values) {
    const auto level = assurance_of_acr(value);
    if (level && (out.acr == Assurance::none || *level < out.acr)) out.acr = *level;
  }
}

Result<void> read_member(ClaimsParameter& out, const JsonObject::Member& member, bool id_token) {
  if (member.name.empty() || member.name.size() > claim_name_max) {
    return refuse("oauth.invalid_request", "claims: a name is empty or too long.");
  }
  DAYAQ_TRY(const ReadWish wish, read_wish(member));
  // These are about the sign-in, not about the person (OpenID Connect Core sections 5.5.1 and 5.5.1.1).
  if (member.name == "acr") {
    if (id_token) read_acr(out, wish);
    return {};
  }
  if (member.name == "auth_time") {
    out.auth_time |= id_token;
    return {};
  }
  if (member.name == "sub") {
    if (wish.values.size() > 1) return refuse("oauth.invalid_request", "claims: sub has several values.");
    if (wish.values.empty()) return {};
    if (!out.subject.empty() && out.subject != wish.values.front()) {
      return refuse("oauth.invalid_request", "claims: sub has several values.");
    }
    out.subject = wish.values.front();
    return {};
  }
  auto same = std::ranges::find(out.wishes, member.name, &ClaimWish::name);
  if (same == out.wishes.end()) {
    if (out.wishes.size() == claims_max) return refuse("oauth.invalid_request", "claims: too many.");
    same = out.wishes.insert(out.wishes.end(), ClaimWish{.name = std::string(member.name)});
  }
  same->essential |= wish.essential;
  (id_token ? same->in_id_token : same->in_userinfo) = true;
  return {};
}

template <class Count, class Take>
bool take_list(BytesView& in, Count max, Take&& take) {
  Count count = 0;
  if (!take_le(in, count) || count > max) return false;
  for (Count i = 0; i < count; ++i) {
    if (!take()) return false;
  }
  return true;
}

enum Flag : std::uint16_t {
  form_post = 1,
  prompt_none = 2,
  prompt_login = 4,
  prompt_consent = 8,
  prompt_select = 16,
  essential = 32,
  has_max_age = 64,
};
constexpr std::uint8_t version = 1;

}  // namespace

Result<ClaimsParameter> parse_claims_parameter(std::string_view json) {
  if (json.size() > claims_size_max) return refuse("oauth.invalid_request", "claims is too long.");
  const auto object = JsonObject::parse(std::string(json));
  if (!object) return refuse("oauth.invalid_request", "claims isn't a JSON object.");
  ClaimsParameter out;
  for (const std::string_view where : {"userinfo", "id_token"}) {
    if (!object->has(where) || object->kind(where) == JsonObject::Kind::null) continue;
    if (object->kind(where) != JsonObject::Kind::object) {
      return refuse("oauth.invalid_request", "claims: userinfo and id_token are objects.");
    }
    DAYAQ_TRY(const JsonObject members, JsonObject::parse(std::string(object->raw(where))));
    for (std::size_t i = 0; i < members.size(); ++i) {
      DAYAQ_TRY_OK(read_member(out, members.member(i), where == "id_token"));
    }
  }
  return out;
}

bool may_ask_claim(const Client& client, std::string_view claim) {
  const std::string_view scope = scope_of_claim(claim);
  return !scope.empty() && std::ranges::find(client.scopes, scope) != client.scopes.end();
}

Result<IdTokenHint> check_id_token_hint(const Provider& provider, std::string_view token, Instant now) {
  const auto keys = provider.tokens->public_keys(provider.keys, now);
  return check_id_token_hint({.issuer = provider.issuer, .keys = *keys}, token);
}

Result<IdTokenHint> check_id_token_hint(const RequestContext& context, std::string_view token) {
  const auto not_ours = [] { return refuse("oauth.invalid_request", "id_token_hint isn't one of ours."); };
  const auto parts = crypto::verify_compact(token, context.keys,
                                            {.algorithms = crypto::all_jws_algorithms, .size_max = 8192});
  if (!parts) return not_ours();
  // An access token or a logout token isn't an ID token, though we signed it (RFC 8725 section 3.11).
  const auto typ = parts->header.text("typ");
  if (typ && *typ != "JWT") return not_ours();
  const auto claims = JsonObject::parse(parts->payload);
  if (!claims || claims->text("iss") != context.issuer) return not_ours();
  // exp isn't looked at: "the OP SHOULD accept ID Tokens when the RP ... its exp time has passed".
  IdTokenHint out;
  if (const auto one = claims->text("aud")) {
    out.client = *one;
  } else if (const auto several = claims->texts("aud"); several && several->size() == 1) {
    out.client = several->front();
  }
  out.subject = claims->text("sub").value_or("");
  out.sid = claims->text("sid").value_or("");
  if (out.client.empty() || out.subject.empty() || claims->has("events")) return not_ours();
  return out;
}

Bytes encode(const AuthorizationRequest& request) {
  Bytes out;
  put_le<std::uint8_t>(out, version);
  unsigned flags = 0;
  if (request.target.form_post) flags |= form_post;
  if (request.prompt.none) flags |= prompt_none;
  if (request.prompt.login) flags |= prompt_login;
  if (request.prompt.consent) flags |= prompt_consent;
  if (request.prompt.select_account) flags |= prompt_select;
  if (request.wanted_essential) flags |= essential;
  if (request.max_age) flags |= has_max_age;
  put_le<std::uint16_t>(out, static_cast<std::uint16_t>(flags));
  put_le<std::uint8_t>(out, static_cast<std::uint8_t>(request.wanted));
  put_le<std::uint8_t>(out, request.language ? static_cast<std::uint8_t>(1 + int(*request.language)) : 0);
  put_le<std::uint32_t>(out, request.max_age.value_or(0));
  put_le<std::int64_t>(out, to_micros(request.asked));
  for (const std::string* text :
       {&request.client, &request.target.redirect_uri, &request.target.state, &request.nonce,
        &request.code_challenge, &request.jkt, &request.subject, &request.login_hint}) {
    put_text<std::uint32_t>(out, *text);
  }
  put_le<std::uint16_t>(out, static_cast<std::uint16_t>(request.scopes.size()));
  for (const std::string& scope : request.scopes) put_text<std::uint32_t>(out, scope);
  put_le<std::uint16_t>(out, static_cast<std::uint16_t>(request.claims.size()));
  for (const ClaimWish& wish : request.claims) {
    put_text<std::uint32_t>(out, wish.name);
    put_le<std::uint8_t>(out,
                         static_cast<std::uint8_t>((wish.essential ? 1 : 0) | (wish.in_id_token ? 2 : 0) |
                                                   (wish.in_userinfo ? 4 : 0)));
  }
  return out;
}

std::optional<AuthorizationRequest> decode_authorization_request(BytesView bytes) {
  AuthorizationRequest out;
  std::uint8_t read_version = 0, wanted = 0, language = 0;
  std::uint16_t flags = 0;
  std::uint32_t max_age = 0;
  std::int64_t asked = 0;
  const bool head = take_le(bytes, read_version) && read_version == version && take_le(bytes, flags) &&
                    take_le(bytes, wanted) && wanted <= 3 && take_le(bytes, language) && language <= 3 &&
                    take_le(bytes, max_age) && take_le(bytes, asked);
  if (!head) return std::nullopt;
  out.target.form_post = (flags & form_post) != 0;
  out.prompt = {.none = (flags & prompt_none) != 0,
                .login = (flags & prompt_login) != 0,
                .consent = (flags & prompt_consent) != 0,
                .select_account = (flags & prompt_select) != 0};
  out.wanted_essential = (flags & essential) != 0;
  if ((flags & has_max_age) != 0) out.max_age = max_age;
  out.wanted = static_cast<Assurance>(wanted);
  if (language != 0) out.language = static_cast<Language>(language - 1);
  out.asked = from_micros(asked);
  for (std::string* text : {&out.client, &out.target.redirect_uri, &out.target.state, &out.nonce,
                            &out.code_challenge, &out.jkt, &out.subject, &out.login_hint}) {
    if (!take_text<std::uint32_t>(bytes, *text)) return std::nullopt;
  }
  const bool lists =
      take_list<std::uint16_t>(bytes, 64,
                               [&] { return take_text<std::uint32_t>(bytes, out.scopes.emplace_back()); }) &&
      take_list<std::uint16_t>(bytes, 64, [&] {
        ClaimWish wish;
        std::uint8_t bits = 0;
        if (!take_text<std::uint32_t>(bytes, wish.name) || !take_le(bytes, bits)) return false;
        wish.essential = (bits & 1) != 0;
        wish.in_id_token = (bits & 2) != 0;
        wish.in_userinfo = (bits & 4) != 0;
        out.claims.push_back(std::move(wish));
        return true;
      });
  if (!lists || !bytes.empty()) return std::nullopt;
  return out;
}

}  // namespace dayaq::identity::oidc
