#include "services/cases/permit_kinds.hpp"

#include <algorithm>
#include <tuple>

namespace dayaq::services {

std::shared_ptr<const std::vector<PermitKind>> PermitKinds::all() const {
  const std::uint64_t edition = book_.published()->edition;
  const std::lock_guard lock(mutex_);
  if (kinds_ && edition_ == edition) return kinds_;
  std::vector<ServiceHandle> versions = book_.versions();
  std::erase_if(versions, [](const ServiceHandle& one) { return one->published == instant_max; });
  std::ranges::sort(versions, {}, [](const ServiceHandle& one) {
    return std::tuple(one->published, one->service.code.value(), one->service.version);
  });
  std::vector<PermitKind> kinds;
  for (const ServiceHandle& one : versions) {
    for (const Step& step : one->service.steps) {
      if (step.kind != Step::Kind::issue) continue;
      const auto known = std::ranges::find(kinds, step.permit, &PermitKind::code);
      if (known != kinds.end()) {
        known->name = one->service.title;
      } else {
        kinds.push_back(
            {.code = step.permit, .number = std::uint16_t(kinds.size() + 1), .name = one->service.title});
      }
    }
  }
  edition_ = edition;
  kinds_ = std::make_shared<const std::vector<PermitKind>>(std::move(kinds));
  return kinds_;
}

std::uint16_t PermitKinds::number(std::string_view code) const {
  const auto kinds = all();
  const auto found = std::ranges::find(*kinds, code, &PermitKind::code);
  return found == kinds->end() ? std::uint16_t(0) : found->number;
}

}  // namespace dayaq::services
