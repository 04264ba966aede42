#include "crypto/jwt.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace dayaq::crypto {
namespace {

constexpr std::size_t registered_bytes_max = 512;
constexpr std::size_t audience_max = 32;
constexpr std::chrono::seconds skew_max{300};

std::unexpected<Error> format_error(std::string_view what) {
  return fail(ErrorKind::invalid_input, "jwt.format", "The token's claims can't be read.", std::string(what));
}

Result<std::string> text_claim(const JsonObject& claims, std::string_view name) {
  if (!claims.has(name)) return std::string();
  const auto value = claims.text(name);
  if (!value || value->size() > registered_bytes_max) return format_error(name);
  return std::string(*value);
}

Result<std::optional<Instant>> date_claim(const JsonObject& claims, std::string_view name) {
  if (!claims.has(name)) return std::optional<Instant>();
  const auto value = claims.integer(name);
  constexpr std::int64_t end = 253'402'300'800;  // year 10000; more would overflow microseconds
  if (!value || *value < 0 || *value >= end) return format_error(name);
  return std::optional(Instant(std::chrono::seconds(*value)));
}

Result<Jwt> read_claims(std::string payload) {
  auto claims = JsonObject::parse(std::move(payload));
  if (!claims) return format_error("not strict JSON");
  Jwt out;
  out.claims = std::move(*claims);
  DAYAQ_TRY(out.issuer, text_claim(out.claims, "iss"));
  DAYAQ_TRY(out.subject, text_claim(out.claims, "sub"));
  DAYAQ_TRY(out.id, text_claim(out.claims, "jti"));
  DAYAQ_TRY(out.expires, date_claim(out.claims, "exp"));
  DAYAQ_TRY(out.not_before, date_claim(out.claims, "nbf"));
  DAYAQ_TRY(out.issued, date_claim(out.claims, "iat"));
  if (out.claims.kind("aud") == JsonObject::Kind::text) {
    DAYAQ_TRY(std::string one, text_claim(out.claims, "aud"));
    out.audience.push_back(std::move(one));
  } else if (out.claims.has("aud")) {
    auto several = out.claims.texts("aud");
    if (!several || several->size() > audience_max) return format_error("aud");
    out.audience = std::move(*several);
  }
  return out;
}

Result<void> check_parties(const Jwt& jwt, const JwtPolicy& policy) {
  for (const std::string_view name : policy.required) {
    const auto kind = jwt.claims.kind(name);
    if (!kind || kind == JsonObject::Kind::null || jwt.claims.text(name) == "")
      return fail(ErrorKind::unauthenticated, "jwt.required", "The token lacks something.",
                  std::string(name));
  }
  if (!policy.issuer.empty() && jwt.issuer != policy.issuer)
    return fail(ErrorKind::unauthenticated, "jwt.issuer", "The token comes from elsewhere.", "iss");
  if (policy.audiences.empty()) return {};
  const auto ours = [&](const std::string& name) {
    return std::ranges::find(policy.audiences, name) != policy.audiences.end();
  };
  if (std::ranges::none_of(jwt.audience, ours))
    return fail(ErrorKind::unauthenticated, "jwt.audience", "The token is for somebody else.",
                "aud doesn't name us");
  if (policy.only_audience && !std::ranges::all_of(jwt.audience, ours)) {
    return fail(ErrorKind::unauthenticated, "jwt.audience", "The token is for somebody else.",
                "aud names others too");
  }
  return {};
}

Result<void> check_times(const Jwt& jwt, const JwtPolicy& policy, Instant now) {
  const auto skew = std::clamp(policy.skew, std::chrono::seconds(0), skew_max);
  if (!jwt.expires && policy.expiry_required)
    return fail(ErrorKind::unauthenticated, "jwt.required", "The token lacks something.", "exp");
  if (jwt.expires && now >= *jwt.expires + skew)
    return fail(ErrorKind::unauthenticated, "jwt.expired", "The token is no longer valid.", "exp");
  if (jwt.not_before && now < *jwt.not_before - skew)
    return fail(ErrorKind::unauthenticated, "jwt.not_yet", "The token is not valid yet.", "nbf");
  if (jwt.issued && *jwt.issued > now + skew)
    return fail(ErrorKind::unauthenticated, "jwt.not_yet", "The token is not valid yet.", "iat");
  if (policy.life_max && jwt.expires && *jwt.expires - jwt.issued.value_or(now) > *policy.life_max + skew) {
    return fail(ErrorKind::unauthenticated, "jwt.life", "The token is too old or lives too long.",
                "exp is too far off");
  }
  if (policy.age_max) {
    if (!jwt.issued)
      return fail(ErrorKind::unauthenticated, "jwt.required", "The token lacks something.", "iat");
    if (now - *jwt.issued > *policy.age_max + skew)
      return fail(ErrorKind::unauthenticated, "jwt.life", "The token is too old or lives too long.",
                  "iat is too long ago");
  }
  return {};
}

}  // namespace

