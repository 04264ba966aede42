// What a form sends with a file: multipart/form-data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace dayaq::portal {

struct FormPart {
  std::string name;
  std::string file_name;   ///< "" for a field that isn't a file, or for a file field left empty
  std::string_view value;  ///< into the body
};

/// The parts of a body in the order they stand. invalid_input "portal.form" if the content type has no
/// boundary or the body isn't whole; limit "portal.form" beyond 32 parts. Names are taken as they stand,
/// quotes resolved; bytes are not checked to be UTF-8. @see RFC 7578, RFC 2046 section 5.1.1
[[nodiscard]] Result<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body);

}  // namespace dayaq::portal
