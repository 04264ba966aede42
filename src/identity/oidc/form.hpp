// The body of a request to an OAuth endpoint: application/x-www-form-urlencoded, each parameter once.
// @see RFC 6749 section 3.2 and appendix B
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/message.hpp"

namespace dayaq::identity::oidc {

class Form {
 public:
  /// invalid_input "oauth.invalid_request": another media type, a parameter twice, broken escapes, over 64
  /// parameters. One without a value counts as left out (section 3.2).
  static Result<Form> parse(const http::Request& request);
  static Result<Form> parse(std::string_view body);

  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return get(name).has_value(); }
  /// invalid_input "oauth.invalid_request" if it is missing.
  [[nodiscard]] Result<std::string_view> required(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace dayaq::identity::oidc
