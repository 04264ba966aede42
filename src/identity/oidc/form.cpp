#include "identity/oidc/form.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "http/encoding.hpp"

namespace dayaq::identity::oidc {
namespace {

constexpr std::size_t fields_max = 64;

std::unexpected<Error> bad(std::string text) {
  return fail(ErrorKind::invalid_input, "oauth.invalid_request", std::move(text));
}

std::optional<std::string> decode(std::string_view text) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  if (spaced.find('%') != std::string::npos) {
    auto decoded = http::percent_decode(spaced);
    if (!decoded) return std::nullopt;
    spaced = std::move(*decoded);
  }
  if (!is_utf8(spaced) || spaced.find('\0') != std::string::npos) return std::nullopt;
  return spaced;
}

}  // namespace

Result<Form> Form::parse(const http::Request& request) {
  std::string_view type = request.header("content-type");
  type = http::trim(type.substr(0, type.find(';')));
  if (!http::equals_ignoring_case(type, "application/x-www-form-urlencoded"))
    return bad("Send the parameters as application/x-www-form-urlencoded.");
  return parse(request.body);
}

Result<Form> Form::parse(std::string_view body) {
  Form out;
  while (!body.empty()) {
    const std::size_t end = body.find('&');
    const std::string_view pair = body.substr(0, end);
    body = end == std::string_view::npos ? std::string_view() : body.substr(end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto name = decode(pair.substr(0, equals));
    auto value = decode(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
    if (!name || !value) return bad("A parameter has a broken escape, or isn't UTF-8.");
    if (value->empty()) continue;
    if (out.has(*name)) return bad("A parameter comes twice.");
    if (out.fields_.size() == fields_max) return bad("There are too many parameters.");
    out.fields_.emplace_back(std::move(*name), std::move(*value));
  }
  return out;
}

std::optional<std::string_view> Form::get(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

Result<std::string_view> Form::required(std::string_view name) const {
  const auto value = get(name);
  if (!value) return bad(fmt::format("The parameter {} is missing.", name));
  return *value;
}

}  // namespace dayaq::identity::oidc
