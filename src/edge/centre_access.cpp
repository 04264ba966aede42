#include "edge/centre_access.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.hpp"
#include "crypto/jws.hpp"
#include "crypto/jwt.hpp"
#include "crypto/jwt_json.hpp"
#include "http/encoding.hpp"

namespace dayaq::edge {
namespace {

constexpr std::string_view key_prefix = "dyq_";
constexpr std::string_view assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
constexpr std::chrono::seconds assertion_life{60};
constexpr std::chrono::seconds token_life_max{3600};
constexpr int unauthorized = 401;

bool is_api_key(std::string_view token) {
  return token.starts_with(key_prefix);
}

/// What an answer of OAuth or a problem document says, as far as it can be shown.
std::string said_in(const http::ClientResponse& answer) {
  std::string out = fmt::format("status {}", answer.status);
  const auto object = crypto::JsonObject::parse_view(answer.body);
  if (!object) return out;
  for (const char* name : {"error", "error_description", "code", "detail"}) {
    const auto text = object->text(name);
    if (text) out += fmt::format(", {}", text->substr(0, 200));
  }
  return out;
}

std::unexpected<Error> refused_by_centre(const http::ClientResponse& answer, Instant now) {
  return fail(
      ErrorKind::unauthenticated, "centre.refused",
      "The centre doesn't accept this edge's client: look whether the edge was ended, whether its key was "
      "changed elsewhere, and whether the clocks agree.",
      fmt::format("{}; there {}, here {}", said_in(answer), answer.header("date"), format_instant(now)));
}

std::unexpected<Error> other_answer(std::string_view what, const http::ClientResponse& answer) {
  return fail(ErrorKind::unavailable, "centre.answer",
              fmt::format("The centre doesn't answer with {}. Look at centre.url.", what), said_in(answer));
}

const http::Client::Headers& form_headers() {
  static const http::Client::Headers headers{{"Content-Type", "application/x-www-form-urlencoded"}};
  return headers;
}

}  // namespace

std::filesystem::path next_client_file(const std::filesystem::path& client_file) {
  return client_file.string() + ".next";
}

CentreAccess::CentreAccess(Options options, Random& random, const Clock& clock)
    : options_(std::move(options)), is_key_(is_api_key(options_.token)), random_(random), clock_(clock) {}

Result<std::string> CentreAccess::token(http::Client& over) {
  if (options_.client_file.empty() && !is_key_) return options_.token;
  const auto now = options_.steady();
  std::optional<Held> held;
  {
    const std::lock_guard lock(mutex_);
    held = held_;
  }
  if (held && now < held->renew) return held->token;
  auto fetched = fetch(over);
  said(fetched);
  if (!fetched) {
    if (held && now < held->end) return held->token;
    return std::unexpected(std::move(fetched).error());
  }
  const std::lock_guard lock(mutex_);
  held_ = *fetched;
  return std::move(fetched->token);
}

void CentreAccess::refused(std::string_view token) {
  const std::lock_guard lock(mutex_);
  if (held_ && held_->token == token) held_.reset();
}

/// Once for each trouble: those who ask come again and again.
void CentreAccess::said(const Result<Held>& fetched) {
  const std::string_view code = fetched ? std::string_view() : fetched.error().code;
  std::string before;
  {
    const std::lock_guard lock(mutex_);
    if (trouble_ == code) return;
    before = std::exchange(trouble_, std::string(code));
  }
  if (fetched) return log::info("centre.token", "the centre gives tokens again", {{"before", before}});
  if (fetched.error().code.starts_with("client.")) return;  // whoever calls says that the centre is away
  log::error("centre.no_token", "this edge gets no access token; what is known stays in force",
             fetched.error());
}

Result<CentreAccess::Held> CentreAccess::fetch(http::Client& over) {
  if (options_.client_file.empty()) return fetch_by_key(over);
  auto client = feed::EdgeClient::read(options_.client_file);
  auto fetched = client ? fetch_by_client(over, *client) : Result<Held>(std::unexpected(client.error()));
  if (fetched || fetched.error().kind == ErrorKind::unavailable) return fetched;
  std::error_code error;
  const auto next_file = next_client_file(options_.client_file);
  if (!std::filesystem::exists(next_file, error)) return fetched;
  const auto next = feed::EdgeClient::read(next_file);
  if (!next) return fetched;
  auto by_next = fetch_by_client(over, *next);
  return by_next ? std::move(by_next) : std::move(fetched);
}

namespace {

struct Given {
  std::string token;
  std::chrono::seconds life;
};

Result<Given> given_in(const http::ClientResponse& answer, Instant now) {
  if (answer.status == 400 || answer.status == unauthorized) return refused_by_centre(answer, now);
  const auto object = crypto::JsonObject::parse_view(answer.body);
  const auto token = object ? object->text("access_token") : std::nullopt;
  if (answer.status != 200 || !token || token->empty() || !http::is_header_value(*token)) {
    return other_answer("an access token", answer);
  }
  const std::int64_t life = object->integer("expires_in").value_or(60);
  return Given{.token = std::string(*token),
               .life = std::chrono::seconds(std::clamp<std::int64_t>(life, 1, token_life_max.count()))};
}

}  // namespace

Result<CentreAccess::Held> CentreAccess::fetch_by_key(http::Client& over) const {
  const std::string_view key = options_.token;
  const std::string_view number =
      key.substr(key_prefix.size(), key.find('_', key_prefix.size()) - key_prefix.size());
  const auto asked = options_.steady();
  DAYAQ_TRY(const auto answer,
            over.request(http::Method::post, "/oauth/token",
                         fmt::format("grant_type=client_credentials&client_id=key-{}&client_secret={}",
                                     http::percent_encode(number), http::percent_encode(key)),
                         form_headers()));
  DAYAQ_TRY(Given given, given_in(answer, clock_.now()));
  return Held{.token = std::move(given.token),
              .renew = asked + std::chrono::milliseconds(given.life) * 4 / 5,
              .end = asked + given.life};
}

Result<CentreAccess::Held> CentreAccess::fetch_by_client(http::Client& over, const feed::EdgeClient& client) {
  DAYAQ_TRY(const std::string audience, issuer(over));
  const Instant now = clock_.now();
  std::array<std::byte, 16> jti{};
  random_.fill(jti);
  crypto::ClaimsWriter claims;
  claims.text("aud", audience)
      .date("exp", now + assertion_life)
      .date("iat", now)
      .text("iss", client.id)
      .text("jti", to_base64url(jti))
      .text("sub", client.id);
  const std::string assertion =
      crypto::sign_compact(client.key, R"({"alg":"EdDSA","typ":"JWT"})", claims.finish());
  const auto asked = options_.steady();
  DAYAQ_TRY(
      const auto answer,
      over.request(http::Method::post, "/oauth/token",
                   fmt::format("grant_type=client_credentials&client_assertion_type={}&client_assertion={}",
                               http::percent_encode(assertion_type), assertion),
                   form_headers()));
  auto given = given_in(answer, now);
  if (!given) {
    const std::lock_guard lock(mutex_);
    issuer_.clear();  // the centre may have got another address
    return std::unexpected(std::move(given).error());
  }
  std::string before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(client_, client.id);
  }
  if (!before.empty() && before != client.id) {
    log::info("centre.client_changed", "this edge shows the centre another key", {{"client", client.id}});
  }
  return Held{.token = std::move(given->token),
              .renew = asked + std::chrono::milliseconds(given->life) * 4 / 5,
              .end = asked + given->life};
}

