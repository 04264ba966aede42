#include "edge/web/access.hpp"

#include <mutex>

#include "crypto/sign.hpp"

namespace dayaq::edge::web {

Access::Access(std::string operator_code, std::vector<std::string> tokens)
    : operator_code_(std::move(operator_code)), tokens_(std::move(tokens)) {}

void Access::replace(std::vector<std::string> tokens) {
  const std::unique_lock lock(mutex_);
  tokens_ = std::move(tokens);
}

Result<http::Principal> Access::authenticate(const http::Credentials& credentials) const {
  const std::shared_lock lock(mutex_);
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    if (!crypto::equal_constant_time(as_bytes(tokens_[i]), as_bytes(credentials.token))) continue;
    const auto bit = [](http::Scope scope) { return 1u << unsigned(scope); };
    return http::Principal{.organisation = OrganisationCode(operator_code_),
                           .key = i + 1,
                           .scopes = bit(http::Scope::grants_decide) | bit(http::Scope::feed_read)};
  }
  return fail(ErrorKind::unauthenticated, "auth.token",
              "This token isn't known here. Take one of the edge's token file.");
}

}  // namespace dayaq::edge::web
