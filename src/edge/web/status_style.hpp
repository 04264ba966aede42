// The page's style sheet, inside the page: an edge has no folder of files to serve.
#pragma once

#include <string_view>

namespace dayaq::edge::web {

[[nodiscard]] std::string_view status_style();

}  // namespace dayaq::edge::web