/// Who the centre says it is. @see RFC 8414 section 3
Result<std::string> CentreAccess::issuer(http::Client& over) {
  {
    const std::lock_guard lock(mutex_);
    if (!issuer_.empty()) return issuer_;
  }
  DAYAQ_TRY(const auto answer, over.get("/.well-known/oauth-authorization-server"));
  const auto object = crypto::JsonObject::parse_view(answer.body);
  const auto named = object ? object->text("issuer") : std::nullopt;
  if (answer.status != 200 || !named || named->empty()) return other_answer("its OAuth metadata", answer);
  const std::lock_guard lock(mutex_);
  issuer_ = std::string(*named);
  return issuer_;
}

Result<http::ClientResponse> CentreClient::request(http::Method method, std::string_view target,
                                                   std::string_view body,
                                                   const http::Client::Headers& headers) {
  if (access_ == nullptr) return client_.request(method, target, body, headers);
  for (int tried = 0;; ++tried) {
    DAYAQ_TRY(const std::string token, access_->token(client_));
    http::Client::Headers all = headers;
    all.emplace_back("Authorization", "Bearer " + token);
    auto answer = client_.request(method, target, body, all);
    if (!answer || answer->status != unauthorized) return answer;
    access_->refused(token);
    if (tried > 0) return answer;
  }
}

Result<void> change_client_key(http::Client& centre, const CentreAccess::Options& now,
                               const std::filesystem::path& client_file, std::string_view operator_code,
                               std::string_view edge, Random& random, const Clock& clock) {
  const auto next_file = next_client_file(client_file);
  std::error_code error;
  if (!std::filesystem::exists(next_file, error)) {
    DAYAQ_TRY_OK(feed::EdgeClient::make(operator_code, edge).write(next_file));
  }
  DAYAQ_TRY(const auto next, feed::EdgeClient::read(next_file));
  // A call that was interrupted may have told the centre already.
  CentreAccess by_next({.client_file = next_file, .token = {}}, random, clock), by_now(now, random, clock);
  const auto known = by_next.token(centre);
  if (!known && known.error().code != "centre.refused") return std::unexpected(known.error());
  if (!known) {
    DAYAQ_TRY(const std::string token, by_now.token(centre));
    DAYAQ_TRY(const auto answer,
              centre.post(fmt::format("/v1/edges/{}/client-key", http::percent_encode(edge)),
                          fmt::format(R"({{"client_key":"{}"}})", to_base64(next.public_key())),
                          {{"Authorization", "Bearer " + token}}));
    if (answer.status != 200) {
      if (answer.status == unauthorized || answer.status == 403)
        return refused_by_centre(answer, clock.now());
      return other_answer("this edge's new key", answer);
    }
  }
  std::filesystem::rename(next_file, client_file, error);
  if (!error) return {};
  return fail(ErrorKind::unavailable, "file.write",
              fmt::format("The new key can't be put in place as {}.", client_file.string()), error.message());
}

}  // namespace dayaq::edge
