#include "identity/oidc/authorize_seal.hpp"

#include <algorithm>
#include <array>

#include "crypto/sign.hpp"

namespace dayaq::identity::oidc {
namespace {

Bytes context_of(std::string_view purpose, SessionId session) {
  Bytes context(as_bytes(purpose).begin(), as_bytes(purpose).end());
  put_le<std::uint64_t>(context, session.value());
  return context;
}

}  // namespace

std::string seal_text(const Provider& provider, std::string_view purpose, SessionId session,
                      BytesView content, Instant until) {
  Bytes plain;
  plain.reserve(8 + content.size());
  put_le<std::int64_t>(plain, to_micros(until));
  plain.insert(plain.end(), content.begin(), content.end());
  return to_base64url(provider.master.seal(plain, context_of(purpose, session), provider.random));
}

Result<Bytes> open_text(const Provider& provider, std::string_view purpose, SessionId session,
                        std::string_view sealed, Instant now) {
  constexpr std::string_view again = "This page is no longer valid. Go back to the service and start again.";
  const auto bytes = from_base64url(sealed);
  const auto plain = bytes ? provider.master.open(*bytes, context_of(purpose, session)) : std::nullopt;
  BytesView rest = plain ? plain->view() : BytesView();
  std::int64_t until = 0;
  if (!take_le(rest, until)) {
    return fail(ErrorKind::invalid_input, "authorize.request", std::string(again));
  }
  if (now >= from_micros(until)) {
    return fail(ErrorKind::invalid_input, "authorize.expired",
                "Too much time has passed. Go back to the service and start again.");
  }
  return Bytes(rest.begin(), rest.end());
}

Result<AuthorizationRequest> open_request(const Provider& provider, std::string_view purpose,
                                          SessionId session, std::string_view sealed, Instant now) {
  DAYAQ_TRY(const Bytes bytes, open_text(provider, purpose, session, sealed, now));
  auto request = decode_authorization_request(bytes);
  if (!request) {
    return fail(ErrorKind::invalid_input, "authorize.request",
                "This page is no longer valid. Go back to the service and start again.");
  }
  return std::move(*request);
}

std::string join_names(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ' ';
    out += name;
  }
  return out;
}

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end != 0) out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

Bytes hash_of(std::string_view secret) {
  const crypto::Sha256 hash = crypto::sha256(as_bytes(secret));
  return Bytes(hash.begin(), hash.end());
}

std::string draw_secret(Random& random) {
  std::array<std::byte, 32> bytes{};
  random.fill(bytes);
  return to_base64url(bytes);
}

}  // namespace dayaq::identity::oidc
