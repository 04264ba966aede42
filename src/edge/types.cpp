#include "edge/types.hpp"

#include <algorithm>

#include "base/siphash.hpp"

namespace dayaq::edge {

std::string_view to_string(LineKind kind) {
  switch (kind) {
    case LineKind::mobile:
      return "mobile";
    case LineKind::fixed:
      return "fixed";
    case LineKind::tv:
      return "tv";
  }
  return "";
}

Result<ServiceIndex> ServiceTable::add(const Service& service) {
  if (const ServiceIndex known = find(service.kind, service.traffic_class); known != no_service) return known;
  if (services_.size() == services_max) {
    return fail(ErrorKind::limit, "edge.services",
                "At most 64 different services may be named in an edge's file: take some out.");
  }
  services_.push_back(service);
  return ServiceIndex(services_.size() - 1);
}

ServiceIndex ServiceTable::find(feed::Benefit kind, std::string_view traffic_class) const {
  const auto at = std::ranges::find_if(services_, [&](const Service& service) {
    return service.kind == kind && service.traffic_class == traffic_class;
  });
  return at == services_.end() ? no_service : ServiceIndex(at - services_.begin());
}

std::uint64_t ServiceTable::covered_by(const feed::BenefitLine& benefit) const {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < services_.size(); ++i) {
    const Service& service = services_[i];
    const bool everything = benefit.kind == feed::Benefit::data && benefit.traffic_class == "all";
    if (service.kind == benefit.kind && (everything || service.traffic_class == benefit.traffic_class)) {
      bits |= std::uint64_t(1) << i;
    }
  }
  return bits;
}

LeaseId lease_id(std::string_view origin, std::string_view session, std::uint64_t part) {
  // Not a secret: every edge of an operator must make the same. Two hashes of 64 bits under different keys.
  std::string text;
  text.reserve(origin.size() + session.size() + 17);
  text.append(origin).append(1, '\0').append(session);
  for (int shift = 0; shift < 64; shift += 8) text.push_back(char(part >> shift & 0xff));
  return {.high = siphash(SipKey{.k0 = 1, .k1 = 1}, text), .low = siphash(SipKey{.k0 = 2, .k1 = 2}, text)};
}

}  // namespace dayaq::edge
