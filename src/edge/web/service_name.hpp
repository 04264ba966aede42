// How a service is written: "voice", "messages", "data:education", "tv:all".
#pragma once

#include <string>
#include <string_view>

#include "edge/types.hpp"

namespace dayaq::edge::web {

[[nodiscard]] std::string_view to_string(feed::Benefit benefit);  ///< "voice"
[[nodiscard]] std::string service_name(const Service& service);
/// invalid_input "edge.service".
[[nodiscard]] Result<Service> parse_service(std::string_view text);

/// "mobile:994501234567".
struct LineName {
  LineKind kind = LineKind::mobile;
  std::string_view number;
};
/// invalid_input "edge.subscription". `+` before a mobile number is left out.
[[nodiscard]] Result<LineName> parse_line(std::string_view text);

}  // namespace dayaq::edge::web