ClaimsWriter::ClaimsWriter(std::size_t reserve) {
  out_.reserve(reserve);
  out_ += '{';
  pieces_.reserve(16);
}

void ClaimsWriter::begin(std::string_view name) {
  if (!pieces_.empty()) out_ += ',';
  Piece piece{out_.size(), 0, 0};
  append_json_text(out_, name);
  piece.name_size = out_.size() - piece.at;
  if (!pieces_.empty() && name_of(pieces_.back()) >= name_of(piece)) sorted_ = false;
  pieces_.push_back(piece);
  out_ += ':';
}

void ClaimsWriter::end() {
  pieces_.back().size = out_.size() - pieces_.back().at;
}

ClaimsWriter& ClaimsWriter::text(std::string_view name, std::string_view value) {
  begin(name);
  append_json_text(out_, value);
  end();
  return *this;
}

ClaimsWriter& ClaimsWriter::number(std::string_view name, std::int64_t value) {
  begin(name);
  std::array<char, 24> digits;
  out_.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
  end();
  return *this;
}

ClaimsWriter& ClaimsWriter::boolean(std::string_view name, bool value) {
  return json(name, value ? "true" : "false");
}

ClaimsWriter& ClaimsWriter::date(std::string_view name, Instant value) {
  return number(name, std::chrono::floor<std::chrono::seconds>(value).time_since_epoch().count());
}

ClaimsWriter& ClaimsWriter::texts(std::string_view name, std::span<const std::string> values) {
  begin(name);
  out_ += '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out_ += ',';
    append_json_text(out_, values[i]);
  }
  out_ += ']';
  end();
  return *this;
}

ClaimsWriter& ClaimsWriter::audience(std::span<const std::string> values) {
  return values.size() == 1 ? text("aud", values.front()) : texts("aud", values);
}

ClaimsWriter& ClaimsWriter::json(std::string_view name, std::string_view raw) {
  begin(name);
  out_ += raw;
  end();
  return *this;
}

std::string ClaimsWriter::finish() {
  out_ += '}';
  std::string result;
  if (sorted_) {
    result = std::move(out_);
  } else {
    std::sort(pieces_.begin(), pieces_.end(), [&](const Piece& a, const Piece& b) {
      return std::pair(name_of(a), a.at) < std::pair(name_of(b), b.at);
    });
    result.reserve(out_.size());
    result += '{';
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      if (i > 0 && name_of(pieces_[i]) == name_of(pieces_[i - 1])) continue;
      if (result.size() > 1) result += ',';
      result += std::string_view(out_).substr(pieces_[i].at, pieces_[i].size);
    }
    result += '}';
  }
  out_ = "{";
  pieces_.clear();
  sorted_ = true;
  return result;
}

Result<Jwt> check_claims(std::string payload, const JwtPolicy& policy, Instant now) {
  DAYAQ_TRY(Jwt jwt, read_claims(std::move(payload)));
  DAYAQ_TRY_OK(check_parties(jwt, policy));
  DAYAQ_TRY_OK(check_times(jwt, policy, now));
  return jwt;
}

Result<Jwt> verify_jwt(std::string_view token, const JwkSet& keys, const JwsPolicy& signature,
                       const JwtPolicy& policy, Instant now) {
  DAYAQ_TRY(JwsParts parts, verify_compact(token, keys, signature));
  return check_claims(std::move(parts.payload), policy, now);
}

}  // namespace dayaq::crypto
