// One text in place of another, everywhere.
#pragma once

#include <string>
#include <string_view>

namespace dayaq {

/// Puts `with` where `what` stands (not empty), from left to right; what was put in isn't looked at again.
void replace_all(std::string& text, std::string_view what, std::string_view with);

}  // namespace dayaq
