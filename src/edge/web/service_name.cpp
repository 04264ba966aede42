#include "edge/web/service_name.hpp"

#include <array>

namespace dayaq::edge::web {
namespace {

constexpr std::array<std::string_view, 7> benefits{"voice",    "messages", "data", "tv",
                                                   "deferral", "discount", "room"};
constexpr std::array<std::string_view, 3> kinds{"mobile", "fixed", "tv"};

}  // namespace

std::string_view to_string(feed::Benefit benefit) {
  return benefits[std::size_t(benefit)];
}

std::string service_name(const Service& service) {
  std::string name(to_string(service.kind));
  if (!service.traffic_class.empty()) name += ":" + service.traffic_class;
  return name;
}

Result<Service> parse_service(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view name = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  for (std::size_t i = 0; i < 4; ++i) {  // the others aren't asked for one by one
    const auto benefit = feed::Benefit(i);
    const bool named = benefit == feed::Benefit::data || benefit == feed::Benefit::tv;
    if (benefits[i] == kind && named == !name.empty() && name.size() <= 64) {
      return Service{.kind = benefit, .traffic_class = std::string(name)};
    }
  }
  return fail(ErrorKind::invalid_input, "edge.service",
              "Write a service as voice, messages, data:CLASS or tv:PACKAGE.");
}

Result<LineName> parse_line(std::string_view text) {
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (!text.starts_with(kinds[i]) || text.size() <= kinds[i].size() || text[kinds[i].size()] != ':')
      continue;
    LineName line{.kind = LineKind(i), .number = text.substr(kinds[i].size() + 1)};
    if (line.kind == LineKind::mobile && line.number.starts_with('+')) line.number.remove_prefix(1);
    if (!line.number.empty() && line.number.size() <= 128) return line;
  }
  return fail(ErrorKind::invalid_input, "edge.subscription",
              "Write a subscription as mobile:NUMBER, fixed:NUMBER or tv:NUMBER.");
}

}  // namespace dayaq::edge::web
