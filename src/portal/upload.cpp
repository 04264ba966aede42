#include "portal/upload.hpp"

#include <optional>

#include "http/encoding.hpp"

namespace dayaq::portal {
namespace {

constexpr std::size_t parts_max = 32;
constexpr std::size_t boundary_max = 70;  // RFC 2046

std::unexpected<Error> broken(std::string_view why) {
  return fail(ErrorKind::invalid_input, "portal.form", "The form wasn't sent whole. Send it again.",
              std::string(why));
}

/// A parameter of a header's value, `; name=token` or `; name="quoted \" text"`; nullopt if it isn't there.
std::optional<std::string> parameter(std::string_view value, std::string_view wanted) {
  std::size_t at = value.find(';');
  while (at < value.size()) {
    const std::size_t equals = value.find('=', ++at);
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view name = http::trim(value.substr(at, equals - at));
    std::string text;
    at = equals + 1;
    if (at < value.size() && value[at] == '"') {
      for (++at; at < value.size() && value[at] != '"'; ++at) {
        if (value[at] == '\\' && at + 1 < value.size()) ++at;
        text += value[at];
      }
      if (at == value.size()) return std::nullopt;
      at = value.find(';', at);
    } else {
      const std::size_t end = value.find(';', at);
      text = http::trim(value.substr(at, end == std::string_view::npos ? end : end - at));
      at = end;
    }
    if (http::equals_ignoring_case(name, wanted)) return text;
  }
  return std::nullopt;
}

/// Reads a part's head: the lines before the first empty one.
Result<FormPart> read_head(std::string_view head) {
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return broken("a header without a colon");
    if (!http::equals_ignoring_case(line.substr(0, colon), "content-disposition")) continue;
    auto name = parameter(line.substr(colon + 1), "name");
    if (!name) return broken("a part without a name");
    return FormPart{std::move(*name), parameter(line.substr(colon + 1), "filename").value_or(""), {}};
  }
  return broken("a part without content-disposition");
}

}  // namespace

Result<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body) {
  const std::string_view kind = http::trim(content_type.substr(0, content_type.find(';')));
  const auto boundary = parameter(content_type, "boundary");
  if (!http::equals_ignoring_case(kind, "multipart/form-data") || !boundary || boundary->empty() ||
      boundary->size() > boundary_max) {
    return broken("no boundary");
  }
  const std::string delimiter = "\r\n--" + *boundary;
  // The first delimiter may stand at the very start, without the line break that belongs to it.
  const std::string_view opening = std::string_view(delimiter).substr(2);
  if (!body.starts_with(opening)) return broken("no opening delimiter");
  body.remove_prefix(opening.size());
  std::vector<FormPart> parts;
  while (!body.starts_with("--")) {
    if (!body.starts_with("\r\n")) return broken("a delimiter that goes on");
    body.remove_prefix(2);
    if (parts.size() == parts_max)
      return fail(ErrorKind::limit, "portal.form", "The form has too many fields.");
    const std::size_t blank = body.find("\r\n\r\n");
    if (blank == std::string_view::npos) return broken("a part without an end of its head");
    DAYAQ_TRY(FormPart part, read_head(body.substr(0, blank)));
    // The value starts behind the blank line; an empty one is followed by the delimiter at once.
    body.remove_prefix(blank + 4);
    const std::size_t end = body.find(delimiter);
    if (end == std::string_view::npos) return broken("a part without an end");
    part.value = body.substr(0, end);
    body.remove_prefix(end + delimiter.size());
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace dayaq::portal
