#include "edge/tv/token.hpp"

#include <fmt/format.h>

#include <charconv>

#include "crypto/md5.hpp"
#include "crypto/sign.hpp"

namespace dayaq::edge::tv {
namespace {

constexpr std::size_t token_bytes_max = 512;

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3 || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) return std::nullopt;
      c = char(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    out.push_back(c);
  }
  return out;
}

std::int64_t seconds_of(Instant t) {
  return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
}

/// Takes "NAME=value" off the front, up to '~' or the end.
bool take_field(std::string_view& rest, std::string_view name, std::string_view& value) {
  if (!rest.starts_with(name)) return false;
  rest.remove_prefix(name.size());
  const std::size_t end = std::min(rest.find('~'), rest.size());
  value = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return true;
}

template <class Int>
bool whole(std::string_view text, Int& out, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

std::array<std::byte, 32> hmac_sha256(BytesView key, BytesView message) {
  std::array<std::byte, 64> inner{}, outer{};
  if (key.size() > inner.size()) {
    const auto hashed = crypto::sha256(key);
    std::ranges::copy(hashed, inner.begin());
  } else {
    std::ranges::copy(key, inner.begin());
  }
  outer = inner;
  for (std::byte& b : inner) b ^= std::byte(0x36);
  for (std::byte& b : outer) b ^= std::byte(0x5c);
  return crypto::sha256(outer, crypto::sha256(inner, message));
}

std::string make_token(BytesView key, const Token& token) {
  std::string text =
      fmt::format("exp={}~acl={}*~data={:016x}", seconds_of(token.expires), token.prefix, token.key);
  const auto mac = hmac_sha256(key, as_bytes(text));
  return text + "~hmac=" + to_hex(mac);
}

Result<Token> check_token(BytesView key, std::string_view token, std::string_view path, Instant now) {
  const auto malformed = [] {
    return fail(ErrorKind::invalid_input, "tv.token", "The address has a broken token. Ask for a new one.");
  };
  std::string_view rest = token, expires, acl, data, mac;
  if (token.size() > token_bytes_max || !take_field(rest, "exp=", expires) ||
      !take_field(rest, "acl=", acl) || !take_field(rest, "data=", data) || !take_field(rest, "hmac=", mac) ||
      !rest.empty()) {
    return malformed();
  }
  std::int64_t seconds = 0;
  std::uint64_t pseudonym = 0;
  if (!whole(expires, seconds, 10) || seconds < 0 || seconds > 253402300799 || data.size() != 16 ||
      !whole(data, pseudonym, 16) || !acl.starts_with('/') || !acl.ends_with("/*") || mac.size() != 64) {
    return malformed();
  }
  const auto given = from_hex(mac);
  if (!given) return malformed();
  const std::string_view signed_part = token.substr(0, token.size() - mac.size() - 6);
  if (!crypto::equal_constant_time(hmac_sha256(key, as_bytes(signed_part)), *given)) {
    return fail(ErrorKind::forbidden, "tv.token_signature",
                "The address has a token that this operator didn't make. Ask for a new one.");
  }
  Token out{.expires = Instant(std::chrono::seconds(seconds)),
            .prefix = std::string(acl.substr(0, acl.size() - 1)),
            .key = pseudonym};
  if (out.expires <= now) {
    return fail(ErrorKind::forbidden, "tv.token_expired", "The address has run out. Ask for a new one.");
  }
  if (!path.starts_with(out.prefix)) {
    return fail(ErrorKind::forbidden, "tv.token_path", "The address has a token for another channel.");
  }
  return out;
}

std::string secure_link(std::string_view secret, const Token& token) {
  const std::string text =
      fmt::format("{}{} {:016x} {}", seconds_of(token.expires), token.prefix, token.key, secret);
  return to_base64url(crypto::md5({as_bytes(text)}));
}

std::string make_pass(std::string_view secret, std::string_view prefix, std::string_view line,
                      Instant expires) {
  const std::string text = fmt::format("{}{} {} {}", seconds_of(expires), prefix, line, secret);
  return fmt::format("{}.{}", to_base64url(crypto::md5({as_bytes(text)})), seconds_of(expires));
}

std::optional<std::string> normal_path(std::string_view address) {
  address = address.substr(0, std::min(address.find('?'), address.find('#')));
  if (!address.starts_with('/')) return std::nullopt;
  const auto decoded = decode(address);
  if (!decoded) return std::nullopt;
  std::string out = "/";
  std::string_view rest = *decoded;
  while (!rest.empty()) {
    rest.remove_prefix(1);  // the slash
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view segment = rest.substr(0, end);
    const bool more = end < rest.size();
    rest.remove_prefix(end);
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      if (out.size() == 1) return std::nullopt;
      out.erase(out.rfind('/', out.size() - 2) + 1);
      continue;
    }
    out.append(segment);
    if (more) out.push_back('/');
  }
  return out;
}

}  // namespace dayaq::edge::tv
