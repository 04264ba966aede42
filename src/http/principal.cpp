#include "http/principal.hpp"

#include <fmt/format.h>

#include <array>

namespace dayaq::http {
namespace {

constexpr std::array<std::string_view, scope_count> names{"none",
                                                          "persons:read",
                                                          "persons:write",
                                                          "attestations:write",
                                                          "subscriptions:write",
                                                          "organisations:read",
                                                          "organisations:write",
                                                          "regimes:read",
                                                          "regimes:write",
                                                          "regimes:approve",
                                                          "grants:read",
                                                          "grants:decide",
                                                          "feed:read",
                                                          "audit:read",
                                                          "admin",
                                                          "me:read",
                                                          "clients:write",
                                                          "services:read",
                                                          "services:write",
                                                          "services:publish",
                                                          "cases:read",
                                                          "cases:write"};

}  // namespace

std::string_view to_string(Scope scope) {
  return names[static_cast<std::size_t>(scope)];
}

Result<Scope> parse_scope(std::string_view text) {
  for (std::size_t i = 1; i < names.size(); ++i) {
    if (names[i] == text) return static_cast<Scope>(i);
  }
  std::string known;
  for (std::size_t i = 1; i < names.size(); ++i) known += fmt::format("{}{}", i == 1 ? "" : ", ", names[i]);
  return fail(ErrorKind::invalid_input, "scope.unknown", fmt::format("Use one of these scopes: {}.", known));
}

std::string_view to_string(Assurance assurance) {
  constexpr std::array<std::string_view, 4> levels{"none", "low", "substantial", "high"};
  return levels[static_cast<std::size_t>(assurance)];
}

std::string Principal::actor() const {
  if (organisation.value().empty()) return anonymous() ? "anonymous" : "self";
  // Whoever fetches tokens with an API key is who sends it as it is: nobody is two officials by that.
  if (!client.empty() && key == 0) return fmt::format("org:{}/client:{}", organisation.value(), client);
  return fmt::format("org:{}/key:{}", organisation.value(), key);
}

}  // namespace dayaq::http
